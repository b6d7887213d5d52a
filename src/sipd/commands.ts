/**
 * What clients say: authentication first, then routes, pings and SIP messages. A connection that
 * has not shown the secret may do nothing at all.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { clientHeaders } from './answer.ts';
import type { Client } from './clients.ts';
import type { Context } from './context.ts';
import type { DialogEntry } from './dialogs.ts';
import { answerFrame, requestEcho, responseEcho, type Frame } from './drachtio-protocol.ts';
import { parseRAck } from './headers.ts';
import {
  MAX_ACTIVE_TRANSACTIONS,
  MAX_BAN_MS,
  MAX_BUSY_MS,
  MAX_ROUTES,
  MAX_USERS,
  MAX_WAITING_FOR_ACK,
} from './limits.ts';
import { header, isSendable, parseMessage, type SipMessage } from './message.ts';
import { dialogPath, pathToUri, type PathResult } from './outgoing.ts';
import { onProxy } from './proxy-entry.ts';
import { countedCSeq, keepIncoming } from './records.ts';
import { answer } from './uas.ts';
import { dialogsVerdict, cancelVerdict, resumeInvite, sdpVerdict } from './takeover.ts';
import { acknowledge } from './uac-ack.ts';
import { launch, type Launch } from './uac.ts';
import { cancelText, sendCancel } from './uac-cancel.ts';
import { inDialogRequest, newRequest } from './uac-requests.ts';
import { parseUri } from './uri.ts';

/**
 * Answers as drachtio-server 0.9 would; the leading v lets srf enable pings. The last number is
 * that of the words of our own: from 11 on `users` and `ban` are among them, from 12 on `silences`.
 */
const SERVER_VERSION = 'v0.9.12-sipd';

const NO_DIALOG = 'NOK|Server error: unable to find dialog for dialog id provided';

function isSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'latin1').digest();
  return timingSafeEqual(digest(given), digest(secret));
}

/** @returns false if the connection is to be closed after what was sent */
export function onFrame(ctx: Context, client: Client, frame: Frame, secret: string): boolean {
  const say = (verdict: string): void => {
    client.send(answerFrame(frame.id, verdict));
  };
  if (!client.isAuthenticated) {
    if (frame.kind !== 'authenticate' || !isSecret(frame.args[0] ?? '', secret)) {
      const isTry = frame.kind === 'authenticate';
      say(isTry ? 'NO|incorrect secret' : 'NO|not authenticated');
      return false;
    }
    client.isAuthenticated = true;
    const tags = (frame.args[1] ?? '').split(',').filter((tag) => tag !== '');
    client.introduce(tags.slice(0, 20));
    const outer = ctx.transports.hostPorts(true).join(',');
    const inner = ctx.transports.hostPorts(false).join(',');
    say(`OK|${outer}|${SERVER_VERSION}|${inner}`);
    ctx.clients.join(client);
    return true;
  }
  ctx.clients.heard(client);
  switch (frame.kind) {
    case 'authenticate':
      say('OK');
      return true;
    case 'ping':
      say('OK|pong');
      return true;
    case 'route':
    case 'remove_route':
      say(onRoute(ctx, client, frame));
      return true;
    case 'sip':
      return onSip(ctx, client, frame);
    // Of our own: real servers close the connection on these, so clients ask the version first.
    case 'dialogs':
      onDialogs(ctx, client, frame.args[0] === 'next', say);
      return true;
    case 'sdp':
      say(sdpVerdict(ctx, frame.args[0] ?? ''));
      return true;
    case 'cancel':
      say(cancelVerdict(ctx, frame.args[0] ?? '', clientHeaders(frame.sip).extra));
      return true;
    case 'resume':
      resumeInvite(ctx, client, frame.args[0] ?? '', say);
      return true;
    case 'busy':
      say(onBusy(ctx, client, frame.args[0] ?? ''));
      return true;
    case 'users':
      say(onUsers(ctx, frame.args[0] ?? ''));
      return true;
    case 'ban':
      say(onBan(ctx, frame.args[0] ?? '', frame.args[1] ?? ''));
      return true;
    case 'silences':
      say(`OK|${ctx.admission.silences}`);
      return true;
    case 'proxy':
      onProxy(ctx, client, frame);
      return true;
    default:
      say('NO|Unknown message type');
      return false;
  }
}

/** `dialogs` and `dialogs|next`: answered when it is known from whom the client takes over. */
function onDialogs(
  ctx: Context,
  client: Client,
  isNext: boolean,
  say: (verdict: string) => void,
): void {
  if (isNext) say(dialogsVerdict(ctx, client, true));
  else {
    ctx.clients.takeOver(client, () => {
      say(dialogsVerdict(ctx, client, false));
    });
  }
}

/** `busy|<milliseconds>`: new calls get 503 without it for so long. `OK|<refused since>`. */
function onBusy(ctx: Context, client: Client, text: string): string {
  if (!/^\d{1,6}$/.test(text)) return 'NOK|want milliseconds';
  const ms = Math.min(Number(text), MAX_BUSY_MS);
  client.busyUntil = ms === 0 ? 0 : ctx.clock.now() + ms;
  return `OK|${ctx.clients.takeRefusedCalls()}`;
}

/** `users|<a,b,…>`: INVITEs whose From names one are given to clients from anywhere. */
function onUsers(ctx: Context, text: string): string {
  const users = text.split(',').filter((name) => name !== '');
  if (users.length > MAX_USERS) return 'NOK|too many users';
  ctx.admission.setUsers(users);
  return 'OK';
}

/** `ban|<address>|<milliseconds>`: no answer to what is new from there; 0: no longer. `*`: all. */
function onBan(ctx: Context, address: string, text: string): string {
  if (!/^\d{1,12}$/.test(text)) return 'NOK|want milliseconds';
  const ms = Math.min(Number(text), MAX_BAN_MS);
  if (address === '*' && ms === 0) ctx.admission.liftAll();
  else if (isIP(address) === 0) return 'NOK|want an address';
  else ctx.admission.ban(address, ms);
  return 'OK';
}

function onRoute(ctx: Context, client: Client, frame: Frame): string {
  const verb = (frame.args[0] ?? '').toLowerCase();
  if (verb === '' || verb.length > 64) return 'NO|missing verb';
  if (frame.kind === 'remove_route') {
    client.routes.delete(verb);
    return 'OK';
  }
  if (client.routes.size >= MAX_ROUTES) return 'NO|too many routes';
  // The answer first: requests may already wait for this route.
  setImmediate(() => {
    ctx.guard(() => {
      if (client.routes.has(verb) && !client.socket.destroyed) ctx.clients.route(client, verb);
    });
  });
  client.routes.add(verb);
  ctx.keep.mark('v', () => ctx.clients.wanted());
  return 'OK';
}

function onSip(ctx: Context, client: Client, frame: Frame): boolean {
  const [txnId = '', dialog = '', route = ''] = frame.args;
  const say = (verdict: string): void => {
    client.send(answerFrame(frame.id, verdict));
  };
  const message = parseMessage(frame.sip);
  if (message === null || !isSendable(message)) {
    say(`NO|malformed SIP message: ${message?.fault ?? 'no start line'}`);
    return true;
  }
  if (message.status !== 0) {
    if (txnId === '') {
      say('NO|transaction id missing');
      return false;
    }
    onResponse(ctx, client, frame, message, txnId);
    return true;
  }
  if (dialog !== '') inDialog(ctx, client, frame, message, ctx.dialogs.findById(dialog), dialog);
  else if (txnId !== '') onCancel(ctx, client, frame, message, txnId);
  else {
    const callId = header(message, 'call-id');
    const entry = callId === '' ? undefined : ctx.dialogs.findByCallId(callId);
    if (entry?.state.isConfirmed === true) {
      inDialog(ctx, client, frame, message, entry, entry.state.id);
    } else outOfDialog(ctx, client, frame, message, route);
  }
  return true;
}

function onResponse(
  ctx: Context,
  client: Client,
  frame: Frame,
  message: SipMessage,
  txnId: string,
): void {
  const uas = ctx.uas.get(txnId);
  if (uas === undefined || uas.tx.isAnswered) {
    client.send(answerFrame(frame.id, 'NOK|Response not sent due to unknown transaction'));
    return;
  }
  const { extra, toTag } = clientHeaders(frame.sip);
  const { method } = uas.received.message;
  if (toTag !== '' && uas.dialog === null && /^[\w.!%*+`'~-]{1,128}$/.test(toTag)) {
    uas.toTag = toTag;
    keepIncoming(ctx, uas);
  }
  // Whoever answers is whom the dialog belongs to from now on.
  uas.owner = client.id;
  const { status, reason, body } = message;
  const path = uas.received.path;
  const text = answer(ctx, uas, { status, reason, extra, body });
  const keepsDialog = method !== 'BYE';
  const now = ctx.clock.now();
  const echo = { text, path, now, txnId, dialogId: keepsDialog ? uas.dialogId : '' };
  client.send(responseEcho(frame.id, echo));
}

function onCancel(
  ctx: Context,
  client: Client,
  frame: Frame,
  message: SipMessage,
  txnId: string,
): void {
  const uac = ctx.uac.get(txnId);
  if (message.method !== 'CANCEL' || uac === undefined || uac.parts.method !== 'INVITE') {
    client.send(answerFrame(frame.id, 'NOK|Server error: unknown transaction'));
    return;
  }
  const { extra } = clientHeaders(frame.sip);
  const text = cancelText(uac, extra);
  const isSent = sendCancel(ctx, uac, extra);
  const now = ctx.clock.now();
  const echo = { text, path: uac.path, now, txnId, dialogId: '', isSent };
  client.send(requestEcho(frame.id, echo));
}

function outOfDialog(
  ctx: Context,
  client: Client,
  frame: Frame,
  message: SipMessage,
  route: string,
): void {
  const nok = (reason: string): void => {
    client.send(answerFrame(frame.id, `NOK|${reason}`));
  };
  const { method } = message;
  const uri = parseUri(message.uri);
  if (uri === null || uri.host === '') {
    nok(`unsupported Request-URI ${message.uri.slice(0, 60)}`);
    return;
  }
  if (method === 'ACK' || method === 'CANCEL' || method === 'BYE' || method === 'PRACK') {
    nok(`Server error: ${method} outside a dialog or transaction`);
    return;
  }
  const isFull =
    ctx.clientTxs.activeCount >= MAX_ACTIVE_TRANSACTIONS ||
    ((method === 'INVITE' || method === 'SUBSCRIBE') && ctx.dialogs.isFull);
  if (isFull) {
    nok('Server error: too many transactions or dialogs');
    return;
  }
  const isSips = uri.scheme === 'sips';
  const hop = isSips ? `sip:${uri.host}` : route === '' ? message.uri : route;
  const bound = hop === message.uri ? ctx.bindings.find(hop) : null;
  newPath(ctx, hop, bound, (found) => {
    // Names take a while: whoever follows a client that is gone asks again.
    if (client.socket.destroyed) return;
    if (!found.ok && found.reason !== 'DNS Error') {
      nok(found.reason);
      return;
    }
    const path = found.ok ? found.path : null;
    if (path !== null && ctx.transports.isOwn(path.proto, path.address, path.port)) {
      nok('can not send request to myself');
      return;
    }
    const made = newRequest(ctx, message, frame.sip, path);
    if (!made.ok) {
      nok(made.reason);
      return;
    }
    const { parts, branch } = made;
    const failure = isSips ? { status: 416, reason: '' } : null;
    begin(ctx, client, frame.id, { parts, branch, path, failure, entry: null, holdUntil: null });
  });
}

/** To where a phone has its connection (`bound`), if that stands; else to where the URI says. */
function newPath(
  ctx: Context,
  hop: string,
  bound: { address: string; port: number } | null,
  done: (found: PathResult) => void,
): void {
  const path = bound === null ? null : ctx.transports.openTcp(bound.address, bound.port);
  if (path === null) pathToUri(ctx, hop, { proto: 'udp', listener: '' }, done);
  else done({ ok: true, path });
}

function begin(
  ctx: Context,
  client: Client,
  rid: string,
  one: Omit<Launch, 'owner' | 'rid'>,
): void {
  launch(ctx, { ...one, owner: client.id, rid }, (echo) => {
    client.send(echo);
    // Apart from the answer, if the client is quick enough to read them apart.
    client.flush();
  });
}

function inDialog(
  ctx: Context,
  client: Client,
  frame: Frame,
  message: SipMessage,
  found: DialogEntry | undefined,
  id: string,
): void {
  const { method } = message;
  const nok = (verdict: string): void => {
    client.send(answerFrame(frame.id, verdict));
  };
  if (method === 'ACK') {
    onAck(ctx, client, frame, id, message);
    return;
  }
  const entry = method === 'PRACK' ? forkOf(found, message) : found;
  if (entry === undefined || entry.isGone || entry.state.remoteTag === '') {
    nok(NO_DIALOG);
    return;
  }
  if (method === 'CANCEL') {
    nok('NOK|Server error: CANCEL needs a transaction id');
    return;
  }
  dialogPath(ctx, entry.state, (way) => {
    if (!way.ok) {
      nok(`NOK|${way.reason}`);
      return;
    }
    const cseq = entry.state.localCSeq + 1;
    const made = inDialogRequest(entry, message, frame.sip, way.path, cseq);
    if (!made.ok) {
      nok(`NOK|${made.reason}`);
      return;
    }
    entry.state.localCSeq = cseq;
    countedCSeq(ctx, entry);
    const { parts, branch } = made;
    const owed = method === 'BYE' ? ctx.unacked.get(id) : undefined;
    // RFC 3261 section 13.2.2.4: a client that lost its ACK, or does not know of it, hangs up.
    if (owed?.confirmed === entry) acknowledge(ctx, owed, { extra: [], body: '' }, () => undefined);
    // RFC 3261 section 14.1: one INVITE at a time, whichever side sent it.
    const isGlare = method === 'INVITE' && (entry.isInviting || entry.invitedBy !== '');
    const failure = isGlare ? { status: 491, reason: '' } : null;
    const holdUntil = waitFor(entry, method);
    begin(ctx, client, frame.id, { parts, branch, path: way.path, failure, entry, holdUntil });
  });
}

/** RFC 3261 section 15: who was called does not hang up before the ACK. */
function waitFor(entry: DialogEntry, method: string): ((send: () => void) => void) | null {
  const mustWait =
    method === 'BYE' &&
    entry.awaitedAcks.size > 0 &&
    entry.waitingForAck.length < MAX_WAITING_FOR_ACK;
  if (!mustWait) return null;
  return (send) => {
    entry.waitingForAck.push(send);
  };
}

/** A PRACK belongs to the fork whose provisional it names. */
function forkOf(found: DialogEntry | undefined, message: SipMessage): DialogEntry | undefined {
  const rack = parseRAck(header(message, 'rack'));
  if (found?.siblings == null || rack === null) return found;
  for (const one of found.siblings.values()) {
    if (one.lastRseq === rack.rseq && !one.isGone) return one;
  }
  return found;
}

function onAck(ctx: Context, client: Client, frame: Frame, id: string, message: SipMessage): void {
  const uac = ctx.unacked.get(id);
  if (uac === undefined) {
    const reason = 'ACK for non-success response is automatically generated by the stack';
    client.send(answerFrame(frame.id, `NOK|Server error: ${reason}`));
    return;
  }
  const { extra } = clientHeaders(frame.sip);
  const hasType = extra.some((one) => one.name.toLowerCase() === 'content-type');
  if (message.body.startsWith('v=0') && !hasType) {
    extra.push({ name: 'Content-Type', value: 'application/sdp' });
  }
  acknowledge(ctx, uac, { extra, body: message.body }, (result) => {
    if (!result.ok) {
      client.send(answerFrame(frame.id, `NOK|${result.reason}`));
      return;
    }
    const { text, path } = result;
    const now = ctx.clock.now();
    const echo = { text, path, now, txnId: uac.id, dialogId: id, isSent: true };
    client.send(requestEcho(frame.id, echo));
  });
}
