/**
 * What a call remembers of agents it met, or was not to meet: plain facts beside its own state,
 * kept as long as the call is.
 */
import type { AgentId, Departure, QueueName } from './types.ts';

/** A talk of a call that was transferred since, after which wait, and how long it was. */
export interface PastTalk {
  readonly queue: QueueName;
  readonly agentId: AgentId;
  readonly waitedMs: number;
  readonly talkedMs: number;
}

/** It was never transferred. */
export const NO_TALKS: readonly PastTalk[] = [];

/** It has left no queue. */
export const NOWHERE: readonly Departure[] = [];

/** What a call remembers of refusals of one agent. */
export interface Veto {
  readonly count: number;
  readonly until: number;
}
