/**
 * Offers: the only thing that may make a phone ring. Dispatch makes them; answer, failure,
 * deadline and bridge end them. Whatever fails on the agent's side costs the caller nothing: he
 * keeps his place, and dispatch rings the next in the same batch. Where several phones ring for
 * one call, the first answer wins, and the others ring on until the two hear each other: if that
 * comes to nothing, the call has lost nobody.
 */
import type {
  AnswerOffer,
  ConfirmBridge,
  EndAgentLeg,
  FailOffer,
  Refusal,
  NoteInvite,
  RingOffer,
} from './commands.ts';
import type { Decision } from './decision.ts';
import { autopause, isMiss } from './autopause.ts';
import { leaveQueue } from './failover.ts';
import { endCall, withdrawOffers } from './leaving.ts';
import { isOverdue } from './place.ts';
import { BRIDGE_MS, must, REST_MIN_MS, type Offer } from './state.ts';
import type { OfferFailure, QueueRules } from './types.ts';
import type { VetoFacts } from './veto-events.ts';

/** The offer if it rings, or is answered: of one that asks no phone knows. */
function standing(decision: Decision, command: { offerId: string }): Offer | null {
  const offer = decision.state.offers.get(command.offerId);
  if (offer === undefined || offer.phase === 'asking') return null;
  return offer.phase === 'connected' ? null : offer;
}

export function noteInvite(decision: Decision, command: NoteInvite): Refusal | undefined {
  const offer = standing(decision, command);
  if (offer === null) return 'unknown-offer';
  const { transaction } = command;
  if (offer.phase !== 'answered')
    decision.emit({ kind: 'OfferSent', offerId: offer.id, transaction });
  return undefined;
}

export function ringOffer(decision: Decision, command: RingOffer): Refusal | undefined {
  const offer = standing(decision, command);
  if (offer === null) return 'unknown-offer';
  if (offer.phase !== 'calling') return undefined;
  decision.emit({ kind: 'OfferRang', offerId: offer.id });
  return undefined;
}

/** The offer of the same call that was answered before; null: none. */
function winnerOf(decision: Decision, offer: Offer): Offer | null {
  const { state } = decision;
  const first = state.offers.get(state.calls.get(offer.callId)?.offerId ?? '');
  return first !== undefined && first !== offer && first.phase === 'answered' ? first : null;
}

/**
 * First answer wins; a later one is taken back, and one that crossed our CANCEL is refused: in
 * both cases the edge BYEs it.
 */
export function answerOffer(decision: Decision, command: AnswerOffer): Refusal | undefined {
  const offer = standing(decision, command);
  if (offer === null || offer.phase === 'answered') return 'unknown-offer';
  const { id: offerId, callId, agentId } = offer;
  if (winnerOf(decision, offer) !== null) {
    decision.emit({
      kind: 'OfferWithdrawn',
      offerId,
      callId,
      agentId,
      reason: 'answered-elsewhere',
    });
    return undefined;
  }
  decision.emit({
    kind: 'OfferAnswered',
    offerId,
    callId,
    agentId,
    deadline: decision.at + BRIDGE_MS,
  });
  return undefined;
}

export function confirmBridge(decision: Decision, command: ConfirmBridge): Refusal | undefined {
  const { state } = decision;
  const offer = state.offers.get(command.offerId);
  if (offer?.phase === 'connected') return undefined;
  if (offer?.phase !== 'answered') return 'unknown-offer';
  const call = must(state.calls.get(offer.callId), `call ${offer.callId}`);
  withdrawOffers(decision, call, 'answered-elsewhere', offer.id);
  decision.emit({
    kind: 'CallConnected',
    callId: call.id,
    queue: call.queue,
    agentId: offer.agentId,
    offerId: offer.id,
    waitedMs: decision.at - call.enteredAt,
  });
  return undefined;
}

/** How long he rests after such a failure. */
function restOf(queue: QueueRules | undefined, failure: OfferFailure): number {
  // The queue may have left the configuration while its last offer rang. A veto is not his doing.
  if (queue === undefined || failure === 'vetoed') return REST_MIN_MS;
  const own = {
    'no-answer': queue.noAnswerDelayMs,
    busy: queue.busyDelayMs,
    declined: queue.rejectDelayMs,
    unreachable: null,
    failed: null,
    media: null,
  }[failure];
  return Math.max(REST_MIN_MS, own ?? queue.retryMs);
}

/** Ends an offer that came to nothing on the agent's side; he rests, the caller stays. */
export function failOffer(
  decision: Decision,
  offer: Offer,
  why: { failure: OfferFailure; sipStatus: number; detail: string; veto?: VetoFacts },
): void {
  const queue = decision.state.queues.get(offer.queue)?.config;
  const missed = queue !== undefined && isMiss(queue, why.failure);
  decision.emit({
    kind: 'OfferFailed',
    offerId: offer.id,
    callId: offer.callId,
    agentId: offer.agentId,
    failure: why.failure,
    sipStatus: why.sipStatus,
    detail: why.detail,
    restUntil: decision.at + restOf(queue, why.failure),
    ...why.veto,
    ...(missed ? { missed } : {}),
  });
  if (missed) autopause(decision, offer, why.failure);
  // timeoutpriority=conf let this phone ring out; or the bridge of an answer was waited for.
  const call = decision.state.calls.get(offer.callId);
  if (call === undefined || call.offers.length > 0) return;
  // A call to him alone goes where he wants it then; a fault of ours is no answer of his.
  const isRefused = why.failure !== 'failed' && why.failure !== 'media';
  const isHis = call.only === offer.agentId && isRefused;
  if (isHis || isOverdue(decision.state, call, decision.at)) leaveQueue(decision, call, 'TIMEOUT');
}

export function failOfferCommand(decision: Decision, command: FailOffer): Refusal | undefined {
  const offer = standing(decision, command);
  if (offer === null) return 'unknown-offer';
  const { failure, sipStatus, detail } = command;
  failOffer(decision, offer, { failure, sipStatus, detail });
  return undefined;
}

/** His BYE: ends the talk, or, before the bridge, only the offer. */
export function endAgentLeg(decision: Decision, command: EndAgentLeg): Refusal | undefined {
  const { state } = decision;
  const offer = state.offers.get(command.offerId);
  if (offer === undefined || offer.phase === 'asking') return 'unknown-offer';
  if (offer.phase === 'connected') {
    const call = must(state.calls.get(offer.callId), `call ${offer.callId}`);
    const endedBy = command.cause === 'bye' ? 'agent' : 'system';
    endCall(decision, call, 'COMPLETED', endedBy, { leftAt: command.endedAt });
    return undefined;
  }
  failOffer(decision, offer, {
    failure: 'failed',
    sipStatus: 0,
    detail: command.cause === 'bye' ? 'hung up before the bridge' : 'leg failed before the bridge',
  });
  return undefined;
}
