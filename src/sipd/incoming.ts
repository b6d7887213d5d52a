/**
 * Requests from the network: told apart by transaction and dialog, checked, and given to the client
 * that owns or wants them (RFC 3261 sections 8.2, 9.2, 12.2.2, 14.2, 15.1.2).
 */
import type { Context, UasTx } from './context.ts';
import { onCancel } from './cancel.ts';
import { composeResponse } from './compose.ts';
import { passesThroughUs } from './forward.ts';
import { dialogId, hearSdp, type DialogEntry, type DialogState } from './dialogs.ts';
import { networkFrame } from './drachtio-protocol.ts';
import type { Header } from './message.ts';
import { newTag, newUuid } from './ids.ts';
import { FIRST_ANSWER_MS, MIN_SESSION_SECONDS, T64 } from './limits.ts';
import { hasDialogRoom, hasRoom, isLoop } from './overload.ts';
import { noteEnding } from './outgoing.ts';
import { relay, relayAck } from './proxy-entry.ts';
import { keepIncoming } from './records.ts';
import { serverKey, type Received } from './received.ts';
import { refuse, reject, replyTo, retryAfter } from './refusal.ts';
import type { ServerTx } from './server-tx.ts';
import { isIntervalTooSmall } from './session-timer.ts';
import { takePrack } from './reliable.ts';
import type { Path } from './path.ts';
import { answer, sendQueued, tellCancelled } from './uas.ts';
import { contactUri } from './uas-dialogs.ts';

/** Methods that make sense only inside a dialog or transaction. */
const inDialogOnly = new Set(['BYE', 'UPDATE', 'PRACK', 'ACK']);
/** Of those with an unknown To tag, these are refused; others go to whoever routed them. */
const needsDialog = new Set(['INVITE', 'BYE', 'UPDATE', 'PRACK']);

export function onRequest(ctx: Context, received: Received): void {
  const { method } = received.message;
  if (method === 'ACK') {
    onAck(ctx, received);
    return;
  }
  const key = serverKey(received, method);
  const known = ctx.serverTxs.find(key);
  if (known !== undefined) {
    known.repeat();
    return;
  }
  received.ground = ctx.admission.groundOf(received);
  if (received.ground === null && !belongsHere(ctx, received)) {
    ctx.admission.silence(received.path.address, method);
    received.path.shun?.();
    return;
  }
  received.path.welcome?.();
  if (!hasRoom(ctx, received)) {
    refuse(ctx, received, 503, [retryAfter]);
    return;
  }
  const bytes = received.text.length;
  const tx = ctx.serverTxs.add(key, method === 'INVITE', replyTo(ctx, received), bytes);
  if (method === 'CANCEL') {
    onCancel(ctx, received, tx);
    return;
  }
  if (method === 'INVITE') {
    const to = received.to;
    tx.respond(100, composeResponse(received.message, { ...trying, to }));
  }
  const entry = received.toTag === '' ? undefined : findDialog(ctx, received);
  if (entry !== undefined) inDialog(ctx, received, tx, entry);
  else if (passesThroughUs(ctx, received)) relay(ctx, received, tx);
  else outOfDialog(ctx, received, tx);
}

/** Is it of a dialog of ours? A NOTIFY may overtake the 2xx of its SUBSCRIBE. */
function belongsHere(ctx: Context, received: Received): boolean {
  const { callId, toTag, fromTag, message } = received;
  // The CANCEL of an INVITE that we took.
  const begun = message.method === 'CANCEL' && ctx.serverTxs.find(serverKey(received, 'INVITE'));
  if (begun) return true;
  if (toTag === '') return false;
  if (ctx.dialogs.find(callId, toTag, fromTag) !== undefined) return true;
  return ctx.dialogs.find(callId, toTag, '') !== undefined || passesThroughUs(ctx, received);
}

const trying = { status: 100, reason: 'Trying', withRecordRoute: false, extra: [], body: '' };

function findDialog(ctx: Context, received: Received): DialogEntry | undefined {
  const { callId, toTag, fromTag, message } = received;
  const exact = ctx.dialogs.find(callId, toTag, fromTag);
  if (exact !== undefined || message.method !== 'NOTIFY') return exact;
  // RFC 6665 section 4.4.1: a NOTIFY may overtake the 2xx of its SUBSCRIBE, and names the peer.
  const half = ctx.dialogs.find(callId, toTag, '');
  if (half === undefined) return undefined;
  ctx.dialogs.nameRemote(half, fromTag);
  half.state.remote = received.from;
  half.state.target = contactUri(message) ?? half.state.target;
  return half;
}

function open(
  ctx: Context,
  received: Received,
  tx: ServerTx,
  entry: DialogEntry | null,
  owner: string,
): UasTx {
  const isInvite = received.message.method === 'INVITE';
  const begins = isInvite || received.message.method === 'SUBSCRIBE';
  const ownId = begins ? dialogId(received.callId, received.fromTag) : '';
  const uas: UasTx = {
    id: newUuid(),
    received,
    tx,
    owner,
    since: ctx.clock.now(),
    isGiven: false,
    toTag: entry?.state.localTag ?? newTag(),
    dialogId: entry?.state.id ?? ownId,
    dialog: entry,
    isInDialog: entry !== null,
    watch: null,
    lastRseq: 0,
    reliable: null,
    queued: [],
  };
  ctx.uas.set(uas.id, uas);
  if (isInvite) ctx.uasByTx.set(tx, uas);
  if (begins && entry === null) ctx.endings.forget(ownId);
  entry?.unanswered.add(received.cseq.seq);
  keepIncoming(ctx, uas);
  if (isInvite) watchInvite(ctx, uas);
  else {
    uas.watch = ctx.clock.after(T64, () => {
      forget(ctx, uas);
    });
  }
  return uas;
}

/** The client has this long for a first word. */
export function watchInvite(ctx: Context, uas: UasTx): void {
  uas.watch = ctx.clock.after(FIRST_ANSWER_MS, () => {
    forget(ctx, uas);
  });
}

/** The client gave no answer in time. */
function forget(ctx: Context, uas: UasTx): void {
  const { method } = uas.received.message;
  ctx.log.info(`no answer from the client to ${method} ${uas.received.callId}`);
  if (method === 'INVITE') {
    answer(ctx, uas, { status: 503, reason: '', extra: [retryAfter], body: '' });
    tellCancelled(ctx, uas, 'no answer in time');
  } else if (method === 'BYE') {
    answer(ctx, uas, { status: 200, reason: '', extra: [], body: '' });
  } else {
    // RFC 4320: a late 408 to anything but INVITE only adds load.
    ctx.uas.delete(uas.id);
    ctx.unheard.delete(uas);
    uas.dialog?.unanswered.delete(uas.received.cseq.seq);
    uas.tx.terminate();
  }
}

function outOfDialog(ctx: Context, received: Received, tx: ServerTx): void {
  const { message, toTag } = received;
  const { method } = message;
  const isUnknownDialog = toTag !== '' && needsDialog.has(method);
  if (inDialogOnly.has(method) || isUnknownDialog) {
    reject(received, tx, 481, []);
    return;
  }
  if (toTag === '' && isMerged(ctx, received, tx)) {
    // RFC 3261 section 8.2.2.2.
    reject(received, tx, 482, []);
    return;
  }
  if (isLoop(ctx, received)) {
    // RFC 3261 section 16.3: our own request came back to us by way of a proxy.
    reject(received, tx, 482, []);
    return;
  }
  const scheme = message.uri.slice(0, message.uri.indexOf(':')).toLowerCase();
  if (scheme !== 'sip' && scheme !== 'sips' && scheme !== 'tel') {
    reject(received, tx, 416, []);
    return;
  }
  const begins = method === 'INVITE' || method === 'SUBSCRIBE';
  if (begins && (contactUri(message) === null || received.fromTag === '')) {
    // RFC 3261 section 8.1.1.8: without a Contact to send to there can be no dialog.
    reject(received, tx, 400, []);
    return;
  }
  if (method === 'INVITE' && isIntervalTooSmall(message)) {
    reject(received, tx, 422, [{ name: 'Min-SE', value: String(MIN_SESSION_SECONDS) }]);
    return;
  }
  if (begins && !hasDialogRoom(ctx, received)) {
    reject(received, tx, 503, [retryAfter]);
    return;
  }
  giveToTaker(ctx, received, tx);
}

function giveToTaker(ctx: Context, received: Received, tx: ServerTx): void {
  const { method } = received.message;
  // RFC 3261 section 7.1: methods are case-sensitive; an `invite` is not what routed INVITEs want.
  const verb = method === method.toUpperCase() ? method.toLowerCase() : '';
  const give = (owner: string): void => {
    const uas = open(ctx, received, tx, null, owner);
    ctx.unheard.add(uas, ctx.peers.isKnown(received.path));
    const lost = (): void => {
      if (!tx.isAnswered) forget(ctx, uas);
    };
    ctx.clients.deliver(owner, uas.id, frameOf(uas, ctx.clock.now()), lost, () => {
      uas.isGiven = true;
    });
  };
  const isTaken = ctx.outbound?.take(received, tx, (one) => {
    give(one.id);
  });
  if (isTaken === true) return;
  const client = ctx.clients.pick(verb);
  if (client !== null) {
    give(client.id);
    return;
  }
  const takeLater = (id: string): void => {
    if (!tx.isAnswered) give(id);
  };
  const isWaiting = ctx.clients.wait(
    verb,
    (one) => {
      takeLater(one.id);
    },
    () => {
      reject(received, tx, 503, [retryAfter]);
    },
  );
  if (isWaiting) return;
  if (received.toTag !== '') reject(received, tx, 481, []);
  else unwanted(ctx, received, tx);
}

/** Methods that have a name here; what else comes is "not implemented" (RFC 3261 section 8.2.1). */
const known = new Set([
  'REGISTER',
  'OPTIONS',
  'SUBSCRIBE',
  'NOTIFY',
  'INFO',
  'MESSAGE',
  'REFER',
  'PUBLISH',
]);

/**
 * No client wants such a request. Calls may be wanted again soon; a 503 to anything else would make
 * proxies shun us altogether (RFC 3261 section 21.5.4).
 */
function unwanted(ctx: Context, received: Received, tx: ServerTx): void {
  const { method } = received.message;
  if (ctx.clients.count === 0 || method === 'INVITE') reject(received, tx, 503, [retryAfter]);
  else if (!known.has(method)) reject(received, tx, 501, []);
  else {
    const allowed = ['ACK', 'CANCEL', 'BYE', 'PRACK', 'UPDATE', ...ctx.clients.verbs()];
    reject(received, tx, 405, [{ name: 'Allow', value: allowed.join(', ') }]);
  }
}

/** The same request by another way: its twin is still being served. */
function isMerged(ctx: Context, received: Received, tx: ServerTx): boolean {
  const { callId, fromTag, cseq, message } = received;
  const key = `${callId}|${fromTag}|${cseq.seq}|${message.method}|${message.uri}`;
  return !ctx.serverTxs.claim(key, tx);
}

function inDialog(ctx: Context, received: Received, tx: ServerTx, entry: DialogEntry): void {
  const { state } = entry;
  const { message, cseq } = received;
  const { method } = message;
  if (state.remoteCSeq >= 0 && cseq.seq <= state.remoteCSeq) {
    // RFC 3261 section 12.2.2.
    reject(received, tx, 500, []);
    return;
  }
  state.remoteCSeq = cseq.seq;
  meet(ctx, state, received.path);
  const obstacle = obstacleTo(received, entry);
  if (obstacle !== null) {
    reject(received, tx, obstacle.status, obstacle.extra);
    return;
  }
  if (method === 'PRACK') {
    const invite = ctx.reliables.get(entry);
    if (invite === undefined || !takePrack(invite, received)) {
      // RFC 3262 section 3.
      reject(received, tx, 481, []);
      return;
    }
    giveToOwner(ctx, received, tx, entry);
    sendQueued(invite);
    return;
  }
  const uas = giveToOwner(ctx, received, tx, entry);
  if (method === 'INVITE') entry.invitedBy = uas.id;
  else if (method === 'BYE') {
    entry.hungUpAt = ctx.clock.now();
    // On UDP it would come again; with its owner here it is answered and forgotten at once.
    if (received.path.reliable || !ctx.clients.isConnected(state.owner)) ctx.dialogs.touch(entry);
    noteEnding(ctx, state.owner, state.id, 'BYE');
    endPendingInvite(ctx, entry);
  }
}

/** A peer whose connection broke is where its next request comes from. */
function meet(ctx: Context, state: DialogState, path: Path): void {
  const { seenAt } = state;
  if (path.proto !== 'tcp' || seenAt === null || state.proto !== 'tcp') return;
  if (ctx.transports.openTcp(seenAt.address, seenAt.port) !== null) return;
  state.seenAt = { address: path.address, port: path.port };
}

/** Requests that cross others in the dialog, and intervals too short. */
function obstacleTo(
  received: Received,
  entry: DialogEntry,
): { status: number; extra: Header[] } | null {
  const { message } = received;
  const isOffer = message.method === 'UPDATE' && message.body !== '';
  if (message.method === 'INVITE' || isOffer) {
    // RFC 3261 section 14.2, RFC 3311 section 5.2.
    if (entry.isInviting && entry.state.isConfirmed) return { status: 491, extra: [] };
    if (entry.isUpdatingWithOffer) return { status: 491, extra: [] };
  }
  if (message.method === 'INVITE' && entry.invitedBy !== '') {
    const wait = String(Math.floor(Math.random() * 10));
    return { status: 500, extra: [{ name: 'Retry-After', value: wait }] };
  }
  const isSession = message.method === 'INVITE' || message.method === 'UPDATE';
  if (isSession && isIntervalTooSmall(message)) {
    return { status: 422, extra: [{ name: 'Min-SE', value: String(MIN_SESSION_SECONDS) }] };
  }
  return null;
}

function giveToOwner(ctx: Context, received: Received, tx: ServerTx, entry: DialogEntry): UasTx {
  const { owner, id } = entry.state;
  const uas = open(ctx, received, tx, entry, owner);
  const lost = (): void => {
    if (tx.isAnswered) return;
    // The owner did not come back: a hang-up is taken note of, anything else must wait.
    const status = received.message.method === 'BYE' ? 200 : 480;
    answer(ctx, uas, { status, reason: '', extra: [], body: '' });
  };
  ctx.clients.deliver(owner, id, frameOf(uas, ctx.clock.now()), lost, () => {
    uas.isGiven = true;
  });
  return uas;
}

/** A request as its client sees it. Without a dialog yet, the first frame names none. */
export function frameOf(uas: UasTx, now: number): string {
  const { text, path, ground } = uas.received;
  const dialogId = uas.isInDialog ? uas.dialogId : '';
  const isNew = !uas.isInDialog;
  return networkFrame({ text, path, now, txnId: uas.id, dialogId, isNew, ground });
}

/** RFC 3261 section 15.1.2: a BYE leaves no request of the dialog unanswered. */
function endPendingInvite(ctx: Context, entry: DialogEntry): void {
  const pending = ctx.uas.get(entry.invitedBy);
  if (pending === undefined || pending.tx.isAnswered) return;
  answer(ctx, pending, { status: 487, reason: '', extra: [], body: '' });
}

function onAck(ctx: Context, received: Received): void {
  const tx = ctx.serverTxs.find(serverKey(received, 'INVITE'));
  if (tx?.acknowledge() === true) return;
  if (passesThroughUs(ctx, received)) {
    relayAck(ctx, received);
    return;
  }
  const entry = ctx.dialogs.find(received.callId, received.toTag, received.fromTag);
  const awaited = entry?.awaitedAcks.get(received.cseq.seq);
  if (entry === undefined || awaited === undefined) return;
  awaited.stop();
  entry.awaitedAcks.delete(received.cseq.seq);
  hearSdp(entry, received.message.body);
  if (received.message.body !== '') ctx.dialogs.touch(entry);
  // Only who received our answer knows its tag.
  ctx.peers.note(received.path);
  ctx.unproven.settle(entry);
  const { owner, id } = entry.state;
  const frame = { text: received.text, path: received.path, now: ctx.clock.now() };
  const text = networkFrame({ ...frame, txnId: awaited.inviteTxnId, dialogId: id });
  ctx.clients.deliver(owner, id, text, () => {
    ctx.log.info(`nobody came for the ACK in ${id}`);
  });
  if (entry.awaitedAcks.size > 0) return;
  for (const send of entry.waitingForAck.splice(0)) send();
}
