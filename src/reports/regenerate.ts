/**
 * queue_log of a span of time, out of the journal alone: the same lines, byte for byte, as were
 * written when it happened. It begins at the beginning of the journal, or at a checkpoint of the
 * reports where the beginning is gone or far away; both give the same.
 */
import { existsSync } from 'node:fs';
import { Database } from '../journal/database.ts';
import type { EventSource } from '../journal/tail.ts';
import { ReportFold } from './fold.ts';
import type { QueueLogLine } from './queue-log.ts';
import { ReportStore, type Checkpoint } from './store.ts';
import { LAYOUT, layoutOf } from './store-tables.ts';

const PAGE_EVENTS = 2_000;

export interface Span {
  readonly from: number;
  /** Not included. */
  readonly to: number;
}

export interface Regenerated {
  readonly lines: number;
  /** What the reader should know; empty: all is as it was. */
  readonly notes: readonly string[];
}

/** Lines of the span as the reports' database has them; empty: it has none, or is not there. */
export function keptLines(reportsFile: string, { from, to }: Span): QueueLogLine[] {
  if (!existsSync(reportsFile)) return [];
  const db = new Database(reportsFile, { readonly: true });
  try {
    if (layoutOf(db) !== LAYOUT) return [];
    return [...new ReportStore(db, String).linesBetween(from, to)];
  } finally {
    db.close();
  }
}

/** The newest checkpoint before event `seq` that agrees with the journal; null: none. */
export function findCheckpoint(
  reportsFile: string,
  source: EventSource,
  seq: number,
): Checkpoint | null {
  if (!existsSync(reportsFile)) return null;
  const db = new Database(reportsFile, { readonly: true });
  try {
    if (layoutOf(db) !== LAYOUT) return null;
    const rows = db
      .prepare('SELECT seq, sum, at, house FROM checkpoint WHERE seq < ? ORDER BY seq DESC')
      .iterate(seq) as Iterable<Checkpoint>;
    const { first } = source.ends();
    for (const row of rows) {
      // One just before the oldest event cannot be compared any more, but fits.
      if (row.seq === first - 1 || source.sumOf(row.seq) === row.sum) return row;
    }
    return null;
  } finally {
    db.close();
  }
}

/** Tells each line of the span, in order. */
export function regenerate(
  source: EventSource,
  { from, to }: Span,
  kept: Checkpoint | null,
  tell: (line: QueueLogLine) => void,
): Regenerated {
  const { first } = source.ends();
  const notes: string[] = [];
  if (kept === null && first > 1) {
    notes.push(
      `the journal begins at event ${first} (journal.keep): who was logged in or waited before ` +
        'is not known',
    );
  }
  const fold = kept === null ? new ReportFold() : new ReportFold(kept.house, kept.seq);
  let lines = 0;
  let damaged = 0;
  for (let next = Math.max(first, fold.seq + 1); ;) {
    const page = source.read(next, PAGE_EVENTS);
    if (page.next === next) break;
    damaged += page.next - next - page.events.length;
    for (const stored of page.events) {
      if (stored.event.at >= to) return { lines, notes };
      for (const line of fold.hear(stored).lines) {
        if (line.at < from) continue;
        tell(line);
        lines += 1;
      }
    }
    next = page.next;
  }
  if (damaged > 0) notes.push(`${damaged} damaged events were passed over`);
  return { lines, notes };
}
