/**
 * Goal: whoever asks for a long list gets one made after his question, and however many ask, the
 * thread has time for calls. Method: Lists on an invented clock, whose time passes only by writing
 * and by rest; routes of a bare fastify before it.
 */
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { actAs, type Actor } from '../../../src/http/actor.ts';
import { problem, problemOf, type Problem } from '../../../src/http/errors.ts';
import { ASKED_BY_ONE_MAX, ASKED_MAX, Lists } from '../../../src/http/lists.ts';
import { send } from '../../../src/http/reply.ts';

const shape = z.object({ made: z.number(), by: z.string() });

let server: FastifyInstance | null = null;
afterEach(() => server?.close());

/** Writing takes `costMs`; rests are taken by `turn`. */
async function serve(costMs: number) {
  let now = 1_000;
  let made = 0;
  const waits: number[] = [];
  const turns: (() => void)[] = [];
  const lists = new Lists({
    now: () => now,
    later: (ms, then) => {
      waits.push(ms);
      turns.push(then);
    },
  });
  const http = fastify();
  server = http;
  http.setErrorHandler((error, _request, reply) => send(reply, problemOf(error)));
  let asked = 0;
  let heard = (): void => undefined;
  let last: FastifyReply | null = null;
  http.addHook('onRequest', (request, _reply, done) => {
    const queues = String(request.headers['x-queues'] ?? '');
    const name = String(request.headers['x-name'] ?? '');
    const who = { name, role: 'read-only', agent: null, address: '', queues: queues.split(',') };
    actAs({ ...who, queues: queues === '' ? [] : who.queues } as Actor, done);
  });
  const make = (what: string): { body: z.output<typeof shape>; next: string | null } | Problem => {
    made += 1;
    now += costMs;
    if (what === 'none') return problem('unknown-queue', 'there is no such thing');
    if (what === 'broken') throw new Error('broken');
    return { body: { made, by: what }, next: what === 'paged' ? 'x' : null };
  };
  http.get('/:what', (request, reply) => {
    const { what } = request.params as { what: string };
    const answer = lists.answer(request, reply, shape, () => make(what));
    asked += 1;
    last = reply;
    heard();
    return answer;
  });
  await http.ready();
  /** Asks, and comes back when the question has been heard. */
  const ask = async (url: string, headers: Record<string, string> = {}) => {
    const before = asked;
    const isHeard = new Promise<void>((done) => {
      heard = () => asked > before && done();
    });
    const answer = http.inject({ url, headers }).then((given) => given);
    await isHeard;
    const { raw } = last ?? {};
    return { answer, leave: () => void raw?.destroy() };
  };
  const turn = () => {
    const ms = waits.shift() ?? NaN;
    now += ms;
    turns.shift()?.();
    return ms;
  };
  return { ask, turn, made: () => made, isIdle: () => turns.length === 0 };
}

describe('a long list', () => {
  it('is written once for all who ask before it is, and anew for who asks after', async () => {
    const { ask, turn, made } = await serve(1);
    const few = [await ask('/all'), await ask('/all'), await ask('/all')];
    turn();
    for (const { answer } of few) {
      const given = await answer;
      expect(given.headers['content-type']).toBe('application/json; charset=utf-8');
      expect(given.body).toBe('{"made":1,"by":"all"}');
    }
    const later = await ask('/all');
    turn();
    expect((await later.answer).json()).toEqual({ made: 2, by: 'all' });
    expect(made()).toBe(2);
  });

  it('is written for each scope and each question by itself, in turn', async () => {
    const { ask, turn, isIdle } = await serve(1);
    const asked = [
      await ask('/all'),
      await ask('/all', { 'x-queues': 'sales' }),
      await ask('/all?limit=1'),
      await ask('/all', { 'x-queues': 'sales', 'x-name': 'another' }),
    ];
    while (!isIdle()) turn();
    const given = await Promise.all(asked.map(({ answer }) => answer));
    expect(given.map((each) => each.json<{ made: number }>().made)).toEqual([1, 2, 3, 2]);
  });

  it('that is short is never waited for; of long ones the thread has a tenth', async () => {
    const short = await serve(0.5);
    for (let round = 0; round < 3; round += 1) {
      const { answer } = await short.ask('/all');
      expect(short.turn()).toBe(0);
      await answer;
    }
    await server?.close();
    const long = await serve(10);
    const rests: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { answer } = await long.ask('/all');
      rests.push(long.turn());
      await answer;
    }
    expect(rests).toEqual([0, 80, 90, 90]);
  });

  it('of one who asks for much delays no other: askers are served in turn', async () => {
    const { ask, turn, isIdle } = await serve(1);
    const asked: Awaited<ReturnType<typeof ask>>[] = [];
    for (const url of ['/a', '/b', '/c', '/d']) asked.push(await ask(url, { 'x-name': 'greedy' }));
    asked.push(await ask('/e', { 'x-name': 'modest' }));
    // What another asked for first comes when it is the turn of either.
    asked.push(await ask('/d', { 'x-name': 'third' }));
    while (!isIdle()) turn();
    const given = await Promise.all(asked.map(({ answer }) => answer));
    expect(given.map((each) => each.json<{ made: number }>().made)).toEqual([1, 4, 5, 3, 2, 3]);
  });

  it('beyond so many is 503, sooner for one than for all, until there is a place', async () => {
    const { ask, turn, made, isIdle } = await serve(1);
    const refused = async (url: string, name: string) => {
      const given = await (await ask(url, { 'x-name': name })).answer;
      expect(given.json()).toMatchObject({ code: 'overload', status: 503 });
      expect(given.headers['retry-after']).toBe('5');
    };
    const few: Awaited<ReturnType<typeof ask>>[] = [];
    for (const name of ['one', 'two'])
      for (let which = 0; which < ASKED_BY_ONE_MAX; which += 1)
        few.push(await ask(`/${name}?x=${which}`, { 'x-name': name }));
    expect(few).toHaveLength(ASKED_MAX);
    await refused('/other', 'one');
    await refused('/other', 'three');
    // What is asked for already costs no place.
    few.push(await ask('/one?x=7', { 'x-name': 'three' }));
    turn();
    await refused('/other', 'two');
    few.push(await ask('/other', { 'x-name': 'three' }));
    while (!isIdle()) turn();
    const given = await Promise.all(few.map(({ answer }) => answer));
    expect(given.every(({ statusCode }) => statusCode === 200)).toBe(true);
    expect(made()).toBe(ASKED_MAX + 1);
  });

  it('that all who asked have left before is not written, and takes no place', async () => {
    const { ask, turn, made, isIdle } = await serve(10);
    const gone = [await ask('/a'), await ask('/b'), await ask('/c'), await ask('/c')];
    const [stays] = [await ask('/b', { 'x-name': 'another' })];
    for (const { leave } of gone) leave();
    let restsMs = 0;
    while (!isIdle()) restsMs += turn();
    expect((await stays.answer).json()).toEqual({ made: 1, by: 'b' });
    expect({ made: made(), restsMs }).toEqual({ made: 1, restsMs: 0 });
  });

  it('that cannot be written is a problem for all who asked, and the next is served', async () => {
    const { ask, turn, isIdle } = await serve(1);
    const asked = [
      await ask('/none'),
      await ask('/broken'),
      await ask('/broken'),
      await ask('/paged'),
    ];
    while (!isIdle()) turn();
    const given = await Promise.all(asked.map(({ answer }) => answer));
    expect(given.map(({ statusCode }) => statusCode)).toEqual([404, 500, 500, 200]);
    expect(given[0]?.headers['content-type']).toContain('application/problem+json');
    expect(given[3]?.headers['link']).toBe('</paged?after=x>; rel="next"');
  });
});
