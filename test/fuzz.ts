/**
 * `npm run fuzz -- --minutes N --seed S [--round R]`: the fuzzer of test/support/fuzz.ts for as
 * long as wanted. It prints its seed first; on an offence it writes the messages of that round to
 * test-results/ and ends with status 1. With --round it runs that one round again.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fuzzRound, report } from './support/fuzz.ts';

const folder = path.resolve(import.meta.dirname, '../test-results');

function run(): number {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      round: { type: 'string' },
    },
  });
  const seed = Number(values.seed);
  const minutes = Number(values.minutes);
  const first = values.round === undefined ? 0 : Number(values.round);
  if (![seed, minutes, first].every((value) => Number.isFinite(value) && value >= 0)) {
    process.stdout.write('usage: npm run fuzz -- [--minutes N] [--seed S] [--round R]\n');
    return 2;
  }
  process.stdout.write(`seed ${seed}, ${minutes} minutes\n`);
  const end = Date.now() + minutes * 60_000;
  const told = { at: Date.now(), everyMs: 10_000 };
  let round = first;
  do {
    const offence = fuzzRound(seed, round);
    if (offence !== null) {
      mkdirSync(folder, { recursive: true });
      const file = path.join(folder, `fuzz-${seed}-${round}.txt`);
      writeFileSync(file, report(seed, offence));
      process.stdout.write(`OFFENCE in round ${round}: ${offence.what}\nmessages: ${file}\n`);
      return 1;
    }
    round += 1;
    if (Date.now() - told.at > told.everyMs) {
      told.at = Date.now();
      process.stdout.write(`${round} rounds\n`);
    }
  } while (Date.now() < end && values.round === undefined);
  process.stdout.write(`${round - first} rounds without offence\n`);
  return 0;
}

process.exitCode = run();
