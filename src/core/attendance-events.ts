/** Events of logins to and out of single queues (`core/attendance.ts`). */
import type { AgentId, QueueName } from './types.ts';

/** He is logged in to this queue of his again. */
export interface QueueJoined {
  readonly kind: 'QueueJoined';
  readonly at: number;
  readonly by: string;
  readonly agentId: AgentId;
  readonly queue: QueueName;
}

/** He is logged out of this queue of his, and in all others as before. */
export interface QueueLeft {
  readonly kind: 'QueueLeft';
  readonly at: number;
  readonly by: string;
  readonly agentId: AgentId;
  readonly queue: QueueName;
}
