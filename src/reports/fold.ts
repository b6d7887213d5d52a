/**
 * The fold of the reports: events in, lines of queue_log and records out. What it must remember
 * is the house, which can be kept as plain data and taken up again at any event: stopped and
 * started anywhere it gives the same.
 */
import type { StoredEvent } from '../core/events.ts';
import { emptyHouse, follow, keepHouse, takeHouse, type House, type PlainHouse } from './house.ts';
import { queueLogOf, type QueueLogLine } from './queue-log.ts';
import { recordsOf, type ReportRecord } from './records.ts';

export interface Folded {
  readonly lines: readonly QueueLogLine[];
  readonly records: readonly ReportRecord[];
}

export class ReportFold {
  readonly house: House;
  #seq: number;

  /** From the beginning, or from what `keep` gave, as of event `seq`. */
  constructor(kept?: string, seq = 0) {
    this.house = kept === undefined ? emptyHouse() : takeHouse(JSON.parse(kept) as PlainHouse);
    this.#seq = seq;
  }

  /** The last event heard. */
  get seq(): number {
    return this.#seq;
  }

  /** Events in order; one that was heard before is a broken invariant. */
  hear({ seq, event }: StoredEvent): Folded {
    if (seq <= this.#seq) throw new Error(`broken invariant: event ${seq} after ${this.#seq}`);
    const lines = queueLogOf(this.house, event);
    const records = recordsOf(this.house, event);
    follow(this.house, event);
    this.#seq = seq;
    return { lines, records };
  }

  keep(): string {
    return JSON.stringify(keepHouse(this.house));
  }
}
