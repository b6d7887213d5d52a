/**
 * When a queue counts as empty, for `joinempty` and `leavewhenempty`: when each logged-in member is
 * in one of the conditions. (Who is logged out does not count, like a dynamic member of Asterisk's
 * who was removed.) `penalty` depends on the limits of the call. Not counted in any case: a member
 * who leaves after his call, who never meets this caller, or who never has the skills it asks.
 */
import { absenceBits, absenceMask } from './absence.ts';
import { fits } from './rules.ts';
import { mightHaveSkills } from './skills.ts';
import { NO_LIMITS, type Agent, type Call, type Member, type Queue } from './state.ts';
import type { EmptyCondition, PenaltyLimits } from './types.ts';

/** `penaltymemberslimit`: so few are logged in that penalties say nothing. */
export function hasFew({ config, members }: Queue): boolean {
  const few = config.penaltyMembersLimit;
  if (few === 0) return false;
  let count = 0;
  for (const member of members) {
    if (isLoggedIn(member)) count += 1;
    // Called once for each member, so it must not look at all of them each time.
    if (count > few) return false;
  }
  return true;
}

/** Outside of the call's limits? Penalties below `raise` count as `raise`; see `hasFew`. */
export function isOutside(
  { rules: { penalty }, queue }: Member,
  { min, max, raise, keepsMin }: PenaltyLimits,
): boolean {
  if (min === null && max === null) return false;
  const isKept = keepsMin === true && min !== null && penalty < min;
  const counts = isKept ? penalty : Math.max(penalty, raise ?? -Infinity);
  const isWithin = (max === null || counts <= max) && (min === null || counts >= min);
  return !isWithin && !hasFew(queue);
}

/** The conditions that depend on this queue or this call; the others are `absenceBits`. */
function meetsHere(member: Member, condition: EmptyCondition, limits: PenaltyLimits): boolean {
  const { agent, rules, queue } = member;
  switch (condition) {
    case 'paused':
      return agent.pausedIn.has(queue.name);
    case 'penalty':
      return rules.penalty < 0 || isOutside(member, limits);
    case 'invalid': // Asterisk's negative_penalty_invalid
      return rules.penalty < 0;
    default:
      return false;
  }
}

/** The part of a call that says who may take it; a caller who is about to enter has it, too. */
export type Seeker = Pick<Call, 'from' | 'limits' | 'skills' | 'skillSteps' | 'only'>;

/** Asks for nothing, and meets anybody. */
const ANYBODY: Seeker = {
  from: '',
  limits: NO_LIMITS,
  skills: null,
  skillSteps: 0,
  only: null,
};

export function isExcluded(call: Pick<Call, 'from'>, { never }: Agent): boolean {
  return never.length > 0 && never.some((pattern) => fits(pattern, call.from));
}

/** A call to one agent is for nobody else. */
export function isFor({ only }: Pick<Call, 'only'>, agent: Agent): boolean {
  return only === null || only === agent.id;
}

/** May he take it at some time, whatever he is doing now? */
function mayEverTake(call: Seeker, member: Member): boolean {
  return isFor(call, member.agent) && mayEverMeet(call, member);
}

/** The same, but for calls to one agent alone. */
function mayEverMeet(call: Seeker, { agent, queue }: Member): boolean {
  return !isExcluded(call, agent) && mightHaveSkills(agent.skills, call, queue.config);
}

/**
 * `EMPTY`: nobody is logged in. `UNAVAIL`: nobody of those counts. Null: somebody is there.
 * `members`: those who come into question, where that is known before.
 */
export function emptinessOf(
  queue: Queue,
  conditions: readonly EmptyCondition[],
  seeker: Seeker = ANYBODY,
  members: readonly Member[] = queue.members,
): 'EMPTY' | 'UNAVAIL' | null {
  if (conditions.length === 0) return null;
  const mask = absenceMask(conditions);
  let found: 'EMPTY' | 'UNAVAIL' = 'EMPTY';
  for (const member of members) {
    const { agent } = member;
    if (!isLoggedIn(member) || !isFor(seeker, agent)) continue;
    found = 'UNAVAIL';
    if ((absenceBits(agent) & mask) !== 0 || !mayEverMeet(seeker, member)) continue;
    if (!conditions.some((condition) => meetsHere(member, condition, seeker.limits))) return null;
  }
  return found;
}

/** May one member take some callers and not others, penalties aside? */
export function isChoosy(queue: Queue): boolean {
  const { skills, skillSteps, callerSkills } = queue.config;
  const asks = skills !== null || skillSteps.length > 0 || callerSkills.length > 0;
  return asks || queue.config.direct === true || queue.choosers > 0 || queue.hasShy;
}

/** Logged out of this queue only. */
export function isAway({ agent, queue }: Member): boolean {
  return agent.away.size > 0 && agent.away.has(queue.name);
}

/** Logged in to this queue. */
export function isLoggedIn(member: Member): boolean {
  return member.agent.device !== null && !isAway(member);
}

/** Members who are logged in. */
export function loggedInOf(queue: Queue): number {
  let count = 0;
  for (const member of queue.members) if (isLoggedIn(member)) count += 1;
  return count;
}

/**
 * Do as many calls stand there for each agent who may take this one at some time? Only calls that
 * he may take, too, stand in its way.
 */
export function isCrowded(queue: Queue, seeker: Seeker, perAgent: number): boolean {
  const able = queue.members.filter((member) => isLoggedIn(member) && mayEverTake(seeker, member));
  const limit = perAgent * able.length;
  if (queue.line.size < limit) return false;
  let rivals = 0;
  for (const call of queue.line) {
    if (rivals >= limit) break;
    if (able.some((member) => mayEverTake(call, member))) rivals += 1;
  }
  return rivals >= limit;
}
