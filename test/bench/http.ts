/**
 * Benchmark (f): what watching costs. While agents talk and a long line keeps its length, as in
 * (c), readers follow `GET /events` and others ask for `GET /queues`, which tells every call in
 * line. How many of those are answered in a second, whether each reader has every event, and what
 * it all does to (c): the time from an agent's BYE to the INVITE that brings him the next caller.
 * Readers and askers are in this process, on connections of their own, and look at no more than
 * they must: their work is taken from the product's.
 */
import { Agent, get, type IncomingMessage } from 'node:http';
import { percentile } from '../../src/cli/demo/score.ts';
import { until } from '../support/inbox.ts';
import { load, openLine, spread, type Line } from './latency.ts';
import type { ByPart } from './product.ts';

export interface HttpFigure {
  readonly agents: number;
  readonly waiting: number;
  readonly readers: number;
  /** Connections that ask for the queues, each again as soon as it has its answer. */
  readonly askers: number;
  readonly queuesPerSecond: number;
  /** Of one answer to GET /queues, ms and bytes. */
  readonly answerP50: number;
  readonly answerP99: number;
  readonly answerBytes: number;
  readonly eventsPerSecond: number;
  /** Events that a reader did not get, and readers that were let go: 0 is right. */
  readonly missed: number;
  readonly lost: number;
  /** (c), ms. */
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly failed: number;
  readonly cpuPercent: ByPart;
}

export interface HttpPlan {
  readonly agents: number;
  readonly waiting: number;
  /** Pairs of readers and askers, one after the other on the same house. */
  readonly cases: readonly { readonly readers: number; readonly askers: number }[];
  readonly seconds: number;
}

/** Forty agents make about 100 events a second. */
export const FULL_HTTP: HttpPlan = {
  agents: 40,
  waiting: 1_000,
  cases: [
    { readers: 0, askers: 0 },
    { readers: 500, askers: 0 },
    { readers: 0, askers: 4 },
    { readers: 500, askers: 4 },
  ],
  seconds: 30,
};
export const QUICK_HTTP: HttpPlan = {
  agents: 10,
  waiting: 100,
  cases: [
    { readers: 0, askers: 0 },
    { readers: 50, askers: 2 },
  ],
  seconds: 5,
};

const tenths = (value: number): number => Math.round(value * 10) / 10;

function open(url: string, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, resolve).on('error', reject);
  });
}

/** Follows the events; all that it keeps is their numbers. */
class Reader {
  last = 0;
  first = 0;
  events = 0;
  isLost = false;
  private rest = '';
  private readonly stream: IncomingMessage;

  constructor(stream: IncomingMessage) {
    this.stream = stream;
    stream.setEncoding('latin1');
    stream.on('data', (text: string) => this.read(text));
    stream.on('close', () => (this.isLost = true));
    stream.on('error', () => (this.isLost = true));
  }

  close(): void {
    this.stream.destroy();
  }

  begin(): void {
    [this.first, this.events] = [this.last, 0];
  }

  /** Numbers of the journal between the first and the last that it was not told. */
  get missed(): number {
    return this.last - this.first - this.events;
  }

  private read(text: string): void {
    const whole = this.rest + text;
    const end = whole.lastIndexOf('\n\n');
    if (end < 0) {
      this.rest = whole;
      return;
    }
    this.rest = whole.slice(end + 2);
    for (const [, id] of whole.slice(0, end + 2).matchAll(/(?:^|\n\n)id: (\d+)/g)) {
      const seq = Number(id);
      // A snapshot and a heartbeat bear the number of what was told already.
      if (this.last > 0 && seq > this.last) this.events += 1;
      this.last = Math.max(this.last, seq);
    }
  }
}

async function openReaders(line: Line, count: number, agent: Agent): Promise<Reader[]> {
  const readers: Reader[] = [];
  // In tens: each gets a snapshot of the whole line first.
  while (readers.length < count) {
    const few = Array.from({ length: Math.min(10, count - readers.length) }, () =>
      open(`${line.product.rest}/events`, agent),
    );
    for (const stream of await Promise.all(few)) readers.push(new Reader(stream));
  }
  const ready = () => readers.filter(({ last }) => last > 0).length;
  await until('the readers', ready, (all) => all === count, 60_000);
  return readers;
}

/** Asks again and again until told to stop. */
async function ask(url: string, agent: Agent, seen: { ms: number[]; bytes: number; on: boolean }) {
  while (seen.on) {
    const began = performance.now();
    const answer = await open(url, agent);
    let bytes = 0;
    for await (const part of answer) bytes += (part as Buffer).length;
    if (answer.statusCode !== 200) throw new Error(`GET /queues: ${answer.statusCode}`);
    seen.ms.push(performance.now() - began);
    seen.bytes = bytes;
  }
}

async function measure(line: Line, plan: HttpPlan, at: HttpPlan['cases'][number]) {
  const { readers: count, askers } = at;
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const readers = await openReaders(line, count, agent);
  const seen = { ms: [] as number[], bytes: 0, on: true };
  const failedBefore = line.failed();
  for (const reader of readers) reader.begin();
  const asking = Array.from({ length: askers }, () =>
    ask(`${line.product.rest}/queues`, agent, seen),
  );
  // An asker that fails ends the whole, after the sample.
  const asked = Promise.all(asking);
  // Said by `await asked`, and not before.
  asked.catch((trouble: unknown) => trouble);
  const sample = await line.sample(plan.seconds).finally(() => (seen.on = false));
  await asked;
  const seconds = sample.lastedMs / 1_000;
  const figure: HttpFigure = {
    ...{ agents: plan.agents, waiting: plan.waiting, readers: count, askers },
    queuesPerSecond: tenths(seen.ms.length / seconds),
    answerP50: tenths(percentile(seen.ms, 0.5)),
    answerP99: tenths(percentile(seen.ms, 0.99)),
    answerBytes: seen.bytes,
    eventsPerSecond: tenths((readers[0]?.events ?? 0) / seconds),
    missed: readers.reduce((sum, { missed }) => sum + missed, 0),
    lost: readers.filter(({ isLost }) => isLost).length,
    samples: sample.waits.length,
    ...spread(sample.waits),
    failed: line.failed() - failedBefore,
    cpuPercent: load(sample),
  };
  for (const reader of readers) reader.close();
  agent.destroy();
  return figure;
}

export async function benchHttp(
  plan: HttpPlan,
  told: (figure: HttpFigure) => void,
): Promise<readonly HttpFigure[]> {
  const line = await openLine(plan.agents, plan.waiting);
  const figures: HttpFigure[] = [];
  try {
    for (const at of plan.cases) {
      const figure = await measure(line, plan, at);
      figures.push(figure);
      told(figure);
    }
  } finally {
    await line.close();
  }
  return figures;
}
