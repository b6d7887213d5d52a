/** Dialogs that peers begin with us, and what their later requests change in them. */
import type { Context, UasTx } from './context.ts';
import { ownContact } from './compose.ts';
import { dialogId, type DialogEntry, type DialogState } from './dialogs.ts';
import { leadingNumber, lists, param, parseNameAddr, splitLists } from './headers.ts';
import { header, headerValues, type Header, type SipMessage } from './message.ts';
import type { Path } from './path.ts';
import { ipFamily, parseUri } from './uri.ts';

/** A subscription ends by itself this long after its last promise. */
const EXPIRY_MARGIN_MS = 64_000;
const DEFAULT_SUBSCRIPTION_SECONDS = 3_600;

/** The URI of the (first) Contact; null if there is none that we can send to. */
export function contactUri(message: SipMessage): string | null {
  const first = splitLists(headerValues(message, 'contact'))[0];
  const uri = first === undefined ? null : (parseNameAddr(first)?.uri ?? null);
  return uri !== null && parseUri(uri)?.scheme === 'sip' ? uri : null;
}

/** When a subscription lapses, as either side last said it; `now` + an hour if nobody did. */
export function subscriptionEnd(message: SipMessage, now: number): number {
  const state = header(message, 'subscription-state');
  const semicolon = state.indexOf(';');
  const inState = semicolon < 0 ? null : param(state.slice(semicolon), 'expires');
  const seconds = leadingNumber(inState ?? header(message, 'expires'));
  const bounded = seconds < 0 ? DEFAULT_SUBSCRIPTION_SECONDS : Math.min(seconds, 86_400 * 7);
  return now + bounded * 1000 + EXPIRY_MARGIN_MS;
}

/**
 * Is this the NOTIFY that ends the dialog of a SUBSCRIBE? In a call it ends the subscription of a
 * REFER only (RFC 3515 section 2.4.7), and the call goes on (RFC 5057 section 4.1).
 */
export function endsSubscription(
  entry: DialogEntry,
  message: { method: string; headers: Header[] },
): boolean {
  const isLast = /^\s*terminated/i.test(header(message, 'subscription-state'));
  return message.method === 'NOTIFY' && isLast && entry.state.method === 'SUBSCRIBE';
}

/** 2 for public addresses, 1 for private ones, 0 for loopback. */
function reach(address: string): number {
  if (address.startsWith('127.') || address === '::1') return 0;
  const isPrivate = /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/;
  const isShared = /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;
  return isPrivate.test(address) || isShared.test(address) || /^f[cde]/i.test(address) ? 1 : 2;
}

/**
 * Where to send if the Contact is not where the peer was seen, and no proxy asked to stay in the
 * way: back to where it was seen. On a connection that is always so.
 */
function seenAtOfRequest(message: SipMessage, path: Path): DialogState['seenAt'] {
  if (headerValues(message, 'record-route').length > 0) return null;
  // A second Via: this is a proxy that wants no part in the dialog, not the peer.
  if (splitLists(headerValues(message, 'via')).length > 1) return seenThroughProxy(message, path);
  if (path.proto === 'tcp') return { address: path.address, port: path.port };
  const uri = parseUri(contactUri(message) ?? '');
  if (uri === null) return { address: path.address, port: path.port };
  const port = uri.port === 0 ? 5060 : uri.port;
  // A name is not resolved here just to compare: the packet's source is certain to be right.
  const isSame = uri.host === path.address && port === path.port;
  return isSame ? null : { address: path.address, port: path.port };
}

/** The same for a response, of which nobody can tell whether it came through a proxy. */
export function seenAtOfResponse(message: SipMessage, path: Path): DialogState['seenAt'] {
  if (headerValues(message, 'record-route').length > 0) return null;
  const uri = parseUri(contactUri(message) ?? '');
  if (path.proto === 'tcp' && uri?.host === path.address) {
    return { address: path.address, port: path.port };
  }
  return seenThroughProxy(message, path);
}

/** The source need not be the peer: its Contact is distrusted only if we cannot reach it. */
function seenThroughProxy(message: SipMessage, path: Path): DialogState['seenAt'] {
  const uri = parseUri(contactUri(message) ?? '');
  const seen = { address: path.address, port: path.port };
  if (uri === null || uri.host.endsWith('.invalid')) return seen;
  if (ipFamily(uri.host) === 0 || uri.host === path.address) return null;
  const ofContact = reach(uri.host);
  const ofSource = reach(path.address);
  return ofContact === ofSource || (ofContact > ofSource && ofSource !== 0) ? null : seen;
}

/** The dialog a response of ours with a To tag begins (RFC 3261 section 12.1.1). */
export function beginUasDialog(ctx: Context, uas: UasTx, contact: string): DialogEntry {
  const { received } = uas;
  const { message, path } = received;
  const isSubscribe = message.method === 'SUBSCRIBE';
  return ctx.dialogs.add({
    id: dialogId(received.callId, received.fromTag),
    callId: received.callId,
    localTag: uas.toTag,
    remoteTag: received.fromTag,
    role: 'uas',
    method: message.method,
    isConfirmed: false,
    local: `${received.to};tag=${uas.toTag}`,
    remote: received.from,
    // RFC 3261 section 12.1.1: our own numbering begins with our first request.
    localCSeq: Math.floor(ctx.clock.now() / 1000) % 1_000_000,
    remoteCSeq: received.cseq.seq,
    target: contactUri(message) ?? '',
    routes: splitLists(headerValues(message, 'record-route')),
    contact: contact === '' ? ownContact(path) : contact,
    proto: path.proto,
    listener: path.listener,
    seenAt: seenAtOfRequest(message, path),
    peerAllowsUpdate: lists(headerValues(message, 'allow'), 'update'),
    localSdp: '',
    remoteSdp: '',
    sessionTimer: null,
    owner: uas.owner,
    expiresAt: isSubscribe ? subscriptionEnd(message, ctx.clock.now()) : 0,
    since: uas.since,
    acked: null,
  });
}

/** An accepted request of the peer moves its target (RFC 3261 section 12.2.2). */
export function refreshTarget(entry: DialogEntry, message: SipMessage, path: Path): void {
  const uri = contactUri(message);
  if (uri === null) return;
  const { state } = entry;
  state.target = uri;
  if (state.routes.length === 0) state.seenAt = seenAtOfRequest(message, path);
}

/** So does its 2xx to one of ours (RFC 3261 section 12.2.1.2). */
export function refreshTargetBy2xx(entry: DialogEntry, message: SipMessage, path: Path): void {
  const uri = contactUri(message);
  if (uri === null) return;
  const { state } = entry;
  state.target = uri;
  if (state.routes.length === 0) state.seenAt = seenAtOfResponse(message, path);
}
