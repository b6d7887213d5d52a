/**
 * What a token of some queues alone, or of one agent, sees and steers. What is out of its scope is
 * for it as if it were not there: lists leave it out, and whatever a request names, in its path or
 * its body, is looked at before the route is.
 */
import type { FastifyRequest } from 'fastify';
import { actor, seesAll, seesQueue, type Actor } from './actor.ts';
import { notFound, problem, type Problem } from './errors.ts';
import type { AgentAnswer, CallAnswer } from './schemas.ts';
import type { Kind, View } from './view.ts';

const seesAgent = ({ memberof }: { readonly memberof: readonly string[] }): boolean =>
  seesAll() || memberof.some(seesQueue);

/** Those he sees; the whole list, as it is, for whoever sees all. */
const only = <T>(all: readonly T[], may: (one: T) => boolean): readonly T[] =>
  seesAll() ? all : all.filter(may);

/** An agent without the names of queues that are not seen. */
function cut<A extends AgentAnswer>(agent: A): A {
  if (seesAll()) return agent;
  const { memberof, away_from } = agent;
  return { ...agent, memberof: memberof.filter(seesQueue), away_from: away_from.filter(seesQueue) };
}

/** The view, as whoever asks may see it. */
export function scopeView(view: View): View {
  const seen = <T>(found: T | null, may: (found: T) => boolean): T | null =>
    found !== null && may(found) ? found : null;
  /** An agent's own call is in no queue: whoever sees the agent sees it. */
  const seesCall = ({ queue, agent, outbound }: CallAnswer): boolean => {
    if (outbound !== true) return seesQueue(queue);
    const caller = view.agent(agent);
    return caller !== null && seesAgent(caller);
  };
  const brief = (id: string) => seen(view.brief(id), seesCall);
  return {
    ...view,
    has: (kind, name) => {
      if (kind === 'queue') return seesQueue(name) && view.has(kind, name);
      if (seesAll()) return view.has(kind, name);
      return kind === 'call' ? brief(name) !== null : seen(view.agent(name), seesAgent) !== null;
    },
    queues: () => only(view.queues(), ({ name }) => seesQueue(name)),
    queue: (name) => (seesQueue(name) ? view.queue(name) : null),
    agents: () => (seesAll() ? view.agents() : view.agents().filter(seesAgent).map(cut)),
    agent: (id) => {
      const found = seen(view.agent(id), seesAgent);
      if (found === null) return null;
      return {
        ...cut(found),
        memberships: found.memberships.filter(({ queue }) => seesQueue(queue)),
      };
    },
    calls: () => only(view.calls(), seesCall),
    call: (id) => seen(view.call(id), seesCall),
    brief,
    reasonsOf: (id) => {
      const found = view.agent(id) === null ? null : view.reasonsOf(id);
      return found && { calls: found.calls.filter(({ queue }) => seesQueue(queue)) };
    },
  };
}

type Named = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Which queue, agent and call a request is about: by its path, then by its body. */
export function* subjectsOf(request: FastifyRequest): Generator<[Kind, string]> {
  const [, first = ''] = request.routeOptions.url?.split('/') ?? [];
  const params = (request.params ?? {}) as Named;
  const body = (request.body ?? {}) as Named;
  if (first === 'queues' && params['name'] !== undefined) yield ['queue', text(params['name'])];
  if (first === 'agents' && params['id'] !== undefined) yield ['agent', text(params['id'])];
  if (first === 'calls' && params['id'] !== undefined) yield ['call', text(params['id'])];
  for (const kind of ['queue', 'agent'] as const) {
    if (text(params[kind]) !== '') yield [kind, text(params[kind])];
    if (text(body[kind]) !== '') yield [kind, text(body[kind])];
  }
  // Those that an agent logs in to.
  const queues: unknown = body['queues'];
  if (Array.isArray(queues))
    for (const queue of queues) if (text(queue) !== '') yield ['queue', text(queue)];
  const [, kind = '', name = ''] = /^(queue|agent):(.*)$/.exec(text(body['to'])) ?? [];
  if (kind !== '') yield [kind as 'queue' | 'agent', name];
}

/** Null: there is one of that name, and he sees it. `view`: scoped. */
export const missing = (view: View, kind: Kind, name: string): Problem | null =>
  view.has(kind, name) ? null : notFound(kind, name);

export const isChange = ({ method }: FastifyRequest): boolean =>
  method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';

/** He talks in it, or has dialled it: while a caller's call but rings at him it is the queue's. */
const isHis = ({ agent, state, outbound }: CallAnswer, who: Actor): boolean =>
  agent === who.agent && (state === 'assigned' || outbound === true);

/** Null: nothing that the request names is out of his scope. `view`: scoped. */
export function scopeProblem(who: Actor, request: FastifyRequest, view: View): Problem | null {
  if (who.role === 'agent' && isChange(request)) {
    for (const [kind, name] of subjectsOf(request)) {
      const call = kind === 'call' ? view.brief(name) : null;
      const isForeign = kind === 'agent' ? name !== who.agent : call !== null && !isHis(call, who);
      if (!isForeign) continue;
      const whose = kind === 'agent' ? '' : ', and the calls he talks in or has dialled';
      return problem('out-of-scope', `this token steers agent ${who.agent} alone${whose}`);
    }
  }
  if (who.queues.length === 0) return null;
  for (const [kind, name] of subjectsOf(request)) {
    const problem = missing(view, kind, name);
    if (problem !== null) return problem;
  }
  return null;
}

/** A row of a report: of a queue he sees, or, where it names none, of an agent he sees. */
export function seesRow(row: Named, view: View): boolean {
  if (seesAll()) return true;
  const queues = ['queue', 'first_queue', 'last_queue'].map((key) => text(row[key]));
  const named = queues.filter((queue) => queue !== '');
  return named.length > 0 ? named.some(seesQueue) : view.agent(text(row['agent'])) !== null;
}

/** The queues a filter may let through: those asked for, else all he sees; a problem if none. */
export function narrow(queues: readonly string[]): readonly string[] | Problem {
  if (seesAll()) return queues;
  const scope = actor()?.queues ?? [];
  const foreign = queues.find((queue) => !scope.includes(queue));
  if (foreign === undefined) return queues.length === 0 ? scope : queues;
  return problem('out-of-scope', `this token sees these queues alone: ${scope.join(', ')}`);
}
