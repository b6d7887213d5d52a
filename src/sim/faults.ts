/**
 * What goes wrong with the machine under a simulated house: the disk refuses for some seconds, or
 * takes its time, and the process dies, now and then just when events are durable and nobody has
 * heard of them. Each kind happens at least once in a run, at instants drawn by the seed.
 */
import type { SimJournal } from './journal.ts';
import { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

export interface Struck {
  refusals: number;
  slow: number;
  restarts: number;
}

export interface Victim {
  readonly journal: SimJournal;
  readonly timeline: Timeline;
  /** The process dies, and comes back after this long. */
  crash(downMs: number): void;
}

/** How often in an hour. */
const PER_HOUR = { refusals: 3, slow: 3, restarts: 1 } as const;
const KINDS = Object.keys(PER_HOUR) as (keyof Struck)[];
/** Legs that do not survive a restart. */
const LEGS_LOST = 0.03;

export class Faults {
  readonly struck: Struck = { refusals: 0, slow: 0, restarts: 0 };
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed ^ 0x5eed);
  }

  /** Puts them on the timeline. */
  plan(victim: Victim, span: { readonly from: number; readonly to: number }): void {
    const hours = (span.to - span.from) / 3_600_000;
    for (const kind of KINDS) {
      const count = Math.max(1, Math.round(PER_HOUR[kind] * hours));
      for (let n = 0; n < count; n += 1) {
        const at = Math.round(this.#random.between(span.from, span.to));
        victim.timeline.at(at, () => this.#strike(kind, victim));
      }
    }
  }

  /** Which of the legs outlive a restart. */
  survivors<T>(legs: readonly T[]): T[] {
    return legs.filter(() => !this.#random.isOneIn(LEGS_LOST));
  }

  #strike(kind: keyof Struck, victim: Victim): void {
    const { journal, timeline } = victim;
    this.struck[kind] += 1;
    switch (kind) {
      case 'refusals':
        journal.isDown = true;
        timeline.after(this.#random.between(100, 6_000), () => (journal.isDown = false));
        return;
      case 'slow':
        journal.lateMs = Math.round(this.#random.between(20, 1_800));
        timeline.after(this.#random.between(1_000, 8_000), () => (journal.lateMs = 0));
        return;
      case 'restarts': {
        const downMs = Math.round(this.#random.between(200, 4_000));
        if (this.#random.isOneIn(0.5)) journal.dies = () => victim.crash(downMs);
        else victim.crash(downMs);
      }
    }
  }
}
