/**
 * Idempotency-Key on POST: a request sent again (its answer was lost) gets the answer of the
 * first, and nothing is done twice. The same key with another request is 422, one whose first
 * request is still under way 409. Faults of ours (5xx) are not kept: those may be tried again.
 * Kept in memory, bounded in number and time; a restart forgets them.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem, type Problem } from './errors.ts';
import { send } from './reply.ts';

/** Most keys known at once; the oldest answered one makes room. */
export const KEYS_MAX = 10_000;
/** How long an answer is kept. */
export const KEY_LIFE_MS = 24 * 3_600_000;
/** Longer answers are not kept, so neither is their key. */
const ANSWER_MAX_BYTES = 65_536;
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly location?: string;
  readonly body: string;
}

interface Kept {
  readonly fingerprint: string;
  readonly at: number;
  /** null: under way. */
  answer: Answer | null;
}

export type Found =
  | { readonly kind: 'new' }
  | { readonly kind: 'again'; readonly answer: Answer }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** Keys and their answers, oldest first. */
export class KeyStore {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;
  readonly #max: number;

  constructor(now: () => number, max = KEYS_MAX) {
    this.#now = now;
    this.#max = max;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Takes the key for this request, or tells what became of it before. */
  begin(key: string, fingerprint: string): Found {
    const now = this.#now();
    const known = this.#kept.get(key);
    if (known !== undefined && (known.answer === null || now - known.at < KEY_LIFE_MS)) {
      if (known.fingerprint !== fingerprint) {
        const detail = 'this key came with another request before; take a new one for each';
        return { kind: 'problem', problem: problem('key-reused', detail) };
      }
      if (known.answer !== null) return { kind: 'again', answer: known.answer };
      const detail = 'the first request with this key is still under way; ask again in a moment';
      return { kind: 'problem', problem: problem('key-in-use', detail) };
    }
    this.#kept.delete(key);
    if (this.#kept.size >= this.#max && !this.#makeRoom()) {
      const detail = 'too many requests with a key are under way; ask again in a moment';
      return { kind: 'problem', problem: problem('too-many-keys', detail) };
    }
    this.#kept.set(key, { fingerprint, at: now, answer: null });
    return { kind: 'new' };
  }

  /** null: not kept; whoever comes again is served anew. */
  end(key: string, answer: Answer | null): void {
    const known = this.#kept.get(key);
    if (known === undefined) return;
    if (answer === null) this.#kept.delete(key);
    else known.answer = answer;
  }

  #makeRoom(): boolean {
    for (const [key, { answer }] of this.#kept) {
      if (answer === null) continue;
      this.#kept.delete(key);
      return true;
    }
    return false;
  }
}

function keyOf(request: FastifyRequest): string | null {
  // Strangers may ask for what there is not: that takes no place from anybody.
  if (request.is404) return null;
  const key = request.headers['idempotency-key'];
  return request.method === 'POST' && typeof key === 'string' ? key : null;
}

function fingerprintOf(request: FastifyRequest): string {
  const body = Buffer.isBuffer(request.body) ? request.body : JSON.stringify(request.body ?? null);
  // Whoever asks again for another version asks for something else.
  const { 'if-match': match = '' } = request.headers;
  const hash = createHash('sha256').update(`${request.method} ${request.url}\n${match}\n`);
  return hash.update(body).digest('base64');
}

/** The answer to keep, or null. */
function answerOf(reply: FastifyReply, payload: unknown): Answer | null {
  const text = payload === undefined || payload === null ? '' : payload;
  if (reply.statusCode >= 500 || reply.statusCode === 429) return null;
  if (typeof text !== 'string' || text.length > ANSWER_MAX_BYTES) return null;
  const type = reply.getHeader('content-type');
  const location = reply.getHeader('location');
  return {
    status: reply.statusCode,
    type: typeof type === 'string' ? type : '',
    ...(typeof location === 'string' ? { location } : {}),
    body: text,
  };
}

/** `nameOf`: who asks; each has keys of his own. */
export function addIdempotency(
  server: FastifyInstance,
  store: KeyStore,
  nameOf: (request: FastifyRequest) => string = () => '',
): void {
  const owned = new WeakMap<FastifyRequest, string>();
  server.addHook('preValidation', async (request, reply) => {
    const key = keyOf(request);
    if (key === null) return undefined;
    if (!KEY_PATTERN.test(key)) {
      const detail = 'Idempotency-Key must have 1 to 255 printable ASCII characters, no space';
      return send(reply, problem('bad-request', detail));
    }
    const own = `${nameOf(request)} ${key}`;
    const found = store.begin(own, fingerprintOf(request));
    if (found.kind === 'problem') return send(reply, found.problem);
    if (found.kind === 'new') {
      owned.set(request, own);
      return undefined;
    }
    const { status, type, location, body } = found.answer;
    if (type !== '') void reply.type(type);
    if (location !== undefined) void reply.header('location', location);
    return reply.code(status).header('idempotency-replayed', 'true').serializer(String).send(body);
  });
  server.addHook('onSend', async (request, reply, payload) => {
    const key = owned.get(request);
    if (key !== undefined) store.end(key, answerOf(reply, payload));
    return payload;
  });
}
