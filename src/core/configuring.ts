/**
 * A new configuration replaces the former as a whole, on the living state. Memberships and
 * options count at once; a removed agent is logged out, after his call if he talks; waiting
 * calls of a removed queue end as FAILED, talking ones go on.
 */
import type { ApplyConfig, Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { endCall, logInStatic } from './leaving.ts';
import { logOut } from './login.ts';
import { relax } from './relaxing.ts';
import type { AgentId, Device } from './types.ts';

export function applyConfig(decision: Decision, command: ApplyConfig): Refusal | undefined {
  const { state } = decision;
  const { config } = command;
  // The same file loaded again is no event.
  if (JSON.stringify(config) === JSON.stringify(state.config)) return undefined;
  const before = new Map([...state.agents.values()].map((agent) => [agent.id, agent.fixed]));
  const queues = new Set(config.queues.map((queue) => queue.name));
  for (const queue of state.queues.values()) {
    if (queues.has(queue.name)) continue;
    for (const call of [...queue.line])
      endCall(decision, call, 'FAILED', 'system', { withdrawal: 'shutdown' });
  }
  const agents = new Set(config.agents.map((agent) => agent.id));
  for (const agent of [...state.agents.values()]) {
    if (agents.has(agent.id) || agent.device === null || agent.callId !== null) continue;
    logOut(decision, agent, 'removed');
  }
  decision.emit({ kind: 'ConfigApplied', config });
  moveStatic(decision, before);
  // Edited rules reach those who wait already.
  for (const call of state.calls.values()) relax(decision, call);
  return undefined;
}

/** Static members: whose phone is another now, or none, leaves the old one; then all log in. */
function moveStatic(decision: Decision, before: ReadonlyMap<AgentId, Device | null>): void {
  const agents = [...decision.state.agents.values()];
  for (const agent of agents) {
    const { fixed, device } = agent;
    const was = before.get(agent.id) ?? null;
    const isHere = fixed !== null ? device?.uri === fixed.uri : device?.uri !== was?.uri;
    if (device === null || isHere || (fixed === null && was === null)) continue;
    if (agent.callId === null) logOut(decision, agent, 'removed');
    else if (agent.leaving === null) {
      decision.emit({ kind: 'LogoutDeferred', agentId: agent.id, reason: 'asked' });
    }
  }
  for (const { id } of agents) logInStatic(decision, id);
}
