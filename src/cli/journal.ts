/**
 * `acd journal check [FILE]` and `acd journal repair [FILE]`: is the journal sound, and what to do
 * where it is not. They read the file itself, since the ACD may not start without it.
 */
import { checkJournal, repairJournal, type Told } from '../journal/tools.ts';
import { readConfiguration } from './configuration.ts';
import { EXIT, fault } from './exit.ts';

export interface WrittenRepair {
  readonly config: string;
  readonly dropAfter?: string;
  readonly dropBefore?: string;
}

function say({ ok, text }: Told): number {
  if (!ok) return fault(text);
  process.stdout.write(`${text}\n`);
  return EXIT.ok;
}

/** The file named, or that of the configuration; null: there is none, and it has been told. */
function fileOf(named: string | undefined, config: string): string | null {
  if (named !== undefined) return named;
  const path = readConfiguration(config)?.journal.path ?? null;
  if (path !== ':memory:') return path;
  fault('the configuration keeps the journal in memory: there is no file');
  return null;
}

export function runJournalCheck(named: string | undefined, config: string): number {
  const file = fileOf(named, config);
  return file === null ? EXIT.wrong : say(checkJournal(file));
}

/** A number of an event; null: it is none. */
function eventNumber(written: string | undefined): number | undefined | null {
  if (written === undefined) return undefined;
  return /^\d{1,15}$/.test(written) ? Number(written) : null;
}

export function runJournalRepair(named: string | undefined, written: WrittenRepair): number {
  const dropAfter = eventNumber(written.dropAfter);
  const dropBefore = eventNumber(written.dropBefore);
  if (dropAfter === null || dropBefore === null) return fault('give the number of an event');
  if (dropAfter !== undefined && dropBefore !== undefined) {
    return fault('give --drop-after or --drop-before, not both');
  }
  const file = fileOf(named, written.config);
  if (file === null) return EXIT.wrong;
  const choice = {
    ...(dropAfter === undefined ? {} : { dropAfter }),
    ...(dropBefore === undefined ? {} : { dropBefore }),
  };
  return say(repairJournal(file, choice));
}
