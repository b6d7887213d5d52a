/**
 * How an agent leaves his phone once nothing holds him there, and who has it then: a static member
 * is logged in on his own as soon as nobody else is.
 */
import type { Decision } from './decision.ts';
import { must, type Agent } from './state.ts';

/**
 * A static member is logged in on his phone as soon as nobody else is, himself elsewhere
 * included. Asked again whenever that may have changed.
 */
export function logInStatic(decision: Decision, agentId: string): void {
  const { agents, devices } = decision.state;
  const agent = agents.get(agentId);
  if (agent?.fixed == null || agent.device !== null || devices.has(agent.fixed.uri)) return;
  decision.emit({ kind: 'AgentLoggedIn', agentId, device: agent.fixed });
}

/** Nobody is logged in on this phone any more: a static member has it again. */
export function freePhone(decision: Decision, uri: string): void {
  for (const id of decision.state.owners.get(uri) ?? []) logInStatic(decision, id);
}

/** The logout he asked for during his call; true: he is gone. */
export function leaveIfAsked(decision: Decision, agent: Agent): boolean {
  const { id: agentId, leaving: reason } = agent;
  if (reason === null) return false;
  const device = must(agent.device, `device of ${agentId}`);
  decision.emit({ kind: 'AgentLoggedOut', agentId, device, reason });
  logInStatic(decision, agentId);
  freePhone(decision, device.uri);
  return true;
}
