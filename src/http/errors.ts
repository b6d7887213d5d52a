/**
 * The error answers: one catalogue of code, status and sentence, so that a program can tell them
 * apart and a person knows what to do. Nothing of an exception's inside is told.
 */
import type { Outcome } from '../runtime/port.ts';

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

type Refusal = Extract<Outcome, { ok: false }>['refusal'] | 'not-allowed';

export function notFound(what: string, name: string): Problem {
  const shown = name.slice(0, 80);
  const message = `there is no ${what} "${shown}"; GET /${what}s lists what there is`;
  return { status: 404, code: `unknown-${what}`, message };
}

export const NO_ROUTE: Problem = {
  status: 404,
  code: 'unknown-path',
  message: 'nothing is served here; GET /openapi.json lists all paths',
};

export const WRONG_ORIGIN: Problem = {
  status: 403,
  code: 'wrong-origin',
  message: 'a web page of another site may not use this interface; call it directly',
};

export const INTERNAL: Problem = {
  status: 500,
  code: 'internal',
  message: 'something went wrong inside; the log has the details',
};

const REFUSALS: Partial<Record<Refusal, Problem>> = {
  'not-logged-in': {
    status: 409,
    code: 'not-logged-in',
    message: 'the agent is not logged in; let him call acdlogin first',
  },
  'unknown-call': {
    status: 404,
    code: 'unknown-call',
    message: 'there is no such call (any more); GET /calls lists what there is',
  },
  'unknown-queue': {
    status: 404,
    code: 'unknown-queue',
    message: 'there is no such queue; GET /queues lists what there is',
  },
  'not-waiting': {
    status: 409,
    code: 'not-waiting',
    message: 'the call does not wait in a line: it talks, is being connected, or just enters',
  },
  'queue-full': {
    status: 409,
    code: 'queue-full',
    message: 'the line of that queue is full (maxlen); choose another queue, or wait',
  },
  'moved-too-often': {
    status: 409,
    code: 'moved-too-often',
    message: 'the call has been through as many queues as may be; give it to an agent instead',
  },
  'agent-not-free': {
    status: 409,
    code: 'agent-not-free',
    message: 'the agent cannot be rung now; GET /agents/{id} says why (state, device_state)',
  },
  'not-allowed': {
    status: 403,
    code: 'not-allowed',
    message: 'calls may not be sent there; transfers.allow in acd.yaml lists where they may',
  },
  'not-in-wrapup': {
    status: 409,
    code: 'not-in-wrapup',
    message: 'the agent is not in wrap-up; it may just have ended',
  },
  'not-paused': { status: 409, code: 'not-paused', message: 'the agent is not paused' },
  unavailable: {
    status: 503,
    code: 'unavailable',
    message: 'the ACD cannot take commands now (stopping, or its journal fails); see GET /health',
  },
};

/** What a refused command says over REST. */
export function refused(refusal: Refusal, agentId: string): Problem {
  if (refusal === 'unknown-agent') return notFound('agent', agentId);
  const known = REFUSALS[refusal];
  return known ?? { status: 409, code: refusal, message: `refused: ${refusal}` };
}

/** Of an error that fastify or a route threw. */
export function problemOf(error: unknown): Problem {
  const fault = error as {
    statusCode?: unknown;
    code?: unknown;
    message?: unknown;
    validation?: readonly { message?: string; instancePath?: string }[];
  };
  if (Array.isArray(fault.validation)) {
    const found = fault.validation.map((issue: { message?: string; instancePath?: string }) =>
      `${issue.instancePath ?? ''} ${issue.message ?? ''}`.trim(),
    );
    return { status: 400, code: 'bad-request', message: found.join('; ').slice(0, 500) };
  }
  const status = typeof fault.statusCode === 'number' ? fault.statusCode : 500;
  if (status < 400 || status >= 500) return INTERNAL;
  const codes: Record<number, [code: string, message: string]> = {
    413: ['too-large', 'the body is larger than 64 kB'],
    415: ['unsupported-media-type', 'send the body as application/json'],
  };
  const [code, message] = codes[status] ?? ['bad-request', 'the request cannot be understood'];
  return { status, code, message };
}
