/** Commands of transfers that `commands.ts` has no room for. */
import type { TransferOutcome } from './transfer-events.ts';
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

/** The caller's side has taken our REFER (202): it calls there itself. */
export interface ReferTransfer extends Base {
  readonly kind: 'ReferTransfer';
  readonly callId: CallId;
}

/** The caller's side does not transfer him: we are about to call there. */
export interface DialTransfer extends Base {
  readonly kind: 'DialTransfer';
  readonly callId: CallId;
}

/** The phone there has answered, and the two hear each other. */
export interface AnswerTransfer extends Base {
  readonly kind: 'AnswerTransfer';
  readonly callId: CallId;
}

/** A transfer is over. */
export interface EndTransfer extends Base {
  readonly kind: 'EndTransfer';
  readonly callId: CallId;
  /** Of one that was answered it is `completed`, whoever hung up. */
  readonly outcome: TransferOutcome;
  /** When it really ended, ms since the epoch, if that was learned only later; default `at`. */
  readonly endedAt?: number;
}
