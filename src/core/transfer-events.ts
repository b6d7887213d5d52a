/**
 * Events of transfers: a talk that goes on elsewhere. CallTransferred keeps the caller here, in a
 * line of ours; his visit and its id go on, the agent's part of it is over.
 */
import type { AgentId, CallId, OfferId, QueueName } from './types.ts';

interface Base {
  readonly at: number;
  readonly by: string;
}

/**
 * The caller of a talk goes into a line again, behind those who wait there: he has been served,
 * and waits anew. Reactor: end the agent's leg; music to the caller.
 */
export interface CallTransferred extends Base {
  readonly kind: 'CallTransferred';
  readonly callId: CallId;
  /** The talk that ends: where, with whom, after which wait, and how long it was. */
  readonly from: QueueName;
  readonly agentId: AgentId;
  readonly offerId: OfferId;
  readonly waitedMs: number;
  readonly talkedMs: number;
  /** Where he waits now, with the number and place of a new entry. */
  readonly queue: QueueName;
  readonly entry: number;
  /** Place in line, 1 = next. */
  readonly position: number;
  readonly priority: number;
  /** The agent whom alone he is for now; absent: whoever is next. */
  readonly only?: AgentId;
}
