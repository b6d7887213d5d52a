/**
 * Requests that no route serves, and what is no request at all. A path that is served by other
 * methods gets 405 and Allow (RFC 9110 §15.5.6), so that nobody looks for a mistake in his path.
 * All of them get problems, as everybody does.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CATALOGUE, typeOf } from './catalogue.ts';
import { NO_ROUTE, problem, problemOf, type Problem } from './errors.ts';
import { guardBrowsers, type GatedRoute } from './gate.ts';
import { send } from './reply.ts';

/** Does a path, as it was asked for, fit a route's, as it is written? */
function fits(asked: readonly string[], route: string): boolean {
  const parts = route.split('/');
  return (
    parts.length === asked.length &&
    parts.every((part, at) => (part.startsWith(':') ? asked[at] !== '' : part === asked[at]))
  );
}

/** The methods by which a path is served; none: it is not served. */
export function methodsOf(routes: readonly GatedRoute[], url: string): string[] {
  const asked = (url.split('?', 1)[0] ?? '').split('/');
  const found = routes.filter((route) => fits(asked, route.url)).map(({ method }) => method);
  return [...new Set(found)].sort();
}

export function answerElsewhere(
  routes: readonly GatedRoute[],
  request: FastifyRequest,
  reply: FastifyReply,
): never {
  const methods = methodsOf(routes, request.url);
  if (methods.length === 0) return send(reply, NO_ROUTE);
  void reply.header('allow', methods.join(', '));
  const detail = `${request.method} is not served here; what is: ${methods.join(', ')}`;
  return send(reply, problem('wrong-method', detail));
}

/** The path cannot be read; it comes before any gate. */
export function answerUnreadable(error: Error, reply: FastifyReply, isTls: boolean): never {
  guardBrowsers(reply, isTls);
  const { code } = error as NodeJS.ErrnoException;
  return send(
    reply,
    code === 'FST_ERR_BAD_URL'
      ? problem('bad-request', 'the path is not well encoded: % needs two hexadecimal digits')
      : code === 'FST_ERR_MAX_PARAM_LENGTH'
        ? problem('bad-request', 'a part of the path is longer than 200 characters')
        : problemOf(error),
  );
}

/** What Node's parser could not read, and what was too slow. */
function problemOfParser(code: string): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return problem('headers-too-large', 'the headers are larger than 16 kB; shorten them');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return problem('too-slow', 'the request did not arrive in time; send it again');
  }
  return problem('bad-request', 'this is no HTTP/1.1 request');
}

/** On a connection that Node gives up: no request is there to be answered to. */
export function answerGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const { code, detail } = problemOfParser(error.code ?? '');
    const { status, title } = CATALOGUE[code];
    const body = JSON.stringify({ type: typeOf(code), title, status, detail, code });
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n` +
        'Content-Type: application/problem+json\r\nCache-Control: no-store\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
