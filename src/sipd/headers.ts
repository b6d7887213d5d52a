/**
 * The header fields a SIP server must understand: addresses with their tags, Via, CSeq, RAck, and
 * comma lists. Everything else passes through as text.
 */
import { splitHostPort } from './uri.ts';

export interface NameAddr {
  /** With quotes and all, or ''. */
  display: string;
  uri: string;
  /** Header parameters from the first `;` on, or ''. */
  params: string;
}

/** Splits at commas that stand outside quotes and angle brackets. */
export function splitList(value: string): string[] {
  if (!value.includes(',')) return value === '' ? [] : [value.trim()];
  const parts: string[] = [];
  let quoted = false;
  let depth = 0;
  let start = 0;
  for (let i = 0; i < value.length; i++) {
    const c = value[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '<') depth++;
    else if (c === '>') depth = Math.max(0, depth - 1);
    else if (c === ',' && depth === 0) {
      parts.push(value.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(value.slice(start).trim());
  return parts.filter((part) => part !== '');
}

/** All entries of a header that may be repeated or hold a comma list. */
export function splitLists(values: string[]): string[] {
  return values.length === 1 && values[0] !== undefined && !values[0].includes(',')
    ? values
    : values.flatMap(splitList);
}

/** `"Name" <uri>;params`, `<uri>`, or `uri;params`; null if malformed. */
export function parseNameAddr(value: string): NameAddr | null {
  let open = value.indexOf('<');
  if (value.startsWith('"')) {
    let i = 1;
    while (i < value.length && value[i] !== '"') i += value[i] === '\\' ? 2 : 1;
    if (i >= value.length) return null;
    open = value.indexOf('<', i);
    if (open < 0) return null;
  }
  if (open < 0) {
    const semicolon = value.indexOf(';');
    const uri = (semicolon < 0 ? value : value.slice(0, semicolon)).trim();
    // RFC 3261 section 20: a URI with a question mark must stand in brackets.
    if (!uri.includes(':') || uri.includes('?')) return null;
    return { display: '', uri, params: semicolon < 0 ? '' : value.slice(semicolon) };
  }
  const close = value.indexOf('>', open);
  if (close < 0) return null;
  const uri = value.slice(open + 1, close).trim();
  const rest = value.slice(close + 1).trim();
  if (uri === '' || (rest !== '' && !rest.startsWith(';'))) return null;
  return { display: value.slice(0, open).trim(), uri, params: rest };
}

/** Splits at semicolons that stand outside quotes. */
function splitParams(params: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let i = 0; i < params.length; i++) {
    const c = params[i];
    if (quoted && c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (c === ';' && !quoted) {
      parts.push(params.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(params.slice(start));
  return parts;
}

/** Value of a header parameter, unquoted; '' for a flag; null if absent. */
export function param(params: string, name: string): string | null {
  if (params === '') return null;
  for (const part of params.includes('"') ? splitParams(params) : params.split(';')) {
    const equals = part.indexOf('=');
    const key = (equals < 0 ? part : part.slice(0, equals)).trim();
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    if (equals < 0) return '';
    const value = part.slice(equals + 1).trim();
    return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return null;
}

/** The tag of a From or To value; '' if it has none. */
export function tagOf(value: string): string {
  // Parameters of the header follow the bracket; a tag inside the URI would be the user's own.
  return param(parseNameAddr(value)?.params ?? '', 'tag') ?? '';
}

export interface Via {
  /** UDP, TCP, … upper case. */
  transport: string;
  host: string;
  port: number;
  /** From the first `;` on, or ''. */
  params: string;
  branch: string;
}

/** One Via entry; null if malformed. */
export function parseVia(value: string): Via | null {
  // Another version can be answered too (505), so it is read.
  const match = /^SIP\s*\/\s*\d\.\d\s*\/\s*([\w.-]+)\s+/i.exec(value);
  if (match === null) return null;
  const rest = value.slice(match[0].length);
  const semicolon = rest.indexOf(';');
  const sentBy = (semicolon < 0 ? rest : rest.slice(0, semicolon)).replaceAll(/\s/g, '');
  const params = semicolon < 0 ? '' : rest.slice(semicolon);
  const place = splitHostPort(sentBy);
  if (place === null) return null;
  return {
    transport: (match[1] ?? '').toUpperCase(),
    host: place.host,
    port: place.port,
    params,
    branch: param(params, 'branch') ?? '',
  };
}

export interface CSeq {
  seq: number;
  method: string;
}

/** RFC 3261 section 8.1.1.5: the number is below 2^31. */
export function parseCSeq(value: string): CSeq | null {
  const match = /^(\d{1,10})\s+(\S+)$/.exec(value);
  if (match === null) return null;
  const seq = Number(match[1]);
  return seq < 2 ** 31 ? { seq, method: match[2] ?? '' } : null;
}

export interface RAck {
  rseq: number;
  seq: number;
  method: string;
}

/** RFC 3262 section 7.2. What follows the method is passed over: some peers say it twice. */
export function parseRAck(value: string): RAck | null {
  const match = /^(\d{1,10})\s+(\d{1,10})\s+(\S+)(?:\s.*)?$/.exec(value);
  if (match === null) return null;
  return { rseq: Number(match[1]), seq: Number(match[2]), method: match[3] ?? '' };
}

/** Does a comma list of option tags or methods contain `token`? Case does not count. */
export function lists(values: string[], token: string): boolean {
  return values.some((value) =>
    value.split(',').some((part) => part.trim().toLowerCase() === token),
  );
}

/** A positive whole number in front of optional parameters; -1 if there is none. */
export function leadingNumber(value: string): number {
  const match = /^\s*(\d{1,10})/.exec(value);
  return match === null ? -1 : Number(match[1]);
}
