/**
 * The layout of the journal's file: its tables, what it says of itself, and how an older layout
 * becomes this one. A newer or foreign file is refused in words rather than misread.
 */
import type Sqlite from 'better-sqlite3';
import { EVENTS_VERSION } from '../core/events.ts';
import { eventSum, isWholeMeta, metaSum, snapshotSum } from './rows.ts';
import type { EventRow, MetaRow, SnapshotRow } from './rows.ts';

/** Layout of the tables; another number needs a migration or a newer program. */
const SCHEMA_VERSION = 2;
/** "ACDJ": says in SQLite's own header that the file is ours. */
const APPLICATION_ID = 0x4143444a;
/** SQLite's standard page, which we never change: a damaged header need not be asked for it. */
export const PAGE_SIZE = 4096;
const MIGRATE_PAGE = 5_000;

const TABLES = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    batch INTEGER NOT NULL,
    prev INTEGER NOT NULL,
    sum INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
`;

/** By place, not by name: binding by name costs as much again as the insert itself. */
export const INSERT_EVENT =
  'INSERT INTO event (seq, version, at, kind, body, batch, prev, sum) ' +
  'VALUES (?, ?, ?, ?, ?, ?, ?, ?)';
export const INSERT_SNAPSHOT = 'INSERT INTO snapshot (seq, body, sum) VALUES (@seq, @body, @sum)';

/** What the file says of itself. `first`: the oldest event it still holds (journal.keep). */
export type MetaName = 'schema' | 'events' | 'probes' | 'first';

export function putMeta(db: Sqlite.Database, name: MetaName, value: number): void {
  db.prepare('INSERT OR REPLACE INTO meta (name, value, sum) VALUES (@name, @value, @sum)').run({
    name,
    value,
    sum: metaSum({ name, value }),
  });
}

/** Null where the row is missing or damaged. */
export function getMeta(db: Sqlite.Database, name: MetaName): number | null {
  const row = db.prepare('SELECT name, value, sum FROM meta WHERE name = ?').get(name);
  if (row === undefined || !isWholeMeta(row as MetaRow)) return null;
  return (row as MetaRow).value;
}

/** How we write: durable at every commit, and what is deleted leaves no trace to be misread. */
export function setUp(db: Sqlite.Database): void {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('secure_delete = ON');
}

/** Makes the tables in an empty database. `first` is the number of its first event. */
export function createTables(db: Sqlite.Database, first = 1): void {
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.transaction(() => {
    db.exec(TABLES);
    putMeta(db, 'schema', SCHEMA_VERSION);
    putMeta(db, 'events', EVENTS_VERSION);
    putMeta(db, 'probes', 0);
    putMeta(db, 'first', first);
  })();
}

export function hasTables(db: Sqlite.Database): boolean {
  const found = db.prepare('SELECT count(*) AS n FROM sqlite_master').get() as { n: number };
  return found.n > 0;
}

/** Layout before sums were kept: it has no `sum` in meta. */
export function isOldLayout(db: Sqlite.Database): boolean {
  const columns = db.prepare("SELECT name FROM pragma_table_info('meta')").all();
  const names = (columns as { name: string }[]).map(({ name }) => name);
  return names.includes('value') && !names.includes('sum');
}

export function isForeign(db: Sqlite.Database): boolean {
  return db.pragma('application_id', { simple: true }) !== APPLICATION_ID;
}

/** In words, where a newer version wrote this file; null: it did not. */
export function findNewer(db: Sqlite.Database, file: string): string | null {
  const [schema, events] = [getMeta(db, 'schema') ?? 0, getMeta(db, 'events') ?? 0];
  if (schema <= SCHEMA_VERSION && events <= EVENTS_VERSION) return null;
  return (
    `${file} was written by a newer version (schema ${schema}, events ${events}; this one ` +
    `knows ${SCHEMA_VERSION} and ${EVENTS_VERSION}); start that version, or name another file`
  );
}

type OldRow = Omit<EventRow, 'batch' | 'prev' | 'sum'>;

function sumOldEvents(db: Sqlite.Database): void {
  const page = db.prepare(
    'SELECT seq, version, at, kind, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?',
  );
  const put = db.prepare(
    'UPDATE event SET batch = @batch, prev = @prev, sum = @sum WHERE seq = @seq',
  );
  let [last, prev] = [0, 0];
  for (;;) {
    const rows = page.all(last, MIGRATE_PAGE) as OldRow[];
    if (rows.length === 0) return;
    for (const row of rows) {
      const sum = eventSum({ ...row, batch: row.seq, prev });
      put.run({ seq: row.seq, batch: row.seq, prev, sum });
      [last, prev] = [row.seq, sum];
    }
  }
}

/** Gives every row of layout 1 its sum; all or nothing. */
export function migrate(db: Sqlite.Database): void {
  db.transaction(() => {
    for (const column of ['batch', 'prev', 'sum']) {
      db.exec(`ALTER TABLE event ADD COLUMN ${column} INTEGER NOT NULL DEFAULT 0`);
    }
    db.exec('ALTER TABLE meta ADD COLUMN sum INTEGER NOT NULL DEFAULT 0');
    db.exec('ALTER TABLE snapshot ADD COLUMN sum INTEGER NOT NULL DEFAULT 0');
    sumOldEvents(db);
    const snapshots = db.prepare('SELECT seq, body FROM snapshot').all() as SnapshotRow[];
    const put = db.prepare('UPDATE snapshot SET sum = ? WHERE seq = ?');
    for (const row of snapshots) put.run(snapshotSum(row), row.seq);
    putMeta(db, 'schema', SCHEMA_VERSION);
    putMeta(db, 'events', EVENTS_VERSION);
    putMeta(db, 'probes', 0);
    putMeta(db, 'first', 1);
  })();
}
