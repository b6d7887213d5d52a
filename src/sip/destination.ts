/**
 * Where a caller goes whom no queue has (any more), in SIP: the final answer while his INVITE is
 * open, the Reason of our BYE after it. One table for exit statuses, one for causes.
 */
import type { CallRefused } from '../core/events.ts';
import type { Destination, ExitStatus } from '../core/types.ts';
import type { Outcome } from '../runtime/port.ts';
import { clean } from './headers.ts';
import type { Response } from './port.ts';

const NOBODY: Response = { status: 480, reason: 'No Agent Available' };

/** Final answer for a call that gets no place. 486 and 503 as Asterisk's FULL and congestion. */
export const REFUSALS: Readonly<Record<ExitStatus, Response>> = {
  UNKNOWNQUEUE: { status: 404, reason: 'No Such Queue' },
  FULL: { status: 486, reason: 'Queue Full' },
  JOINEMPTY: NOBODY,
  JOINUNAVAIL: NOBODY,
  LEAVEEMPTY: NOBODY,
  LEAVEUNAVAIL: NOBODY,
  TIMEOUT: NOBODY,
  CONTINUE: NOBODY,
  WITHDRAW: NOBODY,
  OVERLOAD: { status: 503, reason: 'Overload', headers: { 'Retry-After': '10' } },
  FAILED: { status: 500, reason: 'Server Internal Error' },
  ABANDONED: { status: 487, reason: 'Request Terminated' },
  COMPLETED: { status: 500, reason: 'Server Internal Error' },
};

const UNAVAILABLE: Response = {
  status: 503,
  reason: 'Service Unavailable',
  headers: { 'Retry-After': '5' },
};

/** RFC 3398 §7.2.4.1, the causes an operator would name; the rest is 480. */
const STATUS_OF_CAUSE: ReadonlyMap<number, readonly [status: number, reason: string]> = new Map([
  [1, [404, 'Not Found']],
  [2, [404, 'Not Found']],
  [3, [404, 'Not Found']],
  [17, [486, 'Busy Here']],
  [21, [603, 'Decline']],
  [22, [410, 'Gone']],
  [27, [502, 'Bad Gateway']],
  [28, [484, 'Address Incomplete']],
  [34, [503, 'Service Unavailable']],
  [38, [503, 'Service Unavailable']],
  [41, [503, 'Service Unavailable']],
  [42, [503, 'Service Unavailable']],
]);

function reasonOf(cause: number): string {
  return `Q.850;cause=${cause}`;
}

/** What an INVITE without a place is answered. With a prompt it is accepted, and he hears it. */
export interface Rejection {
  readonly response: Response;
  readonly prompt?: string;
}

function refuseWith(cause: number): Rejection {
  const [status, reason] = STATUS_OF_CAUSE.get(cause) ?? [480, 'Temporarily Unavailable'];
  return { response: { status, reason, headers: { Reason: reasonOf(cause) } } };
}

function rejectionOf({ status, destination }: CallRefused): Rejection {
  const response = REFUSALS[status];
  switch (destination?.to) {
    case undefined:
    case 'queue':
      return { response };
    case 'busy':
      return refuseWith(17);
    case 'congestion':
      return refuseWith(34);
    case 'hangup':
      return refuseWith(destination.cause);
    case 'uri': {
      // RFC 3261 §21.3.3: his side calls there itself.
      const headers = { Contact: `<${clean(destination.uri, 300)}>` };
      return { response: { status: 302, reason: 'Moved Temporarily', headers } };
    }
    case 'prompt':
      return { response, prompt: destination.prompt };
  }
}

/** null: he has a place; else why not, and where he is sent. */
export function refusalFor(outcome: Outcome): Rejection | null {
  if (!outcome.ok) {
    if (outcome.refusal === 'unknown-queue') return { response: REFUSALS.UNKNOWNQUEUE };
    if (outcome.refusal === 'queue-full') return { response: REFUSALS.FULL };
    return { response: outcome.refusal === 'overload' ? REFUSALS.OVERLOAD : UNAVAILABLE };
  }
  for (const { event } of outcome.events)
    if (event.kind === 'CallRefused') return rejectionOf(event);
  return null;
}

/** What a phone is told by NOTIFY whose transfer cannot be (RFC 3515 §2.4.5). */
export function sipfragOf(refusal: Extract<Outcome, { ok: false }>['refusal']): string {
  switch (refusal) {
    case 'queue-full':
      return '486 Busy Here';
    case 'queue-empty':
    case 'not-logged-in':
      return '480 Temporarily Unavailable';
    case 'unknown-queue':
    case 'unknown-agent':
    case 'no-direct-queue':
      return '404 Not Found';
    case 'moved-too-often':
      return '482 Loop Detected';
    default:
      return '503 Service Unavailable';
  }
}

/** Reason (RFC 3326) of the BYE to a caller who has been answered. */
export function goodbyeOf(destination: Destination | undefined): string {
  switch (destination?.to) {
    case 'busy':
      return 'Q.850;cause=17;text="User busy"';
    case 'congestion':
      return 'Q.850;cause=34;text="No circuit available"';
    case 'hangup':
      return reasonOf(destination.cause);
    default:
      return 'Q.850;cause=16;text="Normal call clearing"';
  }
}
