/**
 * What a message from the network must have before anything acts on it, and the topmost Via
 * completed with where it really came from (RFC 3261 section 18.2.1, RFC 3581 section 4).
 */
import type { Ground } from './admission.ts';
import {
  parseCSeq,
  parseNameAddr,
  parseVia,
  splitList,
  splitLists,
  tagOf,
  type CSeq,
  type Via,
} from './headers.ts';
import { header, headerValues, parseMessage, type SipMessage } from './message.ts';
import type { Path } from './path.ts';
import { bracketed, parseUri } from './uri.ts';

export interface Received {
  message: SipMessage;
  /** The text for clients: as received, the top Via amended. */
  text: string;
  path: Path;
  via: Via;
  from: string;
  to: string;
  fromTag: string;
  toTag: string;
  callId: string;
  cseq: CSeq;
  /** Why a request that begins something was let in; null: it is of a dialog, or of none. */
  ground: Ground | null;
}

export type Admission =
  | { kind: 'sound'; received: Received }
  /** Broken, but a response can be addressed. */
  | { kind: 'faulty'; received: Received; reason: string; status: number }
  | { kind: 'hopeless'; reason: string };

const single = ['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-length', 'content-type'];

/** Headers that name somebody or something, beyond what `faultOf` looks at. */
function faultOfNames(message: SipMessage): string | null {
  for (const name of ['from', 'to', 'call-id', 'cseq']) {
    if (header(message, name) === '') return `no ${name}`;
  }
  const callId = header(message, 'call-id');
  // No bar is allowed in a Call-ID or a tag; the client protocol and our tables divide by it.
  if (/[\s|]/.test(callId)) return 'bad Call-ID';
  for (const name of ['from', 'to'] as const) {
    if (/[\s|]/.test(tagOf(header(message, name)))) return `bad tag in ${name}`;
  }
  for (const value of headerValues(message, 'via')) {
    if (/(^|,)\s*(,|$)/.test(value)) return 'bad Via';
  }
  if (message.status !== 0) return null;
  const contacts = splitLists(headerValues(message, 'contact'));
  const isBad = contacts.some((one) => one !== '*' && parseNameAddr(one) === null);
  if (isBad) return 'bad Contact';
  // RFC 3261 section 19.1.1, table 1: no headers in a Request-URI.
  const uri = parseUri(message.uri);
  if (uri !== null && message.uri.slice(message.uri.lastIndexOf('@')).includes('?')) {
    return 'headers in the Request-URI';
  }
  return null;
}

function faultOf(message: SipMessage, cseq: CSeq | null, isStream: boolean): string | null {
  if (message.fault !== null) return message.fault;
  const ofNames = faultOfNames(message);
  if (ofNames !== null) return ofNames;
  if (cseq === null) return 'bad CSeq';
  if (message.status === 0 && cseq.method !== message.method) return 'CSeq of another method';
  for (const name of single) {
    let seen = 0;
    for (const one of message.headers) if (one.name === name) seen += 1;
    if (seen > 1) return `repeated ${name}`;
  }
  const from = header(message, 'from');
  const to = header(message, 'to');
  if (parseNameAddr(from) === null) return 'bad From';
  if (parseNameAddr(to) === null) return 'bad To';
  const forwards = header(message, 'max-forwards');
  if (forwards !== '' && !/^\d{1,5}$/.test(forwards)) return 'bad Max-Forwards';
  return isStream ? null : cutBody(message);
}

/** RFC 3261 section 18.3: on UDP, Content-Length cuts; too little body is an error. */
function cutBody(message: SipMessage): string | null {
  const text = header(message, 'content-length');
  if (text === '') return null;
  if (!/^\d{1,9}$/.test(text)) return 'bad Content-Length';
  const length = Number(text);
  if (length > message.body.length) return 'body shorter than Content-Length';
  if (length < message.body.length) {
    message.text = message.text.slice(0, message.text.length - message.body.length + length);
    message.body = message.body.slice(0, length);
  }
  return null;
}

/** Rewrites the first Via entry in text and headers. */
function amendVia(message: SipMessage, via: Via, path: Path): string {
  const wantsPort = /;\s*rport\s*(?=;|$)/i.test(via.params);
  if (!wantsPort && via.host === path.address) return message.text;
  const first = message.headers.find((one) => one.name === 'via');
  if (first === undefined) return message.text;
  const entries = splitList(first.value);
  let entry = (entries[0] ?? '').replaceAll(/;\s*received\s*=[^;]*/gi, '');
  // IPv6 stands here without brackets (RFC 3261 section 25.1, via-received).
  if (wantsPort) entry = entry.replace(/;\s*rport\s*(?=;|$)/i, `;rport=${path.port}`);
  entry += `;received=${path.address}`;
  first.value = [entry, ...entries.slice(1)].join(', ');
  const line = message.text.slice(message.viaStart, message.viaEnd);
  const name = line.slice(0, line.indexOf(':'));
  return (
    message.text.slice(0, message.viaStart) +
    `${name}: ${first.value}` +
    message.text.slice(message.viaEnd)
  );
}

/**
 * Takes a received text as far as trust allows.
 * @param fault what the transport already found wrong
 */
export function admit(text: string, path: Path, fault: string | null): Admission {
  const message = parseMessage(text);
  if (message === null) return { kind: 'hopeless', reason: 'no start line' };
  if (fault !== null) message.fault = fault;
  const viaText = header(message, 'via');
  const via = parseVia(viaText.includes(',') ? (splitList(viaText)[0] ?? '') : viaText);
  const callId = header(message, 'call-id');
  const from = header(message, 'from');
  const to = header(message, 'to');
  const cseqText = header(message, 'cseq');
  if (via === null) return { kind: 'hopeless', reason: 'no usable Via' };
  const cseq = parseCSeq(cseqText);
  const reason = faultOf(message, cseq, path.reliable);
  const received: Received = {
    message,
    text: message.text,
    path,
    via,
    from,
    to,
    fromTag: tagOf(from),
    toTag: tagOf(to),
    callId,
    cseq: cseq ?? { seq: 0, method: message.method },
    ground: null,
  };
  if (message.status === 0) received.text = amendVia(message, via, path);
  if (reason === null) return { kind: 'sound', received };
  const status =
    reason === 'version not supported' ? 505 : reason === 'message too large' ? 513 : 400;
  return { kind: 'faulty', received, reason, status };
}

/** RFC 3261 section 17.2.3, and its older rule where the magic cookie is missing. */
export function serverKey(received: Received, method: string): string {
  const { via } = received;
  const sentBy = `${via.host}:${via.port}`;
  // The cookie alone is no branch: two requests that have it would be one (RFC 4475 section 3.2.1).
  if (via.branch.startsWith('z9hG4bK') && via.branch.length > 7)
    return `${via.branch}|${sentBy}|${method}`;
  const old = `${received.callId}|${received.fromTag}|${received.cseq.seq}|${via.branch}`;
  return `${old}|${sentBy}|${method}`;
}

/** `address` or `[address]` as the client protocol prints it. */
export function printed(address: string): string {
  return bracketed(address);
}
