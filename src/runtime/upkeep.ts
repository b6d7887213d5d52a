/**
 * What the journal needs from time to time: events older than `journal.keep` are removed, and the
 * whole history is read once after the start and then daily, so that damage in what no start
 * looks at is known before somebody needs it. Both go in small steps with pauses, and stop for
 * nothing: what fails now is tried again at the next look.
 */
import type { Journal } from '../journal/port.ts';

const STEP_EVENTS = 500;
const VERIFY_EVENTS = 2_000;
const PAUSE_MS = 100;
const LOOK_MS = 10 * 60_000;
const VERIFY_EVERY_MS = 24 * 3_600_000;
/** Damaged events named in the log; what is beyond is counted. */
const NAMED_MAX = 20;

export interface UpkeepOptions {
  readonly journal: Journal;
  readonly now: () => number;
  /** How long events are kept; 0: for ever. */
  readonly keepMs: number;
  readonly log: (level: 'info' | 'warn' | 'error', text: string) => void;
  /** Between two looks; default ten minutes. */
  readonly lookMs?: number;
  /** Between two steps; default 100 ms. */
  readonly pauseMs?: number;
}

export interface Upkeep {
  /** How many events of the history are damaged or missing, as last seen. */
  damaged(): number;
  /** Settles when no step is under way any more. */
  stop(): Promise<void>;
}

class Keeper implements Upkeep {
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  #working: Promise<void> = Promise.resolve();
  #stopping = false;
  #damaged = 0;
  #verifiedAt = -Infinity;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#working = this.#work();
  }

  damaged(): number {
    return this.#damaged;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { lookMs = LOOK_MS } = this.#options;
    while (!this.#stopping) {
      await this.#remove();
      if (this.#options.now() - this.#verifiedAt >= VERIFY_EVERY_MS) await this.#verify();
      await this.#pause(lookMs);
    }
  }

  async #pause(ms: number = this.#options.pauseMs ?? PAUSE_MS): Promise<void> {
    if (this.#stopping) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#timer = setTimeout(resolve, ms);
      this.#timer.unref();
    });
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wake = null;
  }

  async #remove(): Promise<void> {
    const { journal, now, keepMs, log } = this.#options;
    if (keepMs === 0) return;
    let removed = 0;
    for (;;) {
      const step = await journal.prune(now() - keepMs, STEP_EVENTS);
      if (!step.ok) return log('warn', `old events were not removed: ${step.detail}`);
      removed += step.removed;
      if (step.removed < STEP_EVENTS || this.#stopping) break;
      await this.#pause();
    }
    if (removed > 0) log('info', `${removed} events older than journal.keep were removed`);
  }

  async #verify(): Promise<void> {
    const { journal, now, log } = this.#options;
    const named: number[] = [];
    let damaged = 0;
    for (let next: number | null = 1; next !== null;) {
      const step = await journal.verify(next, VERIFY_EVENTS);
      if (!step.ok) return log('warn', `the history was not looked at: ${step.detail}`);
      if (this.#stopping) return undefined;
      damaged += step.damaged.length;
      named.push(...step.damaged.slice(0, NAMED_MAX - named.length));
      next = step.next;
      if (next !== null) await this.#pause();
    }
    this.#verifiedAt = now();
    this.#damaged = damaged;
    if (damaged === 0) return undefined;
    const more = damaged > named.length ? ` and ${damaged - named.length} more` : '';
    return log(
      'error',
      `events ${named.join(', ')}${more} of the journal's history are damaged; the state is ` +
        'right, reports lack them; stop the ACD and run: acd journal check',
    );
  }
}

/** Begins at once; stop it before the journal is closed. */
export function startUpkeep(options: UpkeepOptions): Upkeep {
  return new Keeper(options);
}
