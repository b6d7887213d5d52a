/**
 * Legs whose audio is elsewhere than their parties know (an rtpengine died, a port was taken) are
 * renewed by a re-INVITE in their dialogs (RFC 3261 §14.1). Comes in: ids of such legs, from media.
 * Goes out: one re-INVITE a leg, its answer to media; or the end of that one call.
 *
 * - Never while another INVITE of that dialog is under way, of either side: its end is awaited.
 * - 491: the peer has begun one, too. Tried again after the random time that §14.1 lays down.
 * - 500 or 503 with Retry-After, and a connection to the SIP server that was lost: tried again.
 * - No answer, 481, or any other refusal: the party cannot be told, and hears nothing for ever:
 *   the owner ends the call. So does the last of `MAX_TRIES`.
 * - Media that has nowhere to put the leg just now tells it again when it has.
 */
import { TRANSACTION_DEADLINE_MS } from './client.ts';
import type { InviteOutcome, SipClient } from './client.ts';
import { ALLOW, SDP } from './context.ts';
import type { Credentials } from './digest.ts';
import { seconds } from './headers.ts';
import type { MediaPort } from '../media/port.ts';
import { addNewest } from '../shared/newest.ts';
import type { Headers, IncomingResponse, SipLog } from './port.ts';

/** A dialog with a leg, as its owner shows it. */
export interface Renewable {
  readonly leg: string;
  readonly dialogId: string;
  readonly credentials: Credentials | null;
  readonly isClosed: boolean;
  /** An INVITE is under way in the dialog; `settled` is called when it is over. */
  readonly isInviting: boolean;
  /** Did we send the INVITE that began the dialog? */
  readonly isOurs: boolean;
  /** It cannot be renewed: nobody hears anything there. */
  failed(): void;
}

/** Re-INVITEs sent at once, and the pause before the next ones: a thousand in a second. */
const AT_ONCE = 20;
const PAUSE_MS = 20;
/** Tries of one renewal, the first included; then the call is given up. */
const MAX_TRIES = 6;
const LOST_PAUSE_MS = 500;
const LONGEST_RETRY_AFTER_S = 10;
/** Legs told before their dialogs were there; beyond it the oldest is forgotten. */
const EARLY_MAX = 1_000;

type Verdict =
  | { readonly kind: 'done'; readonly sdp: string }
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'failed'; readonly detail: string };

/** RFC 3261 §14.1: between 2.1 and 4 s where the Call-ID is ours, else 0 to 2 s; steps of 10 ms. */
export function glareMs(isOurs: boolean, random: number): number {
  const step = (from: number, to: number): number => from + Math.floor(random * (to - from + 1));
  return (isOurs ? step(210, 400) : step(0, 200)) * 10;
}

/** What an outcome of the re-INVITE means. `random` in [0, 1). */
export function judgeRenewal(outcome: InviteOutcome, isOurs: boolean, random: number): Verdict {
  switch (outcome.kind) {
    case 'answered': {
      const { sdp } = outcome;
      if (sdp !== '') return { kind: 'done', sdp };
      return { kind: 'failed', detail: 'a 200 without SDP' };
    }
    case 'lost':
      return { kind: 'again', afterMs: LOST_PAUSE_MS };
    case 'refused':
      return judgeRefusal(outcome.response, isOurs, random);
    case 'rejected-credentials':
    case 'cancelled':
    case 'no-answer':
    case 'no-dialog':
      return { kind: 'failed', detail: outcome.kind };
  }
}

function judgeRefusal(response: IncomingResponse, isOurs: boolean, random: number): Verdict {
  const { status, reason } = response;
  if (status === 491) return { kind: 'again', afterMs: glareMs(isOurs, random) };
  const after = seconds(response.header('Retry-After'));
  // §14.2: 500 is the answer to an INVITE that came before the former one was answered.
  if ((status === 500 || status === 503) && after !== null) {
    return { kind: 'again', afterMs: Math.min(after, LONGEST_RETRY_AFTER_S) * 1000 };
  }
  return { kind: 'failed', detail: `${status} ${reason}` };
}

interface World {
  readonly media: Pick<MediaPort, 'renew' | 'answered'>;
  readonly client: Pick<SipClient, 'reinvite'>;
  readonly log: SipLog;
  /** For the session timer, which a re-INVITE without it would end (RFC 4028 §7.4); 0: none. */
  readonly sessionExpiresMs: number;
  readonly random?: () => number;
}

export class Renewals {
  private readonly world: World;
  private readonly dialogs = new Map<string, Renewable>();
  /** To be sent, in order. */
  private readonly due = new Set<string>();
  /** Sent, or waiting to be tried again. */
  private readonly busy = new Set<string>();
  /** Sent, and not answered yet. */
  private readonly asked = new Set<string>();
  /** Told once more while they were busy. */
  private readonly stale = new Set<string>();
  private readonly early = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(world: World) {
    this.world = world;
  }

  add(dialog: Renewable): void {
    this.dialogs.set(dialog.leg, dialog);
    if (this.early.delete(dialog.leg)) this.moved([dialog.leg]);
  }

  remove(dialog: Renewable): void {
    if (this.dialogs.get(dialog.leg) !== dialog) return;
    this.dialogs.delete(dialog.leg);
    for (const set of [this.due, this.stale, this.early]) set.delete(dialog.leg);
  }

  /** Media: these parties must be told where their audio is now. */
  moved(legs: readonly string[]): void {
    for (const leg of legs) {
      if (this.busy.has(leg)) this.stale.add(leg);
      else if (this.dialogs.has(leg)) this.due.add(leg);
      else this.remember(leg);
    }
    this.send();
  }

  /** A re-INVITE of ours is under way: an offer of the peer's gets 491 (§14.2). */
  isUnderWay(leg: string): boolean {
    return this.asked.has(leg);
  }

  /** The INVITE that was under way in the dialog is over. */
  settled(leg: string): void {
    if (this.due.has(leg)) this.send();
  }

  private remember(leg: string): void {
    addNewest(this.early, leg, EARLY_MAX);
  }

  private send(): void {
    if (this.timer !== null) return;
    let sent = 0;
    for (const leg of [...this.due]) {
      const dialog = this.dialogs.get(leg);
      if (dialog?.isInviting === true) continue;
      this.due.delete(leg);
      if (dialog === undefined) continue;
      this.busy.add(leg);
      void this.renew(dialog, 1);
      if ((sent += 1) >= AT_ONCE) break;
    }
    if (sent < AT_ONCE) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.send();
    }, PAUSE_MS).unref();
  }

  private async renew(dialog: Renewable, attempt: number): Promise<void> {
    const { media, client, log, random = Math.random } = this.world;
    const { leg, dialogId, credentials, isOurs } = dialog;
    const renewed = await media.renew(leg);
    if (dialog.isClosed) return this.finish(leg);
    if (!renewed.ok) {
      // Nowhere to put it: media tells it again. Unknown: its owner is told by `up`.
      log.warn({ leg, detail: renewed.detail }, 'leg cannot be renewed yet');
      return this.finish(leg);
    }
    if (renewed.sdp === null) return this.finish(leg);
    log.info({ leg, attempt }, 're-INVITE: audio has moved');
    const request = { method: 'INVITE', dialogId, headers: this.headers(), body: renewed.sdp };
    const options = { credentials, deadlineMs: TRANSACTION_DEADLINE_MS };
    this.asked.add(leg);
    const outcome = await client.reinvite(request, options);
    this.asked.delete(leg);
    if (dialog.isClosed) return this.finish(leg);
    const verdict = judgeRenewal(outcome, isOurs, random());
    if (verdict.kind === 'done') return this.agree(dialog, verdict.sdp);
    if (verdict.kind === 'failed') return this.giveUp(dialog, verdict.detail);
    if (attempt >= MAX_TRIES) return this.giveUp(dialog, `${attempt} tries`);
    setTimeout(() => {
      if (dialog.isClosed) this.finish(leg);
      else if (dialog.isInviting) this.postpone(leg);
      else void this.renew(dialog, attempt + 1);
    }, verdict.afterMs).unref();
  }

  private headers(): Headers {
    const { sessionExpiresMs } = this.world;
    const expires = String(Math.max(90, Math.round(sessionExpiresMs / 1000)));
    const timer = sessionExpiresMs > 0 ? { 'Session-Expires': expires, 'Min-SE': '90' } : {};
    return { Allow: ALLOW, Supported: 'timer', 'Content-Type': SDP, ...timer };
  }

  private async agree(dialog: Renewable, sdp: string): Promise<void> {
    const result = await this.world.media.answered(dialog.leg, sdp);
    if (result.ok || dialog.isClosed) return this.finish(dialog.leg);
    this.giveUp(dialog, result.detail);
  }

  private giveUp(dialog: Renewable, detail: string): void {
    this.finish(dialog.leg);
    this.world.log.warn({ leg: dialog.leg, detail }, 'call ended: its audio could not be renewed');
    dialog.failed();
  }

  /** The peer has begun an INVITE in the meantime: after it. */
  private postpone(leg: string): void {
    this.busy.delete(leg);
    this.due.add(leg);
  }

  private finish(leg: string): void {
    this.busy.delete(leg);
    if (this.stale.delete(leg)) this.moved([leg]);
  }
}
