/**
 * A SIP message, taken apart as far as needed and no further. Text is held as "binary" strings: one
 * character per byte (latin1), so that any encoding a peer uses passes through unchanged, lengths
 * in characters are lengths in bytes, and conversion costs nothing. The received text is kept
 * whole, because clients get it as it came, with only the topmost Via amended.
 */
import { MAX_HEADERS, MAX_HEADER_BYTES } from './limits.ts';

export interface Header {
  /** Canonical: lower case, long form. */
  name: string;
  /** Unfolded and trimmed. */
  value: string;
}

export interface SipMessage {
  text: string;
  /** Empty in responses. */
  method: string;
  uri: string;
  /** 0 in requests. */
  status: number;
  reason: string;
  headers: Header[];
  body: string;
  /** Span of the first Via line in `text`, without its CRLF; -1 if there is none. */
  viaStart: number;
  viaEnd: number;
  /** Why this message is not to be trusted; null if it is sound so far. */
  fault: string | null;
}

const compact = new Map([
  ['a', 'accept-contact'],
  ['b', 'referred-by'],
  ['c', 'content-type'],
  ['d', 'request-disposition'],
  ['e', 'content-encoding'],
  ['f', 'from'],
  ['i', 'call-id'],
  ['j', 'reject-contact'],
  ['k', 'supported'],
  ['l', 'content-length'],
  ['m', 'contact'],
  ['n', 'identity-info'],
  ['o', 'event'],
  ['r', 'refer-to'],
  ['s', 'subject'],
  ['t', 'to'],
  ['u', 'allow-events'],
  ['v', 'via'],
  ['x', 'session-expires'],
  ['y', 'identity'],
]);

const MAX_NAMES = 2_000;
const names = new Map<string, string>();

/** Lower-case long form of a header name, from any spelling. */
export function canonicalName(raw: string): string {
  const known = names.get(raw);
  if (known !== undefined) return known;
  const lower = raw.toLowerCase();
  const name = compact.get(lower) ?? lower;
  if (names.size < MAX_NAMES) names.set(raw, name);
  return name;
}

const UNENDED = 'no end of headers';
const NAMELESS = 'header line without a name';
const MISNAMED = 'header name is no token';

/**
 * Can we send what a program wrote? It need not end its headers, and a line whose name is none is
 * left out (`rawHeaders`): it must not cost the whole message.
 */
export function isSendable({ fault }: SipMessage): boolean {
  return fault === null || [NAMELESS, MISNAMED, UNENDED].includes(fault);
}

function isToken(text: string): boolean {
  if (text === '') return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const alphanumeric =
      (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39);
    if (!alphanumeric && !"-.!%*_+`'~".includes(text[i] ?? '')) return false;
  }
  return true;
}

function parseStartLine(line: string, message: SipMessage): boolean {
  const first = line.indexOf(' ');
  if (first <= 0) return false;
  if (line.startsWith('SIP/2.0 ')) {
    const second = line.indexOf(' ', first + 1);
    const code = second < 0 ? line.slice(first + 1) : line.slice(first + 1, second);
    if (code.length !== 3) return false;
    message.status = Number(code);
    message.reason = second < 0 ? '' : line.slice(second + 1);
    return Number.isInteger(message.status) && message.status >= 100 && message.status <= 699;
  }
  // White space too much leaves the line readable: it can be refused instead of being ignored.
  const tidy = line.trimEnd();
  const last = tidy.lastIndexOf(' ');
  if (last <= first) return false;
  message.method = line.slice(0, first);
  message.uri = line.slice(first + 1, last);
  if (!isToken(message.method) || message.uri === '') return false;
  const isSpaced = tidy !== line || /[\s<>"]/.test(message.uri);
  if (isSpaced) message.fault = 'bad Request-URI';
  const version = tidy.slice(last + 1);
  if (version !== 'SIP/2.0') {
    if (!/^SIP\/\d+\.\d+$/i.test(version)) return false;
    if (version.toUpperCase() !== 'SIP/2.0') message.fault = 'version not supported';
  }
  return true;
}

function addHeader(message: SipMessage, line: string, start: number, end: number): void {
  const colon = line.indexOf(':');
  let nameEnd = colon;
  while (nameEnd > 0 && (line[nameEnd - 1] === ' ' || line[nameEnd - 1] === '\t')) nameEnd--;
  if (nameEnd <= 0) {
    message.fault ??= NAMELESS;
    return;
  }
  const raw = line.slice(0, nameEnd);
  const name = names.get(raw) ?? (isToken(raw) ? canonicalName(raw) : '');
  if (name === '') {
    message.fault ??= MISNAMED;
    return;
  }
  if (line.length > MAX_HEADER_BYTES) message.fault = 'header line too long';
  if (message.headers.length >= MAX_HEADERS) {
    message.fault = 'too many headers';
    return;
  }
  if (name === 'via' && message.viaStart < 0) {
    message.viaStart = start;
    message.viaEnd = end;
  }
  message.headers.push({ name, value: line.slice(colon + 1).trim() });
}

/** A NUL may stand in a quoted string, behind a backslash (RFC 3261 section 25.1, quoted-pair). */
function hasControls(line: string): boolean {
  if (line.includes('\n') || line.includes('\r')) return true;
  return line.includes('\0') && /(^|[^\\])\0/.test(line);
}

/** Where the header section of `text` ends (index of its CRLFCRLF), or -1. */
function headEnd(text: string): number {
  return text.indexOf('\r\n\r\n');
}

/**
 * Reads start line and headers; the body is what follows the empty line, untrimmed.
 * @returns null if not even the start line makes sense: no answer can be given to that
 */
export function parseMessage(text: string): SipMessage | null {
  const end = headEnd(text);
  const stop = end < 0 ? text.length : end;
  const message: SipMessage = {
    text,
    method: '',
    uri: '',
    status: 0,
    reason: '',
    headers: [],
    body: end < 0 ? '' : text.slice(end + 4),
    viaStart: -1,
    viaEnd: -1,
    fault: end < 0 ? UNENDED : null,
  };
  let at = text.indexOf('\r\n');
  if (at < 0 || at > stop) at = stop;
  if (!parseStartLine(text.slice(0, at), message)) return null;
  at += 2;
  while (at < stop) {
    const start = at;
    let lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0 || lineEnd > stop) lineEnd = stop;
    let line = text.slice(at, lineEnd);
    // RFC 3261 section 7.3.1: a line that begins with white space continues the one before.
    while (lineEnd < stop && (text[lineEnd + 2] === ' ' || text[lineEnd + 2] === '\t')) {
      let next = text.indexOf('\r\n', lineEnd + 2);
      if (next < 0 || next > stop) next = stop;
      line = `${line.trimEnd()} ${text.slice(lineEnd + 2, next).trim()}`;
      lineEnd = next;
    }
    if (hasControls(line)) {
      message.fault = 'control character in a header';
    } else {
      addHeader(message, line, start, lineEnd);
    }
    at = lineEnd + 2;
  }
  return message;
}

/** First value of a header, by canonical name; '' if absent. */
export function header(message: { headers: Header[] }, name: string): string {
  for (const one of message.headers) if (one.name === name) return one.value;
  return '';
}

export function headerValues(message: { headers: Header[] }, name: string): string[] {
  const values: string[] = [];
  for (const one of message.headers) if (one.name === name) values.push(one.value);
  return values;
}

const pretty = new Map([
  ['call-id', 'Call-ID'],
  ['cseq', 'CSeq'],
  ['www-authenticate', 'WWW-Authenticate'],
  ['mime-version', 'MIME-Version'],
  ['rack', 'RAck'],
  ['rseq', 'RSeq'],
  ['sip-etag', 'SIP-ETag'],
  ['sip-if-match', 'SIP-If-Match'],
  ['min-se', 'Min-SE'],
]);

/** The usual spelling of a header name; names that carry capitals are left as they are. */
export function prettyName(raw: string): string {
  const known = pretty.get(raw);
  if (known !== undefined) return known;
  if (raw !== raw.toLowerCase() || raw.startsWith('x-')) return raw;
  const name = raw
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('-');
  if (pretty.size < MAX_NAMES) pretty.set(raw, name);
  return name;
}

/** Header lines as a client gave them: spelling kept, order kept; bad lines are skipped. */
export function rawHeaders(text: string): Header[] {
  const end = headEnd(text);
  const head = end < 0 ? text : text.slice(0, end);
  const found: Header[] = [];
  for (const line of head
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    if (isToken(name)) found.push({ name, value: line.slice(colon + 1).trim() });
  }
  return found;
}
