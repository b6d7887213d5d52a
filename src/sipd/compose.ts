/** Texts of requests and responses, put together in the order in which people read them. */
import { header, prettyName, type Header, type SipMessage } from './message.ts';
import type { Path } from './path.ts';
import { bracketed } from './uri.ts';

export interface RequestParts {
  method: string;
  uri: string;
  via: string;
  maxForwards: string;
  routes: string[];
  from: string;
  to: string;
  callId: string;
  cseq: number;
  /** Further headers, name as given by whoever wants them. */
  extra: Header[];
  body: string;
}

export function composeRequest(parts: RequestParts): string {
  let text = `${parts.method} ${parts.uri} SIP/2.0\r\nVia: ${parts.via}\r\n`;
  for (const route of parts.routes) text += `Route: ${route}\r\n`;
  text +=
    `Max-Forwards: ${parts.maxForwards}\r\nFrom: ${parts.from}\r\nTo: ${parts.to}\r\n` +
    `Call-ID: ${parts.callId}\r\nCSeq: ${parts.cseq} ${parts.method}\r\n`;
  for (const one of parts.extra) text += `${prettyName(one.name)}: ${one.value}\r\n`;
  return `${text}Content-Length: ${parts.body.length}\r\n\r\n${parts.body}`;
}

export interface ResponseParts {
  status: number;
  reason: string;
  /** Complete To value, tag included. */
  to: string;
  withRecordRoute: boolean;
  extra: Header[];
  body: string;
}

/** RFC 3261 section 8.2.6: Via, From, Call-ID and CSeq are the request's. */
export function composeResponse(request: SipMessage, parts: ResponseParts): string {
  let text = `SIP/2.0 ${parts.status} ${parts.reason}\r\n`;
  for (const one of request.headers) {
    if (one.name === 'via') text += `Via: ${one.value}\r\n`;
    else if (one.name === 'record-route' && parts.withRecordRoute) {
      text += `Record-Route: ${one.value}\r\n`;
    }
  }
  // What a faulty request did not have, its refusal has not either.
  for (const [name, value] of [
    ['From', header(request, 'from')],
    ['To', parts.to],
    ['Call-ID', header(request, 'call-id')],
    ['CSeq', header(request, 'cseq')],
  ] as const) {
    if (value !== '') text += `${name}: ${value}\r\n`;
  }
  for (const one of parts.extra) text += `${prettyName(one.name)}: ${one.value}\r\n`;
  return `${text}Content-Length: ${parts.body.length}\r\n\r\n${parts.body}`;
}

/** Our topmost Via; rport asks for symmetric answers on UDP (RFC 3581 section 3). */
export function composeVia(path: Path, branch: string): string {
  const transport = path.proto === 'udp' ? 'UDP' : 'TCP';
  const rport = path.proto === 'udp' ? ';rport' : '';
  return `SIP/2.0/${transport} ${ownPlace(path)};branch=${branch}${rport}`;
}

/** `host:port` under which this peer knows us. */
export function ownPlace(path: Path): string {
  return `${bracketed(path.ownHost)}:${path.ownPort}`;
}

export function ownContact(path: Path): string {
  return `<sip:${ownPlace(path)}${path.proto === 'tcp' ? ';transport=tcp' : ''}>`;
}

/** Clients write `localhost` where they do not know how the peer sees us. */
export function fillLocalhost(value: string, path: Path): string {
  if (!value.includes('localhost')) return value;
  return value
    .replaceAll(/([@:])localhost(?=[;>?,\s]|$)/g, `$1${ownPlace(path)}`)
    .replaceAll(/([@:])localhost(?=:\d)/g, `$1${bracketed(path.ownHost)}`);
}

/** A client's Contact: in brackets, `localhost` filled in and with the protocol it is good for. */
export function fillContact(value: string, path: Path): string {
  if (value === '*' || value === '') return value;
  const semicolon = value.indexOf(';');
  const end = semicolon < 0 ? value.length : semicolon;
  // Without brackets the parameters are the header's, not the URI's (RFC 3261 section 20.10).
  const named = value.includes('<') ? value : `<${value.slice(0, end)}>${value.slice(end)}`;
  if (!named.includes('localhost')) return named;
  const filled = fillLocalhost(named, path);
  if (path.proto !== 'tcp' || /;transport=/i.test(filled)) return filled;
  return filled.replace('>', ';transport=tcp>');
}

export const reasons: Record<number, string> = {
  100: 'Trying',
  200: 'OK',
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  422: 'Session Interval Too Small',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  487: 'Request Terminated',
  491: 'Request Pending',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  504: 'Server Time-out',
  505: 'Version Not Supported',
  513: 'Message Too Large',
};
