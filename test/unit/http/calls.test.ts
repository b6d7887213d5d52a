/**
 * Goal: one call can be looked at and steered over REST, and every refusal says what to do.
 * Method: requests injected into the server over a real loop on a journal in memory.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createSteering, createView } from '../../../src/http/live-view.ts';
import type { ConfigPort, PromptsPort } from '../../../src/http/config-port.ts';
import type { Http } from '../../../src/http/reply.ts';
import { createHttp } from '../../../src/http/server.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { Reports } from '../../../src/reports/port.ts';
import type { Stream } from '../../../src/http/stream.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { makeClock } from '../../../src/shared/clock.ts';
import { openLoop, type Loop } from '../../../src/runtime/loop.ts';
import type { NewCommand } from '../../../src/runtime/port.ts';
import { addressOf } from '../../../src/sip/dialling.ts';
import { agent, config, device, queue } from '../core/scenario.ts';
import { acdConfig, registrar } from '../sip/fakes.ts';

const PBX = { sip: { ...acdConfig().sip, register: [registrar({ name: 'pbx', domain: 'pbx' })] } };

let http: Http | null = null;
afterEach(async () => {
  await http?.close();
  http = null;
});

async function start(): Promise<Loop> {
  const clock = makeClock(
    () => 1_000_000,
    () => 1_000_000,
  );
  const opened = await openLoop({
    journal: new MemoryJournal(),
    clock,
    newId: () => 'id',
    log: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  if (!opened.ok) throw new Error(opened.detail);
  const { loop } = opened;
  const never = () => {
    throw new Error('not asked here');
  };
  http = await createHttp({
    view: createView({ runtime: loop, metrics: createMetrics(never), health: never }),
    steering: createSteering(loop, {
      allows: (uri) => uri.endsWith('@pbx'),
      addressOf: (name, to) => addressOf(PBX, name, to),
      logIn: async () => ({ ok: false, refusal: 'no-presence' }),
    }),
    configuration: {} as ConfigPort,
    prompts: {} as PromptsPort,
    reports: {} as Reports,
    stream: {} as Stream,
    log: createLog({ level: 'error', format: 'json', name: 'http', write: () => undefined }),
    version: '0',
  });
  const agents = [agent('1', 'sales'), agent('2', 'help')];
  const queues = [queue('sales', { wrapupMs: 5_000 }), queue('help')];
  await does(loop, { kind: 'ApplyConfig', by: 'config', config: config(queues, agents) });
  for (const id of ['a', 'b']) {
    const leg = { sipCallId: `${id}@peer`, from: 'f@peer', fromName: '', to: 'sales@acd' };
    await does(loop, { kind: 'ArriveCall', by: 'sip', callId: id, queue: 'sales', ...leg });
    await does(loop, { kind: 'ConfirmCall', by: 'sip', callId: id });
  }
  return loop;
}

async function does(loop: Loop, command: NewCommand): Promise<void> {
  const outcome = await loop.submit(command);
  if (!outcome.ok) throw new Error(outcome.refusal);
}

async function comes(loop: Loop, id: string): Promise<void> {
  const { uri } = device(id);
  await does(loop, { kind: 'LogInAgent', by: 'sip', agentId: id, device: device(id) });
  const told = { state: 'idle', source: 'presence' } as const;
  await does(loop, { kind: 'ReportDevice', by: 'sip', deviceUri: uri, ...told });
}

async function talks(loop: Loop, offerId: string): Promise<void> {
  await does(loop, { kind: 'AnswerOffer', by: 'sip', offerId });
  await does(loop, { kind: 'ConfirmBridge', by: 'sip', offerId });
}

async function post(url: string, payload?: object) {
  const answer = await http?.inject({ method: 'POST', url, ...(payload ? { payload } : {}) });
  return { status: answer?.statusCode, body: answer?.body === '' ? null : answer?.json<Told>() };
}

interface Told {
  readonly code?: string;
}

const see = async (url: string) => (await http?.inject(url))?.json<Record<string, unknown>>();

describe('one call', () => {
  it('tells its place, what it waits for, and why nobody is rung', async () => {
    await start();
    const told = await see('/calls/b');
    expect(told).toMatchObject({ call: 'b', position: 2, waits_for: 'nobody', tried: [] });
    expect(told?.agents).toEqual([
      { agent: '1', why: { reason: 'logged-out', for_seconds: null } },
    ]);
    expect(await see(`/calls/${encodeURIComponent('b@peer')}`)).toEqual(told);
    expect(await see('/calls/x')).toMatchObject({ code: 'unknown-call' });
  });

  it('tells how long it will probably wait, where that can be said', async () => {
    const loop = await start();
    const waits = async (id: string) => (await see(`/calls/${id}`))?.['estimated_wait_seconds'];
    expect(await waits('b')).toBeNull();
    await comes(loop, '1');
    expect(await waits('a'), 'his phone rings').toBe(0);
    expect(await waits('b'), 'nothing was observed yet').toBeNull();
    const offerOf = (id: string) => loop.state.calls.get(id)?.offerId ?? '';
    await talks(loop, offerOf('a'));
    expect(await waits('a'), 'it waits no more').toBeNull();
    await does(loop, { kind: 'EndCall', by: 'sip', callId: 'a', cause: 'bye' });
    await does(loop, { kind: 'EndWrapup', by: 'sip', agentId: '1' });
    await talks(loop, offerOf('b'));
    const leg = { sipCallId: 'c@peer', from: 'f@peer', fromName: '', to: 'sales@acd' };
    await does(loop, { kind: 'ArriveCall', by: 'sip', callId: 'c', queue: 'sales', ...leg });
    await does(loop, { kind: 'ConfirmCall', by: 'sip', callId: 'c' });
    expect(await waits('c')).toBeGreaterThan(0);
  });

  it('an agent is told why each waiting call is not his', async () => {
    await start();
    const why = { reason: 'logged-out', for_seconds: null };
    expect(await see('/agents/1/why')).toEqual({
      calls: [
        { call: 'a', queue: 'sales', why },
        { call: 'b', queue: 'sales', why },
      ],
    });
    expect(await see('/agents/9/why')).toMatchObject({ code: 'unknown-agent' });
  });
});

describe('steering a call', () => {
  it('order: by place, by priority, and never by both', async () => {
    const { state } = await start();
    const line = () => [...(state.queues.get('sales')?.line ?? [])].map(({ id }) => id);
    expect(await post('/calls/b/order', { position: 1 })).toEqual({ status: 204, body: null });
    expect(line()).toEqual(['b', 'a']);
    expect((await post('/calls/a/order', { priority: 5 })).status).toBe(204);
    expect(line()).toEqual(['a', 'b']);
    expect((await post('/calls/a/order', { priority: 5, position: 1 })).status).toBe(400);
    expect((await post('/calls/a/order', {})).status).toBe(400);
    expect((await post('/calls/a/order', { prioritie: 5 })).status).toBe(400);
  });

  it('move: into another line', async () => {
    await start();
    expect((await post('/calls/a/move', { queue: 'help' })).status).toBe(204);
    expect(await see('/calls/a')).toMatchObject({
      queue: 'help',
      left: [{ queue: 'sales', status: 'WITHDRAW' }],
    });
    const lost = await post('/calls/b/move', { queue: 'nowhere' });
    expect(lost).toMatchObject({ status: 404, body: { code: 'unknown-queue' } });
  });

  it('give: to an agent of another queue; who is not free is told', async () => {
    const loop = await start();
    const early = await post('/calls/b/give', { agent: '2' });
    expect(early).toMatchObject({ status: 409, body: { code: 'not-logged-in' } });
    await comes(loop, '2');
    expect((await post('/calls/b/give', { agent: '2' })).status).toBe(204);
    expect(await see('/calls/b')).toMatchObject({ state: 'offered', agent: '2' });
    const busy = await post('/calls/a/give', { agent: '2' });
    expect(busy).toMatchObject({ status: 409, body: { code: 'agent-not-free' } });
    const unknown = await post('/calls/a/give', { agent: '9' });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'unknown-agent' } });
  });

  it('hold and resume are for a talk', async () => {
    await start();
    expect(await post('/calls/b/hold')).toMatchObject({
      status: 409,
      body: { code: 'not-talking' },
    });
    expect(await post('/calls/b/resume')).toMatchObject({ status: 409 });
    expect(await post('/calls/nobody/hold')).toMatchObject({ status: 404 });
  });

  it('hang up and withdraw: the call is gone, and a second time unknown', async () => {
    const { state } = await start();
    expect((await post('/calls/a/hangup')).status).toBe(204);
    expect((await post('/calls/b/withdraw')).status).toBe(204);
    expect(state.calls.size).toBe(0);
    const again = await post('/calls/a/hangup');
    expect(again).toMatchObject({ status: 404, body: { code: 'unknown-call' } });
  });
});

describe('transfer', () => {
  it('goes only where it may; queues and agents are ours', async () => {
    const loop = await start();
    const to = (id: string, place: string) => post(`/calls/${id}/transfer`, { to: place });
    const barred = await to('a', 'sip:0900@elsewhere');
    expect(barred).toMatchObject({ status: 403, body: { code: 'not-allowed' } });
    expect((await to('a', '0900')).status).toBe(400);
    expect((await to('a', 'queue:help')).status).toBe(204);
    expect(loop.state.calls.get('a')?.queue).toBe('help');
    await comes(loop, '2');
    expect((await to('b', 'agent:2')).status).toBe(409);
    expect((await to('a', 'sip:100@pbx')).status).toBe(204);
    expect(loop.state.calls.has('a')).toBe(false);
    expect((await to('b', 'agent:2')).status).toBe(204);
    expect(await see('/calls/b')).toMatchObject({ agent: '2' });
  });
});

describe('click-to-dial', () => {
  const dial = (agentId: string, to: string) => post('/calls', { agent: agentId, to });

  it('rings the agent, tells how far it is, and is hung up', async () => {
    const loop = await start();
    await comes(loop, '2');
    const made = await dial('2', '030123');
    expect(made).toMatchObject({
      status: 201,
      body: {
        ...{ call: 'id', id: 'outbound-id', outbound: true, queue: '', state: 'calling' },
        ...{ agent: '2', from: '2@pbx', to: '030123@pbx', waits_for: null },
      },
    });
    expect(await see('/agents/2')).toMatchObject({ state: 'ringing', call: 'outbound-id' });
    await does(loop, { kind: 'PickUpOutbound', by: 'sip', callId: 'id' });
    expect(await see('/calls/outbound-id')).toMatchObject({ state: 'dialling' });
    expect(await see('/agents/2')).toMatchObject({ state: 'busy' });
    await does(loop, { kind: 'ConnectOutbound', by: 'sip', callId: 'id' });
    const all = (await see('/calls')) as { calls: { call: string; state: string }[] };
    expect(all.calls.find(({ call }) => call === 'id')).toMatchObject({ state: 'assigned' });
    expect(((await see('/queues/help')) as { calls: object[] }).calls).toEqual([]);
    for (const [verb, body] of [
      ['hold', undefined],
      ['withdraw', undefined],
      ['move', { queue: 'sales' }],
      ['transfer', { to: 'sip:100@pbx' }],
    ] as const)
      expect(await post(`/calls/id/${verb}`, body), verb).toMatchObject({
        ...{ status: 409, body: { code: 'outbound-call' } },
      });
    expect((await post('/calls/id/hangup')).status).toBe(204);
    expect((await post('/calls/id/hangup')).status).toBe(404);
    expect(await see('/agents/2')).toMatchObject({ state: 'idle', call: '' });
  });

  it('that cannot be says why', async () => {
    const loop = await start();
    for (const to of ['', ' ', 'desk', '+', '0301@', 'sip:@pbx', 'queue:sales', 'sip:a@b?x=y'])
      expect(await dial('2', to), to).toMatchObject({ status: 400, body: { code: 'bad-request' } });
    expect(await dial('9', '1')).toMatchObject({ status: 404, body: { code: 'unknown-agent' } });
    expect(await dial('2', '1')).toMatchObject({ status: 409, body: { code: 'not-logged-in' } });
    await comes(loop, '2');
    const barred = await dial('2', 'sip:0900@elsewhere');
    expect(barred).toMatchObject({ status: 403, body: { code: 'not-allowed' } });
    expect((await dial('2', '1')).status).toBe(201);
    expect((await dial('2', '1')).status).toBe(409);
    expect(loop.state.outbound.size).toBe(1);
  });
});

it('a caller on his way elsewhere can only be hung up, and that is said', async () => {
  await start();
  expect((await post('/calls/a/transfer', { to: 'sip:9@pbx' })).status).toBe(204);
  expect(await see('/calls/a')).toMatchObject({ state: 'transferred' });
  for (const [verb, body] of [
    ['hold', undefined],
    ['withdraw', undefined],
    ['move', { queue: 'help' }],
    ['transfer', { to: 'sip:100@pbx' }],
  ] as const) {
    const refused = await post(`/calls/a/${verb}`, body);
    expect(refused, verb).toMatchObject({ status: 409, body: { code: 'not-waiting' } });
  }
  expect((await post('/calls/a/hangup')).status).toBe(204);
});

describe('transfer of a talk to a line of ours', () => {
  const to = (place: string) => post('/calls/a/transfer', { to: place });

  it('frees the agent, and the call tells of its talk before', async () => {
    const loop = await start();
    await comes(loop, '1');
    await talks(loop, 'a.o1');
    expect((await to('queue:help')).status).toBe(204);
    expect(await see('/calls/a')).toMatchObject({
      ...{ queue: 'help', state: 'queued', agent: '' },
      talks: [{ queue: 'sales', agent: '1', waited_seconds: 0, talked_seconds: 0 }],
    });
    expect(await see('/agents/1')).toMatchObject({ state: 'wrapup' });
  });

  it('that cannot be says why, and the talk goes on', async () => {
    const loop = await start();
    await comes(loop, '1');
    await talks(loop, 'a.o1');
    for (const [place, status, code] of [
      ['queue:nowhere', 404, 'unknown-queue'],
      ['agent:9', 404, 'unknown-agent'],
      ['agent:2', 409, 'not-logged-in'],
      ['agent:1', 409, 'no-direct-queue'],
    ] as const)
      expect(await to(place), place).toMatchObject({ status, body: { code } });
    expect(await see('/calls/a')).toMatchObject({ state: 'assigned', agent: '1' });
  });
});

describe('wrap-up', () => {
  it('is extended and ended for him', async () => {
    const loop = await start();
    await comes(loop, '1');
    await talks(loop, 'a.o1');
    const early = await post('/agents/1/wrapup/end');
    expect(early).toMatchObject({ status: 409, body: { code: 'not-in-wrapup' } });
    await post('/calls/a/hangup');
    const longer = await post('/agents/1/wrapup/extend', { seconds: 60 });
    expect(longer).toMatchObject({ status: 200, body: { state: 'wrapup' } });
    expect(loop.state.agents.get('1')?.wrapup?.until).toBe(1_060_000);
    expect((await post('/agents/1/wrapup/extend', { seconds: 0 })).status).toBe(400);
    // Free again, he is rung for the next at once.
    expect(await post('/agents/1/wrapup/end')).toMatchObject({ body: { state: 'ringing' } });
  });
});

describe('an agent', () => {
  it('leaves a queue of his and joins it again', async () => {
    const loop = await start();
    await comes(loop, '1');
    expect(loop.state.agents.get('1')?.offerId).toBe('a.o1');
    const left = await post('/agents/1/leave', { queue: 'sales' });
    expect(left).toMatchObject({ status: 200, body: { state: 'idle', away_from: ['sales'] } });
    const elsewhere = await post('/agents/1/leave', { queue: 'help' });
    expect(elsewhere).toMatchObject({ status: 409, body: { code: 'not-a-member' } });
    const back = await post('/agents/1/join', { queue: 'sales' });
    expect(back).toMatchObject({ status: 200, body: { state: 'ringing', away_from: [] } });
  });
});
