/**
 * What a person may do with a journal's file while the ACD is stopped: look at all of it, and,
 * where it is damaged, choose what to keep. Every answer is text for him; the old file is always
 * kept.
 */
import { existsSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { Database } from './database.ts';
import { explain } from './faults.ts';
import { hasState, lockWriter, look, onlyRun, writeChoices, type Look } from './open.ts';
import { finishRepair, replaceBy } from './repair.ts';
import { forget, salvage, type Run, type Salvage } from './salvage.ts';
import { readWal, type Wal } from './wal.ts';

/** `ok`: the journal is sound, or is now. */
export interface Told {
  readonly ok: boolean;
  readonly text: string;
}

export interface Choice {
  /** Keep what is up to and with this event; 0: nothing. */
  readonly dropAfter?: number;
  /** Keep what is from this event on. */
  readonly dropBefore?: number;
}

const bad = (text: string): Told => ({ ok: false, text });
const good = (text: string): Told => ({ ok: true, text });

function when(at: number): string {
  return new Date(at).toISOString();
}

function tellSound(file: string, seen: Extract<Look, { kind: 'sound' }>): Told {
  const { first, last, lastAt, snapshots, notes } = seen.found;
  if (last === 0) return good(`${file}: sound, no events yet`);
  const points = snapshots.length === 0 ? 'none' : snapshots.join(', ');
  const lines = [
    `${file}: sound`,
    `  events     ${first} to ${last}, the last of ${when(lastAt)}`,
    `  snapshots  ${points}`,
    ...notes.map((note) => `  note       ${note}`),
  ];
  return good(lines.join('\n'));
}

function tellDamaged(file: string, fault: string, left: Salvage): Told {
  const run = onlyRun(left);
  if (run === null) return bad(`${writeChoices(file, left)}\n  first fault: ${fault}`);
  return bad(
    `${file}: damaged (${fault}); the next start recovers it by itself to event ${run.to} of ` +
      `${when(run.toAt)}, and keeps the old file. To do it now: acd journal repair ${file}`,
  );
}

function faultOf(seen: Look, wal: Wal): string | null {
  if (seen.kind === 'damaged') return seen.fault;
  if (seen.kind === 'foreign') return 'it does not say that it is a journal';
  return wal.rest === 'damaged' ? 'part of its log is not readable' : null;
}

function check(file: string, isRunning: boolean): Told {
  const seen = look(file, true);
  // While somebody writes, the log on disk is never at rest.
  const wal = readWal(isRunning ? '' : `${file}-wal`);
  const fault = faultOf(seen, wal);
  if (fault !== null) {
    if (isRunning) return bad(`${file}: damaged (${fault}); stop the ACD and check again`);
    return tellDamaged(file, fault, salvage(file, wal));
  }
  if (seen.kind === 'newer') return bad(seen.detail);
  if (seen.kind === 'old') return good(`${file}: of a former layout; the next start brings it up`);
  return seen.kind === 'sound' ? tellSound(file, seen) : good(`${file}: empty`);
}

/** Runs `work` under the writer's lock where it can be had. Disk faults become text. */
function guarded(file: string, work: (isLocked: boolean) => Told): Told {
  let lock: Sqlite.Database | null = null;
  try {
    if (!existsSync(file) && !existsSync(`${file}.repaired`)) return bad(`${file} does not exist`);
    lock = lockWriter(file);
    return work(lock !== null);
  } catch (error) {
    return bad(explain(error, file).detail);
  } finally {
    if (lock !== null) forget(file);
    lock?.close();
  }
}

/** Looks at every row; changes nothing. Also of a running ACD. */
export function checkJournal(file: string): Told {
  return guarded(file, (isLocked) => check(file, !isLocked));
}

/** The run that a choice names, or why it cannot be. */
function choose(choice: Choice, left: Salvage, file: string): Run | null | string {
  const { dropAfter, dropBefore } = choice;
  if (dropAfter === 0) return null;
  const seq = dropAfter ?? dropBefore ?? 0;
  const found = left.runs.find(({ from, to }) => from <= seq && seq <= to);
  if (found === undefined) return `event ${seq} cannot be read.\n${writeChoices(file, left)}`;
  const db = new Database(left.staging, { readonly: true });
  try {
    const row = db.prepare('SELECT at, batch FROM event WHERE seq = ?').get(seq);
    const { at, batch } = row as { at: number; batch: number };
    if (dropAfter !== undefined && batch !== seq) {
      return `event ${seq} was written together with those up to ${batch}: --drop-after ${batch}`;
    }
    const run =
      dropAfter === undefined
        ? { ...found, from: seq, fromAt: at }
        : { ...found, to: seq, toAt: at };
    if (hasState(run, left)) return run;
    return `no snapshot stands for the events before ${run.from}.\n${writeChoices(file, left)}`;
  } finally {
    db.close();
  }
}

function repair(file: string, choice: Choice): Told {
  finishRepair(file);
  const wal = readWal(`${file}-wal`);
  const seen = look(file, true);
  if (seen.kind === 'newer') return bad(seen.detail);
  if (seen.kind === 'old') return bad(`${file} is of a former layout; start the ACD once first`);
  const isChosen = choice.dropAfter !== undefined || choice.dropBefore !== undefined;
  if (!isChosen && faultOf(seen, wal) === null) return good(`${file}: sound, nothing to repair`);
  const left = salvage(file, wal);
  if (seen.kind === 'foreign' && left.runs.length === 0) {
    return bad(`${file} is a database of another program; it is left as it is`);
  }
  const run = isChosen ? choose(choice, left, file) : onlyRun(left);
  if (typeof run === 'string') return bad(`${file}: ${run}`);
  if (run === null && !isChosen) return bad(writeChoices(file, left));
  const kept = replaceBy(file, run, left, Date.now());
  const now =
    run === null
      ? 'is empty now'
      : `holds events ${run.from} to ${run.to} now, the last of ${when(run.toAt)}`;
  return good(`${file} ${now}; the old file is kept as ${kept}`);
}

/**
 * Makes a damaged journal sound. Without a choice only where nothing but the end is lost; the
 * ACD must be stopped.
 */
export function repairJournal(file: string, choice: Choice): Told {
  return guarded(file, (isLocked) =>
    isLocked ? repair(file, choice) : bad(`${file} is in use by a running ACD; stop it first`),
  );
}
