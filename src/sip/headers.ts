/**
 * Reading and writing the few SIP header fields the ACD looks at: URIs, name-addr, parameters,
 * media types. Everything read here came from a stranger: no input makes these functions throw,
 * what cannot be read is null, and nothing written can smuggle a line break into a message.
 */
import type { Message } from './port.ts';

export interface SipUri {
  readonly scheme: string;
  /** Without password, percent escapes undone; '' if there is none. */
  readonly user: string;
  /** Lower case; IPv6 in brackets. */
  readonly host: string;
  /** null: none given. */
  readonly port: number | null;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

export interface NameAddr {
  /** Without quotes; '' if there is none. */
  readonly display: string;
  readonly uri: string;
  /** Parameters after the address (`tag`, `expires`). Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

/** Longest header value looked at; longer ones are cut, which spoils only their own request. */
const MAX_HEADER = 4096;

function unescapeUser(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A stray % is no escape: the user part is taken as it stands.
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** `;a=b;c` -> map; quotes of quoted values are taken off. */
export function parseParams(text: string): Map<string, string> {
  const params = new Map<string, string>();
  const pattern = /;\s*([^\s;=,>]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,>]*))?/g;
  for (const match of text.slice(0, MAX_HEADER).matchAll(pattern)) {
    const value = match[2] ?? '';
    params.set(
      (match[1] ?? '').toLowerCase(),
      value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value,
    );
  }
  return params;
}

const URI = new RegExp(
  [
    /^(sips?):(?:([^@<>\s]*)@)?/, // scheme, user and password
    /(\[[0-9a-f:.]+\]|[^\s:;?@<>[\]]+)(?::(\d{1,5}))?/, // host, port
    /((?:;[^?<>\s]*)?)(?:\?[^<>\s]*)?$/, // parameters, headers
  ]
    .map((part) => part.source)
    .join(''),
  'i',
);

/** RFC 3261 §19.1.1; `sip:` and `sips:` only, other schemes give null. */
export function parseUri(text: string): SipUri | null {
  const match = URI.exec(text.slice(0, MAX_HEADER).trim());
  if (match === null) return null;
  const port = match[4] === undefined ? null : Number(match[4]);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return {
    scheme: (match[1] ?? 'sip').toLowerCase(),
    user: unescapeUser((match[2] ?? '').split(':')[0] ?? ''),
    host: (match[3] ?? '').toLowerCase(),
    port,
    params: parseParams(match[5] ?? ''),
  };
}

/** First address of From, To, Contact, P-Asserted-Identity (RFC 3261 §20.10). */
export function parseNameAddr(text: string): NameAddr | null {
  const value = text.slice(0, MAX_HEADER).trim();
  const bracketed = /^(?:"((?:[^"\\]|\\.)*)"|([^<",]*))\s*<\s*([^>\s]+)\s*>([^,]*)/.exec(value);
  if (bracketed !== null) {
    const display = bracketed[1]?.replace(/\\(.)/g, '$1') ?? bracketed[2]?.trim() ?? '';
    return { display, uri: bracketed[3] ?? '', params: parseParams(bracketed[4] ?? '') };
  }
  // Without brackets every parameter belongs to the header (RFC 3261 §20).
  const bare = /^([a-zA-Z][\w+.-]*:[^\s;,<>]+)([^,]*)/.exec(value);
  return bare === null
    ? null
    : { display: '', uri: bare[1] ?? '', params: parseParams(bare[2] ?? '') };
}

/** Tag of a From or To; '': none. */
export function tagIn(value: string): string {
  return parseNameAddr(value)?.params.get('tag') ?? '';
}

/** Splits a comma-joined header into its values, minding quotes and angle brackets. */
export function splitList(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  let depth = 0;
  for (const char of text.slice(0, MAX_HEADER)) {
    if (char === '"' && !part.endsWith('\\')) quoted = !quoted;
    else if (!quoted && char === '<') depth += 1;
    else if (!quoted && char === '>') depth -= 1;
    if (char === ',' && !quoted && depth <= 0) {
      parts.push(part.trim());
      part = '';
    } else part += char;
  }
  parts.push(part.trim());
  return parts.filter((each) => each !== '');
}

/** `application/sdp; charset=x` -> `application/sdp`. */
export function mediaType(text: string): string {
  return (text.split(';')[0] ?? '').trim().toLowerCase();
}

/** Is the body SDP? The stack has taken the SDP out of multipart bodies already. */
export function carriesSdp(message: Message): boolean {
  const type = mediaType(message.header('Content-Type'));
  return type === 'application/sdp' || (type.startsWith('multipart/') && message.body !== '');
}

/** A header that must be a number of seconds (Expires, Min-Expires); null if it is none. */
export function seconds(text: string): number | null {
  const match = /^\s*(\d{1,10})/.exec(text);
  return match === null ? null : Math.min(Number(match[1]), 4_294_967_295);
}

/** Text of others made safe inside one header line: no control characters, bounded. */
export function clean(text: string, longest = 128): string {
  return text
    .replace(/[\u0000-\u001f\u007f\u2028\u2029]/g, ' ')
    .slice(0, longest)
    .trim();
}

/** `"Display" <uri>`, or `<uri>` without a display name. */
export function nameAddr(display: string, uri: string): string {
  const name = clean(display).replace(/["\\]/g, '\\$&');
  return name === '' ? `<${clean(uri, 512)}>` : `"${name}" <${clean(uri, 512)}>`;
}

/** A user part with what RFC 3261 §25.1 does not allow in it escaped. */
export function escapeUser(user: string): string {
  // By way of bytes, because half a surrogate pair would make the encoder throw.
  const whole = Buffer.from(user, 'utf8').toString('utf8');
  return encodeURIComponent(whole).replace(/%(2B|24|26|3D|2C|3B|3F|2F)/gi, (hex) =>
    decodeURIComponent(hex),
  );
}

/** `user@host[:port]` as the journal and the REST API show addresses. */
export function address(uri: string): string {
  const parsed = parseUri(uri);
  if (parsed === null) return clean(uri.replace(/^(sips?|tel):/i, ''), 256);
  const port = parsed.port === null ? '' : `:${parsed.port}`;
  return clean(
    parsed.user === '' ? `${parsed.host}${port}` : `${parsed.user}@${parsed.host}${port}`,
    256,
  );
}
