/**
 * Folds what concerns the configuration into the state: a new version, and a removed queue whose
 * last call has left.
 */
import type { ConfigApplied } from './events.ts';
import { placeOutbounds } from './evolve-outbound.ts';
import { placeAll } from './place.ts';
import { VERSIONS_MAX, type State } from './state.ts';
import type { AgentConfig, QueueName } from './types.ts';

/** What was written is kept beside what follows from it, with the last versions. */
export function takeConfig(state: State, event: ConfigApplied): void {
  const { written, version, at, by } = event;
  state.config = event.config;
  if (written !== undefined && version !== undefined) {
    const { source, note, live, file = state.written?.file ?? live } = written;
    const known = { version, at, by, source, note };
    state.written = { ...known, live, file };
    state.versions = [...state.versions, known].slice(-VERSIONS_MAX);
  }
  beginShares(state);
  placeAll(state);
  placeOutbounds(state);
}

/** By shares from now on: what came before, in another order, is owed to nobody. */
function beginShares({ config, queues, agents }: State): void {
  for (const { name, strategy } of config.queues) {
    if (strategy !== 'percent' || queues.get(name)?.config.strategy === 'percent') continue;
    for (const { tallies } of agents.values()) {
      const tally = tallies.get(name);
      if (tally !== undefined) tally.served = 0;
    }
  }
}

/** Its last call has left: agents who serve it serve one queue less. */
export function dropQueue(state: State, name: QueueName): void {
  const { queues, agents } = state.config;
  state.config = {
    ...state.config,
    queues: queues.filter((queue) => queue.name !== name),
    agents: agents.map((agent) => withoutQueue(agent, name)),
  };
  placeAll(state);
}

function withoutQueue(agent: AgentConfig, name: QueueName): AgentConfig {
  if (!agent.queues.includes(name)) return agent;
  const { memberships, ...rest } = agent;
  const kept = memberships?.filter(({ queue }) => queue !== name) ?? [];
  const queues = agent.queues.filter((queue) => queue !== name);
  return { ...rest, queues, ...(kept.length === 0 ? {} : { memberships: kept }) };
}
