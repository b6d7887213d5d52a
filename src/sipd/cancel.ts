/** A CANCEL from the network: it ends the INVITE of its transaction (RFC 3261 section 9.2). */
import type { Context } from './context.ts';
import { composeResponse } from './compose.ts';
import { networkFrame } from './drachtio-protocol.ts';
import { newTag } from './ids.ts';
import type { Header } from './message.ts';
import { noteEnding } from './outgoing.ts';
import { cancelProxy } from './proxy.ts';
import { serverKey, type Received } from './received.ts';
import { reject } from './refusal.ts';
import type { ServerTx } from './server-tx.ts';
import { answer } from './uas.ts';

export function onCancel(ctx: Context, received: Received, tx: ServerTx): void {
  const inviteTx = ctx.serverTxs.find(serverKey(received, 'INVITE'));
  const pending = inviteTx === undefined ? undefined : ctx.uasByTx.get(inviteTx);
  const proxying = inviteTx === undefined ? undefined : ctx.proxied.get(inviteTx);
  const invite = proxying?.received ?? pending?.received;
  if (inviteTx === undefined || !isOf(received, inviteTx, invite)) {
    reject(received, tx, 481, []);
    return;
  }
  // RFC 3261 section 9.2: the CANCEL succeeds even where it comes too late to have an effect.
  const toTag = pending?.toTag ?? newTag();
  const to = received.toTag === '' ? `${received.to};tag=${toTag}` : received.to;
  const ok = { status: 200, reason: 'OK', to, withRecordRoute: false, extra: [], body: '' };
  tx.respond(200, composeResponse(received.message, ok));
  if (inviteTx.isAnswered) return;
  if (proxying !== undefined) {
    cancelProxy(ctx, proxying);
    return;
  }
  if (pending === undefined) {
    // It was still waiting for a client.
    const terminated = { ...ok, status: 487, reason: 'Request Terminated' };
    const request = { ...received.message, headers: asInvite(received) };
    inviteTx.respond(487, composeResponse(request, terminated));
    return;
  }
  const dialogIdText = pending.dialog === null ? '' : pending.dialogId;
  answer(ctx, pending, { status: 487, reason: '', extra: [], body: '' });
  noteEnding(ctx, pending.owner, pending.dialogId, 'CANCEL');
  const frame = { text: received.text, path: received.path, now: ctx.clock.now() };
  const text = networkFrame({ ...frame, txnId: pending.id, dialogId: dialogIdText });
  ctx.clients.deliver(pending.owner, pending.id, text, () => {
    ctx.log.info(`nobody came for the CANCEL of ${received.callId}`);
  });
}

/**
 * RFC 3261 section 9.1: Call-ID, From and CSeq number are those of the INVITE. Whoever only guessed
 * or overheard a branch cancels nothing.
 */
function isOf(cancel: Received, inviteTx: ServerTx, invite: Received | undefined): boolean {
  const { callId, fromTag, cseq } = cancel;
  if (invite === undefined) {
    return inviteTx.identity.startsWith(`${callId}|${fromTag}|${cseq.seq}|`);
  }
  return invite.callId === callId && invite.fromTag === fromTag && invite.cseq.seq === cseq.seq;
}

/** A CANCEL has all headers of its INVITE that a response repeats, but for the CSeq method. */
function asInvite(received: Received): Header[] {
  return received.message.headers.map((one) =>
    one.name === 'cseq' ? { name: 'cseq', value: `${received.cseq.seq} INVITE` } : one,
  );
}
