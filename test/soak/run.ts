/**
 * `npm run soak -- --minutes 30 --seed 3`: the product as a user starts it, mixed load, every fault
 * that callers, agents, networks, strangers and processes have, at random but from one seed. In
 * the end nothing may have been lost, doubled, or left over, and memory must be what it was.
 * Status 1 and the command that repeats it where something was; `--json`: one object, last line.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Random } from '../../src/sim/random.ts';
import { Bugs, strikeAll } from './blows.ts';
import { Book } from './book.ts';
import { Desk, openOutside } from './desk.ts';
import { spareIsReady } from '../support/acd.ts';
import { agentIds, openHouse, rest, startProduct, type House } from './house.ts';
import { audit, findLeftovers, handlesOf } from './leftovers.ts';
import { growth, heapSum, readMemory, type Memory } from './memory.ts';
import { parseOptions, USAGE, writeCommand, type SoakOptions } from './options.ts';
import { makePlan, type Plan } from './plan.ts';
import { Strangers } from './strangers.ts';
import { Visit } from './visit.ts';

const results = path.resolve(import.meta.dirname, '../../test-results');
/** Whoever vanished or said nothing is found out by then: silence, then 32 s, then 32 s of BYE. */
const REST_MS = 150_000;
interface Outcome {
  readonly leftovers: readonly string[];
  readonly start: Memory;
  readonly end: Memory;
}

async function callers(house: House, plan: Plan, random: Random): Promise<void> {
  const began = performance.now();
  const all: Promise<void>[] = [];
  for (const visit of plan.visits) {
    await rest(began + visit.atMs - performance.now(), house.end);
    if (house.end.aborted) break;
    const one = new Visit(house, visit, random.fork()).live();
    all.push(
      one.catch((trouble: Error) =>
        house.book.violation(`caller: ${trouble.stack ?? trouble.name}`),
      ),
    );
  }
  await Promise.all(all);
}

/** A call that nobody takes while somebody could: looked at twice, a while apart. */
async function watchLiveness(house: House): Promise<void> {
  const { acd, book } = house;
  let since = { key: '', at: 0 };
  while (!house.end.aborted) {
    await rest(1_000, house.end);
    const seen = await Promise.all([acd.queues(), acd.agents()]).catch(() => null);
    if (seen === null || house.wasStruck(performance.now())) continue;
    const [queues, agents] = seen;
    const idle = agents.find(({ state }) => state === 'idle');
    const waiting = queues
      .flatMap(({ calls }) => calls)
      .find(({ id, state }) => state === 'queued' && house.visits.get(id)?.isWaiting === true);
    const key = idle === undefined || waiting === undefined ? '' : `${idle.id} ${waiting.id}`;
    if (key !== since.key) since = { key, at: Date.now() };
    else if (key !== '' && Date.now() - since.at > 20_000) {
      book.violation(`idle agent and waiting call side by side: ${key}`);
      since.at = Date.now();
    }
  }
}

async function soak(options: SoakOptions, folder: string, book: Book): Promise<Outcome> {
  const plan = makePlan(options);
  const acd = await startProduct(folder, options.agents);
  const outside = await openOutside();
  const desks: Desk[] = [];
  try {
    // Its pipes are handles of the supervisor.
    await spareIsReady(acd);
    const before = handlesOf(acd);
    const end = new AbortController();
    const house = openHouse(acd, book, end.signal);
    const bugs = new Bugs(house);
    for (const id of agentIds(options.agents)) {
      desks.push(await Desk.open(house, id, outside, plan.random.fork()));
    }
    const measure = async (when: string): Promise<Memory> => {
      const memory = await readMemory(acd, folder);
      book.note(`memory ${when}: ${JSON.stringify(memory)}`);
      return memory;
    };
    const others = [
      ...desks.map(async (desk) => desk.live()),
      bugs.live(),
      watchLiveness(house),
      new Strangers(house, plan.random.fork()).live(),
    ];
    const began = performance.now();
    // Asking takes a moment in which nothing may be killed.
    const warm = rest(plan.warmMs).then(async () => measure('at work'));
    const blows = warm.then(async () => strikeAll(house, bugs, plan.blows, began));
    const calls = callers(house, plan, plan.random.fork());
    // On a slow machine all blows take longer than was planned.
    const [start] = await Promise.all([warm, blows, rest(plan.endMs)]);
    book.note('no new calls');
    end.abort();
    await Promise.all([...others, calls]);
    book.note('everybody has hung up');
    const left = await findLeftovers(acd, desks, before, REST_MS);
    await bugs.look();
    const leftovers = [...left, ...audit(acd, book)];
    const last = await measure('at rest');
    for (const what of growth(start, last)) book.violation(what);
    return { leftovers, start, end: last };
  } finally {
    await Promise.all([...desks.map(async ({ phone }) => phone.stop()), outside.stop()]);
    await acd.stop();
    for (const { phone } of desks) {
      const { name, text } = phone.trace();
      writeFileSync(path.join(folder, name), text);
    }
  }
}

function report(options: SoakOptions, book: Book, outcome: Outcome): boolean {
  const { leftovers, start, end } = outcome;
  const { calls, doubleOffers, lostCalls, violations } = book;
  const say = (text: string) => process.stdout.write(`${text}\n`);
  say(`seen: ${book.summary()}`);
  const isWell = doubleOffers + lostCalls + violations + leftovers.length === 0 && calls > 0;
  if (!isWell) {
    for (const text of [...book.told, ...leftovers.map((one) => `left over: ${one}`)]) say(text);
    say(`to see it again: ${writeCommand(options)}`);
  }
  if (options.json) {
    const told = {
      seed: options.seed,
      calls,
      double_offers: doubleOffers,
      lost_calls: lostCalls,
      leftovers: leftovers.length,
      violations,
      rss_start_mb: start.rssMb,
      rss_end_mb: end.rssMb,
      heap_start_mb: heapSum(start),
      heap_end_mb: heapSum(end),
    };
    say(JSON.stringify(told));
  } else say(`${calls} calls, memory ${start.rssMb} MB, then ${end.rssMb} MB`);
  return isWell;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const book = new Book((line) => process.stdout.write(`${line}\n`));
  process.stdout.write(`${writeCommand(options)}\nbegan at ${new Date().toISOString()}\n`);
  const folder = mkdtempSync(path.join(tmpdir(), 'acd-soak-'));
  try {
    const outcome = await soak(options, folder, book);
    if (report(options, book, outcome)) return 0;
    // Journal and log tell the rest.
    mkdirSync(results, { recursive: true });
    cpSync(folder, path.join(results, `soak-${options.seed}`), { recursive: true });
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
