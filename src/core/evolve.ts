/**
 * Folds one event into the state. The only thing that changes it, live and in replay alike, and
 * it decides nothing: an event is a fact. A fact that does not fit the state is a broken
 * invariant and throws.
 */
import type {
  AgentOffered,
  CallEnded,
  CallEntered,
  CoreEvent,
  OfferRang,
  OfferSent,
} from './events.ts';
import { placeAgent, placeAll, placeCall, placeOffer, removeCall, removeOffer } from './place.ts';
import { makeTimer, must, type Agent, type Call, type Offer, type State } from './state.ts';
import type { AgentId, CallId, OfferId } from './types.ts';

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
    from: event.from,
    fromName: event.fromName,
    to: event.to,
    entry: event.entry,
    enteredAt: event.at,
    confirmedAt: null,
    offerId: null,
    connectedAt: null,
    tried: null,
    announcements: 0,
    announcedAt: event.at,
    inLine: false,
    isEligible: false,
    limit: makeTimer('call', event.callId),
    announce: makeTimer('announce', event.callId),
  };
  state.entries = event.entry;
  state.calls.set(call.id, call);
  placeCall(state, call);
}

function offer(state: State, event: AgentOffered): void {
  const call = callOf(state, event.callId);
  const agent = agentOf(state, event.agentId);
  if (call.offerId !== null || agent.offerId !== null || agent.callId !== null) {
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
    phase: 'calling',
    transaction: null,
    deadline: event.deadline,
    timer: makeTimer('offer', event.offerId),
  };
  state.offers.set(made.id, made);
  call.offerId = made.id;
  agent.offerId = made.id;
  placeOffer(state, made);
  placeCall(state, call);
  placeAgent(state, agent);
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
  call.offerId = null;
  agent.offerId = null;
  agent.restUntil = restUntil;
  placeCall(state, call);
  placeAgent(state, agent);
  return dropped;
}

function connect(state: State, offerId: OfferId, at: number): void {
  const made = offerOf(state, offerId);
  const call = callOf(state, made.callId);
  const agent = agentOf(state, made.agentId);
  made.phase = 'connected';
  made.deadline = 0;
  call.connectedAt = at;
  agent.offerId = null;
  agent.callId = call.id;
  placeOffer(state, made);
  placeCall(state, call);
  placeAgent(state, agent);
}

function end(state: State, event: CallEnded): void {
  const call = callOf(state, event.callId);
  if (call.offerId !== null) {
    const made = offerOf(state, call.offerId);
    const agent = agentOf(state, made.agentId);
    if (made.phase !== 'connected') throw new Error(`broken invariant: ${made.id} left ringing`);
    removeOffer(state, made);
    agent.callId = null;
    agent.idleSince = event.leftAt ?? event.at;
    placeAgent(state, agent);
  }
  removeCall(state, call);
}

function logOut(state: State, agent: Agent): void {
  if (agent.callId !== null || agent.offerId !== null) {
    throw new Error(`broken invariant: ${agent.id} logged out of a call`);
  }
  state.devices.delete(must(agent.device, `device of ${agent.id}`).uri);
  agent.device = null;
  agent.deviceState = 'unknown';
  agent.paused = null;
  agent.wrapup = null;
  agent.restUntil = 0;
  agent.leaving = null;
  placeAgent(state, agent);
  if (!agent.known) state.agents.delete(agent.id);
}

function evolveAgent(state: State, event: AgentEvent): void {
  const agent = agentOf(state, event.agentId);
  switch (event.kind) {
    case 'AgentLoggedIn':
      if (agent.device === null) {
        agent.loggedInAt = event.at;
        agent.idleSince = event.at;
      }
      agent.leaving = null;
      agent.device = event.device;
      state.devices.set(event.device.uri, agent.id);
      break;
    case 'AgentLoggedOut':
      return logOut(state, agent);
    case 'LogoutDeferred':
      agent.leaving = event.reason;
      break;
    case 'DeviceReported':
      agent.deviceState = event.state;
      break;
    case 'AgentPaused':
      agent.paused = event.reason;
      break;
    case 'AgentResumed':
      agent.paused = null;
      break;
    case 'WrapupStarted':
      agent.wrapup = { queue: event.queue, until: event.until };
      break;
    case 'WrapupEnded':
      agent.wrapup = null;
      agent.idleSince = event.at;
      break;
    case 'RestEnded':
      agent.restUntil = 0;
      break;
  }
  placeAgent(state, agent);
}

type AgentEvent = Extract<
  CoreEvent,
  {
    kind:
      | 'AgentLoggedIn'
      | 'AgentLoggedOut'
      | 'LogoutDeferred'
      | 'DeviceReported'
      | 'AgentPaused'
      | 'AgentResumed'
      | 'WrapupStarted'
      | 'WrapupEnded'
      | 'RestEnded';
  }
>;

/** Changes `state` in place. */
export function evolve(state: State, event: CoreEvent): void {
  switch (event.kind) {
    case 'ConfigApplied':
      state.config = event.config;
      return placeAll(state);
    case 'CallEntered':
      return enter(state, event);
    case 'CallRefused':
      return;
    case 'CallConfirmed': {
      const call = callOf(state, event.callId);
      call.confirmedAt = event.at;
      call.announcedAt = event.at;
      return placeCall(state, call);
    }
    case 'AnnouncementDue': {
      const call = callOf(state, event.callId);
      call.announcements = event.count;
      call.announcedAt = event.at;
      return placeCall(state, call);
    }
    case 'AgentOffered':
      return offer(state, event);
    case 'OfferSent':
      return send(state, event);
    case 'OfferRang':
      return ring(state, event);
    case 'OfferAnswered': {
      const answered = offerOf(state, event.offerId);
      answered.phase = 'answered';
      answered.deadline = event.deadline;
      placeOffer(state, answered);
      return placeCall(state, callOf(state, answered.callId));
    }
    case 'OfferFailed': {
      const restUntil = event.restUntil > event.at ? event.restUntil : 0;
      const failed = dropOffer(state, event.offerId, restUntil);
      const call = callOf(state, failed.callId);
      call.tried ??= new Map();
      call.tried.set(failed.agentId, failed.number);
      return;
    }
    case 'OfferWithdrawn':
      dropOffer(state, event.offerId, 0);
      return;
    case 'CallConnected':
      return connect(state, event.offerId, event.at);
    case 'CallEnded':
      return end(state, event);
    case 'AgentLoggedIn':
    case 'AgentLoggedOut':
    case 'LogoutDeferred':
    case 'DeviceReported':
    case 'AgentPaused':
    case 'AgentResumed':
    case 'WrapupStarted':
    case 'WrapupEnded':
    case 'RestEnded':
      return evolveAgent(state, event);
  }
}
