/**
 * Reading the state, in the words of the edges: what an agent or a call is doing, who stands
 * where, who is on which phone. Nothing here changes anything; lists are fresh arrays.
 */
import type { Agent, Call, Offer, Queue, State } from './state.ts';
import type { AgentId, CallId, OfferId, QueueName } from './types.ts';

export type AgentStatus =
  | 'loggedout'
  | 'unavailable' // phone not idle, or resting after an offer that failed
  | 'idle' // ready: may be offered a call now
  | 'ringing'
  | 'busy' // talking to a caller of ours, or on an outbound call of his own
  | 'wrapup'
  | 'paused';

export type CallStatus =
  | 'entering' // has its place, its leg is not up yet
  | 'waiting'
  | 'ringing' // an agent's phone is being rung for it
  | 'assigned'; // talking

export function agentStatus(agent: Agent): AgentStatus {
  if (agent.device === null) return 'loggedout';
  if (agent.callId !== null) return 'busy';
  if (agent.offerId !== null) return 'ringing';
  if (agent.wrapup !== null) return 'wrapup';
  if (agent.paused !== null) return 'paused';
  return agent.isReady ? 'idle' : 'unavailable';
}

export function callStatus(call: Call): CallStatus {
  if (call.connectedAt !== null) return 'assigned';
  if (call.confirmedAt === null) return 'entering';
  return call.offerId === null ? 'waiting' : 'ringing';
}

/** How long he has been idle; 0 while he is not. */
export function idleMs(agent: Agent, now: number): number {
  return agent.isReady ? Math.max(0, now - agent.idleSince) : 0;
}

/** Comes in, is sent elsewhere, or goes out. */
export function isKnown({ calls, transfers, outbound }: State, id: CallId): boolean {
  return calls.has(id) || transfers.has(id) || outbound.has(id);
}

export function getCall(state: State, id: CallId): Call | undefined {
  return state.calls.get(id);
}

export function getOffer(state: State, id: OfferId): Offer | undefined {
  return state.offers.get(id);
}

export function getAgent(state: State, id: AgentId): Agent | undefined {
  return state.agents.get(id);
}

export function getQueue(state: State, name: QueueName): Queue | undefined {
  return state.queues.get(name);
}

/** Who is logged in on the device; undefined: nobody. */
export function findAgentByDevice(state: State, deviceUri: string): Agent | undefined {
  const id = state.devices.get(deviceUri);
  return id === undefined ? undefined : state.agents.get(id);
}

/** In configuration order. */
export function listQueues(state: State): Queue[] {
  return [...state.queues.values()];
}

/** In configuration order, then agents who leave the configuration when their call ends. */
export function listAgents(state: State): Agent[] {
  return [...state.agents.values()];
}

/** Calls of a queue: those who talk, by entry, then the line in its order. */
export function listCalls(queue: Queue): Call[] {
  return [...queue.talking, ...queue.line];
}

/** Place in line, 1 = next; 0 once it talks. */
export function positionOf(state: State, call: Call): number {
  if (call.connectedAt !== null) return 0;
  const queue = state.queues.get(call.queue);
  return queue === undefined ? 0 : queue.line.rank(call) + 1;
}

/** Live numbers of the whole ACD. */
export function totals(state: State): {
  calls: number;
  waiting: number;
  talking: number;
  agents: number;
  loggedIn: number;
} {
  let waiting = 0;
  for (const queue of state.queues.values()) waiting += queue.line.size;
  return {
    calls: state.calls.size,
    waiting,
    talking: state.calls.size - waiting,
    agents: state.agents.size,
    loggedIn: state.devices.size,
  };
}
