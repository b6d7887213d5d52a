/**
 * Keeps what is derived from the facts: who stands in which line, who is ready, which timers
 * run. evolve changes plain fields of a call, offer or agent and then has it placed; placing
 * compares where the thing stands with where its fields say it belongs, and moves it.
 */
import {
  CONFIRM_MS,
  makeAgent,
  makeQueue,
  TALK_MAX_MS,
  WAIT_MAX_MS,
  type Agent,
  type Call,
  type Offer,
  type Queue,
  type State,
} from './state.ts';
import { compareText } from './ordered.ts';

/** May be offered a call now. The one definition of ready. */
export function isReady(agent: Agent): boolean {
  return (
    agent.device !== null &&
    agent.deviceState === 'idle' &&
    agent.paused === null &&
    agent.wrapup === null &&
    agent.restUntil === 0 &&
    agent.offerId === null &&
    agent.callId === null &&
    agent.leaving === null
  );
}

function refreshMatchable(state: State, queue: Queue): void {
  if (queue.eligible.size > 0 && queue.ready.size > 0) state.matchable.add(queue);
  else state.matchable.delete(queue);
}

/** When the call's stay in its present state ends by itself. */
export function limitOf(call: Call): number {
  if (call.connectedAt !== null) return call.connectedAt + TALK_MAX_MS;
  if (call.confirmedAt !== null) return call.confirmedAt + WAIT_MAX_MS;
  return call.enteredAt + CONFIRM_MS;
}

function announceAt(state: State, call: Call, queue: Queue | undefined): number | null {
  const period = queue?.config.periodicAnnounceMs ?? 0;
  if (period <= 0 || call.confirmedAt === null || call.connectedAt !== null) return null;
  // Between the agent's answer and the bridge nothing may talk over the two (DEMANDS 22).
  const offer = call.offerId === null ? undefined : state.offers.get(call.offerId);
  return offer?.phase === 'answered' ? null : call.announcedAt + period;
}

export function placeCall(state: State, call: Call): void {
  const queue = state.queues.get(call.queue);
  state.timers.set(call.limit, limitOf(call));
  state.timers.set(call.announce, announceAt(state, call, queue));
  if (queue === undefined) return;
  const inLine = call.connectedAt === null;
  if (inLine !== call.inLine) {
    call.inLine = inLine;
    if (inLine) queue.line.add(call);
    else queue.line.delete(call);
  }
  if (!inLine) queue.talking.add(call);
  const isEligible = inLine && call.confirmedAt !== null && call.offerId === null;
  if (isEligible !== call.isEligible) {
    call.isEligible = isEligible;
    if (isEligible) queue.eligible.add(call);
    else queue.eligible.delete(call);
    refreshMatchable(state, queue);
  }
}

/** The call is over. */
export function removeCall(state: State, call: Call): void {
  state.calls.delete(call.id);
  state.timers.set(call.limit, null);
  state.timers.set(call.announce, null);
  const queue = state.queues.get(call.queue);
  if (queue === undefined) return;
  if (call.inLine) queue.line.delete(call);
  else queue.talking.delete(call);
  if (call.isEligible) {
    queue.eligible.delete(call);
    refreshMatchable(state, queue);
  }
}

export function placeOffer(state: State, offer: Offer): void {
  state.timers.set(offer.timer, offer.deadline === 0 ? null : offer.deadline);
}

export function removeOffer(state: State, offer: Offer): void {
  state.offers.delete(offer.id);
  state.timers.set(offer.timer, null);
}

export function placeAgent(state: State, agent: Agent): void {
  state.timers.set(agent.rest, agent.restUntil === 0 ? null : agent.restUntil);
  state.timers.set(agent.wrapupTimer, agent.wrapup === null ? null : agent.wrapup.until);
  const ready = isReady(agent);
  if (ready === agent.isReady) return;
  agent.isReady = ready;
  for (const queue of agent.memberOf) {
    if (ready) queue.ready.add(agent);
    else queue.ready.delete(agent);
    refreshMatchable(state, queue);
  }
}

/** Takes queues and agents from `state.config` and places everything anew. */
export function placeAll(state: State): void {
  state.queues.clear();
  state.matchable.clear();
  for (const config of state.config.queues) state.queues.set(config.name, makeQueue(config));
  takeAgents(state);
  for (const agent of state.agents.values()) {
    agent.isReady = false;
    placeAgent(state, agent);
  }
  for (const offer of state.offers.values()) placeOffer(state, offer);
  for (const call of state.calls.values()) {
    call.inLine = false;
    call.isEligible = false;
    placeCall(state, call);
  }
}

function takeAgents(state: State): void {
  const former = new Map(state.agents);
  state.agents.clear();
  for (const config of state.config.agents) {
    const agent = former.get(config.id) ?? makeAgent(config.id);
    former.delete(config.id);
    state.agents.set(agent.id, agent);
    agent.name = config.name;
    agent.queues = config.queues;
    // Back in the configuration before his call ended: he stays.
    if (agent.leaving === 'removed') agent.leaving = null;
    agent.known = true;
  }
  const leavers = [...former.values()].sort((a, b) => compareText(a.id, b.id));
  for (const agent of leavers) {
    if (agent.device === null) continue;
    state.agents.set(agent.id, agent);
    agent.queues = [];
    agent.leaving = 'removed';
    agent.known = false;
  }
  for (const agent of state.agents.values()) {
    const queues = new Set(agent.queues);
    agent.memberOf = [...queues].flatMap((name) => state.queues.get(name) ?? []);
  }
}
