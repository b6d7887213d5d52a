/**
 * A transfer to an address outside as a part of the state (`sending.ts` has its rules).
 */
import type { Timer } from './ordered.ts';
import type { CallId, QueueName } from './types.ts';

/** A caller whose visit has ended and who is sent to an address outside. */
export interface Transfer {
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly sipCallId: string;
  readonly dialogId: string | null;
  readonly registrar: string | null;
  readonly from: string;
  readonly fromName: string;
  readonly uri: string;
  readonly replaces: string | null;
  readonly begunAt: number;
  /** His own side has said that it calls there. */
  isReferred: boolean;
  /** Calls of ours there so far; 0: his own side is asked. */
  attempt: number;
  dialledAt: number | null;
  /** Since when the two hear each other; null: not yet. */
  answeredAt: number | null;
  readonly timer: Timer;
}
