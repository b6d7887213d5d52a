/**
 * What will be done to the product, all of it drawn from the seed before anything begins: who
 * calls when and in which temper, what is killed when. How agents take their offers is drawn by
 * each agent from a generator of his own.
 */
import { Random } from '../../src/sim/random.ts';
import type { SoakOptions } from './options.ts';

/** How a caller will leave. */
export type Temper = 'talks' | 'abandons' | 'cancels' | 'flees' | 'vanishes' | 'never-acks';

export interface VisitPlan {
  readonly number: number;
  readonly atMs: number;
  readonly queue: string;
  /** `flees`: he hangs up in the moment in which the agent answers. */
  readonly temper: Temper;
  readonly patienceMs: number;
  readonly talkMs: number;
  readonly hangsUp: 'caller' | 'agent';
  readonly transport: 'udp' | 'tcp';
  /** Sends a re-INVITE while he waits, and while he talks. */
  readonly reinvites: boolean;
  /** Strangers send RTP into his call. */
  readonly isDisturbed: boolean;
  /** Share of his SIP messages that is lost, and doubled. */
  readonly weather: Weather;
}

export interface Weather {
  readonly lost: number;
  readonly doubled: number;
}

export type Blow = 'server' | 'sipd' | 'mediad' | 'restart';

export interface BlowPlan {
  readonly atMs: number;
  readonly what: Blow;
}

export interface Plan {
  readonly visits: readonly VisitPlan[];
  readonly blows: readonly BlowPlan[];
  /** No new calls from then on. */
  readonly endMs: number;
  /** The processes have taken what memory they need at work. */
  readonly warmMs: number;
  readonly random: Random;
}

export const QUEUES = ['line', 'desk'] as const;
const BLOWS = ['server', 'sipd', 'mediad', 'restart'] as const;
/** Then nothing is killed any more: what memory the last processes take is to be seen. */
const QUIET_SHARE = 0.7;
const TEMPERS: readonly (readonly [Temper, number])[] = [
  ['talks', 0.68],
  ['abandons', 0.1],
  ['cancels', 0.07],
  ['flees', 0.06],
  ['vanishes', 0.05],
  ['never-acks', 0.04],
];

/** One of them, each in its share of cases. */
export function draw<T>(random: Random, shares: readonly (readonly [T, number])[]): T {
  let rest = random.next();
  for (const [what, share] of shares) {
    rest -= share;
    if (rest < 0) return what;
  }
  const [first] = shares;
  if (first === undefined) throw new Error('nothing to draw from');
  return first[0];
}

export function drawWeather(random: Random): Weather {
  const isBad = random.isOneIn(0.25);
  return { lost: isBad ? random.between(0.02, 0.15) : 0, doubled: isBad ? 0.1 : 0 };
}

function planVisit(random: Random, number: number, atMs: number): VisitPlan {
  const temper = draw(random, TEMPERS);
  const isShort = temper === 'abandons' || temper === 'vanishes';
  return {
    number,
    atMs,
    temper,
    queue: random.pick(QUEUES),
    patienceMs: isShort ? random.between(500, 12_000) : random.between(45_000, 90_000),
    talkMs: random.between(500, 9_000),
    hangsUp: random.pick(['caller', 'agent']),
    transport: random.isOneIn(0.15) ? 'tcp' : 'udp',
    reinvites: random.isOneIn(0.15),
    isDisturbed: random.isOneIn(0.2),
    weather: drawWeather(random),
  };
}

/** Each kind as often as the others, in an order nobody can expect. */
function planBlows(random: Random, options: SoakOptions, fromMs: number, toMs: number) {
  const blows: BlowPlan[] = [];
  if (options.killEvery === 0) return blows;
  let left: Blow[] = [];
  for (
    let atMs = fromMs;
    atMs < toMs;
    atMs += options.killEvery * 1000 * random.between(0.7, 1.3)
  ) {
    if (left.length === 0) left = [...BLOWS];
    const [what] = left.splice(Math.floor(random.next() * left.length), 1);
    blows.push({ atMs, what: what ?? 'server' });
  }
  return blows;
}

export function makePlan(options: SoakOptions): Plan {
  const random = new Random(options.seed);
  const endMs = options.minutes * 60_000;
  const warmMs = Math.min(Math.max(endMs * 0.15, 8_000), 120_000);
  const visits: VisitPlan[] = [];
  const people = random.fork();
  const meanMs = 60_000 / options.calls;
  for (let atMs = people.exponential(meanMs); atMs < endMs; atMs += people.exponential(meanMs)) {
    visits.push(planVisit(people, visits.length + 1, atMs));
  }
  const blows = planBlows(random.fork(), options, warmMs + 500, endMs * QUIET_SHARE);
  return { visits, blows, endMs, warmMs, random };
}
