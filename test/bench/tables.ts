/** The figures as Markdown, one table for each benchmark. */
import type { CallsFigure } from './calls.ts';
import type { CoreFigure } from './core.ts';
import type { HttpFigure } from './http.ts';
import type { JournalFigure, Start } from './journal.ts';
import type { LatencyFigure } from './latency.ts';
import type { WaitingFigure } from './waiting.ts';

type Cell = string | number;

function table(title: string, head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) => `| ${cells.join(' | ')} |`;
  const rule = `|${head.map((_, index) => (index === 0 ? '---' : '---:')).join('|')}|`;
  return [`### ${title}`, '', line(head), rule, ...rows.map(line)].join('\n');
}

const digits = (value: number, count: number): string => value.toFixed(count);

export function callsTable(figures: readonly CallsFigure[]): string {
  const head = ['calls/s', 'agents', 'calls', 'failed', 'CPU ms per call'].concat([
    'of it sipd',
    'mediad',
    'server',
    'CPU % sipd / mediad / server',
    'retransmissions',
  ]);
  return table(
    '(a) Complete queue calls, 2 s of talk',
    head,
    figures.map(({ perSecond, agents, calls, failed, cpuMsPerCall: cost, ...rest }) => [
      perSecond,
      agents,
      calls,
      failed,
      digits(cost.all, 2),
      ...[cost.sipd, cost.mediad, cost.server].map((part) => digits(part, 2)),
      [rest.cpuPercent.sipd, rest.cpuPercent.mediad, rest.cpuPercent.server]
        .map((part) => digits(part, 0))
        .join(' / '),
      rest.retransmissions,
    ]),
  );
}

export function waitingTable(figures: readonly WaitingFigure[]): string {
  const head = [
    'waiting',
    'failed',
    'CPU ms/s per caller',
    'of it sipd',
    'mediad',
    'server',
  ].concat(
    ['kB per caller', 'of it sipd', 'mediad', 'server'],
    ['packets heard', 'lost', 'late (> 30 ms)', 'gap p50', 'p99', 'max ms'],
  );
  return table(
    '(b) Callers waiting with music',
    head,
    figures.map(({ waiting, failed, heard, ...costs }) => {
      const [cpu, memory] = [costs.cpuMsPerCallerSecond, costs.memoryKbPerCaller];
      return [
        waiting,
        failed,
        ...[cpu.all, cpu.sipd, cpu.mediad, cpu.server].map((part) => digits(part, 3)),
        ...[memory.all, memory.sipd, memory.mediad, memory.server].map((part) => digits(part, 0)),
        heard.packets,
        heard.lost,
        heard.late,
        ...[heard.gap.p50, heard.gap.p99, heard.gap.max].map((gap) => digits(gap, 1)),
      ];
    }),
  );
}

export function latencyTable(figures: readonly LatencyFigure[]): string {
  return table(
    '(c) From an agent’s BYE to the INVITE that brings him the next caller, ms',
    ['agents / waiting', 'samples', 'p50', 'p99', 'max', 'failed'],
    figures.map(({ agents, waiting, samples, p50, p99, max, failed }) => [
      `${agents} / ${waiting}`,
      samples,
      ...[p50, p99, max].map((ms) => digits(ms, 1)),
      failed,
    ]),
  );
}

export function httpTable(figures: readonly HttpFigure[]): string {
  const head = ['readers / askers', 'GET /queues per s', 'p50 / p99 ms', 'kB each'].concat(
    ['events/s', 'missed', 'readers lost', '(c) p50', 'p99', 'max ms', 'failed'],
    ['CPU % sipd / mediad / server'],
  );
  const [first] = figures;
  return table(
    `(f) REST, ${first?.agents ?? 0} agents, ${first?.waiting ?? 0} waiting`,
    head,
    figures.map((figure) => [
      `${figure.readers} / ${figure.askers}`,
      digits(figure.queuesPerSecond, 1),
      `${digits(figure.answerP50, 1)} / ${digits(figure.answerP99, 1)}`,
      digits(figure.answerBytes / 1_000, 0),
      digits(figure.eventsPerSecond, 1),
      figure.missed,
      figure.lost,
      ...[figure.p50, figure.p99, figure.max].map((ms) => digits(ms, 1)),
      figure.failed,
      [figure.cpuPercent.sipd, figure.cpuPercent.mediad, figure.cpuPercent.server]
        .map((part) => digits(part, 0))
        .join(' / '),
    ]),
  );
}

export function coreTable(figures: readonly CoreFigure[]): string {
  return table(
    '(d) The core alone',
    ['strategy', 'agents', 'waiting', 'queues each', 'commands/s', 'events/s'].concat([
      'bytes per waiting call',
      'bytes per agent',
    ]),
    figures.map((figure) => [
      figure.strategy,
      figure.agents,
      figure.waiting,
      figure.memberships,
      figure.commandsPerSecond,
      figure.eventsPerSecond,
      figure.bytesPerWaiting ?? '',
      figure.bytesPerAgent,
    ]),
  );
}

export function journalTable(figure: JournalFigure): string {
  const { events, batch, megabytes, eventsPerSecond } = figure;
  const row = (name: string, start: Start): Cell[] => [
    name,
    events,
    megabytes,
    start.replayed,
    start.openMs,
    start.rebuildMs,
    start.openMs + start.rebuildMs,
    start.cpuMs,
  ];
  const head = [
    'start after',
    'events',
    'MB',
    'replayed',
    'open ms',
    'rebuild ms',
    'all ms',
  ].concat('CPU ms');
  return [
    table('(e) The journal', head, [
      row('a stop', figure.startAfterStop),
      row('a kill, at its worst', figure.startAfterKill),
    ]),
    '',
    `Written: ${eventsPerSecond} events/s, ${batch} and more in a write, each durable.`,
  ].join('\n');
}
