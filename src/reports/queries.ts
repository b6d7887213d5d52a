/**
 * What is asked of the reports' database: each answer is read row by row and summed up as it
 * goes, so that a month costs no more memory than an hour. What is still open (a session, a pause)
 * counts up to the last event.
 */
import type {
  AgentFigures,
  Asked,
  IntervalName,
  PauseFigures,
  QueueCounters,
  QueueFigures,
  ReportOptions,
  Rows,
  Scope,
} from './answers.ts';
import { ROWS_MAX } from './answers.ts';
import {
  addTalk,
  addVisit,
  levelsOf,
  noSums,
  percent,
  withinMs,
  type Interval,
  type Sums,
} from './figures.ts';
import type { House } from './house.ts';
import { sumAgent } from './agent-time.ts';
import { openSpans, type SpanRecord, type VisitOutcome } from './records.ts';
import type { ReportStore } from './store.ts';
import { iso, seconds } from './units.ts';
import type { Zone } from './zone.ts';

export interface Sources {
  readonly store: ReportStore;
  readonly house: House;
  /** Instant of the last event. */
  readonly now: number;
  readonly options: ReportOptions;
  readonly zone: Zone;
}

const QUARTER_MS = 15 * 60_000;
/** Quarters of an hour whose interval is remembered during one answer: nearly three years. */
const KNOWN_QUARTERS_MAX = 100_000;
const LENGTHS = { '15m': QUARTER_MS, '30m': 2 * QUARTER_MS, hour: 4 * QUARTER_MS } as const;

function mean(sumMs: number, count: number): number | null {
  return count === 0 ? null : seconds(sumMs / count);
}

/** The interval an instant lies in, by the clock on the wall of the zone. */
function intervalOf(zone: Zone, name: IntervalName, asked: Asked): (at: number) => Interval {
  if (name === 'none') return () => asked;
  if (name === 'day') return (at) => zone.day(at);
  // Zones are off by whole quarters of an hour: the same difference holds for one of them.
  const known = new Map<number, Interval>();
  return (at) => {
    const quarter = Math.floor(at / QUARTER_MS);
    let found = known.get(quarter);
    if (found === undefined) {
      found = intervalAt(zone, LENGTHS[name], quarter * QUARTER_MS);
      if (known.size > KNOWN_QUARTERS_MAX) known.clear();
      known.set(quarter, found);
    }
    return found;
  };
}

/** That of a quarter's first instant. Where the clock is set within it, it begins or ends there. */
function intervalAt(zone: Zone, length: number, start: number): Interval {
  const offset = (at: number) => zone.wall(at) - at;
  const here = offset(start);
  let from = start - (zone.wall(start) % length);
  let to = from + length;
  while (offset(from) !== here) from += QUARTER_MS;
  while (offset(to - QUARTER_MS) !== here) to -= QUARTER_MS;
  return { from, to };
}

interface VisitRow {
  readonly queue: string;
  readonly entered_at: number;
  readonly outcome: VisitOutcome;
  readonly wait_ms: number;
}

interface TalkRow {
  readonly queue: string;
  readonly from_at: number;
  readonly lasted_ms: number;
}

interface Bucket {
  readonly queue: string;
  readonly from: number;
  readonly to: number;
  readonly sums: Sums;
}

/**
 * SQL that leaves in what is asked for, and what whoever asks may see; its values: `boundsOf`.
 * `others`: conditions of rows that he sees, too.
 */
export function onlyQueues(
  { queue, scope }: Asked,
  columns: readonly string[],
  others: readonly string[] = [],
): string {
  const inScope = columns.map((name) => `${name} IN (SELECT value FROM json_each(@scope))`);
  const isSeen = [...inScope, ...others];
  const asked = queue === undefined ? '' : ` AND ${columns.at(-1) ?? ''} = @queue`;
  return asked + (scope === undefined ? '' : ` AND (${isSeen.join(' OR ')})`);
}

/** Only those that the SQL names may be given. */
export function boundsOf({ from, to, queue, scope }: Asked): Record<string, number | string> {
  return {
    ...{ from, to },
    ...(queue === undefined ? {} : { queue }),
    ...(scope === undefined ? {} : { scope: JSON.stringify(scope.queues) }),
  };
}

/** Calls count where they came, talks where they began. */
function bucketsOf(sources: Sources, asked: Asked, name: IntervalName): Map<string, Bucket> {
  const { store, options, zone } = sources;
  const interval = intervalOf(zone, name, asked);
  const buckets = new Map<string, Bucket>();
  const bucket = (queue: string, at: number): Bucket => {
    const { from, to } = interval(at);
    const key = `${from} ${queue}`;
    let found = buckets.get(key);
    if (found === undefined) buckets.set(key, (found = { queue, from, to, sums: noSums() }));
    return found;
  };
  const only = onlyQueues(asked, ['queue']);
  const given = boundsOf(asked);
  const visits = store.db.prepare(
    'SELECT queue, entered_at, outcome, wait_ms FROM visit ' +
      `WHERE entered_at >= @from AND entered_at < @to${only}`,
  );
  for (const row of visits.iterate(given) as Iterable<VisitRow>) {
    const { queue, outcome, wait_ms: waitMs } = row;
    addVisit(bucket(queue, row.entered_at).sums, { queue, outcome, waitMs }, options.levels);
  }
  const talks = store.db.prepare(
    "SELECT queue, from_at, lasted_ms FROM span WHERE what = 'talk' " +
      `AND to_at >= @from AND from_at >= @from AND from_at < @to${only}`,
  );
  for (const row of talks.iterate(given) as Iterable<TalkRow>) {
    addTalk(bucket(row.queue, row.from_at).sums, row.lasted_ms);
  }
  return buckets;
}

function thresholdOf({ levels }: ReportOptions, queue: string): number {
  return seconds(levels.thresholds.get(queue) ?? levels.standardThresholdMs);
}

function queueFigures(
  { queue, from, to, sums }: Bucket,
  { options, zone }: Pick<Sources, 'options' | 'zone'>,
): QueueFigures {
  const { sl, sl2, level } = levelsOf(sums, options.levels.formula);
  return {
    queue,
    from: iso(from),
    to: iso(to),
    local_from: zone.local(from),
    offered: sums.offered,
    answered: sums.answered,
    abandoned: sums.abandoned,
    short_abandoned: sums.shortAbandoned,
    left: sums.left,
    refused: sums.refused,
    failed: sums.failed,
    abandoned_percent: percent(sums.abandoned, sums.answered + sums.abandoned),
    threshold_seconds: thresholdOf(options, queue),
    service_level: level,
    sl,
    sl2,
    average_wait_seconds: mean(sums.answeredWaitMs, sums.answered),
    longest_wait_seconds: seconds(sums.longestWaitMs),
    average_abandon_seconds: mean(sums.abandonedWaitMs, sums.abandoned),
    average_talk_seconds: mean(sums.talkMs, sums.talks),
    waits: sums.waits,
  };
}

export function askQueues(
  sources: Sources,
  asked: Asked & { readonly interval: IntervalName },
): Rows<QueueFigures> {
  const found = [...bucketsOf(sources, asked, asked.interval).values()].sort(
    (a, b) => a.from - b.from || (a.queue < b.queue ? -1 : 1),
  );
  const rows = found.slice(0, ROWS_MAX).map((bucket) => queueFigures(bucket, sources));
  return { rows, more: found.length > ROWS_MAX };
}

/** Every queue of the configuration, also those without a call today. */
export function askCounters(
  sources: Sources,
  now: number,
  { queue: sought, scope }: Pick<Asked, 'queue' | 'scope'> = {},
): Rows<QueueCounters> {
  const { house, options, zone } = sources;
  const { from, to } = zone.day(now);
  const buckets = bucketsOf(sources, { from, to }, 'none');
  const all = (house.config?.queues ?? []).map(({ name }) => name);
  const names = all.filter((name) => name === (sought ?? name) && !isOutOf(scope, name));
  const rows = names.map((queue): QueueCounters => {
    const sums = buckets.get(`${from} ${queue}`)?.sums ?? noSums();
    const { sl, sl2 } = levelsOf(sums, options.levels.formula);
    return {
      queue,
      since: iso(from),
      hold_seconds: mean(sums.answeredWaitMs, sums.answered) ?? 0,
      talk_seconds: mean(sums.talkMs, sums.talks) ?? 0,
      completed: sums.talks,
      abandoned: sums.abandoned + sums.shortAbandoned,
      threshold_seconds: thresholdOf(options, queue),
      sl: sl ?? 0,
      sl2: sl2 ?? 0,
    };
  });
  return { rows, more: false };
}

interface SpanRow {
  readonly what: SpanRecord['what'];
  readonly agent_id: string;
  readonly queue: string;
  readonly from_at: number;
  readonly to_at: number;
  readonly detail: string;
}

/** Is an agent in the scope? */
function agentsIn(scope: Scope | undefined): (agent: string) => boolean {
  if (scope === undefined) return () => true;
  const agents = new Set(scope.agents);
  return (agent) => agents.has(agent);
}

/**
 * Spans that lie in the window at least in part, with those that are open yet, agent by agent; of
 * an agent who is not sought none is read.
 */
function* agentSpans(
  sources: Sources,
  asked: Asked,
  isSought: (agent: string) => boolean,
): Iterable<[string, SpanRow[]]> {
  const { store, house, now } = sources;
  const open = new Map<string, SpanRow[]>();
  const put = (agentId: string, span: SpanRecord) => {
    const { what, queue, from: from_at, to: to_at, detail } = span;
    const row = { what, agent_id: agentId, queue, from_at, to_at, detail };
    open.set(agentId, [...(open.get(agentId) ?? []), row]);
  };
  for (const [agentId, person] of house.people) {
    for (const span of openSpans(agentId, person, Math.max(now, person.since))) put(agentId, span);
  }
  for (const { connectedAt, agentId, queue } of house.calls.values()) {
    if (connectedAt === null || agentId === null) continue;
    const span = { what: 'talk', queue, from: connectedAt, to: Math.max(now, connectedAt) };
    put(agentId, { ...span, detail: '' } as SpanRecord);
  }
  for (const { pickedUpAt: from, agentId } of house.outbound.values()) {
    if (from === null) continue;
    put(agentId, { what: 'outbound', queue: '', from, to: Math.max(now, from) } as SpanRecord);
  }
  const agents = new Set(open.keys());
  const listed = store.db.prepare(
    "SELECT DISTINCT agent_id FROM span WHERE to_at > ? AND agent_id <> ''",
  );
  for (const row of listed.all(asked.from) as { agent_id: string }[]) agents.add(row.agent_id);
  const spans = store.db.prepare(
    'SELECT what, agent_id, queue, from_at, to_at, detail FROM span ' +
      'WHERE agent_id = @agent AND to_at > @from AND from_at < @to ORDER BY from_at',
  );
  for (const agent of [...agents].sort()) {
    if ((asked.agent !== undefined && asked.agent !== agent) || !isSought(agent)) continue;
    const rows = spans.all({ agent, from: asked.from, to: asked.to }) as SpanRow[];
    const mine = (open.get(agent) ?? []).filter(
      ({ from_at, to_at }) => from_at < asked.to && to_at >= asked.from,
    );
    if (rows.length + mine.length > 0) yield [agent, [...rows, ...mine]];
  }
}

/** Members of the queue that is asked for; undefined: it may be anybody. */
function membersOf({ house }: Sources, { queue }: Asked): ReadonlySet<string> | undefined {
  if (queue === undefined) return undefined;
  const agents = house.config?.agents ?? [];
  return new Set(agents.filter(({ queues }) => queues.includes(queue)).map(({ id }) => id));
}

const isOutOf = (scope: Scope | undefined, queue: string | undefined): boolean =>
  scope !== undefined && queue !== undefined && !scope.queues.includes(queue);

/** With a queue: its members, and whoever did something for it. */
export function askAgents(sources: Sources, asked: Asked): Rows<AgentFigures> {
  const rows: AgentFigures[] = [];
  const { queue, scope } = asked;
  if (isOutOf(scope, queue)) return { rows, more: false };
  const members = membersOf(sources, asked);
  const names = new Map(
    (sources.house.config?.agents ?? []).map(({ id, name }) => [id, name] as const),
  );
  for (const [agent, spans] of agentSpans(sources, asked, agentsIn(asked.scope))) {
    const isThere = members?.has(agent) ?? true;
    if (!isThere && !spans.some((span) => span.queue === queue)) continue;
    if (rows.length >= ROWS_MAX) return { rows, more: true };
    const plain = spans.map(({ what, queue, from_at: from, to_at: to, detail }) => ({
      what,
      queue,
      from,
      to,
      detail,
    }));
    rows.push({ agent, name: names.get(agent) ?? '', ...sumAgent(plain, asked, queue) });
  }
  return { rows, more: false };
}

/** With a queue: pauses there, and its members' pauses in all. */
export function askPauses(sources: Sources, asked: Asked): Rows<PauseFigures> {
  const rows: PauseFigures[] = [];
  const members = membersOf(sources, asked);
  const seesAgent = agentsIn(asked.scope);
  // Also of who is no longer in the scope: his pauses in one of its queues are.
  for (const [agent, spans] of agentSpans(sources, asked, () => true)) {
    const sums = new Map<string, { queue: string; reason: string; pauses: number; ms: number }>();
    for (const { what, queue, detail: reason, from_at: from, to_at: to } of spans) {
      if (what !== 'pause') continue;
      const key = `${queue}\n${reason}`;
      const found = sums.get(key) ?? { queue, reason, pauses: 0, ms: 0 };
      sums.set(key, found);
      found.pauses += 1;
      found.ms += withinMs({ from, to }, asked);
    }
    for (const { queue, reason, pauses, ms } of sums.values()) {
      const isSeen = queue === '' ? seesAgent(agent) : asked.scope?.queues.includes(queue);
      const isHere = queue === '' ? members?.has(agent) : queue === (asked.queue ?? queue);
      if (isSeen === false || isHere === false) continue;
      if (rows.length >= ROWS_MAX) return { rows, more: true };
      rows.push({ agent, queue, reason, pauses, seconds: seconds(ms) });
    }
  }
  return { rows, more: false };
}
