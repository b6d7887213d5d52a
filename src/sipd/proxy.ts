/**
 * A stateful proxy (RFC 3261 section 16): one request from the network goes on to one target after
 * the other or to all at once, provisional answers and every 2xx come back at once, and of the
 * refusals the best when all have been heard. Who asked for it, a client or the route of a dialog
 * that went through us, is told of each final answer.
 */
import type { ClientTx } from './client-tx.ts';
import type { Timer } from './clock.ts';
import { composeRequest, type RequestParts } from './compose.ts';
import type { Context } from './context.ts';
import { forwardedRequest, forwardedResponse, recordRoutes, type Onward } from './forward.ts';
import { param, parseNameAddr, splitLists } from './headers.ts';
import { MAX_PROXY_TARGETS, PROCEEDING_MS, T64 } from './limits.ts';
import { headerValues, type Header, type SipMessage } from './message.ts';
import { nextHop, pathToUri, rejectionAck } from './outgoing.ts';
import type { Path } from './path.ts';
import type { Received } from './received.ts';
import { reject } from './refusal.ts';
import type { ServerTx } from './server-tx.ts';

/** Where the request may go: the new Request-URI, and the next hop if that is another. */
export interface ProxyTarget {
  uri: string;
  /** URI to send to; '' for the first route, or else the Request-URI. */
  hop: string;
}

export interface ProxyWish {
  targets: ProxyTarget[];
  isParallel: boolean;
  staysInDialog: boolean;
  followsRedirects: boolean;
  /** Milliseconds for a first sign of a target, and for its final answer; 0 for no such limit. */
  provisionalMs: number;
  finalMs: number;
  routes: string[];
  extra: Header[];
  onFinal: (response: Received) => void;
  /** Called once, when the answer is decided. */
  onDone: () => void;
}

interface Branch {
  parts: RequestParts;
  branch: string;
  path: Path;
  tx: ClientTx | null;
  hasProvisional: boolean;
  /** Its final answer is in, or nobody waits for it any more. */
  isOver: boolean;
  isCancelWanted: boolean;
  isCancelSent: boolean;
  timers: Map<'provisional' | 'final' | 'c' | 'cancelled', Timer>;
}

/** A refusal: as it came, or only a number where nothing came. */
interface Refusal {
  status: number;
  response: Received | null;
}

/** RFC 3261 section 16.7: the response context. */
export interface Proxying {
  received: Received;
  tx: ServerTx;
  wish: ProxyWish;
  waiting: ProxyTarget[];
  since: number;
  branches: Set<Branch>;
  /** Targets whose address is being looked up. */
  resolving: number;
  /** Of all targets together, redirections included. */
  tried: number;
  refusals: Refusal[];
  isCancelled: boolean;
  isDecided: boolean;
}

/** Begins. The caller has seen to Max-Forwards. */
export function beginProxy(
  ctx: Context,
  received: Received,
  tx: ServerTx,
  wish: ProxyWish,
): Proxying {
  const waiting = wish.targets.slice(0, MAX_PROXY_TARGETS);
  const proxying: Proxying = {
    received,
    tx,
    wish,
    waiting,
    since: ctx.clock.now(),
    branches: new Set(),
    resolving: 0,
    tried: 0,
    refusals: [],
    isCancelled: false,
    isDecided: false,
  };
  if (tx.isInvite) ctx.proxied.set(tx, proxying);
  goOn(ctx, proxying);
  return proxying;
}

/** RFC 3261 section 16.10: nothing new is tried, and what rings is cancelled. */
export function cancelProxy(ctx: Context, proxying: Proxying): void {
  proxying.isCancelled = true;
  proxying.waiting = [];
  for (const one of proxying.branches) cancelBranch(ctx, proxying, one);
  goOn(ctx, proxying);
}

function goOn(ctx: Context, proxying: Proxying): void {
  const { wish, waiting, tx, since } = proxying;
  const isBusy = (): boolean =>
    proxying.resolving > 0 || [...proxying.branches].some((one) => !one.isOver);
  // Whoever sent anything but an INVITE waits no longer for an answer (timer F).
  const isLate = !tx.isInvite && ctx.clock.now() - since >= T64;
  if (isLate) waiting.splice(0);
  while (!proxying.isDecided && (wish.isParallel || !isBusy())) {
    const target = waiting.shift();
    if (target === undefined) break;
    proxying.tried += 1;
    tryTarget(ctx, proxying, target);
  }
  if (!isBusy() && proxying.waiting.length === 0) decide(proxying);
}

function tryTarget(ctx: Context, proxying: Proxying, target: ProxyTarget): void {
  const { received, wish } = proxying;
  const { uri, routes } = { uri: target.uri, routes: wish.routes };
  const hop = target.hop === '' ? nextHop(uri, routes) : target.hop;
  proxying.resolving += 1;
  const preferred = { proto: 'udp', listener: received.path.listener } as const;
  pathToUri(ctx, hop, preferred, (found) => {
    proxying.resolving -= 1;
    if (proxying.isDecided) return;
    if (proxying.isCancelled) refused(ctx, proxying, { status: 487, response: null });
    // RFC 3261 section 16.9: what cannot be sent counts as refused with 503.
    else if (!found.ok) refused(ctx, proxying, { status: 503, response: null });
    else if (ctx.transports.isOwn(found.path.proto, found.path.address, found.path.port)) {
      refused(ctx, proxying, { status: 482, response: null });
    } else {
      const records = wish.staysInDialog ? recordRoutes(ctx, received, found.path) : [];
      const { extra } = wish;
      startBranch(ctx, proxying, found.path, { uri, routes, recordRoutes: records, extra });
    }
  });
}

function startBranch(ctx: Context, proxying: Proxying, path: Path, onward: Onward): void {
  const { branch, ...parts } = forwardedRequest(proxying.received, path, onward);
  const { method } = parts;
  const one: Branch = {
    parts,
    branch,
    path,
    tx: null,
    hasProvisional: false,
    isOver: false,
    isCancelWanted: false,
    isCancelSent: false,
    timers: new Map(),
  };
  proxying.branches.add(one);
  const { provisionalMs, finalMs } = proxying.wish;
  const giveUp = (): void => {
    giveUpOn(ctx, proxying, one);
  };
  if (provisionalMs > 0) one.timers.set('provisional', ctx.clock.after(provisionalMs, giveUp));
  if (finalMs > 0) one.timers.set('final', ctx.clock.after(finalMs, giveUp));
  // Timer C (RFC 3261 section 16.6 step 11).
  if (method === 'INVITE') one.timers.set('c', ctx.clock.after(PROCEEDING_MS, giveUp));
  const text = composeRequest(parts);
  const failed = (status: number): void => {
    if (settle(one)) refused(ctx, proxying, { status, response: null });
  };
  one.tx = ctx.clientTxs.start(
    { branch, method, text, path, ackFor: rejectionAck(parts) },
    {
      onResponse: (response) => {
        onResponse(ctx, proxying, one, response);
      },
      onTimeout: () => {
        failed(408);
      },
      onTransportError: () => {
        failed(503);
      },
    },
  );
}

/** @returns false if it was over already */
function settle(one: Branch): boolean {
  for (const timer of one.timers.values()) timer.cancel();
  one.timers.clear();
  if (one.isOver) return false;
  one.isOver = true;
  return true;
}

/** This target had its time: it is cancelled, and the next one tried without waiting for it. */
function giveUpOn(ctx: Context, proxying: Proxying, one: Branch): void {
  if (!settle(one)) return;
  cancelBranch(ctx, proxying, one);
  refused(ctx, proxying, { status: 408, response: null });
}

function onResponse(ctx: Context, proxying: Proxying, one: Branch, response: Received): void {
  const { status } = response.message;
  if (status < 200) {
    one.hasProvisional = true;
    one.timers.get('provisional')?.cancel();
    if (one.isCancelWanted) cancelBranch(ctx, proxying, one);
    // RFC 3261 section 16.7 step 2: 100 means the next hop only, and so does not go back.
    if (status === 100 || one.isOver) return;
    restartTimerC(ctx, proxying, one);
    if (proxying.isDecided) return;
    const text = forwardedResponse(response, []);
    if (text !== null) proxying.tx.respond(status, text);
    return;
  }
  const isNew = settle(one);
  if (status < 300) accepted(ctx, proxying, one, response);
  else if (isNew) {
    if (!proxying.isDecided) proxying.wish.onFinal(response);
    refused(ctx, proxying, { status, response });
  }
}

function restartTimerC(ctx: Context, proxying: Proxying, one: Branch): void {
  if (one.timers.get('c') === undefined) return;
  one.timers.get('c')?.cancel();
  const again = ctx.clock.after(PROCEEDING_MS, () => {
    giveUpOn(ctx, proxying, one);
  });
  one.timers.set('c', again);
}

/** RFC 3261 section 16.7 steps 5 and 10: a 2xx goes back at once, and nobody else may ring on. */
function accepted(ctx: Context, proxying: Proxying, one: Branch, response: Received): void {
  const { tx } = proxying;
  const text = forwardedResponse(response, []);
  if (proxying.isDecided) {
    // Repeated by the callee, or of a second one who answered: the caller must know of each.
    if (tx.isInvite && text !== null) tx.sendAgain(text);
    return;
  }
  if (text === null) {
    // The callee dropped the Vias of those before us: nobody else can be meant.
    refused(ctx, proxying, { status: 500, response: null });
    return;
  }
  proxying.wish.onFinal(response);
  proxying.isDecided = true;
  proxying.waiting = [];
  tx.respond(response.message.status, text);
  for (const other of proxying.branches) if (other !== one) cancelBranch(ctx, proxying, other);
  proxying.wish.onDone();
}

/** Where a 3xx points, the most wanted first (RFC 3261 section 8.1.3.4). */
function redirections(message: SipMessage): ProxyTarget[] {
  return splitLists(headerValues(message, 'contact'))
    .map((value) => parseNameAddr(value))
    .filter((contact) => contact !== null)
    .filter(({ uri }) => uri.startsWith('sip:'))
    .toSorted((a, b) => preference(b.params) - preference(a.params))
    .map(({ uri }) => ({ uri, hop: '' }));

  /** RFC 3261 section 20.10: from 0 to 1, and 1 if nothing is said. */
  function preference(params: string): number {
    const q = Number(param(params, 'q') ?? 1);
    return Number.isNaN(q) ? 1 : q;
  }
}

function refused(ctx: Context, proxying: Proxying, refusal: Refusal): void {
  const { wish, waiting } = proxying;
  const { status, response } = refusal;
  const isRedirect = status >= 300 && status < 400 && response !== null && wish.followsRedirects;
  if (isRedirect && !proxying.isCancelled) {
    // They stand for who sent us there: before those that the client named after him.
    const room = MAX_PROXY_TARGETS - proxying.tried - waiting.length;
    waiting.unshift(...redirections(response.message).slice(0, Math.max(room, 0)));
  }
  proxying.refusals.push(refusal);
  if (status >= 600) {
    // RFC 3261 section 16.7 step 5: refused everywhere.
    proxying.waiting = [];
    for (const one of proxying.branches) cancelBranch(ctx, proxying, one);
  }
  goOn(ctx, proxying);
}

function cancelBranch(ctx: Context, proxying: Proxying, one: Branch): void {
  const isFinished = one.tx === null || one.tx.isFinished || one.tx.state === 'terminated';
  if (one.parts.method !== 'INVITE' || isFinished || one.isCancelSent) return;
  one.isCancelWanted = true;
  // RFC 3261 section 9.1: not before something was heard.
  if (!one.hasProvisional) return;
  one.isCancelSent = true;
  const cancel = { ...one.parts, method: 'CANCEL', maxForwards: '70', extra: [], body: '' };
  const request = {
    branch: one.branch,
    method: 'CANCEL',
    text: composeRequest(cancel),
    path: one.path,
    ackFor: rejectionAck(one.parts),
  };
  const ignore = (): void => undefined;
  const user = { onResponse: ignore, onTimeout: ignore, onTransportError: ignore };
  ctx.clientTxs.start(request, user);
  // With no final answer in 64*T1 it counts as cancelled.
  const end = ctx.clock.after(T64, () => {
    one.tx?.terminate();
    if (settle(one)) refused(ctx, proxying, { status: 487, response: null });
  });
  one.timers.get('cancelled')?.cancel();
  one.timers.set('cancelled', end);
}

/** Within 4xx those that tell the caller what to change (RFC 3261 section 16.7 step 6). */
const helpful = new Set([401, 407, 415, 420, 484]);

/** Lower is better. */
function rank(status: number): number {
  if (status >= 600) return 0;
  return Math.floor(status / 100) * 10 + (helpful.has(status) ? 0 : 1);
}

function decide(proxying: Proxying): void {
  if (proxying.isDecided) return;
  proxying.isDecided = true;
  const { received, tx, refusals, wish, isCancelled } = proxying;
  const isRedirect = ({ status }: Refusal): boolean => status >= 300 && status < 400;
  // Redirections that were followed are no answers; if nothing else came, they are all we have.
  const others = wish.followsRedirects ? refusals.filter((one) => !isRedirect(one)) : refusals;
  const best = (others.length > 0 ? others : refusals).toSorted(
    (a, b) => rank(a.status) - rank(b.status),
  )[0] ?? { status: isCancelled ? 487 : 480, response: null };
  const status = best.status === 503 ? 500 : best.status;
  const text = best.response === null ? null : forwardedResponse(best.response, challenges());
  // Step 6: 503 would say that we ourselves are overloaded.
  if (text !== null && best.status !== 503) tx.respond(status, text);
  // RFC 4320 section 4.2: a 408 to anything but INVITE comes too late to be of use.
  else if (status === 408 && !tx.isInvite) tx.terminate();
  else reject(received, tx, status, []);
  wish.onDone();

  /** Step 7: the caller needs all challenges, not only those of the best. */
  function challenges(): Header[] {
    if (best.status !== 401 && best.status !== 407) return [];
    return refusals
      .filter((one) => one !== best && (one.status === 401 || one.status === 407))
      .flatMap(({ response }) => response?.message.headers ?? [])
      .filter(({ name }) => name === 'www-authenticate' || name === 'proxy-authenticate');
  }
}
