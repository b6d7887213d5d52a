/**
 * Answers to requests from the network, a client's or our own: what the response must carry, the
 * dialog it begins or ends, and the 2xx that is repeated until its ACK (RFC 3261 section 13.3.1.4).
 */
import { reliableExtras, type Answer } from './answer.ts';
import type { Context, UasTx } from './context.ts';
import { composeResponse, fillContact, ownContact, reasons } from './compose.ts';
import { hearSdp, type DialogEntry } from './dialogs.ts';
import { networkFrame } from './drachtio-protocol.ts';
import { MAX_QUEUED_RELIABLE, RINGING_MS, T1, T2, T64 } from './limits.ts';
import type { Header } from './message.ts';
import { composeRequest } from './compose.ts';
import { endDialog, noteEnding } from './outgoing.ts';
import { dropIncoming, keepAnswer } from './records.ts';
import { sendReliably, settle } from './reliable.ts';
import { answerSession, armSession } from './session-timer.ts';
import { beginUasDialog, endsSubscription, refreshTarget, subscriptionEnd } from './uas-dialogs.ts';

function has(extra: Header[], name: string): boolean {
  return extra.some((one) => one.name.toLowerCase() === name);
}

/** Is this a request whose acceptance begins a dialog we keep? */
function beginsDialog(uas: UasTx): boolean {
  const { method } = uas.received.message;
  return !uas.isInDialog && (method === 'INVITE' || method === 'SUBSCRIBE');
}

function contactFor(uas: UasTx, status: number, extra: Header[]): Header[] {
  const { method } = uas.received.message;
  const { path } = uas.received;
  for (const one of extra) {
    if (one.name.toLowerCase() === 'contact') one.value = fillContact(one.value, path);
  }
  const isDialogMethod = method === 'INVITE' || method === 'SUBSCRIBE' || method === 'UPDATE';
  const isWanted = isDialogMethod && status > 100 && status < 300;
  if (!isWanted || has(extra, 'contact')) return [];
  return [{ name: 'Contact', value: uas.dialog?.state.contact ?? ownContact(path) }];
}

/**
 * Sends a response. The caller has checked that the transaction still waits for one.
 * @returns the text as sent
 */
export function answer(ctx: Context, uas: UasTx, given: Answer): string {
  const { status } = given;
  const { message } = uas.received;
  ctx.unheard.delete(uas);
  const extra = [...given.extra];
  extra.push(...contactFor(uas, status, extra));
  const isOk = status >= 200 && status < 300;
  const isSession = isOk && (message.method === 'INVITE' || message.method === 'UPDATE');
  const session = isSession ? answerSession(message, extra, ctx.clock.now()) : null;
  if (session !== null) extra.push(...session.extra);
  const reliable = reliableExtras(uas, given, extra);
  const isSdp = given.body.startsWith('v=0');
  if (isSdp && !has(extra, 'content-type')) {
    extra.push({ name: 'Content-Type', value: 'application/sdp' });
  }
  const toTag = uas.received.toTag;
  const text = composeResponse(message, {
    status,
    reason: given.reason === '' ? (reasons[status] ?? 'Unknown') : given.reason,
    to: toTag === '' && status > 100 ? `${uas.received.to};tag=${uas.toTag}` : uas.received.to,
    withRecordRoute: beginsDialog(uas) && status > 100 && status < 300,
    extra,
    body: given.body,
  });
  if (isOk) ctx.bindings.learn(message, extra, uas.received.path);
  const entry = keepDialog(ctx, uas, status, extra);
  if (entry !== null && status > 100) ctx.dialogs.touch(entry);
  if (entry !== null && isSdp && message.method !== 'PRACK') entry.state.localSdp = given.body;
  if (entry !== null && isSession) hearSdp(entry, message.body);
  if (entry !== null && session !== null) armSession(ctx, entry, session.timer);
  if (reliable !== null) {
    if (entry !== null) ctx.reliables.set(entry, uas);
    const response = { status, text, rseq: reliable, hasBody: given.body !== '' };
    inOrder(uas, () => {
      sendReliably(ctx, uas, response, () => {
        prackLost(ctx, uas);
      });
    });
  } else if (isOk && message.method === 'INVITE' && uas.reliable?.hasBody === true) {
    // RFC 3262 section 3: no 2xx before the PRACK for a provisional that carried SDP.
    uas.queued.push(() => {
      transmit(ctx, uas, status, text, entry);
    });
  } else {
    transmit(ctx, uas, status, text, entry);
  }
  watchOver(ctx, uas, status);
  return text;
}

function inOrder(uas: UasTx, send: () => void): void {
  if (uas.reliable === null) send();
  else if (uas.queued.length < MAX_QUEUED_RELIABLE) uas.queued.push(send);
}

/** After a PRACK: whatever waited for it. */
export function sendQueued(uas: UasTx): void {
  while (uas.reliable === null) {
    const next = uas.queued.shift();
    if (next === undefined) return;
    next();
  }
}

function prackLost(ctx: Context, uas: UasTx): void {
  if (uas.queued.length > 0) {
    sendQueued(uas);
    return;
  }
  // RFC 3262 section 3: the request is to be rejected with a 5xx.
  if (uas.tx.isAnswered) return;
  answer(ctx, uas, { status: 504, reason: '', extra: [], body: '' });
  tellCancelled(ctx, uas, 'PRACK timeout');
}

/** Begins, confirms, changes or ends the dialog as the response demands. */
function keepDialog(ctx: Context, uas: UasTx, status: number, extra: Header[]): DialogEntry | null {
  const { message, path } = uas.received;
  const isOk = status >= 200 && status < 300;
  // Only an INVITE has early dialogs.
  if (
    beginsDialog(uas) &&
    status < 300 &&
    (isOk || (message.method === 'INVITE' && status > 100))
  ) {
    const contact = extra.find((one) => one.name.toLowerCase() === 'contact')?.value ?? '';
    uas.dialog ??= beginUasDialog(ctx, uas, contact);
    const entry = uas.dialog;
    if (message.method === 'INVITE') entry.invitedBy = isOk ? '' : uas.id;
    if (isOk) {
      entry.state.isConfirmed = true;
      entry.state.contact = contact;
      if (message.method === 'SUBSCRIBE') {
        const headers = extra.map((one) => ({ ...one, name: one.name.toLowerCase() }));
        const promised = has(extra, 'expires') ? { ...message, headers } : message;
        entry.state.expiresAt = subscriptionEnd(promised, ctx.clock.now());
      }
    }
    return entry;
  }
  const entry = uas.dialog;
  if (entry === null) return null;
  if (status >= 200 && message.method === 'INVITE') entry.invitedBy = '';
  if (status >= 300 && beginsDialog(uas)) ctx.dialogs.remove(entry);
  // RFC 3261 section 15.1.2: 481, its owner knows nothing of it any more, and we need not either.
  // Of a NOTIFY the phone, too, forgets the subscription then (RFC 6665 section 4.2.2).
  const ofSubscription = entry.state.method === 'SUBSCRIBE';
  const isDisowned = status === 481 && message.method === 'NOTIFY' && ofSubscription;
  const isOver = isDisowned || (message.method === 'BYE' && (isOk || status === 481));
  if (isOver && uas.isInDialog) ctx.dialogs.remove(entry);
  if (!isOk || !uas.isInDialog || isOver) return entry;
  if (endsSubscription(entry, message)) ctx.dialogs.remove(entry);
  else refreshTarget(entry, message, path);
  if (ofSubscription && (message.method === 'NOTIFY' || message.method === 'SUBSCRIBE')) {
    entry.state.expiresAt = subscriptionEnd(message, ctx.clock.now());
  }
  return entry;
}

function transmit(
  ctx: Context,
  uas: UasTx,
  status: number,
  text: string,
  entry: DialogEntry | null,
): void {
  if (status >= 200) settle(uas);
  // A refusal (a CANCEL came) leaves nothing to be sent after a PRACK.
  if (status >= 300) uas.queued = [];
  if (status >= 200) uas.dialog?.unanswered.delete(uas.received.cseq.seq);
  const isOk = status >= 200 && status < 300;
  const isAccepted = isOk && uas.received.message.method === 'INVITE';
  if (isAccepted && entry !== null) {
    keepAnswer(ctx, { id: uas.id, text, since: ctx.clock.now() });
    // A caller who has our answer must never meet a next process without his call.
    ctx.keep.flush();
  }
  uas.tx.respond(status, text);
  if (isAccepted && entry !== null) {
    awaitAck(ctx, uas, entry, text, T64 - 1);
  }
}

/** RFC 3261 section 13.3.1.4: the 2xx is repeated, on any transport, until the ACK arrives. */
export function awaitAck(
  ctx: Context,
  uas: UasTx,
  entry: DialogEntry,
  text: string,
  patience: number,
): void {
  const cseq = uas.received.cseq.seq;
  if (!uas.isInDialog) ctx.unproven.add(entry, uas.received.path.address);
  let wait = T1;
  const repeat = (): void => {
    uas.tx.sendAgain(text);
    wait = Math.min(wait * 2, T2);
    resend = ctx.clock.after(wait, repeat);
  };
  let resend = ctx.clock.after(wait, repeat);
  const giveUp = ctx.clock.after(patience, () => {
    entry.awaitedAcks.get(cseq)?.stop();
    entry.awaitedAcks.delete(cseq);
    const waiting = entry.waitingForAck.splice(0);
    if (waiting.length > 0) for (const send of waiting) send();
    else endDialog(ctx, entry, 'ACK timeout');
  });
  entry.awaitedAcks.set(cseq, {
    inviteTxnId: uas.id,
    stop: () => {
      resend.cancel();
      giveUp.cancel();
      dropIncoming(ctx, uas.id);
    },
  });
}

/** Every request that waits has a deadline. */
export function watchOver(ctx: Context, uas: UasTx, status: number): void {
  if (status >= 200) {
    uas.watch?.cancel();
    ctx.uas.delete(uas.id);
    if (status >= 300 || uas.dialog === null) dropIncoming(ctx, uas.id);
    return;
  }
  if (uas.received.message.method !== 'INVITE') return;
  uas.watch?.cancel();
  uas.watch = ctx.clock.after(RINGING_MS, () => {
    if (uas.tx.isAnswered) return;
    answer(ctx, uas, { status: 480, reason: '', extra: [], body: '' });
    tellCancelled(ctx, uas, 'no answer in time');
  });
}

/** Tells the client, as a CANCEL would, that its answer is no longer wanted. */
export function tellCancelled(ctx: Context, uas: UasTx, why: string): void {
  const { received } = uas;
  const text = composeRequest({
    method: 'CANCEL',
    uri: received.message.uri,
    via: received.message.headers.find((one) => one.name === 'via')?.value ?? '',
    maxForwards: '70',
    routes: [],
    from: received.from,
    to: received.to,
    callId: received.callId,
    cseq: received.cseq.seq,
    extra: [{ name: 'Reason', value: `SIP;cause=480;text="${why}"` }],
    body: '',
  });
  const now = ctx.clock.now();
  const dialogId = uas.dialog === null ? '' : uas.dialogId;
  noteEnding(ctx, uas.owner, uas.dialogId, why);
  const frame = networkFrame({ text, path: received.path, now, txnId: uas.id, dialogId });
  ctx.clients.deliver(uas.owner, uas.id, frame, () => {
    ctx.log.info(`nobody came to hear of the end of ${received.callId}`);
  });
}
