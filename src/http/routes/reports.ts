/**
 * GET /reports/…: figures and records, folded from the journal. Each takes a span of time (`day`,
 * or `from` and `to`; default today), and gives JSON or, with `format=csv`, a table. A list takes
 * no more than what it looks at: a filter that changed nothing would tell lies.
 */
import { z } from 'zod';
import type { IntervalName, Scope } from '../../reports/answers.ts';
import type { Reports } from '../../reports/port.ts';
import type { Question } from '../../reports/questions.ts';
import { actor, seesAll } from '../actor.ts';
import { writeCsv } from '../csv.ts';
import { notFound, problem, type Problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { send, type Http } from '../reply.ts';
import {
  abandonedCall,
  agentFigures,
  callDetail,
  callRecord,
  pauseFigures,
  queueCounters,
  queueFigures,
} from '../report-schemas.ts';
import { errorAnswer } from '../schemas.ts';
import { seesRow } from '../scope.ts';
import type { View } from '../view.ts';

const TAGS = ['report'];
const MAX_SPAN_MS = 400 * 86_400_000;

/** A day means its beginning where the reports are cut, however long the one before it was. */
const instant = (text: string) =>
  z
    .union(
      [z.iso.date(), z.iso.datetime({ offset: true })],
      'must be a day, as 2026-11-01, or an instant, as 2026-11-01T08:00:00Z',
    )
    .optional()
    .describe(`${text}: an instant, or a day: its beginning in the time zone of the reports`);
const span = {
  day: z.string().optional().describe('2026-11-25, in the time zone of the reports; or today'),
  from: instant('In place of `day`'),
  to: instant('Not included; default now'),
};
const format = { format: z.enum(['json', 'csv']).default('json') };
const queue = { queue: z.string().max(80).optional().describe('Of this queue alone') };
const agent = { agent: z.string().max(80).optional().describe('Of this agent alone') };
const interval = { interval: z.enum(['none', '15m', '30m', 'hour', 'day']).default('none') };

/** What there is of it. */
interface Query {
  readonly day?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly queue?: string | undefined;
  readonly agent?: string | undefined;
  readonly interval?: IntervalName | undefined;
  readonly format: 'json' | 'csv';
}
type Span = { readonly from: number; readonly to: number };

const away = (detail: string): Problem =>
  problem('reports-unavailable', `${detail}; calls go on without them`);

const bad = (detail: string): Problem => problem('bad-request', detail);

async function instantOf(reports: Reports, written: string): Promise<number | Problem> {
  if (written.includes('T')) return Date.parse(written);
  const found = await reports.ask({ name: 'day', day: written });
  if (!found.ok) return away(found.detail);
  return found.value?.from ?? bad(`${written} is no day there`);
}

/** The span asked for, or what is wrong with it. */
async function spanOf(reports: Reports, { day, from, to }: Query): Promise<Span | Problem> {
  if (from !== undefined) {
    if (day !== undefined) return bad('give day, or from and to, not both');
    const begin = await instantOf(reports, from);
    if (typeof begin !== 'number') return begin;
    const end = to === undefined ? Date.now() : await instantOf(reports, to);
    if (typeof end !== 'number') return end;
    if (end <= begin) return bad('to must be after from');
    if (end - begin > MAX_SPAN_MS) return bad('ask for 400 days at most');
    return { from: begin, to: end };
  }
  if (to !== undefined) return bad('give from, too');
  const found = await reports.ask({ name: 'day', day });
  if (!found.ok) return away(found.detail);
  return found.value ?? bad('day must be a day, as in 2026-11-25');
}

interface Listed {
  readonly path: string;
  readonly summary: string;
  readonly name: Exclude<Question['name'], 'call' | 'day' | 'progress'>;
  readonly row: z.ZodObject;
  readonly query: z.ZodType<Query>;
  readonly description?: string;
}

const LISTS: readonly Listed[] = [
  {
    path: '/reports/queues',
    summary: 'Volume, service level, waits and abandons of queues, by interval',
    name: 'queues',
    row: queueFigures,
    query: z.strictObject({ ...span, ...queue, ...interval, ...format }),
  },
  {
    path: '/reports/agents',
    summary: 'Time and calls of agents: talk, wrap-up, pauses, occupancy',
    name: 'agents',
    row: agentFigures,
    query: z.strictObject({ ...span, ...queue, ...agent, ...format }),
    description:
      'With `queue`: its members, and whoever did something for it; calls, offers, talk, wrap-up ' +
      'and occupancy are of that queue, pauses those there and in all, and nobody is ready while ' +
      'he talks for another. Who is logged in is so for all his queues.',
  },
  {
    path: '/reports/pauses',
    summary: 'Pauses by agent and reason',
    name: 'pauses',
    row: pauseFigures,
    query: z.strictObject({ ...span, ...queue, ...agent, ...format }),
    description: 'With `queue`: pauses there, and its members’ pauses in all.',
  },
  {
    path: '/reports/abandoned',
    summary: 'Who gave up, and whether we met again',
    name: 'abandoned',
    row: abandonedCall,
    query: z.strictObject({ ...span, ...queue, ...format }),
  },
  {
    path: '/reports/calls',
    summary: 'Records of calls that are over',
    name: 'calls',
    row: callRecord,
    query: z.strictObject({ ...span, ...queue, ...agent, ...format }),
    description: 'With `queue`: those that stood in it. With `agent`: those he talked with last.',
  },
  {
    path: '/reports/counters',
    summary: 'Counters of each queue since the day began, as `queue show` has them',
    name: 'counters',
    row: queueCounters,
    query: z.strictObject({ ...queue, ...format }),
  },
];

/** Undefined: he sees all. Agents are looked up only for lists whose rows may name no queue. */
function scopeOf(name: Listed['name'], view: View): Scope | undefined {
  if (seesAll()) return undefined;
  const { queues = [] } = actor() ?? {};
  const isOfAgents = name === 'agents' || name === 'pauses';
  return { queues, agents: isOfAgents ? view.agents().map(({ id }) => id) : [] };
}

function questionOf(name: Listed['name'], given: Query, span: Span, scope?: Scope): Question {
  const { queue, agent, interval = 'none' } = given;
  const asked = { from: span.from, to: span.to, queue, agent, scope };
  if (name === 'counters') return { name, queue, scope };
  return name === 'queues' ? { name, asked: { ...asked, interval } } : { name, asked };
}

/**
 * Nothing is told of a queue or agent that is not in the configuration: a name mistyped, or one
 * that is gone and did nothing then. Null: both that are named are there.
 */
function unknownOf({ queue, agent }: Query, view: View): Problem | null {
  if (queue !== undefined && !view.has('queue', queue)) return notFound('queue', queue);
  if (agent !== undefined && !view.has('agent', agent)) return notFound('agent', agent);
  return null;
}

function addList(
  http: Http,
  reports: Reports,
  view: View,
  { path, summary, name, row, query, description }: Listed,
): void {
  const answer = z.object({
    rows: z.array(row),
    more: z.boolean().describe('There are more than fit; ask for a shorter span'),
  });
  http.get(
    path,
    {
      config: needs('read-only'),
      schema: {
        summary,
        ...(description === undefined ? {} : { description }),
        tags: TAGS,
        querystring: query,
        response: { 200: answer, 400: errorAnswer, 404: errorAnswer, 503: errorAnswer },
      },
    },
    async (request, reply) => {
      // Counters are of today, which the reports know themselves.
      const span = name === 'counters' ? { from: 0, to: 0 } : await spanOf(reports, request.query);
      if ('code' in span) return send(reply, span);
      const found = await reports.ask(questionOf(name, request.query, span, scopeOf(name, view)));
      if (!found.ok) return send(reply, away(found.detail));
      const all = found.value as unknown as z.output<typeof answer>;
      const value = { ...all, rows: all.rows.filter((one) => seesRow(one, view)) };
      const unknown = value.rows.length > 0 ? null : unknownOf(request.query, view);
      if (unknown !== null) return send(reply, unknown);
      if (request.query.format === 'json') return value;
      const text = writeCsv(value.rows, Object.keys(row.shape));
      // Fastify takes the sent reply as the answer; the type knows of JSON alone.
      return reply
        .type('text/csv; charset=utf-8')
        .serializer(String)
        .send(text as never);
    },
  );
}

export function addReports(http: Http, reports: Reports, view: View): void {
  for (const list of LISTS) addList(http, reports, view, list);
  http.get(
    '/reports/calls/:id',
    {
      config: needs('read-only'),
      schema: {
        summary: 'One call that is over: each queue, each offer, each talk',
        tags: TAGS,
        params: z.object({ id: z.string().max(200).describe('Its id, or its SIP Call-ID') }),
        response: { 200: callDetail, 404: errorAnswer, 503: errorAnswer },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const found = await reports.ask({ name: 'call', id });
      if (!found.ok) return send(reply, away(found.detail));
      if (found.value === null || !seesRow({ ...found.value }, view)) {
        const what = `there is no call "${id.slice(0, 80)}" that is over`;
        const detail = `${what}; GET /reports/calls lists them`;
        return send(reply, problem('unknown-call', detail));
      }
      return { ...found.value, segments: [...found.value.segments] };
    },
  );
}
