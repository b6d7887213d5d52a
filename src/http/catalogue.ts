/**
 * The one catalogue of error codes: each with its HTTP status and a title that never changes.
 * A code once given keeps its meaning for ever; programs may rely on it. What happened this time
 * and what to do is the problem's `detail` (errors.ts). `GET /errors` shows this list.
 */

interface Entry {
  readonly status: number;
  readonly title: string;
}

export const CATALOGUE = {
  'bad-request': { status: 400, title: 'The request cannot be understood' },
  'bad-configuration': { status: 400, title: 'The configuration would have mistakes' },
  'bad-audio': { status: 400, title: 'The audio cannot be used' },
  'unknown-cursor': { status: 400, title: 'The page to go on from is not there any more' },
  'no-token': { status: 401, title: 'A token is needed' },
  'bad-token': { status: 401, title: 'The token is not valid' },
  'role-missing': { status: 403, title: 'The token may not do this' },
  'out-of-scope': { status: 403, title: 'The token is not for this queue or agent' },
  'too-many-requests': { status: 429, title: 'More requests than may be' },
  'wrong-origin': { status: 403, title: 'A web page of another site may not use this' },
  'unknown-path': { status: 404, title: 'Nothing is served here' },
  'unknown-queue': { status: 404, title: 'There is no such queue' },
  'unknown-agent': { status: 404, title: 'There is no such agent' },
  'unknown-call': { status: 404, title: 'There is no such call' },
  'unknown-offer': { status: 404, title: 'There is no such offer' },
  'unknown-device': { status: 404, title: 'Nobody is logged in on this phone' },
  'unknown-member': { status: 404, title: 'The agent is not a member of this queue' },
  'unknown-prompt': { status: 404, title: 'There is no such uploaded prompt' },
  'unknown-penalty-rule': { status: 404, title: 'There is no such penalty rule' },
  'unknown-pause-reason': { status: 404, title: 'There is no such pause reason' },
  'unknown-version': { status: 404, title: 'There is no such version of the configuration' },
  'unknown-lock': { status: 404, title: 'There is no such lock' },
  'unknown-ban': { status: 404, title: 'There is no such ban' },
  'unknown-error': { status: 404, title: 'There is no such error code' },
  'not-logged-in': { status: 409, title: 'The agent is not logged in' },
  'already-logged-in': { status: 409, title: 'The agent is logged in on another phone' },
  'device-taken': { status: 409, title: 'Another agent is logged in on this phone' },
  'static-agent': { status: 409, title: 'The agent has a fixed phone' },
  'not-paused': { status: 409, title: 'The agent is not paused' },
  'not-in-wrapup': { status: 409, title: 'The agent is not in wrap-up' },
  'not-a-member': { status: 409, title: 'The agent is not a member of this queue' },
  'not-waiting': { status: 409, title: 'The call does not wait' },
  'not-talking': { status: 409, title: 'The call does not talk' },
  'queue-full': { status: 409, title: 'The queue is full' },
  'queue-empty': { status: 409, title: 'Nobody is there in the queue' },
  'no-direct-queue': { status: 409, title: 'No queue takes calls to one agent' },
  'moved-too-often': { status: 409, title: 'The call has been in as many queues as may be' },
  'agent-not-free': { status: 409, title: 'The agent cannot be rung now' },
  'bad-number': { status: 400, title: 'It cannot be told whom to dial' },
  'outbound-call': { status: 409, title: 'The call is an agent’s own' },
  'not-allowed': { status: 403, title: 'Calls may not be sent there' },
  'no-exit-key': { status: 409, title: 'The key has no meaning in this queue' },
  'duplicate-call': { status: 409, title: 'The call is there already' },
  exists: { status: 409, title: 'One of that name is there already' },
  'version-changed': { status: 412, title: 'The configuration is another one meanwhile' },
  'config-conflict': { status: 409, title: 'File and REST both changed the same' },
  'unknown-reason': { status: 422, title: 'Nobody may pause for this reason' },
  'bad-device': { status: 422, title: 'It cannot be told which phone is meant' },
  'device-not-allowed': { status: 403, title: 'Agents may not be logged in on this phone' },
  'no-presence': { status: 409, title: 'The phone does not tell its presence' },
  'unknown-registrar': { status: 422, title: 'There is no such registrar' },
  'key-in-use': { status: 409, title: 'The request with this Idempotency-Key is still under way' },
  'key-reused': { status: 422, title: 'The Idempotency-Key came with another request before' },
  'too-large': { status: 413, title: 'The body is too large' },
  'wrong-method': { status: 405, title: 'The path is not served by this method' },
  'too-slow': { status: 408, title: 'The request took too long to arrive' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'unsupported-media-type': { status: 415, title: 'The body is of a type not taken here' },
  refused: { status: 409, title: 'The rules do not allow it now' },
  internal: { status: 500, title: 'Something went wrong inside' },
  overload: { status: 503, title: 'The ACD has as much to do as it can' },
  unavailable: { status: 503, title: 'The ACD cannot take commands now' },
  'no-place': { status: 503, title: 'There is no place to keep it' },
  'too-many-readers': { status: 503, title: 'As many follow the events as may' },
  'too-many-keys': { status: 503, title: 'Too many requests with an Idempotency-Key under way' },
  'reports-unavailable': { status: 503, title: 'The reports cannot be had now' },
} as const satisfies Readonly<Record<string, Entry>>;

export type ErrorCode = keyof typeof CATALOGUE;

export const ERROR_CODES = Object.keys(CATALOGUE) as ErrorCode[];

/** The URI reference that names the kind of a problem; a GET of it tells what it means. */
export const typeOf = (code: ErrorCode): string => `/errors/${code}`;
