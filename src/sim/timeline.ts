/**
 * Time that is stepped: everything that will happen stands on one line, ordered by its instant and
 * then by when it was put there, and `step` lets the next thing happen. It is the simulator's
 * clock and the runtime's scheduler at once, so eight hours pass as fast as the work in them, and
 * nothing in a run depends on the machine it runs on.
 */
import { TimerHeap, type Timer } from '../core/ordered.ts';
import type { Clock } from '../shared/clock.ts';
import type { Cancel, Scheduler } from '../runtime/scheduler.ts';

/** A run's first instant, ms since the epoch: Monday, 5 January 2026, 08:00 UTC. */
export const DAY_BEGINS = Date.UTC(2026, 0, 5, 8);
/** Wide enough for the number of any entry: the ids then order as the numbers do. */
const ID_DIGITS = 12;

class Entry implements Timer {
  readonly kind = '';
  readonly id: string;
  at = 0;
  slot = -1;
  readonly run: () => void;

  constructor(id: string, run: () => void) {
    this.id = id;
    this.run = run;
  }
}

/** Settles when everything that was ready to go on has gone on, and waits for something new. */
function settled(): Promise<void> {
  // Node empties its queue of promises before it looks at this one.
  return new Promise((resolve) => process.nextTick(resolve));
}

export class Timeline implements Clock, Scheduler {
  readonly #heap = new TimerHeap();
  #now: number;
  #entries = 0;

  constructor(begins: number = DAY_BEGINS) {
    this.#now = begins;
  }

  now(): number {
    return this.#now;
  }

  /** Never behind: whatever a journal of this run holds was stamped here. */
  atLeast(instant: number): void {
    this.#now = Math.max(this.#now, instant);
  }

  elapsed(): number {
    return this.#now;
  }

  soon(run: () => void): void {
    this.at(this.#now, run);
  }

  after(ms: number, run: () => void): Cancel {
    return this.at(this.#now + Math.round(ms), run);
  }

  /** At that instant, or now where it has passed. */
  at(instant: number, run: () => void): Cancel {
    this.#entries += 1;
    const entry = new Entry(String(this.#entries).padStart(ID_DIGITS, '0'), run);
    this.#heap.set(entry, Math.max(this.#now, instant));
    return () => this.#heap.set(entry, null);
  }

  /** When the next thing happens; null: nothing will. */
  next(): number | null {
    return this.#heap.first()?.at ?? null;
  }

  /** Lets the next thing happen, and all that follows from it at once. False: nothing was left. */
  async step(): Promise<boolean> {
    const entry = this.#heap.first();
    if (entry === undefined) return false;
    this.#heap.set(entry, null);
    this.#now = entry.at;
    (entry as Entry).run();
    await settled();
    return true;
  }
}

/** A scheduler on a timeline that can be cut off: what a process had planned dies with it. */
export class Mortal implements Scheduler {
  readonly #timeline: Timeline;
  #isDead = false;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  soon(run: () => void): void {
    this.#timeline.soon(() => this.#ifAlive(run));
  }

  after(ms: number, run: () => void): Cancel {
    return this.#timeline.after(ms, () => this.#ifAlive(run));
  }

  elapsed(): number {
    return this.#timeline.elapsed();
  }

  die(): void {
    this.#isDead = true;
  }

  #ifAlive(run: () => void): void {
    if (!this.#isDead) run();
  }
}
