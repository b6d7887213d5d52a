/**
 * Benchmark (c): from an agent's BYE leaving his phone to the INVITE that brings him the next
 * caller, with so many agents and so many callers waiting all the time. SIPp plays the callers
 * and replaces whoever ends; the agents' phones are in this process (desk.ts).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { percentile } from '../../src/cli/demo/score.ts';
import { until } from '../support/inbox.ts';
import { Desk } from './desk.ts';
import { openSink } from './ears.ts';
import { agentIds, minus } from './product.ts';
import type { ByPart, Product } from './product.ts';
import { logIn, startCallers } from './sipp.ts';
import { start } from './start.ts';

export interface LatencyFigure {
  readonly agents: number;
  readonly waiting: number;
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Offers that came to nothing, and callers who failed: 0 is right. */
  readonly failed: number;
  /** Share of one core, percent. */
  readonly cpuPercent: ByPart;
}

export interface LatencyPlan {
  readonly cases: readonly { readonly agents: number; readonly waiting: number }[];
  readonly seconds: number;
}

const CASES = [10, 100].flatMap((agents) =>
  [1, 100, 1_000].map((waiting) => ({ agents, waiting })),
);
export const FULL_LATENCY: LatencyPlan = { cases: CASES, seconds: 60 };
export const QUICK_LATENCY: LatencyPlan = {
  cases: CASES.filter(({ waiting }) => waiting < 1_000),
  seconds: 8,
};

const CALLERS_PER_SECOND = 100;
const TALK_MS = { least: 1_000, most: 3_000 };
const FOREVER_MS = 3_600_000;
const SETTLE_MS = 3_000;

const hundredths = (ms: number): number => Math.round(ms * 100) / 100;

/** Talks of different lengths, so that agents do not free up in step; the same in each run. */
function talks(): () => number {
  let turn = 0;
  return () => {
    turn = (turn + 0.618_034) % 1;
    return TALK_MS.least + (TALK_MS.most - TALK_MS.least) * turn;
  };
}

/** What was seen in one span of time. */
export interface Sample {
  /** From BYE to the next INVITE, ms. */
  readonly waits: readonly number[];
  readonly lastedMs: number;
  /** CPU, ms. */
  readonly spent: ByPart;
}

/** A house at work: agents who talk, and a line that keeps its length. */
export interface Line {
  readonly product: Product;
  sample(seconds: number): Promise<Sample>;
  /** Offers that came to nothing, and callers who failed, so far. */
  failed(): number;
  close(): Promise<void>;
}

export async function openLine(agents: number, waiting: number): Promise<Line> {
  const sink = await openSink();
  const product = await start(agents);
  const desk = await Desk.open(product, sink.port, talks());
  const close = async (): Promise<void> => {
    desk.close();
    await product.stop();
    await sink.stop();
  };
  try {
    await logIn(product, agentIds(agents), desk.port, sink.port);
    const callers = await startCallers(product, {
      calls: 1_000_000,
      perSecond: CALLERS_PER_SECOND,
      limit: agents + waiting,
      patienceMs: FOREVER_MS,
      rtp: [sink.port],
    });
    const ms = ((agents + waiting) / CALLERS_PER_SECOND) * 2_000 + 30_000;
    const look = async () => (await product.calls()).waiting;
    await until(`${waiting} callers in line`, look, (line) => line >= waiting, ms);
    await pause(SETTLE_MS);
    return {
      product,
      sample: async (seconds) => {
        desk.waits.length = 0;
        const [cpu, began] = [product.cpu(), performance.now()];
        await pause(seconds * 1_000);
        const lastedMs = performance.now() - began;
        return { waits: [...desk.waits], lastedMs, spent: minus(product.cpu(), cpu) };
      },
      failed: () => callers.counters().failed + desk.cancelled,
      close: async () => {
        await callers.process.stop();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Percentiles of waits, in ms. */
export function spread(waits: readonly number[]): Pick<LatencyFigure, 'p50' | 'p99' | 'max'> {
  return {
    p50: hundredths(percentile(waits, 0.5)),
    p99: hundredths(percentile(waits, 0.99)),
    max: hundredths(waits.reduce((most, wait) => Math.max(most, wait), 0)),
  };
}

/** Share of one core, percent. */
export function load({ spent, lastedMs }: Sample): ByPart {
  const percent = (part: keyof ByPart) => hundredths((spent[part] / lastedMs) * 100);
  return { sipd: percent('sipd'), mediad: percent('mediad'), server: percent('server') };
}

async function measure(agents: number, waiting: number, seconds: number): Promise<LatencyFigure> {
  const line = await openLine(agents, waiting);
  try {
    const sample = await line.sample(seconds);
    const { waits } = sample;
    const failed = line.failed();
    const cpuPercent = load(sample);
    return { agents, waiting, samples: waits.length, ...spread(waits), failed, cpuPercent };
  } finally {
    await line.close();
  }
}

export async function benchLatency(
  plan: LatencyPlan,
  told: (figure: LatencyFigure) => void,
): Promise<readonly LatencyFigure[]> {
  const figures: LatencyFigure[] = [];
  for (const { agents, waiting } of plan.cases) {
    const figure = await measure(agents, waiting, plan.seconds);
    figures.push(figure);
    told(figure);
  }
  return figures;
}
