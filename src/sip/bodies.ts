/**
 * Which bodies of INVITE and UPDATE are taken: SDP, alone or in a multipart, and as it stands. One
 * that we do not understand and need not (RFC 3261 §20.11) is as if it were not there. Pure.
 */
import { SDP } from './context.ts';
import { carriesSdp, parseParams } from './headers.ts';
import type { IncomingRequest, Response } from './port.ts';

const UNSUPPORTED_BODY: Response = {
  status: 415,
  reason: 'Unsupported Media Type',
  headers: { Accept: SDP },
};

/** Packed bodies (RFC 3261 §20.12) are not unpacked. */
const UNSUPPORTED_ENCODING: Response = {
  status: 415,
  reason: 'Unsupported Media Type',
  headers: { 'Accept-Encoding': 'identity' },
};

function isPacked(request: IncomingRequest): boolean {
  return !/^(identity)?$/i.test(request.header('Content-Encoding').trim());
}

function hasBody(request: IncomingRequest): boolean {
  return request.body !== '' || request.header('Content-Type') !== '';
}

/** RFC 3261 §8.2.3: what to answer where the body is one that we cannot take; null: it is not. */
export function refuseBody(request: IncomingRequest): Response | null {
  if (!hasBody(request)) return null;
  if (!carriesSdp(request)) return UNSUPPORTED_BODY;
  return isPacked(request) ? UNSUPPORTED_ENCODING : null;
}

const OF_BODY = new Set(['content-type', 'content-encoding', 'content-disposition']);

/** Without its body, where that is refused and its sender says that it need not be understood. */
export function withoutOptional(request: IncomingRequest): IncomingRequest {
  if (refuseBody(request) === null) return request;
  const params = parseParams(`;${request.header('Content-Disposition')}`);
  if (params.get('handling')?.toLowerCase() !== 'optional') return request;
  const header = (name: string): string =>
    OF_BODY.has(name.toLowerCase()) ? '' : request.header(name);
  return { ...request, header, body: '' };
}
