/**
 * Which agent rings for a call, and which call an agent gets: the two directions of one order.
 * Every ready member of a queue may take every eligible call of it, so the best call over all
 * matchable queues gets the best agent of its queue.
 */
import { compareInLine, must, type Agent, type Call, type Queue, type State } from './state.ts';

/** Order of calls over all queues: heavier queue first, then the fair order. */
function compareCalls(a: Call, aQueue: Queue, b: Call, bQueue: Queue): number {
  return bQueue.config.weight - aQueue.config.weight || compareInLine(a, b);
}

/** The call to be served next among all that somebody could take now. */
export function nextCall(state: State): { call: Call; queue: Queue } | null {
  let best: { call: Call; queue: Queue } | null = null;
  for (const queue of state.matchable) {
    const call = must(queue.eligible.first(), `eligible call in ${queue.name}`);
    if (best === null || compareCalls(call, queue, best.call, best.queue) < 0) {
      best = { call, queue };
    }
  }
  return best;
}

/**
 * The most idle agent who has not been tried for this call; if all have, the one whose try is
 * longest past (DEMANDS 7: a silent agent must not stand before those who never had a turn).
 */
export function chooseAgent(call: Call, queue: Queue): Agent {
  let choice: Agent | null = null;
  let choiceTried = Infinity;
  for (const agent of queue.ready) {
    const tried = call.tried?.get(agent.id);
    if (tried === undefined) return agent;
    if (tried < choiceTried) {
      choice = agent;
      choiceTried = tried;
    }
  }
  return must(choice, `ready agent in ${queue.name}`);
}
