/**
 * The two ways into the proxy: a client that says `proxy` of a request it was given, and requests
 * of dialogs that went through us and named us in their routes.
 */
import { clientHeaders } from './answer.ts';
import type { Client } from './clients.ts';
import { composeRequest } from './compose.ts';
import type { Context } from './context.ts';
import { answerFrame, proxyFrame, type Frame } from './drachtio-protocol.ts';
import { forwardedRequest, hopsLeft, withoutOwnRoutes } from './forward.ts';
import { MAX_TIMER_MS } from './limits.ts';
import { nextHop, pathToUri } from './outgoing.ts';
import { isLoop } from './overload.ts';
import { beginProxy, type ProxyTarget } from './proxy.ts';
import type { Received } from './received.ts';
import { dropIncoming } from './records.ts';
import { reject } from './refusal.ts';
import type { ServerTx } from './server-tx.ts';
import { bracketed, parseUri } from './uri.ts';

/** `2s`, `1500ms`, or milliseconds; 0 for none. */
function milliseconds(text: string): number {
  const match = /^(\d{1,9})\s*(s|ms)?$/.exec(text.trim());
  if (match === null) return 0;
  return Math.min(Number(match[1]) * (match[2] === 's' ? 1000 : 1), MAX_TIMER_MS);
}

/**
 * A destination with a user is the new Request-URI. One without is where to send: the user stays,
 * and so does the host unless it was ours.
 */
function targetOf(received: Received, uri: string, destination: string): ProxyTarget {
  const given = parseUri(destination);
  if (given === null || given.user !== '') return { uri: destination, hop: '' };
  const asked = parseUri(uri);
  const { path } = received;
  const isOurs = asked?.host === path.ownHost && (asked.port || 5060) === path.ownPort;
  if (!isOurs || asked === null) return { uri, hop: destination };
  const port = given.port === 0 ? '' : `:${given.port}`;
  const user = asked.user === '' ? '' : `${asked.user}@`;
  return { uri: `sip:${user}${bracketed(given.host)}${port}${given.params}`, hop: destination };
}

/** `proxy|txnId|remainInDialog|fullResponse|followRedirects|simultaneous|provisional|final|to…` */
export function onProxy(ctx: Context, client: Client, frame: Frame): void {
  const [txnId = '', stays = '', full = '', follow = '', mode = '', ...rest] = frame.args;
  const [provisional = '', final = '', ...destinations] = rest;
  const say = (verdict: string): void => {
    client.send(answerFrame(frame.id, verdict));
  };
  const uas = ctx.uas.get(txnId);
  // Who has begun to answer, or was asked inside his own dialog, is an end and no proxy.
  if (uas === undefined || uas.tx.isAnswered || uas.dialog !== null) {
    say(`NOK|Unknown transaction id: ${txnId.slice(0, 64)}`);
    return;
  }
  const { received, tx } = uas;
  const { uri, routes } = withoutOwnRoutes(ctx, received);
  const wanted = destinations.filter((one) => one !== '');
  uas.watch?.cancel();
  ctx.uas.delete(uas.id);
  ctx.unheard.delete(uas);
  if (hopsLeft(received) === 0) {
    // RFC 3261 section 16.3.
    reject(received, tx, 483, []);
    dropIncoming(ctx, uas.id);
    say('NOK|Rejected with 483 Too Many Hops due to Max-Forwards value of 0');
    return;
  }
  const isFull = full !== '';
  beginProxy(ctx, received, tx, {
    targets: wanted.map((destination) => targetOf(received, uri, destination)),
    isParallel: mode === 'simultaneous',
    staysInDialog: stays !== '',
    followsRedirects: follow !== '',
    provisionalMs: milliseconds(provisional),
    finalMs: milliseconds(final),
    routes,
    extra: clientHeaders(frame.sip).extra,
    onFinal: ({ text, path }) => {
      if (isFull) client.send(proxyFrame(frame.id, { text, path, now: ctx.clock.now() }));
    },
    onDone: () => {
      dropIncoming(ctx, uas.id);
      if (isFull) say('OK|done');
    },
  });
  if (!isFull) say('OK|done');
}

/** What a service wants done with a new request (`--outbound`); durations as clients write them. */
export interface ProxyOrder {
  destinations: string[];
  staysInDialog: boolean;
  followsRedirects: boolean;
  isParallel: boolean;
  provisional: string;
  final: string;
}

/** Passes a new request on of which no client has heard. */
export function passOn(ctx: Context, received: Received, tx: ServerTx, order: ProxyOrder): void {
  if (hopsLeft(received) === 0) {
    // RFC 3261 section 16.3.
    reject(received, tx, 483, []);
    return;
  }
  const { uri, routes } = withoutOwnRoutes(ctx, received);
  const nothing = (): void => undefined;
  beginProxy(ctx, received, tx, {
    targets: order.destinations.map((destination) => targetOf(received, uri, destination)),
    isParallel: order.isParallel,
    staysInDialog: order.staysInDialog,
    followsRedirects: order.followsRedirects,
    provisionalMs: milliseconds(order.provisional),
    finalMs: milliseconds(order.final),
    routes,
    extra: [],
    onFinal: nothing,
    onDone: nothing,
  });
}

/** A request of a dialog that goes through us (RFC 3261 section 16.12). */
export function relay(ctx: Context, received: Received, tx: ServerTx): void {
  if (hopsLeft(received) === 0) {
    reject(received, tx, 483, []);
    return;
  }
  if (isLoop(ctx, received)) {
    reject(received, tx, 482, []);
    return;
  }
  const { uri, routes } = withoutOwnRoutes(ctx, received);
  const nothing = (): void => undefined;
  beginProxy(ctx, received, tx, {
    targets: [{ uri, hop: '' }],
    isParallel: false,
    staysInDialog: false,
    followsRedirects: false,
    provisionalMs: 0,
    finalMs: 0,
    routes,
    extra: [],
    onFinal: nothing,
    onDone: nothing,
  });
}

/** The ACK of a 2xx passes without a transaction (RFC 3261 section 16.11). */
export function relayAck(ctx: Context, received: Received): void {
  if (hopsLeft(received) === 0) return;
  const { uri, routes } = withoutOwnRoutes(ctx, received);
  const preferred = { proto: 'udp', listener: received.path.listener } as const;
  pathToUri(ctx, nextHop(uri, routes), preferred, (found) => {
    if (!found.ok) {
      ctx.log.info(`ACK of ${received.callId} has nowhere to go: ${found.reason}`);
      return;
    }
    const { path } = found;
    if (ctx.transports.isOwn(path.proto, path.address, path.port)) return;
    const onward = { uri, routes, recordRoutes: [], extra: [] };
    path.send(composeRequest(forwardedRequest(received, path, onward)));
  });
}
