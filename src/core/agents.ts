/**
 * What agents and their phones say between calls: presence, pause, wrap-up. Presence only takes
 * availability away (invariant 7): a report never touches an offer or a call, and while we have
 * one on the phone its ringing and busy are ours. What presence said last holds after our call,
 * so a phone still reported busy is not rung before it is reported idle; a phone trusted without
 * presence was reported idle once and stays so.
 */
import type { EndWrapup, PauseAgent, Refusal, ReportDevice, ResumeAgent } from './commands.ts';
import type { Decision } from './decision.ts';
import type { Agent } from './state.ts';

export function reportDevice(decision: Decision, command: ReportDevice): Refusal | undefined {
  const { devices, agents } = decision.state;
  const agentId = devices.get(command.deviceUri);
  const agent = agentId === undefined ? undefined : agents.get(agentId);
  if (agent === undefined) return 'unknown-device';
  const { deviceUri, state, source } = command;
  if (agent.deviceState !== state) {
    decision.emit({ kind: 'DeviceReported', agentId: agent.id, deviceUri, state, source });
  }
  return undefined;
}

function loggedIn(decision: Decision, agentId: string): Agent | Refusal {
  const agent = decision.state.agents.get(agentId);
  if (agent === undefined) return 'unknown-agent';
  return agent.device === null ? 'not-logged-in' : agent;
}

/** During a call or an offer the pause counts from its end; the offer goes on. */
export function pause(decision: Decision, command: PauseAgent): Refusal | undefined {
  const agent = loggedIn(decision, command.agentId);
  if (typeof agent === 'string') return agent;
  const { reason } = command;
  if (agent.paused !== reason) decision.emit({ kind: 'AgentPaused', agentId: agent.id, reason });
  return undefined;
}

export function resume(decision: Decision, command: ResumeAgent): Refusal | undefined {
  const agent = loggedIn(decision, command.agentId);
  if (typeof agent === 'string') return agent;
  if (agent.paused === null) return 'not-paused';
  decision.emit({ kind: 'AgentResumed', agentId: agent.id });
  return undefined;
}

export function endWrapup(decision: Decision, command: EndWrapup): Refusal | undefined {
  const agent = loggedIn(decision, command.agentId);
  if (typeof agent === 'string') return agent;
  if (agent.wrapup === null) return 'not-in-wrapup';
  decision.emit({ kind: 'WrapupEnded', agentId: agent.id });
  return undefined;
}
