/** The answer to a what-if: one day three times, and the difference the configuration makes. */
import type { Figures, QueueFigures } from './figures.ts';
import { percent, seconds, writeTable } from './report.ts';
import type { Day, WhatIf } from './what-if.ts';

type Row = readonly [string, (figures: Figures) => number, (value: number) => string];

const count = (value: number): string => String(value);

const ROWS: readonly Row[] = [
  ['calls offered', (it) => it.offered, count],
  ['answered', (it) => it.answered, count],
  ['abandoned', (it) => it.abandoned, count],
  ['refused', (it) => it.refused, count],
  ['failed', (it) => it.failed, count],
  ['service level', (it) => it.serviceLevel, percent],
  ['mean wait', (it) => it.waitMs, seconds],
  ['answered after, mean', (it) => it.answeredAfter.mean, seconds],
  ['  50 % within', (it) => it.answeredAfter.p50, seconds],
  ['  90 % within', (it) => it.answeredAfter.p90, seconds],
  ['  99 % within', (it) => it.answeredAfter.p99, seconds],
  ['occupancy', (it) => it.occupancy, percent],
  ['fairness (Jain)', (it) => it.fairness, (value) => value.toFixed(4)],
];

function signed(value: number, show: (value: number) => string): string {
  return value > 0 ? `+${show(value)}` : show(value);
}

function writeDay({ recorded, replayed, other }: WhatIf, name: string): string {
  const rows = ROWS.map(([label, read, show]) => {
    const [was, again, then] = [recorded, replayed, other].map((day) => read(day.figures));
    const [before = 0, after = 0] = [again, then];
    return [label, show(was ?? 0), show(before), show(after), signed(after - before, show)];
  });
  return writeTable([['', 'recorded', 'run again', name, 'difference'], ...rows]);
}

function queueNames({ replayed, other }: WhatIf): string[] {
  return [...new Set([...replayed.queues.keys(), ...other.queues.keys()])].sort();
}

function writeQueues(found: WhatIf): string {
  const cell = (day: Day, name: string) => day.queues.get(name);
  const rows = queueNames(found).map((name) => {
    const [before, after] = [cell(found.replayed, name), cell(found.other, name)];
    const level = (it?: QueueFigures) => (it === undefined ? '' : percent(it.serviceLevel));
    const wait = (it?: QueueFigures) => (it === undefined ? '' : seconds(it.waitMs));
    const calls = String(before?.offered ?? after?.offered ?? 0);
    return [name, calls, level(before), level(after), wait(before), wait(after)];
  });
  const head = ['queue', 'calls', 'service level', 'then', 'mean wait', 'then'];
  return writeTable([head, ...rows]);
}

/** `name`: of the other configuration. */
export function writeWhatIf(found: WhatIf, name: string): string {
  const [from, to] = [found.from, found.to].map((at) => new Date(at).toISOString());
  return [
    `${from} to ${to}`,
    '',
    writeDay(found, name),
    '',
    writeQueues(found),
    ...found.notes.map((note) => `note: ${note}`),
  ].join('\n');
}

function plain(day: Day): object {
  return { ...day.figures, queues: Object.fromEntries(day.queues) };
}

/** One object; spans are milliseconds, shares are from 0 to 1. */
export function writeWhatIfJson(found: WhatIf): string {
  const { replayed, other } = found;
  const difference = (read: (figures: Figures) => number) =>
    read(other.figures) - read(replayed.figures);
  return JSON.stringify({
    from: new Date(found.from).toISOString(),
    to: new Date(found.to).toISOString(),
    recorded: plain(found.recorded),
    replayed: plain(replayed),
    other: plain(other),
    difference: {
      serviceLevel: difference((it) => it.serviceLevel),
      waitMs: difference((it) => it.waitMs),
      answeredAfterMs: difference((it) => it.answeredAfter.mean),
      answered: difference((it) => it.answered),
      abandoned: difference((it) => it.abandoned),
    },
    notes: found.notes,
  });
}
