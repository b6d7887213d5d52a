/**
 * A new configuration replaces the former as a whole, on the living state. Memberships and
 * options count at once; a removed agent is logged out, after his call if he talks. A removed
 * queue that has calls drains: nobody enters any more, its members serve it as before until the
 * last call is over, then it is gone. Where no member of it is left, who waits leaves by
 * `failover.withdraw`.
 */
import type { ApplyConfig, Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { leaveQueue } from './failover.ts';
import { logInStatic } from './departing.ts';
import { endCall } from './leaving.ts';
import { logOut } from './login.ts';
import { relax } from './relaxing.ts';
import type { State } from './state.ts';
import { reconsider } from './veto.ts';
import type {
  AgentConfig,
  AgentId,
  CoreConfig,
  Device,
  QueueConfig,
  QueueName,
  WrittenConfig,
} from './types.ts';

export function applyConfig(decision: Decision, command: ApplyConfig): Refusal | undefined {
  const { state } = decision;
  const { written } = command;
  const config = withDraining(state, command.config);
  // The same file loaded again is no event.
  if (isSame(state, config, written)) return undefined;
  const before = new Map([...state.agents.values()].map((agent) => [agent.id, agent.fixed]));
  const agents = new Set(config.agents.map((agent) => agent.id));
  for (const agent of [...state.agents.values()]) {
    if (agents.has(agent.id) || agent.device === null || agent.callId !== null) continue;
    logOut(decision, agent, 'removed');
  }
  const version = (state.written?.version ?? 0) + 1;
  const made = written === undefined ? {} : { version, written };
  decision.emit({ kind: 'ConfigApplied', config, ...made });
  moveStatic(decision, before);
  for (const queue of state.draining) {
    if (queue.members.length === 0) empty(decision, queue.name);
  }
  // Edited rules reach those who wait already.
  for (const call of state.calls.values()) relax(decision, call);
  for (const agent of [...state.agents.values()]) reconsider(decision, agent);
  return undefined;
}

function isSame(state: State, config: CoreConfig, written: WrittenConfig | undefined): boolean {
  if (JSON.stringify(config) !== JSON.stringify(state.config)) return false;
  if (written === undefined) return true;
  const { live, file } = state.written ?? {};
  return written.live === live && (written.file ?? file) === file;
}

/** The configuration with what drains: removed queues that have calls, and who serves them. */
function withDraining(state: State, config: CoreConfig): CoreConfig {
  const wanted = new Set(config.queues.map((queue) => queue.name));
  const kept = state.config.queues.filter(({ name }) => {
    const queue = state.queues.get(name);
    const hasCalls = queue !== undefined && queue.line.size + queue.talking.size > 0;
    return hasCalls && !wanted.has(name);
  });
  if (kept.length === 0) return config;
  const names = new Set(kept.map((queue) => queue.name));
  const former = new Map(state.config.agents.map((agent) => [agent.id, agent]));
  return {
    ...config,
    queues: [...config.queues, ...kept.map((queue): QueueConfig => ({ ...queue, draining: true }))],
    agents: config.agents.map((agent) => stillServing(agent, former.get(agent.id), names)),
  };
}

function stillServing(
  agent: AgentConfig,
  former: AgentConfig | undefined,
  names: ReadonlySet<QueueName>,
): AgentConfig {
  const queues = former?.queues.filter((name) => names.has(name)) ?? [];
  if (queues.length === 0) return agent;
  const own = former?.memberships?.filter(({ queue }) => names.has(queue)) ?? [];
  const memberships = [...(agent.memberships ?? []), ...own];
  return {
    ...agent,
    queues: [...agent.queues, ...queues],
    ...(memberships.length === 0 ? {} : { memberships }),
  };
}

/** Nobody is left who could serve them. */
function empty(decision: Decision, name: QueueName): void {
  for (const call of [...(decision.state.queues.get(name)?.line ?? [])]) {
    if (call.confirmedAt !== null) leaveQueue(decision, call, 'WITHDRAW');
    else endCall(decision, call, 'FAILED', 'system', { withdrawal: 'shutdown' });
  }
}

/** Removed queues whose last call is over are gone; true: some are. Asked after every command. */
export function closeDrained(decision: Decision): boolean {
  const { draining } = decision.state;
  if (draining.size === 0) return false;
  const done = [...draining].filter(({ line, talking }) => line.size + talking.size === 0);
  for (const { name } of done) decision.emit({ kind: 'QueueDrained', queue: name });
  return done.length > 0;
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
