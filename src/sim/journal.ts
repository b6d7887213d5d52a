/**
 * The journal of a simulation: a real one behind a door at which things go wrong. It refuses
 * (disk full), answers late (slow disk), and can be where the process dies: after the events are
 * durable, before anybody has heard of them. It sums up all it takes, so that two runs can be
 * compared by one number.
 */
import { createHash } from 'node:crypto';
import type { CoreEvent } from '../core/events.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type {
  AppendResult,
  Journal,
  JournalFailure,
  PruneResult,
  ReadResult,
  SnapshotResult,
  VerifyResult,
} from '../journal/port.ts';
import type { Timeline } from './timeline.ts';

const REFUSED: JournalFailure = {
  ok: false,
  reason: 'unavailable',
  detail: 'simulated: disk full',
};
/** A day of millions of events would not fit into memory: what snapshots stand for is dropped. */
const PRUNE_EVERY = 100_000;

export class SimJournal {
  /** Refuses all writes. */
  isDown = false;
  /** Each append is answered this much later. */
  lateMs = 0;
  /** Called once, with the next append durable and unanswered. */
  dies: (() => void) | null = null;
  events = 0;
  readonly #inner: Journal;
  readonly #timeline: Timeline;
  readonly #keepsAll: boolean;
  readonly #hash = createHash('sha256');
  #prunedAt = 0;

  constructor(inner: Journal, timeline: Timeline, keepsAll: boolean) {
    this.#inner = inner;
    this.#timeline = timeline;
    this.#keepsAll = keepsAll;
  }

  get inner(): Journal {
    return this.#inner;
  }

  async append(expectedSeq: number, events: readonly CoreEvent[]): Promise<AppendResult> {
    if (this.isDown) return REFUSED;
    const result = await this.#inner.append(expectedSeq, events);
    if (!result.ok) return result;
    for (const event of events) this.#hash.update(`${JSON.stringify(event)}\n`);
    this.events += events.length;
    if (!this.#keepsAll && this.events - this.#prunedAt >= PRUNE_EVERY) {
      this.#prunedAt = this.events;
      await this.#inner.prune(Infinity, PRUNE_EVERY * 2);
    }
    const { dies } = this;
    this.dies = null;
    dies?.();
    if (this.lateMs > 0) {
      await new Promise<void>((resolve) => this.#timeline.after(this.lateMs, resolve));
    }
    return result;
  }

  /** Of everything appended so far; 16 hex digits. Ask once, at the end. */
  digest(): string {
    return this.#hash.digest('hex').slice(0, 16);
  }
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** The journal as one process holds it: once the process is dead, nothing is answered. */
export class Handle implements Journal {
  readonly #journal: SimJournal;
  #isDead = false;
  #writing = 0;

  constructor(journal: SimJournal) {
    this.#journal = journal;
  }

  /** Something is decided and not durable yet, or not heard of. */
  get isBusy(): boolean {
    return this.#writing > 0;
  }

  die(): void {
    this.#isDead = true;
  }

  async append(expectedSeq: number, events: readonly CoreEvent[]): Promise<AppendResult> {
    this.#writing += 1;
    const result = await this.#ask(() => this.#journal.append(expectedSeq, events));
    this.#writing -= 1;
    return result;
  }

  read(fromSeq: number, limit: number): Promise<ReadResult> {
    return this.#ask(() => this.#journal.inner.read(fromSeq, limit));
  }

  firstSeq(): Promise<number> {
    return this.#ask(() => this.#journal.inner.firstSeq());
  }

  lastSeq(): Promise<number> {
    return this.#ask(() => this.#journal.inner.lastSeq());
  }

  saveSnapshot(seq: number, state: Snapshot): Promise<{ readonly ok: true } | JournalFailure> {
    return this.#ask(() => this.#journal.inner.saveSnapshot(seq, state));
  }

  loadSnapshot(): Promise<SnapshotResult> {
    return this.#ask(() => this.#journal.inner.loadSnapshot());
  }

  prune(before: number, limit: number): Promise<PruneResult> {
    return this.#ask(() => this.#journal.inner.prune(before, limit));
  }

  verify(fromSeq: number, limit: number): Promise<VerifyResult> {
    return this.#ask(() => this.#journal.inner.verify(fromSeq, limit));
  }

  async close(): Promise<void> {
    this.die();
  }

  async #ask<T>(ask: () => T | Promise<T>): Promise<T> {
    if (this.#isDead) return never();
    const answer = await ask();
    return this.#isDead ? never() : answer;
  }
}
