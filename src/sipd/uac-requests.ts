/**
 * What a client's request becomes on the wire: headers filled in where the client left them out,
 * `localhost` replaced by the name under which the peer knows us.
 */
import type { Context } from './context.ts';
import {
  composeVia,
  fillContact,
  fillLocalhost,
  ownContact,
  type RequestParts,
} from './compose.ts';
import type { DialogEntry } from './dialogs.ts';
import { dialogRequest } from './outgoing.ts';
import { parseCSeq, parseNameAddr, tagOf } from './headers.ts';
import { newBranch, newTag, newUuid } from './ids.ts';
import { MAX_CSEQ_MEMORY } from './limits.ts';
import { canonicalName, rawHeaders, type Header, type SipMessage } from './message.ts';
import type { Path } from './path.ts';

/** Written by us; a client's version is read where that makes sense, and never copied. */
const ours = new Set([
  'via',
  'from',
  'to',
  'call-id',
  'cseq',
  'max-forwards',
  'route',
  'record-route',
  'rseq',
  'content-length',
]);

const contactMethods = new Set(['INVITE', 'SUBSCRIBE', 'REFER', 'UPDATE', 'NOTIFY']);

export type Prepared =
  { ok: true; parts: RequestParts; branch: string } | { ok: false; reason: string };

interface Given {
  values: Map<string, string>;
  extra: Header[];
}

function read(sip: string, path: Path | null): Given {
  const given: Given = { values: new Map(), extra: [] };
  for (const one of rawHeaders(sip)) {
    const name = canonicalName(one.name);
    if (ours.has(name)) {
      given.values.set(name, one.value);
      continue;
    }
    let value = one.value;
    if (path !== null && name === 'contact') value = fillContact(value, path);
    else if (path !== null && name === 'p-asserted-identity') value = fillLocalhost(value, path);
    given.extra.push({ name: one.name, value });
    given.values.set(name, value);
  }
  return given;
}

/** Completes body headers; null if the body's type cannot be told. */
function typed(given: Given, body: string): boolean {
  if (body === '' || given.values.has('content-type')) return true;
  if (!body.startsWith('v=0')) return false;
  given.extra.push({ name: 'Content-Type', value: 'application/sdp' });
  return true;
}

/** Last CSeq per Call-ID a client chose itself: registrations must count upwards. */
const lastCSeq = new Map<string, number>();

function nextCSeq(given: Given, method: string, now: number): number {
  const wanted = parseCSeq(given.values.get('cseq') ?? '');
  const callId = given.values.get('call-id');
  const clock = Math.floor(now / 1000) % 2 ** 31;
  let seq = wanted !== null && wanted.method === method ? wanted.seq : clock;
  if (callId === undefined) return seq;
  const last = lastCSeq.get(callId);
  if (wanted === null && last !== undefined && last >= seq) seq = last + 1;
  lastCSeq.delete(callId);
  lastCSeq.set(callId, seq);
  const oldest = lastCSeq.keys().next().value;
  if (lastCSeq.size > MAX_CSEQ_MEMORY && oldest !== undefined) lastCSeq.delete(oldest);
  return seq;
}

/** From and To: the client's, or made up; null if the client's is malformed. */
function addressOf(value: string | undefined, otherwise: string, path: Path | null): string | null {
  if (value === undefined || value === '') return otherwise;
  const filled = path === null ? value : fillLocalhost(value, path);
  const parsed = parseNameAddr(filled);
  if (parsed === null) return null;
  if (filled.includes('<')) return filled;
  return `<${parsed.uri}>${parsed.params}`;
}

/**
 * A request outside any dialog.
 * @param path null if the destination could not be found: the request is made for its echo only
 */
export function newRequest(
  ctx: Context,
  message: SipMessage,
  sip: string,
  path: Path | null,
): Prepared {
  const { method, uri } = message;
  const given = read(sip, path);
  if (!typed(given, message.body)) return { ok: false, reason: 'missing content-type' };
  const branch = newBranch();
  const ownAddress = path === null ? '<sip:anonymous@anonymous.invalid>' : ownContact(path);
  const from = addressOf(given.values.get('from'), ownAddress, path);
  const to = addressOf(given.values.get('to'), `<${uri}>`, path);
  if (from === null) return { ok: false, reason: 'bad From header' };
  if (to === null) return { ok: false, reason: 'bad To header' };
  const contact = given.values.get('contact');
  if (contact !== undefined && contact !== '*' && parseNameAddr(contact) === null) {
    return { ok: false, reason: 'bad Contact header' };
  }
  const needsContact = method === 'INVITE' || method === 'SUBSCRIBE' || method === 'REFER';
  if (contact === undefined && needsContact && path !== null) {
    given.extra.unshift({ name: 'Contact', value: ownContact(path) });
  }
  const forwards = given.values.get('max-forwards') ?? '';
  return {
    ok: true,
    branch,
    parts: {
      method,
      uri,
      via:
        path === null ? `SIP/2.0/UDP unknown.invalid;branch=${branch}` : composeVia(path, branch),
      maxForwards: /^\d{1,3}$/.test(forwards) ? forwards : '70',
      routes: [],
      from: tagOf(from) === '' ? `${from};tag=${newTag()}` : from,
      to,
      callId: given.values.get('call-id') ?? newUuid(),
      cseq: nextCSeq(given, method, ctx.clock.now()),
      extra: given.extra,
      body: message.body,
    },
  };
}

/** A request inside a dialog: nearly everything is the dialog's (RFC 3261 section 12.2.1.1). */
export function inDialogRequest(
  entry: DialogEntry,
  message: SipMessage,
  sip: string,
  path: Path,
  cseq: number,
): Prepared {
  const { method, body } = message;
  const given = read(sip, path);
  if (!typed(given, body)) return { ok: false, reason: 'missing content-type' };
  const contact = given.values.get('contact');
  if (contact === undefined && contactMethods.has(method)) {
    given.extra.unshift({ name: 'Contact', value: entry.state.contact });
  } else if (contact !== undefined && parseNameAddr(contact) === null) {
    return { ok: false, reason: 'bad Contact header' };
  }
  const parts = dialogRequest(entry.state, path, { method, cseq, extra: given.extra, body });
  return { ok: true, parts, branch: parts.branch };
}
