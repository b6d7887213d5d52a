/**
 * The journal in memory: for tests, simulations and trials. It keeps the contract of the real
 * one, events and snapshots going through JSON, so that nothing is shared with the writer.
 */
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import type { Snapshot } from '../core/snapshot.ts';
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

const CLOSED: JournalFailure = { ok: false, reason: 'unavailable', detail: 'journal is closed' };

interface Kept {
  readonly seq: number;
  readonly body: string;
}

export class MemoryJournal implements Journal {
  #rows: string[] = [];
  /** Events removed from before the rows. */
  #removed = 0;
  /** At most two, the newest last. */
  #snapshots: Kept[] = [];
  #closed = false;

  append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    if (this.#closed) return CLOSED;
    const lastSeq = this.lastSeq();
    if (expectedSeq !== lastSeq) return { ok: false, reason: 'conflict', lastSeq };
    for (const event of events) this.#rows.push(JSON.stringify(event));
    return { ok: true, lastSeq: this.lastSeq() };
  }

  read(fromSeq: number, limit: number): ReadResult {
    if (this.#closed) return CLOSED;
    const from = Math.max(this.firstSeq(), fromSeq);
    const at = from - this.firstSeq();
    const rows = this.#rows.slice(at, at + Math.min(limit, READ_MAX));
    const events = rows.map((row, index): StoredEvent => ({
      seq: from + index,
      event: JSON.parse(row) as CoreEvent,
    }));
    return { ok: true, events };
  }

  firstSeq(): number {
    return this.#removed + 1;
  }

  lastSeq(): number {
    return this.#removed + this.#rows.length;
  }

  saveSnapshot(seq: number, state: Snapshot): { readonly ok: true } | JournalFailure {
    if (this.#closed) return CLOSED;
    const others = this.#snapshots.filter((one) => one.seq !== seq);
    this.#snapshots = [...others, { seq, body: JSON.stringify(state) }].slice(-2);
    return { ok: true };
  }

  loadSnapshot(): SnapshotResult {
    if (this.#closed) return CLOSED;
    const newest = this.#snapshots.at(-1);
    if (newest === undefined) return { ok: true, found: null };
    return { ok: true, found: { seq: newest.seq, state: JSON.parse(newest.body) as Snapshot } };
  }

  prune(before: number, limit: number): PruneResult {
    if (this.#closed) return CLOSED;
    const [older, newer] = this.#snapshots;
    const floor = newer === undefined ? 0 : (older?.seq ?? 0);
    const most = Math.max(0, Math.min(limit, floor - this.firstSeq()));
    const rows = this.#rows.slice(0, most);
    const young = rows.findIndex((row) => (JSON.parse(row) as CoreEvent).at >= before);
    const removed = young === -1 ? rows.length : young;
    this.#rows = this.#rows.slice(removed);
    this.#removed += removed;
    return { ok: true, removed };
  }

  verify(fromSeq: number, limit: number): VerifyResult {
    if (this.#closed) return CLOSED;
    const next = Math.max(fromSeq, this.firstSeq()) + limit;
    return { ok: true, next: next > this.lastSeq() ? null : next, damaged: [] };
  }

  close(): void {
    this.#closed = true;
  }
}
