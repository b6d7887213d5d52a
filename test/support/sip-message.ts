/**
 * SIP messages for test phones: text in, text out, as little as a phone needs. Written apart from
 * src/sipd on purpose: two readings of RFC 3261 that must agree.
 */
export interface SipMessage {
  /** Request line or status line. */
  start: string;
  headers: [name: string, value: string][];
  body: string;
}

const LONG_NAMES: Readonly<Record<string, string>> = {
  v: 'via', f: 'from', t: 'to', i: 'call-id', m: 'contact', l: 'content-length',
  c: 'content-type', e: 'content-encoding', k: 'supported', o: 'event', u: 'allow-events',
  r: 'refer-to', b: 'referred-by', s: 'subject', x: 'session-expires',
}; // prettier-ignore

export function parseMessage(text: string): SipMessage | null {
  const split = text.indexOf('\r\n\r\n');
  if (split < 0) return null;
  const lines = text
    .slice(0, split)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const start = lines.shift() ?? '';
  if (!/^(SIP\/2\.0 \d{3} |[A-Z]+ \S+ SIP\/2\.0$)/.test(start)) return null;
  const headers = lines.flatMap((line): [string, string][] => {
    const colon = line.indexOf(':');
    if (colon < 0) return [];
    return [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]];
  });
  return { start, headers, body: text.slice(split + 4) };
}

export function writeMessage(message: SipMessage): string {
  const headers = message.headers.filter(([name]) => longName(name) !== 'content-length');
  headers.push(['Content-Length', String(Buffer.byteLength(message.body))]);
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return `${message.start}\r\n${lines.join('\r\n')}\r\n\r\n${message.body}`;
}

function longName(name: string): string {
  const lower = name.toLowerCase();
  return LONG_NAMES[lower] ?? lower;
}

/** The first header of that name; '' if there is none. */
export function header(message: SipMessage, name: string): string {
  return allHeaders(message, name)[0] ?? '';
}

/** All values of a header, comma lists taken apart where the header is one of addresses. */
export function allHeaders(message: SipMessage, name: string): string[] {
  const wanted = longName(name);
  const values = message.headers.filter(([n]) => longName(n) === wanted).map(([, v]) => v);
  if (!['via', 'route', 'record-route', 'contact', 'path'].includes(wanted)) return values;
  return values
    .flatMap((value) => value.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)(?![^<]*>)/))
    .map((value) => value.trim());
}

/** Status of a response; 0 for a request. */
export function statusOf(message: SipMessage): number {
  return Number(/^SIP\/2\.0 (\d{3})/.exec(message.start)?.[1] ?? 0);
}

/** Method of a request, or of the request that a response answers. */
export function methodOf(message: SipMessage): string {
  if (statusOf(message) > 0) return header(message, 'CSeq').split(/\s+/)[1] ?? '';
  return message.start.split(' ')[0] ?? '';
}

export function requestUri(message: SipMessage): string {
  return statusOf(message) > 0 ? '' : (message.start.split(' ')[1] ?? '');
}

export function tagOf(address: string): string {
  return /;\s*tag=([^;>\s]+)/i.exec(address)?.[1] ?? '';
}

/** The URI of a name-addr or addr-spec. */
export function uriOf(address: string): string {
  return /<([^>]*)>/.exec(address)?.[1] ?? (address.split(';')[0] ?? '').trim();
}

export function userOf(uri: string): string {
  return /^sips?:([^@;]+)@/i.exec(uri)?.[1] ?? '';
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
}

/** Where a SIP URI leads, without DNS. */
export function target(uri: string): HostPort {
  const match = /^sips?:(?:[^@]*@)?(\[[^\]]+\]|[^:;?>]+)(?::(\d+))?/i.exec(uri);
  if (match === null) throw new Error(`not a SIP URI: ${uri}`);
  return {
    host: match[1] ?? '',
    port: Number(match[2] ?? 5060),
    protocol: /;transport=tcp/i.test(uri) ? 'tcp' : 'udp',
  };
}

export function cseqOf(message: SipMessage): number {
  return Number(header(message, 'CSeq').split(/\s+/)[0] ?? 0);
}

export function branchOf(message: SipMessage): string {
  return /;\s*branch=([^;,\s]+)/i.exec(header(message, 'Via'))?.[1] ?? '';
}
