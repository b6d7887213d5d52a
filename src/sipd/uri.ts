/**
 * SIP URIs (RFC 3261 section 19.1), read by hand because every message needs several of them.
 */
export interface SipUri {
  scheme: 'sip' | 'sips';
  user: string;
  /** Without the brackets of an IPv6 literal, lower case. */
  host: string;
  /** 0 if not given. */
  port: number;
  /** From the first `;` on, or ''. */
  params: string;
}

/** @returns null for anything that is not a well-formed sip or sips URI */
export function parseUri(text: string): SipUri | null {
  const colon = text.indexOf(':');
  const scheme = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (scheme !== 'sip' && scheme !== 'sips') return null;
  let rest = text.slice(colon + 1);
  // The user part may have a question mark of its own (RFC 3261 section 25.1, user-unreserved).
  const at = rest.lastIndexOf('@');
  const user = at < 0 ? '' : rest.slice(0, at);
  rest = rest.slice(at + 1);
  const question = rest.indexOf('?');
  if (question >= 0) rest = rest.slice(0, question);
  const semicolon = rest.indexOf(';');
  const params = semicolon < 0 ? '' : rest.slice(semicolon);
  const place = splitHostPort(semicolon < 0 ? rest : rest.slice(0, semicolon));
  if (place === null || /[\s<>"]/.test(text)) return null;
  return { scheme, user, host: place.host, port: place.port, params };
}

export interface HostPort {
  host: string;
  port: number;
}

/** `host`, `host:port`, `[v6]`, `[v6]:port`; null if malformed. */
export function splitHostPort(text: string): HostPort | null {
  let host = text;
  let port = 0;
  let portAt = -1;
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    if (close < 0) return null;
    host = text.slice(1, close);
    if (!/^[0-9a-fA-F:.]+$/.test(host)) return null;
    if (close + 1 < text.length) {
      if (text[close + 1] !== ':') return null;
      portAt = close + 2;
    }
  } else {
    const colon = text.indexOf(':');
    if (colon >= 0) {
      host = text.slice(0, colon);
      portAt = colon + 1;
    }
    if (!/^[0-9A-Za-z_.-]+$/.test(host)) return null;
  }
  if (portAt >= 0) {
    const digits = text.slice(portAt);
    if (!/^\d{1,5}$/.test(digits)) return null;
    port = Number(digits);
    if (port === 0 || port > 65535) return null;
  }
  return { host: host.toLowerCase(), port };
}

/** An address as it stands in URIs and Via: IPv6 in brackets. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Value of `;name=value` in a parameter string; '' for a flag; null if absent. */
export function uriParam(params: string, name: string): string | null {
  if (params === '') return null;
  const lower = params.toLowerCase();
  let at = 0;
  for (;;) {
    at = lower.indexOf(`;${name}`, at);
    if (at < 0) return null;
    const after = at + 1 + name.length;
    const next = lower[after];
    if (next === undefined || next === ';') return '';
    if (next === '=') {
      const end = params.indexOf(';', after);
      return end < 0 ? params.slice(after + 1) : params.slice(after + 1, end);
    }
    at = after;
  }
}

/** Is `host` an IPv4 or IPv6 literal (without brackets)? */
export function ipFamily(host: string): 0 | 4 | 6 {
  if (host.includes(':')) return 6;
  return /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) ? 4 : 0;
}
