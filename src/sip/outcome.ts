/**
 * The verdict on every way an INVITE to an agent's phone can end without a connected call. One
 * table: what the core is told (`failure`), the SIP status for the journal (0 where there was
 * none) and a word for the operator. Whether the agent rests or is made unavailable is the
 * core's business.
 */
import type { OfferFailure } from '../core/types.ts';
import type { InviteOutcome } from './client.ts';
import { clean } from './headers.ts';

export interface Verdict {
  readonly failure: OfferFailure;
  readonly sipStatus: number;
  readonly detail: string;
}

/** Final answers with a meaning of their own; the rest goes by class. */
const BY_STATUS: ReadonlyMap<number, OfferFailure> = new Map<number, OfferFailure>([
  // 3xx: the phone forwards. A queue's call is for this agent at this phone, so the forward is
  // not followed (it could lead to a voice mail that "answers"); it counts as declined.
  [300, 'declined'],
  [301, 'declined'],
  [302, 'declined'],
  [305, 'declined'],
  [380, 'declined'],
  [404, 'unreachable'],
  [408, 'unreachable'],
  [410, 'unreachable'],
  [480, 'unreachable'],
  [484, 'unreachable'],
  [502, 'unreachable'],
  [503, 'unreachable'],
  [504, 'unreachable'],
  [604, 'unreachable'],
  [486, 'busy'],
  [600, 'busy'],
  [603, 'declined'],
  [607, 'declined'], // RFC 8197, unwanted
  [608, 'declined'], // RFC 8688, rejected
  [488, 'media'],
  [606, 'media'],
]);

/** 480 says "not here" or "do not disturb"; phones tell the latter only in words. */
const DO_NOT_DISTURB = /\b(dnd|do not disturb|declin|reject)/i;

/** Q.850 cause 21, "call rejected": what Asterisk makes of a phone's 603, with a 403. */
const CALL_REJECTED = /Q\.850\s*;\s*cause=21\b/i;

/** The verdict on a final answer of 300 and above. `words`: reason phrase, Reason, Warning. */
export function judgeStatus(status: number, words: string): Verdict {
  const detail = clean(`${status} ${words}`);
  if (status === 480 && DO_NOT_DISTURB.test(words))
    return { failure: 'declined', sipStatus: status, detail };
  if (CALL_REJECTED.test(words)) return { failure: 'declined', sipStatus: status, detail };
  return { failure: BY_STATUS.get(status) ?? 'failed', sipStatus: status, detail };
}

/** The verdict on one that ended while nobody was there: `why` as the SIP server tells it. */
export function judgeEnded(why: string): Verdict {
  const status = /^\d{3}/.exec(why)?.[0] ?? '';
  return status === ''
    ? { failure: 'failed', sipStatus: 0, detail: clean(why) }
    : judgeStatus(Number(status), why.slice(status.length).trim());
}

/** The verdict on an INVITE's outcome, or null where it is none: answered, or cancelled by us. */
export function judgeInvite(outcome: InviteOutcome): Verdict | null {
  switch (outcome.kind) {
    case 'answered':
    case 'cancelled':
      return null;
    case 'refused': {
      const { response } = outcome;
      const words = [response.reason, response.header('Reason'), response.header('Warning')];
      return judgeStatus(response.status, words.filter(Boolean).join('; '));
    }
    case 'rejected-credentials':
      return {
        failure: 'failed',
        sipStatus: outcome.response.status,
        detail: 'the registrar refuses our user name or password',
      };
    case 'no-answer':
      return { failure: 'no-answer', sipStatus: 0, detail: 'no answer before our deadline' };
    case 'no-dialog':
      return { failure: 'failed', sipStatus: 0, detail: 'the SIP server knows no such dialog' };
    case 'lost':
      return { failure: 'unreachable', sipStatus: 0, detail: clean(outcome.detail) };
  }
}
