/**
 * Messages of drachtio-srf in the words of `port.ts`: what a reader sees of them, the SDP of a
 * body, and the CANCEL of an INVITE, which may come before anybody listens for it.
 */
import { mediaType, parseParams } from './headers.ts';
import type { Message, ResponseHeaders } from './port.ts';
import type { SrfMessage, SrfRequest } from './srf-shapes.ts';

/**
 * Where srf keeps headers that came by their compact names (RFC 3261 §7.3.3), as Asterisk writes
 * them with `compactheaders`: most of these it does not know, and one it misspells.
 */
const COMPACT: ReadonlyMap<string, string> = new Map([
  ['content-encoding', 'contact-encoding'],
  ['event', 'o'], // RFC 6665 §8.2.1
  ['refer-to', 'r'], // RFC 3515 §2.1
  ['referred-by', 'b'], // RFC 3892 §2.1
  ['session-expires', 'x'], // RFC 4028 §4
]);

export function readerOf(source: SrfMessage): Message {
  return {
    header: (name) => source.get(name) ?? compactOf(source, name),
    body: sdpPart(source),
  };
}

function compactOf(source: SrfMessage, name: string): string {
  const compact = COMPACT.get(name.toLowerCase());
  return compact === undefined ? '' : (source.get(compact) ?? '');
}

/** Multiparts stand in each other no deeper than this; what is deeper is not looked for. */
const MAX_NESTING = 3;
/** RFC 2046 §5.1.1; a longer boundary divides nothing. */
const MAX_BOUNDARY = 70;

/**
 * The SDP of a multipart body stands for the whole (RFC 5621 §3); else the body as it is. Read
 * here, not by srf, whose reader wants names and types in one spelling.
 */
export function sdpPart(message: SrfMessage): string {
  const type = message.get('Content-Type') ?? '';
  const body = message.body ?? '';
  return isMultipart(type) ? (sdpIn(type, body, MAX_NESTING) ?? '') : body;
}

function isMultipart(type: string): boolean {
  return mediaType(type).startsWith('multipart/');
}

function sdpIn(type: string, body: string, depth: number): string | null {
  if (depth === 0) return null;
  for (const part of partsOf(type, body)) {
    if (mediaType(part.type) === 'application/sdp') return part.content;
    const inner = isMultipart(part.type) ? sdpIn(part.type, part.content, depth - 1) : null;
    if (inner !== null) return inner;
  }
  return null;
}

interface Part {
  readonly type: string;
  readonly content: string;
}

/** RFC 2046 §5.1.1: between lines of `--` and the boundary; the first and last pieces are none. */
function partsOf(type: string, body: string): readonly Part[] {
  const boundary = parseParams(type).get('boundary') ?? '';
  if (boundary === '' || boundary.length > MAX_BOUNDARY) return [];
  const name = boundary.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  // Another boundary may begin with this one: the line must end, or two dashes end the body.
  const line = new RegExp(String.raw`\r\n--${name}(?=--|[ \t]*(?:\r\n|$))`);
  const pieces = `\r\n${body.replaceAll(/\r?\n/g, '\r\n')}`.split(line).slice(1);
  const end = pieces.findIndex((piece) => piece.startsWith('--'));
  return pieces.slice(0, end < 0 ? pieces.length : end).map(partOf);
}

/** Of what follows a boundary: the rest of its line, headers (none is legal), an empty line. */
function partOf(piece: string): Part {
  const head = piece.indexOf('\r\n\r\n');
  if (head < 0) return { type: '', content: '' };
  const unfolded = piece.slice(0, head).replaceAll(/\r\n[ \t]+/g, ' ');
  const [, type = ''] = /\r\ncontent-type[ \t]*:[ \t]*([^\r]*)/i.exec(unfolded) ?? [];
  return { type, content: piece.slice(head + 4) };
}

/** Tells each listener of the CANCEL, those too that come after it. */
export function cancellationOf(req: SrfRequest): (listener: (cancel: Message) => void) => void {
  const listeners: ((cancel: Message) => void)[] = [];
  let cancel: Message | null = null;
  req.on('cancel', (message) => {
    cancel = readerOf(message);
    for (const listener of listeners.splice(0)) listener(cancel);
  });
  return (listener) => {
    if (cancel === null) listeners.push(listener);
    else listener(cancel);
  };
}

/** srf knows one line of each name; what stands behind a line break becomes one of its own. */
export function linesOf(headers: ResponseHeaders): Record<string, string> {
  const lines = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : value.join(`\r\n${name}: `),
  ]);
  return Object.fromEntries(lines);
}
