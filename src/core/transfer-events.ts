/**
 * Events of transfers. CallTransferred keeps the caller here, in a line of ours; his visit and its
 * id go on, the agent's part of it is over. The others follow a caller whose visit has ended, and
 * who is sent to an address outside: until he is there by himself, or as long as we bridge him.
 */
import type { AgentId, CallId, OfferId, QueueName } from './types.ts';

/** How a transfer to an address outside ended. */
export type TransferOutcome =
  | 'left' // his own side has called there, or tells nothing of it
  | 'completed' // the two have talked through us
  | 'busy'
  | 'failed' // nobody there could be reached, or a leg or its audio was lost
  | 'abandoned' // he hung up before anybody answered
  | 'hung-up'; // by command, at a stop, or at the limit of its time

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

/**
 * A caller leaves his queue, or his talk, for an address outside: told right behind his CallEnded.
 * His leg stays here until his own side has called there, or the talk that we bridge is over.
 * Reactor: ask his side (REFER).
 */
export interface TransferBegan extends Base {
  readonly kind: 'TransferBegan';
  readonly callId: CallId;
  /** Whose music he hears meanwhile. */
  readonly queue: QueueName;
  readonly sipCallId: string;
  /** The SIP server's name of his dialog. */
  readonly dialogId?: string;
  readonly registrar?: string;
  readonly from: string;
  readonly fromName: string;
  readonly uri: string;
  /** In the place of that dialog there (RFC 3891); absent: a new call. */
  readonly replaces?: string;
}

/** His side has taken our REFER and calls there itself: who takes over must not do so, too. */
export interface TransferReferred extends Base {
  readonly kind: 'TransferReferred';
  readonly callId: CallId;
}

/** His side does not do it: we call there. Reactor: INVITE, named by call and attempt. */
export interface TransferDialled extends Base {
  readonly kind: 'TransferDialled';
  readonly callId: CallId;
  /** 1, 2 …: the second is without `replaces`, as nobody there was to be replaced. */
  readonly attempt: number;
}

/** Who was called there has answered, and the two hear each other. */
export interface TransferAnswered extends Base {
  readonly kind: 'TransferAnswered';
  readonly callId: CallId;
}

/** It is over for us. Terminal. Reactor: end whatever legs are left. */
export interface TransferEnded extends Base {
  readonly kind: 'TransferEnded';
  readonly callId: CallId;
  readonly outcome: TransferOutcome;
  /** How long the two talked through us. */
  readonly talkedMs: number;
  /** When it really ended, where that was learned only later. */
  readonly leftAt?: number;
}
