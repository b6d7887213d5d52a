/**
 * May this call be offered to this agent now, and if not, why not? The one definition, used by
 * dispatch, by the lists that dispatch works on, and by whoever asks why a caller waits. It is
 * cut in three because the lists are: what keeps the call from any agent, what keeps the agent
 * from any call of the queue, and what keeps these two from each other.
 */
import {
  hasFew,
  isAway,
  isExcluded,
  isFor,
  isLoggedIn,
  isOutside,
  type Seeker,
} from './emptiness.ts';
import { compareInLine, tierOf } from './orders.ts';
import { hasSkills, needOf } from './skills.ts';
import {
  RINGING_MAX,
  type Agent,
  type Call,
  type Member,
  type Offer,
  type Queue,
  type State,
} from './state.ts';
import type { AgentId } from './types.ts';

/** Why a call is not for anybody now. */
export type CallObstacle =
  | 'entering' // his leg is not up yet
  | 'connected'
  | 'answered' // an agent has answered and is being connected
  | 'asking' // the queue's veto is asked about an agent, who is rung if it allows it
  | 'rings'; // phones ring for it, and the strategy lets no other join

/** Why an agent is not for any call of a queue now. */
export type AgentObstacle =
  | 'logged-out'
  | 'leaving' // logs out when his call ends
  | 'talking' // with a caller of ours
  | 'ringing'
  | 'paused'
  | 'wrapup'
  | 'resting' // missed an offer a moment ago
  | 'phone-unknown'
  | 'phone-inuse'
  | 'phone-unavailable'
  | 'no-member'
  | 'logged-out-here' // of this queue only
  | 'paused-here' // in this queue only
  | 'penalty-negative';

/** Why the two do not meet now, though each is free. */
export type PairObstacle =
  | 'not-his' // a call to another agent alone
  | 'not-first' // autofill=no, and another caller is first in line
  | 'penalty' // outside of what the call's limits allow now
  | 'skills' // he lacks what the call asks now
  | 'excluded' // these two never meet
  | 'vetoed' // the queue's veto refused this pair; it is asked again later
  | 'kept' // for the agent the caller last spoke with
  | 'talks-limit' // as many of the queue's calls talk or ring as may
  | 'higher-tier' // phones of a lower penalty ring for it
  | 'rings-enough'; // as many phones ring for it as may

export type Reason = CallObstacle | AgentObstacle | PairObstacle;

export function callObstacle(state: State, call: Call): CallObstacle | null {
  if (call.connectedAt !== null) return 'connected';
  if (call.confirmedAt === null) return 'entering';
  if (call.offerId === null) return null;
  const first = state.offers.get(call.offerId);
  if (first?.phase === 'answered') return 'answered';
  const rings = first?.phase === 'asking' ? 'asking' : 'rings';
  if (first?.given === true) return rings;
  const strategy = state.queues.get(call.queue)?.config.strategy;
  if (strategy === 'ringall') return null;
  return strategy === 'ring-progressively' && call.mayWiden ? null : rings;
}

/** What keeps him from every call, but for his phone. */
export function agentObstacle(agent: Agent): AgentObstacle | null {
  if (agent.device === null) return 'logged-out';
  if (agent.leaving !== null) return 'leaving';
  if (agent.callId !== null) return 'talking';
  if (agent.offerId !== null) return 'ringing';
  if (agent.paused !== null) return 'paused';
  if (agent.wrapup !== null) return 'wrapup';
  return agent.restUntil > 0 ? 'resting' : null;
}

/** `ringInUse` lets a phone with a call of its own be rung, never one with a call of ours. */
function phoneObstacle(agent: Agent, ringInUse: boolean): AgentObstacle | null {
  switch (agent.deviceState) {
    case 'idle':
      return null;
    case 'inuse':
    case 'ringing':
      return ringInUse ? null : 'phone-inuse';
    case 'unavailable':
      return 'phone-unavailable';
    case 'unknown':
      return 'phone-unknown';
  }
}

/** May be offered a call of some queue now: ready in the general sense. */
export function isReady(agent: Agent): boolean {
  return agentObstacle(agent) === null && agent.deviceState === 'idle';
}

/** What keeps an agent from a call given to him by command; his queues do not count. */
export function givenObstacle(agent: Agent): AgentObstacle | null {
  return agentObstacle(agent) ?? phoneObstacle(agent, false);
}

/** What forbids an offer that stands already. One that was given asks for his phone alone. */
export function reservationObstacle(agent: Agent, offer: Offer): AgentObstacle | null {
  if (agent.paused !== null) return 'paused';
  const member = memberOf(agent, offer.queue);
  if (offer.given || member === undefined) return phoneObstacle(agent, false);
  return placeObstacle(member);
}

/** What keeps a member from every call of this queue. */
export function memberObstacle(member: Member): AgentObstacle | null {
  return agentObstacle(member.agent) ?? placeObstacle(member);
}

/** The part of it that comes from his phone or this membership, not from what he does now. */
export function placeObstacle(member: Member): AgentObstacle | null {
  const { agent, rules } = member;
  return (
    (isAway(member) ? 'logged-out-here' : null) ??
    phoneObstacle(agent, rules.ringInUse) ??
    (agent.pausedIn.size > 0 && agent.pausedIn.has(member.queue.name) ? 'paused-here' : null) ??
    (rules.penalty < 0 ? 'penalty-negative' : null)
  );
}

export function memberOf(agent: Agent, queue: string): Member | undefined {
  return agent.memberOf.find((member) => member.queue.name === queue);
}

/** By his id; undefined: there is no such agent, or he is no member there. */
export function memberCalled(
  { agents }: State,
  agentId: AgentId | null | undefined,
  queue: string,
): Member | undefined {
  const agent = agents.get(agentId ?? '');
  return agent === undefined ? undefined : memberOf(agent, queue);
}

/** Tiers of members for this call: those below `raise` share one; where few are there, all do. */
export function tiersFor(call: Call, queue: Queue): (member: Member) => number {
  if (hasFew(queue)) return () => 0;
  const least = call.limits.raise ?? -Infinity;
  return (member) => Math.max(tierOf(member), least);
}

/** Is he of a higher tier than all who ring for the call? */
function isAbove(state: State, call: Call, one: Member): boolean {
  const tier = tiersFor(call, one.queue);
  let highest = -Infinity;
  for (const offerId of call.offers) {
    const member = memberCalled(state, state.offers.get(offerId)?.agentId, call.queue);
    if (member !== undefined) highest = Math.max(highest, tier(member));
  }
  return tier(one) > highest;
}

/** Kept for another one, who is there and will have it when he is free. */
function isKeptFrom(state: State, call: Call, { agent }: Member): boolean {
  const { keptFor, queue } = call;
  if (keptFor === null || keptFor === agent.id) return false;
  return mayBeKept(state, call, keptFor, queue);
}

/** Would he take this call of the queue once his present one is over? */
export function mayBeKept(state: State, call: Seeker, agentId: AgentId, queue: string): boolean {
  const member = memberCalled(state, agentId, queue);
  return member !== undefined && canServe(call, member);
}

/** Logged in, neither leaving nor paused: he takes calls of the queue, if not now, then later. */
function isAtWork(member: Member): boolean {
  const { agent, queue, rules } = member;
  if (!isLoggedIn(member) || agent.leaving !== null || agent.paused !== null) return false;
  return !agent.pausedIn.has(queue.name) && rules.penalty >= 0;
}

/** Could he take such a call, now or when he is free? Estimates count on him then. */
export function canServe(call: Seeker, member: Member): boolean {
  const { agent, queue } = member;
  if (!isAtWork(member) || agent.deviceState === 'unavailable') return false;
  if (!isFor(call, agent) || isOutside(member, call.limits)) return false;
  return hasSkills(agent.skills, needOf(call, queue.config)) && !isExcluded(call, agent);
}

/** Refused by the veto that the queue still has, and the back-off is not over. */
function isVetoed({ vetoes }: Call, { agent, queue }: Member): boolean {
  if (vetoes === null || queue.config.veto === null) return false;
  return (vetoes.get(agent.id)?.until ?? 0) > 0;
}

/** First in line whose leg is up: a caller who never acknowledges holds up nobody. */
function firstUp({ line }: Queue): Call | undefined {
  for (const call of line) if (call.confirmedAt !== null) return call;
  return undefined;
}

/** As many of the queue's calls talk or ring as may. */
function isFull({ config, served }: Queue): boolean {
  return config.maxTalks > 0 && served.size >= config.maxTalks;
}

/** Is it always the turn of the first in line? Calls to one agent each do not wait for others. */
function goesByTurn({ config }: Queue): boolean {
  return !config.autofill && config.direct !== true;
}

/** Is another one first? */
function isOutOfTurn(call: Call, queue: Queue): boolean {
  return goesByTurn(queue) && firstUp(queue) !== call;
}

/** Are its calls kept from nobody by those beside them? Then the first is the next. */
export function isOpen(queue: Queue): boolean {
  return !goesByTurn(queue) && !isFull(queue);
}

const isWanted = (call: Call): boolean => call.isEligible && !call.isParked;

/**
 * The call of the queue that is to be looked at next; undefined: there is none. Those that are kept
 * from every member by the calls beside them (`max-talks`, `autofill`) are not looked at, however
 * many they are: of a full queue only one that rings already may get another phone.
 */
export function nextIn(queue: Queue): Call | undefined {
  if (isOpen(queue)) return queue.eligible.first();
  if (goesByTurn(queue)) {
    const first = firstUp(queue);
    const isKept = first === undefined || (isFull(queue) && !queue.served.has(first));
    return isKept || !isWanted(first) ? undefined : first;
  }
  let next: Call | undefined;
  for (const call of queue.served)
    if (isWanted(call) && (next === undefined || compareInLine(call, next) < 0)) next = call;
  return next;
}

export function pairObstacle(state: State, call: Call, member: Member): PairObstacle | null {
  const { queue } = member;
  if (isOutOfTurn(call, queue)) return 'not-first';
  if (!isFor(call, member.agent)) return 'not-his';
  if (isOutside(member, call.limits)) return 'penalty';
  if (!hasSkills(member.agent.skills, needOf(call, queue.config))) return 'skills';
  if (isExcluded(call, member.agent)) return 'excluded';
  if (isVetoed(call, member)) return 'vetoed';
  if (isKeptFrom(state, call, member)) return 'kept';
  if (call.offers.length === 0) return isFull(queue) ? 'talks-limit' : null;
  if (call.offers.length >= RINGING_MAX) return 'rings-enough';
  const isRingall = queue.config.strategy === 'ringall';
  return isRingall && isAbove(state, call, member) ? 'higher-tier' : null;
}

/** Of a call and a member of its queue; null: it may be offered to him now. */
export function obstacle(state: State, call: Call, member: Member): Reason | null {
  return callObstacle(state, call) ?? memberObstacle(member) ?? pairObstacle(state, call, member);
}

/** Why not, and until when at the latest (ms from now; null: until something happens). */
export interface Ineligible {
  readonly reason: Reason;
  readonly forMs: number | null;
}

function endOf(agent: Agent, call: Call, reason: Reason): number {
  switch (reason) {
    case 'vetoed':
      return call.vetoes?.get(agent.id)?.until ?? 0;
    case 'resting':
      return agent.restUntil;
    case 'wrapup':
      return agent.wrapup?.until ?? 0;
    case 'paused':
      return agent.pausedUntil;
    case 'paused-here':
      return agent.pausedIn.get(call.queue)?.until ?? 0;
    default:
      return 0;
  }
}

/** Null: this call may be offered to this agent now. */
export function eligible(state: State, call: Call, agent: Agent, now: number): Ineligible | null {
  const member = memberOf(agent, call.queue);
  const reason =
    member === undefined
      ? (callObstacle(state, call) ?? 'no-member')
      : obstacle(state, call, member);
  if (reason === null) return null;
  const end = endOf(agent, call, reason);
  return { reason, forMs: end === 0 ? null : Math.max(0, end - now) };
}
