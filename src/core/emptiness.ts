/**
 * When a queue counts as empty: for `joinempty` and `leavewhenempty`. Who is logged out is no
 * member, as a dynamic member is none in Asterisk; of the others each is looked at, and the
 * queue is empty when the conditions take every one out of account, `penalty` by the limits of
 * the call in question. A member who leaves after his call is not counted on in any case.
 */
import { NO_LIMITS, type Member, type Queue } from './state.ts';
import type { EmptyCondition, PenaltyLimits } from './types.ts';

/** Outside of what a call's limits allow? Those below `raise` count as that. */
function isOutside(penalty: number, { min, max, raise }: PenaltyLimits): boolean {
  const counts = Math.max(penalty, raise ?? -Infinity);
  return (max !== null && counts > max) || (min !== null && counts < min);
}

function meets(member: Member, condition: EmptyCondition, limits: PenaltyLimits): boolean {
  const { agent, rules, queue } = member;
  switch (condition) {
    case 'paused':
      return agent.paused !== null || agent.pausedIn.has(queue.name);
    case 'penalty':
      return rules.penalty < 0 || isOutside(rules.penalty, limits);
    case 'invalid': // Asterisk's negative_penalty_invalid
      return rules.penalty < 0;
    case 'inuse':
      return agent.callId !== null || agent.deviceState === 'inuse';
    case 'ringing':
      return agent.offerId !== null || agent.deviceState === 'ringing';
    case 'unavailable':
      return agent.deviceState === 'unavailable';
    case 'unknown':
      return agent.deviceState === 'unknown';
    case 'wrapup':
      return agent.wrapup !== null;
  }
}

/** `EMPTY`: nobody is logged in. `UNAVAIL`: nobody of those counts. Null: somebody is there. */
export function emptinessOf(
  queue: Queue,
  conditions: readonly EmptyCondition[],
  limits: PenaltyLimits = NO_LIMITS,
): 'EMPTY' | 'UNAVAIL' | null {
  if (conditions.length === 0) return null;
  let found: 'EMPTY' | 'UNAVAIL' = 'EMPTY';
  for (const member of queue.members) {
    const { agent } = member;
    if (agent.device === null) continue;
    found = 'UNAVAIL';
    if (agent.leaving !== null) continue;
    if (!conditions.some((condition) => meets(member, condition, limits))) return null;
  }
  return found;
}

/** Members who are logged in. */
export function loggedInOf(queue: Queue): number {
  let count = 0;
  for (const { agent } of queue.members) if (agent.device !== null) count += 1;
  return count;
}
