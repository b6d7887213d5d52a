/**
 * Takes over what an earlier process left in the store: dialogs with their tags, numbers, routes
 * and timers, INVITEs under way, answers whose ACK is missing. Everything waits, as after the
 * death of a client, for the client that comes back.
 */
import { composeRequest, composeResponse } from './compose.ts';
import type { Context, UacTx, UasTx } from './context.ts';
import type { DialogEntry } from './dialogs.ts';
import type { Ending } from './endings.ts';
import { watchInvite } from './incoming.ts';
import { PROCEEDING_MS, STORE_STALE_MS, T2, T64 } from './limits.ts';
import { endDialog, rejectionAck } from './outgoing.ts';
import type { Path, Proto } from './path.ts';
import { admit, serverKey, type Received } from './received.ts';
import { replyTo } from './refusal.ts';
import {
  CSEQ_JUMP,
  keepAnswer,
  keepIncoming,
  keepOutgoing,
  type AnswerRecord,
  type DialogRecord,
  type IncomingRecord,
  type OutgoingRecord,
  type Place,
} from './records.ts';
import { armSession } from './session-timer.ts';
import { acknowledge, oweAck } from './uac-ack.ts';
import { sendCancel } from './uac-cancel.ts';
import { failLocally, userOf } from './uac.ts';
import { awaitAck } from './uas.ts';

/** A way to a peer that a former process spoke to; sockets are found when they are needed. */
class RestoredPath implements Path {
  readonly proto: Proto;
  readonly reliable: boolean;
  readonly address: string;
  readonly port: number;
  readonly listener: string;
  private readonly ctx: Context;
  private readonly mayConnect: boolean;

  /** @param mayConnect false for a connection that the peer had opened */
  constructor(ctx: Context, place: Place, mayConnect: boolean) {
    this.ctx = ctx;
    this.proto = place.proto;
    this.reliable = place.proto === 'tcp';
    this.address = place.address;
    this.port = place.port;
    this.listener = place.listener;
    this.mayConnect = mayConnect;
  }

  private find(): Path | null {
    const { transports } = this.ctx;
    if (this.proto === 'tcp' && !this.mayConnect)
      return transports.openTcp(this.address, this.port);
    return transports.pathTo(this.proto, this.address, this.port, this.listener);
  }

  get ownHost(): string {
    return this.isOpen() ? (this.find()?.ownHost ?? '') : this.boundAddress;
  }

  get ownPort(): number {
    return this.boundPort;
  }

  get boundAddress(): string {
    return this.listener.slice(0, this.listener.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  }

  get boundPort(): number {
    return Number(this.listener.slice(this.listener.lastIndexOf(':') + 1));
  }

  isOpen(): boolean {
    const { transports } = this.ctx;
    return this.proto === 'udp' || transports.openTcp(this.address, this.port) !== null;
  }

  send(text: string, onError?: (reason: string) => void): void {
    const path = this.find();
    if (path === null) onError?.('connection closed');
    else path.send(text, onError);
  }
}

export interface Restored {
  dialogs: number;
  calls: number;
  /** What goes out as soon as the sockets are bound. */
  begin: (() => void)[];
}

interface Restoring extends Restored {
  ctx: Context;
  entries: Map<string, DialogEntry>;
  answers: Map<string, AnswerRecord>;
}

function restoreDialog(one: Restoring, key: string, record: DialogRecord): void {
  const { ctx } = one;
  const { state } = record;
  // Stores of former versions do not have it.
  state.remoteSdp ??= '';
  const now = ctx.clock.now();
  if (state.expiresAt > 0 && state.expiresAt < now) return;
  state.owner = ctx.clients.restoreOrphan(state.owner);
  // Not every number we used was written (RFC 3261 section 12.2.1.1 lets them leap).
  state.localCSeq += CSEQ_JUMP;
  const entry = ctx.dialogs.add(state);
  entry.lastRseq = record.lastRseq;
  entry.hungUpAt = record.hungUpAt;
  entry.isEnding = record.isEnding;
  one.entries.set(key, entry);
  one.dialogs += 1;
  if (state.isConfirmed) armSession(ctx, entry, state.sessionTimer);
  if (record.isEnding || record.hungUpAt > 0) {
    const why = record.isEnding ? 'hung up' : 'BYE';
    ctx.endings.note({ dialogId: state.id, at: record.hungUpAt || now, why });
    one.begin.push(() => {
      endDialog(ctx, entry, why);
    });
  }
}

function receivedAgain(text: string, path: Path): Received | null {
  const admission = admit(text, path, null);
  return admission.kind === 'sound' ? admission.received : null;
}

function restoreIncoming(one: Restoring, record: IncomingRecord): void {
  const { ctx } = one;
  const received = receivedAgain(record.text, new RestoredPath(ctx, record.place, false));
  if (received === null) return;
  received.ground = record.ground ?? null;
  const { callId, fromTag, toTag, cseq } = received;
  const reliable = record.place.proto === 'tcp';
  const tx = ctx.serverTxs.add(serverKey(received, 'INVITE'), true, {
    reliable,
    send: (text) => {
      replyTo(ctx, received).send(text);
    },
  });
  const dialog = ctx.dialogs.find(callId, toTag === '' ? record.toTag : toTag, fromTag) ?? null;
  const uas: UasTx = {
    id: record.id,
    received,
    tx,
    owner: ctx.clients.restoreOrphan(record.kin),
    since: record.since,
    isGiven: true,
    toTag: record.toTag,
    dialogId: `${callId};from-tag=${record.isInDialog ? '' : fromTag}`,
    dialog,
    isInDialog: record.isInDialog,
    watch: null,
    lastRseq: record.lastRseq,
    reliable: null,
    queued: [],
  };
  if (record.isInDialog) uas.dialogId = dialog?.state.id ?? uas.dialogId;
  ctx.uasByTx.set(tx, uas);
  one.calls += 1;
  const accepted = one.answers.get(record.id);
  if (dialog !== null) dialog.state.remoteCSeq = Math.max(dialog.state.remoteCSeq, cseq.seq);
  keepIncoming(ctx, uas);
  if (accepted !== undefined && dialog !== null) {
    tx.resume('', true);
    keepAnswer(ctx, accepted);
    const patience = Math.max(accepted.since + T64 - ctx.clock.now(), 2 * T2);
    awaitAck(ctx, uas, dialog, accepted.text, patience);
    return;
  }
  const trying = { status: 100, reason: 'Trying', withRecordRoute: false, extra: [], body: '' };
  tx.resume(composeResponse(received.message, { ...trying, to: received.to }), false);
  ctx.uas.set(uas.id, uas);
  if (dialog !== null) {
    dialog.invitedBy = uas.id;
    if (uas.isInDialog) dialog.unanswered.add(cseq.seq);
  }
  watchInvite(ctx, uas);
}

function restoreOutgoing(one: Restoring, record: OutgoingRecord): void {
  const { ctx } = one;
  const { id, since, parts, branch, dialogId, hasProvisional, cancel, last } = record;
  const path = new RestoredPath(ctx, record.place, true);
  const forks = new Map<string, DialogEntry>();
  if (record.inside === '') {
    for (const entry of one.entries.values()) {
      if (entry.state.id !== dialogId) continue;
      forks.set(entry.state.remoteTag, entry);
      entry.siblings = forks;
    }
  }
  const dialog = one.entries.get(record.inside) ?? null;
  // Its dialog did not survive; nothing can come of it.
  if (record.inside !== '' && dialog === null) return;
  if (record.accepted !== '' && !one.entries.has(record.accepted)) return;
  const uac: UacTx = {
    id,
    owner: ctx.clients.restoreOrphan(record.kin),
    since,
    isOrphaned: true,
    last,
    parts,
    branch,
    path,
    tx: null,
    dialogId,
    dialog,
    forks,
    confirmed: one.entries.get(record.accepted) ?? null,
    acks: new Map(),
    hasProvisional,
    hasFinal: record.accepted !== '',
    cancel,
    onCancelTimeout: () => {
      failLocally(ctx, uac, 487, '');
    },
    echoedAt: 0,
    late: [],
    watch: null,
  };
  one.calls += 1;
  keepOutgoing(ctx, uac);
  if (uac.hasFinal) {
    const isOver = uac.confirmed?.isEnding === true || uac.confirmed?.hungUpAt !== 0;
    // The ACK before the BYE that is about to go out.
    one.begin.unshift(() => {
      if (isOver) acknowledge(ctx, uac, { extra: [], body: '' }, () => undefined);
      else oweAck(ctx, uac, T64);
    });
    return;
  }
  ctx.uac.set(id, uac);
  if (dialog !== null) dialog.isInviting = true;
  one.begin.push(() => {
    goOn(ctx, uac, path);
  });
}

/** An INVITE that nothing answered is repeated, one that rings rings on, a CANCEL is repeated. */
function goOn(ctx: Context, uac: UacTx, path: Path): void {
  const { parts, branch, cancel, hasProvisional } = uac;
  const text = composeRequest(parts);
  const request = { branch, method: 'INVITE', text, path, ackFor: rejectionAck(parts) };
  uac.tx = ctx.clientTxs.resume(request, userOf(ctx, uac, path), hasProvisional);
  if (cancel !== null) {
    uac.cancel = null;
    sendCancel(ctx, uac, cancel.extra);
  } else if (hasProvisional) {
    uac.watch = ctx.clock.after(PROCEEDING_MS, () => {
      sendCancel(ctx, uac, []);
    });
  }
}

/** When the store was last written, give or take half a minute; null if it does not say. */
function lastSign(records: Map<string, string>): number | null {
  const at = Number(records.get('t'));
  return Number.isFinite(at) ? at : null;
}

/** Fills the empty tables. Records of a shape unknown are left out, and counted in the log. */
export function restore(ctx: Context, records: Map<string, string>): Restored {
  const one: Restoring = {
    ctx,
    entries: new Map(),
    answers: new Map(),
    dialogs: 0,
    calls: 0,
    begin: [],
  };
  const sign = lastSign(records);
  // The machine's clock may have been set back since: what the store has of times stays past.
  if (sign !== null) ctx.clock.atLeast(sign);
  if (sign !== null && ctx.clock.now() - sign > STORE_STALE_MS) {
    ctx.log.warn('store: its calls are long over; started empty');
    return one;
  }
  let bad = 0;
  const each = (kind: string, take: (value: never, key: string) => void): void => {
    for (const [key, json] of records) {
      if (!key.startsWith(`${kind}|`) && key !== kind) continue;
      try {
        take(JSON.parse(json) as never, key.slice(kind.length + 1));
      } catch (error) {
        if (bad === 0) ctx.log.warn(`store: ${key} left out: ${String(error)}`);
        bad += 1;
      }
    }
  };
  each('v', (verbs: string[]) => {
    ctx.clients.restoreWanted(verbs);
    ctx.keep.mark('v', () => ctx.clients.wanted());
  });
  each('e', (ending: Ending) => {
    ctx.endings.note(ending);
  });
  each('d', (record: DialogRecord, key) => {
    restoreDialog(one, key, record);
  });
  each('a', (record: AnswerRecord) => {
    one.answers.set(record.id, record);
  });
  each('i', (record: IncomingRecord) => {
    restoreIncoming(one, record);
  });
  each('o', (record: OutgoingRecord) => {
    restoreOutgoing(one, record);
  });
  dropStrays(one);
  if (one.dialogs + one.calls > 0) ctx.restoredAt = ctx.clock.now();
  if (bad > 1) ctx.log.warn(`store: ${bad} records left out`);
  return one;
}

/** Early dialogs whose INVITE is not under way any more have nobody who would end them. */
function dropStrays(one: Restoring): void {
  const { ctx } = one;
  const inviting = new Set([...ctx.uac.values()].map((uac) => uac.dialogId));
  for (const entry of one.entries.values()) {
    const { state } = entry;
    if (state.isConfirmed || state.method !== 'INVITE') continue;
    if (entry.invitedBy === '' && !inviting.has(state.id)) ctx.dialogs.remove(entry);
  }
}
