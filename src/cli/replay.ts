/**
 * `acd replay --journal FILE --config other.yaml`: what a recorded day would have been with
 * another configuration. Reads both, changes neither; the ACD may be running.
 */
import type { Command } from 'commander';
import path from 'node:path';
import { readJournalFile } from '../journal/reader.ts';
import { Zone } from '../reports/zone.ts';
import { whatIf } from '../sim/what-if.ts';
import { writeWhatIf, writeWhatIfJson } from '../sim/what-if-report.ts';
import { readConfiguration } from './configuration.ts';
import { EXIT, fault } from './exit.ts';

export interface WrittenReplay {
  readonly config: string;
  readonly journal?: string;
  readonly day?: string;
  readonly threshold: string;
  readonly seed: string;
  readonly json: boolean;
}

/** The day named, cut where the reports cut it; all there is where none is; null: it is no day. */
function windowOf(day: string | undefined, zone: string): { from: number; to: number } | null {
  return day === undefined ? { from: 0, to: Infinity } : new Zone(zone).dayNamed(day);
}

async function runReplay(written: WrittenReplay): Promise<number> {
  const [threshold, seed] = [Number(written.threshold), Number(written.seed)];
  if (!(threshold > 0)) return fault('--threshold must be seconds');
  if (!Number.isInteger(seed)) return fault('--seed must be a whole number');
  const config = readConfiguration(written.config);
  if (config === null) return EXIT.wrong;
  const { zone } = config.reports;
  const window = windowOf(written.day, zone);
  if (window === null) return fault(`--day must be a day of ${zone}, as in 2026-01-05`);
  const file = written.journal ?? config.journal.path;
  if (file === ':memory:') return fault('name the recorded day: --journal FILE');
  const answer = await whatIf({
    window,
    config: config.core,
    thresholdMs: threshold * 1000,
    seed,
    read: (hear) => readJournalFile(file, hear),
  });
  if (!answer.ok) return fault(answer.fault);
  const name = path.basename(written.config);
  const text = written.json ? writeWhatIfJson(answer.found) : writeWhatIf(answer.found, name);
  process.stdout.write(`${text}\n`);
  return EXIT.ok;
}

export function addReplay(
  program: Command,
  [flags = '', , standard = '']: readonly string[],
  done: (status: number) => void,
): void {
  program
    .command('replay')
    .description('what a recorded day would have been with another configuration')
    .option(flags, 'the other configuration', standard)
    .option('--journal <file>', 'the recorded day; default the journal of the configuration')
    .option(
      '--day <date>',
      'this day of it only, in the time zone of the reports, as in 2026-01-05',
    )
    .option('--threshold <seconds>', 'of the service level', '20')
    .option('--seed <number>', 'draws what the recording cannot know', '1')
    .option('--json', 'print one object and nothing else', false)
    .action(async (written: WrittenReplay) => {
      done(await runReplay(written));
    });
}
