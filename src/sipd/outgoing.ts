/**
 * Requests inside a dialog (RFC 3261 section 12.2.1), whoever wants them sent: addressing, route
 * set, CSeq; and the few that this server sends on its own account.
 */
import type { Context } from './context.ts';
import { composeRequest, composeVia, type RequestParts } from './compose.ts';
import type { DialogEntry, DialogState } from './dialogs.ts';
import { unsolicitedFrame } from './drachtio-protocol.ts';
import { parseNameAddr } from './headers.ts';
import { newBranch } from './ids.ts';
import { MAX_FAREWELLS } from './limits.ts';
import { header, type Header } from './message.ts';
import type { Path } from './path.ts';
import type { Received } from './received.ts';
import { protoOf } from './resolve.ts';
import { parseUri, uriParam } from './uri.ts';

export type PathResult = { ok: true; path: Path } | { ok: false; reason: string };

/** The path to a URI; `done` is called at once if the URI names a literal address. */
export function pathToUri(
  ctx: Context,
  text: string,
  preferred: { proto: 'udp' | 'tcp'; listener: string },
  done: (result: PathResult) => void,
): void {
  const uri = parseUri(text);
  if (uri === null || uri.scheme === 'sips') {
    done({ ok: false, reason: 'unsupported URI' });
    return;
  }
  const proto = protoOf(uri, preferred.proto);
  if (proto === null || !ctx.transports.speaks(proto)) {
    done({ ok: false, reason: 'requested protocol/transport not available' });
    return;
  }
  // RFC 3263 section 4: maddr overrules the host.
  const maddr = uriParam(uri.params, 'maddr');
  const place = maddr === null || maddr === '' ? uri : { ...uri, host: maddr };
  ctx.names.resolve(place, proto, (result) => {
    if (!result.ok) {
      done(result);
      return;
    }
    const { address, port } = result.target;
    const path = ctx.transports.pathTo(proto, address, port, preferred.listener);
    if (path === null) done({ ok: false, reason: 'requested protocol/transport not available' });
    else done({ ok: true, path });
  });
}

/** Where the next request of a dialog goes. */
export function dialogPath(
  ctx: Context,
  state: DialogState,
  done: (result: PathResult) => void,
): void {
  if (state.routes.length > 0) {
    pathToUri(ctx, nextHop(state.target, state.routes), state, done);
    return;
  }
  if (state.seenAt !== null) {
    const { address, port } = state.seenAt;
    const path =
      state.proto === 'tcp'
        ? ctx.transports.openTcp(address, port)
        : ctx.transports.pathTo('udp', address, port, state.listener);
    if (path !== null) {
      done({ ok: true, path });
      return;
    }
  }
  pathToUri(ctx, state.target, state, done);
}

/** Request-URI and Route headers that lead to `target` by way of `routes`. */
export function routed(target: string, routes: string[]): { uri: string; routes: string[] } {
  const first = routes[0] === undefined ? null : parseNameAddr(routes[0]);
  if (first === null || uriParam(parseUri(first.uri)?.params ?? '', 'lr') !== null) {
    return { uri: target, routes };
  }
  // A strict router (RFC 3261 sections 12.2.1.1, 16.6 step 6): it wants to be the Request-URI.
  return { uri: first.uri, routes: [...routes.slice(1), `<${target}>`] };
}

/** The URI such a request is sent to. */
export function nextHop(target: string, routes: string[]): string {
  return routes[0] === undefined ? target : (parseNameAddr(routes[0])?.uri ?? '');
}

export function dialogRequest(
  state: DialogState,
  path: Path,
  request: { method: string; cseq: number; extra: Header[]; body: string; maxForwards?: string },
): RequestParts & { branch: string } {
  const branch = newBranch();
  return {
    method: request.method,
    ...routed(state.target, state.routes),
    via: composeVia(path, branch),
    maxForwards: request.maxForwards ?? '70',
    from: state.local,
    to: state.remote,
    callId: state.callId,
    cseq: request.cseq,
    extra: request.extra,
    body: request.body,
    branch,
  };
}

/** RFC 3261 section 17.1.1.3: same branch, To of the response. */
export function rejectionAck(parts: RequestParts): (response: Received) => string {
  return (response) =>
    composeRequest({
      ...parts,
      method: 'ACK',
      to: header(response.message, 'to'),
      maxForwards: '70',
      extra: [],
      body: '',
    });
}

/** @param status 0 if nothing came */
export type OnFinal = (status: number, response: Received | null) => void;

/** Sends a request of our own in a dialog. */
export function sendOwn(
  ctx: Context,
  state: DialogState,
  request: { method: string; extra: Header[]; body: string },
  onFinal: OnFinal,
): void {
  state.localCSeq += 1;
  const cseq = state.localCSeq;
  dialogPath(ctx, state, (found) => {
    if (!found.ok) {
      onFinal(503, null);
      return;
    }
    const parts = dialogRequest(state, found.path, { ...request, cseq });
    const text = composeRequest(parts);
    let isDone = false;
    const finish = (status: number, response: Received | null): void => {
      if (isDone && status !== 200) return;
      isDone = true;
      onFinal(status, response);
    };
    const { method } = request;
    const wire = { branch: parts.branch, method, text, path: found.path };
    ctx.clientTxs.start(
      { ...wire, ackFor: rejectionAck(parts) },
      {
        onResponse: (response) => {
          const { status } = response.message;
          if (status >= 200) finish(status, response);
        },
        onTimeout: () => {
          finish(408, null);
        },
        onTransportError: () => {
          finish(503, null);
        },
      },
    );
    if (method === 'BYE') tellUnsolicited(ctx, state, text, found.path);
  });
}

/** A request of our own in a dialog, as its client is told of it. */
export function tellUnsolicited(ctx: Context, state: DialogState, text: string, path: Path): void {
  const now = ctx.clock.now();
  const frame = unsolicitedFrame({ text, path, now, txnId: '', dialogId: state.id });
  ctx.clients.deliver(state.owner, state.id, frame, () => {
    ctx.log.info(`nobody came to hear of our own request in ${state.id}`);
  });
}

/** Notes an end: for long where its client does not see it, because there is none. */
export function noteEnding(ctx: Context, owner: string, dialogId: string, why: string): void {
  if (owner === '' || dialogId === '') return;
  const ending = { dialogId, at: ctx.clock.now(), why };
  if (ctx.clients.isConnected(owner)) ctx.endings.noteSeen(ending);
  else ctx.endings.note(ending);
}

/** Ends a dialog by our own BYE and tells its owner why. */
export function endDialog(ctx: Context, entry: DialogEntry, why: string): void {
  const { state } = entry;
  if (entry.isGone) return;
  ctx.log.info(`ending ${state.id}: ${why}`);
  noteEnding(ctx, state.owner, state.id, why);
  const isCrowd = ctx.unproven.has(entry) && ctx.clientTxs.activeCount >= MAX_FAREWELLS;
  ctx.dialogs.remove(entry);
  const reason = { name: 'Reason', value: `SIP;cause=200;text="${why}"` };
  const bye = { method: 'BYE', extra: [reason], body: '' };
  if (isCrowd) {
    sendOnce(ctx, state, bye);
    return;
  }
  sendOwn(ctx, state, bye, (status) => {
    if (status >= 300) ctx.log.info(`our BYE in ${state.id} got ${status}`);
  });
}

/**
 * Ends a subscription of ours (RFC 6665 section 4.1.2.3). Where the phone's side wants a password
 * for that, its next NOTIFY finds no dialog, and that ends it.
 * @param asked headers of the SUBSCRIBE that began it
 */
export function unsubscribe(ctx: Context, entry: DialogEntry, asked: readonly Header[]): void {
  const { state } = entry;
  ctx.dialogs.remove(entry);
  const extra = [
    ...asked.filter(({ name }) => /^(event|o)$/i.test(name)),
    { name: 'Expires', value: '0' },
    { name: 'Contact', value: state.contact },
  ];
  sendOwn(ctx, state, { method: 'SUBSCRIBE', extra, body: '' }, (status) => {
    ctx.log.info(`ended a subscription that nobody wants, ${state.id}: ${status}`);
  });
}

/**
 * A BYE that nobody repeats. After a flood thousands of calls end whose peers never were there;
 * repeating each for 32 seconds would be the next flood, and it would be ours.
 */
function sendOnce(
  ctx: Context,
  state: DialogState,
  request: { method: string; extra: Header[]; body: string },
): void {
  state.localCSeq += 1;
  const cseq = state.localCSeq;
  dialogPath(ctx, state, (found) => {
    if (!found.ok) return;
    const text = composeRequest(dialogRequest(state, found.path, { ...request, cseq }));
    found.path.send(text);
    tellUnsolicited(ctx, state, text, found.path);
  });
}

/** Sends the ACK for a 2xx and returns it, for the client's echo and for repetition. */
export function sendAck(
  state: DialogState,
  path: Path,
  cseq: number,
  extra: Header[],
  body: string,
): string {
  const text = composeRequest(dialogRequest(state, path, { method: 'ACK', cseq, extra, body }));
  path.send(text);
  return text;
}
