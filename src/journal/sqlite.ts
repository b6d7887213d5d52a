/**
 * The journal in one SQLite file, durable at every commit (WAL, synchronous=FULL). The file says
 * of itself whose it is and in which shape, and a newer or foreign one is refused rather than
 * misread. One process writes: it holds an exclusive lock on a file beside the journal for as
 * long as it lives (the kernel lets go when it dies, however it dies), so readers can still open
 * the journal itself.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { EVENTS_VERSION, type CoreEvent, type StoredEvent } from '../core/events.ts';
import type { Snapshot } from '../core/snapshot.ts';
import {
  READ_MAX,
  type AppendResult,
  type Journal,
  type JournalFailure,
  type ReadResult,
  type SnapshotResult,
} from './port.ts';

/** Layout of the tables; another number needs a migration or a newer program. */
export const SCHEMA_VERSION = 1;
/** "ACDJ": says in SQLite's own header that the file is ours. */
const APPLICATION_ID = 0x4143444a;

const TABLES = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
`;

export type OpenResult = { readonly ok: true; readonly journal: SqliteJournal } | JournalFailure;

interface EventRow {
  readonly seq: number;
  readonly body: string;
}

function failure(error: unknown): JournalFailure {
  const detail = error instanceof Error ? error.message : String(error);
  return { ok: false, reason: 'unavailable', detail };
}

function refuse(detail: string): JournalFailure {
  return { ok: false, reason: 'unavailable', detail };
}

function numberOf(db: Database.Database, name: string): number {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
  return (row as { value: number } | undefined)?.value ?? 0;
}

/** Holds the writer's lock until closed; null: another process has it. */
function lockWriter(file: string): Database.Database | null {
  const lock = new Database(`${file}.lock`, { timeout: 0 });
  try {
    lock.pragma('journal_mode = DELETE');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
}

/** Creates the tables in an empty file, or says in words why the file is not for us. */
function prepareFile(db: Database.Database, file: string): string | null {
  const isEmpty = db.prepare('SELECT count(*) AS n FROM sqlite_master').get() as { n: number };
  if (isEmpty.n === 0) {
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.transaction(() => {
      db.exec(TABLES);
      const put = db.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
      put.run('schema', SCHEMA_VERSION);
      put.run('events', EVENTS_VERSION);
      put.run('probes', 0);
    })();
    return null;
  }
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    return `${file} is a database of another program; name another file in journal.path`;
  }
  const schema = numberOf(db, 'schema');
  const events = numberOf(db, 'events');
  if (schema > SCHEMA_VERSION || events > EVENTS_VERSION) {
    return (
      `${file} was written by a newer version (schema ${schema}, events ${events}; this one ` +
      `knows ${SCHEMA_VERSION} and ${EVENTS_VERSION}); start that version, or name another file`
    );
  }
  return null;
}

/**
 * Opens or creates the journal and takes the writer's lock. The detail of a failure is meant for
 * the user: it names the file and what to do.
 */
export function openSqliteJournal(file: string): OpenResult {
  const opened: Database.Database[] = [];
  const giveUp = (detail: string): JournalFailure => {
    for (const db of opened) db.close();
    return refuse(detail);
  };
  try {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    const lock = lockWriter(file);
    if (lock === null) {
      return refuse(`${file} is in use by another running ACD; stop it, or name another file`);
    }
    opened.push(lock);
    const db = new Database(file);
    opened.push(db);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    const obstacle = prepareFile(db, file);
    if (obstacle !== null) return giveUp(obstacle);
    return { ok: true, journal: new SqliteJournal(db, lock) };
  } catch (error) {
    const { detail } = failure(error);
    const code = error instanceof Database.SqliteError ? error.code : '';
    const isDamaged = code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT');
    return giveUp(
      isDamaged
        ? `${file} is damaged or not a journal (${detail}); move it away to begin a new one, ` +
            'or put a backup in its place'
        : `${file} cannot be opened (${detail}); check the path and its permissions`,
    );
  }
}

export class SqliteJournal implements Journal {
  readonly #db: Database.Database;
  readonly #lock: Database.Database;
  readonly #insert: Database.Statement;
  readonly #probe: Database.Statement;
  readonly #last: Database.Statement;
  readonly #page: Database.Statement;
  readonly #write: Database.Transaction<(from: number, events: readonly CoreEvent[]) => number>;
  #lastSeq: number;

  /** Use `openSqliteJournal`. */
  constructor(db: Database.Database, lock: Database.Database) {
    this.#db = db;
    this.#lock = lock;
    this.#insert = db.prepare(
      'INSERT INTO event (seq, version, at, kind, body) VALUES (?, ?, ?, ?, ?)',
    );
    this.#probe = db.prepare("UPDATE meta SET value = value + 1 WHERE name = 'probes'");
    this.#last = db.prepare('SELECT coalesce(max(seq), 0) AS seq FROM event');
    this.#page = db.prepare('SELECT seq, body FROM event WHERE seq >= ? ORDER BY seq LIMIT ?');
    this.#lastSeq = this.#readLast();
    // The expected position is compared inside the transaction that writes: that is the fence.
    this.#write = db.transaction((from: number, events: readonly CoreEvent[]) => {
      const last = this.#readLast();
      if (last !== from) return last;
      if (events.length === 0) this.#probe.run();
      events.forEach((event, index) => {
        const body = JSON.stringify(event);
        this.#insert.run(from + index + 1, EVENTS_VERSION, event.at, event.kind, body);
      });
      return from;
    });
  }

  append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    try {
      const last = this.#write.immediate(expectedSeq, events);
      if (last !== expectedSeq) return { ok: false, reason: 'conflict', lastSeq: last };
      this.#lastSeq = expectedSeq + events.length;
      return { ok: true, lastSeq: this.#lastSeq };
    } catch (error) {
      return failure(error);
    }
  }

  read(fromSeq: number, limit: number): ReadResult {
    try {
      const rows = this.#page.all(Math.max(1, fromSeq), Math.min(limit, READ_MAX)) as EventRow[];
      const events = rows.map((row): StoredEvent => ({
        seq: row.seq,
        event: JSON.parse(row.body) as CoreEvent,
      }));
      return { ok: true, events };
    } catch (error) {
      return failure(error);
    }
  }

  lastSeq(): number {
    return this.#lastSeq;
  }

  saveSnapshot(seq: number, state: Snapshot): { readonly ok: true } | JournalFailure {
    try {
      this.#db.transaction(() => {
        this.#db.prepare('DELETE FROM snapshot').run();
        const body = JSON.stringify(state);
        this.#db.prepare('INSERT INTO snapshot (seq, body) VALUES (?, ?)').run(seq, body);
      })();
      return { ok: true };
    } catch (error) {
      return failure(error);
    }
  }

  loadSnapshot(): SnapshotResult {
    try {
      const row = this.#db.prepare('SELECT seq, body FROM snapshot ORDER BY seq DESC').get();
      if (row === undefined) return { ok: true, found: null };
      const { seq, body } = row as EventRow;
      return { ok: true, found: { seq, state: JSON.parse(body) as Snapshot } };
    } catch (error) {
      // Half a snapshot is none: the log itself has everything.
      if (error instanceof SyntaxError) return { ok: true, found: null };
      return failure(error);
    }
  }

  close(): void {
    this.#db.close();
    this.#lock.close();
  }

  #readLast(): number {
    return (this.#last.get() as { seq: number }).seq;
  }
}
