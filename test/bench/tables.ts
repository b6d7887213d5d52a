/** The figures as Markdown, one table for each benchmark. */
import type { CallsFigure } from './calls.ts';
import type { CoreFigure } from './core.ts';
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

export function coreTable(figures: readonly CoreFigure[]): string {
  return table(
    '(d) The core alone',
    ['agents', 'waiting', 'commands/s', 'events/s', 'heap MB'],
    figures.map((figure) => [
      figure.agents,
      figure.waiting,
      figure.commandsPerSecond,
      figure.eventsPerSecond,
      figure.heapMb,
    ]),
  );
}
