/**
 * Is a journal sound? Asked of a connection that changes nothing, before anything is written. The
 * state needs the newest whole snapshot and every event after it, so these are looked at at every
 * start; the whole history where it is small, or by `acd journal check`.
 */
import type Sqlite from 'better-sqlite3';
import { getMeta } from './layout.ts';
import { isWholeEvent, isWholeSnapshot } from './rows.ts';
import type { EventRow, SnapshotRow } from './rows.ts';

const PAGE_ROWS = 5_000;
/** Events looked at at a start even where a snapshot stands for them. */
const START_EVENTS = 20_000;

export interface Sound {
  readonly first: number;
  readonly last: number;
  /** Instant of the last event, 0 for none. */
  readonly lastAt: number;
  /** Numbers of the whole snapshots, ascending. */
  readonly snapshots: readonly number[];
  /** What does no harm but should be known. */
  readonly notes: readonly string[];
}

/** `fault`: the first thing found to be wrong. */
export type Inspected = ({ readonly ok: true } & Sound) | { readonly ok: false; fault: string };

export const SELECT_EVENTS =
  'SELECT seq, version, at, kind, body, batch, prev, sum FROM event ' +
  'WHERE seq >= ? ORDER BY seq LIMIT ?';

interface Ends {
  readonly first: number;
  readonly last: number;
}

function readEnds(db: Sqlite.Database): Ends {
  return db
    .prepare('SELECT coalesce(min(seq), 0) AS first, coalesce(max(seq), 0) AS last FROM event')
    .get() as Ends;
}

/** Walks the events from `from` on; null, or what is wrong. */
function checkEvents(db: Sqlite.Database, from: number, last: number): string | null {
  const page = db.prepare(SELECT_EVENTS);
  let before: EventRow | null = null;
  for (let next = from; next <= last;) {
    const rows = page.all(next, PAGE_ROWS) as EventRow[];
    for (const row of rows) {
      if (row.seq !== next) return `events ${next} to ${row.seq - 1} are missing`;
      if (!isWholeEvent(row)) return `event ${row.seq} is damaged`;
      if (before !== null && row.prev !== before.sum) {
        return `event ${row.seq} does not follow from the one before it`;
      }
      before = row;
      next += 1;
    }
    if (rows.length === 0) return `events ${next} to ${last} cannot be read`;
  }
  if (before !== null && before.batch !== before.seq) return 'its last write is not complete';
  return null;
}

function readSnapshots(db: Sqlite.Database): { whole: number[]; damaged: number } {
  const rows = db.prepare('SELECT seq, body, sum FROM snapshot ORDER BY seq').all();
  const whole = (rows as SnapshotRow[]).filter(isWholeSnapshot).map(({ seq }) => seq);
  return { whole, damaged: rows.length - whole.length };
}

/** SQLite's own look at its structure: null, or its first complaint. */
function checkStructure(db: Sqlite.Database): string | null {
  const answer = db.pragma('quick_check(1)', { simple: true });
  return answer === 'ok' ? null : String(answer).replaceAll('\n', ' ');
}

/**
 * `whole`: all of it, however long that takes. Throws what SQLite throws; a damaged file among
 * it (`isDamage`).
 */
export function inspect(db: Sqlite.Database, whole: boolean): Inspected {
  if (whole) {
    const fault = checkStructure(db);
    if (fault !== null) return { ok: false, fault };
  }
  const first = getMeta(db, 'first');
  if (first === null || getMeta(db, 'schema') === null || getMeta(db, 'events') === null) {
    return { ok: false, fault: 'its own description is damaged' };
  }
  const ends = readEnds(db);
  const isEmpty = ends.last === 0;
  if (isEmpty ? first !== 1 : ends.first !== first) {
    return { ok: false, fault: `events ${first} to ${ends.first - 1} are missing` };
  }
  const { whole: snapshots, damaged } = readSnapshots(db);
  const newest = snapshots.at(-1) ?? 0;
  if (newest > ends.last) {
    return { ok: false, fault: `events ${ends.last + 1} to ${newest} are missing` };
  }
  if (first > 1 && newest < first) {
    return { ok: false, fault: `no snapshot stands for the events before ${first}` };
  }
  const needed = Math.max(first, Math.min(newest, ends.last - START_EVENTS));
  const fault = isEmpty ? null : checkEvents(db, whole ? first : needed, ends.last);
  if (fault !== null) return { ok: false, fault };
  const at = db.prepare('SELECT at FROM event WHERE seq = ?').get(ends.last);
  return {
    ok: true,
    first,
    last: ends.last,
    lastAt: (at as { at: number } | undefined)?.at ?? 0,
    snapshots,
    notes: damaged > 0 ? [`${damaged} of its snapshots are damaged; events stand for them`] : [],
  };
}
