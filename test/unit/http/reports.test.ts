/**
 * Goal: the reports over REST ask what was asked, have one form of errors, and write CSV that no
 * caller can turn into a formula. Method: requests injected over invented reports.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigPort, PromptsPort } from '../../../src/http/config-port.ts';
import { writeCsv } from '../../../src/http/csv.ts';
import type { Http } from '../../../src/http/reply.ts';
import { createHttp } from '../../../src/http/server.ts';
import type { Stream } from '../../../src/http/stream.ts';
import type { Steering, View } from '../../../src/http/view.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { Reports } from '../../../src/reports/port.ts';
import type { Question } from '../../../src/reports/questions.ts';

let http: Http | null = null;
const asked: Question[] = [];
const abandoned = {
  call: 'c1',
  queue: 'sales',
  from: '=1+1@pbx',
  at: '2026-11-25T08:00:00.000Z',
  waited_seconds: 3,
  position: 1,
  called_back: 'open',
  called_back_at: null,
};

/** What the configuration has. */
const THERE: readonly string[] = ['queue sales', 'agent 1'];

async function start(answer: (question: Question) => unknown): Promise<Http> {
  const reports = {
    wake: () => undefined,
    useLevels: () => undefined,
    ask: (question: Question) => {
      asked.push(question);
      const value = answer(question);
      return Promise.resolve(
        value === undefined ? { ok: false, detail: 'gone' } : { ok: true, value },
      );
    },
    health: () => ({ up: true, detail: '', seq: 0 }),
    close: () => Promise.resolve(),
  } as Reports;
  const nothing = () => {
    throw new Error('not asked');
  };
  http = await createHttp({
    view: {
      queues: nothing,
      has: (kind: string, name: string) => THERE.includes(`${kind} ${name}`),
    } as unknown as View,
    steering: {} as Steering,
    configuration: {} as ConfigPort,
    prompts: {} as PromptsPort,
    stream: {} as Stream,
    reports,
    log: createLog({ level: 'error', format: 'json', name: 'http', write: () => undefined }),
    version: '0',
  });
  return http;
}

afterEach(async () => {
  await http?.close();
  http = null;
  asked.length = 0;
});

const day = { name: '2026-11-25', from: 100, to: 200 };
const rows = (question: Question) =>
  question.name === 'day' ? day : { rows: [abandoned], more: false };

describe('GET /reports', () => {
  it('of a call that is not among those that are over, says where these are', async () => {
    const server = await start(() => null);
    const answer = await server.inject('/reports/calls/none');
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({
      code: 'unknown-call',
      detail: 'there is no call "none" that is over; GET /reports/calls lists them',
    });
  });

  it('takes of each list what it looks at, and no more', async () => {
    const server = await start(rows);
    const agents = await server.inject('/reports/agents?queue=sales&agent=1');
    expect(agents.statusCode).not.toBe(400);
    expect(asked.at(-1)).toMatchObject({ name: 'agents', asked: { queue: 'sales', agent: '1' } });
    for (const path of [
      'agents?interval=hour',
      'queues?agent=1',
      'abandoned?agent=1',
      'counters?day=today',
    ]) {
      const answer = await server.inject(`/reports/${path}`);
      expect(answer.statusCode, path).toBe(400);
      expect(answer.json<{ detail: string }>().detail, path).toMatch(
        /^query: there is no parameter/,
      );
    }
  });

  it('asks for the day, or for the span', async () => {
    const server = await start(rows);
    await server.inject('/reports/abandoned?day=2026-11-25&queue=sales');
    const from = '2026-11-01T00:00:00Z';
    await server.inject(`/reports/abandoned?from=${from}&to=2026-11-02T00:00:00%2B01:00`);
    expect(asked).toEqual([
      { name: 'day', day: '2026-11-25' },
      { name: 'abandoned', asked: { from: 100, to: 200, queue: 'sales' } },
      {
        name: 'abandoned',
        asked: { from: Date.parse(from), to: Date.parse('2026-11-01T23:00:00Z') },
      },
    ]);
  });

  it('takes days for from and to: where they begin in the zone of the reports', async () => {
    const begins: Record<string, number> = { '2026-10-25': 1_000, '2026-10-26': 91_000 };
    const server = await start((question) =>
      question.name === 'day'
        ? { name: question.day, from: begins[question.day ?? ''], to: 0 }
        : rows(question),
    );
    await server.inject('/reports/queues?from=2026-10-25&to=2026-10-26&interval=day');
    expect(asked.at(-1)).toMatchObject({ name: 'queues', asked: { from: 1_000, to: 91_000 } });
    await http?.close();
    const none = await start((question) => (question.name === 'day' ? null : rows(question)));
    expect((await none.inject('/reports/queues?from=2011-12-30')).statusCode).toBe(400);
  });

  it.each([
    ['?day=2026-11-25&from=2026-11-01T00:00:00Z', /not both/],
    ['?to=2026-11-01T00:00:00Z', /give from/],
    ['?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', /after from/],
    ['?from=2020-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', /400 days/],
    ['?from=yesterday', /\/from: must be a day, as/],
    ['?interval=week', /interval/],
  ])('refuses %s', async (query, words) => {
    const answer = await (await start(rows)).inject(`/reports/queues${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toMatch(words);
  });

  it('says when there are none, and when there is no such day or call', async () => {
    expect((await (await start(() => undefined)).inject('/reports/agents')).statusCode).toBe(503);
    await http?.close();
    const server = await start(() => null);
    expect((await server.inject('/reports/agents?day=2026-13-01')).statusCode).toBe(400);
    expect((await server.inject('/reports/calls/nobody')).statusCode).toBe(404);
  });

  it.each(['queues', 'agents', 'pauses', 'abandoned', 'calls', 'counters'])(
    'of %s tells a name that is none from one of which there is nothing to tell',
    async (list) => {
      const server = await start((question) =>
        question.name === 'day' ? day : { rows: [], more: false },
      );
      const ask = (asked: string) => server.inject(`/reports/${list}?${asked}`);
      expect((await ask('queue=sales')).json()).toEqual({ rows: [], more: false });
      for (const asked of ['queue=nope', 'queue=nope&format=csv']) {
        const none = await ask(asked);
        expect(none.statusCode).toBe(404);
        expect(none.json()).toMatchObject({
          code: 'unknown-queue',
          detail: 'there is no queue "nope"; GET /queues lists what there is',
        });
      }
      if (!['agents', 'pauses', 'calls'].includes(list)) return;
      expect((await ask('agent=1')).statusCode).toBe(200);
      expect((await ask('queue=sales&agent=9')).json()).toMatchObject({ code: 'unknown-agent' });
    },
  );

  it('of a queue that is gone tells what there was', async () => {
    const gone = { rows: [{ ...abandoned, queue: 'gone' }], more: false };
    const server = await start((question) => (question.name === 'day' ? day : gone));
    expect((await server.inject('/reports/abandoned?queue=gone')).json()).toEqual(gone);
  });

  it('writes CSV', async () => {
    const answer = await (await start(rows)).inject('/reports/abandoned?format=csv');
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(answer.body.split('\r\n')).toEqual([
      'call,queue,from,at,waited_seconds,position,called_back,called_back_at',
      "c1,sales,'=1+1@pbx,2026-11-25T08:00:00.000Z,3,1,open,",
      '',
    ]);
  });
});

it('CSV quotes what must be quoted', () => {
  const text = writeCsv([{ a: 'x,"y"\n', b: -1, c: [1, 2] }], ['a', 'b', 'c']);
  expect(text).toBe('a,b,c\r\n"x,""y""\n",-1,"[1,2]"\r\n');
});
