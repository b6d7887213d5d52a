/**
 * `npm run bench [-- a b c d e f] [--quick] [--json]`: the benchmarks, all or those named. Prints
 * tables in Markdown, or with --json one object. Figures of a machine that does something else
 * meanwhile say nothing: its load is printed with them. docs/BENCHMARKS.md tells what they mean.
 *
 *   a  calls    highest rate of complete queue calls, and what a call costs          (calls.ts)
 *   b  waiting  callers waiting with music: CPU, memory, pacing                      (waiting.ts)
 *   c  latency  from an agent's BYE to the next INVITE to him                        (latency.ts)
 *   d  core     the core alone: commands per second and bytes, for each strategy  (core.ts)
 *   e  journal  writing it, and a start after a million events                  (journal.ts)
 *   f  http     GET /queues and readers of /events, and what they do to (c)     (http.ts)
 */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { isInstalled } from '../support/processes.ts';
import { benchCalls, FULL_CALLS, QUICK_CALLS } from './calls.ts';
import { FULL_CORE, QUICK_CORE, run as benchCore, STRATEGIES } from './core.ts';
import { FULL_JOURNAL, QUICK_JOURNAL, run as benchJournal } from './journal.ts';
import { benchHttp, FULL_HTTP, QUICK_HTTP } from './http.ts';
import { benchLatency, FULL_LATENCY, QUICK_LATENCY } from './latency.ts';
import {
  callsTable,
  coreTable,
  httpTable,
  journalTable,
  latencyTable,
  waitingTable,
} from './tables.ts';
import { benchWaiting, FULL_WAITING, QUICK_WAITING } from './waiting.ts';

const NAMES = {
  ...{ a: 'calls', b: 'waiting', c: 'latency' },
  ...{ d: 'core', e: 'journal', f: 'http' },
} as const;
type Letter = keyof typeof NAMES;
const LETTERS = Object.keys(NAMES) as readonly Letter[];
/** Those that need no telephone. */
const ALONE: readonly Letter[] = ['d', 'e'];

function machine() {
  const [cpu] = os.cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: os.cpus().length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    node: process.version,
    load: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** What is under way goes to standard error, so that it never mixes with the result. */
function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function lettersOf(given: readonly string[]): readonly Letter[] {
  const known: readonly string[] = Object.entries(NAMES).flat();
  const unknown = given.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`no benchmark ${unknown.join(', ')}; there are ${known.join(' ')}`);
  }
  const isAsked = (letter: Letter) => given.includes(letter) || given.includes(NAMES[letter]);
  return given.length === 0 ? LETTERS : LETTERS.filter(isAsked);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      strategy: { type: 'string' },
    },
  });
  const letters = lettersOf(positionals);
  if (letters.some((letter) => !ALONE.includes(letter)) && !isInstalled('sipp'))
    throw new Error('SIPp is not installed; apt install sip-tester, or let npm test do it');
  const results: Record<string, unknown> = { machine: machine(), quick: values.quick };
  const tables: string[] = [];
  const told = (figure: object) => note(JSON.stringify(figure));
  const { quick } = values;
  for (const letter of letters) {
    note(`benchmark (${letter})`);
    switch (letter) {
      case 'a': {
        const figures = await benchCalls(quick ? QUICK_CALLS : FULL_CALLS, told);
        results['calls'] = figures;
        tables.push(callsTable(figures));
        break;
      }
      case 'b': {
        const figures = await benchWaiting(quick ? QUICK_WAITING : FULL_WAITING, told);
        results['waiting'] = figures;
        tables.push(waitingTable(figures));
        break;
      }
      case 'c': {
        const figures = await benchLatency(quick ? QUICK_LATENCY : FULL_LATENCY, told);
        results['latency'] = figures;
        tables.push(latencyTable(figures));
        break;
      }
      case 'd': {
        const plan = quick ? QUICK_CORE : FULL_CORE;
        const strategies = STRATEGIES.filter((name) => (values.strategy ?? name) === name);
        const figures = benchCore({ ...plan, strategies }, told);
        results['core'] = figures;
        tables.push(coreTable(figures));
        break;
      }
      case 'e': {
        const figure = await benchJournal(quick ? QUICK_JOURNAL : FULL_JOURNAL);
        results['journal'] = figure;
        tables.push(journalTable(figure));
        break;
      }
      case 'f': {
        const figures = await benchHttp(quick ? QUICK_HTTP : FULL_HTTP, told);
        results['http'] = figures;
        tables.push(httpTable(figures));
        break;
      }
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
  else process.stdout.write(`${JSON.stringify(results['machine'])}\n\n${tables.join('\n\n')}\n`);
}

await main().then(
  () => process.exit(0),
  (trouble: Error) => {
    process.stderr.write(`${trouble.stack ?? trouble.message}\n`);
    process.exit(1);
  },
);
