/**
 * A web service that says of each new request what is to become of it, as drachtio-server's request
 * handlers have it: the question is a GET with what the request says, the answer a JSON object with
 * `action` (reject, redirect, proxy, route) and `data`.
 */
import { parseNameAddr } from './headers.ts';
import { MAX_ROUTING_BYTES, ROUTING_MS } from './limits.ts';
import { header } from './message.ts';
import type { ProxyOrder } from './proxy-entry.ts';
import type { Received } from './received.ts';
import { parseUri, splitHostPort, type HostPort } from './uri.ts';

/** Where a program waits for us. */
export interface ProgramPlace extends HostPort {
  isTls: boolean;
}

export type Instruction =
  /** `reason`: '' for the usual phrase. */
  | { action: 'reject'; status: number; reason: string }
  | { action: 'redirect'; contacts: string[] }
  | { action: 'proxy'; order: ProxyOrder }
  | { action: 'route'; place: ProgramPlace }
  /** To a program that came to us with this tag. */
  | { action: 'route'; tag: string };

export type Routed = { ok: true; instruction: Instruction } | { ok: false; fault: string };

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One line of text that may stand in a message, a character a byte of it; null if it is none. */
function lineOf(value: unknown): string | null {
  if (typeof value !== 'string' || /[\r\n\0]/.test(value)) return null;
  // Else the low byte of U+010D would leave as CR, and what follows as a line of its own.
  return Buffer.from(value, 'utf8').toString('latin1');
}

/** One line or several; null if there is none, or something else among them. */
function linesOf(value: unknown): string[] | null {
  const lines = (Array.isArray(value) ? value : [value]).map(lineOf);
  const sound = lines.flatMap((line) => (line === null || line === '' ? [] : [line]));
  return sound.length === 0 || sound.length < lines.length ? null : sound;
}

/** `host:port`, `host:port;transport=tls`, `tls://host:port`; null if malformed. */
export function parsePlace(text: string): ProgramPlace | null {
  const match = /^(?:(tcp|tls):\/\/)?([^/?#,;|]+?)\/?(?:;transport=(tcp|tls))?$/.exec(text);
  const place = splitHostPort(match?.[2] ?? '');
  if (match === null || place === null || place.port === 0) return null;
  return { ...place, isTls: match[1] === 'tls' || match[3] === 'tls' };
}

function proxyOrder(data: Fields): ProxyOrder | string {
  const destinations = linesOf(data['destination']);
  if (destinations === null) return "'destination' is neither a string nor an array of them";
  const duration = (name: string, usual: string): string => lineOf(data[name]) ?? usual;
  return {
    destinations,
    staysInDialog: data['recordRoute'] === true,
    followsRedirects: data['followRedirects'] !== false,
    isParallel: data['simultaneous'] === true,
    provisional: duration('provisionalTimeout', '5s'),
    final: duration('finalTimeout', '60s'),
  };
}

function routeOf(data: Fields): Instruction | string {
  const uri = lineOf(data['uri']);
  const tag = lineOf(data['tag']);
  if (uri === null) return tag === null ? "neither 'uri' nor 'tag'" : { action: 'route', tag };
  const place = parsePlace(uri);
  return place === null ? `'uri' ${uri.slice(0, 60)} is no HOST:PORT` : { action: 'route', place };
}

/** What the service answered; a text says what is wrong with it. */
export function readInstruction(text: string): Instruction | string {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    return `no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const data = isFields(answer) ? answer['data'] : null;
  if (!isFields(answer) || !isFields(data)) return "no object with 'action' and 'data'";
  switch (answer['action']) {
    case 'reject': {
      const status = Number(data['status']);
      if (!Number.isInteger(status) || status < 300 || status > 699) return "no usable 'status'";
      return { action: 'reject', status, reason: lineOf(data['reason']) ?? '' };
    }
    case 'redirect': {
      const contacts = linesOf(data['contact']);
      const isSound = contacts?.every((one) => parseNameAddr(one) !== null) === true;
      return isSound ? { action: 'redirect', contacts } : "no usable 'contact'";
    }
    case 'proxy': {
      const order = proxyOrder(data);
      return typeof order === 'string' ? order : { action: 'proxy', order };
    }
    case 'route':
      return routeOf(data);
    default:
      return "'action' is none of reject, redirect, proxy and route";
  }
}

/** The question: what the request says, the parameters of its Request-URI included. */
export function questionOf(service: string, received: Received): URL {
  const { message, path, from, to } = received;
  const userOf = (uri: string): string => parseUri(uri)?.user ?? '';
  const url = new URL(service);
  const asked = parseUri(message.uri);
  const add = (name: string, value: string): void => {
    url.searchParams.append(name, Buffer.from(value, 'latin1').toString('utf8'));
  };
  add('method', message.method);
  add('domain', asked?.host ?? '');
  add('protocol', path.proto);
  add('source_address', path.address);
  add('fromUser', userOf(parseNameAddr(from)?.uri ?? ''));
  add('toUser', userOf(parseNameAddr(to)?.uri ?? ''));
  add('uriUser', asked?.user ?? '');
  add('contentType', header(message, 'content-type'));
  add('uri', message.uri);
  for (const param of (asked?.params ?? '').split(';').slice(1)) {
    const [name = '', value = ''] = param.split('=');
    // What the caller writes stands beside ours, never in its place.
    if (name !== '' && !url.searchParams.has(name)) add(name, value);
  }
  return url;
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const body = (response.body ?? []) as AsyncIterable<Uint8Array> | [];
  for await (const part of body) {
    size += part.length;
    if (size > MAX_ROUTING_BYTES) throw new Error('the answer is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Asks; never rejects, and answers in time. */
export async function askService(service: string, received: Received): Promise<Routed> {
  try {
    const signal = AbortSignal.timeout(ROUTING_MS);
    const response = await fetch(questionOf(service, received), { signal });
    const instruction = readInstruction(await textOf(response));
    return typeof instruction === 'string'
      ? { ok: false, fault: instruction }
      : { ok: true, instruction };
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    return { ok: false, fault: cause instanceof Error ? cause.message : String(cause) };
  }
}
