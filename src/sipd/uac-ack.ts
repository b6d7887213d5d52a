/**
 * The ACK of an accepted INVITE of ours (RFC 3261 section 13.2.2.4): the client's business, unless
 * the client is gone or the call is no longer wanted.
 */
import type { Context, UacTx } from './context.ts';
import type { RequestParts } from './compose.ts';
import { dialogPath, endDialog, sendAck } from './outgoing.ts';
import type { Path } from './path.ts';
import type { Received } from './received.ts';
import { dropOutgoing } from './records.ts';

/** The client owes an ACK; without it the peer would give up in the same moment. */
export function oweAck(ctx: Context, uac: UacTx, patience: number): void {
  const former = ctx.unacked.get(uac.dialogId);
  if (former !== undefined) {
    // A later INVITE of the dialog was accepted before the client acknowledged this one.
    former.watch?.cancel();
    dropOutgoing(ctx, former.id);
  }
  ctx.unacked.set(uac.dialogId, uac);
  if (uac.isOrphaned && acceptForOrphan(ctx, uac)) return;
  uac.watch = ctx.clock.after(patience, () => {
    if (ctx.unacked.get(uac.dialogId) === uac) ackAndEnd(ctx, uac, 'no ACK from the application');
  });
}

/** For a call that nobody will speak on. */
export function ackAndEnd(ctx: Context, uac: UacTx, why: string): void {
  const entry = uac.confirmed;
  acknowledge(ctx, uac, { extra: [], body: '' }, (result) => {
    if (result.ok && entry !== null) endDialog(ctx, entry, why);
  });
}

/**
 * Who changed or cancelled a call has died since. A change that carried an offer is complete with
 * our ACK, and the call goes on; a call that was not wanted any more ends.
 */
export function acceptForOrphan(ctx: Context, uac: UacTx): boolean {
  const isChange = uac.dialog !== null && uac.parts.body !== '';
  if (!isChange && uac.cancel === null) return false;
  acknowledge(ctx, uac, { extra: [], body: '' }, () => undefined);
  return true;
}

export type AckResult = { ok: true; text: string; path: Path } | { ok: false; reason: string };

/** Sends the ACK of an accepted INVITE and remembers it for repetitions of the 2xx. */
export function acknowledge(
  ctx: Context,
  uac: UacTx,
  given: { extra: RequestParts['extra']; body: string },
  done: (result: AckResult) => void,
): void {
  const entry = uac.confirmed;
  ctx.unacked.delete(uac.dialogId);
  uac.watch?.cancel();
  dropOutgoing(ctx, uac.id);
  if (entry === null || entry.isGone) {
    done({ ok: false, reason: 'dialog is gone' });
    return;
  }
  dialogPath(ctx, entry.state, (found) => {
    if (!found.ok) {
      done(found);
      return;
    }
    const text = sendAck(entry.state, found.path, uac.parts.cseq, given.extra, given.body);
    const withSdp = given.body.startsWith('v=0');
    if (withSdp) entry.state.localSdp = given.body;
    entry.state.acked = { cseq: uac.parts.cseq, withSdp };
    ctx.dialogs.touch(entry);
    uac.acks.set(entry.state.remoteTag, { text, path: found.path });
    done({ ok: true, text, path: found.path });
    // RFC 3261 section 9.1: an answer that crossed our CANCEL is hung up.
    if (uac.cancel !== null) endDialog(ctx, entry, 'ACK-BYE: answered after it was cancelled');
  });
}

/**
 * A 2xx to an INVITE whose transaction is forgotten, or was another process's: if it was
 * acknowledged once, that ACK got lost.
 */
export function repeatAck(ctx: Context, response: Received): void {
  const { callId, fromTag, toTag, cseq, message } = response;
  if (cseq.method !== 'INVITE' || message.status < 200 || message.status >= 300) return;
  const state = ctx.dialogs.find(callId, fromTag, toTag)?.state;
  const acked = state?.acked ?? null;
  if (state === undefined || acked?.cseq !== cseq.seq) return;
  const extra = acked.withSdp ? [{ name: 'Content-Type', value: 'application/sdp' }] : [];
  dialogPath(ctx, state, (found) => {
    if (found.ok)
      sendAck(state, found.path, acked.cseq, extra, acked.withSdp ? state.localSdp : '');
  });
}
