/** Answers that this server gives by itself, without asking any client, and where they go. */
import type { Context } from './context.ts';
import { composeResponse, reasons } from './compose.ts';
import { newTag } from './ids.ts';
import { RETRY_AFTER_SECONDS } from './limits.ts';
import type { Header } from './message.ts';
import type { Received } from './received.ts';
import type { Reply, ServerTx } from './server-tx.ts';

export const retryAfter: Header = { name: 'Retry-After', value: String(RETRY_AFTER_SECONDS) };

/** Responses go where the request came from (RFC 3261 section 18.2.2, RFC 3581 section 4). */
export function replyTo(ctx: Context, received: Received): Reply {
  const { path, via } = received;
  const port = via.port === 0 ? 5060 : via.port;
  if (path.proto === 'udp') {
    const isSymmetric = /;\s*rport\b/i.test(via.params) || port === path.port;
    const back = isSymmetric
      ? path
      : (ctx.transports.pathTo('udp', path.address, port, path.listener) ?? path);
    return back;
  }
  return {
    reliable: true,
    send: (text) => {
      // The connection is gone: the sender's listening port is the second choice.
      const open = path.isOpen() ? path : ctx.transports.pathTo('tcp', path.address, port);
      open?.send(text);
    },
  };
}

/** A response without a transaction: nothing is remembered, the To tag is made up. */
export function refuse(ctx: Context, received: Received, status: number, extra: Header[]): void {
  const needsTag = received.toTag === '' && received.to !== '';
  const to = needsTag ? `${received.to};tag=${newTag()}` : received.to;
  replyTo(ctx, received).send(
    composeResponse(received.message, {
      status,
      reason: reasons[status] ?? 'Unknown',
      to,
      withRecordRoute: false,
      extra,
      body: '',
    }),
  );
}

/**
 * Ends a transaction that no client has heard of.
 * @param phrase '': the usual one
 */
export function reject(
  received: Received,
  tx: ServerTx,
  status: number,
  extra: Header[],
  phrase = '',
): void {
  const to = received.toTag === '' ? `${received.to};tag=${newTag()}` : received.to;
  const reason = phrase === '' ? (reasons[status] ?? 'Unknown') : phrase;
  const parts = { status, reason, to, withRecordRoute: false, extra, body: '' };
  tx.respond(status, composeResponse(received.message, parts));
}
