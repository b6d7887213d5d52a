/**
 * Penalty rules (queuerules.conf): which members may take a call changes while it waits. What
 * holds at an instant is a function of the rule, of what the call came with and of its wait in
 * this queue, so a rule that is edited reaches the calls that wait already.
 */
import type { Decision } from './decision.ts';
import type { Call } from './state.ts';
import type { PenaltyChange, PenaltyLimits, PenaltyStep } from './types.ts';

/** A relative change of a limit there is not counts from 0. */
function changed(limit: number | null, change: PenaltyChange | undefined): number | null {
  if (change === undefined) return limit;
  return change.by === 'set' ? change.value : (limit ?? 0) + change.value;
}

/** What holds after so long, and how many steps that is. */
export function limitsAfter(
  steps: readonly PenaltyStep[],
  asked: PenaltyLimits,
  waitedMs: number,
): { readonly limits: PenaltyLimits; readonly steps: number } {
  let limits = asked;
  let count = 0;
  for (const step of steps) {
    if (step.atMs > waitedMs) break;
    count += 1;
    limits = {
      min: changed(limits.min, step.min),
      max: changed(limits.max, step.max),
      raise: changed(limits.raise, step.raise),
    };
  }
  return { limits, steps: count };
}

/** Brings a waiting call to what the rule says now. Without a change it is no event. */
export function relax(decision: Decision, call: Call): void {
  const rule = decision.state.queues.get(call.queue)?.config.penaltySteps;
  if (rule === undefined || call.connectedAt !== null) return;
  const { limits, steps } = limitsAfter(rule, call.asked, decision.at - call.queuedAt);
  const { min, max, raise } = call.limits;
  const isSame = limits.min === min && limits.max === max && limits.raise === raise;
  if (isSame && steps === call.stepsDone) return;
  decision.emit({ kind: 'CallRelaxed', callId: call.id, steps, limits });
}
