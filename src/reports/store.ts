/**
 * The reports' own database: lines of queue_log (in Asterisk's columns), calls, visits and spans,
 * each row with the number of the event that made it, and checkpoints of the fold. It is derived
 * from the journal and can be deleted: it is made again from what the journal still holds. Going
 * back to a checkpoint removes the rows of all later events, so that no row is ever there twice.
 */
import type Sqlite from 'better-sqlite3';
import { Database } from '../journal/database.ts';
import type { QueueLogLine } from './queue-log.ts';
import type { CallRecord, ReportRecord, SpanRecord, VisitRecord } from './records.ts';
import { addColumns, createTables, LAYOUT, layoutOf, TABLES_WITH_ROWS } from './store-tables.ts';

/** Checkpoints kept beside those that begin a day. */
const ROLLING_KEPT = 2;
/** Rows that one step of `prune` removes from each table. */
const PRUNE_STEP = 1_000;

export interface Checkpoint {
  readonly seq: number;
  /** Sum of that event's row in the journal; null: before the first. */
  readonly sum: number | null;
  readonly at: number;
  readonly house: string;
}

/** What one event made. */
export interface Made {
  readonly seq: number;
  readonly lines: readonly QueueLogLine[];
  readonly records: readonly ReportRecord[];
}

export class ReportStore {
  readonly db: Sqlite.Database;
  readonly #line: Sqlite.Statement;
  readonly #call: Sqlite.Statement;
  readonly #visit: Sqlite.Statement;
  readonly #span: Sqlite.Statement;
  readonly #checkpoint: Sqlite.Statement;
  /** How an instant is written in the column `time`. */
  readonly #time: (at: number) => string;

  /** Use `openStore`. */
  constructor(db: Sqlite.Database, time: (at: number) => string) {
    this.db = db;
    this.#time = time;
    const marks = (count: number) => Array.from({ length: count }, () => '?').join(', ');
    this.#line = db.prepare(
      'INSERT INTO queue_log (seq, at, time, callid, queuename, agent, event, data, ' +
        `data1, data2, data3, data4, data5) VALUES (${marks(13)})`,
    );
    this.#call = db.prepare(`INSERT INTO call VALUES (${marks(19)})`);
    this.#visit = db.prepare(`INSERT INTO visit VALUES (${marks(14)})`);
    this.#span = db.prepare(`INSERT INTO span VALUES (${marks(10)})`);
    this.#checkpoint = db.prepare(
      'INSERT OR REPLACE INTO checkpoint (seq, sum, at, begins, house) ' +
        'VALUES (@seq, @sum, @at, @begins, @house)',
    );
  }

  /** Runs `work` as one transaction. */
  together(work: () => void): void {
    this.db.transaction(work)();
  }

  add({ seq, lines, records }: Made): void {
    for (const { at, call, queue, agent, verb, data } of lines) {
      const five = Array.from({ length: 5 }, (_, index) => data[index] ?? '');
      const all = data.join('|');
      this.#line.run(seq, at, this.#time(at), call, queue, agent, verb, all, ...five);
    }
    for (const record of records) {
      if (record.kind === 'call') this.#addCall(seq, record);
      else if (record.kind === 'visit') this.#addVisit(seq, record);
      else this.#addSpan(seq, record);
    }
  }

  #addCall(seq: number, r: CallRecord): void {
    const who = [r.callId, r.sipCallId, r.from, r.fromName, r.to, r.firstQueue, r.lastQueue];
    const how = [r.enteredAt, r.endedAt, r.status, r.endedBy, r.agentId, r.waitedMs, r.talkedMs];
    const isOut = r.outbound === true;
    // Whom it is with: by that abandoned calls are found that were called back.
    const other = callerKey(isOut ? r.to : r.from);
    this.#call.run(seq, ...who, ...how, r.moves, other, r.transfers, isOut ? 1 : 0);
  }

  #addVisit(seq: number, r: VisitRecord): void {
    const when = [r.enteredAt, r.leftAt, r.outcome, r.waitMs, r.totalWaitMs];
    const rest = [r.firstPosition, r.lastPosition, r.agentId, r.key, callerKey(r.from)];
    this.#visit.run(seq, r.callId, r.queue, ...when, ...rest, r.from);
  }

  #addSpan(seq: number, r: SpanRecord): void {
    const { what, agentId, queue, callId, offerId, from, to, detail } = r;
    this.#span.run(seq, what, agentId, queue, callId, offerId, from, to, detail, to - from);
  }

  /** `begins`: with the next event a day begins; such a one is kept. */
  saveCheckpoint(checkpoint: Checkpoint, begins: boolean): void {
    this.#checkpoint.run({ ...checkpoint, begins: begins ? 1 : 0 });
    const newest =
      'SELECT seq FROM checkpoint WHERE begins = 0 ORDER BY seq DESC ' + `LIMIT ${ROLLING_KEPT}`;
    this.db.exec(`DELETE FROM checkpoint WHERE begins = 0 AND seq NOT IN (${newest})`);
  }

  /** Newest first, of those up to event `upTo`. */
  *checkpoints(upTo: number): Iterable<Checkpoint> {
    const list = this.db
      .prepare('SELECT seq FROM checkpoint WHERE seq <= ? ORDER BY seq DESC')
      .all(upTo) as { seq: number }[];
    const get = this.db.prepare('SELECT seq, sum, at, house FROM checkpoint WHERE seq = ?');
    for (const { seq } of list) yield get.get(seq) as Checkpoint;
  }

  /** Removes what later events made. */
  rewind(seq: number): void {
    this.together(() => {
      for (const table of TABLES_WITH_ROWS) {
        this.db.prepare(`DELETE FROM ${table} WHERE seq > ?`).run(seq);
      }
      this.db.prepare('DELETE FROM checkpoint WHERE seq > ?').run(seq);
    });
  }

  /** Removes a step of what is older than the instant; true: there may be more. */
  prune(before: number): boolean {
    let removed = 0;
    const columns = { queue_log: 'at', call: 'ended_at', visit: 'left_at', span: 'to_at' };
    this.together(() => {
      for (const [table, column] of Object.entries(columns)) {
        const old = `SELECT rowid FROM ${table} WHERE ${column} < ? LIMIT ${PRUNE_STEP}`;
        const done = this.db.prepare(`DELETE FROM ${table} WHERE rowid IN (${old})`).run(before);
        removed = Math.max(removed, done.changes);
      }
      this.db.prepare('DELETE FROM checkpoint WHERE begins = 1 AND at < ?').run(before);
    });
    return removed >= PRUNE_STEP;
  }

  /** Lines of a span of time, in order. */
  *linesBetween(from: number, to: number): Iterable<QueueLogLine> {
    const rows = this.db
      .prepare(
        'SELECT at, callid, queuename, agent, event, data FROM queue_log ' +
          'WHERE at >= ? AND at < ? ORDER BY id',
      )
      .iterate(from, to) as Iterable<LineRow>;
    for (const row of rows) {
      const { at, callid: call, queuename: queue, agent, event: verb, data } = row;
      yield { at, call, queue, agent, verb, data: data.split('|') };
    }
  }

  /** Instants of the first and the last line; null: none. */
  lineEnds(): { readonly first: number; readonly last: number } | null {
    const row = this.db.prepare('SELECT min(at) AS first, max(at) AS last FROM queue_log').get();
    const { first, last } = row as { first: number | null; last: number | null };
    return first === null || last === null ? null : { first, last };
  }

  close(): void {
    this.db.close();
  }
}

interface LineRow {
  readonly at: number;
  readonly callid: string;
  readonly queuename: string;
  readonly agent: string;
  readonly event: string;
  readonly data: string;
}

/** A caller's number without what differs between PBXs: user of the address, digits where any. */
export function callerKey(from: string): string {
  const user = from.replace(/^sips?:/i, '').split('@')[0] ?? '';
  const digits = user.replace(/[\s().-]/g, '').replace(/^\+/, '');
  return /^\d+$/.test(digits) ? digits : user.toLowerCase();
}

export type StoreOpen =
  | { readonly ok: true; readonly store: ReportStore }
  | { readonly ok: false; readonly detail: string };

/** Opens or makes it. One of another layout is emptied: it is made again from the journal. */
export function openStore(file: string, time: (at: number) => string): StoreOpen {
  let db: Sqlite.Database | null = null;
  try {
    db = new Database(file);
    // Derived: what a power cut takes is folded again, so nothing need be flushed at every commit.
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    if (layoutOf(db) === 1 || layoutOf(db) === 2) addColumns(db);
    if (layoutOf(db) !== LAYOUT) createTables(db);
    return { ok: true, store: new ReportStore(db, time) };
  } catch (error) {
    db?.close();
    const { message } = error as Error;
    return { ok: false, detail: `${file} cannot be used (${message}); delete it, it is made anew` };
  }
}
