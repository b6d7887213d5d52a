/**
 * Goal: the REST answers have their promised shapes, errors have one form, and nothing foreign
 * gets in. Method: requests injected into the server over an invented view.
 */
import type { Server } from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigPort, PromptsPort } from '../../../src/http/config-port.ts';
import type { Http } from '../../../src/http/reply.ts';
import type { AgentAnswer, HealthAnswer, QueueAnswer } from '../../../src/http/schemas.ts';
import { createHttp, MAX_BODY_BYTES } from '../../../src/http/server.ts';
import type { Steering, View } from '../../../src/http/view.ts';
import { Stream } from '../../../src/http/stream.ts';
import { Subjects } from '../../../src/http/subjects.ts';
import { initialState } from '../../../src/core/state.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { Feed } from '../../../src/runtime/feed.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { Reports } from '../../../src/reports/port.ts';
import type { Outcome } from '../../../src/runtime/port.ts';
import { callDetail } from './house.ts';

const call = {
  id: '335099e931f09ad46ea75b8a451ad65d@192.168.0.3',
  state: 'assigned' as const,
  from: 'gateway@192.168.0.3',
  to: 'queue1@192.168.0.3:5071',
  call: '01J',
  queue: 'queue1',
  name: '',
  position: 0,
  waited_seconds: 3,
  talked_seconds: 9,
  agent: '2771',
};
const counts = {
  strategy: 'most-idle',
  waiting: 0,
  talking: 1,
  longest_wait_seconds: 0,
  agents_logged_in: 1,
  agents_ready: 0,
};
const queues: QueueAnswer[] = [
  { name: 'queue1', calls: [call], ...counts },
  { name: 'queue2', calls: [], ...counts },
];
const agent: AgentAnswer = {
  id: '2771',
  state: 'idle',
  idletime: '14',
  device: '',
  memberof: ['queue1', 'queue2', 'queue3'],
  away_from: [],
  name: 'Ann',
  device_state: 'idle',
  registrar: '',
  pause_reason: null,
  call: '',
  logged_in_seconds: 14,
};
const rest = { memberships: [], rest_ends_in_seconds: null, pause_ends_in_seconds: null };
const health: HealthAnswer = {
  status: 'ok',
  version: '0.1.0',
  uptime_seconds: 1,
  sip: { up: true, detail: 'connected', addresses: ['udp/127.0.0.1:5071'] },
  registrars: [],
  media: { up: true, detail: 'mediad', legs: 0 },
  journal: { up: true, detail: 'sqlite', seq: 3 },
  reports: { up: true, detail: '', seq: 3 },
  configuration: { up: true, detail: 'as loaded', version: 1 },
  load: { overload: null, loop_delay_ms: 1, calls: 1, max_calls: 2000, refused: 0 },
  drain: null,
  bugs: 0,
};

let http: Http | null = null;
const told: string[] = [];
const reports: Reports = {
  wake: () => undefined,
  useLevels: () => undefined,
  ask: () => Promise.resolve({ ok: false, detail: 'none' }),
  health: () => ({ up: true, detail: '', seq: 0 }),
  close: () => Promise.resolve(),
};

/** Nothing ever happens. */
function idleStream(): Stream {
  const [feed, subjects] = [new Feed(new MemoryJournal(), 0), new Subjects(initialState)];
  return new Stream({ feed, subjects, now: () => 0, atRest: (then) => then(0) });
}

async function start(change: Partial<View> = {}, steering: Partial<Steering> = {}): Promise<Http> {
  const taken = async (): Promise<Outcome> => ({ ok: true, events: [] });
  http = await createHttp({
    view: {
      has: (_kind, name) => [...queues.map((one) => one.name), agent.id, call.id].includes(name),
      queues: () => queues,
      queue: (name) => {
        const found = queues.find((queue) => queue.name === name);
        return found ? { ...found, draining: false, weight: 0, maxlen: 0, members: [] } : null;
      },
      agents: () => [agent],
      agent: (id) => (id === agent.id ? { ...agent, ...rest } : null),
      calls: () => [call],
      call: (id) => (id === call.id || id === call.call ? { ...call, ...callDetail } : null),
      brief: (id) => (id === call.id || id === call.call ? { ...call, priority: 0 } : null),
      reasonsOf: (id) => (id === agent.id ? { calls: [] } : null),
      health: () => health,
      metrics: async () => ({ text: 'acd_calls_total 1\n', contentType: 'text/plain' }),
      ...change,
    },
    // Nobody asks them here: unit/app does.
    configuration: {} as ConfigPort,
    prompts: {} as PromptsPort,
    steering: {
      pause: taken,
      resume: taken,
      logIn: taken,
      logOut: taken,
      join: taken,
      leave: taken,
      endWrapup: taken,
      extendWrapup: taken,
      calls: {
        dial: async () => ({ ok: true, callId: 'x' }),
        hangUp: taken,
        hold: taken,
        resume: taken,
        withdraw: taken,
        reorder: taken,
        move: taken,
        give: taken,
        transfer: taken,
        transferWithin: taken,
      },
      ...steering,
    },
    reports,
    stream: idleStream(),
    log: createLog({ level: 'error', format: 'json', name: 'http', write: (l) => told.push(l) }),
    version: '0.1.0',
  });
  return http;
}

afterEach(async () => {
  await http?.close();
  http = null;
  told.length = 0;
});

describe('watching', () => {
  it('GET /queues has the promised shape', async () => {
    const answer = await (await start()).inject('/queues');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(answer.json()).toMatchObject({
      queues: [
        {
          name: 'queue1',
          calls: [
            {
              id: '335099e931f09ad46ea75b8a451ad65d@192.168.0.3',
              state: 'assigned',
              from: 'gateway@192.168.0.3',
              to: 'queue1@192.168.0.3:5071',
            },
          ],
        },
        { name: 'queue2', calls: [] },
      ],
    });
  });

  it('GET /agents has the promised shape, idletime as a string', async () => {
    const answer = await (await start()).inject('/agents');
    expect(answer.json()).toMatchObject({
      agents: [
        {
          id: '2771',
          state: 'idle',
          idletime: '14',
          device: '',
          memberof: ['queue1', 'queue2', 'queue3'],
        },
      ],
    });
  });

  it('GET of one queue, one agent, all calls', async () => {
    const server = await start();
    expect((await server.inject('/queues/queue1')).json()).toMatchObject({ name: 'queue1' });
    expect((await server.inject('/agents/2771')).json()).toMatchObject({ id: '2771' });
    expect((await server.inject('/calls')).json()).toMatchObject({ calls: [{ queue: 'queue1' }] });
  });

  it.each([
    ['/queues/nope', 'unknown-queue', 'there is no queue "nope"; GET /queues lists what there is'],
    ['/agents/9', 'unknown-agent', 'there is no agent "9"; GET /agents lists what there is'],
    ['/nope', 'unknown-path', 'nothing is served here; GET /openapi.json lists all paths'],
  ])('GET %s is 404 %s', async (url, code, detail) => {
    const answer = await (await start()).inject(url);
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json()).toMatchObject({ type: `/errors/${code}`, status: 404, code, detail });
  });

  it('GET /metrics is plain text', async () => {
    const answer = await (await start()).inject('/metrics');
    expect(answer.headers['content-type']).toContain('text/plain');
    expect(answer.body).toBe('acd_calls_total 1\n');
  });
});

describe('health', () => {
  it('is 200 when all is well', async () => {
    const answer = await (await start()).inject('/health');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual(health);
  });

  it('is 200 and degraded when only a PBX is away', async () => {
    const registrars = [
      {
        name: 'pbx',
        registrar: 'sip:10.0.0.1',
        state: 'failed',
        detail: '503 from 10.0.0.1',
        expires_in_seconds: 0,
      },
    ];
    const degraded = { ...health, status: 'degraded' as const, registrars };
    const answer = await (await start({ health: () => degraded })).inject('/health');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ status: 'degraded', registrars });
  });

  it.each(['sip', 'media', 'journal'] as const)('is 503 when %s is down', async (part) => {
    const down = { ...health, status: 'degraded' as const, [part]: { ...health[part], up: false } };
    const answer = await (await start({ health: () => down })).inject('/health');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ [part]: { up: false } });
  });
});

describe('steering', () => {
  it('pauses with the reason given', async () => {
    const asked: string[][] = [];
    const pause: Steering['pause'] = async (id, reason, queue) => {
      asked.push([id, reason, queue ?? 'all']);
      return { ok: true, events: [] };
    };
    const server = await start({}, { pause });
    const url = '/agents/2771/pause';
    const answer = await server.inject({ method: 'POST', url, payload: { reason: ' lunch ' } });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ id: '2771' });
    expect((await server.inject({ method: 'POST', url })).statusCode).toBe(200);
    expect(asked).toEqual([
      ['2771', 'lunch', 'all'],
      ['2771', '', 'all'],
    ]);
  });

  it.each([
    ['unknown-agent', 404, 'unknown-agent'],
    ['not-logged-in', 409, 'not-logged-in'],
    ['not-paused', 409, 'not-paused'],
    ['unavailable', 503, 'unavailable'],
  ] as const)('a refusal %s is %i', async (refusal, status, code) => {
    const refuse = async (): Promise<Outcome> => ({ ok: false, refusal });
    const server = await start({}, { pause: refuse, resume: refuse, logOut: refuse });
    for (const verb of ['pause', 'resume', 'logout']) {
      const answer = await server.inject({ method: 'POST', url: `/agents/2771/${verb}` });
      expect(answer.statusCode).toBe(status);
      expect(answer.json()).toMatchObject({ code });
    }
  });

  it('ends and extends wrap-up, is ready; pauses, resumes, joins, leaves one queue', async () => {
    const asked: string[] = [];
    const note = async (...given: unknown[]): Promise<Outcome> => {
      asked.push(given.join(' '));
      return { ok: true, events: [] };
    };
    const rested = async (): Promise<Outcome> => ({ ok: false, refusal: 'not-in-wrapup' });
    const moves = { join: note, leave: note };
    const wrapup = { extendWrapup: note, endWrapup: rested };
    const act = { pause: note, resume: note, ...wrapup, ...moves };
    const server = await start({}, act);
    const post = async (verb: string, payload?: object) => {
      const url = `/agents/2771/${verb}`;
      const given = payload === undefined ? {} : { payload };
      return (await server.inject({ method: 'POST', url, ...given })).statusCode;
    };
    expect(await post('pause', { reason: 'x', queue: 'queue1' })).toBe(200);
    expect(await post('resume', { queue: 'queue1' })).toBe(200);
    expect(await post('wrapup/extend', { seconds: 30 })).toBe(200);
    expect(await post('ready')).toBe(200);
    expect(await post('wrapup/end')).toBe(409);
    expect(await post('wrapup/extend', { seconds: 0 })).toBe(400);
    expect(await post('pause', { unheard: 1 })).toBe(400);
    expect(asked).toEqual(['2771 x queue1', '2771 queue1', '2771 30000', '2771 ']);
    expect(await post('join', { queue: 'queue2' })).toBe(200);
    expect(await post('leave', { queue: 'queue3' })).toBe(200);
    expect(await post('leave')).toBe(400);
    expect(asked.slice(4)).toEqual(['2771 queue2', '2771 queue3']);
  });

  it.each([
    ['no-presence', 409],
    ['bad-device', 422],
    ['unknown-registrar', 422],
    ['device-not-allowed', 403],
    ['device-taken', 409],
    ['unknown-agent', 404],
    ['unavailable', 503],
  ] as const)('a login that is refused as %s says what to do', async (refusal, status) => {
    const asked: unknown[] = [];
    const logIn: Steering['logIn'] = async (...given) => {
      asked.push(given);
      return { ok: false, refusal };
    };
    const server = await start({}, { logIn });
    const post = (payload: object) =>
      server.inject({ method: 'POST', url: '/agents/2771/login', payload });
    const answer = await post({ device: '101', registrar: 'pbx' });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code: refusal });
    expect(answer.json<{ detail: string }>().detail).not.toMatch(/^refused:/);
    expect((await post({})).statusCode).toBe(400);
    for (const wrong of [
      { device: '101', phone: '' },
      { device: '101', queues: [] },
    ])
      expect((await post(wrong)).statusCode).toBe(400);
    await post({ device: '101', queues: ['sales'] });
    expect(asked).toEqual([
      ['2771', { device: '101', registrar: 'pbx', queues: null }],
      ['2771', { device: '101', registrar: null, queues: ['sales'] }],
    ]);
  });

  it.each([
    ['a reason too long', { reason: 'x'.repeat(81) }, 400, 'bad-request'],
    ['a reason that is no text', { reason: 5 }, 400, 'bad-request'],
    ['a body too large', { reason: 'x'.repeat(MAX_BODY_BYTES) }, 413, 'too-large'],
  ])('%s is refused', async (_name, payload, status, code) => {
    const server = await start();
    const answer = await server.inject({ method: 'POST', url: '/agents/2771/pause', payload });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code });
  });

  it.each([
    ['broken JSON', 'application/json', '{"reason":', 400],
    ['another type', 'application/x-www-form-urlencoded', 'reason=x', 415],
  ])('%s is refused', async (_name, type, payload, status) => {
    const server = await start();
    const answer = await server.inject({
      method: 'POST',
      url: '/agents/2771/pause',
      headers: { 'content-type': type },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toHaveProperty('detail');
  });
});

describe('what must not get in or out', () => {
  it('given a fault inside, tells nothing of it but logs it', async () => {
    const broken = () => {
      throw new Error('password is hunter2');
    };
    const answer = await (await start({ queues: broken })).inject('/queues');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('hunter2');
    expect(answer.json()).toMatchObject({ code: 'internal' });
    expect(told.join()).toContain('request failed');
  });

  it.each([
    ['a page of another site', { host: '127.0.0.1:8242', origin: 'http://evil.example' }, 403],
    ['a page without an address', { host: '127.0.0.1:8242', origin: 'null' }, 403],
    ['a name rebound to loopback', { host: 'evil.example:8242' }, 403],
    ['our own page', { host: '127.0.0.1:8242', origin: 'http://127.0.0.1:8242' }, 200],
    ['localhost by name', { host: 'localhost:8242' }, 200],
    ['IPv6 loopback', { host: '[::1]:8242' }, 200],
  ])('%s', async (_name, headers, status) => {
    const server = await start();
    await server.listen({ host: '127.0.0.1', port: 0 });
    const answer = await request(server, headers);
    expect(answer).toBe(status);
  });
});

/** fetch() would not let us set Host. */
async function request(server: Http, headers: Record<string, string>): Promise<number> {
  const { request: send } = await import('node:http');
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return new Promise((resolve, reject) => {
    const sent = send({ host: '127.0.0.1', port, path: '/agents', headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('OpenAPI', () => {
  it('is what docs/openapi.json says', async () => {
    const file = path.resolve(import.meta.dirname, '../../../docs/openapi.json');
    const answer = await (await start()).inject('/openapi.json');
    // Out of date? `npm run docs` writes it anew.
    expect(answer.json()).toEqual(JSON.parse(readFileSync(file, 'utf8')));
  });
});

describe('GET /ready', () => {
  const ready = async (change: Partial<HealthAnswer>) => {
    const server = await start({ health: () => ({ ...health, ...change }) });
    const answer = await server.inject('/ready');
    const { parts } = answer.json<{ parts: { part: string; ok: boolean }[] }>();
    return [answer.statusCode, ...parts.flatMap(({ part, ok }) => (ok ? [] : [part]))];
  };

  it('says whether new calls are taken, and which part is in the way', async () => {
    expect(await ready({})).toEqual([200]);
    await http?.close();
    expect(await ready({ status: 'draining' })).toEqual([503, 'drain']);
    await http?.close();
    expect(await ready({ load: { ...health.load, overload: 'calls' } })).toEqual([503, 'load']);
    await http?.close();
    expect(await ready({ reports: { ...health.reports, up: false } })).toEqual([200, 'reports']);
  });
});

it('ends a request whose body stops', async () => {
  const { server } = (await start()) as unknown as { server: Server };
  // Node does so only where its headers may not take longer than the whole (seen on Node 20).
  expect(server.requestTimeout).toBeGreaterThan(0);
  expect(server.headersTimeout).toBeLessThanOrEqual(server.requestTimeout);
});
