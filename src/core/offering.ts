/**
 * Offers: the only thing that may make a phone ring. Dispatch makes them; answer, failure,
 * deadline and bridge end them. Whatever fails on the agent's side costs the caller nothing: he
 * keeps his place, and dispatch rings the next in the same batch.
 *
 * An offer's id is `<call id>.o<number>`, the number counted over the whole ACD and carried by
 * the state: unique for the life of the journal, and the same in every replay.
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
import { endCall } from './leaving.ts';
import { BRIDGE_MS, must, REST_MIN_MS, RING_MIN_MS, type Offer } from './state.ts';
import { chooseAgent, nextCall } from './strategies.ts';
import type { OfferFailure } from './types.ts';

/** Rings agents until no eligible call and ready agent stand side by side (invariant 3). */
export function dispatch(decision: Decision): void {
  const { state } = decision;
  for (let next = nextCall(state); next !== null; next = nextCall(state)) {
    const { call, queue } = next;
    const agent = chooseAgent(call, queue);
    decision.emit({
      kind: 'AgentOffered',
      offerId: `${call.id}.o${state.offersMade + 1}`,
      callId: call.id,
      queue: queue.name,
      agentId: agent.id,
      device: must(agent.device, `device of ${agent.id}`),
      deadline: decision.at + Math.max(RING_MIN_MS, queue.config.timeoutMs),
    });
  }
}

/** The offer if it still stands; a connected one counts only where the caller says so. */
function standing(decision: Decision, command: { offerId: string }): Offer | null {
  const offer = decision.state.offers.get(command.offerId);
  return offer === undefined || offer.phase === 'connected' ? null : offer;
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

/** First answer wins; a later one, or one that crossed our CANCEL, is refused: the edge BYEs it. */
export function answerOffer(decision: Decision, command: AnswerOffer): Refusal | undefined {
  const offer = standing(decision, command);
  if (offer === null || offer.phase === 'answered') return 'unknown-offer';
  decision.emit({
    kind: 'OfferAnswered',
    offerId: offer.id,
    callId: offer.callId,
    agentId: offer.agentId,
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

/** Ends an offer that came to nothing on the agent's side; he rests, the caller stays. */
export function failOffer(
  decision: Decision,
  offer: Offer,
  why: { failure: OfferFailure; sipStatus: number; detail: string },
): void {
  // The queue may have left the configuration while its last offer rang.
  const retryMs = decision.state.queues.get(offer.queue)?.config.retryMs ?? 0;
  decision.emit({
    kind: 'OfferFailed',
    offerId: offer.id,
    callId: offer.callId,
    agentId: offer.agentId,
    failure: why.failure,
    sipStatus: why.sipStatus,
    detail: why.detail,
    restUntil: decision.at + Math.max(REST_MIN_MS, retryMs),
  });
}

export function failOfferCommand(decision: Decision, command: FailOffer): Refusal | undefined {
  const offer = standing(decision, command);
  if (offer === null) return 'unknown-offer';
  failOffer(decision, offer, command);
  return undefined;
}

/** His BYE: ends the talk, or, before the bridge, only the offer. */
export function endAgentLeg(decision: Decision, command: EndAgentLeg): Refusal | undefined {
  const { state } = decision;
  const offer = state.offers.get(command.offerId);
  if (offer === undefined) return 'unknown-offer';
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
