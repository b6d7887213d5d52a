/**
 * `acd sim` (`npm run sim`): a simulated day on the real core and the real loop, judged. Status 0:
 * every promise was kept; 1: not, and what broke goes to standard error with the command that
 * repeats it.
 */
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { openSqliteJournal } from '../journal/open.ts';
import { faultOfOptions, settle, SIM_DEFAULTS, type SimOptions } from '../sim/options.ts';
import { writeJson, writeReport, writeViolations } from '../sim/report.ts';
import { simulate } from '../sim/simulate.ts';
import { EXIT, fault } from './exit.ts';

const PROGRESS_MS = 10_000;

/** As commander gives it: numbers are text, flags are there or not. */
export type WrittenSim = Readonly<Record<string, string | boolean | undefined>>;

function readSim(written: WrittenSim): SimOptions {
  const asked: Record<string, unknown> = {};
  for (const [name, standard] of Object.entries(SIM_DEFAULTS)) {
    const value = written[name];
    if (value === undefined) continue;
    asked[name] = typeof standard === 'number' ? Number(value) : value;
  }
  const { calls, hours } = written;
  if (calls !== undefined) {
    asked['callsPerHour'] = Number(calls) / Number(hours ?? SIM_DEFAULTS.hours);
  }
  return settle(asked);
}

/** The journal file asked for, new; undefined: in memory. */
function openJournal(file: string) {
  if (file === '') return { ok: true, journal: undefined } as const;
  if (existsSync(file)) {
    return { ok: false, detail: `${file} is there already; name a file that is not` } as const;
  }
  return openSqliteJournal(file);
}

/** A long day says on standard error, every ten seconds, how far it is. */
function sayProgress(): (share: number, events: number) => void {
  const began = performance.now();
  let next = began + PROGRESS_MS;
  return (share, events) => {
    const now = performance.now();
    if (now < next) return;
    next = now + PROGRESS_MS;
    const percent = Math.max(0, Math.floor(share * 100));
    const seconds = Math.round((now - began) / 1000);
    process.stderr.write(`${percent} % of the day, ${events} events, ${seconds} s\n`);
  };
}

async function runSim(options: SimOptions, json: boolean): Promise<number> {
  const bad = faultOfOptions(options);
  if (bad !== null) return fault(bad);
  const opened = openJournal(options.journal);
  if (!opened.ok) return fault(opened.detail);
  const simulated = await simulate(options, opened.journal, sayProgress());
  opened.journal?.close();
  if (!simulated.ok) return fault(simulated.fault);
  const { result } = simulated;
  process.stdout.write(`${json ? writeJson(result) : writeReport(result)}\n`);
  return result.violations.length === 0 ? EXIT.ok : fault(writeViolations(result));
}

export function addSim(program: Command, done: (status: number) => void): void {
  const standard = (name: keyof SimOptions) => String(SIM_DEFAULTS[name]);
  program
    .command('sim')
    .description('simulate a day: random callers, agents and faults on the real core, all checked')
    .option('--seed <number>', 'the same seed gives the same day', standard('seed'))
    .option('--hours <number>', 'how long callers call', standard('hours'))
    .option('--agents <number>', 'agents', standard('agents'))
    .option('--calls-per-hour <number>', 'calls an hour, at random', standard('callsPerHour'))
    .option('--calls <number>', 'calls in all, in place of --calls-per-hour')
    .option('--queues <number>', 'queues', standard('queues'))
    .option('--memberships <number>', 'queues of each agent', standard('memberships'))
    .option('--strategy <name>', 'of every queue', standard('strategy'))
    .option('--handle <seconds>', 'mean talk', standard('handle'))
    .option('--patience <seconds>', 'mean patience; 0: nobody gives up', standard('patience'))
    .option('--wrapup <seconds>', 'wrapuptime', standard('wrapup'))
    .option('--threshold <seconds>', 'of the service level', standard('threshold'))
    .option('--veto <share>', 'offers that a veto refuses, 0 to 0.9', standard('veto'))
    .option('--erlang', 'one queue, plain phones: figures beside queueing theory', false)
    .option('--no-faults', 'nothing goes wrong but people')
    .option('--check-every <events>', 'check all invariants this often; 0: by size of the house')
    .option('--journal <file>', 'keep the day in a new journal file, for acd replay')
    .option('--json', 'print one object and nothing else', false)
    .action(async (written: WrittenSim) => {
      done(await runSim(readSim(written), written['json'] === true));
    });
}
