/**
 * Reading the state, in the words of the edges: what an agent or a call is doing, and who stands
 * where. Nothing here changes anything; lists are fresh arrays.
 */
import type { Agent, Call, Queue, State } from './state.ts';
import type { CallId } from './types.ts';

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
