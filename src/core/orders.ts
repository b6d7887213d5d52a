/**
 * Every order the ACD has, as comparators that are total: callers in a line, and the members of
 * a queue by each strategy. Lower is first. Penalty goes before everything (wrandom apart, which
 * takes it as a weight), the place in the configuration breaks every tie. The strategies that
 * draw or rotate (`random`, `wrandom`, `rrordered`) are ordered by configuration here;
 * strategies.ts draws out of that.
 */
import { compareText } from './ordered.ts';
import type { Call, Member } from './state.ts';
import type { Strategy } from './types.ts';

type Standing = Pick<Call, 'priority' | 'order' | 'entry'>;

/** Higher priority first, then the fair order: who entered the ACD first. */
export function compareInLine(a: Standing, b: Standing): number {
  return b.priority - a.priority || a.order - b.order || a.entry - b.entry;
}

function byPlace(): number {
  return 0;
}

const BY_STRATEGY: Readonly<Record<Strategy, (a: Member, b: Member) => number>> = {
  'most-idle': (a, b) =>
    a.agent.idleSince - b.agent.idleSince || compareText(a.agent.id, b.agent.id),
  leastrecent: (a, b) => a.tally.lastCallAt - b.tally.lastCallAt,
  fewestcalls: (a, b) => a.tally.calls - b.tally.calls,
  'least-talk-time': (a, b) => a.agent.talkedMs - b.agent.talkedMs,
  rrmemory: (a, b) => a.tally.lastOffer - b.tally.lastOffer,
  percent: (a, b) => a.tally.served - b.tally.served,
  ringall: byPlace,
  random: byPlace,
  rrordered: byPlace,
  linear: byPlace,
  wrandom: byPlace,
  'ring-progressively': byPlace,
};

/** Tier of a member: the lower is exhausted before the next has its turn. */
export function tierOf(member: Member): number {
  return member.queue.config.strategy === 'wrandom' ? 0 : member.rules.penalty;
}

/** Order of a queue's members; 0 only for the same one. `tier`: where a call has its own. */
export function compareMembers(
  strategy: Strategy,
  tier: (member: Member) => number = tierOf,
): (a: Member, b: Member) => number {
  const compare = BY_STRATEGY[strategy];
  return (a, b) => tier(a) - tier(b) || compare(a, b) || a.index - b.index;
}
