/**
 * A tally in the figures people compare: service level, waits, occupancy, fairness; and each of
 * them beside what queueing theory expects, with how far off it may be by chance.
 */
import type { Expected } from './erlang.ts';
import type { Sums, Tally } from './tally.ts';

export interface Figures {
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  readonly refused: number;
  readonly failed: number;
  /** Answered within the threshold, of all offered; 0 to 1. */
  readonly serviceLevel: number;
  /** Mean wait of all who entered, however it ended, ms. */
  readonly waitMs: number;
  /** Waits of the answered, ms. */
  readonly answeredAfter: {
    readonly mean: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
  };
  /** Talk and wrap-up, of the time agents were logged in and not paused. */
  readonly occupancy: number;
  /** Calls each agent had in an hour of his time. */
  readonly callsPerAgentHour: {
    readonly min: number;
    readonly median: number;
    readonly max: number;
  };
  /**
   * Jain's index of the agents' occupancy, 1: all alike, 1/n: one does it all (Jain, Chiu and
   * Hawe, "A quantitative measure of fairness", DEC TR-301, 1984).
   */
  readonly fairness: number;
  /** Share of the answered who were so while somebody who came before them still waited. */
  readonly overtook: number;
}

/** Of one queue: agents are not any one queue's. */
export type QueueFigures = Omit<Figures, 'occupancy' | 'callsPerAgentHour' | 'fairness'>;

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

function sortedBy(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort();
}

/** Agents who were there for less than a tenth of the longest stay say nothing of fairness. */
function fairness(tally: Tally) {
  const agents = [...tally.agents().values()];
  const longest = agents.reduce((most, { staffedMs }) => Math.max(most, staffedMs), 0);
  const there = agents.filter(({ staffedMs }) => staffedMs > longest / 10);
  const busy = there.map(({ talkMs, staffedMs }) => talkMs / staffedMs);
  const rates = [...sortedBy(there.map(({ calls, staffedMs }) => calls / (staffedMs / 3_600_000)))];
  const sum = busy.reduce((total, one) => total + one, 0);
  const squares = busy.reduce((total, one) => total + one * one, 0);
  return {
    fairness: squares === 0 ? 1 : (sum * sum) / (busy.length * squares),
    callsPerAgentHour: {
      min: rates[0] ?? 0,
      median: quantile(rates, 0.5),
      max: rates.at(-1) ?? 0,
    },
  };
}

export function queueFiguresOf(tally: Tally): QueueFigures {
  const total = tally.total();
  const waits = [...sortedBy(tally.waits)];
  const entered = total.offered - total.refused;
  return {
    offered: total.offered,
    answered: total.answered,
    abandoned: total.abandoned,
    refused: total.refused,
    failed: total.failed,
    serviceLevel: share(total.quick, total.offered),
    waitMs: share(total.waitMs, entered),
    answeredAfter: {
      mean: share(
        waits.reduce((sum, wait) => sum + wait, 0),
        waits.length,
      ),
      p50: quantile(waits, 0.5),
      p90: quantile(waits, 0.9),
      p99: quantile(waits, 0.99),
      max: waits.at(-1) ?? 0,
    },
    overtook: share(tally.overtakers, total.answered),
  };
}

export function figuresOf(tally: Tally): Figures {
  const { talkMs, wrapupMs, staffedMs } = tally.total();
  return {
    ...queueFiguresOf(tally),
    occupancy: share(talkMs + wrapupMs, staffedMs),
    ...fairness(tally),
  };
}

/** One figure of the simulation beside theory's. */
export interface Beside {
  readonly name: keyof Expected;
  readonly simulated: number;
  readonly expected: number;
  /** Standard error of the simulated figure. */
  readonly error: number;
  /** How many standard errors they are apart. */
  readonly apart: number;
}

/**
 * They agree up to here. With 20 parts that know nothing of each other a figure that is right is
 * further off than this in one of 4,000 cases (Student's t with 19 degrees of freedom); where they
 * do, theory itself says how large the error is at least (`scatter.ts`).
 */
export const APART_MAX = 4.5;

type Ratio = readonly [(sums: Sums) => number, (sums: Sums) => number];

const RATIOS: Readonly<Record<keyof Expected, Ratio>> = {
  waits: [(sums) => sums.waited, (sums) => sums.offered],
  waitMs: [(sums) => sums.waitMs, (sums) => sums.offered],
  abandons: [(sums) => sums.abandoned, (sums) => sums.offered],
  serviceLevel: [(sums) => sums.quick, (sums) => sums.offered],
  occupancy: [(sums) => sums.talkMs, (sums) => sums.staffedMs],
};

/** Ratio of two sums, and its standard error from the parts' scatter (batch means). */
function estimate(parts: readonly Sums[], [above, below]: Ratio): [number, number] {
  const tops = parts.map(above);
  const bottoms = parts.map(below);
  const bottom = bottoms.reduce((sum, one) => sum + one, 0);
  const ratio = share(
    tops.reduce((sum, one) => sum + one, 0),
    bottom,
  );
  const mean = bottom / parts.length;
  const squares = tops.map((top, n) => ((top - ratio * (bottoms[n] ?? 0)) / mean) ** 2);
  const variance = squares.reduce((sum, one) => sum + one, 0) / (parts.length - 1);
  return [ratio, Math.sqrt(variance / parts.length)];
}

/** What an error cannot be below: where nothing rare has happened, the scatter is none. */
function leastError(name: keyof Expected, expected: number, offered: number): number {
  // Instants are whole milliseconds.
  if (name === 'waitMs') return 0.5;
  if (name === 'occupancy') return 1e-4;
  return Math.sqrt(Math.max(expected * (1 - expected), 1 / offered) / offered);
}

/** Theory knows nothing of the scatter. */
const UNKNOWN: Expected = { waits: 0, waitMs: 0, abandons: 0, serviceLevel: 0, occupancy: 0 };

/** `scatter`: the standard errors that theory expects. */
export function compareWith(
  expected: Expected,
  tally: Tally,
  scatter: Expected = UNKNOWN,
): Beside[] {
  const { offered } = tally.total();
  return (Object.keys(RATIOS) as (keyof Expected)[]).map((name) => {
    const [simulated, seen] = estimate(tally.parts, RATIOS[name]);
    const least = Math.hypot(scatter[name], leastError(name, expected[name], offered));
    const error = Math.max(seen, least);
    const apart = Math.abs(simulated - expected[name]) / error;
    return { name, simulated, expected: expected[name], error, apart };
  });
}
