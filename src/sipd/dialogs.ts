/**
 * Dialogs (RFC 3261 section 12). What must outlive the process is one plain object (`DialogState`);
 * what belongs to running transactions stands beside it in the entry.
 */
import { MAX_DIALOGS } from './limits.ts';
import type { Proto } from './path.ts';
import type { Timer } from './clock.ts';

export interface SessionTimer {
  intervalSeconds: number;
  /** Who sends the refresh. */
  refresher: 'local' | 'remote';
  /** Milliseconds since 1970. */
  refreshedAt: number;
}

/** Plain and serialisable. */
export interface DialogState {
  /** `<Call-ID>;from-tag=<tag of the initiator>`; forks of one request share it. */
  id: string;
  callId: string;
  localTag: string;
  /** Empty while a SUBSCRIBE waits for the first sign of its peer (RFC 6665 section 4.4.1). */
  remoteTag: string;
  role: 'uas' | 'uac';
  method: string;
  isConfirmed: boolean;
  /** Our own and the peer's address with tag, as they stand in From and To. */
  local: string;
  remote: string;
  localCSeq: number;
  /** -1 until the peer sent a request. */
  remoteCSeq: number;
  /** Remote target URI. */
  target: string;
  /** Route set, in the order in which we send it. */
  routes: string[];
  /** Our Contact value. */
  contact: string;
  proto: Proto;
  listener: string;
  /** Where the peer was seen, if that is better than its Contact. */
  seenAt: { address: string; port: number } | null;
  peerAllowsUpdate: boolean;
  /** What we last offered or answered, for refreshes of our own. */
  localSdp: string;
  /** What the peer last did, for a client that must make its media again. */
  remoteSdp: string;
  sessionTimer: SessionTimer | null;
  /** Id of the client connection it belongs to. */
  owner: string;
  /** SUBSCRIBE dialogs end by themselves: milliseconds since 1970, 0 for INVITE. */
  expiresAt: number;
  /** When it began, milliseconds since 1970. */
  since: number;
  /** Our last ACK of a 2xx: should that come again, so does the ACK. */
  acked: { cseq: number; withSdp: boolean } | null;
}

/** A 2xx to an INVITE that waits for its ACK. */
export interface AwaitedAck {
  inviteTxnId: string;
  stop(): void;
}

export class DialogEntry {
  readonly state: DialogState;
  /** By CSeq of the INVITE. */
  readonly awaitedAcks = new Map<number, AwaitedAck>();
  /** What the client wanted to send but must not before the ACK. */
  readonly waitingForAck: (() => void)[] = [];
  isInviting = false;
  /** Transaction id of the peer's INVITE that waits for our final answer; '' if none does. */
  invitedBy = '';
  isUpdatingWithOffer = false;
  isGone = false;
  sessionAlarm: Timer | null = null;
  /** Last RSeq seen from the peer of an early dialog (RFC 3262 section 4); 0 for none. */
  lastRseq = 0;
  /** CSeq of requests of the peer that have no final answer yet. */
  readonly unanswered = new Set<number>();
  /** When the peer's BYE came; 0 if none did. */
  hungUpAt = 0;
  /** Our client's BYE is on its way. */
  isEnding = false;
  /** Our CSeq as it was last written to the store. */
  keptCSeq = 0;

  /** Forks of the same INVITE, itself included. */
  siblings: Map<string, DialogEntry> | null = null;

  constructor(state: DialogState) {
    this.state = state;
  }
}

export function keyOf(callId: string, localTag: string, remoteTag: string): string {
  return `${callId}|${localTag}|${remoteTag}`;
}

export function dialogId(callId: string, initiatorTag: string): string {
  return `${callId};from-tag=${initiatorTag}`;
}

/** Is told of what must be kept. */
export interface DialogWatch {
  changed(key: string, entry: DialogEntry): void;
  gone(key: string): void;
  removed(entry: DialogEntry): void;
}

export class Dialogs {
  private readonly byKey = new Map<string, DialogEntry>();
  private readonly byId = new Map<string, DialogEntry>();
  private readonly byCallId = new Map<string, DialogEntry>();
  private readonly watch: DialogWatch;

  constructor(watch: DialogWatch) {
    this.watch = watch;
  }

  get size(): number {
    return this.byKey.size;
  }

  get isFull(): boolean {
    return this.byKey.size >= MAX_DIALOGS;
  }

  all(): IterableIterator<DialogEntry> {
    return this.byKey.values();
  }

  add(state: DialogState): DialogEntry {
    const entry = new DialogEntry(state);
    this.byKey.set(keyOf(state.callId, state.localTag, state.remoteTag), entry);
    this.touch(entry);
    const known = this.byId.get(state.id);
    if (known?.state.isConfirmed !== true) this.byId.set(state.id, entry);
    this.byCallId.set(state.callId, entry);
    return entry;
  }

  /** Its state has changed in a way that should survive us. */
  touch(entry: DialogEntry): void {
    const { state } = entry;
    if (entry.isGone) return;
    this.watch.changed(keyOf(state.callId, state.localTag, state.remoteTag), entry);
  }

  /** The entry learnt its remote tag. */
  nameRemote(entry: DialogEntry, remoteTag: string): void {
    const { state } = entry;
    const half = keyOf(state.callId, state.localTag, state.remoteTag);
    this.byKey.delete(half);
    this.watch.gone(half);
    state.remoteTag = remoteTag;
    this.byKey.set(keyOf(state.callId, state.localTag, remoteTag), entry);
    this.touch(entry);
  }

  /** This fork is the one the id means from now on. */
  prefer(entry: DialogEntry): void {
    this.byId.set(entry.state.id, entry);
  }

  find(callId: string, localTag: string, remoteTag: string): DialogEntry | undefined {
    return this.byKey.get(keyOf(callId, localTag, remoteTag));
  }

  findById(id: string): DialogEntry | undefined {
    return this.byId.get(id);
  }

  findByCallId(callId: string): DialogEntry | undefined {
    return this.byCallId.get(callId);
  }

  remove(entry: DialogEntry): void {
    if (entry.isGone) return;
    entry.isGone = true;
    this.watch.removed(entry);
    const { state } = entry;
    const key = keyOf(state.callId, state.localTag, state.remoteTag);
    if (this.byKey.get(key) === entry) {
      this.byKey.delete(key);
      this.watch.gone(key);
    }
    if (this.byId.get(state.id) === entry) this.byId.delete(state.id);
    if (this.byCallId.get(state.callId) === entry) this.byCallId.delete(state.callId);
    for (const awaited of entry.awaitedAcks.values()) awaited.stop();
    entry.awaitedAcks.clear();
    entry.sessionAlarm?.cancel();
    // The ACK will not come any more; whoever asked still deserves an answer.
    for (const send of entry.waitingForAck.splice(0)) send();
  }
}

/** Remembers what a message of the peer says of his media, if it says anything. */
export function hearSdp(entry: DialogEntry, body: string): void {
  if (body.startsWith('v=0')) entry.state.remoteSdp = body;
}
