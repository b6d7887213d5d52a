/**
 * One receiver of events: it gets what concerns it, in order, in batches, each until it is taken.
 * A receiver that is away costs nothing but its own delay: what it lacks is read from the journal
 * when it is back. Beyond what may be made up for (the feed says) it is told of a gap. A batch
 * may come twice (an answer that was lost, a process that was killed): it has the same id then,
 * and each event its number.
 */
import type { StoredEvent } from '../core/events.ts';
import type { WebhookConfig } from '../config/types.ts';
import { shownEvent } from '../http/stream.ts';
import type { Subjects } from '../http/subjects.ts';
import type { WebhookShown } from '../http/view.ts';
import type { Feed } from '../runtime/feed.ts';
import type { Delivered, Delivery } from './post.ts';
import { signed } from './signature.ts';

export interface HookDeps {
  readonly feed: Feed;
  readonly subjects: Subjects;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly post: (delivery: Delivery) => Promise<Delivered>;
  readonly log: { warn(fields: object, text: string): void; info(fields: object, t: string): void };
  /** Everything up to this number was taken, or is not for it. */
  readonly onPlace: (seq: number) => void;
}

/** Events of one delivery at most. */
const BATCH_MAX = 100;
/** What happens within so long goes out together. */
const GATHER_MS = 100;
/** Waits between attempts; the last is repeated. */
const RETRIES_MS = [1_000, 2_000, 5_000, 15_000, 30_000, 60_000, 120_000, 300_000];
const LONGEST_MS = 300_000;
const SHORTEST_MS = 1_000;

/** Without what may be secret in it. */
export function nameOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

export class Hook {
  readonly #config: WebhookConfig;
  readonly #deps: HookDeps;
  readonly #ending = new AbortController();
  #after: number;
  #state: WebhookShown['state'] = 'up';
  #detail = '';
  #delivered = 0;
  #failures = 0;
  #gathering: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;

  /** `after`: number of the last event that it need not get. */
  constructor(config: WebhookConfig, after: number, deps: HookDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#after = after;
  }

  shown(): WebhookShown {
    return {
      url: nameOf(this.#config.url),
      state: this.#state,
      detail: this.#detail,
      seq: this.#after,
      delivered: this.#delivered,
      failures: this.#failures,
    };
  }

  /** There is something new. */
  wake(): void {
    if (this.#gathering !== null || this.#running !== null || this.#isOver()) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = null;
      this.#running = this.#run().finally(() => {
        this.#running = null;
        // What was heard in between woke nobody.
        if (this.#after !== this.#deps.feed.lastSeq) this.wake();
      });
    }, GATHER_MS);
  }

  /** What is under way is cut off, and comes again at the next start. */
  async stop(): Promise<void> {
    this.#ending.abort();
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    await this.#running;
  }

  #isOver(): boolean {
    return this.#ending.signal.aborted || this.#state === 'refused';
  }

  async #run(): Promise<void> {
    const { feed } = this.#deps;
    while (!this.#isOver() && this.#after !== feed.lastSeq) {
      const page = await feed.read(this.#after);
      if (page.kind === 'unavailable') {
        await this.#rest(SHORTEST_MS);
      } else if (page.kind === 'gone') {
        const next = feed.lastSeq;
        const data = { why: page.why, after: this.#after, next };
        if (await this.#deliver(`gap-${this.#after}-${next}`, 'acd.gap', data)) this.#reach(next);
      } else {
        await this.#tell(page.events);
      }
    }
  }

  async #tell(events: readonly StoredEvent[]): Promise<void> {
    let batch: StoredEvent[] = [];
    for (const stored of events) {
      if (this.#isWanted(stored)) batch.push(stored);
      if (batch.length < BATCH_MAX && stored !== events.at(-1)) continue;
      if (batch.length > 0 && !(await this.#deliverEvents(batch))) return;
      this.#reach(stored.seq);
      batch = [];
    }
  }

  #isWanted({ event }: StoredEvent): boolean {
    const { events, queues, agents } = this.#config;
    if (events.length > 0 && !events.includes(event.kind)) return false;
    return this.#deps.subjects.passes(event, { queues, agents });
  }

  #deliverEvents(batch: readonly StoredEvent[]): Promise<boolean> {
    const id = `events-${batch[0]?.seq}-${batch.at(-1)?.seq}`;
    return this.#deliver(id, 'acd.events', { events: batch.map((stored) => shownEvent(stored)) });
  }

  #reach(seq: number): void {
    this.#after = seq;
    this.#deps.onPlace(seq);
  }

  /** Until it is taken; false: we stop, or the receiver wants nothing any more. */
  async #deliver(id: string, type: string, data: object): Promise<boolean> {
    const { url, secret, timeoutMs } = this.#config;
    const timestamp = new Date(this.#deps.now()).toISOString();
    const body = JSON.stringify({ type, timestamp, data });
    for (let attempt = 0; !this.#isOver(); attempt += 1) {
      const headers = signed(secret, id, Math.floor(this.#deps.now() / 1000), body);
      const { signal } = this.#ending;
      const done = await this.#deps.post({ url, headers, body, timeoutMs, signal });
      if (done.kind === 'taken') return this.#taken();
      if (signal.aborted) return false;
      await this.#failed(done, attempt);
    }
    return false;
  }

  #taken(): true {
    if (this.#state === 'retrying') {
      this.#deps.log.info({ url: nameOf(this.#config.url) }, 'webhook takes events again');
    }
    this.#state = 'up';
    this.#detail = '';
    this.#delivered += 1;
    return true;
  }

  async #failed(done: Exclude<Delivered, { kind: 'taken' }>, attempt: number): Promise<void> {
    this.#failures += 1;
    const url = nameOf(this.#config.url);
    if (done.kind === 'unwanted') {
      this.#state = 'refused';
      this.#detail = 'answered 410: it wants nothing any more; a restart asks it again';
      this.#deps.log.warn({ url }, `webhook ${this.#detail}`);
      return;
    }
    const wait = Math.max(SHORTEST_MS, done.afterMs ?? RETRIES_MS[attempt] ?? LONGEST_MS);
    if (this.#state === 'up') {
      this.#deps.log.warn({ url, detail: done.detail }, 'webhook failed; it is tried again');
    }
    this.#state = 'retrying';
    this.#detail = done.detail;
    await this.#rest(Math.min(wait, LONGEST_MS));
  }

  /** Ends early when we stop. */
  #rest(ms: number): Promise<void> {
    const { signal } = this.#ending;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    });
  }
}
