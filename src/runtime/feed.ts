/**
 * The events for whoever follows them from outside: the newest from memory, older ones from the
 * journal, page by page and one reader at a time, so that many who come back at once do not hold
 * up the writer. How far back one may go on is bounded; beyond it there is a gap, and it is told.
 */
import type { StoredEvent } from '../core/events.ts';
import type { Journal } from '../journal/port.ts';

/** Newest events kept in memory (twice as many at most). */
const RING_MAX = 5_000;
/** Who is further behind than this gets no more events, but is told so. */
export const RESUME_MAX = 50_000;
/** Events of one page. */
export const PAGE_EVENTS = 500;

export type FeedPage =
  | { readonly kind: 'events'; readonly events: readonly StoredEvent[] }
  /** What comes next is not to be had: too old, or never written here. */
  | { readonly kind: 'gone'; readonly why: 'too-old' | 'unknown-number' }
  | { readonly kind: 'unavailable'; readonly detail: string };

export class Feed {
  readonly #journal: Journal;
  #ring: StoredEvent[] = [];
  #lastSeq: number;
  #reading: Promise<unknown> = Promise.resolve();

  /** `lastSeq`: where the journal ends now; `hear` gets everything after it. */
  constructor(journal: Journal, lastSeq: number) {
    this.#journal = journal;
    this.#lastSeq = lastSeq;
  }

  /** Number of the last event heard of. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  hear(stored: StoredEvent): void {
    this.#ring.push(stored);
    this.#lastSeq = stored.seq;
    if (this.#ring.length > 2 * RING_MAX) this.#ring = this.#ring.slice(-RING_MAX);
  }

  /** The next events after that number, at most a page; none: that was the last. */
  async read(after: number): Promise<FeedPage> {
    if (after > this.#lastSeq) return { kind: 'gone', why: 'unknown-number' };
    const recent = this.#recent(after);
    if (recent !== null) return { kind: 'events', events: recent };
    if (this.#lastSeq - after > RESUME_MAX) return { kind: 'gone', why: 'too-old' };
    const read = this.#reading.then(() => this.#page(after));
    this.#reading = read;
    return read;
  }

  /** null: memory does not go back so far. */
  #recent(after: number): readonly StoredEvent[] | null {
    if (after === this.#lastSeq) return [];
    const first = this.#ring[0]?.seq ?? Infinity;
    if (after + 1 < first) return null;
    return this.#ring.slice(after + 1 - first, after + 1 - first + PAGE_EVENTS);
  }

  async #page(after: number): Promise<FeedPage> {
    if (after + 1 < (await this.#journal.firstSeq())) return { kind: 'gone', why: 'too-old' };
    const read = await this.#journal.read(after + 1, PAGE_EVENTS);
    if (!read.ok) return { kind: 'unavailable', detail: read.detail };
    // Rows that are just being told of are heard in a moment; nobody is ahead of the reactors.
    const events = read.events.filter(({ seq }) => seq <= this.#lastSeq);
    return { kind: 'events', events };
  }
}
