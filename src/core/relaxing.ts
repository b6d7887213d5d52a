/**
 * Which members may take a call changes while it waits: by penalty rules (queuerules.conf), by
 * the skills it asks, once it is not kept for one agent any more, and when the back-off after a
 * veto is over. What holds at an instant is a function of the rule, of what the call came with and
 * of its wait in this queue, so an edited rule reaches the calls that wait already.
 */
import type { Decision } from './decision.ts';
import { skillStepsAfter } from './skills.ts';
import type { Call } from './state.ts';
import type { PenaltyChange, PenaltyLimits, PenaltyStep } from './types.ts';

/** A relative change of a limit that is not set counts from 0; none leads below 0. */
function changed(limit: number | null, change: PenaltyChange | undefined): number | null {
  if (change === undefined) return limit;
  return change.by === 'set' ? change.value : Math.max(0, (limit ?? 0) + change.value);
}

/** As in Asterisk, neither `min` nor `raise` exceeds `max`: nobody could take the call. */
function orderly({ min, max, raise, ...rest }: PenaltyLimits): PenaltyLimits {
  const most = max ?? Infinity;
  const capped = (limit: number | null) => (limit === null ? null : Math.min(limit, most));
  return { min: capped(min), max, raise: capped(raise), ...rest };
}

/** What holds after so long, and how many steps that is. */
function limitsAfter(
  steps: readonly PenaltyStep[],
  asked: PenaltyLimits,
  waitedMs: number,
): { readonly limits: PenaltyLimits; readonly steps: number } {
  let limits = asked;
  let count = 0;
  for (const step of steps) {
    if (step.atMs > waitedMs) break;
    count += 1;
    const { keepsMin } = step.raise === undefined ? limits : step;
    limits = orderly({
      min: changed(limits.min, step.min),
      max: changed(limits.max, step.max),
      raise: changed(limits.raise, step.raise),
      ...(keepsMin === true ? { keepsMin } : {}),
    });
  }
  return { limits, steps: count };
}

/** Agents whose back-off after a veto is over may be offered the call again. */
function endVetoes(decision: Decision, call: Call): void {
  for (const [agentId, { until }] of call.vetoes ?? []) {
    const isOver = until > 0 && until <= decision.at;
    if (isOver) decision.emit({ kind: 'VetoEnded', callId: call.id, agentId });
  }
}

function isAlike(a: PenaltyLimits, b: PenaltyLimits): boolean {
  return a.min === b.min && a.max === b.max && a.raise === b.raise && a.keepsMin === b.keepsMin;
}

/** Brings a waiting call to what the rule says now. Without a change it is no event. */
export function relax(decision: Decision, call: Call): void {
  const config = decision.state.queues.get(call.queue)?.config;
  if (config === undefined || call.connectedAt !== null) return;
  endVetoes(decision, call);
  const waitedMs = decision.at - call.queuedAt;
  const { limits, steps } = limitsAfter(config.penaltySteps, call.asked, waitedMs);
  const isSame = isAlike(limits, call.limits);
  const skillSteps = skillStepsAfter(config.skillSteps, waitedMs);
  const isFreed = call.keptFor !== null && waitedMs >= config.stickyMs;
  const isSameSkills = skillSteps === call.skillSteps;
  if (isSame && steps === call.stepsDone && isSameSkills && !isFreed) return;
  decision.emit({
    ...{ kind: 'CallRelaxed', callId: call.id, steps, limits },
    ...(isSameSkills ? {} : { skillSteps }),
    ...(isFreed ? { isFree: true } : {}),
  });
}
