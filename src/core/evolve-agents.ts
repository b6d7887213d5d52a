/**
 * Folds the events of agents: login, presence, pause, wrap-up, rest. What may be part of an order
 * among ready members (the idle clock, the tallies) changes only while he is taken out of it.
 */
import type { AgentLoggedIn, AgentPaused, AgentResumed, CoreEvent } from './events.ts';
import { memberOf } from './eligible.ts';
import { isLoggedIn } from './emptiness.ts';
import { placeAgent, rekeyAgent } from './place.ts';
import { idleClock } from './rules.ts';
import { must, type Agent, type Queue, type State, type Tally } from './state.ts';
import type { QueueName } from './types.ts';

type AgentEvent = Extract<
  CoreEvent,
  {
    kind:
      | 'AgentLoggedIn'
      | 'AgentLoggedOut'
      | 'LogoutDeferred'
      | 'QueueJoined'
      | 'QueueLeft'
      | 'DeviceReported'
      | 'AgentPaused'
      | 'AgentResumed'
      | 'WrapupStarted'
      | 'WrapupEnded'
      | 'RestEnded';
  }
>;

/** A day begins: counts since login are 0, and `percent` owes him nothing from before it. */
function beginDay(state: State, agent: Agent, at: number): void {
  agent.loggedInAt = at;
  if (idleClock(state.config).login || agent.idleSince === 0) agent.idleSince = at;
  agent.talkedMs = 0;
  for (const { tally, queue } of agent.memberOf) {
    tally.calls = 0;
    tally.misses = 0;
    if (queue.config.strategy === 'percent') joinShares(agent, queue, tally);
  }
}

/**
 * Strategy `percent`: his share counts from now. He is set to no fewer calls than the least served
 * of those present (else he would get all calls at first), and to no more than the most served.
 */
function joinShares(agent: Agent, queue: Queue, tally: Tally): void {
  let least = Infinity;
  let most = 0;
  for (const other of queue.members) {
    if (other.agent === agent || !isLoggedIn(other)) continue;
    least = Math.min(least, other.tally.served);
    most = Math.max(most, other.tally.served);
  }
  if (least !== Infinity) tally.served = Math.min(Math.max(tally.served, least), most);
}

function join(agent: Agent, name: QueueName): void {
  agent.away.delete(name);
  const member = memberOf(agent, name);
  if (member?.queue.config.strategy === 'percent') joinShares(agent, member.queue, member.tally);
}

function logIn(state: State, agent: Agent, event: AgentLoggedIn): void {
  if (agent.device === null) {
    beginDay(state, agent, event.at);
    for (const queue of event.away ?? []) agent.away.add(queue);
  }
  agent.leaving = null;
  agent.device = event.device;
  state.devices.set(event.device.uri, agent.id);
}

function logOut(state: State, agent: Agent): void {
  if (agent.callId !== null || agent.offerId !== null) {
    throw new Error(`broken invariant: ${agent.id} logged out of a call`);
  }
  state.devices.delete(must(agent.device, `device of ${agent.id}`).uri);
  agent.device = null;
  agent.deviceState = 'unknown';
  agent.paused = null;
  agent.pausedUntil = 0;
  agent.autoPaused = false;
  agent.pausedIn.clear();
  agent.away.clear();
  agent.wrapup = null;
  agent.restUntil = 0;
  agent.leaving = null;
  placeAgent(state, agent);
  if (!agent.known) state.agents.delete(agent.id);
}

function pause(agent: Agent, event: AgentPaused): void {
  const { reason, queue, until = 0, auto = false } = event;
  if (queue !== undefined) {
    agent.pausedIn.set(queue, { reason, until, auto });
    return;
  }
  agent.paused = reason;
  agent.pausedUntil = until;
  agent.autoPaused = auto;
}

function resume(state: State, agent: Agent, event: AgentResumed): void {
  for (const { tally, queue } of agent.memberOf) {
    if (event.queue === undefined || event.queue === queue.name) tally.misses = 0;
  }
  if (event.queue !== undefined) {
    agent.pausedIn.delete(event.queue);
    return;
  }
  agent.paused = null;
  agent.pausedUntil = 0;
  agent.autoPaused = false;
  if (idleClock(state.config).pause) agent.idleSince = event.at;
}

/** Presence told the end of a call of his own: ours does not come to an end while he has it. */
function endsOwnCall(agent: Agent, state: Agent['deviceState']): boolean {
  return (
    agent.deviceState === 'inuse' &&
    state !== 'inuse' &&
    agent.callId === null &&
    agent.offerId === null
  );
}

function change(
  state: State,
  agent: Agent,
  event: Exclude<AgentEvent, { kind: 'AgentLoggedOut' }>,
) {
  switch (event.kind) {
    case 'AgentLoggedIn':
      return logIn(state, agent, event);
    case 'LogoutDeferred':
      agent.leaving = event.reason;
      return;
    case 'DeviceReported':
      if (endsOwnCall(agent, event.state) && idleClock(state.config).ownCall) {
        agent.idleSince = event.at;
      }
      agent.deviceState = event.state;
      return;
    case 'QueueJoined':
      return join(agent, event.queue);
    case 'QueueLeft':
      agent.away.add(event.queue);
      return;
    case 'AgentPaused':
      return pause(agent, event);
    case 'AgentResumed':
      return resume(state, agent, event);
    case 'WrapupStarted':
      agent.wrapup = { queue: event.queue, until: event.until };
      return;
    case 'WrapupEnded':
      agent.wrapup = null;
      if (idleClock(state.config).wrapup) agent.idleSince = event.at;
      return;
    case 'RestEnded':
      agent.restUntil = 0;
      return;
  }
}

/** May the event change what an order of members is made of? */
function movesOrder(event: AgentEvent): boolean {
  return (
    event.kind === 'AgentLoggedIn' ||
    event.kind === 'QueueJoined' ||
    event.kind === 'AgentResumed' ||
    event.kind === 'DeviceReported' ||
    event.kind === 'WrapupEnded'
  );
}

export function evolveAgent(state: State, event: AgentEvent): void {
  const agent = must(state.agents.get(event.agentId), `agent ${event.agentId}`);
  if (event.kind === 'AgentLoggedOut') return logOut(state, agent);
  if (movesOrder(event)) return rekeyAgent(state, agent, () => change(state, agent, event));
  change(state, agent, event);
  placeAgent(state, agent);
}
