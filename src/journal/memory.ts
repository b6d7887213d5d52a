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
  type ReadResult,
  type SnapshotResult,
} from './port.ts';

const CLOSED: JournalFailure = { ok: false, reason: 'unavailable', detail: 'journal is closed' };

export class MemoryJournal implements Journal {
  readonly #rows: string[] = [];
  #snapshot: { seq: number; body: string } | null = null;
  #closed = false;

  append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    if (this.#closed) return CLOSED;
    if (expectedSeq !== this.#rows.length) {
      return { ok: false, reason: 'conflict', lastSeq: this.#rows.length };
    }
    for (const event of events) this.#rows.push(JSON.stringify(event));
    return { ok: true, lastSeq: this.#rows.length };
  }

  read(fromSeq: number, limit: number): ReadResult {
    if (this.#closed) return CLOSED;
    const from = Math.max(1, fromSeq);
    const rows = this.#rows.slice(from - 1, from - 1 + Math.min(limit, READ_MAX));
    const events = rows.map((row, index): StoredEvent => ({
      seq: from + index,
      event: JSON.parse(row) as CoreEvent,
    }));
    return { ok: true, events };
  }

  lastSeq(): number {
    return this.#rows.length;
  }

  saveSnapshot(seq: number, state: Snapshot): { readonly ok: true } | JournalFailure {
    if (this.#closed) return CLOSED;
    this.#snapshot = { seq, body: JSON.stringify(state) };
    return { ok: true };
  }

  loadSnapshot(): SnapshotResult {
    if (this.#closed) return CLOSED;
    if (this.#snapshot === null) return { ok: true, found: null };
    const { seq, body } = this.#snapshot;
    return { ok: true, found: { seq, state: JSON.parse(body) as Snapshot } };
  }

  close(): void {
    this.#closed = true;
  }
}
