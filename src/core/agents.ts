/**
 * What agents and their phones say between calls: presence, pause, wrap-up. Presence only takes
 * availability away (invariant 7): while a call of ours rings or talks on a phone, its ringing and
 * busy are ours, and a report changes nothing (it only takes back an offer whose veto has not
 * answered yet). What presence said last holds after our call: a phone still reported busy is not
 * rung before it is reported idle; a phone trusted without presence was reported idle once and
 * stays so.
 */
import type {
  EndWrapup,
  ExtendWrapup,
  PauseAgent,
  Refusal,
  ReportDevice,
  ResumeAgent,
} from './commands.ts';
import type { Decision } from './decision.ts';
import { memberOf } from './eligible.ts';
import { must, WRAPUP_MAX_MS, type Agent } from './state.ts';
import { reconsider } from './veto.ts';

export function reportDevice(decision: Decision, command: ReportDevice): Refusal | undefined {
  const { devices, agents } = decision.state;
  const agentId = devices.get(command.deviceUri);
  const agent = agentId === undefined ? undefined : agents.get(agentId);
  if (agent === undefined) return 'unknown-device';
  const { deviceUri, state, source } = command;
  if (agent.deviceState !== state) {
    decision.emit({ kind: 'DeviceReported', agentId: agent.id, deviceUri, state, source });
    reconsider(decision, agent);
  }
  return undefined;
}

function loggedIn(decision: Decision, agentId: string): Agent | Refusal {
  const agent = decision.state.agents.get(agentId);
  if (agent === undefined) return 'unknown-agent';
  return agent.device === null ? 'not-logged-in' : agent;
}

/** When a pause for this reason ends by itself; a refusal where nobody may pause for it. */
function endOf(decision: Decision, reason: string): { readonly until?: number } | Refusal {
  const reasons = decision.state.config.pauseReasons ?? [];
  if (reasons.length === 0) return {};
  const known = reasons.find((each) => each.reason === reason);
  if (known === undefined) return 'unknown-reason';
  return known.maxMs > 0 ? { until: decision.at + known.maxMs } : {};
}

/** During a call or a ring the pause takes effect at its end; whoever rings goes on. */
export function pause(decision: Decision, command: PauseAgent): Refusal | undefined {
  const agent = loggedIn(decision, command.agentId);
  if (typeof agent === 'string') return agent;
  const { reason, queue } = command;
  const end = endOf(decision, reason);
  if (typeof end === 'string') return end;
  if (queue === undefined) {
    // His own word replaces an automatic pause: from now on it is his.
    if (agent.paused === reason && !agent.autoPaused) return undefined;
    decision.emit({ kind: 'AgentPaused', agentId: agent.id, reason, ...end });
    reconsider(decision, agent);
    return undefined;
  }
  if (memberOf(agent, queue) === undefined) return 'not-a-member';
  const held = agent.pausedIn.get(queue);
  if (held?.reason === reason && !held.auto) return undefined;
  decision.emit({ kind: 'AgentPaused', agentId: agent.id, reason, queue, ...end });
  reconsider(decision, agent);
  return undefined;
}

/** Without a queue he is back at work everywhere. */
export function resume(decision: Decision, command: ResumeAgent): Refusal | undefined {
  const agent = loggedIn(decision, command.agentId);
  if (typeof agent === 'string') return agent;
  const { queue } = command;
  if (queue === undefined) {
    if (agent.paused === null && agent.pausedIn.size === 0) return 'not-paused';
    for (const each of [...agent.pausedIn.keys()]) {
      decision.emit({ kind: 'AgentResumed', agentId: agent.id, queue: each });
    }
    if (agent.paused !== null) decision.emit({ kind: 'AgentResumed', agentId: agent.id });
    return undefined;
  }
  if (!agent.pausedIn.has(queue)) return 'not-paused';
  decision.emit({ kind: 'AgentResumed', agentId: agent.id, queue });
  return undefined;
}

/** Those of his pauses whose time is over. */
export function endPauses(decision: Decision, agentId: string): void {
  const agent = must(decision.state.agents.get(agentId), `agent ${agentId}`);
  const { at } = decision;
  const over = (until: number) => until > 0 && until <= at;
  for (const [queue, { until }] of [...agent.pausedIn]) {
    if (over(until)) decision.emit({ kind: 'AgentResumed', agentId, queue });
  }
  if (agent.paused !== null && over(agent.pausedUntil)) {
    decision.emit({ kind: 'AgentResumed', agentId });
  }
}

export function endWrapup(decision: Decision, command: EndWrapup): Refusal | undefined {
  const agent = loggedIn(decision, command.agentId);
  if (typeof agent === 'string') return agent;
  if (agent.wrapup === null) return 'not-in-wrapup';
  decision.emit({ kind: 'WrapupEnded', agentId: agent.id });
  return undefined;
}

/** From now on; at most WRAPUP_MAX_MS, and he may ask again. */
export function extendWrapup(decision: Decision, command: ExtendWrapup): Refusal | undefined {
  const agent = loggedIn(decision, command.agentId);
  if (typeof agent === 'string') return agent;
  if (agent.wrapup === null) return 'not-in-wrapup';
  const until = decision.at + Math.min(Math.max(0, command.forMs), WRAPUP_MAX_MS);
  decision.emit({ kind: 'WrapupStarted', agentId: agent.id, queue: agent.wrapup.queue, until });
  return undefined;
}
