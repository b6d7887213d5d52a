/**
 * Figures: sums over records, and what is said of sums. Nothing is counted anywhere else, so a
 * figure is the same before and after a restart, and for yesterday as for now.
 *
 * Service level, of visits that ended: SL = answered in time / answered; SL2 = (answered in time +
 * abandoned in time) / (answered + abandoned), both as Asterisk has them (app_queue.c). The
 * report's own `level` is by the configured formula. Abandons sooner than the short-abandon limit
 * are told, and count in no formula: those callers did not wait for us.
 */
import type { VisitOutcome } from './records.ts';

/** How the report's service level is made. */
export type LevelFormula =
  | 'answered' // Asterisk's SL
  | 'answered-and-abandoned' // Asterisk's SL2
  | 'offered'; // answered in time / (answered + abandoned): an abandon is a failure

export interface LevelOptions {
  readonly formula: LevelFormula;
  /** An abandon sooner than this is none. */
  readonly shortAbandonMs: number;
  /** Of each queue; others have `standardThresholdMs`. */
  readonly thresholds: ReadonlyMap<string, number>;
  readonly standardThresholdMs: number;
}

/** Upper ends of the classes of waits, seconds; the last class has none. */
const WAIT_CLASSES = [5, 10, 20, 30, 60, 120, 300, 600] as const;

export interface Sums {
  /** Calls that asked for the queue and are over or connected. */
  offered: number;
  answered: number;
  answeredInTime: number;
  abandoned: number;
  abandonedInTime: number;
  shortAbandoned: number;
  /** Left by TIMEOUT, LEAVEEMPTY, LEAVEUNAVAIL, CONTINUE, WITHDRAW. */
  left: number;
  /** Got no place: FULL, JOINEMPTY, JOINUNAVAIL, OVERLOAD. */
  refused: number;
  /** Ended by a fault on our side, while waiting. */
  failed: number;
  /** Waits of the answered, and of those who abandoned, ms. */
  answeredWaitMs: number;
  longestWaitMs: number;
  abandonedWaitMs: number;
  /** Answered, by class of wait. */
  readonly waits: number[];
  /** Talks that ended, ms. */
  talks: number;
  talkMs: number;
}

export function noSums(): Sums {
  return {
    offered: 0,
    answered: 0,
    answeredInTime: 0,
    abandoned: 0,
    abandonedInTime: 0,
    shortAbandoned: 0,
    left: 0,
    refused: 0,
    failed: 0,
    answeredWaitMs: 0,
    longestWaitMs: 0,
    abandonedWaitMs: 0,
    waits: Array.from({ length: WAIT_CLASSES.length + 1 }, () => 0),
    talks: 0,
    talkMs: 0,
  };
}

export interface CountedVisit {
  readonly queue: string;
  readonly outcome: VisitOutcome;
  readonly waitMs: number;
}

function classOf(waitMs: number): number {
  const found = WAIT_CLASSES.findIndex((end) => waitMs <= end * 1000);
  return found === -1 ? WAIT_CLASSES.length : found;
}

function addAbandon(sums: Sums, waitMs: number, isInTime: boolean, shortMs: number): void {
  if (waitMs < shortMs) {
    sums.shortAbandoned += 1;
    return;
  }
  sums.abandoned += 1;
  sums.abandonedWaitMs += waitMs;
  if (isInTime) sums.abandonedInTime += 1;
}

export function addVisit(sums: Sums, visit: CountedVisit, options: LevelOptions): void {
  const { queue, outcome, waitMs } = visit;
  const threshold = options.thresholds.get(queue) ?? options.standardThresholdMs;
  const isInTime = waitMs <= threshold;
  sums.offered += 1;
  switch (outcome) {
    case 'ANSWERED': {
      sums.answered += 1;
      sums.answeredWaitMs += waitMs;
      if (isInTime) sums.answeredInTime += 1;
      const place = classOf(waitMs);
      sums.waits[place] = (sums.waits[place] ?? 0) + 1;
      break;
    }
    case 'ABANDONED':
      addAbandon(sums, waitMs, isInTime, options.shortAbandonMs);
      break;
    case 'FAILED':
      sums.failed += 1;
      break;
    case 'FULL':
    case 'JOINEMPTY':
    case 'JOINUNAVAIL':
    case 'OVERLOAD':
    case 'UNKNOWNQUEUE':
      sums.refused += 1;
      break;
    default:
      sums.left += 1;
  }
  sums.longestWaitMs = Math.max(sums.longestWaitMs, waitMs);
}

export function addTalk(sums: Sums, lastedMs: number): void {
  sums.talks += 1;
  sums.talkMs += lastedMs;
}

/** Percent with one digit; null: nothing to divide by. */
export function percent(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 1000) / 10;
}

export interface Levels {
  /** Asterisk's two, percent; null: nobody yet. */
  readonly sl: number | null;
  readonly sl2: number | null;
  /** By the configured formula. */
  readonly level: number | null;
}

export function levelsOf(sums: Sums, formula: LevelFormula): Levels {
  const { answered, answeredInTime, abandoned, abandonedInTime } = sums;
  const both = answered + abandoned;
  const sl = percent(answeredInTime, answered);
  const sl2 = percent(answeredInTime + abandonedInTime, both);
  const level = {
    answered: sl,
    'answered-and-abandoned': sl2,
    offered: percent(answeredInTime, both),
  }[formula];
  return { sl, sl2, level };
}

export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Time that at least one of them covers, within the window, ms. */
export function coveredMs(intervals: Iterable<Interval>, window: Interval): number {
  const clipped = [...intervals]
    .map(({ from, to }) => ({ from: Math.max(from, window.from), to: Math.min(to, window.to) }))
    .filter(({ from, to }) => to > from)
    .sort((a, b) => a.from - b.from);
  let covered = 0;
  let until = -Infinity;
  for (const { from, to } of clipped) {
    if (to <= until) continue;
    covered += to - Math.max(from, until);
    until = to;
  }
  return covered;
}

/** How much of it lies in the window, ms. */
export function withinMs({ from, to }: Interval, window: Interval): number {
  return Math.max(0, Math.min(to, window.to) - Math.max(from, window.from));
}
