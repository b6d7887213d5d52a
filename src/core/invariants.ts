/**
 * The invariants of docs/ARCHITECTURE.md, checked the slow and obvious way: by looking at
 * everything and comparing it with the facts, without trusting what is derived. For tests and the
 * simulator after every event; `checkDispatched` adds what holds only after a whole decision.
 */
import {
  callObstacle,
  isReady,
  memberObstacle,
  pairObstacle,
  reservationObstacle,
} from './eligible.ts';
import { emptyFor } from './failover.ts';
import { compareInLine, compareMembers } from './orders.ts';
import { canMatch, limitOf, pauseEndOf, relaxAt, widenAt } from './place.ts';
import { outboundLimit } from './evolve-outbound.ts';
import { transferLimit } from './evolve-sending.ts';
import type { Outbound } from './outbound-call.ts';
import type { Agent, Call, Member, Offer, Queue, State } from './state.ts';
import type { Transfer } from './transfer-call.ts';

type Report = (fault: string) => void;

/** 1: an agent is in at most one offer or bridge, and both sides know of it. */
function checkAgent(state: State, agent: Agent, report: Report): void {
  const offer = agent.offerId === null ? null : state.offers.get(agent.offerId);
  if (offer === undefined) report(`agent ${agent.id} has a lost offer`);
  if (offer && offer.agentId !== agent.id) report(`agent ${agent.id} has another's offer`);
  if (agent.offerId !== null && agent.callId !== null) report(`agent ${agent.id} has two calls`);
  const call = agent.callId === null ? null : state.calls.get(agent.callId);
  const isOutbound = agent.callId !== null && state.outbound.has(agent.callId);
  if (call === undefined && !isOutbound) report(`agent ${agent.id} talks with nobody`);
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
  if (pauseEndOf(agent) !== null && !state.timers.has(agent.pauseTimer)) {
    report(`pause of ${agent.id} has no end`);
  }
  const queues = new Set(agent.queues.filter((name) => state.queues.has(name)));
  if (agent.memberOf.length !== queues.size) report(`memberships of ${agent.id}`);
  for (const member of agent.memberOf) checkMember(state, member, report);
  const ready = agent.memberOf.filter(({ isReady }) => isReady).length;
  if (ready !== agent.readyIn) report(`queues in which ${agent.id} is ready`);
}

function checkMember(state: State, member: Member, report: Report): void {
  const { agent, queue } = member;
  const shouldBe = memberObstacle(member) === null;
  const isKnown = queue.members[member.index] === member && state.queues.get(queue.name) === queue;
  if (!isKnown) report(`agent ${agent.id} is no member of ${queue.name}`);
  if (agent.tallies.get(queue.name) !== member.tally) report(`tally of ${agent.id}`);
  if (member.isReady !== shouldBe || queue.ready.has(member) !== shouldBe) {
    report(`agent ${agent.id} in ${queue.name}`);
  }
}

/** 2 and 6: an offer joins one call and one agent, and ends by itself until it is connected. */
function checkOffer(state: State, offer: Offer, report: Report): void {
  const call = state.calls.get(offer.callId);
  const agent = state.agents.get(offer.agentId);
  if (call?.offers.includes(offer.id) !== true) report(`offer ${offer.id} is not its call's`);
  const isTaken = offer.phase === 'connected' || offer.phase === 'answered';
  if (isTaken && call?.offerId !== offer.id) report(`offer ${offer.id} is not the first answer`);
  const isConnected = offer.phase === 'connected';
  const held = isConnected ? agent?.callId === offer.callId : agent?.offerId === offer.id;
  if (!held) report(`offer ${offer.id} is not its agent's`);
  const isRung = offer.phase !== 'asking';
  if (offer.rungFrom > 0 !== isRung) report(`offer ${offer.id} rings and asks`);
  if (!isRung && offer.transaction !== null) report(`offer ${offer.id} was rung unasked`);
  if ((call?.connectedAt != null) !== isConnected) report(`offer ${offer.id} and call disagree`);
  if (state.timers.has(offer.timer) === isConnected) report(`offer ${offer.id} deadline`);
}

/** 5 and 6: a call has a place or a bridge, and an end of its stay. */
function checkCall(state: State, call: Call, report: Report): void {
  if (call.offerId !== null && !call.offers.includes(call.offerId)) report(`call ${call.id} offer`);
  if ((call.offerId === null) !== (call.offers.length === 0)) report(`call ${call.id} offers`);
  if (!call.offers.every((id) => state.offers.has(id))) report(`call ${call.id} has a lost offer`);
  if (call.connectedAt !== null && call.offers.length !== 1) report(`call ${call.id} rings on`);
  if (call.connectedAt !== null && call.offerId === null) report(`call ${call.id} no agent`);
  if (call.connectedAt === null && call.heldBy.length > 0) report(`call ${call.id} waits on hold`);
  if (!state.timers.has(call.limit) || call.limit.at !== limitOf(state, call)) {
    report(`call ${call.id} has no limit`);
  }
  const queue = state.queues.get(call.queue);
  if (queue === undefined) {
    if (call.connectedAt === null) report(`call ${call.id} waits in no queue`);
    return;
  }
  const isWaiting = call.connectedAt === null;
  const isEligible = callObstacle(state, call) === null;
  if (queue.line.has(call) !== isWaiting) report(`call ${call.id} line`);
  const isServed = queue.config.maxTalks > 0 && call.offers.length > 0;
  if (queue.served.has(call) !== isServed) report(`call ${call.id} served`);
  if (queue.talking.has(call) === isWaiting) report(`call ${call.id} talking`);
  const isListed = queue.eligible.has(call) || queue.parked.has(call);
  if (isListed !== isEligible) report(`call ${call.id} eligible`);
  if (queue.parked.has(call) !== call.isParked) report(`call ${call.id} parked`);
}

/** 6: who is sent elsewhere is no call here any more, and that ends by itself. */
function checkTransfer(state: State, transfer: Transfer, report: Report): void {
  const { callId, attempt, dialledAt, answeredAt, timer } = transfer;
  if (state.calls.has(callId)) report(`${callId} is here, and sent elsewhere`);
  if ((attempt === 0) !== (dialledAt === null)) report(`${callId} is called elsewhere when?`);
  if (answeredAt !== null && dialledAt === null) report(`${callId} talks to nobody`);
  if (!state.timers.has(timer) || timer.at !== transferLimit(transfer))
    report(`transfer of ${callId} has no limit`);
}

/** 1 and 6: it is its agent's one call, and ends by itself. */
function checkOutbound(state: State, outbound: Outbound, report: Report): void {
  const { id, agentId, pickedUpAt, connectedAt, refused, timer } = outbound;
  if (state.calls.has(id) || state.transfers.has(id)) report(`${id} comes in and goes out`);
  if (state.agents.get(agentId)?.callId !== id) report(`outbound ${id} is not its agent's`);
  if (connectedAt !== null && pickedUpAt === null) report(`outbound ${id} talks with no agent`);
  if (refused !== null && (pickedUpAt === null || connectedAt !== null))
    report(`outbound ${id} was refused and was not dialled, or talks`);
  if (!state.timers.has(timer) || timer.at !== outboundLimit(state, outbound))
    report(`outbound ${id} has no limit`);
}

/** 4: lines are in order and hold nobody who is gone. */
function checkQueue(state: State, queue: Queue, report: Report): void {
  for (const line of [queue.line, queue.eligible, queue.talking]) {
    let last: Call | null = null;
    for (const call of line) {
      if (last !== null && compareInLine(last, call) >= 0) {
        report(`${queue.name} is out of order at ${call.id}`);
      }
      last = call;
      if (state.calls.get(call.id) !== call) report(`${queue.name} holds ${call.id}, who is gone`);
    }
  }
  const choosers = [...queue.line].filter(({ skills }) => skills !== null).length;
  if (choosers !== queue.choosers) report(`${queue.name} choosers`);
  let previous: Member | null = null;
  const compare = compareMembers(queue.config.strategy);
  for (const member of queue.ready) {
    const { id } = member.agent;
    if (state.agents.get(id) !== member.agent) report(`${queue.name} holds lost ${id}`);
    if (previous !== null && compare(previous, member) >= 0) report(`${queue.name} order of ${id}`);
    previous = member;
  }
  const isMatchable = canMatch(queue);
  if (state.matchable.has(queue) !== isMatchable || queue.isMatchable !== isMatchable)
    report(`${queue.name} matchable`);
}

/** Faults in words; empty: all is well. Holds after every event. */
export function checkInvariants(state: State): string[] {
  const faults: string[] = [];
  const report: Report = (fault) => faults.push(fault);
  for (const agent of state.agents.values()) checkAgent(state, agent, report);
  for (const offer of state.offers.values()) checkOffer(state, offer, report);
  for (const call of state.calls.values()) checkCall(state, call, report);
  for (const queue of state.queues.values()) checkQueue(state, queue, report);
  for (const transfer of state.transfers.values()) checkTransfer(state, transfer, report);
  for (const outbound of state.outbound.values()) checkOutbound(state, outbound, report);
  const loggedIn = [...state.agents.values()].filter((agent) => agent.device !== null).length;
  if (loggedIn !== state.devices.size) report('devices and logins differ');
  const calls = [...state.calls.values()];
  const agents = [...state.agents.values()];
  const timers =
    state.calls.size +
    state.transfers.size +
    state.outbound.size +
    calls.filter(({ announce }) => announce !== null && state.timers.has(announce)).length +
    calls.filter((call) => relaxAt(call, state.queues.get(call.queue)) !== null).length +
    calls.filter((call) => widenAt(state, call, state.queues.get(call.queue)) !== null).length +
    [...state.offers.values()].filter((offer) => offer.phase !== 'connected').length +
    agents.filter((agent) => agent.restUntil > 0).length +
    agents.filter((agent) => pauseEndOf(agent) !== null).length +
    agents.filter((agent) => agent.wrapup !== null).length;
  if (timers !== state.timers.size) report('a timer without an owner');
  return faults;
}

/** Pairs that may be joined and are not. Who may take no call of a queue is looked at once. */
function unmatched(state: State): string[] {
  const calls = [...state.calls.values()].filter((call) => callObstacle(state, call) === null);
  const free = new Map(
    [...new Set(calls.map(({ queue }) => queue))].map((name) => {
      const members = state.queues.get(name)?.members ?? [];
      return [name, members.filter((member) => memberObstacle(member) === null)];
    }),
  );
  return calls.flatMap((call) =>
    (free.get(call.queue) ?? [])
      .filter((member) => pairObstacle(state, call, member) === null)
      .map(({ agent }) => `agent ${agent.id} is ready while ${call.id} waits for him`),
  );
}

/** What holds only when a decision is complete, between two batches of events. */
export function checkDispatched(state: State): string[] {
  const agents = [...state.agents.values()];
  return [
    // 3: no eligible call stands beside a member who may take it.
    ...unmatched(state),
    // Nobody waits where leavewhenempty sends him away.
    ...[...state.shaken.keys()].map((queue) => `${queue.name} was not looked at`),
    ...[...state.calls.values()].flatMap((call) => {
      const queue = state.queues.get(call.queue);
      const isHere = call.confirmedAt !== null && call.connectedAt === null;
      if (queue === undefined || !isHere || call.offers.length > 0) return [];
      const empty = emptyFor(state, queue, queue.config.leaveWhenEmpty, call);
      return empty === null ? [] : [`${call.id} waits in ${queue.name}, which is empty for it`];
    }),
    // Nobody is kept for a phone that may not be rung.
    ...agents
      .filter((agent) => {
        const offer = state.offers.get(agent.offerId ?? '');
        return offer?.phase === 'asking' && reservationObstacle(agent, offer) !== null;
      })
      .map((agent) => `agent ${agent.id} is asked about and may not be rung`),
    // 6: a logout that waits is owned by the call it waits for.
    ...agents
      .filter((agent) => agent.leaving !== null && agent.callId === null)
      .map((agent) => `agent ${agent.id} never leaves`),
  ];
}
