/** What a client may put into a response, and how a provisional becomes reliable. */
import type { UasTx } from './context.ts';
import { lists, tagOf } from './headers.ts';
import { headerValues, rawHeaders, canonicalName, type Header } from './message.ts';
import { nextRseq } from './reliable.ts';

export interface Answer {
  status: number;
  /** Empty for the usual phrase. */
  reason: string;
  extra: Header[];
  body: string;
}

/** Headers of a response that are ours to write; a client's version is discarded. */
const managed = new Set([
  'via',
  'from',
  'to',
  'call-id',
  'cseq',
  'rseq',
  'record-route',
  'route',
  'content-length',
  'max-forwards',
]);

/** A client's headers without those that are ours, and the tag it wants in To. */
export function clientHeaders(sip: string): { extra: Header[]; toTag: string } {
  const extra: Header[] = [];
  let toTag = '';
  for (const one of rawHeaders(sip)) {
    const name = canonicalName(one.name);
    if (name === 'to') toTag = tagOf(one.value);
    if (!managed.has(name)) extra.push(one);
  }
  return { extra, toTag };
}

/**
 * Makes a provisional response reliable if the client asks and the caller can.
 * @returns the RSeq, or null if the response goes out as usual
 */
export function reliableExtras(uas: UasTx, given: Answer, extra: Header[]): number | null {
  const { message } = uas.received;
  if (given.status <= 100 || given.status >= 200 || message.method !== 'INVITE') return null;
  const at = extra.findIndex(
    (one) => one.name.toLowerCase() === 'require' && lists([one.value], '100rel'),
  );
  if (at < 0) return null;
  const peer = [...headerValues(message, 'supported'), ...headerValues(message, 'require')];
  if (!lists(peer, '100rel')) {
    // RFC 3262 section 3: never towards a caller that does not know it.
    extra.splice(at, 1);
    return null;
  }
  const rseq = nextRseq(uas);
  extra.push({ name: 'RSeq', value: String(rseq) });
  return rseq;
}
