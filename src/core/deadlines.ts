/**
 * What happens by itself when its time has come. The state carries every deadline; this gives
 * each kind its one outcome. After a pause of the process many may be due at once: they are
 * handled in the order in which they were due.
 */
import type { Refusal } from './commands.ts';
import { endPauses } from './agents.ts';
import type { Decision } from './decision.ts';
import { leaveQueue } from './failover.ts';
import { endCall } from './leaving.ts';
import { failOffer } from './offering.ts';
import type { Timer } from './ordered.ts';
import { limitOutbound } from './outbound.ts';
import { isOverdue } from './place.ts';
import { relax } from './relaxing.ts';
import { limitTransfer } from './sending.ts';
import { DEADLINES_PER_COMMAND, must } from './state.ts';
import { fallSilent } from './veto.ts';

function announce(decision: Decision, callId: string): void {
  const call = must(decision.state.calls.get(callId), `call ${callId}`);
  const count = call.announcements + 1;
  decision.emit({ kind: 'AnnouncementDue', callId, queue: call.queue, count });
}

function limitCall(decision: Decision, callId: string): void {
  const call = must(decision.state.calls.get(callId), `call ${callId}`);
  if (call.connectedAt !== null) return endCall(decision, call, 'COMPLETED', 'system');
  const isWaiting = call.confirmedAt !== null;
  if (isWaiting && isOverdue(decision.state, call, decision.at))
    return leaveQueue(decision, call, 'TIMEOUT');
  endCall(decision, call, 'FAILED', 'system');
}

function expireOffer(decision: Decision, offerId: string): void {
  const offer = must(decision.state.offers.get(offerId), `offer ${offerId}`);
  if (offer.phase === 'asking') return fallSilent(decision, offer);
  const answered = offer.phase === 'answered';
  failOffer(decision, offer, {
    failure: answered ? 'media' : 'no-answer',
    sipStatus: 0,
    detail: answered ? 'bridge not confirmed in time' : '',
  });
}

function reach(decision: Decision, timer: Timer): void {
  switch (timer.kind) {
    case 'announce':
      return announce(decision, timer.id);
    case 'relax':
      return relax(decision, must(decision.state.calls.get(timer.id), `call ${timer.id}`));
    case 'widen':
      return decision.emit({ kind: 'RingWidened', callId: timer.id });
    case 'call':
      return limitCall(decision, timer.id);
    case 'transfer':
      return limitTransfer(decision, timer.id);
    case 'outbound':
      return limitOutbound(decision, timer.id);
    case 'offer':
      return expireOffer(decision, timer.id);
    case 'rest':
      return decision.emit({ kind: 'RestEnded', agentId: timer.id });
    case 'pause':
      return endPauses(decision, timer.id);
    case 'wrapup':
      return decision.emit({ kind: 'WrapupEnded', agentId: timer.id });
    default:
      throw new Error(`broken invariant: timer of kind ${timer.kind}`);
  }
}

export function reachDeadline(decision: Decision): Refusal | undefined {
  const { timers } = decision.state;
  for (let handled = 0; handled < DEADLINES_PER_COMMAND; handled += 1) {
    const timer = timers.first();
    if (timer === undefined || timer.at > decision.at) return undefined;
    reach(decision, timer);
    if (timers.has(timer) && timer.at <= decision.at) {
      throw new Error(`broken invariant: ${timer.kind} of ${timer.id} stays due`);
    }
  }
  return undefined;
}
