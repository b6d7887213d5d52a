/**
 * How whatever a change is about stands, for the audit: the agent and the call that the request
 * names, before it and after. Of the configuration the versions say that.
 */
import type { FastifyRequest } from 'fastify';
import { subjectsOf } from './scope.ts';
import type { View } from './view.ts';

/** By what is meant (`agent 2771`); null: there is none. */
export type Standing = Readonly<Record<string, object | null>>;

function agentOf(view: View, id: string): object | null {
  const found = view.agent(id);
  if (found === null) return null;
  const { state, device, pause_reason, away_from, call, memberships } = found;
  const paused = memberships.filter(({ pause_reason: reason }) => reason !== null);
  const paused_in = paused.map(({ queue }) => queue);
  return { state, device, pause_reason, paused_in, away_from, call };
}

function callOf(view: View, id: string): object | null {
  const found = view.brief(id);
  if (found === null) return null;
  const { state, queue, position, priority, agent } = found;
  return { state, queue, position, priority, agent };
}

/** `view`: of everything, whoever asks. */
export function standingOf(request: FastifyRequest, view: View): Standing {
  const told: Record<string, object | null> = {};
  for (const [kind, name] of subjectsOf(request)) {
    if (kind === 'queue') continue;
    const key = `${kind} ${name.slice(0, 80)}`;
    told[key] = kind === 'agent' ? agentOf(view, name) : callOf(view, name);
  }
  return told;
}
