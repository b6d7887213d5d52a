/**
 * Why: for a call, of each member of its queue, why he is not rung for it; for an agent, of each
 * call that waits in his queues, why it is not offered to him. Nothing is decided here: every
 * answer is that of `eligible`, the one question dispatch asks, too.
 */
import { eligible, type Ineligible, type Reason } from './eligible.ts';
import type { Agent, Call, State } from './state.ts';
import type { AgentId, CallId } from './types.ts';

/** Most pairs told of at once; those first in line, or first in the configuration. */
const EXPLAINED_MAX = 1_000;

/** `why` null: the two are being matched, which dispatch does before anybody can look. */
export interface Explained {
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly why: Ineligible | null;
}

/** Every member of the call's queue, in the order of members. */
export function explainCall(state: State, call: Call, now: number): Explained[] {
  const members = state.queues.get(call.queue)?.members ?? [];
  return members.slice(0, EXPLAINED_MAX).map(({ agent }) => ({
    callId: call.id,
    agentId: agent.id,
    why: eligible(state, call, agent, now),
  }));
}

/** Every call in the lines of his queues, queue by queue in his order. */
export function explainAgent(state: State, agent: Agent, now: number): Explained[] {
  const explained: Explained[] = [];
  for (const { queue } of agent.memberOf) {
    for (const call of queue.line) {
      if (explained.length >= EXPLAINED_MAX) return explained;
      const why = eligible(state, call, agent, now);
      explained.push({ callId: call.id, agentId: agent.id, why });
    }
  }
  return explained;
}

/** Whom these keep would be free; they keep the call from everybody, however many are busy. */
const OF_THE_LINE: readonly Reason[] = ['talks-limit', 'not-first'];

/**
 * In one word what a waiting call waits for: what keeps the call itself, else what keeps most
 * members, `nobody` where the queue has none logged in. Null: it does not wait.
 */
export function waitsFor(state: State, call: Call, now: number): string | null {
  if (call.connectedAt !== null) return null;
  const counts = new Map<string, number>();
  for (const { why } of explainCall(state, call, now)) {
    if (why === null || why.reason === 'logged-out') continue;
    counts.set(why.reason, (counts.get(why.reason) ?? 0) + 1);
  }
  const first = OF_THE_LINE.find((reason) => counts.has(reason));
  if (first !== undefined) return first;
  let most: string | null = null;
  for (const [reason, count] of counts) {
    if (most === null || count > (counts.get(most) ?? 0)) most = reason;
  }
  return most ?? 'nobody';
}
