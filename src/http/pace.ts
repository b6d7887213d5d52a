/**
 * Long answers are written on the one thread that calls are served on. However many ask, their
 * writing takes a tenth of it: after each the thread rests from them nine times as long.
 */

/** The thread rests so many times as long as one took. */
const REST_TIMES = 9;
/** So much rest may be owed before one is waited for, ms: what takes less than one never waits. */
const OWED_MS = 10;

export class Pace {
  readonly #now: () => number;
  /** When what has been written so far is paid for by rest. */
  #restedAt = 0;

  /** `now`: ms, never going back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How long the next has to wait; 0: not at all. */
  waitMs(): number {
    return Math.max(0, Math.ceil(this.#restedAt - OWED_MS - this.#now()));
  }

  /** Does it, and counts what it took. */
  spend(work: () => void): void {
    const began = this.#now();
    work();
    const tookMs = this.#now() - began;
    this.#restedAt = Math.max(this.#restedAt, began) + tookMs * (1 + REST_TIMES);
  }
}
