/**
 * The journal in one SQLite file, durable at every commit (WAL, synchronous=FULL), each row with
 * its sum (`rows.ts`). `open.ts` opens it and looks it over first. One process writes: it holds a
 * lock on a file beside the journal for as long as it lives; readers can still open the journal.
 */
import type Sqlite from 'better-sqlite3';
import { EVENTS_VERSION, type CoreEvent, type StoredEvent } from '../core/events.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { explain, refuse } from './faults.ts';
import { SELECT_EVENTS } from './inspect.ts';
import { getMeta, INSERT_EVENT, INSERT_SNAPSHOT, putMeta } from './layout.ts';
import {
  READ_MAX,
  type AppendResult,
  type Journal,
  type JournalFailure,
  type PruneResult,
  type ReadResult,
  type SnapshotResult,
  type VerifyResult,
} from './port.ts';
import { eventSum, isWholeEvent, isWholeSnapshot, snapshotSum } from './rows.ts';
import type { EventRow, SnapshotRow } from './rows.ts';

/** Snapshots kept: were the newest damaged, the one before would still be there. */
const SNAPSHOTS_KEPT = 2;

interface End {
  readonly seq: number;
  readonly sum: number;
}

/** What an unreadable row makes of a read: the caller gets it as a value. */
class Damaged extends Error {}

export class SqliteJournal implements Journal {
  readonly #db: Sqlite.Database;
  readonly #lock: Sqlite.Database;
  readonly #file: string;
  readonly #insert: Sqlite.Statement;
  readonly #end: Sqlite.Statement;
  readonly #page: Sqlite.Statement;
  readonly #write: Sqlite.Transaction<(from: number, events: readonly CoreEvent[]) => number>;
  #firstSeq: number;
  #lastSeq: number;
  #hasFailed = false;

  /** Use `openSqliteJournal`. */
  constructor(db: Sqlite.Database, lock: Sqlite.Database, file: string) {
    this.#db = db;
    this.#lock = lock;
    this.#file = file;
    this.#insert = db.prepare(INSERT_EVENT);
    this.#end = db.prepare('SELECT seq, sum FROM event ORDER BY seq DESC LIMIT 1');
    this.#page = db.prepare(SELECT_EVENTS);
    this.#firstSeq = getMeta(db, 'first') ?? 1;
    this.#lastSeq = this.#readEnd().seq;
    // The expected position is compared inside the transaction that writes: that is the fence.
    this.#write = db.transaction((from: number, events: readonly CoreEvent[]) => {
      const end = this.#readEnd();
      if (end.seq !== from) return end.seq;
      if (events.length === 0) putMeta(db, 'probes', (getMeta(db, 'probes') ?? 0) + 1);
      this.#insertAll(end, events);
      return from;
    });
  }

  append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    try {
      const last = this.#write.immediate(expectedSeq, events);
      if (last !== expectedSeq) return { ok: false, reason: 'conflict', lastSeq: last };
      this.#lastSeq = expectedSeq + events.length;
      if (this.#hasFailed) this.#cleanLog();
      return { ok: true, lastSeq: this.#lastSeq };
    } catch (error) {
      this.#hasFailed = true;
      return explain(error, this.#file);
    }
  }

  read(fromSeq: number, limit: number): ReadResult {
    try {
      const rows = this.#page.all(Math.max(1, fromSeq), Math.min(limit, READ_MAX)) as EventRow[];
      const events = rows.map((row): StoredEvent => {
        if (!isWholeEvent(row)) throw new Damaged(`event ${row.seq} is damaged`);
        return { seq: row.seq, event: JSON.parse(row.body) as CoreEvent };
      });
      return { ok: true, events };
    } catch (error) {
      if (!(error instanceof Damaged)) return explain(error, this.#file);
      return refuse(`${error.message}; stop the ACD and run: acd journal check ${this.#file}`);
    }
  }

  firstSeq(): number {
    return this.#firstSeq;
  }

  lastSeq(): number {
    return this.#lastSeq;
  }

  saveSnapshot(seq: number, state: Snapshot): { readonly ok: true } | JournalFailure {
    try {
      const body = JSON.stringify(state);
      this.#db.transaction(() => {
        this.#db.prepare('DELETE FROM snapshot WHERE seq = ?').run(seq);
        this.#db.prepare(INSERT_SNAPSHOT).run({ seq, body, sum: snapshotSum({ seq, body }) });
        const newest = `SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ${SNAPSHOTS_KEPT}`;
        this.#db.prepare(`DELETE FROM snapshot WHERE seq NOT IN (${newest})`).run();
      })();
      return { ok: true };
    } catch (error) {
      this.#hasFailed = true;
      return explain(error, this.#file);
    }
  }

  loadSnapshot(): SnapshotResult {
    try {
      const [newest] = this.#wholeSnapshots();
      if (newest === undefined) return { ok: true, found: null };
      const { seq, body } = newest;
      return { ok: true, found: { seq, state: JSON.parse(body) as Snapshot } };
    } catch (error) {
      return explain(error, this.#file);
    }
  }

  prune(before: number, limit: number): PruneResult {
    try {
      const floor = this.#wholeSnapshots()[SNAPSHOTS_KEPT - 1]?.seq ?? 0;
      const rows = this.#db
        .prepare('SELECT seq, at FROM event WHERE seq < ? ORDER BY seq LIMIT ?')
        .all(floor, limit) as { seq: number; at: number }[];
      const young = rows.findIndex(({ at }) => at >= before);
      const old = young === -1 ? rows : rows.slice(0, young);
      const last = old.at(-1);
      if (last === undefined) return { ok: true, removed: 0 };
      this.#db.transaction(() => {
        this.#db.prepare('DELETE FROM event WHERE seq <= ?').run(last.seq);
        putMeta(this.#db, 'first', last.seq + 1);
      })();
      this.#firstSeq = last.seq + 1;
      return { ok: true, removed: old.length };
    } catch (error) {
      this.#hasFailed = true;
      return explain(error, this.#file);
    }
  }

  verify(fromSeq: number, limit: number): VerifyResult {
    try {
      const from = Math.max(fromSeq, this.#firstSeq);
      const to = Math.min(from + Math.min(limit, READ_MAX) - 1, this.#lastSeq);
      const rows = this.#page.all(from, Math.max(0, to - from + 1)) as EventRow[];
      const whole = new Set(rows.filter(isWholeEvent).map(({ seq }) => seq));
      const damaged: number[] = [];
      for (let seq = from; seq <= to; seq += 1) if (!whole.has(seq)) damaged.push(seq);
      return { ok: true, next: to < this.#lastSeq ? to + 1 : null, damaged };
    } catch (error) {
      return explain(error, this.#file);
    }
  }

  close(): void {
    this.#db.close();
    this.#lock.close();
  }

  #readEnd(): End {
    return (this.#end.get() as End | undefined) ?? { seq: 0, sum: 0 };
  }

  #insertAll(end: End, events: readonly CoreEvent[]): void {
    const batch = end.seq + events.length;
    let { seq, sum } = end;
    for (const event of events) {
      const [version, prev, body] = [EVENTS_VERSION, sum, JSON.stringify(event)];
      const { at, kind } = event;
      seq += 1;
      sum = eventSum({ seq, version, at, kind, body, batch, prev });
      this.#insert.run(seq, version, at, kind, body, batch, prev, sum);
    }
  }

  /** The whole ones, newest first. */
  #wholeSnapshots(): SnapshotRow[] {
    const rows = this.#db.prepare('SELECT seq, body, sum FROM snapshot ORDER BY seq DESC').all();
    return (rows as SnapshotRow[]).filter(
      (row) => row.seq <= this.#lastSeq && isWholeSnapshot(row),
    );
  }

  /**
   * A write that failed may have left pages in the log that look finished to whoever has to read
   * a damaged log (`salvage.ts`): with the disk back, the log begins anew.
   */
  #cleanLog(): void {
    try {
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
      this.#hasFailed = false;
    } catch (error) {
      // The next append tries again; what was appended is durable all the same.
      this.#hasFailed = error !== null;
    }
  }
}
