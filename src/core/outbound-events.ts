/**
 * Events of outbound calls: an agent's phone is rung first, and once he has taken it the number is
 * dialled. Such a call is his alone and stands in no queue's line, so no figure of a queue knows
 * of it. Each has exactly one OutboundEnded.
 */
import type { AgentId, CallId, Device, OfferFailure } from './types.ts';

/** What came of an outbound call. */
export type OutboundOutcome =
  | 'completed' // the two have talked
  | 'agent-missed' // his own phone did not take it; nobody was dialled
  | 'cancelled' // he hung up before there was an answer
  | 'busy'
  | 'declined'
  | 'no-answer'
  | 'unreachable'
  | 'failed' // refused for another reason, or a leg or its audio was lost
  | 'hung-up'; // by command, or at a stop

/** Of the number alone. */
export type NotReached = Extract<
  OutboundOutcome,
  'busy' | 'declined' | 'no-answer' | 'unreachable' | 'failed'
>;

/** Who ended it: `callee` is who was dialled. */
export type OutboundEndedBy = 'agent' | 'callee' | 'system';

interface Base {
  readonly at: number;
  readonly by: string;
}

/** The agent is taken for it. Reactor: INVITE his phone. */
export interface OutboundBegan extends Base {
  readonly kind: 'OutboundBegan';
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly device: Device;
  /** Who will be dialled: `sip:number@host`. */
  readonly uri: string;
}

/** The agent's phone rings. */
export interface OutboundRang extends Base {
  readonly kind: 'OutboundRang';
  readonly callId: CallId;
  readonly agentId: AgentId;
}

/** The agent is on the phone. Reactor: INVITE to the number, once and never again. */
export interface OutboundPickedUp extends Base {
  readonly kind: 'OutboundPickedUp';
  readonly callId: CallId;
  readonly agentId: AgentId;
}

/** Who was dialled has answered, and the two hear each other. */
export interface OutboundConnected extends Base {
  readonly kind: 'OutboundConnected';
  readonly callId: CallId;
  readonly agentId: AgentId;
}

/**
 * The number was not reached: OutboundEnded says so when the agent hangs up, or has heard it long
 * enough. Reactor: end that leg; a tone to the agent.
 */
export interface OutboundRefused extends Base {
  readonly kind: 'OutboundRefused';
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly outcome: NotReached;
  /** Final SIP status; absent: there was none. */
  readonly sipStatus?: number;
  readonly detail?: string;
}

/** It is over. Terminal. Reactor: end whatever legs are left. */
export interface OutboundEnded extends Base {
  readonly kind: 'OutboundEnded';
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly outcome: OutboundOutcome;
  readonly endedBy: OutboundEndedBy;
  readonly talkedMs: number;
  /** Of `agent-missed`: what became of the call to his phone. */
  readonly failure?: OfferFailure;
  /** Final SIP status of whoever did not take it; absent: there was none. */
  readonly sipStatus?: number;
  readonly detail?: string;
  /** When it really ended, where that was learned only later. */
  readonly leftAt?: number;
}

export type OutboundEvent =
  | OutboundBegan
  | OutboundRang
  | OutboundPickedUp
  | OutboundRefused
  | OutboundConnected
  | OutboundEnded;
