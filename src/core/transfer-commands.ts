/** Commands of transfers that `commands.ts` has no room for. */
import type { AgentId, CallId, QueueName } from './types.ts';

interface Base {
  readonly at: number;
  readonly by: string;
}

/** One of our own lines: a queue's, or that of calls to one agent alone. */
export type Inside =
  | { readonly to: 'queue'; readonly queue: QueueName }
  | { readonly to: 'agent'; readonly agentId: AgentId };

/**
 * Sends the caller of a talk to a queue or an agent of ours; the agent he talks with is free. Of
 * one who waits: as MoveCall, and as GiveCall.
 */
export interface TransferWithin extends Base {
  readonly kind: 'TransferWithin';
  readonly callId: CallId;
  readonly to: Inside;
}
