/**
 * The answers of the REST interface. GET /queues and GET /agents keep their first shapes for ever
 * (the keys before the blank line, as strings); what comes after may grow.
 */
import { z } from 'zod';
import { ERROR_CODES } from './catalogue.ts';

const callState = z
  .enum(['queued', 'offered', 'assigned', 'transferred', 'calling', 'dialling'])
  .describe(
    'queued: waits in line. offered: waits while an agent’s phone rings. ' +
      'assigned: talks with an agent. transferred: in GET /calls and GET /calls/ID alone, has ' +
      'left his queue or talk for the address in `to`, and is being connected there, or talks ' +
      'through us. calling, dialling: in GET /calls and GET /calls/ID alone, an agent’s own call ' +
      '(POST /calls): his phone is called, or he is on it and who is in `to` has not answered; ' +
      'then it is assigned.',
  );

export const callAnswer = z
  .object({
    id: z.string().describe('SIP Call-ID of the caller’s leg'),
    state: callState,
    from: z.string().describe('Address of the caller: user@host'),
    to: z.string().describe('Address that was called: queue@host:port'),

    call: z.string().describe('Id of the call in the journal'),
    queue: z.string(),
    name: z.string().describe('Display name of the caller, or empty'),
    position: z.number().int().describe('Place in line, 1 is next; 0 while assigned'),
    waited_seconds: z.number().int().describe('Time in line so far, or until connected'),
    talked_seconds: z.number().int(),
    agent: z.string().describe('Agent who is offered the call or talks; empty if none'),
    outbound: z
      .boolean()
      .optional()
      .describe('An agent’s own call to whoever is in `to`; `queue` is empty. Absent: it is none'),
  })
  .meta({ id: 'Call' });

export const queueAnswer = z
  .object({
    name: z.string(),
    calls: z.array(callAnswer),

    strategy: z.string(),
    waiting: z.number().int().describe('Calls in line'),
    talking: z.number().int().describe('Calls connected to an agent'),
    longest_wait_seconds: z.number().int(),
    agents_logged_in: z.number().int(),
    agents_ready: z.number().int().describe('Agents who could be offered a call now'),
  })
  .meta({ id: 'Queue' });

export const agentState = z
  .enum(['loggedout', 'idle', 'ringing', 'busy', 'wrapup', 'paused', 'resting', 'unavailable'])
  .describe(
    'idle: can be offered a call. ringing: is offered one (where the queue has a veto, from the ' +
      'question on). busy: talks with a caller of ours. ' +
      'wrapup: rests after a call. resting: missed an offer, and rests. ' +
      'unavailable: the phone is in use, unregistered, or not heard of.',
  );

export const agentAnswer = z
  .object({
    id: z.string(),
    state: agentState,
    idletime: z.string().describe('Seconds since the last call or the login; "0" if logged out'),
    device: z.string().describe('SIP URI of the phone, or empty'),
    memberof: z.array(z.string()).describe('Names of the agent’s queues'),
    away_from: z.array(z.string()).describe('Of these, those to which he is logged out'),

    name: z.string(),
    device_state: z.string().describe('What presence says of the phone; empty if logged out'),
    registrar: z.string().describe('PBX through which the agent is dialled, or empty'),
    pause_reason: z.string().nullable().describe('Null: not paused'),
    call: z.string().describe('SIP Call-ID of the caller who is offered or connected, or empty'),
    logged_in_seconds: z.number().int(),
  })
  .meta({ id: 'Agent' });

/** What an agent is and has been in one queue. */
const standing = {
  logged_in: z.boolean().describe('To this queue'),
  penalty: z.number().int().describe('The lower is rung first; negative: not at all'),
  pause_reason: z.string().nullable().describe('Of a pause in all queues, or here; null: none'),
  calls: z.number().int().describe('Calls of this queue he has had since his login'),
  last_call_seconds: z
    .number()
    .int()
    .nullable()
    .describe('Since his last call of this queue ended, also before his login; null: none'),
};

export const queueDetail = z
  .object({
    ...queueAnswer.shape,
    draining: z.boolean().describe('It was removed, and goes with the last of its callers'),
    weight: z.number().int().describe('Where queues share agents, the heavier is served first'),
    maxlen: z.number().int().describe('Most calls waiting; 0: no limit'),
    members: z.array(
      z.object({ agent: z.string(), name: z.string(), state: agentState, ...standing }),
    ),
  })
  .meta({ id: 'QueueDetail' });

export const agentDetail = z
  .object({
    ...agentAnswer.shape,
    memberships: z.array(z.object({ queue: z.string(), ...standing })),
    rest_ends_in_seconds: z
      .number()
      .int()
      .nullable()
      .describe('Of his wrap-up, or the rest after a missed offer; null: he has none'),
    pause_ends_in_seconds: z.number().int().nullable().describe('Null: not by itself'),
  })
  .meta({ id: 'AgentDetail' });

export const healthAnswer = z
  .object({
    status: z
      .enum(['ok', 'degraded', 'draining'])
      .describe('draining: a stop was asked for; no new calls, those that are here go on'),
    version: z.string(),
    uptime_seconds: z.number().int(),
    sip: z.object({
      up: z.boolean(),
      detail: z.string(),
      addresses: z.array(z.string()).describe('Where the SIP server listens'),
    }),
    registrars: z.array(
      z.object({
        name: z.string(),
        registrar: z.string(),
        state: z.string().describe('registered, registering, failed …'),
        detail: z.string(),
        expires_in_seconds: z.number().int().describe('0: not registered'),
      }),
    ),
    media: z.object({ up: z.boolean(), detail: z.string(), legs: z.number().int() }),
    journal: z.object({ up: z.boolean(), detail: z.string(), seq: z.number().int() }),
    reports: z
      .object({ up: z.boolean(), detail: z.string(), seq: z.number().int() })
      .describe('Calls go on without them'),
    configuration: z
      .object({
        up: z.boolean().describe('false: acd.yaml cannot be used, and what it was before holds'),
        detail: z.string(),
        version: z.number().int().describe('As in GET /config/versions'),
      })
      .describe('Calls are served with the former one'),
    load: z.object({
      overload: z
        .enum(['calls', 'loop-delay'])
        .nullable()
        .describe('Why new calls get 503 now; null: they are taken'),
      loop_delay_ms: z.number().int().describe('How late the event loop runs'),
      calls: z.number().int().describe('Waiting and talking'),
      max_calls: z.number().int(),
      refused: z.number().int().describe('Calls and logins refused for overload since the start'),
    }),
    drain: z
      .object({
        calls_left: z.number().int().describe('Waiting, talking, and logins under way'),
        ends_in_seconds: z.number().int().describe('Then they are ended'),
      })
      .nullable()
      .describe('Null: not draining'),
    bugs: z.number().int().describe('Broken invariants since the start; 0 is right'),
  })
  .meta({ id: 'Health' });

export const readyAnswer = z
  .object({
    ready: z.boolean().describe('New calls are taken'),
    parts: z
      .array(
        z.object({
          part: z.enum(['sip', 'media', 'journal', 'reports', 'load', 'drain']),
          ok: z.boolean(),
          detail: z.string(),
        }),
      )
      .describe('Each part; reports are not needed to take calls'),
  })
  .meta({ id: 'Ready' });

export const errorAnswer = z
  .object({
    type: z.string().describe('Names the kind of problem; a GET of it tells what it means'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe('A sentence for people: what is wrong, what to do'),
    code: z.enum(ERROR_CODES).describe('A word for programs, of the catalogue (GET /errors)'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457, application/problem+json' });

const inQueue = z.string().max(80).optional().describe('In this queue only; default: in all');

export const pauseBody = z
  .strictObject({
    reason: z.string().trim().max(80, 'reason has more than 80 characters; shorten it').default(''),
    queue: inQueue,
  })
  .meta({ id: 'Pause' });

export const resumeBody = z.strictObject({ queue: inQueue }).meta({ id: 'Resume' });

export const loginBody = z
  .strictObject({
    queues: z
      .array(z.string().min(1).max(80))
      .min(1)
      .max(1_000)
      .optional()
      .describe('To these of his queues alone; default: to all'),
    device: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .describe('`sip:user@host[:port]`, or the user alone of a phone at a registrar'),
    registrar: z
      .string()
      .max(80)
      .optional()
      .describe('PBX it is dialled through, by name; default: that of its domain, or the only one'),
  })
  .meta({ id: 'Login' });

export const attendBody = z
  .strictObject({ queue: z.string().min(1).max(80).describe('One of his queues') })
  .meta({ id: 'Attendance' });

export const wrapupBody = z
  .strictObject({
    seconds: z.number().min(1).max(3_600).describe('How long it goes on from now'),
  })
  .meta({ id: 'Wrapup' });

export type CallAnswer = z.output<typeof callAnswer>;
export type QueueAnswer = z.output<typeof queueAnswer>;
export type QueueDetail = z.output<typeof queueDetail>;
export type AgentDetail = z.output<typeof agentDetail>;
export type AgentAnswer = z.output<typeof agentAnswer>;
export type ReadyAnswer = z.output<typeof readyAnswer>;
export type HealthAnswer = z.output<typeof healthAnswer>;
