/**
 * What REST may see: a read-only look at the state, in the shapes of the answers. The server
 * knows nothing else of the ACD, so its tests need none.
 */
import type { Outcome } from '../runtime/port.ts';
import type { AgentAnswer, CallAnswer, HealthAnswer, QueueAnswer } from './schemas.ts';

export interface View {
  /** In configuration order; calls in the order of the line, connected ones first. */
  queues(): readonly QueueAnswer[];
  /** Null: there is no such queue. */
  queue(name: string): QueueAnswer | null;
  agents(): readonly AgentAnswer[];
  agent(id: string): AgentAnswer | null;
  calls(): readonly CallAnswer[];
  health(): HealthAnswer;
  /** Prometheus text. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** What REST may ask for; each becomes one command. */
export interface Steering {
  /** `queue`: in this queue only; null: in all. */
  pause(agentId: string, reason: string, queue: string | null): Promise<Outcome>;
  resume(agentId: string, queue: string | null): Promise<Outcome>;
  endWrapup(agentId: string): Promise<Outcome>;
  /** It goes on for so long from now. */
  extendWrapup(agentId: string, forMs: number): Promise<Outcome>;
  logOut(agentId: string): Promise<Outcome>;
}
