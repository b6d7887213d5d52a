/**
 * What a proxy changes in messages that pass through it (RFC 3261 sections 16.4, 16.6, 16.7): our
 * Via on top and off again, Max-Forwards, Route and Record-Route. A Record-Route of ours carries a
 * mark made of the Call-ID and a secret: only requests of a dialog that went through us may come
 * by it, so that nobody can use us to reach others.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { composeVia, ownPlace, type RequestParts } from './compose.ts';
import type { Context } from './context.ts';
import { parseNameAddr, splitList, splitLists } from './headers.ts';
import { newBranch } from './ids.ts';
import { canonicalName, header, headerValues, rawHeaders, type Header } from './message.ts';
import { routed } from './outgoing.ts';
import type { Path } from './path.ts';
import type { Received } from './received.ts';
import { parseUri, uriParam } from './uri.ts';

/** URI parameter of our Record-Route that holds the mark. */
const MARK = 'via-acd';
const MARK_LETTERS = 20;

function markOf(key: string, callId: string): string {
  return createHmac('sha256', key).update(callId, 'latin1').digest('hex').slice(0, MARK_LETTERS);
}

function hasMark(ctx: Context, uriText: string, callId: string): boolean {
  const mark = uriParam(parseUri(uriText)?.params ?? '', MARK);
  if (mark?.length !== MARK_LETTERS) return false;
  const wanted = Buffer.from(markOf(ctx.routeKey, callId), 'latin1');
  return timingSafeEqual(Buffer.from(mark, 'latin1'), wanted);
}

function ownRoute(ctx: Context, path: Path, callId: string): string {
  const transport = path.proto === 'tcp' ? ';transport=tcp' : '';
  return `<sip:${ownPlace(path)}${transport};lr;${MARK}=${markOf(ctx.routeKey, callId)}>`;
}

/**
 * The Record-Route values that keep us in the way of the dialog, ours towards the callee first. A
 * proxy between two protocols or networks names itself for each of them (RFC 5658).
 */
export function recordRoutes(ctx: Context, received: Received, out: Path): string[] {
  const towardsCallee = ownRoute(ctx, out, received.callId);
  const towardsCaller = ownRoute(ctx, received.path, received.callId);
  return towardsCallee === towardsCaller ? [towardsCallee] : [towardsCallee, towardsCaller];
}

function uriOf(value: string): string {
  return parseNameAddr(value)?.uri ?? '';
}

/** Does this request belong to a dialog whose requests pass through us? */
export function passesThroughUs(ctx: Context, received: Received): boolean {
  const { message, callId, toTag } = received;
  const first = splitLists(headerValues(message, 'route'))[0];
  if (toTag === '' || (first === undefined && !message.uri.includes(MARK))) return false;
  return hasMark(ctx, message.uri, callId) || hasMark(ctx, uriOf(first ?? ''), callId);
}

/** RFC 3261 section 16.4: Request-URI and routes without those that brought the request to us. */
export function withoutOwnRoutes(
  ctx: Context,
  received: Received,
): { uri: string; routes: string[] } {
  const { message, callId } = received;
  let { uri } = message;
  const routes = splitLists(headerValues(message, 'route'));
  if (hasMark(ctx, uri, callId)) uri = uriOf(routes.pop() ?? '');
  const isOurs = (value: string): boolean => {
    if (hasMark(ctx, uriOf(value), callId)) return true;
    // A route the sender was configured with names our address and bears no mark.
    const place = parseUri(uriOf(value));
    const { path } = received;
    return place?.host === path.ownHost && (place.port || 5060) === path.ownPort;
  };
  while (routes[0] !== undefined && isOurs(routes[0])) routes.shift();
  return { uri, routes };
}

/** The number of hops left; -1 if the header is missing. */
export function hopsLeft(received: Received): number {
  const text = header(received.message, 'max-forwards');
  return text === '' ? -1 : Number(text);
}

/** Written anew by us; everything else goes on as it came. */
const rewritten = new Set(['max-forwards', 'from', 'to', 'call-id', 'cseq', 'route']);

export interface Onward {
  uri: string;
  routes: string[];
  recordRoutes: string[];
  /** Of the client: in place of headers of the same name. */
  extra: Header[];
}

/** The request as it leaves us (RFC 3261 section 16.6). */
export function forwardedRequest(
  received: Received,
  path: Path,
  onward: Onward,
): RequestParts & { branch: string } {
  const { message, from, to, callId, cseq } = received;
  const replaced = new Set(onward.extra.map((one) => canonicalName(one.name)));
  const branch = newBranch();
  const kept = rawHeaders(received.text).filter(({ name }) => {
    const known = canonicalName(name);
    return !rewritten.has(known) && known !== 'content-length' && !replaced.has(known);
  });
  const hops = hopsLeft(received);
  const own = onward.recordRoutes.map((value) => ({ name: 'Record-Route', value }));
  return {
    method: message.method,
    ...routed(onward.uri, onward.routes),
    via: composeVia(path, branch),
    maxForwards: String(hops < 0 ? 70 : hops - 1),
    from,
    to,
    callId,
    cseq: cseq.seq,
    extra: [...own, ...kept, ...onward.extra],
    body: message.body,
    branch,
  };
}

/**
 * The response as it goes back (RFC 3261 section 16.7 step 3): without the Via that was ours.
 * @param extra challenges of other branches
 * @returns null if no Via is left: it was meant for us alone
 */
export function forwardedResponse(response: Received, extra: Header[]): string | null {
  const { message } = response;
  let text = `SIP/2.0 ${message.status} ${message.reason}\r\n`;
  let vias = 0;
  let isFirst = true;
  for (const { name, value } of [...rawHeaders(response.text), ...extra]) {
    const known = canonicalName(name);
    if (known === 'content-length') continue;
    if (known !== 'via') {
      text += `${name}: ${value}\r\n`;
      continue;
    }
    const rest = isFirst ? splitList(value).slice(1) : [value];
    isFirst = false;
    if (rest.length === 0) continue;
    vias += 1;
    text += `Via: ${rest.join(', ')}\r\n`;
  }
  if (vias === 0) return null;
  return `${text}Content-Length: ${message.body.length}\r\n\r\n${message.body}`;
}
