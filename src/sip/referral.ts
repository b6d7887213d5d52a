/**
 * REFER from a phone in a talk: it asks that the one it talks with be sent elsewhere (RFC 3515),
 * as a new call there (blind, RFC 5589 §6) or in the place of a talk it has there already
 * (attended: Replaces in Refer-To, RFC 5589 §7, RFC 3891). This reads it, answers it, and tells by
 * NOTIFY what came of it; whether it may be, and how it is done, is the owner's of the dialog.
 *
 * One at a time in a dialog. Done means that the caller is on his way: the phone's own part is over
 * then, and it is told so before it is hung up on.
 */
import { harmlessParams } from '../config/transfer-rules.ts';
import { parseNameAddr, parseUri, splitList } from './headers.ts';
import type { Headers, IncomingRequest, Response } from './port.ts';

export interface Referral {
  /** `sip:user@host[:port]`, with `;transport=` and `;user=`; other parameters are left out. */
  readonly uri: string;
  /** Value for the Replaces header of the INVITE there; null: none, a blind transfer. */
  readonly replaces: string | null;
}

/**
 * What the owner says: why it may not be, or how it is done, which gives null, or the status
 * (`486 Busy Here`) that the phone is told as it could not be done.
 */
export type ReferralAnswer = Response | (() => Promise<string | null>);

/** Absent: nobody in the dialog is transferred. */
export interface ReferralOwner {
  referred?(referral: Referral): ReferralAnswer;
}

/** RFC 3515 §2.4.2 allows any final answer. */
const NOT_OFFERED: Response = { status: 603, reason: 'Transfer Not Offered' };
const BAD: Response = { status: 400, reason: 'Bad Refer-To' };
const PROGRESS_S = 60;

/** A response instead: what the request is refused with. */
function readReferral(request: IncomingRequest): Referral | Response {
  const value = request.header('Refer-To');
  // RFC 3515 §2.4.1: exactly one.
  if (value === '' || splitList(value).length !== 1) return BAD;
  const written = parseNameAddr(value)?.uri ?? '';
  if (!/^sips?:/i.test(written)) return { status: 416, reason: 'Unsupported URI Scheme' };
  const uri = parseUri(written);
  if (uri === null || uri.user === '') return BAD;
  const method = uri.params.get('method')?.toUpperCase() ?? 'INVITE';
  if (method !== 'INVITE') return { status: 501, reason: 'Only Calls Are Transferred' };
  const [address = '', headers = ''] = written.split('?');
  const [place = '', ...params] = address.split(';');
  const plain = `${place}${harmlessParams(params.join(';'))}`;
  const named = headers.split('&').find((each) => /^replaces=/i.test(each));
  if (named === undefined) return { uri: plain, replaces: null };
  const replaces = readReplaces(named.slice('replaces='.length));
  return replaces === null ? BAD : { uri: plain, replaces };
}

/** RFC 3891 §6.1, out of its escapes; null: it does not name a dialog. */
function readReplaces(escaped: string): string | null {
  let value: string;
  try {
    value = decodeURIComponent(escaped);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
  const isDialog = /^[!-:<-~]{1,256}(;[!-:<-~]+){2,4}$/.test(value);
  return isDialog && /;to-tag=/i.test(value) && /;from-tag=/i.test(value) ? value : null;
}

/** Sends a NOTIFY in the dialog; settles when it is answered, or will not be. */
type Tell = (headers: Headers, body: string) => Promise<unknown>;

export class Referrals {
  private readonly tell: Tell;
  /** Tells the phone how the one under way ended; null: none is. */
  private conclude: ((status: string) => Promise<unknown>) | null = null;
  private count = 0;

  constructor(tell: Tell) {
    this.tell = tell;
  }

  /** Answers it, and has the owner of the dialog do it. */
  async take(request: IncomingRequest, owner: ReferralOwner) {
    const refuse = (response: Response) => void request.respond(response);
    if (owner.referred === undefined) return refuse(NOT_OFFERED);
    if (this.conclude !== null) return refuse({ status: 491, reason: 'Request Pending' });
    const read = readReferral(request);
    if ('status' in read) return refuse(read);
    const answer = owner.referred(read);
    if (typeof answer !== 'function') return refuse(answer);
    this.count += 1;
    // RFC 4488 §4: it wants to hear nothing of it.
    const isQuiet = /^false$/i.test(request.header('Refer-Sub').trim());
    // RFC 3515 §2.4.6: those after the first are told apart by the CSeq of their REFER.
    const id = this.count > 1 ? `;id=${Number.parseInt(request.header('CSeq'), 10)}` : '';
    const notify = (state: string, status: string): Promise<unknown> => {
      if (isQuiet) return Promise.resolve();
      const headers = {
        Event: `refer${id}`,
        'Subscription-State': state,
        'Content-Type': 'message/sipfrag;version=2.0',
      };
      return this.tell(headers, `SIP/2.0 ${status}\r\n`);
    };
    this.conclude = (status) => {
      this.conclude = null;
      return notify('terminated;reason=noresource', status);
    };
    // Nothing is awaited before it is ordered: many phones send BYE right behind their REFER.
    void request.respond({
      status: 202,
      reason: 'Accepted',
      ...(isQuiet ? { headers: { 'Refer-Sub': 'false' } } : {}),
    });
    const doing = answer();
    void notify(`active;expires=${PROGRESS_S}`, '100 Trying');
    const failure = await doing;
    if (failure !== null) void this.conclude?.(failure);
  }

  /** The phone's part is over, and it is told before the BYE. `isDone`: as it asked for. */
  async over(isDone: boolean): Promise<void> {
    await this.conclude?.(isDone ? '200 OK' : '487 Request Terminated');
  }

  get isUnderWay(): boolean {
    return this.conclude !== null;
  }
}
