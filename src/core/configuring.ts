/**
 * A new configuration replaces the former as a whole, on the living state. Memberships and
 * options count at once; a removed agent is logged out, after his call if he talks; waiting
 * calls of a removed queue end as FAILED, talking ones go on.
 */
import type { ApplyConfig, Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { endCall } from './leaving.ts';
import { logOut } from './login.ts';

export function applyConfig(decision: Decision, command: ApplyConfig): Refusal | undefined {
  const { state } = decision;
  const { config } = command;
  // The same file loaded again is no event.
  if (JSON.stringify(config) === JSON.stringify(state.config)) return undefined;
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
  return undefined;
}
