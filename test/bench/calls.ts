/**
 * Benchmark (a): the highest rate of complete queue calls without a failure, and what a call
 * costs. INVITE → 200 → music → INVITE to an agent → 180, 200 → 2 s of talk → the agent's BYE.
 * SIPp plays callers and agents on the same machine; neither sends RTP, callers hear the music.
 * A step fails if any call does, at either side. The rate goes up until a step fails.
 */
import type { Sink } from './ears.ts';
import { openSink } from './ears.ts';
import type { ByPart, Product } from './product.ts';
import { agentIds, minus, PARTS, total } from './product.ts';
import { logIn, startAgents, startCallers } from './sipp.ts';
import type { Sipp } from './sipp.ts';
import { start } from './start.ts';

export interface CallsFigure {
  readonly perSecond: number;
  readonly seconds: number;
  readonly agents: number;
  readonly calls: number;
  readonly failed: number;
  readonly retransmissions: number;
  readonly cpuMsPerCall: ByPart & { readonly all: number };
  /** Share of one core, per process, percent. */
  readonly cpuPercent: ByPart;
  readonly note: string;
}

const TALK_MS = 2_000;
/** Agents for each call per second: 2 s of talk, and a quarter of that to spare. */
const AGENTS_PER_CALL = 2.5;
const SPARE_AGENTS = 10;
/** Longer in line means that the rate is not held. */
const PATIENCE_MS = 10_000;

export interface CallsPlan {
  readonly rates: readonly number[];
  readonly seconds: number;
  /** Before the first step: a process that has just been started compiles what it runs. */
  readonly warmUpSeconds: number;
}

export const FULL_CALLS: CallsPlan = {
  rates: Array.from({ length: 25 }, (_, index) => 20 + index * 20),
  seconds: 30,
  warmUpSeconds: 60,
};
export const QUICK_CALLS: CallsPlan = {
  rates: [20, 60, 100, 140, 180],
  seconds: 8,
  warmUpSeconds: 8,
};

const agentsFor = (perSecond: number): number =>
  Math.ceil(perSecond * AGENTS_PER_CALL) + SPARE_AGENTS;

const rounded = (value: number): number => Math.round(value * 100) / 100;

function share(costs: ByPart, by: number): ByPart {
  const [sipd, mediad, server] = PARTS.map((part) => rounded(costs[part] / by));
  return { sipd: sipd ?? 0, mediad: mediad ?? 0, server: server ?? 0 };
}

interface House {
  readonly product: Product;
  readonly phones: Sipp;
  readonly sink: Sink;
}

async function step(house: House, perSecond: number, seconds: number): Promise<CallsFigure> {
  const { product, phones, sink } = house;
  const calls = perSecond * seconds;
  const failedBefore = phones.counters().failed;
  const [cpuBefore, began] = [product.cpu(), performance.now()];
  const callers = await startCallers(product, {
    calls,
    perSecond,
    limit: 10_000,
    patienceMs: PATIENCE_MS,
    rtp: [sink.port],
  });
  await callers.process.ended;
  const [spent, lasted] = [minus(product.cpu(), cpuBefore), performance.now() - began];
  const seen = callers.counters();
  // A second more, so that SIPp's counters of the agents are those of the whole step.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  const failed = calls - seen.successful + (phones.counters().failed - failedBefore);
  const { bugs } = await product.health();
  const note = bugs > 0 ? `${bugs} broken invariants` : failed > 0 ? seen.error : '';
  return {
    perSecond,
    seconds,
    agents: agentsFor(perSecond),
    calls,
    failed,
    retransmissions: seen.retransmissions,
    cpuMsPerCall: { ...share(spent, calls), all: rounded(total(spent) / calls) },
    cpuPercent: share(spent, lasted / 100),
    note,
  };
}

/** All steps up to and with the first that failed. */
export async function benchCalls(
  plan: CallsPlan,
  told: (figure: CallsFigure) => void,
): Promise<readonly CallsFigure[]> {
  const most = agentIds(agentsFor(Math.max(...plan.rates)));
  const sink = await openSink();
  const product = await start(most.length);
  const figures: CallsFigure[] = [];
  try {
    const phones = await startAgents(product, TALK_MS, sink.port);
    const house = { product, phones, sink };
    let loggedIn = 0;
    for (const [index, perSecond] of plan.rates.entries()) {
      const wanted = agentsFor(perSecond);
      await logIn(product, most.slice(loggedIn, wanted), phones.port, sink.port);
      loggedIn = wanted;
      if (index === 0) await step(house, perSecond, plan.warmUpSeconds);
      const figure = await step(house, perSecond, plan.seconds);
      figures.push(figure);
      told(figure);
      if (figure.failed > 0) break;
    }
    await phones.process.stop();
  } finally {
    await product.stop();
    await sink.stop();
  }
  return figures;
}
