/**
 * The reports on a thread of their own: a month that is summed up, or a disk that takes its time,
 * holds up no call. Should the thread die (a full disk is enough), the ACD goes on without reports
 * and says so; another one takes up where it was as soon as it can.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LevelOptions } from './figures.ts';
import type { Answered, Reports, ReportsHealth } from './port.ts';
import type { Question } from './questions.ts';
import type { ServiceOptions, Told } from './service.ts';

/** Questions under way at once; one more is told to come again. */
const PENDING_MAX = 64;
const ANSWER_MS = 8_000;
/** Durable events are told of together, so that a busy second is a few wake-ups. */
const WAKE_MS = 100;
/** How long the last events may take to get in when the ACD stops. */
const CLOSE_MS = 3_000;
/** Between two attempts to go on after the thread has died. */
const AGAIN_MS = 10_000;

export type ThreadAsk =
  | { readonly kind: 'wake' | 'close' }
  | { readonly kind: 'use-levels'; readonly levels: LevelOptions }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question };

export type ThreadTell =
  | { readonly kind: 'opened'; readonly detail: string | null }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string }
  | { readonly kind: 'progress'; readonly seq: number; readonly fileFault: string }
  /** By a fault of its own, in words; it ends. */
  | { readonly kind: 'died'; readonly detail: string }
  | { readonly kind: 'closed' };

/** The first message to the thread. */
export interface Open {
  /** The journal's file. */
  readonly journal: string;
  readonly options: ServiceOptions;
}

export interface ThreadedOptions extends Open {
  readonly log: Told;
  /** From `startReportsThread`; absent: one is started. */
  readonly thread?: Worker;
  /** Makes one that takes the place of one that died. */
  readonly start?: () => Worker;
  readonly againMs?: number;
}

interface Pending {
  readonly settle: (answer: Answered<Question>) => void;
  readonly timer: NodeJS.Timeout;
}

class ThreadedReports implements Reports {
  #worker: Worker;
  readonly #options: ThreadedOptions;
  #levels: LevelOptions;
  readonly #pending = new Map<number, Pending>();
  #asked = 0;
  #wake: NodeJS.Timeout | null = null;
  #fault: string | null = null;
  #isClosing = false;
  #again: NodeJS.Timeout | null = null;
  #seq = 0;
  #fileFault = '';

  /** Use `openThreadedReports`. */
  constructor(worker: Worker, options: ThreadedOptions) {
    this.#worker = worker;
    this.#options = options;
    this.#levels = options.options.levels;
    this.#follow(worker);
  }

  #follow(worker: Worker): void {
    this.#worker = worker;
    worker.on('message', (message: ThreadTell) => this.#hear(message));
    worker.on('error', (error) => this.#die(error.message));
    worker.on('exit', () => {
      if (!this.#isClosing) this.#die('its thread ended');
    });
  }

  wake(): void {
    if (this.#wake !== null || this.#fault !== null || this.#isClosing) return;
    this.#wake = setTimeout(() => {
      this.#wake = null;
      this.#post({ kind: 'wake' });
    }, WAKE_MS);
    this.#wake.unref();
  }

  /** Comes in its turn, however much is asked. */
  useLevels(levels: LevelOptions): void {
    this.#levels = levels;
    if (this.#fault !== null || this.#isClosing) return;
    this.#post({ kind: 'use-levels', levels });
  }

  ask<Q extends Question>(question: Q): Promise<Answered<Q>> {
    if (this.#fault !== null) return Promise.resolve({ ok: false, detail: this.#fault });
    if (this.#isClosing || this.#pending.size >= PENDING_MAX) {
      return Promise.resolve({ ok: false, detail: 'too much is asked at once; ask again' });
    }
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((settle) => {
      const late = { ok: false, detail: `no answer within ${ANSWER_MS / 1000} s; ask for less` };
      const timer = setTimeout(() => this.#settle(id, late as Answered<Question>), ANSWER_MS);
      timer.unref();
      this.#pending.set(id, { settle: settle as Pending['settle'], timer });
      this.#post({ kind: 'ask', id, question });
    });
  }

  health(): ReportsHealth {
    const detail = this.#fault ?? this.#fileFault;
    return { up: detail === '', detail, seq: this.#seq };
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#wake !== null) clearTimeout(this.#wake);
    if (this.#again !== null) clearTimeout(this.#again);
    if (this.#fault === null) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, CLOSE_MS);
        this.#worker.once('exit', () => {
          clearTimeout(timer);
          done();
        });
        this.#post({ kind: 'close' });
      });
    }
    for (const id of [...this.#pending.keys()]) {
      this.#settle(id, { ok: false, detail: 'the ACD stops' });
    }
    await this.#worker.terminate();
  }

  #post(message: ThreadAsk): void {
    this.#worker.postMessage(message);
  }

  #hear(message: ThreadTell): void {
    if (message.kind === 'progress') {
      this.#seq = message.seq;
      this.#fileFault = message.fileFault;
    }
    if (message.kind === 'log') this.#options.log(message.level, message.text);
    if (message.kind === 'died') this.#die(message.detail);
    if (message.kind === 'opened') this.#opened(message.detail);
    if (message.kind === 'answer') {
      this.#settle(message.id, { ok: true, value: message.value } as Answered<Question>);
    }
  }

  #settle(id: number, answer: Answered<Question>): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    pending.settle(answer);
  }

  /** One that took the place of another is up, or not. */
  #opened(detail: string | null): void {
    if (detail !== null) return this.#die(detail);
    this.#fault = null;
    this.#options.log('info', 'reports go on');
  }

  #die(detail: string): void {
    if (this.#isClosing || this.#again !== null) return;
    const { log, start = startReportsThread, journal, options, againMs = AGAIN_MS } = this.#options;
    const wasUp = this.#fault === null;
    this.#fault = `reports stopped: ${detail}; they go on by themselves when they can`;
    if (wasUp) log('error', this.#fault);
    for (const id of [...this.#pending.keys()]) this.#settle(id, { ok: false, detail });
    this.#again = setTimeout(() => {
      this.#again = null;
      const worker = start();
      this.#follow(worker);
      worker.postMessage({ journal, options: { ...options, levels: this.#levels } } satisfies Open);
    }, againMs);
    this.#again.unref();
  }
}

export type ThreadedOpen =
  | { readonly ok: true; readonly reports: ThreadedReports }
  | { readonly ok: false; readonly detail: string };

const PROGRAM = new URL(`./thread${path.extname(import.meta.filename)}`, import.meta.url);

/** A thread that loads its code and opens nothing yet. */
export function startReportsThread(program = PROGRAM): Worker {
  return new Worker(program);
}

export async function openThreadedReports(options: ThreadedOptions): Promise<ThreadedOpen> {
  const { thread: worker = startReportsThread(), journal, options: how } = options;
  worker.postMessage({ journal, options: how } satisfies Open);
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve({ ok: false, detail: error.message });
    worker.once('error', failed);
    worker.once('message', (message: ThreadTell) => {
      worker.off('error', failed);
      if (message.kind !== 'opened') return;
      if (message.detail !== null) return resolve({ ok: false, detail: message.detail });
      return resolve({ ok: true, reports: new ThreadedReports(worker, options) });
    });
  });
}
