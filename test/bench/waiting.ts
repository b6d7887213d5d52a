/**
 * Benchmark (b): callers waiting with music, no agent. What each costs in CPU and memory, split by
 * process, and whether his packets come every 20 ms. SIPp plays the callers; the RTP of a sample
 * of them goes to a receiver that looks at every packet, the rest into a sink, so that hearing
 * does not cost more than playing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/inbox.ts';
import type { Heard } from './ears.ts';
import { openEars, openSink } from './ears.ts';
import type { ByPart, Product } from './product.ts';
import { minus, PARTS, total } from './product.ts';
import { startCallers } from './sipp.ts';
import { start } from './start.ts';

export interface WaitingFigure {
  readonly waiting: number;
  /** Callers who did not get into line. */
  readonly failed: number;
  readonly seconds: number;
  readonly cpuMsPerCallerSecond: ByPart & { readonly all: number };
  /** Resident memory above that of an empty ACD, kB. */
  readonly memoryKbPerCaller: ByPart & { readonly all: number };
  readonly heard: Heard;
  /** Packets that should have been heard in the sample. */
  readonly expected: number;
}

export interface WaitingPlan {
  readonly sizes: readonly number[];
  readonly seconds: number;
}

export const FULL_WAITING: WaitingPlan = { sizes: [100, 500, 1_000, 2_000], seconds: 30 };
export const QUICK_WAITING: WaitingPlan = { sizes: [100, 500], seconds: 5 };

/** Callers listened to; the others' packets go into the sink. */
const SAMPLE = 50;
const CALLERS_PER_SECOND = 50;
const PACKETS_PER_SECOND = 50;
/** From the last caller to the first look: what setting up costs is not waiting. */
const SETTLE_MS = 3_000;
const FOREVER_MS = 3_600_000;

const rounded = (value: number, by: number): number => Math.round((value / by) * 1_000) / 1_000;

function share(costs: ByPart, by: number): ByPart & { readonly all: number } {
  const [sipd, mediad, server] = PARTS.map((part) => rounded(costs[part], by));
  const all = rounded(total(costs), by);
  return { sipd: sipd ?? 0, mediad: mediad ?? 0, server: server ?? 0, all };
}

/** Every so-manieth caller is of the sample. */
function portsFor(size: number, ear: number, sink: number): number[] {
  const every = Math.max(1, Math.floor(size / SAMPLE));
  return Array.from({ length: every }, (_, index) => (index === 0 ? ear : sink));
}

async function fill(product: Product, size: number): Promise<void> {
  const ms = (size / CALLERS_PER_SECOND) * 1_000 + 20_000;
  // Asked for often, so not GET /queues, which would cost more than the callers do.
  const look = async () => (await product.health()).legs;
  // A caller who fails never comes: how many did is told, not waited for.
  await until(`${size} callers in line`, look, (legs) => legs >= size, ms).catch((trouble: Error) =>
    process.stderr.write(`${trouble.message}\n`),
  );
}

async function measure(size: number, seconds: number): Promise<WaitingFigure> {
  const [ears, sink] = [await openEars(), await openSink()];
  const product = await start(0);
  try {
    const empty = product.memory();
    const callers = await startCallers(product, {
      calls: size,
      perSecond: CALLERS_PER_SECOND,
      patienceMs: FOREVER_MS,
      rtp: portsFor(size, ears.port, sink.port),
    });
    await fill(product, size);
    await pause(SETTLE_MS);
    await ears.listen();
    const [cpu, began] = [product.cpu(), performance.now()];
    await pause(seconds * 1_000);
    const heard = await ears.listen();
    const lasted = (performance.now() - began) / 1_000;
    const spent = minus(product.cpu(), cpu);
    const memory = minus(product.memory(), empty);
    const { waiting } = await product.calls();
    await callers.process.stop();
    return {
      waiting,
      failed: size - waiting,
      seconds,
      cpuMsPerCallerSecond: share(spent, waiting * lasted),
      memoryKbPerCaller: share(memory, waiting),
      heard,
      expected: Math.round(heard.streams * lasted * PACKETS_PER_SECOND),
    };
  } finally {
    await product.stop();
    await Promise.all([ears.stop(), sink.stop()]);
  }
}

export async function benchWaiting(
  plan: WaitingPlan,
  told: (figure: WaitingFigure) => void,
): Promise<readonly WaitingFigure[]> {
  const figures: WaitingFigure[] = [];
  for (const size of plan.sizes) {
    const figure = await measure(size, plan.seconds);
    figures.push(figure);
    told(figure);
  }
  return figures;
}
