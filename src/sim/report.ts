/** What a simulation found, for people and for programs. */
import type { Beside, Figures } from './figures.ts';
import { writeCommand } from './options.ts';
import type { SimResult } from './simulate.ts';

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Columns as wide as their widest cell, the first to the left, the others to the right. */
export function writeTable(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, n) =>
    Math.max(...rows.map((row) => row[n]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)));
  return rows.map((row) => line(row).join('  ').trimEnd()).join('\n');
}

function writeFigures(figures: Figures, threshold: number): string[] {
  const { offered, answered, abandoned, refused, failed, answeredAfter: after } = figures;
  const { min, median, max } = figures.callsPerAgentHour;
  const rates = [min, median, max].map((rate) => rate.toFixed(1)).join(' / ');
  return [
    `calls      ${offered} offered, ${answered} answered, ${abandoned} abandoned, ` +
      `${refused} refused, ${failed} failed`,
    `service    ${percent(figures.serviceLevel)} answered within ${threshold} s`,
    `waits      mean ${seconds(figures.waitMs)}; of the answered ${seconds(after.p50)} (50 %), ` +
      `${seconds(after.p90)} (90 %), ${seconds(after.p99)} (99 %), ${seconds(after.max)} at most`,
    `agents     ${percent(figures.occupancy)} occupied; ${rates} calls an hour ` +
      '(least, median, most)',
    `fairness   ${figures.fairness.toFixed(4)} (Jain); ${percent(figures.overtook)} answered ` +
      'before somebody who had come first',
  ];
}

const NAMES: Readonly<Record<Beside['name'], string>> = {
  waits: 'callers who wait',
  waitMs: 'mean wait',
  abandons: 'callers who give up',
  serviceLevel: 'service level',
  occupancy: 'occupancy',
};

function writeTheory(theory: readonly Beside[], name: string): string {
  const rows = theory.map((beside) => {
    const show = beside.name === 'waitMs' ? seconds : percent;
    const wide = beside.name === 'waitMs' ? beside.error / 1000 : beside.error * 100;
    return [
      NAMES[beside.name],
      show(beside.simulated),
      show(beside.expected),
      wide.toFixed(2),
      `${beside.apart.toFixed(1)} errors`,
    ];
  });
  return writeTable([['', 'simulated', name, 'std. error', 'apart'], ...rows]);
}

export function writeReport(result: SimResult): string {
  const { options, figures, theory, struck, turnedAway, violations, hash, events } = result;
  const { hours, agents, queues, memberships, callsPerHour, seed, strategy } = options;
  const shape = queues === 1 ? '1 queue' : `${queues} queues, ${memberships} for each agent`;
  const lines = [
    `${hours} h, ${agents} agents, ${shape}, ${callsPerHour} calls an hour, ${strategy}, ` +
      `seed ${seed}`,
    ...writeFigures(figures, options.threshold),
  ];
  if (struck !== null) {
    lines.push(
      `faults     journal refused ${struck.refusals} times, slow ${struck.slow} times, ` +
        `${struck.restarts} restarts; ${turnedAway} callers turned away`,
    );
  }
  lines.push(`journal    ${events} events, hash ${hash}`);
  if (theory !== null) {
    lines.push('', writeTheory(theory, options.patience === 0 ? 'Erlang-C' : 'Erlang-A'), '');
  }
  if (violations.length === 0) lines.push('no promise was broken');
  return lines.join('\n');
}

/** What was broken, and how to see it again. */
export function writeViolations({ violations, options }: SimResult): string {
  return [
    `${violations.length} promises were broken:`,
    ...violations.map((one) => `  ${one}`),
    `to see it again: ${writeCommand(options)}`,
  ].join('\n');
}

/** The one object of `--json`. */
export function writeJson({ options, hash, events, figures, violations }: SimResult): string {
  return JSON.stringify({
    seed: options.seed,
    hash,
    events,
    offered: figures.offered,
    answered: figures.answered,
    abandoned: figures.abandoned,
    service_level: Math.round(figures.serviceLevel * 10_000) / 10_000,
    violations: violations.length,
  });
}
