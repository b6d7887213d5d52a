/**
 * `simulate`: a day drawn by a seed, run and judged. In the plain case its figures must also be
 * those of queueing theory, within what chance explains.
 */
import type { Journal } from '../journal/port.ts';
import { MemoryJournal } from '../journal/memory.ts';
import { houseConfig } from './config.ts';
import { erlangA } from './erlang.ts';
import { Faults, type Struck } from './faults.ts';
import { APART_MAX, compareWith, figuresOf, type Beside, type Figures } from './figures.ts';
import type { SimOptions } from './options.ts';
import { People } from './people.ts';
import { run } from './run.ts';
import { scatterOf } from './scatter.ts';
import { Tally } from './tally.ts';
import { DAY_BEGINS, Timeline } from './timeline.ts';

export interface SimResult {
  readonly options: SimOptions;
  readonly hash: string;
  readonly events: number;
  readonly figures: Figures;
  /** Beside queueing theory; null where that has no say. */
  readonly theory: readonly Beside[] | null;
  readonly struck: Struck | null;
  /** Callers whom the ACD could not even hear, because its journal was down. */
  readonly turnedAway: number;
  readonly violations: readonly string[];
}

export type Simulated =
  | { readonly ok: true; readonly result: SimResult }
  | { readonly ok: false; readonly fault: string };

const HOUR_MS = 3_600_000;
/** Parts of the counted time, for the scatter of its figures. */
const PARTS = 20;

/** An empty house is not in balance: its first time does not count in the plain case. */
function warmUpMs({ erlang, hours, handle }: SimOptions): number {
  const span = hours * HOUR_MS;
  return erlang ? Math.min(span / 2, Math.max(span / 10, 5 * handle * 1000)) : 0;
}

/** `spanMs`: how long the counted time is. */
function judge(options: SimOptions, tally: Tally, spanMs: number): Beside[] {
  const { callsPerHour, handle, agents, patience, threshold } = options;
  const line = {
    arrivalRate: callsPerHour / HOUR_MS,
    handleMs: handle * 1000,
    agents,
    patienceMs: patience === 0 ? Infinity : patience * 1000,
  };
  const thresholdMs = threshold * 1000;
  return compareWith(erlangA(line, thresholdMs), tally, scatterOf(line, thresholdMs, spanMs));
}

export async function simulate(
  options: SimOptions,
  journal: Journal = new MemoryJournal(),
  progress?: (share: number, events: number) => void,
): Promise<Simulated> {
  const house = houseConfig(options);
  if (!house.ok) return house;
  const timeline = new Timeline();
  const ids = house.config.agents.map(({ id }) => id);
  const script = new People(options, ids, DAY_BEGINS);
  const { from, to } = script.span;
  const tally = new Tally({
    from: from + warmUpMs(options),
    to,
    parts: PARTS,
    thresholdMs: options.threshold * 1000,
  });
  const faults = options.faults ? new Faults(options.seed) : null;
  const ran = await run({
    config: house.config,
    script,
    timeline,
    journal,
    keepsAll: options.journal !== '',
    span: { from, to },
    tally,
    faults,
    checkEvery: options.checkEvery,
    // A veto makes differences between agents.
    isPlain: options.veto === 0,
    progress: (at, events) => progress?.(Math.min(1, (at - from) / (to - from)), events),
  });
  const theory = options.erlang ? judge(options, tally, to - from - warmUpMs(options)) : null;
  const strange = (theory ?? [])
    .filter(({ apart }) => apart > APART_MAX)
    .map(({ name, simulated, expected }) => `${name} is ${simulated}, theory says ${expected}`);
  return {
    ok: true,
    result: {
      options,
      hash: ran.hash,
      events: ran.events,
      figures: figuresOf(tally),
      theory,
      struck: faults?.struck ?? null,
      turnedAway: ran.turnedAway,
      violations: [...ran.violations, ...strange],
    },
  };
}
