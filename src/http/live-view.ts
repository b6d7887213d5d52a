/**
 * The View over the running ACD: core state in the shapes of the REST answers. Everything is
 * computed when asked; nothing is remembered.
 */
import { loggedInOf } from '../core/emptiness.ts';
import type { Agent, Call, Member, Queue, State } from '../core/state.ts';
import type { Transfer } from '../core/transfer-call.ts';
import { outboundStatus, sipCallIdOf } from '../core/outbound-call.ts';
import {
  agentStatus,
  callStatus,
  idleMs,
  listAgents,
  listCalls,
  listQueues,
  positionOf,
} from '../core/views.ts';
import type { Metrics, Reading } from '../observe/metrics.ts';
import type { Runtime } from '../runtime/port.ts';
import { byWhom } from './actor.ts';
import type { CallDetail } from './call-schemas.ts';
import {
  callDetail,
  findCall,
  findTransfer,
  reasonsOf,
  SENT_DETAIL,
  steerCalls,
} from './live-calls.ts';
import { findOutbound, outboundAnswer, seconds, type DialDoors } from './live-outbound.ts';
import {
  agentState as agentStateNames,
  type AgentAnswer,
  type AgentDetail,
  type CallAnswer,
  type HealthAnswer,
  type QueueAnswer,
  type QueueDetail,
} from './schemas.ts';
import type { CallBrief, LoggedIn, PhoneNamed, Steering, View } from './view.ts';

const CALL_STATES = {
  entering: 'queued',
  waiting: 'queued',
  ringing: 'offered',
  assigned: 'assigned',
} as const;

function callAnswer(state: State, call: Call, position: number, now: number): CallAnswer {
  const offer = call.offerId === null ? undefined : state.offers.get(call.offerId);
  return {
    id: call.sipCallId,
    state: CALL_STATES[callStatus(call)],
    from: call.from,
    to: call.to,
    call: call.id,
    queue: call.queue,
    name: call.fromName,
    position,
    waited_seconds: seconds((call.connectedAt ?? now) - call.enteredAt),
    talked_seconds: call.connectedAt === null ? 0 : seconds(now - call.connectedAt),
    agent: offer?.agentId ?? '',
  };
}

/** A caller on his way to an address outside: he stands in no line any more. */
function sentAnswer(sent: Transfer, now: number): CallAnswer {
  const { answeredAt, begunAt } = sent;
  return {
    id: sent.sipCallId,
    state: 'transferred',
    from: sent.from,
    to: sent.uri,
    call: sent.callId,
    queue: sent.queue,
    name: sent.fromName,
    position: 0,
    waited_seconds: seconds((answeredAt ?? now) - begunAt),
    talked_seconds: answeredAt === null ? 0 : seconds(now - answeredAt),
    agent: '',
  };
}

/** In a line, on his way elsewhere, or an agent's own. */
function briefOf(state: State, id: string, now: number): CallBrief | null {
  const call = findCall(state, id);
  if (call !== undefined) {
    const { priority } = call;
    return { ...callAnswer(state, call, positionOf(state, call), now), priority };
  }
  const { priority } = SENT_DETAIL;
  const outbound = findOutbound(state, id);
  if (outbound !== null) return { ...outboundAnswer(state, outbound, now), priority };
  const sent = findTransfer(state, id);
  return sent === null ? null : { ...sentAnswer(sent, now), priority };
}

function detailOf(state: State, id: string, now: number): CallDetail | null {
  const brief = briefOf(state, id, now);
  if (brief === null) return null;
  const call = state.calls.get(brief.call);
  return { ...brief, ...(call === undefined ? SENT_DETAIL : callDetail(state, call, now)) };
}

const isElsewhere = (state: State, id: string): boolean =>
  findOutbound(state, id) !== null || findTransfer(state, id) !== null;

function queueAnswer(state: State, queue: Queue, now: number): QueueAnswer {
  let place = 0;
  let longest = 0;
  const calls = listCalls(queue).map((call) => {
    const isTalking = call.connectedAt !== null;
    if (!isTalking) {
      place += 1;
      longest = Math.max(longest, now - call.enteredAt);
    }
    return callAnswer(state, call, isTalking ? 0 : place, now);
  });
  return {
    name: queue.name,
    calls,
    strategy: queue.config.strategy,
    waiting: place,
    talking: calls.length - place,
    longest_wait_seconds: seconds(longest),
    agents_logged_in: loggedInOf(queue),
    agents_ready: queue.ready.size,
  };
}

/** The core's word, but for what it says of a phone, or an own call, in one with others. */
function agentState(state: State, agent: Agent): AgentAnswer['state'] {
  const status = agentStatus(agent);
  const own = state.outbound.get(agent.callId ?? '');
  if (own?.pickedUpAt === null) return 'ringing';
  return status === 'unavailable' && agent.restUntil > 0 && agent.deviceState === 'idle'
    ? 'resting'
    : status;
}

function agentAnswer(state: State, agent: Agent, now: number): AgentAnswer {
  const { device } = agent;
  const offer = agent.offerId === null ? undefined : state.offers.get(agent.offerId);
  const callId = agent.callId ?? offer?.callId;
  const call = callId === undefined ? undefined : state.calls.get(callId);
  return {
    id: agent.id,
    state: agentState(state, agent),
    idletime: String(seconds(idleMs(agent, now))),
    device: device?.uri ?? '',
    memberof: [...agent.queues],
    away_from: agent.queues.filter((name) => agent.away.has(name)),
    name: agent.name,
    device_state: device === null ? '' : agent.deviceState,
    registrar: device?.registrar ?? '',
    pause_reason: agent.paused,
    call: call?.sipCallId ?? (callId === undefined ? '' : sipCallIdOf(callId)),
    logged_in_seconds: device === null ? 0 : seconds(now - agent.loggedInAt),
  };
}

function standingOf({ agent, queue, rules, tally }: Member, now: number) {
  return {
    logged_in: agent.device !== null && !agent.away.has(queue.name),
    penalty: rules.penalty,
    pause_reason: agent.paused ?? agent.pausedIn.get(queue.name)?.reason ?? null,
    calls: tally.calls,
    last_call_seconds: tally.lastCallAt === 0 ? null : seconds(now - tally.lastCallAt),
  };
}

function queueDetail(state: State, queue: Queue, now: number): QueueDetail {
  const members = queue.members.map((member) => {
    const { agent } = member;
    const { id, name } = agent;
    return { agent: id, name, state: agentState(state, agent), ...standingOf(member, now) };
  });
  const { weight, maxlen } = queue.config;
  const draining = state.draining.has(queue);
  return { ...queueAnswer(state, queue, now), draining, weight, maxlen, members };
}

function agentDetail(state: State, agent: Agent, now: number): AgentDetail {
  const restUntil = agent.wrapup?.until ?? agent.restUntil;
  const memberships = agent.memberOf.map((member) => ({
    queue: member.queue.name,
    ...standingOf(member, now),
  }));
  return {
    ...agentAnswer(state, agent, now),
    memberships,
    rest_ends_in_seconds: restUntil > now ? seconds(restUntil - now) : null,
    pause_ends_in_seconds: agent.pausedUntil === 0 ? null : seconds(agent.pausedUntil - now),
  };
}

export interface LiveSources {
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  readonly health: () => HealthAnswer;
}

export function createView({ runtime, metrics, health }: LiveSources): View {
  return {
    has: (kind, name) => {
      const { state } = runtime;
      if (kind === 'queue') return state.queues.has(name);
      if (kind === 'agent') return state.agents.has(name);
      return findCall(state, name) !== undefined || isElsewhere(state, name);
    },
    queues: () => {
      const now = runtime.now();
      return listQueues(runtime.state).map((queue) => queueAnswer(runtime.state, queue, now));
    },
    queue: (name) => {
      const queue = runtime.state.queues.get(name);
      return queue === undefined ? null : queueDetail(runtime.state, queue, runtime.now());
    },
    agents: () => {
      const now = runtime.now();
      return listAgents(runtime.state).map((agent) => agentAnswer(runtime.state, agent, now));
    },
    agent: (id) => {
      const agent = runtime.state.agents.get(id);
      return agent === undefined ? null : agentDetail(runtime.state, agent, runtime.now());
    },
    calls: () => {
      const { state } = runtime;
      const now = runtime.now();
      return [
        ...[...state.calls.values()].map((call) =>
          callAnswer(state, call, positionOf(state, call), now),
        ),
        ...[...state.transfers.values()].map((sent) => sentAnswer(sent, now)),
        ...[...state.outbound.values()].map((one) => outboundAnswer(state, one, now)),
      ];
    },
    call: (id) => detailOf(runtime.state, id, runtime.now()),
    brief: (id) => briefOf(runtime.state, id, runtime.now()),
    reasonsOf: (agentId) => reasonsOf(runtime.state, agentId, runtime.now()),
    health,
    metrics: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
  };
}

const here = (queue: string | null) => (queue === null ? {} : { queue });

/** What commands to the core are not enough for. */
export interface Doors extends DialDoors {
  readonly logIn: (agentId: string, phone: PhoneNamed, by: string) => Promise<LoggedIn>;
}

const CLOSED: Doors = {
  allows: () => false,
  addressOf: () => null,
  logIn: async () => ({ ok: false, refusal: 'unavailable' }),
};

export function createSteering(runtime: Runtime, doors: Doors = CLOSED): Steering {
  return {
    logIn: (agentId, phone) => doors.logIn(agentId, phone, byWhom()),
    pause: (agentId, reason, queue) =>
      runtime.submit({ kind: 'PauseAgent', by: byWhom(), agentId, reason, ...here(queue) }),
    resume: (agentId, queue) =>
      runtime.submit({ kind: 'ResumeAgent', by: byWhom(), agentId, ...here(queue) }),
    endWrapup: (agentId) => runtime.submit({ kind: 'EndWrapup', by: byWhom(), agentId }),
    extendWrapup: (agentId, forMs) =>
      runtime.submit({ kind: 'ExtendWrapup', by: byWhom(), agentId, forMs }),
    join: (agentId, queue) => runtime.submit({ kind: 'JoinQueue', by: byWhom(), agentId, queue }),
    leave: (agentId, queue) => runtime.submit({ kind: 'LeaveQueue', by: byWhom(), agentId, queue }),
    logOut: (agentId) => runtime.submit({ kind: 'LogOutAgent', by: byWhom(), who: { agentId } }),
    calls: steerCalls(runtime, doors),
  };
}

/** What metrics read; `rest` is what the state does not know. */
export function readGauges(
  state: State,
  rest: Omit<Reading, 'waiting' | 'talking' | 'agents' | 'outbound'>,
): Reading {
  const waiting = new Map<string, number>();
  const talking = new Map<string, number>();
  for (const queue of state.queues.values()) {
    waiting.set(queue.name, queue.line.size);
    talking.set(queue.name, queue.talking.size);
  }
  // Also those in which nobody is: a graph ends in 0, not in nothing.
  const agents = new Map<string, number>(agentStateNames.options.map((name) => [name, 0]));
  for (const agent of state.agents.values()) {
    const status = agentState(state, agent);
    agents.set(status, (agents.get(status) ?? 0) + 1);
  }
  const outbound = new Map([
    ['calling', 0],
    ['dialling', 0],
    ['talking', 0],
  ]);
  for (const own of state.outbound.values()) {
    const status = outboundStatus(own);
    outbound.set(status, (outbound.get(status) ?? 0) + 1);
  }
  return { waiting, talking, agents, outbound, ...rest };
}
