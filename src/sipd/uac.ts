/**
 * Requests of clients, from the first byte on the wire to the last answer: what the client is told
 * and in which order, the dialogs that answers begin, and the forks nobody asked for.
 */
import type { ClientTxUser } from './client-tx.ts';
import type { Context, UacTx } from './context.ts';
import { composeRequest, ownContact, reasons, type RequestParts } from './compose.ts';
import { dialogId, hearSdp, type DialogEntry, type DialogState } from './dialogs.ts';
import { networkFrame, requestEcho } from './drachtio-protocol.ts';
import { leadingNumber, lists, splitLists, tagOf } from './headers.ts';
import { newUuid } from './ids.ts';
import { ECHO_GAP_MS, MAX_FORKS, PROCEEDING_MS, T64 } from './limits.ts';
import { header, headerValues, type SipMessage } from './message.ts';
import { dialogPath, noteEnding, rejectionAck, sendAck, sendOwn, unsubscribe } from './outgoing.ts';
import type { Path } from './path.ts';
import type { Received } from './received.ts';
import { dropOutgoing, keepOutgoing } from './records.ts';
import { armSession, sessionOfResponse } from './session-timer.ts';
import { oweAck } from './uac-ack.ts';
import { sendCancel } from './uac-cancel.ts';
import {
  contactUri,
  endsSubscription,
  refreshTargetBy2xx,
  seenAtOfResponse,
  subscriptionEnd,
} from './uas-dialogs.ts';

/** RFC 3261 sections 21.4.2 and 21.4.8, RFC 4028 section 6. */
const CHALLENGES = new Set([401, 407, 422]);

export interface Launch {
  owner: string;
  rid: string;
  parts: RequestParts;
  branch: string;
  /** Null: there is nowhere to send it, the answer is `failure`. */
  path: Path | null;
  failure: { status: number; reason: string } | null;
  entry: DialogEntry | null;
  /** Waits for this before it leaves (a BYE before the ACK); null to send at once. */
  holdUntil: ((send: () => void) => void) | null;
}

/** Sends the echo and then the request: the client must know the transaction before any answer. */
export function launch(ctx: Context, one: Launch, reply: (frame: string) => void): UacTx {
  const { parts, path, entry } = one;
  const begins = entry === null && (parts.method === 'INVITE' || parts.method === 'SUBSCRIBE');
  const localTag = tagOf(parts.from);
  const uac: UacTx = {
    id: newUuid(),
    owner: one.owner,
    since: ctx.clock.now(),
    isOrphaned: false,
    last: '',
    parts,
    branch: one.branch,
    path,
    tx: null,
    dialogId: entry?.state.id ?? (begins ? dialogId(parts.callId, localTag) : ''),
    // What never leaves must not clear the marks of what did.
    dialog: one.failure === null ? entry : null,
    forks: new Map(),
    confirmed: null,
    acks: new Map(),
    hasProvisional: false,
    hasFinal: false,
    cancel: null,
    onCancelTimeout: () => {
      failLocally(ctx, uac, 487, '');
    },
    watch: null,
    echoedAt: ctx.clock.now(),
    late: [],
  };
  ctx.uac.set(uac.id, uac);
  if (begins) ctx.endings.forget(uac.dialogId);
  const text = composeRequest(parts);
  const isSent = path !== null && one.failure === null && one.holdUntil === null;
  const echo = { text, path, now: ctx.clock.now(), txnId: uac.id, dialogId: '', isSent };
  reply(requestEcho(one.rid, echo));
  if (path === null || one.failure !== null) {
    const failure = one.failure ?? { status: 503, reason: 'DNS Error' };
    failLocally(ctx, uac, failure.status, failure.reason);
    return uac;
  }
  markSent(ctx, entry, parts);
  keepOutgoing(ctx, uac);
  // No phone may ring for a call that the next process has not heard of.
  if (parts.method === 'INVITE') ctx.keep.flush();
  if (begins && parts.method === 'SUBSCRIBE') {
    uac.forks.set('', ctx.dialogs.add(dialogOfRequest(ctx, uac, path, '')));
  }
  const send = (): void => {
    start(ctx, uac, path, text);
  };
  if (one.holdUntil === null) send();
  else one.holdUntil(send);
  return uac;
}

function markSent(ctx: Context, entry: DialogEntry | null, parts: RequestParts): void {
  if (entry === null) return;
  if (parts.method === 'INVITE') entry.isInviting = true;
  if (parts.method === 'UPDATE' && parts.body !== '') entry.isUpdatingWithOffer = true;
  if (parts.body.startsWith('v=0')) entry.state.localSdp = parts.body;
  if (parts.method === 'BYE') entry.isEnding = true;
  if (parts.method === 'BYE' || parts.body !== '') ctx.dialogs.touch(entry);
}

function start(ctx: Context, uac: UacTx, path: Path, text: string): void {
  const { method } = uac.parts;
  const request = { branch: uac.branch, method, text, path, ackFor: rejectionAck(uac.parts) };
  uac.tx = ctx.clientTxs.start(request, userOf(ctx, uac, path));
}

/** What its transaction tells a request. */
export function userOf(ctx: Context, uac: UacTx, path: Path): ClientTxUser {
  const { method } = uac.parts;
  return {
    onResponse: (response) => {
      onResponse(ctx, uac, response);
    },
    onTimeout: () => {
      ctx.names.avoid(path.address, path.port);
      failLocally(ctx, uac, 408, '');
    },
    onTransportError: (reason) => {
      ctx.names.avoid(path.address, path.port);
      ctx.log.info(`${method} to ${path.address}:${path.port} failed: ${reason}`);
      // Nobody is there, which is another thing than that nobody can be reached.
      const isRefused = path.reliable && reason.includes('ECONNREFUSED');
      failLocally(ctx, uac, 503, isRefused ? 'Connection Refused' : '');
    },
  };
}

/** Gives the client a response that no network ever saw. */
export function failLocally(ctx: Context, uac: UacTx, status: number, reason: string): void {
  if (uac.hasFinal) return;
  const { parts } = uac;
  const text =
    `SIP/2.0 ${status} ${reason === '' ? (reasons[status] ?? 'Unknown') : reason}\r\n` +
    `Via: ${parts.via}\r\nFrom: ${parts.from}\r\nTo: ${parts.to}\r\nCall-ID: ${parts.callId}\r\n` +
    `CSeq: ${parts.cseq} ${parts.method}\r\nContent-Length: 0\r\n\r\n`;
  finish(ctx, uac, status, null);
  deliver(ctx, uac, text, null);
}

/**
 * drachtio-srf hands out a request and reads all frames of one chunk in the same turn; a program
 * that awaits the request first would miss a response that follows at once. So answers to single
 * requests, and those made here, keep a distance from the echo.
 */
function deliver(ctx: Context, uac: UacTx, text: string, path: Path | null): void {
  const wait = uac.echoedAt + ECHO_GAP_MS - ctx.clock.now();
  if (uac.late.length > 0) {
    uac.late.push({ text, path });
  } else if (wait <= 0 || (uac.dialogId !== '' && path !== null)) {
    deliverNow(ctx, uac, text, path);
  } else {
    uac.late.push({ text, path });
    ctx.clock.after(wait, () => {
      for (const one of uac.late.splice(0)) deliverNow(ctx, uac, one.text, one.path);
    });
  }
}

function deliverNow(ctx: Context, uac: UacTx, text: string, path: Path | null): void {
  const now = ctx.clock.now();
  const frame = networkFrame({ text, path, now, txnId: uac.id, dialogId: uac.dialogId });
  ctx.clients.deliver(uac.owner, uac.dialogId === '' ? uac.id : uac.dialogId, frame, () => {
    ctx.log.info(`nobody came for a response to ${uac.parts.method} ${uac.parts.callId}`);
  });
}

function onResponse(ctx: Context, uac: UacTx, response: Received): void {
  const { status } = response.message;
  if (status < 200) onProvisional(ctx, uac, response);
  else if (status < 300 && uac.parts.method === 'INVITE') onAccepted(ctx, uac, response);
  else if (!uac.hasFinal) {
    finish(ctx, uac, status, response);
    deliver(ctx, uac, response.text, response.path);
  }
}

function onProvisional(ctx: Context, uac: UacTx, response: Received): void {
  const { message, toTag } = response;
  if (!uac.hasProvisional) keepOutgoing(ctx, uac);
  uac.hasProvisional = true;
  // After a CANCEL its own deadline counts, however often the peer says that it is trying.
  if (uac.parts.method === 'INVITE' && uac.cancel?.isSent !== true) {
    uac.watch?.cancel();
    uac.watch = ctx.clock.after(PROCEEDING_MS, () => {
      // Timer C (RFC 3261 section 16.6) for a user agent: nothing rings for ever.
      sendCancel(ctx, uac, []);
    });
  }
  if (uac.cancel !== null && !uac.cancel.isSent) sendCancel(ctx, uac, uac.cancel.extra);
  if (message.status === 100) return;
  uac.last = response.text;
  if (uac.parts.method === 'INVITE' && toTag !== '' && uac.dialog === null) {
    const fork = uac.forks.get(toTag) ?? ringingFork(ctx, uac, response);
    if (fork === null) return;
    if (!isNextReliable(fork, message)) return;
    if (fork.lastRseq !== 0) {
      ctx.dialogs.prefer(fork);
      ctx.dialogs.touch(fork);
    }
  }
  deliver(ctx, uac, response.text, response.path);
}

/** RFC 3262 section 4: repeated or overtaking reliable provisionals are not for the user. */
function isNextReliable(fork: DialogEntry, message: SipMessage): boolean {
  const rseq = leadingNumber(header(message, 'rseq'));
  if (rseq < 0 || !lists(headerValues(message, 'require'), '100rel')) return true;
  if (fork.lastRseq !== 0 && rseq !== fork.lastRseq + 1) return false;
  fork.lastRseq = rseq;
  return true;
}

function dialogOfRequest(ctx: Context, uac: UacTx, path: Path, remoteTag: string): DialogState {
  const { parts } = uac;
  const contact = parts.extra.find((one) => /^(contact|m)$/i.test(one.name))?.value;
  return {
    id: uac.dialogId,
    callId: parts.callId,
    localTag: tagOf(parts.from),
    remoteTag,
    role: 'uac',
    method: parts.method,
    isConfirmed: false,
    local: parts.from,
    remote: parts.to,
    localCSeq: parts.cseq,
    remoteCSeq: -1,
    target: parts.uri,
    routes: [],
    contact: contact ?? ownContact(path),
    proto: path.proto,
    listener: path.listener,
    seenAt: null,
    peerAllowsUpdate: false,
    localSdp: parts.body.startsWith('v=0') ? parts.body : '',
    remoteSdp: '',
    sessionTimer: null,
    owner: uac.owner,
    expiresAt: parts.method === 'SUBSCRIBE' ? ctx.clock.now() + 2 * T64 : 0,
    since: uac.since,
    acked: null,
  };
}

/** Takes over what a response says about the peer (RFC 3261 section 12.1.2). */
function learn(state: DialogState, response: Received): void {
  const { message } = response;
  state.remote = response.to;
  state.target = contactUri(message) ?? state.target;
  state.routes = splitLists(headerValues(message, 'record-route')).reverse();
  state.seenAt = seenAtOfResponse(message, response.path);
  if (lists(headerValues(message, 'allow'), 'update')) state.peerAllowsUpdate = true;
}

/** Null: there are too many that ring. */
function ringingFork(ctx: Context, uac: UacTx, response: Received): DialogEntry | null {
  if (uac.forks.size >= MAX_FORKS || ctx.dialogs.isFull) return null;
  return beginFork(ctx, uac, response);
}

function beginFork(ctx: Context, uac: UacTx, response: Received): DialogEntry {
  const state = dialogOfRequest(ctx, uac, response.path, response.toTag);
  learn(state, response);
  const entry = ctx.dialogs.add(state);
  entry.siblings = uac.forks;
  uac.forks.set(response.toTag, entry);
  return entry;
}

/** A 2xx to an INVITE: the first, its repetitions, or another fork's. */
function onAccepted(ctx: Context, uac: UacTx, response: Received): void {
  const known = uac.acks.get(response.toTag);
  if (known !== undefined) {
    // RFC 3261 section 13.2.2.4: the ACK got lost.
    known.path.send(known.text);
    return;
  }
  if (uac.hasFinal) {
    if (response.toTag !== uac.confirmed?.state.remoteTag) dismiss(ctx, uac, response);
    return;
  }
  uac.last = response.text;
  finish(ctx, uac, response.message.status, response);
  if (uac.confirmed !== null) {
    keepOutgoing(ctx, uac);
    oweAck(ctx, uac, T64);
  }
  deliver(ctx, uac, response.text, response.path);
}

/** A second phone answered the same call: acknowledge, hang up (RFC 3261 section 13.2.2.4). */
function dismiss(ctx: Context, uac: UacTx, response: Received): void {
  if (uac.acks.size > MAX_FORKS) return;
  const state = dialogOfRequest(ctx, uac, response.path, response.toTag);
  learn(state, response);
  dialogPath(ctx, state, (found) => {
    if (!found.ok) return;
    const text = sendAck(state, found.path, uac.parts.cseq, [], '');
    uac.acks.set(response.toTag, { text, path: found.path });
    const entry = ctx.dialogs.find(state.callId, state.localTag, state.remoteTag);
    if (entry !== undefined) ctx.dialogs.remove(entry);
    // Its owner never heard of it, so nobody is told.
    sendOwn(ctx, { ...state, id: '', owner: '' }, { method: 'BYE', extra: [], body: '' }, () => {
      ctx.log.info(`ended a second answer to ${state.callId}`);
    });
  });
}

/** Everything a final response changes, before the client hears of it. */
function finish(ctx: Context, uac: UacTx, status: number, response: Received | null): void {
  uac.hasFinal = true;
  uac.watch?.cancel();
  ctx.uac.delete(uac.id);
  const isOk = status >= 200 && status < 300;
  dropOutgoing(ctx, uac.id);
  // The next process must not ring a phone again that has declined.
  if (uac.parts.method === 'INVITE' && !isOk) ctx.keep.flush();
  // A client that hears of a challenge, or of an interval too short, asks again in this dialog.
  const isAskedAgain = CHALLENGES.has(status) && ctx.clients.isConnected(uac.owner);
  if (uac.parts.method === 'INVITE' && uac.dialog === null && !isOk && !isAskedAgain) {
    noteEnding(ctx, uac.owner, uac.dialogId, String(status));
  }
  if (uac.dialog !== null) finishInDialog(ctx, uac, uac.dialog, status, response);
  else if (isOk && response !== null && uac.dialogId !== '') confirm(ctx, uac, response);
  for (const fork of uac.forks.values()) if (fork !== uac.confirmed) ctx.dialogs.remove(fork);
  const isSubscription = uac.parts.method === 'SUBSCRIBE' && uac.dialog === null;
  // Whoever asked for it is gone, and nobody who came since can know of it.
  if (isSubscription && uac.isOrphaned && uac.confirmed !== null)
    unsubscribe(ctx, uac.confirmed, uac.parts.extra);
}

function confirm(ctx: Context, uac: UacTx, response: Received): void {
  const { toTag, message } = response;
  const half = uac.forks.get('');
  let entry = uac.forks.get(toTag) ?? null;
  if (half !== undefined && !half.isGone) {
    // SUBSCRIBE: a NOTIFY may have named the peer already, perhaps another one than this.
    entry = half;
    if (half.state.remoteTag === '') ctx.dialogs.nameRemote(half, toTag);
  }
  // However many ring: who has answered must be acknowledged.
  entry ??= beginFork(ctx, uac, response);
  uac.confirmed = entry;
  const { state } = entry;
  if (state.remoteTag === toTag) learn(state, response);
  state.isConfirmed = true;
  hearSdp(entry, message.body);
  ctx.dialogs.prefer(entry);
  ctx.dialogs.touch(entry);
  if (uac.parts.method === 'SUBSCRIBE') {
    state.expiresAt = subscriptionEnd(message, ctx.clock.now());
  } else {
    armSession(ctx, entry, sessionOfResponse(message, ctx.clock.now()));
  }
}

function finishInDialog(
  ctx: Context,
  uac: UacTx,
  entry: DialogEntry,
  status: number,
  response: Received | null,
): void {
  const { method } = uac.parts;
  const { state } = entry;
  const isOk = status >= 200 && status < 300;
  if (method === 'INVITE') entry.isInviting = false;
  if (method === 'UPDATE') entry.isUpdatingWithOffer = false;
  if (method === 'BYE') {
    if (status !== 401 && status !== 407) ctx.dialogs.remove(entry);
    entry.isEnding = false;
    return;
  }
  const isLastNotify = endsSubscription(entry, { method, headers: lowered(uac.parts) });
  const isDeadSubscription = status === 481 && state.method === 'SUBSCRIBE';
  if (isLastNotify || isDeadSubscription) {
    ctx.dialogs.remove(entry);
    return;
  }
  if (!isOk || response === null) return;
  const { message } = response;
  if (method === 'INVITE') uac.confirmed = entry;
  if (method === 'INVITE' || method === 'UPDATE' || method === 'SUBSCRIBE') {
    hearSdp(entry, message.body);
    refreshTargetBy2xx(entry, message, response.path);
    ctx.dialogs.touch(entry);
  }
  if (method === 'SUBSCRIBE' && state.method === 'SUBSCRIBE') {
    state.expiresAt = subscriptionEnd(message, ctx.clock.now());
  } else if (method === 'INVITE' || method === 'UPDATE') {
    const agreed = sessionOfResponse(message, ctx.clock.now());
    if (agreed !== null || state.sessionTimer !== null) armSession(ctx, entry, agreed);
  }
}

function lowered(parts: RequestParts): { name: string; value: string }[] {
  return parts.extra.map((one) => ({ name: one.name.toLowerCase(), value: one.value }));
}
