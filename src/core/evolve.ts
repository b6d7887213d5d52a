/**
 * Folds one event into the state. The only thing that changes it, live and in replay alike, and
 * it decides nothing: an event is a fact. A fact that does not fit the state is a broken
 * invariant and throws.
 */
import type {
  AgentOffered,
  AnnouncementDue,
  CallEnded,
  CallEntered,
  CallHeld,
  CallMoved,
  CallRelaxed,
  CallReordered,
  CallUnheld,
  CoreEvent,
  OfferAnswered,
  OfferFailed,
  OfferRang,
  OfferSent,
} from './events.ts';
import { noteWait, paceOf } from './estimate.ts';
import { evolveAgent } from './evolve-agents.ts';
import { dropQueue, takeConfig } from './evolve-config.ts';
import { evolveOutbound, isOutbound } from './evolve-outbound.ts';
import { begin, proceed, removeTransfer } from './evolve-sending.ts';
import { endTalk, transfer } from './evolve-transfers.ts';
import { memberOf } from './eligible.ts';
import { placeAgent, placeCall, placeOffer, rekeyCall, removeCall, removeOffer } from './place.ts';
import { acquaintance, idleClock } from './rules.ts';
import { NO_TALKS, NOWHERE } from './remembered.ts';
import {
  ACQUAINTED_MAX,
  makeTimer,
  must,
  NO_LIMITS,
  NO_OFFERS,
  NOT_HELD,
  type Agent,
  type Call,
  type Offer,
  type State,
} from './state.ts';
import type { AgentId, CallId, OfferId } from './types.ts';
import type { OfferCleared, VetoEnded } from './veto-events.ts';

function callOf(state: State, id: CallId): Call {
  return must(state.calls.get(id), `call ${id}`);
}

function offerOf(state: State, id: OfferId): Offer {
  return must(state.offers.get(id), `offer ${id}`);
}

function agentOf(state: State, id: AgentId): Agent {
  return must(state.agents.get(id), `agent ${id}`);
}

function enter(state: State, event: CallEntered): void {
  if (state.calls.has(event.callId)) throw new Error(`broken invariant: second ${event.callId}`);
  const call: Call = {
    id: event.callId,
    queue: event.queue,
    sipCallId: event.sipCallId,
    dialogId: event.dialogId ?? null,
    registrar: event.registrar ?? null,
    from: event.from,
    fromName: event.fromName,
    to: event.to,
    entry: event.entry,
    enteredAt: event.at,
    queuedAt: event.at,
    maxWaitMs: event.maxWaitMs ?? null,
    asked: event.limits ?? NO_LIMITS,
    limits: event.limits ?? NO_LIMITS,
    stepsDone: 0,
    skills: event.skills ?? null,
    skillSteps: 0,
    keptFor: event.keptFor ?? null,
    only: event.only ?? null,
    left: event.left ?? NOWHERE,
    talks: NO_TALKS,
    priority: event.priority ?? 0,
    order: event.order ?? event.entry,
    confirmedAt: null,
    offerId: null,
    offers: NO_OFFERS,
    connectedAt: null,
    heldBy: NOT_HELD,
    tried: null,
    vetoes: null,
    announcements: 0,
    announcedAt: event.at,
    mayWiden: false,
    ringFrom: 0,
    inLine: false,
    isEligible: false,
    isParked: false,
    limit: makeTimer('call', event.callId),
    announce: null,
    widen: null,
    relax: null,
  };
  state.entries = event.entry;
  state.calls.set(call.id, call);
  placeCall(state, call);
}

function confirm(state: State, call: Call, at: number): void {
  call.confirmedAt = at;
  call.announcedAt = at;
  placeCall(state, call);
}

function announce(state: State, event: AnnouncementDue): void {
  const call = callOf(state, event.callId);
  call.announcements = event.count;
  call.announcedAt = event.at;
  placeCall(state, call);
}

function widen(state: State, call: Call): void {
  call.mayWiden = true;
  placeCall(state, call);
}

function reorder(state: State, event: CallReordered): void {
  const call = callOf(state, event.callId);
  rekeyCall(state, call, () => {
    call.priority = event.priority;
    call.order = event.order;
  });
}

function offer(state: State, event: AgentOffered): void {
  const call = callOf(state, event.callId);
  const agent = agentOf(state, event.agentId);
  if (call.connectedAt !== null || agent.offerId !== null || agent.callId !== null) {
    throw new Error(`broken invariant: second offer ${event.offerId}`);
  }
  state.offersMade += 1;
  const made: Offer = {
    id: event.offerId,
    number: state.offersMade,
    callId: event.callId,
    queue: event.queue,
    agentId: event.agentId,
    device: event.device,
    offeredAt: event.at,
    phase: event.asks === true ? 'asking' : 'calling',
    rungFrom: event.asks === true ? 0 : event.at,
    given: event.given === true,
    transaction: null,
    deadline: event.deadline,
    timer: makeTimer('offer', event.offerId),
  };
  state.offers.set(made.id, made);
  call.offers = call.offers.length === 0 ? [made.id] : [...call.offers, made.id];
  call.offerId ??= made.id;
  call.mayWiden = false;
  if (call.ringFrom === 0) call.ringFrom = made.rungFrom;
  agent.offerId = made.id;
  placeOffer(state, made);
  placeCall(state, call);
  placeAgent(state, agent);
  // Only now that he is out of the line of ready members: that may be ordered by it.
  const member = memberOf(agent, event.queue);
  if (member !== undefined) member.tally.lastOffer = made.number;
}

/**
 * Its ring time begins now: asking takes nothing from it, unless `timeoutrestart` is `no` and a
 * phone before it has begun the common ring time.
 */
function clear(state: State, event: OfferCleared): void {
  const cleared = offerOf(state, event.offerId);
  if (cleared.phase !== 'asking') throw new Error(`broken invariant: ${cleared.id} never asked`);
  cleared.phase = 'calling';
  cleared.rungFrom = event.at;
  cleared.deadline = event.deadline;
  const call = callOf(state, cleared.callId);
  if (call.ringFrom === 0) call.ringFrom = event.at;
  placeOffer(state, cleared);
  placeCall(state, call);
}

/** The back-off is over; how many refusals there were is remembered as long as the call is here. */
function endVeto(state: State, event: VetoEnded): void {
  const call = callOf(state, event.callId);
  const { count } = must(call.vetoes?.get(event.agentId), `veto of ${event.agentId}`);
  call.vetoes?.set(event.agentId, { count, until: 0 });
  placeCall(state, call);
}

function send(state: State, event: OfferSent): void {
  offerOf(state, event.offerId).transaction = event.transaction;
}

function ring(state: State, event: OfferRang): void {
  offerOf(state, event.offerId).phase = 'ringing';
}

/** The offer is gone: caller back in his place, agent free but for his rest. */
function dropOffer(state: State, id: OfferId, restUntil: number): Offer {
  const dropped = offerOf(state, id);
  const call = callOf(state, dropped.callId);
  const agent = agentOf(state, dropped.agentId);
  removeOffer(state, dropped);
  call.offers = call.offers.length === 1 ? NO_OFFERS : call.offers.filter((each) => each !== id);
  if (call.offerId === id) call.offerId = call.offers[0] ?? null;
  agent.offerId = null;
  agent.restUntil = restUntil;
  return dropped;
}

function fail(state: State, event: OfferFailed): void {
  const restUntil = event.restUntil > event.at ? event.restUntil : 0;
  const failed = dropOffer(state, event.offerId, restUntil);
  const call = callOf(state, failed.callId);
  const agent = agentOf(state, failed.agentId);
  call.tried ??= new Map();
  call.tried.set(failed.agentId, failed.number);
  if (!keepsRingTime(event)) call.ringFrom = 0;
  if (event.vetoedUntil !== undefined) {
    const count = (call.vetoes?.get(failed.agentId)?.count ?? 0) + 1;
    call.vetoes ??= new Map();
    call.vetoes.set(failed.agentId, { count, until: event.vetoedUntil });
  }
  // The agent he was kept for did not take him: now anybody may.
  if (call.keptFor === failed.agentId) call.keptFor = null;
  const member = memberOf(agent, failed.queue);
  if (member !== undefined && event.missed === true) member.tally.misses += 1;
  if (event.failure === 'no-answer' && idleClock(state.config).missed) agent.idleSince = event.at;
  placeCall(state, call);
  placeAgent(state, agent);
}

/** timeoutrestart=no: what a busy or unreachable phone took is missing for the next one. */
function keepsRingTime({ failure }: OfferFailed): boolean {
  return failure === 'busy' || failure === 'unreachable' || failure === 'vetoed';
}

function withdraw(state: State, offerId: OfferId): void {
  const dropped = dropOffer(state, offerId, 0);
  const call = callOf(state, dropped.callId);
  if (call.offers.length === 0) call.ringFrom = 0;
  placeCall(state, call);
  placeAgent(state, agentOf(state, dropped.agentId));
}

function answer(state: State, event: OfferAnswered): void {
  const answered = offerOf(state, event.offerId);
  answered.phase = 'answered';
  answered.deadline = event.deadline;
  const call = callOf(state, answered.callId);
  call.offerId = answered.id;
  placeOffer(state, answered);
  placeCall(state, call);
}

/** The newest is last, so that the first is the one to be forgotten. */
function acquaint({ acquainted }: State, { queue, from }: Call, agentId: AgentId): void {
  const known = acquaintance(queue, from);
  if (known === null) return;
  acquainted.delete(known);
  acquainted.set(known, agentId);
  if (acquainted.size <= ACQUAINTED_MAX) return;
  for (const oldest of acquainted.keys()) {
    acquainted.delete(oldest);
    return;
  }
}

function connect(state: State, offerId: OfferId, at: number): void {
  const made = offerOf(state, offerId);
  const call = callOf(state, made.callId);
  const agent = agentOf(state, made.agentId);
  if (call.offers.length !== 1) throw new Error(`broken invariant: ${call.id} still rings`);
  made.phase = 'connected';
  made.deadline = 0;
  call.connectedAt = at;
  call.ringFrom = 0;
  agent.offerId = null;
  agent.callId = call.id;
  const member = memberOf(agent, made.queue);
  if (member !== undefined) {
    member.tally.calls += 1;
    member.tally.misses = 0;
    member.tally.served += 1 / member.rules.share;
    if (member.queue.config.stickyMs > 0) acquaint(state, call, agent.id);
  }
  noteWait(paceOf(state, call.queue), at - call.queuedAt, false);
  placeOffer(state, made);
  placeCall(state, call);
  placeAgent(state, agent);
}

function end(state: State, event: CallEnded): void {
  const call = callOf(state, event.callId);
  if (call.offerId !== null) {
    const bridge = offerOf(state, call.offerId);
    endTalk(state, call, bridge, event.talkedMs, event.leftAt ?? event.at);
  }
  if (call.connectedAt === null) {
    const waitedMs = (event.leftAt ?? event.at) - call.queuedAt;
    noteWait(paceOf(state, call.queue), Math.max(0, waitedMs), event.status === 'ABANDONED');
  }
  removeCall(state, call);
}

/** His wait goes along; limits, steps and vetoes of the queue he leaves do not. */
function move(state: State, event: CallMoved): void {
  const call = callOf(state, event.callId);
  rekeyCall(state, call, () => {
    call.queue = event.queue;
    call.queuedAt = event.at;
    call.maxWaitMs = null;
    call.limits = call.asked;
    call.stepsDone = 0;
    call.skillSteps = 0;
    call.keptFor = null;
    call.only = null;
    call.vetoes = null;
    call.priority = event.priority;
    call.order = call.entry;
    call.left = [...call.left, { queue: event.from, status: event.status }];
  });
}

function hold(state: State, { callId, holder }: CallHeld): void {
  const call = callOf(state, callId);
  call.heldBy = [...call.heldBy, holder];
}

function unhold(state: State, { callId, holder }: CallUnheld): void {
  const call = callOf(state, callId);
  const left = call.heldBy.filter((each) => each !== holder);
  call.heldBy = left.length === 0 ? NOT_HELD : left;
}

function relax(state: State, event: CallRelaxed): void {
  const call = callOf(state, event.callId);
  call.limits = event.limits;
  call.stepsDone = event.steps;
  call.skillSteps = event.skillSteps ?? call.skillSteps;
  if (event.isFree === true) call.keptFor = null;
  placeCall(state, call);
}

/** Changes `state` in place. */
export function evolve(state: State, event: CoreEvent): void {
  switch (event.kind) {
    case 'ConfigApplied':
      return takeConfig(state, event);
    case 'QueueDrained':
      return dropQueue(state, event.queue);
    case 'CallEntered':
      return enter(state, event);
    case 'ServerStarted':
    case 'CallRefused':
    case 'CallDiverted':
    case 'FailoverSkipped':
      return;
    case 'CallMoved':
      return move(state, event);
    case 'CallConfirmed':
      return confirm(state, callOf(state, event.callId), event.at);
    case 'AnnouncementDue':
      return announce(state, event);
    case 'RingWidened':
      return widen(state, callOf(state, event.callId));
    case 'CallRelaxed':
      return relax(state, event);
    case 'CallReordered':
      return reorder(state, event);
    case 'AgentOffered':
      return offer(state, event);
    case 'OfferCleared':
      return clear(state, event);
    case 'VetoEnded':
      return endVeto(state, event);
    case 'OfferSent':
      return send(state, event);
    case 'OfferRang':
      return ring(state, event);
    case 'OfferAnswered':
      return answer(state, event);
    case 'OfferFailed':
      return fail(state, event);
    case 'OfferWithdrawn':
      return withdraw(state, event.offerId);
    case 'CallConnected':
      return connect(state, event.offerId, event.at);
    case 'CallHeld':
      return hold(state, event);
    case 'CallUnheld':
      return unhold(state, event);
    case 'CallTransferred':
      return transfer(state, event);
    case 'CallEnded':
      return end(state, event);
    case 'TransferBegan':
      return begin(state, event);
    case 'TransferReferred':
      return proceed(state, event.callId, (sent) => (sent.isReferred = true));
    case 'TransferDialled':
      return proceed(state, event.callId, (sent) => {
        sent.attempt = event.attempt;
        sent.dialledAt = event.at;
      });
    case 'TransferAnswered':
      return proceed(state, event.callId, (sent) => (sent.answeredAt = event.at));
    case 'TransferEnded':
      return removeTransfer(state, event.callId);
    default:
      return isOutbound(event) ? evolveOutbound(state, event) : evolveAgent(state, event);
  }
}
