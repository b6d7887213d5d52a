/**
 * Opening the journal, the careful way. Before anything may write, its log and its tables are
 * looked over without changing a byte. Sound: it is opened. Damaged, but every event up to some
 * last whole one is there: the journal becomes exactly that, the old file is kept beside it, and
 * what was dropped is said. Events missing in the middle: refused, with what is lost and the
 * command that proceeds. The detail of a refusal is meant for the user.
 */
import { existsSync, mkdirSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import type Sqlite from 'better-sqlite3';
import { Database } from './database.ts';
import { codeOf, explain, isDamage, refuse } from './faults.ts';
import { inspect, type Inspected } from './inspect.ts';
import * as layout from './layout.ts';
import type { JournalFailure } from './port.ts';
import { finishRepair, replaceBy } from './repair.ts';
import { isWholeSnapshot, type SnapshotRow } from './rows.ts';
import { forget, salvage, type Run, type Salvage } from './salvage.ts';
import { SqliteJournal } from './sqlite.ts';
import { readWal, type Wal } from './wal.ts';

/** A file up to this size is looked over as a whole at every start (about half a second). */
const WHOLE_MAX_BYTES = 32 * 1024 * 1024;

export type OpenResult =
  | {
      readonly ok: true;
      readonly journal: SqliteJournal;
      /** What was found and done about it, one sentence each; empty where all was well. */
      readonly notes: readonly string[];
    }
  | JournalFailure;

/**
 * What a look at the file gives. `empty`: there is nothing yet. `old`: of a former layout.
 * `foreign`: it does not say that it is ours.
 */
export type Look =
  | { readonly kind: 'sound'; readonly found: Extract<Inspected, { ok: true }> }
  | { readonly kind: 'empty' | 'old' | 'foreign' }
  | { readonly kind: 'newer'; readonly detail: string }
  | { readonly kind: 'damaged'; readonly fault: string };

/** Holds the writer's lock until closed; null: another process has it. */
export function lockWriter(file: string): Sqlite.Database | null {
  const name = `${file}.lock`;
  // Only its lock matters; whatever is in it was not put there by us.
  if (existsSync(name) && statSync(name).size > 0) truncateSync(name);
  const lock = new Database(name, { timeout: 0 });
  try {
    lock.pragma('journal_mode = DELETE');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (codeOf(error).startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

function lookInside(db: Sqlite.Database, file: string, whole: boolean): Look {
  if (!layout.hasTables(db)) {
    // The header alone is what a first start leaves that was cut short.
    if (sizeOf(file) <= layout.PAGE_SIZE && sizeOf(`${file}-wal`) === 0) return { kind: 'empty' };
    return { kind: 'damaged', fault: 'it has no tables' };
  }
  if (layout.isForeign(db)) return { kind: 'foreign' };
  if (layout.isOldLayout(db)) return { kind: 'old' };
  const detail = layout.findNewer(db, file);
  if (detail !== null) return { kind: 'newer', detail };
  const found = inspect(db, whole);
  return found.ok ? { kind: 'sound', found } : { kind: 'damaged', fault: found.fault };
}

/** Looks the file over by SQLite; nothing of it is changed. `whole`: all of it. */
export function look(file: string, whole: boolean): Look {
  if (sizeOf(file) === 0 && sizeOf(`${file}-wal`) === 0) return { kind: 'empty' };
  if (sizeOf(file) === 0) return { kind: 'damaged', fault: 'it is empty, its log is not' };
  const db = new Database(file, { readonly: true });
  try {
    return lookInside(db, file, whole);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { kind: 'damaged', fault: (error as Error).message };
  } finally {
    db.close();
  }
}

function when(at: number): string {
  return new Date(at).toISOString();
}

function events(from: number, to: number): string {
  return from === to ? `event ${from}` : `events ${from} to ${to}`;
}

/** The one run that is all there is to know, null where a person must decide. */
export function onlyRun(left: Salvage): Run | null {
  const [run, more] = left.runs;
  if (run === undefined || more !== undefined || run.from !== left.first) return null;
  return hasState(run, left) ? run : null;
}

/** Can the state be had at the end of this run? */
export function hasState(run: Run, left: Salvage): boolean {
  return run.from === 1 || left.snapshots.some((seq) => seq >= run.from && seq <= run.to);
}

/** What is missing in the middle, and every command that proceeds. */
export function writeChoices(file: string, left: Salvage): string {
  const { runs } = left;
  const [early, late] = [runs[0], runs.at(-1)];
  if (early === undefined || late === undefined) {
    return (
      `${file} is damaged or not a journal, and nothing in it can be read; put a backup in its ` +
      `place, or begin a new one (the old file is kept): acd journal repair ${file} --drop-after 0`
    );
  }
  const gaps = runs.map((run, index) => {
    const from = index === 0 ? left.first : (runs[index - 1]?.to ?? 0) + 1;
    return from < run.from ? events(from, run.from - 1) : '';
  });
  const lost = gaps.filter((one) => one !== '').join(', ') || `what leads to event ${late.from}`;
  const choices: string[] = [];
  if (early !== late && hasState(early, left)) {
    choices.push(
      `acd journal repair ${file} --drop-after ${early.to} (goes back to ${when(early.toAt)})`,
    );
  }
  if (hasState(late, left)) {
    choices.push(
      `acd journal repair ${file} --drop-before ${late.from} (the state of ` +
        `${when(late.toAt)} is right, a snapshot stands for what was before; history begins there)`,
    );
  }
  if (choices.length === 0) choices.push(`acd journal repair ${file} --drop-after 0 (begins anew)`);
  return (
    `${file} is damaged: ${lost} cannot be read, ${events(late.from, late.to)} can; put a backup ` +
    `in its place, or choose (the old file is kept): ${choices.join(', or ')}`
  );
}

function writeDropped(fault: string, run: Run, left: Salvage, kept: string): string {
  const newest = left.snapshots.at(-1) ?? 0;
  const dropped = [
    ...(left.brokenTo > run.to ? [`${events(run.to + 1, left.brokenTo)}, not readable`] : []),
    ...(newest > run.to ? [`the snapshot of event ${newest}`] : []),
  ];
  return (
    `the journal was damaged (${fault}): recovered to event ${run.to} of ${when(run.toAt)}; ` +
    `dropped: ${dropped.length === 0 ? 'nothing that is known of' : dropped.join(', and ')}; ` +
    `the damaged file is kept as ${kept}`
  );
}

interface Mended {
  readonly notes: readonly string[];
}

/** After it the file may be opened, or must not: then the answer says why. */
function mend(file: string, wal: Wal, seen: Look, onSalvage: () => void): Mended | JournalFailure {
  if (seen.kind === 'newer') return refuse(seen.detail);
  const isDoubtful = wal.rest !== 'none' || seen.kind === 'damaged' || seen.kind === 'foreign';
  if (!isDoubtful) return { notes: seen.kind === 'sound' ? seen.found.notes : [] };
  // Killed within a write: nothing is missing that anybody was told of, and to read all of a large
  // file would cost more than it could find.
  if (wal.rest === 'unfinished' && seen.kind === 'sound' && sizeOf(file) > WHOLE_MAX_BYTES) {
    return { notes: [...seen.found.notes, writeCut(wal)] };
  }
  onSalvage();
  try {
    return decide(file, wal, seen, salvage(file, wal));
  } finally {
    forget(file);
  }
}

/** What to do about a file in doubt, knowing what is left of it. */
function decide(file: string, wal: Wal, seen: Look, left: Salvage): Mended | JournalFailure {
  const run = onlyRun(left);
  // A file of another program has no rows of ours; if it has, only its header is damaged.
  if (seen.kind === 'foreign' && left.runs.length === 0) {
    return refuse(`${file} is a database of another program; name another file in journal.path`);
  }
  if (seen.kind === 'old' || seen.kind === 'empty') return { notes: [writeCut(wal)] };
  const isAllSeen = seen.kind === 'sound' && (left.runs.at(-1)?.to ?? 0) <= seen.found.last;
  if (isAllSeen && left.runs.length <= 1) return { notes: [...seen.found.notes, writeCut(wal)] };
  if (run === null) return refuse(writeChoices(file, left));
  const fault = seen.kind === 'damaged' ? seen.fault : 'part of its log is not readable';
  const kept = replaceBy(file, run, left, Date.now());
  return { notes: [writeDropped(fault, run, left, kept)] };
}

function writeCut(wal: Wal): string {
  return (
    `the last write to the journal was cut short: ${wal.restBytes} bytes of it were dropped, ` +
    'every event before it is there'
  );
}

/** Removes those that are not whole, so that two whole ones are kept from now on. */
function dropSnapshots(db: Sqlite.Database): void {
  const rows = db.prepare('SELECT seq, body, sum FROM snapshot').all() as SnapshotRow[];
  const remove = db.prepare('DELETE FROM snapshot WHERE seq = ?');
  for (const row of rows) if (!isWholeSnapshot(row)) remove.run(row.seq);
}

function openLocked(file: string, lock: Sqlite.Database, onSalvage: () => void): OpenResult {
  finishRepair(file);
  const wal = readWal(`${file}-wal`);
  const wasEmptied = existsSync(file) && sizeOf(file) + sizeOf(`${file}-wal`) === 0;
  const seen = look(file, sizeOf(file) <= WHOLE_MAX_BYTES);
  const mended = mend(file, wal, seen, onSalvage);
  if ('ok' in mended) return mended;
  const notes = [...mended.notes];
  if (wasEmptied) notes.push(`${file} was empty: a new journal was begun`);
  const db = new Database(file);
  try {
    layout.setUp(db);
    if (!layout.hasTables(db)) layout.createTables(db);
    else if (layout.isOldLayout(db)) {
      layout.migrate(db);
      notes.push('the journal was brought to the layout of this version');
    }
    dropSnapshots(db);
    return { ok: true, journal: new SqliteJournal(db, lock, file), notes };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens or creates the journal and takes the writer's lock; recovers it where that can be done
 * without a doubt. `onSalvage`: all of it is read now, which takes minutes where it is large.
 */
export function openSqliteJournal(
  file: string,
  onSalvage: () => void = () => undefined,
): OpenResult {
  let lock: Sqlite.Database | null = null;
  const giveUp = (failure: JournalFailure): JournalFailure => {
    lock?.close();
    return failure;
  };
  try {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    if (existsSync(file) && !statSync(file).isFile()) {
      return refuse(`${file} is no file; name another path in journal.path`);
    }
    lock = lockWriter(file);
    if (lock === null) {
      return refuse(`${file} is in use by another running ACD; stop it, or name another file`);
    }
    const opened = openLocked(file, lock, onSalvage);
    return opened.ok ? opened : giveUp(opened);
  } catch (error) {
    return giveUp(explain(error, file));
  }
}
