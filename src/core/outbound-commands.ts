/** Commands of outbound calls: click-to-dial, and what the edge learns of its two legs. */
import type { NotReached, OutboundEndedBy, OutboundOutcome } from './outbound-events.ts';
import type { AgentId, CallId, OfferFailure } from './types.ts';

interface Base {
  readonly at: number;
  readonly by: string;
}

/** Rings the agent's phone, and dials the number when he has taken it. */
export interface DialOut extends Base {
  readonly kind: 'DialOut';
  readonly callId: CallId;
  readonly agentId: AgentId;
  /** `sip:number@host`; whoever asks has seen to it that calls may go there. */
  readonly uri: string;
}

/** The agent's phone rings. */
export interface RingOutbound extends Base {
  readonly kind: 'RingOutbound';
  readonly callId: CallId;
}

/** The agent has taken it, and hears us. */
export interface PickUpOutbound extends Base {
  readonly kind: 'PickUpOutbound';
  readonly callId: CallId;
}

/** Who was dialled has answered, and the two hear each other. */
export interface ConnectOutbound extends Base {
  readonly kind: 'ConnectOutbound';
  readonly callId: CallId;
}

/** The number was not reached. */
export interface RefuseOutbound extends Base {
  readonly kind: 'RefuseOutbound';
  readonly callId: CallId;
  readonly outcome: NotReached;
  readonly sipStatus?: number;
  readonly detail?: string;
}

/** It is over. */
export interface EndOutbound extends Base {
  readonly kind: 'EndOutbound';
  readonly callId: CallId;
  /**
   * Of one that was connected it becomes `completed`, unless it is `hung-up`; of one whose number
   * was not reached it becomes why.
   */
  readonly outcome: OutboundOutcome;
  readonly endedBy: OutboundEndedBy;
  readonly failure?: OfferFailure;
  readonly sipStatus?: number;
  readonly detail?: string;
  /** When it really ended, ms since the epoch, if that was learned only later; default `at`. */
  readonly endedAt?: number;
}

export type OutboundCommand =
  DialOut | RingOutbound | PickUpOutbound | RefuseOutbound | ConnectOutbound | EndOutbound;
