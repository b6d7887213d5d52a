/** Events of the veto: what came of asking outside before a phone is rung (`core/veto.ts`). */
import type { AgentId, CallId, OfferId, Ruling } from './types.ts';

/** Nobody objects. Reactor: INVITE his device. */
export interface OfferCleared {
  readonly kind: 'OfferCleared';
  readonly at: number;
  readonly by: string;
  readonly offerId: OfferId;
  readonly callId: CallId;
  readonly agentId: AgentId;
  /** `silence`: no answer came, and the queue rings then. */
  readonly ruling: Exclude<Ruling, 'refuse'>;
  readonly detail: string;
  /** Instant at which the offer ends as `no-answer`. */
  readonly deadline: number;
}

/** The back-off after a veto is over: he may be offered the call again, which asks again. */
export interface VetoEnded {
  readonly kind: 'VetoEnded';
  readonly at: number;
  readonly by: string;
  readonly callId: CallId;
  readonly agentId: AgentId;
}

/** What OfferFailed has besides, where the failure is `vetoed`. */
export interface VetoFacts {
  readonly ruling: Exclude<Ruling, 'allow'>;
  /** The agent is not offered this call before that instant. */
  readonly vetoedUntil: number;
}
