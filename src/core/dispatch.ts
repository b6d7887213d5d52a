/**
 * Dispatch: after every command, whoever can be matched is matched. It takes the best call over
 * all queues and the best member who may take it, until no such pair is left (invariant 3). A
 * call that nobody ready may take is parked, so that those behind it have their turn and later
 * commands do not look at it again in vain; `place.ts` wakes it when that may have changed.
 *
 * An offer's id is `<call id>.o<number>`, the number counted over the whole ACD and carried by
 * the state: unique for the life of the journal, and the same in every replay.
 */
import type { Decision } from './decision.ts';
import { parkCall } from './place.ts';
import { must, RING_MIN_MS, type Agent, type Call, type Queue } from './state.ts';
import { chooseMember, nextCall } from './strategies.ts';

/** When an offer that rings from now on fails by itself. */
export function ringDeadline(decision: Decision, call: Call, queue: Queue): number {
  const { timeoutMs, timeoutRestart } = queue.config;
  const from = timeoutRestart || call.ringFrom === 0 ? decision.at : call.ringFrom;
  // With no ring time left it begins anew: nobody is left out for what others took.
  const isSpent = from + timeoutMs < decision.at + RING_MIN_MS;
  return isSpent ? decision.at + Math.max(RING_MIN_MS, timeoutMs) : from + timeoutMs;
}

/**
 * Reserves this agent and rings him, where the queue has a veto after asking it; `given`: by
 * command, out of turn.
 */
export function offerTo(
  decision: Decision,
  call: Call,
  queue: Queue,
  agent: Agent,
  given: { readonly given?: true } = {},
): void {
  const { veto } = queue.config;
  const deadline =
    veto === null ? ringDeadline(decision, call, queue) : decision.at + veto.timeoutMs;
  decision.emit({
    kind: 'AgentOffered',
    offerId: `${call.id}.o${decision.state.offersMade + 1}`,
    callId: call.id,
    queue: queue.name,
    agentId: agent.id,
    device: must(agent.device, `device of ${agent.id}`),
    deadline,
    ...(veto === null ? {} : { asks: true }),
    ...given,
  });
}

export function dispatch(decision: Decision): void {
  const { state } = decision;
  for (let next = nextCall(state); next !== null; next = nextCall(state)) {
    const { call, queue } = next;
    const member = chooseMember(state, call, queue);
    if (member === null) {
      parkCall(state, call, queue);
      continue;
    }
    offerTo(decision, call, queue, member.agent);
  }
}
