/**
 * Whoever does not take what is offered is paused, where the queue wants it: his phone would only
 * ring in vain, and every caller would wait for that. The pause has its reason, the agent is told
 * (a reactor on AgentPaused with `auto`), and it ends by itself where the queue says so.
 */
import type { Decision } from './decision.ts';
import { memberCalled } from './eligible.ts';
import type { Offer } from './state.ts';
import type { OfferFailure, QueueRules } from './types.ts';

/** Does such a failure count as a miss? Asterisk's autopausebusy and autopauseunavail. */
export function isMiss(queue: QueueRules, failure: OfferFailure): boolean {
  switch (failure) {
    case 'no-answer':
      return true;
    case 'busy':
    case 'declined':
      return queue.autopauseBusy;
    case 'unreachable':
      return queue.autopauseUnavail;
    case 'failed':
    case 'media':
    case 'vetoed':
      return false;
  }
}

/** After a miss: the pause, if it is one too many. */
export function autopause(decision: Decision, offer: Offer, failure: OfferFailure): void {
  const { state, at } = decision;
  const member = memberCalled(state, offer.agentId, offer.queue);
  if (member === undefined || member.agent.paused !== null) return;
  const { agent } = member;
  const rules = member.queue.config;
  const { misses, lastCallAt } = member.tally;
  if (rules.autopause === 'no' || misses < rules.autopauseMisses) return;
  // Asterisk's autopausedelay: who has only just served a caller is given some time.
  if (lastCallAt > 0 && at < lastCallAt + rules.autopauseDelayMs) return;
  const isHere = rules.autopause === 'yes';
  if (isHere && agent.pausedIn.has(offer.queue)) return;
  decision.emit({
    kind: 'AgentPaused',
    agentId: agent.id,
    reason: `auto: ${failure}`,
    auto: true,
    ...(isHere ? { queue: offer.queue } : {}),
    ...(rules.autopauseLengthMs > 0 ? { until: at + rules.autopauseLengthMs } : {}),
  });
}
