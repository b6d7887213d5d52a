/**
 * What every part of the SIP edge is given: the world around it, and the one table that says which
 * part owns which dialog. Built once by `edge.ts`.
 */
import type { AcdConfig } from '../config/types.ts';
import type { MediaPort } from '../media/port.ts';
import type { LoadGate } from '../runtime/load.ts';
import type { Runtime } from '../runtime/port.ts';
import type { SipClient } from './client.ts';
import { parseNameAddr } from './headers.ts';
import type { Headers, IncomingRequest, SipLog } from './port.ts';
import type { Renewals } from './renewal.ts';
import type { Trust } from './trust.ts';

export interface EdgeContext {
  readonly config: AcdConfig;
  readonly runtime: Runtime;
  readonly media: MediaPort;
  readonly client: SipClient;
  readonly trust: Trust;
  readonly dialogs: Dialogs;
  readonly renewals: Renewals;
  readonly log: SipLog;
  readonly load: LoadGate;
  /** The SIP server's own addresses, `udp/127.0.0.1:5071`. */
  readonly addresses: () => readonly string[];
}

/** What we speak (RFC 3261 §20.5); in 200 to OPTIONS and INVITE and in every 405. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY, REFER';
export const SDP = 'application/sdp';

/** RFC 4028 §7.1: asks for a session timer, so that a phone that vanished is found out. */
export function sessionTimer({ sessionExpiresMs }: AcdConfig['sip']): Headers {
  if (sessionExpiresMs <= 0) return { Supported: '100rel' };
  return {
    Supported: '100rel, timer',
    'Session-Expires': String(Math.max(90, Math.round(sessionExpiresMs / 1000))),
    'Min-SE': '90',
  };
}

export type DialogOwner = (request: IncomingRequest) => void;

/** Finds out whether a dialog still exists. `isSilent`: asked because no audio comes from there. */
export type Probe = (isSilent: boolean) => void;

/** What a dialog of a call has beside. */
interface InCall {
  readonly leg: string;
  /** Its audio is gone for good: it is to end. */
  readonly lost: () => void;
  /** A 2xx of ours has no ACK yet, as far as we were told. */
  readonly awaitsAck: () => boolean;
  /** The SIP server has that ACK. */
  readonly isAcked: () => void;
}

interface Entry extends InCall {
  readonly owner: DialogOwner;
  readonly probe: Probe;
}

/** Dialogs looked at in one go, and the pause between, when the SIP server came back. */
const PROBES_AT_ONCE = 20;
const PROBE_PAUSE_MS = 50;
/** A drachtio-server does not tell us of the end of these: they are looked at this often. */
const WATCH_MS = 5_000;

const nothing = (): void => undefined;
const NO_CALL: InCall = { leg: '', lost: nothing, awaitsAck: () => false, isAcked: nothing };

/** Owners of dialogs by dialog id. Bounded by what creates dialogs: calls, offers, logins. */
export class Dialogs {
  private readonly entries = new Map<string, Entry>();
  private readonly byLeg = new Map<string, string>();
  /** Those of whose end nobody will tell us, and the timer for the next look at them. */
  private watched = new Map<string, Entry>();
  private watch: NodeJS.Timeout | null = null;

  /** `probe` is called when the SIP server came back, or the leg fell silent. */
  add(dialogId: string, owner: DialogOwner, probe: Probe, call: Partial<InCall> = {}): void {
    const entry = { owner, probe, ...NO_CALL, ...call };
    this.entries.set(dialogId, entry);
    if (entry.leg !== '') this.byLeg.set(entry.leg, dialogId);
  }

  /** Has the dialog of this silent leg look whether it survives; false: there is none. */
  probeLeg(leg: string): boolean {
    const entry = this.entries.get(this.byLeg.get(leg) ?? '');
    entry?.probe(true);
    return entry !== undefined;
  }

  /** Its audio is gone for good: the dialog of this leg is to end. */
  lostLeg(leg: string): void {
    this.entries.get(this.byLeg.get(leg) ?? '')?.lost();
  }

  remove(dialogId: string): void {
    const leg = this.entries.get(dialogId)?.leg ?? '';
    if (this.byLeg.get(leg) === dialogId) this.byLeg.delete(leg);
    this.entries.delete(dialogId);
  }

  /** Has every dialog look whether it survived, a few at a time. */
  probe(ids: string[] = this.ids()): void {
    const next = (): void => {
      for (const id of ids.splice(0, PROBES_AT_ONCE)) this.entries.get(id)?.probe(false);
      if (ids.length > 0) setTimeout(next, PROBE_PAUSE_MS).unref();
    };
    next();
  }

  /**
   * The calls of now are looked at again and again, until they are gone: nobody tells us of their
   * end, as they began with a process, or a connection, that is no more. Subscriptions are not:
   * they begin anew, which is another dialog.
   */
  watchOver(): void {
    this.watched = new Map([...this.entries].filter(([, { leg }]) => leg !== ''));
    if (this.watch !== null) clearTimeout(this.watch);
    this.look();
  }

  private look(): void {
    this.watch = null;
    for (const [id, entry] of this.watched)
      if (this.entries.get(id) !== entry) this.watched.delete(id);
    if (this.watched.size === 0) return;
    this.probe([...this.watched.keys()]);
    this.watch = setTimeout(() => this.look(), WATCH_MS);
    this.watch.unref();
  }

  has(dialogId: string): boolean {
    return this.entries.has(dialogId);
  }

  ids(): string[] {
    return [...this.entries.keys()];
  }

  /** Those in which a 2xx of ours has no ACK yet. */
  unacknowledged(): string[] {
    return this.ids().filter((id) => this.entries.get(id)?.awaitsAck() === true);
  }

  /** The SIP server has the ACK, and could not tell us. */
  acknowledged(dialogId: string): void {
    this.entries.get(dialogId)?.isAcked();
  }

  get size(): number {
    return this.entries.size;
  }

  /**
   * Whose request this is. The server's id says so, as it compared both tags (RFC 3261 §12.2.2).
   * A server may leave it out in what it makes itself, where either tag names the dialog, and in a
   * NOTIFY that overtakes its SUBSCRIBE's 2xx (RFC 6665 §4.4.1), which knows our tag. Anything else
   * without it is of no dialog, however much of one it names: it would be a stranger's.
   */
  ownerOf(request: IncomingRequest): DialogOwner | null {
    const byId = this.entries.get(request.dialogId);
    if (byId !== undefined) return byId.owner;
    const isOwn = request.source === 'server';
    if (!isOwn && request.method !== 'NOTIFY') return null;
    const callId = request.header('Call-ID');
    for (const name of isOwn ? ['To', 'From'] : ['To']) {
      const tag = parseNameAddr(request.header(name))?.params.get('tag');
      const entry = this.entries.get(`${callId};from-tag=${tag ?? ''}`);
      if (entry !== undefined) return entry.owner;
    }
    return null;
  }
}

/** With it: within a dialog (RFC 3261 §12.2.2). */
export function hasToTag(request: IncomingRequest): boolean {
  return /;\s*tag=/i.test(request.header('To'));
}

/** The dialog an INVITE to us will begin, as the SIP server names it (port.ts). */
export function dialogIdFor(request: IncomingRequest): string {
  const tag = parseNameAddr(request.header('From'))?.params.get('tag') ?? '';
  return `${request.header('Call-ID')};from-tag=${tag}`;
}
