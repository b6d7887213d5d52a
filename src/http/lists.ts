/**
 * Answers that grow with the house: a line of a thousand calls is 250 kB. Whoever asks for the
 * same thing while it is still to be written gets the same answer, and however many ask, writing
 * takes a tenth of the time of the one thread that calls are served on; the others wait their turn,
 * some milliseconds each. An answer is always made after its question: it shows what whoever asks
 * has changed before. It is written by JSON.stringify alone: that it has the shape of its schema,
 * which costs three times as much to look at, is held by types, and by tests.
 */
import { AsyncResource } from 'node:async_hooks';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { actor } from './actor.ts';
import type { Problem } from './errors.ts';
import { linkNext } from './pages.ts';
import { send } from './reply.ts';

/** The thread rests from lists so many times as long as one took. */
const REST_TIMES = 9;
/** So much is written before the first rest, ms: what is short never waits. */
const BURST_MS = 10;

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
  readonly written: Promise<Written | Problem>;
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
  /** In the order they were asked for; at most one for each request that is open. */
  readonly #asked = new Map<string, Asked>();
  #isWaiting = false;
  /** When what has been written so far is paid for by rest. */
  #restedAt = 0;

  constructor(deps: ListsDeps = REAL) {
    this.#deps = deps;
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
    const asked = this.#asked.get(key) ?? this.#ask(key, make);
    const written = await asked.written;
    if ('code' in written) return send(reply, written);
    linkNext(request, reply, written.next);
    return reply.type('application/json; charset=utf-8').send(written.bytes) as never;
  }

  #ask(key: string, make: () => Told<unknown> | Problem): Asked {
    let run = (): void => undefined;
    const written = new Promise<Written | Problem>((done, fail) => {
      // As whoever asked first, whoever's turn it is.
      run = AsyncResource.bind(() => {
        try {
          done(write(make()));
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    const asked = { run, written };
    this.#asked.set(key, asked);
    this.#wait();
    return asked;
  }

  #wait(): void {
    if (this.#isWaiting || this.#asked.size === 0) return;
    this.#isWaiting = true;
    const restMs = Math.ceil(this.#restedAt - BURST_MS - this.#deps.now());
    this.#deps.later(Math.max(0, restMs), () => {
      this.#isWaiting = false;
      this.#writeNext();
      this.#wait();
    });
  }

  #writeNext(): void {
    const [first] = this.#asked;
    if (first === undefined) return;
    const [key, asked] = first;
    this.#asked.delete(key);
    const began = this.#deps.now();
    asked.run();
    const tookMs = this.#deps.now() - began;
    this.#restedAt = Math.max(this.#restedAt, began) + tookMs * (1 + REST_TIMES);
  }
}

function write(told: Told<unknown> | Problem): Written | Problem {
  if ('code' in told) return told;
  return { bytes: Buffer.from(JSON.stringify(told.body)), next: told.next ?? null };
}
