/**
 * Which agent rings for a call, and which call an agent gets: the two directions of one order.
 * The best call over all queues where somebody might take one gets the best member of its queue
 * who may take it. Draws are a function of the number of offers so far, which is in the state:
 * every replay draws the same, and no draw depends on who looked before.
 */
import { memberCalled, nextIn, obstacle, tiersFor } from './eligible.ts';
import { hasFew } from './emptiness.ts';
import { compareInLine, compareMembers } from './orders.ts';
import { must, type Call, type Member, type Queue, type State } from './state.ts';

/** Order of calls over all queues: heavier queue first, then priority and the fair order. */
function compareCalls(a: Call, aQueue: Queue, b: Call, bQueue: Queue): number {
  return bQueue.config.weight - aQueue.config.weight || compareInLine(a, b);
}

/** The call to be looked at next among all that somebody could perhaps take now. */
export function nextCall(state: State): { call: Call; queue: Queue } | null {
  let best: { call: Call; queue: Queue } | null = null;
  for (const queue of state.matchable) {
    const call = must(nextIn(queue), `eligible call in ${queue.name}`);
    if (best === null || compareCalls(call, queue, best.call, best.queue) < 0) {
      best = { call, queue };
    }
  }
  return best;
}

/** In [0, 1): the draw with two numbers, well mixed (two rounds of murmur3's finaliser). */
export function draw(offer: number, index: number): number {
  let mixed = Math.imul(offer + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca77);
  for (let round = 0; round < 2; round += 1) {
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return (mixed >>> 0) / 4_294_967_296;
}

/** The member rung last for the queue: where `rrordered` goes on. -1: none yet. */
function cursorOf(queue: Queue): number {
  let cursor = -1;
  let newest = 0;
  for (const { tally, index } of queue.members) {
    if (tally.lastOffer > newest) {
      newest = tally.lastOffer;
      cursor = index;
    }
  }
  return cursor;
}

/** Ready members sorted by their tier and a key. */
function sorted(call: Call, queue: Queue, key: (member: Member) => number): Iterable<Member> {
  const tier = tiersFor(call, queue);
  return [...queue.ready]
    .map((member) => ({ member, tier: tier(member), key: key(member) }))
    .sort((a, b) => a.tier - b.tier || a.key - b.key || a.member.index - b.member.index)
    .map(({ member }) => member);
}

/** Ready members, first the one to be rung first, as the strategy has it. */
function inTurn(state: State, call: Call, queue: Queue): Iterable<Member> {
  const { offersMade } = state;
  switch (queue.config.strategy) {
    case 'random':
      return sorted(call, queue, (member) => draw(offersMade, member.index));
    case 'wrandom':
      // Asterisk's: random times (penalty + 1), least first.
      return sorted(
        call,
        queue,
        (member) => draw(offersMade, member.index) * (1 + member.rules.penalty),
      );
    case 'rrordered': {
      const cursor = cursorOf(queue);
      const { length } = queue.members;
      return sorted(call, queue, ({ index }) => (index > cursor ? index : index + length));
    }
    default: {
      if (call.limits.raise === null && !hasFew(queue)) return queue.ready;
      // Tiers that are one for this call are ordered as one.
      const compare = compareMembers(queue.config.strategy, tiersFor(call, queue));
      return [...queue.ready].sort(compare);
    }
  }
}

/** Of a call to one agent. */
function onlyMember(state: State, call: Call): Member | null {
  const member = memberCalled(state, call.only, call.queue);
  return member !== undefined && obstacle(state, call, member) === null ? member : null;
}

/**
 * The member to be rung for a call, null if nobody may take it now. Whoever was tried for it
 * ranks behind the untried of his tier and of the next in which somebody is free (a silent agent
 * must not stand before those who never had a turn); among the tried, the one whose try is longest
 * past.
 */
export function chooseMember(state: State, call: Call, queue: Queue): Member | null {
  if (call.only !== null) return onlyMember(state, call);
  let tried: { member: Member; tier: number; number: number } | null = null;
  let tier = -1;
  const tierOf = tiersFor(call, queue);
  let last = NaN;
  for (const member of inTurn(state, call, queue)) {
    if (obstacle(state, call, member) !== null) continue;
    if (tierOf(member) !== last) {
      last = tierOf(member);
      tier += 1;
    }
    // Two tiers further the tried one is before all that follow.
    if (tried !== null && tier > tried.tier + 1) break;
    const number = call.tried?.get(member.agent.id);
    if (number === undefined) return member;
    if (tried === null || (tier === tried.tier && number < tried.number)) {
      tried = { member, tier, number };
    }
  }
  return tried?.member ?? null;
}
