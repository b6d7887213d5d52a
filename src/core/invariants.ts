/**
 * DESIGN's invariants, checked the slow and obvious way: by looking at everything and comparing
 * it with the facts, without trusting what is derived. For tests and the simulator after every
 * event; `checkDispatched` adds what holds only after a whole decision.
 */
import { isReady, limitOf } from './place.ts';
import type { Agent, Call, Offer, Queue, State } from './state.ts';

type Report = (fault: string) => void;

/** 1: an agent is in at most one offer or bridge, and both sides know of it. */
function checkAgent(state: State, agent: Agent, report: Report): void {
  const offer = agent.offerId === null ? null : state.offers.get(agent.offerId);
  if (offer === undefined) report(`agent ${agent.id} has a lost offer`);
  if (offer && offer.agentId !== agent.id) report(`agent ${agent.id} has another's offer`);
  if (agent.offerId !== null && agent.callId !== null) report(`agent ${agent.id} has two calls`);
  const call = agent.callId === null ? null : state.calls.get(agent.callId);
  if (call === undefined) report(`agent ${agent.id} talks with nobody`);
  if (call && call.connectedAt === null) report(`agent ${agent.id} talks with a waiting call`);
  const isBusy = agent.offerId !== null || agent.callId !== null;
  if (agent.device === null && isBusy) report(`agent ${agent.id} is busy but logged out`);
  if (agent.device !== null && state.devices.get(agent.device.uri) !== agent.id) {
    report(`device of ${agent.id} is another's`);
  }
  if (isReady(agent) !== agent.isReady) report(`agent ${agent.id} is marked wrong`);
  if (agent.restUntil > 0 !== state.timers.has(agent.rest)) report(`rest of ${agent.id}`);
  if ((agent.wrapup !== null) !== state.timers.has(agent.wrapupTimer)) {
    report(`wrap-up of ${agent.id} has no end`);
  }
  for (const queue of state.queues.values()) {
    const shouldBe = isReady(agent) && agent.queues.includes(queue.name);
    if (queue.ready.has(agent) !== shouldBe) report(`agent ${agent.id} in ${queue.name}`);
  }
}

/** 2 and 6: an offer joins one call and one agent, and ends by itself until it is connected. */
function checkOffer(state: State, offer: Offer, report: Report): void {
  const call = state.calls.get(offer.callId);
  const agent = state.agents.get(offer.agentId);
  if (call?.offerId !== offer.id) report(`offer ${offer.id} is not its call's`);
  const isConnected = offer.phase === 'connected';
  const held = isConnected ? agent?.callId === offer.callId : agent?.offerId === offer.id;
  if (!held) report(`offer ${offer.id} is not its agent's`);
  if ((call?.connectedAt != null) !== isConnected) report(`offer ${offer.id} and call disagree`);
  if (state.timers.has(offer.timer) === isConnected) report(`offer ${offer.id} deadline`);
}

/** 5 and 6: a call has a place or a bridge, and an end of its stay. */
function checkCall(state: State, call: Call, report: Report): void {
  if (call.offerId !== null && !state.offers.has(call.offerId)) report(`call ${call.id} offer`);
  if (call.connectedAt !== null && call.offerId === null) report(`call ${call.id} no agent`);
  if (!state.timers.has(call.limit) || call.limit.at !== limitOf(call)) {
    report(`call ${call.id} has no limit`);
  }
  const queue = state.queues.get(call.queue);
  if (queue === undefined) {
    if (call.connectedAt === null) report(`call ${call.id} waits in no queue`);
    return;
  }
  const isWaiting = call.connectedAt === null;
  const isEligible = isWaiting && call.confirmedAt !== null && call.offerId === null;
  if (queue.line.has(call) !== isWaiting) report(`call ${call.id} line`);
  if (queue.talking.has(call) === isWaiting) report(`call ${call.id} talking`);
  if (queue.eligible.has(call) !== isEligible) report(`call ${call.id} eligible`);
}

/** 4: lines are in order and hold nobody who is gone. */
function checkQueue(state: State, queue: Queue, report: Report): void {
  for (const line of [queue.line, queue.eligible, queue.talking]) {
    let last = -1;
    for (const call of line) {
      if (call.entry <= last) report(`${queue.name} is out of order at ${call.id}`);
      last = call.entry;
      if (state.calls.get(call.id) !== call) report(`${queue.name} holds ${call.id}, who is gone`);
    }
  }
  let previous: Agent | null = null;
  for (const agent of queue.ready) {
    if (state.agents.get(agent.id) !== agent) report(`${queue.name} holds lost ${agent.id}`);
    if (previous !== null && previous.idleSince > agent.idleSince) report(`${queue.name} idle`);
    previous = agent;
  }
  const isMatchable = queue.eligible.size > 0 && queue.ready.size > 0;
  if (state.matchable.has(queue) !== isMatchable) report(`${queue.name} matchable`);
}

/** Faults in words; empty: all is well. Holds after every event. */
export function checkInvariants(state: State): string[] {
  const faults: string[] = [];
  const report: Report = (fault) => faults.push(fault);
  for (const agent of state.agents.values()) checkAgent(state, agent, report);
  for (const offer of state.offers.values()) checkOffer(state, offer, report);
  for (const call of state.calls.values()) checkCall(state, call, report);
  for (const queue of state.queues.values()) checkQueue(state, queue, report);
  const loggedIn = [...state.agents.values()].filter((agent) => agent.device !== null).length;
  if (loggedIn !== state.devices.size) report('devices and logins differ');
  const timers =
    state.calls.size +
    [...state.calls.values()].filter((call) => state.timers.has(call.announce)).length +
    [...state.offers.values()].filter((offer) => offer.phase !== 'connected').length +
    [...state.agents.values()].filter((agent) => agent.restUntil > 0).length +
    [...state.agents.values()].filter((agent) => agent.wrapup !== null).length;
  if (timers !== state.timers.size) report('a timer without an owner');
  return faults;
}

/** What holds only when a decision is complete, between two batches of events. */
export function checkDispatched(state: State): string[] {
  const waiting = [...state.calls.values()].filter(
    (call) => call.confirmedAt !== null && call.offerId === null,
  );
  const names = new Set(waiting.map((call) => call.queue));
  const agents = [...state.agents.values()];
  return [
    // 3: no eligible call stands beside a ready member of its queue.
    ...agents
      .filter((agent) => isReady(agent) && agent.queues.some((name) => names.has(name)))
      .map((agent) => `agent ${agent.id} is ready while a call waits for him`),
    // 6: a logout that waits is owned by the call it waits for.
    ...agents
      .filter((agent) => agent.leaving !== null && agent.callId === null)
      .map((agent) => `agent ${agent.id} never leaves`),
  ];
}
