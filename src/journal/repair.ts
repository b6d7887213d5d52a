/**
 * Putting a sound journal in the place of a damaged one. The new file is written whole and made
 * durable beside the old one, under a name that means "finished"; only then the old one, which is
 * kept under another name, makes way. Whenever the process dies in between, the next start
 * finishes what was begun (`finishRepair`), and at no moment is there a file without its log.
 */
import * as fs from 'node:fs';
import path from 'node:path';
import type Sqlite from 'better-sqlite3';
import { Database } from './database.ts';
import { createTables, INSERT_EVENT, INSERT_SNAPSHOT } from './layout.ts';
import type { EventRow } from './rows.ts';
import type { Run, Salvage } from './salvage.ts';

const PAGE_ROWS = 5_000;

const buildOf = (file: string): string => `${file}.repairing`;
const doneOf = (file: string): string => `${file}.repaired`;

function syncFolder(file: string): void {
  const fd = fs.openSync(path.dirname(file), 'r');
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

/** The same file under a second name; where the file system knows no links, a copy. */
function keepAs(file: string, kept: string): void {
  if (!fs.existsSync(file) || fs.statSync(file).size === 0) return;
  try {
    fs.linkSync(file, kept);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw error;
    fs.copyFileSync(file, kept, fs.constants.COPYFILE_EXCL);
  }
}

function copyRows(from: Sqlite.Database, to: Sqlite.Database, run: Run): void {
  const page = from.prepare(
    'SELECT seq, version, at, kind, body, batch, prev, sum FROM event ' +
      'WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?',
  );
  const put = to.prepare(INSERT_EVENT);
  to.transaction(() => {
    for (let next = run.from; next <= run.to;) {
      const rows = page.all(next, run.to, PAGE_ROWS) as EventRow[];
      for (const row of rows) {
        const { seq, version, at, kind, body, batch, prev, sum } = row;
        put.run(seq, version, at, kind, body, batch, prev, sum);
      }
      next = (rows.at(-1)?.seq ?? run.to) + 1;
    }
    const snapshots = from.prepare(
      'SELECT seq, body, max(sum) AS sum FROM snapshot WHERE seq BETWEEN ? AND ? ' +
        'GROUP BY seq ORDER BY seq DESC LIMIT 2',
    );
    const putSnapshot = to.prepare(INSERT_SNAPSHOT);
    for (const row of snapshots.all(run.from, run.to)) putSnapshot.run(row);
  })();
}

function build(file: string, run: Run | null, staging: string): void {
  fs.rmSync(file, { force: true });
  fs.rmSync(`${file}-journal`, { force: true });
  const db = new Database(file);
  const from = new Database(staging, { readonly: true });
  try {
    db.pragma('journal_mode = DELETE');
    db.pragma('synchronous = EXTRA');
    createTables(db, run?.from ?? 1);
    if (run !== null) copyRows(from, db, run);
  } finally {
    from.close();
    db.close();
  }
}

/** What the kept file is called: `journal.db.damaged-20260131T235959Z`. */
function keptName(file: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const name = `${file}.damaged-${stamp}`;
  for (let count = 1; ; count += 1) {
    const free = count === 1 ? name : `${name}-${count}`;
    if (!fs.existsSync(free) && !fs.existsSync(`${free}-wal`)) return free;
  }
}

/** Ends a repair that was begun; harmless where there is none. Call it before opening the file. */
export function finishRepair(file: string): void {
  fs.rmSync(buildOf(file), { force: true });
  if (!fs.existsSync(doneOf(file))) return;
  // The old log must go first: SQLite would read it into the new file.
  fs.rmSync(`${file}-wal`, { force: true });
  fs.rmSync(`${file}-shm`, { force: true });
  fs.renameSync(doneOf(file), file);
  syncFolder(file);
}

/**
 * Puts a journal of exactly the events of `run` (null: none) in the place of `file`; gives the
 * name under which the old one is kept. Throws what disks throw; then the old one is as it was.
 */
export function replaceBy(file: string, run: Run | null, left: Salvage, now: number): string {
  build(buildOf(file), run, left.staging);
  const kept = keptName(file, now);
  keepAs(`${file}-wal`, `${kept}-wal`);
  keepAs(file, kept);
  syncFolder(file);
  fs.renameSync(buildOf(file), doneOf(file));
  syncFolder(file);
  finishRepair(file);
  return kept;
}
