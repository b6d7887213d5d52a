/**
 * Answers that grow with the house: a line of a thousand calls is 250 kB of JSON. All who ask for
 * the same list before it is written get the same answer. However many ask, writing lists takes a
 * tenth of the one thread that calls are served on (`pace.ts`). Askers are served in turn, so
 * nobody waits for all that another asks; beyond a number of questions the answer is 503. An answer
 * is made after its question, so it shows what the asker has changed before. It is written by
 * JSON.stringify alone, as to check it against its schema costs three times as much;
 * test/unit/http/live-view does that.
 */
import { AsyncResource } from 'node:async_hooks';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { actor } from './actor.ts';
import { problem, type Problem } from './errors.ts';
import { Pace } from './pace.ts';
import { linkNext } from './pages.ts';
import { send } from './reply.ts';

/** Questions that wait. One more gets 503. */
export const ASKED_MAX = 200;
/** Of those, by one asker: others find a place beside him. */
export const ASKED_BY_ONE_MAX = 100;
/** Whoever gets 503 may ask again after so many seconds. */
const RETRY_SECONDS = 5;

const OVERLOAD = problem(
  'overload',
  'more lists are asked for than can be written; ask for the same less often, or GET /events',
);

/** What is answered, and after which of a page the next begins. */
export interface Told<T> {
  readonly body: T;
  readonly next?: string | null;
}

interface Written {
  readonly bytes: Buffer;
  readonly next: string | null;
}

interface Asked {
  readonly run: () => void;
  /** In place of `run`: nobody waits for it any more. */
  readonly drop: () => void;
  readonly written: Promise<Written | Problem>;
  /** Who waits for it. Bounded by the requests that are open. */
  readonly askers: Set<string>;
  readonly replies: FastifyReply[];
}

export interface ListsDeps {
  /** Monotonic, ms. */
  readonly now: () => number;
  /** Calls back in so many ms; 0: when what is at hand now is done. */
  readonly later: (ms: number, then: () => void) => void;
}

const REAL: ListsDeps = {
  now: () => performance.now(),
  later: (ms, then) => {
    if (ms <= 0) setImmediate(then);
    else setTimeout(then, ms);
  },
};

export class Lists {
  readonly #deps: ListsDeps;
  /** In the order they were asked for. */
  readonly #asked = new Map<string, Asked>();
  /** Who is next: whoever was served goes to the end. No more than had requests open at once. */
  readonly #turns = new Set<string>();
  #isWaiting = false;
  readonly #pace: Pace;

  constructor(deps: ListsDeps = REAL) {
    this.#deps = deps;
    this.#pace = new Pace(deps.now);
  }

  /** Answers with what `make` gives; `_schema` is what the route says of its 200. */
  async answer<S extends z.ZodType>(
    request: FastifyRequest,
    reply: FastifyReply,
    _schema: S,
    make: () => Told<z.output<S>> | Problem,
  ): Promise<never> {
    // Who sees other queues asks for something else.
    const key = JSON.stringify([actor()?.queues ?? [], request.url]);
    const asker = askerOf(request);
    const asked = this.#asked.get(key) ?? this.#ask(key, asker, make);
    if (asked === null) {
      void reply.header('retry-after', RETRY_SECONDS);
      return send(reply, OVERLOAD);
    }
    asked.askers.add(asker);
    asked.replies.push(reply);
    this.#turns.add(asker);
    this.#wait();
    const written = await asked.written;
    if ('code' in written) return send(reply, written);
    linkNext(request, reply, written.next);
    return reply.type('application/json; charset=utf-8').send(written.bytes) as never;
  }

  /** Null: there is no place for one more. */
  #ask(key: string, asker: string, make: () => Told<unknown> | Problem): Asked | null {
    if (!this.#hasPlace(asker)) return null;
    let [run, drop] = [(): void => undefined, (): void => undefined];
    const written = new Promise<Written | Problem>((done, fail) => {
      // As whoever asked first, whoever's turn it is.
      run = AsyncResource.bind(() => {
        try {
          done(write(make()));
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)));
        }
      });
      drop = () => done(OVERLOAD);
    });
    const asked = { run, drop, written, askers: new Set<string>(), replies: [] };
    this.#asked.set(key, asked);
    return asked;
  }

  #hasPlace(asker: string): boolean {
    this.#dropGone();
    const his = [...this.#asked.values()].filter(({ askers }) => askers.has(asker));
    return this.#asked.size < ASKED_MAX && his.length < ASKED_BY_ONE_MAX;
  }

  #dropGone(): void {
    for (const [key, { replies, drop }] of this.#asked) {
      if (!replies.every(({ raw }) => raw.destroyed)) continue;
      this.#asked.delete(key);
      drop();
    }
  }

  #wait(): void {
    if (this.#isWaiting || this.#asked.size === 0) return;
    this.#isWaiting = true;
    this.#deps.later(this.#pace.waitMs(), () => {
      this.#isWaiting = false;
      this.#writeNext();
      this.#wait();
    });
  }

  #writeNext(): void {
    const asked = this.#takeNext();
    if (asked !== null) this.#pace.spend(asked.run);
  }

  /** The first that whoever's turn it is asked for. */
  #takeNext(): Asked | null {
    this.#dropGone();
    for (const asker of this.#turns) {
      this.#turns.delete(asker);
      const [first, second] = [...this.#asked].filter(([, { askers }]) => askers.has(asker));
      // What he asked for was written when it was another's turn.
      if (first === undefined) continue;
      if (second !== undefined) this.#turns.add(asker);
      const [key, asked] = first;
      this.#asked.delete(key);
      return asked;
    }
    return null;
  }
}

/** Each token is one; where there are none, each address. */
export function askerOf(request: FastifyRequest): string {
  const name = actor()?.name ?? '';
  return name === '' ? `at ${request.ip}` : `of ${name}`;
}

function write(told: Told<unknown> | Problem): Written | Problem {
  if ('code' in told) return told;
  return { bytes: Buffer.from(JSON.stringify(told.body)), next: told.next ?? null };
}
