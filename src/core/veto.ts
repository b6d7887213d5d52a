/**
 * The veto: where a queue has one, somebody outside is asked before a phone rings. The offer is
 * made, so the agent is reserved and nobody else gets him, but it begins as `asking`; when it is
 * ruled the phone rings, with all its ring time, or the offer fails as `vetoed`. No answer by the
 * deadline is a ruling, too: `silence` of the queue's veto says which.
 *
 * A refusal is about these two: the agent is free for other calls at once (but for REST_MIN_MS),
 * it is no miss and no offer that he did not take; for this call he is out until his back-off is
 * over, which doubles with each refusal, and then he ranks behind the untried. So neither refusal
 * nor silence ever makes the ACD ask in a circle. Before his phone rings, whatever would have kept
 * him from the offer takes it back: a pause, a call of his own.
 */
import type { Refusal, RuleOffer } from './commands.ts';
import type { Decision } from './decision.ts';
import { ringDeadline } from './dispatch.ts';
import { reservationObstacle } from './eligible.ts';
import { withdrawOffer } from './leaving.ts';
import { failOffer } from './offering.ts';
import { must, REST_MIN_MS, VETO_REST_MAX_MS, type Agent, type Offer } from './state.ts';
import type { Ruling } from './types.ts';

/** How long he is out for this call, when he has been refused so often for it before. */
export function vetoRestMs(retryMs: number, before: number): number {
  return Math.min(VETO_REST_MAX_MS, Math.max(REST_MIN_MS, retryMs) * 2 ** Math.min(before, 30));
}

function rule(decision: Decision, offer: Offer, ruling: Ruling, detail: string): void {
  const { calls, queues } = decision.state;
  const call = must(calls.get(offer.callId), `call ${offer.callId}`);
  const queue = must(queues.get(offer.queue), `queue ${offer.queue}`);
  // A veto that has left the configuration while it was asked: nobody minds its silence.
  const isSilenceNo = queue.config.veto?.silence === 'refuse';
  if (ruling === 'refuse' || (ruling === 'silence' && isSilenceNo)) {
    const before = call.vetoes?.get(offer.agentId)?.count ?? 0;
    const vetoedUntil = decision.at + vetoRestMs(queue.config.retryMs, before);
    const veto = { ruling, vetoedUntil };
    return failOffer(decision, offer, { failure: 'vetoed', sipStatus: 0, detail, veto });
  }
  decision.emit({
    ...{ kind: 'OfferCleared', offerId: offer.id, callId: call.id, agentId: offer.agentId },
    ...{ ruling, detail, deadline: ringDeadline(decision, call, queue) },
  });
}

/** A ruling that comes too late, or twice, finds no offer that asks. */
export function ruleOffer(decision: Decision, command: RuleOffer): Refusal | undefined {
  const offer = decision.state.offers.get(command.offerId);
  if (offer?.phase !== 'asking') return 'unknown-offer';
  rule(decision, offer, command.ruling, command.detail);
  return undefined;
}

/** The deadline of the answer has passed. */
export function fallSilent(decision: Decision, offer: Offer): void {
  rule(decision, offer, 'silence', 'no answer in time');
}

/** Nobody has been rung yet: what keeps him from being rung now takes the offer back. */
export function reconsider(decision: Decision, agent: Agent): void {
  const offer = decision.state.offers.get(agent.offerId ?? '');
  if (offer?.phase !== 'asking') return;
  const obstacle = reservationObstacle(agent, offer);
  if (obstacle === null) return;
  const reason = obstacle === 'phone-inuse' ? 'device-busy' : 'agent-unavailable';
  withdrawOffer(decision, agent, reason);
}
