/**
 * What is left of a damaged journal, and what may be done with it. All whole rows are collected
 * in a file beside it (its size does not matter, and the journal itself is not touched); then the
 * events are followed from one to the next by their sums. Where none is missing the answer is one
 * run; where some are, it is several, and a person must choose: the events before the gap, or the
 * state after it where a snapshot stands for what is missing.
 */
import { rmSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { Database } from './database.ts';
import { readAllRows } from './pages.ts';
import type { EventRow, MetaRow, SnapshotRow } from './rows.ts';
import type { Wal } from './wal.ts';

/** Candidates for one number that lost against another; more than these are no journal. */
const MAX_REJECTED = 100_000;
/** Rows not whole are named up to this distance behind the last whole event. */
const NEAR = 1_000_000;

/** Events without a gap, each following from the one before. `to`: the last whole batch's end. */
export interface Run {
  readonly from: number;
  readonly to: number;
  /** Instants of the first and the last, ms since the epoch. */
  readonly fromAt: number;
  readonly toAt: number;
}

export interface Salvage {
  readonly runs: readonly Run[];
  /** Number of the oldest event the journal should hold. */
  readonly first: number;
  /** Numbers of whole snapshots, ascending. */
  readonly snapshots: readonly number[];
  /** Highest number seen of an event that is not whole, or not of a whole batch; 0 for none. */
  readonly brokenTo: number;
  /** The file beside the journal that holds the rows: `chosen` in event, all in snapshot. */
  readonly staging: string;
}

const STAGING = `
  CREATE TABLE event (
    seq INTEGER, version INTEGER, at INTEGER, kind TEXT, body TEXT, batch INTEGER, prev INTEGER,
    sum INTEGER, doubt INTEGER, PRIMARY KEY (seq, sum)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshot (seq INTEGER, body TEXT, sum INTEGER, PRIMARY KEY (seq, sum)) STRICT;
`;
const ADD_EVENT =
  'INSERT INTO event VALUES (@seq, @version, @at, @kind, @body, @batch, @prev, @sum, @doubt) ' +
  'ON CONFLICT DO UPDATE SET doubt = min(doubt, excluded.doubt)';
const ADD_SNAPSHOT = 'INSERT OR IGNORE INTO snapshot VALUES (@seq, @body, @sum)';

interface Collected {
  first: number;
  damaged: Set<number>;
}

function collect(db: Sqlite.Database, file: string, wal: Wal): Collected {
  const collected: Collected = { first: 1, damaged: new Set() };
  const addEvent = db.prepare(ADD_EVENT);
  const addSnapshot = db.prepare(ADD_SNAPSHOT);
  db.transaction(() => {
    readAllRows(file, wal, {
      event: (row: EventRow, proven: boolean) => addEvent.run({ ...row, doubt: proven ? 0 : 1 }),
      snapshot: (row: SnapshotRow) => addSnapshot.run(row),
      meta: ({ name, value }: MetaRow) => {
        if (name === 'first') collected.first = Math.max(collected.first, value);
      },
      damaged: (seq) => {
        if (collected.damaged.size < MAX_REJECTED) collected.damaged.add(seq);
      },
    });
  })();
  return collected;
}

type Candidate = Pick<EventRow, 'seq' | 'sum' | 'prev' | 'batch' | 'at'> & {
  readonly doubt: number;
};

/** Follows the events by their sums; what lost against another of its number is `rejected`. */
class Follower {
  readonly runs: Run[] = [];
  readonly rejected: Candidate[] = [];
  #from: Candidate | null = null;
  #last: Candidate | null = null;
  #whole: Candidate | null = null;

  /** All candidates of one number, ascending over the calls; those without doubt come first. */
  add(candidates: readonly Candidate[]): void {
    const last = this.#last;
    const next = candidates.find(
      (one) => one.seq === (last?.seq ?? 0) + 1 && one.prev === (last?.sum ?? 0),
    );
    const isAfterLast = last !== null && candidates[0]?.seq === last.seq + 1;
    // Follows from nothing though its predecessor is here: left over from a write that failed.
    const isLeftOver = next === undefined && isAfterLast && candidates[0]?.doubt === 1;
    const chosen = next ?? (isLeftOver ? undefined : candidates[0]);
    for (const one of candidates) if (one !== chosen) this.rejected.push(one);
    if (this.rejected.length > MAX_REJECTED) throw new Error('too many versions of its events');
    if (chosen === undefined) return;
    if (next === undefined) {
      this.end();
      this.#from = chosen;
    }
    this.#from ??= chosen;
    this.#last = chosen;
    if (chosen.batch === chosen.seq) this.#whole = chosen;
  }

  end(): void {
    if (this.#from !== null && this.#whole !== null) {
      const [from, to] = [this.#from, this.#whole];
      this.runs.push({ from: from.seq, to: to.seq, fromAt: from.at, toAt: to.at });
    }
    this.#from = null;
    this.#whole = null;
  }
}

function follow(db: Sqlite.Database, first: number): Follower {
  const follower = new Follower();
  const all = db.prepare(
    'SELECT seq, sum, prev, batch, at, doubt FROM event WHERE seq >= ? ORDER BY seq, doubt',
  );
  let group: Candidate[] = [];
  for (const row of all.iterate(first) as IterableIterator<Candidate>) {
    if (group.length > 0 && group[0]?.seq !== row.seq) {
      follower.add(group);
      group = [];
    }
    group.push(row);
  }
  if (group.length > 0) follower.add(group);
  follower.end();
  return follower;
}

function stage(db: Sqlite.Database, file: string, wal: Wal): Omit<Salvage, 'staging'> {
  // It can be made again at any time: nothing of it need be durable.
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.exec(STAGING);
  const { first, damaged } = collect(db, file, wal);
  const { runs, rejected } = follow(db, first);
  const remove = db.prepare('DELETE FROM event WHERE seq = ? AND sum = ?');
  db.transaction(() => {
    for (const { seq, sum } of rejected) remove.run(seq, sum);
  })();
  const snapshots = db.prepare('SELECT DISTINCT seq FROM snapshot ORDER BY seq').all();
  const last = runs.at(-1)?.to ?? 0;
  const incomplete = db.prepare('SELECT coalesce(max(seq), 0) AS seq FROM event').get();
  let brokenTo = Math.max((incomplete as { seq: number }).seq, 0);
  for (const seq of damaged) if (seq < last + NEAR) brokenTo = Math.max(brokenTo, seq);
  return {
    runs,
    first,
    snapshots: (snapshots as { seq: number }[]).map(({ seq }) => seq),
    brokenTo: brokenTo > last ? brokenTo : 0,
  };
}

/**
 * Collects what is left of `file` and its log. No connection of this process may have the file
 * open (closing a file lets go of all locks a process has on it). Throws what disks throw; remove
 * the staging file with `forget` in any case.
 */
export function salvage(file: string, wal: Wal): Salvage {
  const staging = stagingOf(file);
  forget(file);
  const db = new Database(staging);
  try {
    return { ...stage(db, file, wal), staging };
  } finally {
    db.close();
  }
}

function stagingOf(file: string): string {
  return `${file}.salvage`;
}

export function forget(file: string): void {
  rmSync(stagingOf(file), { force: true });
}
