/**
 * Goal: every list can be had in pages, every POST can be sent twice, and every error is of the
 * catalogue. Method: the parts by themselves, and requests injected over an invented view.
 */
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, ERROR_CODES } from '../../../src/http/catalogue.ts';
import { writePage } from '../../../src/http/docs-page.ts';
import { refused } from '../../../src/http/errors.ts';
import { addIdempotency, KEY_LIFE_MS, KeyStore } from '../../../src/http/idempotency.ts';
import { pageOf } from '../../../src/http/pages.ts';

describe('pages', () => {
  const all = ['a', 'c', 'e'];
  const same = (one: string) => one;

  it('given no limit, the list is whole', () => {
    expect(pageOf(all, same, {})).toEqual({ page: all, next: null });
  });

  it('given a limit, each page names the next, and the last none', () => {
    expect(pageOf(all, same, { limit: 2 })).toEqual({ page: ['a', 'c'], next: 'c' });
    expect(pageOf(all, same, { limit: 2, after: 'c' })).toEqual({ page: ['e'], next: null });
  });

  it('given one that has gone, a list by key goes on, another says so', () => {
    expect(pageOf(all, same, { after: 'b' }, 'by-key')).toEqual({ page: ['c', 'e'], next: null });
    expect(pageOf(all, same, { after: 'z' }, 'by-key')).toEqual({ page: [], next: null });
    expect(pageOf(all, same, { after: 'b' })).toMatchObject({ code: 'unknown-cursor' });
  });
});

describe('Idempotency-Key', () => {
  async function serve() {
    let now = 0;
    let done = 0;
    const server = fastify();
    addIdempotency(server, new KeyStore(() => now, 2));
    server.post('/things', async (request, reply) => {
      done += 1;
      const { fails } = (request.body ?? {}) as { fails?: boolean };
      void reply.header('location', `/things/${done}`);
      return reply.code(fails === true ? 503 : 201).send({ number: done });
    });
    await server.ready();
    const post = (key: string, payload: object = {}, more: Record<string, string> = {}) =>
      server.inject({
        method: 'POST',
        url: '/things',
        headers: { 'idempotency-key': key, ...more },
        payload,
      });
    return {
      post,
      close: () => server.close(),
      passes: (ms: number) => (now += ms),
    };
  }

  it('given the same request again, gives the same answer and does nothing', async () => {
    const server = await serve();
    const first = await server.post('k');
    const again = await server.post('k');
    expect(first.json()).toEqual({ number: 1 });
    expect(again.json()).toEqual({ number: 1 });
    expect(again.statusCode).toBe(201);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.headers['location']).toBe('/things/1');
    expect((await server.post('other')).json()).toEqual({ number: 2 });
    await server.close();
  });

  it('given another body, is 422; a fault of ours is not kept; an old key is new', async () => {
    const server = await serve();
    await server.post('k', { a: 1 });
    const other = await server.post('k', { a: 2 });
    expect(other.statusCode).toBe(422);
    expect(other.json()).toMatchObject({ code: 'key-reused' });
    const matched = await server.post('k', { a: 1 }, { 'if-match': '"2"' });
    expect(matched.json()).toMatchObject({ code: 'key-reused' });
    expect((await server.post('f', { fails: true })).json()).toEqual({ number: 2 });
    expect((await server.post('f', { fails: true })).json()).toEqual({ number: 3 });
    server.passes(KEY_LIFE_MS);
    expect((await server.post('k', { a: 2 })).json()).toEqual({ number: 4 });
    expect((await server.post('a b')).json()).toMatchObject({ code: 'bad-request' });
    await server.close();
  });

  it('given the first still under way, is 409', async () => {
    const store = new KeyStore(() => 0, 2);
    expect(store.begin('k', 'f')).toEqual({ kind: 'new' });
    expect(store.begin('k', 'f')).toMatchObject({ problem: { code: 'key-in-use' } });
  });

  it('given too many, the oldest answered one makes room; none answered: 503', () => {
    const store = new KeyStore(() => 0, 2);
    store.begin('a', 'f');
    store.begin('b', 'f');
    expect(store.begin('c', 'f')).toMatchObject({ problem: { code: 'too-many-keys' } });
    store.end('b', { status: 200, type: '', body: '' });
    expect(store.begin('c', 'f')).toEqual({ kind: 'new' });
    expect(store.size).toBe(2);
  });
});

describe('the catalogue', () => {
  it('has an error status and a title for each code', () => {
    for (const code of ERROR_CODES) {
      expect(code).toMatch(/^[a-z-]+$/);
      expect(CATALOGUE[code].status).toBeGreaterThanOrEqual(400);
      expect(CATALOGUE[code].title.length).toBeGreaterThan(5);
    }
  });

  it('has words for every refusal, also one it does not know', () => {
    expect(refused('unknown-call', 'x').code).toBe('unknown-call');
    expect(refused('device-taken', 'x')).toMatchObject({ code: 'device-taken' });
    expect(refused('unheard-of' as 'overload', 'x')).toMatchObject({ code: 'refused' });
  });
});

describe('the page of the API', () => {
  it('shows what may be null, and lists of what', () => {
    const properties = {
      agent: { type: ['string', 'null'], description: 'Who' },
      why: { anyOf: [{ $ref: '#/components/schemas/Why' }, { type: 'null' }] },
      all: { type: 'array', items: { type: ['number', 'null'] } },
    };
    const page = writePage({ paths: {}, components: { schemas: { One: { properties } } } });
    expect(page).toContain('<td>string | null</td><td>Who</td>');
    expect(page).toContain('<a href="#schema-Why">Why</a> | null');
    expect(page).toContain('list of number | null');
  });

  it('shows text as text', () => {
    const page = writePage({ info: { title: '<script>' }, paths: {} });
    expect(page).not.toContain('<script>');
    expect(page).toContain('&lt;script&gt;');
  });
});
