/**
 * When a queue counts as empty: for `joinempty` and `leavewhenempty`. Who is logged out is no
 * member, as a dynamic member is none in Asterisk; of the others each is looked at, and the
 * queue is empty for a call when the conditions take every one out of account, `penalty` by the
 * limits of that call. A member who leaves after his call, who never meets this caller, or who
 * lacks the skills that the call asks now and later, is not counted on in any case.
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
    // Asked of each member in turn: it must not cost as much as there are.
    if (count > few) return false;
  }
  return true;
}

/** Outside of what a call's limits allow? Those below `raise` count as that; few are never. */
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

/** Of the conditions those that are of this queue and this call; the others are bits. */
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

/** What of a call says who may take it; of one that is about to enter, too. */
export type Seeker = Pick<Call, 'from' | 'limits' | 'skills' | 'skillSteps' | 'only'>;

/** Asks for nothing, and meets anybody. */
export const ANYBODY: Seeker = {
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

/** Is it for him, by what does not change by itself? */
function mayEverTake(call: Seeker, member: Member): boolean {
  return isFor(call, member.agent) && mayEverMeet(call, member);
}

/** Is he one for such a caller? */
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

/** Does who may take a call differ by caller, beyond penalties? */
export function isChoosy(queue: Queue): boolean {
  const { skills, skillSteps, callerSkills } = queue.config;
  const asks = skills !== null || skillSteps.length > 0 || callerSkills.length > 0;
  return asks || queue.config.direct === true || queue.choosers > 0 || queue.hasShy;
}

/** Logged out of this queue only. */
export function isAway({ agent, queue }: Member): boolean {
  return agent.away.size > 0 && agent.away.has(queue.name);
}

/** To this queue. */
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
