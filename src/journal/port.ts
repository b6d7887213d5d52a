/**
 * The journal: the numbered log of everything that happened. One writer appends batches at the
 * position it expects, so a writer who has been overtaken cannot write (the fence); anybody may
 * read. An implementation on this machine answers at once, one over a network by a promise.
 * Failures are values; nothing here throws or rejects for an operating fault.
 */
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import type { Snapshot } from '../core/snapshot.ts';

export type Now<T> = T | Promise<T>;

/** `unavailable`: it may work later (disk full, locked, closed); nothing was written. */
export type JournalFailure = {
  readonly ok: false;
  readonly reason: 'unavailable';
  readonly detail: string;
};

export type AppendResult =
  | { readonly ok: true; readonly lastSeq: number }
  /** Somebody else has written: `lastSeq` is where the log ends. Nothing was written. */
  | { readonly ok: false; readonly reason: 'conflict'; readonly lastSeq: number }
  | JournalFailure;

export type ReadResult =
  { readonly ok: true; readonly events: readonly StoredEvent[] } | JournalFailure;

export type SnapshotResult =
  | {
      readonly ok: true;
      /** null: there is none that this version can use. */
      readonly found: { readonly seq: number; readonly state: Snapshot } | null;
    }
  | JournalFailure;

export type PruneResult = { readonly ok: true; readonly removed: number } | JournalFailure;

export type VerifyResult =
  | {
      readonly ok: true;
      /** Where to go on; null: that was the last event. */
      readonly next: number | null;
      /** Numbers of events that are damaged or missing. */
      readonly damaged: readonly number[];
    }
  | JournalFailure;

/** Most events one read gives, whatever is asked. */
export const READ_MAX = 10_000;

export interface Journal {
  /**
   * Writes all events or none, as `expectedSeq + 1` and on, if the log ends at `expectedSeq`. An
   * empty batch adds nothing, but proves that the journal can be written.
   */
  append(expectedSeq: number, events: readonly CoreEvent[]): Now<AppendResult>;
  /** Events from sequence `fromSeq` on, at most `limit` of them (and READ_MAX). */
  read(fromSeq: number, limit: number): Now<ReadResult>;
  /** Sequence of the oldest event still there (`prune`), 1 for an empty log. */
  firstSeq(): Now<number>;
  /** Sequence of the last event, 0 for an empty log. */
  lastSeq(): Now<number>;
  /** Keeps the state as of `seq`; it only shortens the next start, so losing it is no fault. */
  saveSnapshot(seq: number, state: Snapshot): Now<{ readonly ok: true } | JournalFailure>;
  /** The newest one that is whole. */
  loadSnapshot(): Now<SnapshotResult>;
  /**
   * Removes at most `limit` of the oldest events that are older than the instant `before`, and
   * that the older of two snapshots stands for: what is left always gives the state.
   */
  prune(before: number, limit: number): Now<PruneResult>;
  /** Looks at the events from `fromSeq` on, at most `limit` of them: are they whole? */
  verify(fromSeq: number, limit: number): Now<VerifyResult>;
  close(): Now<void>;
}
