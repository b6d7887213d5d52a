/**
 * Reading a journal's file from beside: for reports and what-ifs, also while the ACD that writes
 * it runs. Nothing is locked and nothing is changed; every row's sum is looked at.
 */
import { existsSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { Database } from './database.ts';
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import { explain, refuse } from './faults.ts';
import { SELECT_EVENTS } from './inspect.ts';
import { findNewer, hasTables, isForeign, isOldLayout } from './layout.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { JournalFailure } from './port.ts';
import { isWholeEvent, isWholeSnapshot, type EventRow, type SnapshotRow } from './rows.ts';

const PAGE_ROWS = 5_000;

/** Why it cannot be read; null: it can. */
export function obstacle(db: Sqlite.Database, file: string): string | null {
  if (!hasTables(db)) return `${file} holds no events`;
  if (isForeign(db)) return `${file} is a database of another program`;
  if (isOldLayout(db)) return `${file} is of a former layout; start the ACD once first`;
  return findNewer(db, file);
}

function readAll(db: Sqlite.Database, file: string, hear: (stored: StoredEvent) => void): FileRead {
  const page = db.prepare(SELECT_EVENTS);
  for (let [next, expected] = [0, 0]; ;) {
    const rows = page.all(next, PAGE_ROWS) as EventRow[];
    if (rows.length === 0) return { ok: true, snapshot: newestSnapshot(db) };
    for (const row of rows) {
      const isMissing = expected > 0 && row.seq !== expected;
      if (isMissing || !isWholeEvent(row)) {
        return refuse(
          `${file}: event ${isMissing ? expected : row.seq} cannot be read; stop the ACD and ` +
            `run: acd journal check ${file}`,
        );
      }
      hear({ seq: row.seq, event: JSON.parse(row.body) as CoreEvent });
      expected = row.seq + 1;
    }
    next = expected;
  }
}

/** The newest whole one; it knows what the events before the first may have said. */
function newestSnapshot(db: Sqlite.Database): Snapshot | null {
  const rows = db.prepare('SELECT seq, body, sum FROM snapshot ORDER BY seq DESC').all();
  const newest = (rows as SnapshotRow[]).find(isWholeSnapshot);
  return newest === undefined ? null : (JSON.parse(newest.body) as Snapshot);
}

export type FileRead = { readonly ok: true; readonly snapshot: Snapshot | null } | JournalFailure;

/** Tells every event of the file in order. */
export function readJournalFile(file: string, hear: (stored: StoredEvent) => void): FileRead {
  if (!existsSync(file)) return refuse(`${file} does not exist`);
  let db: Sqlite.Database | null = null;
  try {
    db = new Database(file, { readonly: true });
    const detail = obstacle(db, file);
    return detail === null ? readAll(db, file, hear) : refuse(detail);
  } catch (error) {
    return explain(error, file);
  } finally {
    db?.close();
  }
}
