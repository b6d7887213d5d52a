/** Folds what ends a talk for its agent, and what the transfer of a talk makes of the call. */
import { memberOf } from './eligible.ts';
import { noteHandled, paceOf } from './estimate.ts';
import { placeAgent, rekeyCall, removeOffer } from './place.ts';
import { NOWHERE } from './remembered.ts';
import { must, NO_OFFERS, NOT_HELD, type Call, type Offer, type State } from './state.ts';
import type { CallTransferred } from './transfer-events.ts';

/** The agent's part of the talk is over, `at`: he is free for what comes, and is credited it. */
export function endTalk(state: State, call: Call, bridge: Offer, talkedMs: number, at: number) {
  if (bridge.phase !== 'connected') throw new Error(`broken invariant: ${bridge.id} left ringing`);
  const agent = must(state.agents.get(bridge.agentId), `agent ${bridge.agentId}`);
  removeOffer(state, bridge);
  agent.callId = null;
  agent.idleSince = at;
  agent.talkedMs += talkedMs;
  const member = memberOf(agent, bridge.queue);
  if (member !== undefined) member.tally.lastCallAt = at;
  noteHandled(paceOf(state, call.queue), talkedMs + (member?.rules.wrapupMs ?? 0));
  placeAgent(state, agent);
}

/** As if he had come just now, but for his id, his priority, and what he has behind him. */
export function transfer(state: State, event: CallTransferred): void {
  const { at, callId, agentId, offerId, entry, waitedMs, talkedMs } = event;
  const call = must(state.calls.get(callId), `call ${callId}`);
  endTalk(state, call, must(state.offers.get(offerId), `offer ${offerId}`), talkedMs, at);
  state.entries = entry;
  rekeyCall(state, call, () => {
    call.talks = [...call.talks, { queue: event.from, agentId, waitedMs, talkedMs }];
    call.queue = event.queue;
    call.entry = entry;
    call.order = entry;
    call.priority = event.priority;
    call.enteredAt = at;
    call.queuedAt = at;
    call.confirmedAt = at;
    call.connectedAt = null;
    call.maxWaitMs = null;
    call.limits = call.asked;
    call.stepsDone = 0;
    call.skillSteps = 0;
    call.keptFor = null;
    call.only = event.only ?? null;
    call.left = NOWHERE;
    call.offerId = null;
    call.offers = NO_OFFERS;
    call.heldBy = NOT_HELD;
    call.tried = null;
    call.vetoes = null;
    call.announcements = 0;
    call.announcedAt = at;
  });
}
