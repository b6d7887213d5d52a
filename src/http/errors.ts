/**
 * The error answers: a code of the catalogue, and a sentence of what is wrong and what to do, so
 * that a program can tell them apart and a person knows how to go on. Nothing of an exception's
 * inside is told.
 */
import { CATALOGUE, type ErrorCode } from './catalogue.ts';
import type { Dialled, LoggedIn } from './view.ts';

export interface Problem {
  readonly code: ErrorCode;
  /** What is wrong this time; what to do. */
  readonly detail: string;
}

export type Refusal =
  Extract<LoggedIn | Dialled, { ok: false }>['refusal'] | 'not-allowed' | 'outbound-call';

export const problem = (code: ErrorCode, detail: string): Problem => ({ code, detail });

/** Which list has those that there are. */
const LISTS = {
  queue: '/queues',
  agent: '/agents',
  call: '/calls',
  member: '/queues/:name/members',
  prompt: '/prompts',
  'penalty-rule': '/penalty-rules',
  'pause-reason': '/pause-reasons',
} as const;

export function notFound(what: keyof typeof LISTS, name: string): Problem {
  const [word, shown] = [what.replace('-', ' '), name.slice(0, 80)];
  return problem(
    `unknown-${what}`,
    `there is no ${word} "${shown}"; GET ${LISTS[what]} lists what there is`,
  );
}

export const NO_ROUTE = problem(
  'unknown-path',
  'nothing is served here; GET /openapi.json lists all paths',
);

export const WRONG_ORIGIN = problem(
  'wrong-origin',
  'a web page of another site may not use this interface; call it directly',
);

export const INTERNAL = problem('internal', 'something went wrong inside; the log has the details');

/** What to do where a command was refused; the code is the refusal's own word. */
const ADVICE: Readonly<Partial<Record<ErrorCode, string>>> = {
  'not-logged-in': 'the agent is not logged in; let him call acdlogin first',
  'already-logged-in': 'the agent is logged in on another phone; log him out first',
  'device-taken': 'another agent is logged in on this phone; log him out first',
  'no-presence': 'presence is required and the phone refuses it; let the PBX allow SUBSCRIBE',
  'bad-device': 'name the phone as sip:user@host, or its user alone and the registrar it is at',
  'device-not-allowed': 'sip.login.devices in acd.yaml lists the phones that may be named',
  'unknown-registrar': 'GET /health lists the registrars',
  'static-agent': 'the configuration gives the agent a fixed phone; change it there',
  'not-paused': 'the agent is not paused',
  'not-in-wrapup': 'the agent is not in wrap-up',
  'not-a-member': 'the agent is not a member of this queue; GET /agents tells of which he is',
  'not-waiting': 'the call does not wait; GET /calls tells what it does',
  'not-talking': 'the call talks with nobody; GET /calls tells what it does',
  'unknown-reason': 'nobody may pause for this reason; take one of pause-reasons',
  'queue-full': 'the line of that queue is full (maxlen); choose another queue, or wait',
  'queue-empty':
    'nobody who could take the call is there in that queue (joinempty); choose another',
  'no-direct-queue': 'no queue takes calls to one agent; set direct: yes for one in acd.yaml',
  'moved-too-often': 'the call has been through as many queues as may be; give it to an agent',
  'agent-not-free': 'the agent cannot be rung now; GET /agents/{id} says why (state, device_state)',
  'bad-number':
    'write a number, or sip:user@host; a number needs a PBX in sip.register of acd.yaml',
  'outbound-call': 'it stands in no queue, and can only be hung up',
  'not-allowed': 'calls may not be sent there; transfers.allow in acd.yaml lists where they may',
  unavailable: 'the ACD cannot take commands now (stopping, or its journal fails); see GET /health',
};

const isCode = (word: string): word is ErrorCode => Object.hasOwn(CATALOGUE, word);

/** What a refused command says over REST. `name`: of the agent, the queue or the call meant. */
export function refused(refusal: Refusal, name: string): Problem {
  if (refusal === 'unknown-agent') return notFound('agent', name);
  if (refusal === 'unknown-call') return notFound('call', name);
  if (refusal === 'unknown-queue') return notFound('queue', name);
  const word: string = refusal;
  if (!isCode(word)) return problem('refused', `refused: ${word}`);
  return problem(word, ADVICE[word] ?? `refused: ${CATALOGUE[word].title.toLowerCase()}`);
}

/** A problem on its way through fastify, which knows of errors alone. */
export class ProblemError extends Error {
  readonly problem: Problem;
  readonly statusCode: number;

  constructor(given: Problem) {
    super(given.detail);
    this.problem = given;
    this.statusCode = CATALOGUE[given.code].status;
  }
}

/** Of an error that fastify or a route threw. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const { statusCode } = error as { readonly statusCode?: unknown };
  const status = typeof statusCode === 'number' ? statusCode : 500;
  if (status < 400 || status >= 500) return INTERNAL;
  if (status === 413)
    return problem(
      'too-large',
      'the body is larger than 64 kB (a configuration: 1 MB, a prompt: 20 MB)',
    );
  if (status === 415) {
    return problem(
      'unsupported-media-type',
      'send the body as Content-Type: application/json (a prompt: audio/wav)',
    );
  }
  return problem('bad-request', 'the request cannot be understood');
}
