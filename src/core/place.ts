/**
 * Keeps what is derived from the facts: who stands in which line, who is ready, which timers
 * run. evolve changes plain fields of a call, offer or agent and then has it placed; placing
 * compares where the thing stands with where its fields say it belongs, and moves it. A field
 * that an order is made of is changed only through `rekey…`, which takes the thing out meanwhile.
 */
import { absenceBits, GONE } from './absence.ts';
import {
  agentObstacle,
  callObstacle,
  isOpen,
  isReady,
  nextIn,
  pairObstacle,
  placeObstacle,
} from './eligible.ts';
import { compareText } from './ordered.ts';
import { memberRules } from './rules.ts';
import {
  CONFIRM_MS,
  makeAgent,
  makeQueue,
  makeTally,
  makeTimer,
  TALK_MAX_MS,
  WAIT_MAX_MS,
  type Agent,
  type Call,
  type Member,
  type Offer,
  type Queue,
  type State,
} from './state.ts';
import type { AgentConfig } from './types.ts';

/** Is there somebody to be matched? */
export function canMatch(queue: Queue): boolean {
  if (queue.eligible.size === 0 || queue.ready.size === 0) return false;
  return isOpen(queue) || nextIn(queue) !== undefined;
}

function refreshMatchable(state: State, queue: Queue): void {
  const isMatchable = canMatch(queue);
  if (isMatchable === queue.isMatchable) return;
  queue.isMatchable = isMatchable;
  if (isMatchable) state.matchable.add(queue);
  else state.matchable.delete(queue);
}

/** An agent has answered, and the two are being connected. */
export function isAnswered(state: State, call: Call): boolean {
  return call.offerId !== null && state.offers.get(call.offerId)?.phase === 'answered';
}

/** When he has waited as long as he may in this queue; Infinity: there is no limit. */
function waitEnd(call: Call, queue: Queue | undefined): number {
  const longest = call.maxWaitMs ?? queue?.config.maxWaitMs ?? 0;
  return longest > 0 ? call.queuedAt + longest : Infinity;
}

/** Has he waited as long as he may? */
export function isOverdue(state: State, call: Call, now: number): boolean {
  return call.connectedAt === null && now >= waitEnd(call, state.queues.get(call.queue));
}

/** When the call's stay in its present state ends by itself. */
export function limitOf(state: State, call: Call): number {
  if (call.connectedAt !== null) return call.connectedAt + TALK_MAX_MS;
  if (call.confirmedAt === null) return call.enteredAt + CONFIRM_MS;
  const queue = state.queues.get(call.queue);
  const last = call.confirmedAt + WAIT_MAX_MS;
  // Who is being connected, or (timeoutpriority=conf) rung for, goes when that has come to nothing.
  const isHeld =
    queue?.config.timeoutPriority === 'conf' ? call.offers.length > 0 : isAnswered(state, call);
  return isHeld || isAnswered(state, call) ? last : Math.min(last, waitEnd(call, queue));
}

function announceAt(state: State, call: Call, queue: Queue | undefined): number | null {
  const period = queue?.config.periodicAnnounceMs ?? 0;
  if (period <= 0 || call.confirmedAt === null || call.connectedAt !== null) return null;
  // Between the agent's answer and the bridge nothing may talk over the two.
  return isAnswered(state, call) ? null : call.announcedAt + period;
}

/** ring-progressively: when the next phone may join; null: not now, or it may already. */
export function widenAt(state: State, call: Call, queue: Queue | undefined): number | null {
  if (queue?.config.strategy !== 'ring-progressively' || call.mayWiden) return null;
  const newest = state.offers.get(call.offers.at(-1) ?? '');
  if (newest === undefined || call.connectedAt !== null || isAnswered(state, call)) return null;
  // While it is asked whether that one may ring, nobody joins it.
  if (newest.phase === 'asking') return null;
  return newest.rungFrom + queue.config.progressiveDelayMs;
}

/** `leavewhenempty` is to be looked at before anything else happens, for this call or for all. */
function shake(state: State, queue: Queue, call: Call | null): void {
  if (queue.config.leaveWhenEmpty.length === 0 || queue.line.size === 0) return;
  const shaken = state.shaken.get(queue);
  if (shaken === 'all') return;
  if (call === null) state.shaken.set(queue, 'all');
  else if (shaken === undefined) state.shaken.set(queue, new Set([call]));
  else shaken.add(call);
}

/** Counts the call among those of the queue that `max-talks` limits, or no longer. */
function serve(call: Call, queue: Queue, isServed: boolean): void {
  if (queue.config.maxTalks === 0) return;
  if (isServed) queue.served.add(call);
  else queue.served.delete(call);
}

/** When the first of its back-offs after a veto is over; Infinity: there is none. */
function vetoEnd({ vetoes }: Call): number {
  let nearest = Infinity;
  for (const { until } of vetoes?.values() ?? []) if (until > 0) nearest = Math.min(nearest, until);
  return nearest;
}

/** When the next change of who may take it is due; null: none is left, or it talks. */
export function relaxAt(call: Call, queue: Queue | undefined): number | null {
  if (queue === undefined || call.connectedAt !== null || call.confirmedAt === null) return null;
  const { penaltySteps, skillSteps, stickyMs } = queue.config;
  const next = Math.min(
    penaltySteps[call.stepsDone]?.atMs ?? Infinity,
    skillSteps[call.skillSteps]?.atMs ?? Infinity,
    call.keptFor === null ? Infinity : stickyMs,
  );
  const due = Math.min(call.queuedAt + next, vetoEnd(call));
  return due === Infinity ? null : due;
}

/** Whoever was parked is looked at again. */
function wake(state: State, queue: Queue): void {
  for (const call of queue.parked) {
    call.isParked = false;
    queue.eligible.add(call);
  }
  queue.parked.clear();
  refreshMatchable(state, queue);
}

/** The parked ones that this member, who has just become ready, may take. */
function wakeFor(state: State, member: Member): void {
  const { parked, eligible } = member.queue;
  for (const call of parked) {
    const obstacle = pairObstacle(state, call, member);
    // What keeps it from everybody is no reason to be parked: `nextIn` knows of it.
    if (obstacle !== null && obstacle !== 'talks-limit' && obstacle !== 'not-first') continue;
    call.isParked = false;
    parked.delete(call);
    eligible.add(call);
  }
}

/** Dispatch found nobody who may take the call. An index of what was found, not a fact. */
export function parkCall(state: State, call: Call, queue: Queue): void {
  call.isParked = true;
  queue.eligible.delete(call);
  queue.parked.add(call);
  refreshMatchable(state, queue);
}

function leaveEligible(call: Call, queue: Queue): void {
  if (!call.isEligible) return;
  call.isEligible = false;
  if (call.isParked) queue.parked.delete(call);
  else queue.eligible.delete(call);
  call.isParked = false;
}

function leaveLine(state: State, call: Call, queue: Queue): void {
  if (!call.inLine) return;
  call.inLine = false;
  queue.line.delete(call);
  // In a replay nobody looks at them: those who are gone are not kept.
  const shaken = state.shaken.get(queue);
  if (shaken !== undefined && shaken !== 'all') shaken.delete(call);
  if (call.skills !== null) queue.choosers -= 1;
}

/** Most calls never need these timers: they are made when they do. */
function keepTimer(
  state: State,
  call: Call,
  kind: 'announce' | 'widen' | 'relax',
  at: number | null,
): void {
  if (at !== null) call[kind] ??= makeTimer(kind, call.id);
  if (call[kind] !== null) state.timers.set(call[kind], at);
}

export function placeCall(state: State, call: Call): void {
  const queue = state.queues.get(call.queue);
  state.timers.set(call.limit, limitOf(state, call));
  keepTimer(state, call, 'announce', announceAt(state, call, queue));
  keepTimer(state, call, 'widen', widenAt(state, call, queue));
  keepTimer(state, call, 'relax', relaxAt(call, queue));
  if (queue === undefined) return;
  const isEligible = callObstacle(state, call) === null;
  if (!isEligible) leaveEligible(call, queue);
  if (call.connectedAt !== null) {
    leaveLine(state, call, queue);
    queue.talking.add(call);
  } else if (!call.inLine) {
    call.inLine = true;
    queue.line.add(call);
    if (call.skills !== null) queue.choosers += 1;
  }
  serve(call, queue, call.offers.length > 0);
  if (call.inLine) shake(state, queue, call);
  if (isEligible && (!call.isEligible || call.isParked)) {
    if (call.isParked) queue.parked.delete(call);
    call.isParked = false;
    call.isEligible = true;
    queue.eligible.add(call);
  }
  refreshMatchable(state, queue);
}

/** The call is over, or leaves its queue: it stands nowhere any more. */
function takeOut(state: State, call: Call): void {
  const queue = state.queues.get(call.queue);
  if (queue === undefined) return;
  leaveEligible(call, queue);
  if (call.inLine) leaveLine(state, call, queue);
  else queue.talking.delete(call);
  serve(call, queue, false);
  refreshMatchable(state, queue);
}

export function removeCall(state: State, call: Call): void {
  takeOut(state, call);
  state.calls.delete(call.id);
  state.timers.set(call.limit, null);
  keepTimer(state, call, 'announce', null);
  keepTimer(state, call, 'widen', null);
  keepTimer(state, call, 'relax', null);
}

/** Changes what the call's place is made of. */
export function rekeyCall(state: State, call: Call, change: () => void): void {
  takeOut(state, call);
  change();
  placeCall(state, call);
}

export function placeOffer(state: State, offer: Offer): void {
  state.timers.set(offer.timer, offer.deadline === 0 ? null : offer.deadline);
}

export function removeOffer(state: State, offer: Offer): void {
  state.offers.delete(offer.id);
  state.timers.set(offer.timer, null);
}

/** When the first of his pauses ends by itself; null: none does. */
export function pauseEndOf(agent: Agent): number | null {
  let nearest = agent.paused !== null && agent.pausedUntil > 0 ? agent.pausedUntil : Infinity;
  for (const pause of agent.pausedIn.values()) {
    if (pause.until > 0) nearest = Math.min(nearest, pause.until);
  }
  return nearest === Infinity ? null : nearest;
}

function placeMember(state: State, member: Member, isNowReady: boolean): void {
  if (isNowReady === member.isReady) return;
  const { queue } = member;
  member.isReady = isNowReady;
  member.agent.readyIn += isNowReady ? 1 : -1;
  if (isNowReady) {
    queue.ready.add(member);
    if (queue.parked.size > 0) wakeFor(state, member);
  } else queue.ready.delete(member);
  refreshMatchable(state, queue);
}

export function placeAgent(state: State, agent: Agent): void {
  state.timers.set(agent.rest, agent.restUntil === 0 ? null : agent.restUntil);
  state.timers.set(agent.wrapupTimer, agent.wrapup === null ? null : agent.wrapup.until);
  state.timers.set(agent.pauseTimer, pauseEndOf(agent));
  agent.isReady = isReady(agent);
  const isFree = agentObstacle(agent) === null;
  if (isFree || agent.readyIn > 0) {
    for (const member of agent.memberOf) {
      placeMember(state, member, isFree && placeObstacle(member) === null);
    }
  }
  if (agent.watchedBy.length === 0) return;
  const { absence: was } = agent;
  const bits = absenceBits(agent);
  const here = agent.pausedIn.size + agent.away.size;
  const comes = (was.bits & ~bits & GONE) !== 0 || here < was.here;
  if (bits !== was.bits || here !== was.here) agent.absence = { bits, here };
  for (const queue of agent.watchedBy) {
    const { penaltyMembersLimit, stickyMs } = queue.config;
    const goes = (bits & ~was.bits & queue.absenceMask) !== 0 || here > was.here;
    if (goes || (comes && penaltyMembersLimit > 0)) shake(state, queue, null);
    // How many are logged in decides whether penalties count; who is, whom calls are kept for.
    if (penaltyMembersLimit > 0 || stickyMs > 0) wake(state, queue);
  }
}

/** Does it matter to the queue how its members are, beside who is ready? */
function isWatchful({ config }: Queue): boolean {
  const { leaveWhenEmpty, penaltyMembersLimit, stickyMs } = config;
  return leaveWhenEmpty.length > 0 || penaltyMembersLimit > 0 || stickyMs > 0;
}

/** Changes what the orders of members are made of. */
export function rekeyAgent(state: State, agent: Agent, change: () => void): void {
  for (const member of agent.memberOf) placeMember(state, member, false);
  change();
  placeAgent(state, agent);
}

/** Takes queues and agents from `state.config` and places everything anew. */
export function placeAll(state: State): void {
  state.queues.clear();
  state.matchable.clear();
  state.shaken.clear();
  state.draining.clear();
  for (const config of state.config.queues) {
    const queue = makeQueue(config);
    state.queues.set(config.name, queue);
    if (config.draining === true) state.draining.add(queue);
  }
  // What was observed of queues that are gone is not kept.
  for (const name of state.paces.keys()) if (!state.queues.has(name)) state.paces.delete(name);
  takeAgents(state);
  for (const offer of state.offers.values()) placeOffer(state, offer);
  for (const call of state.calls.values()) {
    call.inLine = false;
    call.isEligible = false;
    call.isParked = false;
    placeCall(state, call);
  }
  for (const agent of state.agents.values()) placeAgent(state, agent);
}

function takeAgents(state: State): void {
  const former = new Map(state.agents);
  state.agents.clear();
  state.owners.clear();
  for (const config of state.config.agents) {
    const agent = former.get(config.id) ?? makeAgent(config.id);
    former.delete(config.id);
    state.agents.set(agent.id, agent);
    agent.name = config.name;
    agent.queues = config.queues;
    leaveQueues(agent);
    // Back in the configuration before his call ended: he stays.
    if (agent.leaving === 'removed') agent.leaving = null;
    agent.known = true;
    agent.fixed = config.device ?? null;
    agent.skills = config.skills ?? {};
    agent.never = config.never ?? [];
    const uri = agent.fixed?.uri;
    if (uri !== undefined) state.owners.set(uri, [...(state.owners.get(uri) ?? []), agent.id]);
  }
  const leavers = [...former.values()].sort((a, b) => compareText(a.id, b.id));
  for (const agent of leavers) {
    if (agent.device === null) continue;
    state.agents.set(agent.id, agent);
    agent.queues = [];
    leaveQueues(agent);
    agent.leaving = 'removed';
    agent.known = false;
    agent.fixed = null;
  }
  takeMembers(state);
}

function leaveQueues(agent: Agent): void {
  agent.memberOf = [];
  agent.watchedBy = [];
  agent.readyIn = 0;
}

interface Listed {
  readonly agent: Agent;
  readonly config: AgentConfig;
}

/** Members of each queue by their own order, then in the order of agents. */
function takeMembers(state: State): void {
  const listed = new Map<string, Listed[]>();
  for (const config of state.config.agents) {
    const agent = state.agents.get(config.id);
    if (agent === undefined) continue;
    forgetQueues(state, agent);
    for (const name of new Set(config.queues)) {
      const list = listed.get(name);
      if (list === undefined) listed.set(name, [{ agent, config }]);
      else list.push({ agent, config });
    }
  }
  for (const queue of state.queues.values()) {
    const made = (listed.get(queue.name) ?? []).map(({ agent, config }) => ({
      agent,
      rules: memberRules(config, queue.config),
    }));
    queue.hasShy = made.some(({ agent }) => agent.never.length > 0);
    made.sort((a, b) => (a.rules.order === b.rules.order ? 0 : a.rules.order - b.rules.order));
    made.forEach(({ agent, rules }, index) => {
      let tally = agent.tallies.get(queue.name);
      if (tally === undefined) agent.tallies.set(queue.name, (tally = makeTally()));
      const member = { agent, queue, index, rules, tally, isReady: false };
      queue.members.push(member);
      agent.memberOf.push(member);
    });
  }
  inOwnOrder(state);
}

/** An agent's memberships in the order in which he lists his queues. */
function inOwnOrder(state: State): void {
  for (const agent of state.agents.values()) {
    const place = new Map(agent.queues.map((name, index) => [name, index]));
    agent.memberOf.sort((a, b) => (place.get(a.queue.name) ?? 0) - (place.get(b.queue.name) ?? 0));
    agent.watchedBy = agent.memberOf.map(({ queue }) => queue).filter(isWatchful);
  }
}

/** What he has of queues that are gone is not kept. */
function forgetQueues(state: State, agent: Agent): void {
  for (const name of agent.tallies.keys()) if (!state.queues.has(name)) agent.tallies.delete(name);
  for (const name of agent.away) if (!state.queues.has(name)) agent.away.delete(name);
  for (const name of agent.pausedIn.keys())
    if (!state.queues.has(name)) agent.pausedIn.delete(name);
}
