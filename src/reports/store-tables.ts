/**
 * The tables of the reports' database. `queue_log` has the columns of Asterisk's realtime table,
 * so whatever reads that reads this; the others are records (records.ts) as they are, instants in
 * ms since the epoch.
 */
import type Sqlite from 'better-sqlite3';

/** Another number is made anew, but for 1 and 2, which lack columns alone. */
export const LAYOUT = 3;

export const TABLES_WITH_ROWS = ['queue_log', 'call', 'visit', 'span'] as const;

const TABLES = `
  CREATE TABLE queue_log (
    id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, time TEXT NOT NULL,
    callid TEXT NOT NULL, queuename TEXT NOT NULL, agent TEXT NOT NULL, event TEXT NOT NULL,
    data TEXT NOT NULL, data1 TEXT NOT NULL, data2 TEXT NOT NULL, data3 TEXT NOT NULL,
    data4 TEXT NOT NULL, data5 TEXT NOT NULL
  ) STRICT;
  CREATE INDEX queue_log_at ON queue_log (at);
  CREATE INDEX queue_log_seq ON queue_log (seq);
  CREATE TABLE call (
    seq INTEGER NOT NULL, call_id TEXT NOT NULL, sip_call_id TEXT NOT NULL,
    from_address TEXT NOT NULL, from_name TEXT NOT NULL, to_address TEXT NOT NULL,
    first_queue TEXT NOT NULL, last_queue TEXT NOT NULL, entered_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL, status TEXT NOT NULL, ended_by TEXT, agent_id TEXT,
    waited_ms INTEGER NOT NULL, talked_ms INTEGER NOT NULL, moves INTEGER NOT NULL,
    caller TEXT NOT NULL, transfers INTEGER NOT NULL DEFAULT 0,
    outbound INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX call_entered ON call (entered_at);
  CREATE INDEX call_ended ON call (ended_at);
  CREATE INDEX call_caller ON call (caller, entered_at);
  CREATE INDEX call_id ON call (call_id);
  CREATE INDEX call_sip ON call (sip_call_id);
  CREATE INDEX call_seq ON call (seq);
  CREATE TABLE visit (
    seq INTEGER NOT NULL, call_id TEXT NOT NULL, queue TEXT NOT NULL,
    entered_at INTEGER NOT NULL, left_at INTEGER NOT NULL, outcome TEXT NOT NULL,
    wait_ms INTEGER NOT NULL, total_wait_ms INTEGER NOT NULL, first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL, agent_id TEXT, key TEXT NOT NULL, caller TEXT NOT NULL,
    from_address TEXT NOT NULL
  ) STRICT;
  CREATE INDEX visit_entered ON visit (entered_at);
  CREATE INDEX visit_left ON visit (left_at);
  CREATE INDEX visit_call ON visit (call_id);
  CREATE INDEX visit_seq ON visit (seq);
  CREATE TABLE span (
    seq INTEGER NOT NULL, what TEXT NOT NULL, agent_id TEXT NOT NULL, queue TEXT NOT NULL,
    call_id TEXT NOT NULL, offer_id TEXT NOT NULL, from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL, detail TEXT NOT NULL, lasted_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX span_to ON span (to_at);
  CREATE INDEX span_call ON span (call_id);
  CREATE INDEX span_agent ON span (agent_id, to_at);
  CREATE INDEX span_seq ON span (seq);
  CREATE TABLE checkpoint (
    seq INTEGER PRIMARY KEY, sum INTEGER, at INTEGER NOT NULL, begins INTEGER NOT NULL,
    house TEXT NOT NULL
  ) STRICT;
`;

/** 0 for an empty file. */
export function layoutOf(db: Sqlite.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** What is there stays: the journal may not have its beginning any more. */
export function addColumns(db: Sqlite.Database): void {
  const missing = layoutOf(db) === 1 ? ['transfers', 'outbound'] : ['outbound'];
  db.transaction(() => {
    for (const column of missing)
      db.exec(`ALTER TABLE call ADD COLUMN ${column} INTEGER NOT NULL DEFAULT 0`);
    db.pragma(`user_version = ${LAYOUT}`);
  })();
}

/** Makes them in place of whatever is there. */
export function createTables(db: Sqlite.Database): void {
  db.transaction(() => {
    for (const table of [...TABLES_WITH_ROWS, 'checkpoint']) {
      db.exec(`DROP TABLE IF EXISTS ${table}`);
    }
    db.exec(TABLES);
    db.pragma(`user_version = ${LAYOUT}`);
  })();
}
