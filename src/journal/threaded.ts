/**
 * The SQLite journal on a thread of its own, so that a disk that takes its time holds up nobody
 * but the one who waits for it: SIP, REST and health go on meanwhile. One thing is done at a time,
 * in the order asked. Should the thread die, everything answers `unavailable` from then on.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CoreEvent } from '../core/events.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { refuse } from './faults.ts';
import type {
  AppendResult,
  Journal,
  JournalFailure,
  PruneResult,
  ReadResult,
  SnapshotResult,
  VerifyResult,
} from './port.ts';

/** More asked at once than this and not answered: the disk hangs, and nothing more is taken. */
const PENDING_MAX = 64;

type Asked =
  | { readonly method: 'append'; readonly args: [number, readonly CoreEvent[]] }
  | { readonly method: 'read'; readonly args: [number, number] }
  | { readonly method: 'saveSnapshot'; readonly args: [number, Snapshot] }
  | { readonly method: 'prune' | 'verify'; readonly args: [number, number] }
  | { readonly method: 'firstSeq' | 'loadSnapshot' | 'close' };

export type Ask = Asked & { readonly id: number };

type Opened =
  | { readonly ok: true; readonly notes: readonly string[]; readonly lastSeq: number }
  | JournalFailure;

export type Tell =
  | { readonly kind: 'salvages' }
  | { readonly kind: 'opened'; readonly result: Opened }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown };

/** The first message to the thread. */
export interface Open {
  readonly file: string;
}

export interface ThreadOptions {
  readonly file: string;
  /** The thread died by itself: nothing can be written any more; the process should end. */
  readonly onDeath: (error: Error) => void;
  /** It is damaged, and all of it is read now, which takes minutes where it is large. */
  readonly onSalvage?: () => void;
  /** From `startJournalThread`; absent: one is started. */
  readonly thread?: Worker;
}

export type ThreadedOpen =
  | { readonly ok: true; readonly journal: ThreadedJournal; readonly notes: readonly string[] }
  | JournalFailure;

const GONE = refuse('the thread of the journal has ended');

export class ThreadedJournal implements Journal {
  readonly #worker: Worker;
  readonly #pending = new Map<number, (value: unknown) => void>();
  #asked = 0;
  #lastSeq: number;
  #isGone = false;

  /** Use `openThreadedJournal`. */
  constructor(worker: Worker, lastSeq: number, onDeath: (error: Error) => void) {
    this.#worker = worker;
    this.#lastSeq = lastSeq;
    worker.on('message', (message: Tell) => {
      if (message.kind === 'answer') this.#settle(message.id, message.value);
    });
    let cause: Error | null = null;
    worker.on('error', (error) => (cause = error));
    worker.on('exit', (status) => {
      const wasAsked = this.#isGone;
      this.#isGone = true;
      for (const id of [...this.#pending.keys()]) this.#settle(id, GONE);
      if (!wasAsked) onDeath(cause ?? new Error(`the journal's thread ended (${status})`));
    });
  }

  async append(expectedSeq: number, events: readonly CoreEvent[]): Promise<AppendResult> {
    const result = await this.#ask<AppendResult>({ method: 'append', args: [expectedSeq, events] });
    if (result.ok) this.#lastSeq = result.lastSeq;
    return result;
  }

  async read(fromSeq: number, limit: number): Promise<ReadResult> {
    return this.#ask({ method: 'read', args: [fromSeq, limit] });
  }

  async firstSeq(): Promise<number> {
    const answer = await this.#ask<number | JournalFailure>({ method: 'firstSeq' });
    return typeof answer === 'number' ? answer : 1;
  }

  lastSeq(): number {
    return this.#lastSeq;
  }

  async saveSnapshot(
    seq: number,
    state: Snapshot,
  ): Promise<{ readonly ok: true } | JournalFailure> {
    return this.#ask({ method: 'saveSnapshot', args: [seq, state] });
  }

  async loadSnapshot(): Promise<SnapshotResult> {
    return this.#ask({ method: 'loadSnapshot' });
  }

  async prune(before: number, limit: number): Promise<PruneResult> {
    return this.#ask({ method: 'prune', args: [before, limit] });
  }

  async verify(fromSeq: number, limit: number): Promise<VerifyResult> {
    return this.#ask({ method: 'verify', args: [fromSeq, limit] });
  }

  async close(): Promise<void> {
    if (this.#isGone) return;
    const answered = this.#ask({ method: 'close' });
    this.#isGone = true;
    await answered;
    await this.#worker.terminate();
  }

  async #ask<T>(asked: Asked): Promise<T | JournalFailure> {
    if (this.#isGone) return GONE;
    if (this.#pending.size >= PENDING_MAX && asked.method !== 'close') {
      return refuse('its disk does not answer');
    }
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((settle) => {
      this.#pending.set(id, (value) => settle(value as T));
      this.#worker.postMessage({ ...asked, id } satisfies Ask);
    });
  }

  #settle(id: number, value: unknown): void {
    const settle = this.#pending.get(id);
    this.#pending.delete(id);
    settle?.(value);
  }
}

const PROGRAM = new URL(`./thread${path.extname(import.meta.filename)}`, import.meta.url);

/** A thread that loads its code and opens nothing yet. */
export function startJournalThread(program = PROGRAM): Worker {
  return new Worker(program);
}

/** Opens the file on a thread, recovering it where that is needed (`open.ts`). */
export async function openThreadedJournal(options: ThreadOptions): Promise<ThreadedOpen> {
  const { file, onDeath, onSalvage, thread: worker = startJournalThread() } = options;
  worker.postMessage({ file } satisfies Open);
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve(refuse(error.message));
    worker.once('error', failed);
    const hear = (message: Tell): void => {
      if (message.kind === 'salvages') return onSalvage?.();
      worker.off('error', failed);
      worker.off('message', hear);
      if (message.kind !== 'opened') return;
      const { result } = message;
      if (!result.ok) return resolve(result);
      const journal = new ThreadedJournal(worker, result.lastSeq, onDeath);
      return resolve({ ok: true, journal, notes: result.notes });
    };
    worker.on('message', hear);
  });
}
