/**
 * A journal's file read from beside, for as long as one likes: page by page as it grows, while the
 * ACD writes it. Nothing is locked and nothing is changed; a row that is damaged is passed over
 * and counted, because who reads history goes on with what there is.
 */
import { existsSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { Database } from './database.ts';
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { explain, refuse } from './faults.ts';
import { SELECT_EVENTS } from './inspect.ts';
import { obstacle } from './reader.ts';
import type { JournalFailure } from './port.ts';
import { isWholeEvent, isWholeSnapshot, type EventRow, type SnapshotRow } from './rows.ts';

/** An event with the sum of its row, by which a reader knows the place again. */
export interface SummedEvent extends StoredEvent {
  readonly sum: number;
}

/** What follows a journal: its file, or one in memory. */
export interface EventSource {
  /** Oldest and last event there is; 0 and 0 for none. */
  ends(): { readonly first: number; readonly last: number };
  /** Whole events from `seq` on, at most `limit`; `next` is where to go on. */
  read(seq: number, limit: number): { readonly events: SummedEvent[]; readonly next: number };
  /** Sum of the event's row; null: it is not there. */
  sumOf(seq: number): number | null;
  /** Number of the first event at or after the instant; null: none. */
  firstFrom(at: number): number | null;
  /** The newest whole snapshot as of event `seq` or before; null: none. */
  snapshotUpTo(seq: number): { readonly seq: number; readonly state: Snapshot } | null;
  close(): void;
}

class JournalTail implements EventSource {
  readonly #db: Sqlite.Database;
  readonly #page: Sqlite.Statement;
  readonly #ends: Sqlite.Statement;
  readonly #sum: Sqlite.Statement;
  readonly #at: Sqlite.Statement;

  constructor(db: Sqlite.Database) {
    this.#db = db;
    this.#page = db.prepare(SELECT_EVENTS);
    this.#ends = db.prepare(
      'SELECT coalesce(min(seq), 0) AS first, coalesce(max(seq), 0) AS last FROM event',
    );
    this.#sum = db.prepare('SELECT sum FROM event WHERE seq = ?');
    this.#at = db.prepare('SELECT seq, at FROM event WHERE seq >= ? ORDER BY seq LIMIT 1');
  }

  ends(): { first: number; last: number } {
    return this.#ends.get() as { first: number; last: number };
  }

  read(seq: number, limit: number): { events: SummedEvent[]; next: number } {
    const rows = this.#page.all(seq, limit) as EventRow[];
    const events = rows.filter(isWholeEvent).map((row) => ({
      seq: row.seq,
      event: JSON.parse(row.body) as CoreEvent,
      sum: row.sum,
    }));
    return { events, next: (rows.at(-1)?.seq ?? seq - 1) + 1 };
  }

  sumOf(seq: number): number | null {
    return (this.#sum.get(seq) as { sum: number } | undefined)?.sum ?? null;
  }

  /** Time never goes back in a journal, so it can be halved. */
  firstFrom(at: number): number | null {
    let { first: low, last: high } = this.ends();
    if (high === 0) return null;
    let found: number | null = null;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#at.get(middle) as { seq: number; at: number } | undefined;
      if (row === undefined || row.at >= at) {
        if (row !== undefined) found = row.seq;
        high = middle - 1;
      } else low = row.seq + 1;
    }
    return found;
  }

  snapshotUpTo(seq: number): { seq: number; state: Snapshot } | null {
    const rows = this.#db
      .prepare('SELECT seq, body, sum FROM snapshot WHERE seq <= ? ORDER BY seq DESC')
      .all(seq) as SnapshotRow[];
    const found = rows.find(isWholeSnapshot);
    return found === undefined
      ? null
      : { seq: found.seq, state: JSON.parse(found.body) as Snapshot };
  }

  close(): void {
    this.#db.close();
  }
}

export type TailOpen = { readonly ok: true; readonly source: EventSource } | JournalFailure;

export function openTail(file: string): TailOpen {
  if (!existsSync(file)) return refuse(`${file} does not exist`);
  let db: Sqlite.Database | null = null;
  try {
    db = new Database(file, { readonly: true });
    const detail = obstacle(db, file);
    if (detail === null) return { ok: true, source: new JournalTail(db) };
    db.close();
    return refuse(detail);
  } catch (error) {
    db?.close();
    return explain(error, file);
  }
}
