/**
 * Goal: what REST shows is what the core knows, in the promised words. Method: a real loop on a
 * journal in memory, moved by commands and an invented clock.
 */
import { describe, expect, it } from 'vitest';
import { createSteering, createView, readGauges } from '../../../src/http/live-view.ts';
import { reasons } from '../../../src/http/call-schemas.ts';
import { agentAnswer, callAnswer, queueAnswer, queueDetail } from '../../../src/http/schemas.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { createMetrics, NO_GUARD } from '../../../src/observe/metrics.ts';
import { makeClock } from '../../../src/shared/clock.ts';
import { openLoop, type Loop } from '../../../src/runtime/loop.ts';
import type { NewCommand } from '../../../src/runtime/port.ts';

/** What gauges show beside the state. */
const quiet = {
  mediaLegs: 1,
  journalSeq: 9,
  isOverloaded: false,
  journal: { backlog: 0, appends: 0, failures: 0, appendSeconds: 0 },
  reports: { lag: 0 },
  bugs: new Map<string, number>(),
  audioLoss: new Map<string, number>(),
  guard: NO_GUARD,
  registrars: new Map<string, boolean>(),
  parts: new Map<string, boolean>(),
};

const queue = (name: string) => ({
  name,
  strategy: 'most-idle' as const,
  timeoutMs: 15_000,
  retryMs: 5_000,
  wrapupMs: 10_000,
  maxlen: 0,
  weight: 0,
  periodicAnnounceMs: 0,
});
const house = {
  queues: [queue('queue1'), queue('queue2')],
  agents: [
    { id: '2771', name: 'Ann', queues: ['queue1', 'queue2'] },
    { id: '2772', name: '', queues: ['queue2'] },
  ],
  secondLogin: 'refuse' as const,
  maxCalls: 100,
};
const device = { uri: 'sip:100@10.0.0.9', registrar: null };

async function open() {
  let now = 1_000_000;
  let ids = 0;
  const clock = makeClock(
    () => now,
    () => now,
  );
  const opened = await openLoop({
    journal: new MemoryJournal(),
    clock,
    newId: () => `id${(ids += 1)}`,
    log: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  if (!opened.ok) throw new Error(opened.detail);
  const { loop } = opened;
  const metrics = createMetrics(() => readGauges(loop.state, quiet));
  const view = createView({
    runtime: loop,
    metrics,
    health: () => {
      throw new Error('not asked here');
    },
  });
  await does(loop, { kind: 'ApplyConfig', by: 'config', config: house });
  return { loop, view, metrics, passes: (ms: number) => (now += ms) };
}

async function does(loop: Loop, command: NewCommand): Promise<void> {
  const outcome = await loop.submit(command);
  if (!outcome.ok) throw new Error(outcome.refusal);
}

async function arrives(loop: Loop, id: string): Promise<void> {
  await does(loop, {
    kind: 'ArriveCall',
    by: 'sip',
    callId: id,
    queue: 'queue1',
    sipCallId: `${id}@10.0.0.1`,
    from: 'gateway@10.0.0.1',
    fromName: 'Gate',
    to: 'queue1@10.0.0.2:5071',
  });
  await does(loop, { kind: 'ConfirmCall', by: 'sip', callId: id });
}

async function logsIn(loop: Loop): Promise<void> {
  await does(loop, { kind: 'LogInAgent', by: 'sip', agentId: '2771', device });
  const idle = { deviceUri: device.uri, state: 'idle' as const, source: 'presence' };
  await does(loop, { kind: 'ReportDevice', by: 'sip', ...idle });
}

describe('the view', () => {
  it('given nobody, shows empty queues and agents logged out', async () => {
    const { view } = await open();
    expect(view.queues().map(({ name, calls }) => ({ name, calls }))).toEqual([
      { name: 'queue1', calls: [] },
      { name: 'queue2', calls: [] },
    ]);
    expect(view.agents()[1]).toEqual({
      id: '2772',
      state: 'loggedout',
      idletime: '0',
      device: '',
      memberof: ['queue2'],
      away_from: [],
      name: '',
      device_state: '',
      registrar: '',
      pause_reason: null,
      call: '',
      logged_in_seconds: 0,
    });
    expect(view.queue('none')).toBeNull();
    expect(view.agent('none')).toBeNull();
  });

  it('of a queue that was removed with callers in it, says so, while it is there', async () => {
    const { loop, view } = await open();
    await arrives(loop, 'a');
    expect(view.queue('queue1')?.draining).toBe(false);
    const queues = [queue('queue2')];
    const agents = house.agents.map((one) => ({ ...one, queues: ['queue2'] }));
    await does(loop, { kind: 'ApplyConfig', by: 'x', config: { ...house, queues, agents } });
    expect(view.queue('queue1')).toMatchObject({ draining: true, waiting: 1 });
    await does(loop, { kind: 'EndCall', by: 'sip', callId: 'a', cause: 'cancel' });
    expect(view.queue('queue1')).toBeNull();
  });

  it('of one agent and one queue, tells how he stands there', async () => {
    const { loop, view, passes } = await open();
    await logsIn(loop);
    await does(loop, {
      kind: 'PauseAgent',
      by: 'x',
      agentId: '2771',
      reason: 'desk',
      queue: 'queue2',
    });
    passes(5_000);
    const none = { calls: 0, last_call_seconds: null, penalty: 0, logged_in: true };
    expect(view.agent('2771')).toMatchObject({
      memberships: [
        { queue: 'queue1', ...none, pause_reason: null },
        { queue: 'queue2', ...none, pause_reason: 'desk' },
      ],
      rest_ends_in_seconds: null,
      pause_ends_in_seconds: null,
    });
    expect(view.queue('queue2')?.members).toEqual([
      { agent: '2771', name: 'Ann', state: 'idle', ...none, pause_reason: 'desk' },
      {
        agent: '2772',
        name: '',
        state: 'loggedout',
        ...none,
        pause_reason: null,
        logged_in: false,
      },
    ]);
    await does(loop, { kind: 'PauseAgent', by: 'x', agentId: '2771', reason: 'lunch' });
    await does(loop, { kind: 'LeaveQueue', by: 'x', agentId: '2771', queue: 'queue1' });
    expect(view.queue('queue1')?.members[0]).toMatchObject({
      ...{ pause_reason: 'lunch', logged_in: false },
    });
  });

  it('given two callers, shows them in their order with their waits', async () => {
    const { loop, view, passes } = await open();
    await arrives(loop, 'a');
    passes(7_500);
    await arrives(loop, 'b');
    passes(2_000);
    const shown = view.queue('queue1');
    expect(shown).toMatchObject({ waiting: 2, talking: 0, longest_wait_seconds: 9 });
    expect(shown?.calls).toMatchObject([
      {
        id: 'a@10.0.0.1',
        state: 'queued',
        from: 'gateway@10.0.0.1',
        to: 'queue1@10.0.0.2:5071',
        name: 'Gate',
        position: 1,
        waited_seconds: 9,
      },
      { id: 'b@10.0.0.1', position: 2, waited_seconds: 2 },
    ]);
    expect(view.calls().map(({ id, position }) => [id, position])).toEqual([
      ['a@10.0.0.1', 1],
      ['b@10.0.0.1', 2],
    ]);
  });

  it('follows a call from queued over offered to assigned, and its agent with it', async () => {
    const { loop, view, passes } = await open();
    await logsIn(loop);
    passes(14_200);
    expect(view.agent('2771')).toMatchObject({
      state: 'idle',
      idletime: '14',
      device: device.uri,
      device_state: 'idle',
      logged_in_seconds: 14,
    });
    await arrives(loop, 'a');
    const [offer] = loop.state.offers.keys();
    const offerId = offer ?? '';
    expect(view.calls()).toMatchObject([{ state: 'offered', agent: '2771', position: 1 }]);
    expect(view.agent('2771')).toMatchObject({ state: 'ringing', call: 'a@10.0.0.1' });
    await does(loop, { kind: 'AnswerOffer', by: 'sip', offerId });
    await does(loop, { kind: 'ConfirmBridge', by: 'sip', offerId });
    passes(3_000);
    expect(view.calls()).toMatchObject([{ state: 'assigned', position: 0, talked_seconds: 3 }]);
    expect(view.agent('2771')).toMatchObject({ state: 'busy', idletime: '0', call: 'a@10.0.0.1' });
    await does(loop, { kind: 'EndCall', by: 'sip', callId: 'a', cause: 'bye' });
    expect(view.agent('2771')).toMatchObject({ state: 'wrapup', call: '' });
    expect(view.calls()).toEqual([]);
  });

  it('tells an agent who rests after a missed offer from a phone that is away', async () => {
    const { loop, view } = await open();
    await logsIn(loop);
    await arrives(loop, 'a');
    const [offer = ''] = loop.state.offers.keys();
    const failed = { failure: 'busy' as const, sipStatus: 486, detail: '' };
    await does(loop, { kind: 'FailOffer', by: 'sip', offerId: offer, ...failed });
    expect(view.agent('2771')).toMatchObject({ state: 'resting' });
    const away = { deviceUri: device.uri, state: 'unavailable' as const, source: 'presence' };
    await does(loop, { kind: 'ReportDevice', by: 'sip', ...away });
    expect(view.agent('2771')).toMatchObject({ state: 'unavailable', device_state: 'unavailable' });
  });

  it('counts who is logged in to each queue, and names those he is away from', async () => {
    const { loop, view } = await open();
    await logsIn(loop);
    await does(loop, { kind: 'LeaveQueue', by: 'sip', agentId: '2771', queue: 'queue2' });
    const counted = () => view.queues().map((one) => [one.name, one.agents_logged_in]);
    expect(counted()).toEqual([
      ['queue1', 1],
      ['queue2', 0],
    ]);
    const shown = { memberof: ['queue1', 'queue2'], away_from: ['queue2'] };
    expect(view.agent('2771')).toMatchObject(shown);
    const agents = [{ id: '2771', name: 'Ann', queues: ['queue1'] }];
    await does(loop, { kind: 'ApplyConfig', by: 'config', config: { ...house, agents } });
    expect(view.agent('2771')).toMatchObject({ memberof: ['queue1'], away_from: [] });
  });

  it('gives answers that fit their own schemas', async () => {
    const { loop, view } = await open();
    await logsIn(loop);
    await arrives(loop, 'a');
    for (const shown of view.queues()) expect(queueAnswer.parse(shown)).toEqual(shown);
    for (const shown of view.agents()) expect(agentAnswer.parse(shown)).toEqual(shown);
    for (const shown of view.calls()) expect(callAnswer.parse(shown)).toEqual(shown);
    const one = view.queue('queue1');
    expect(queueDetail.parse(one)).toEqual(one);
    await arrives(loop, 'b');
    const why = view.reasonsOf('2771');
    expect(why?.calls).toHaveLength(2);
    expect(reasons.parse(why)).toEqual(why);
  });

  it('knows what there is, by every name that it has', async () => {
    const { loop, view } = await open();
    await arrives(loop, 'a');
    const kinds = ['queue', 'agent', 'call'] as const;
    const known = (name: string) => kinds.filter((kind) => view.has(kind, name));
    expect([known('queue1'), known('2771'), known('a'), known('a@10.0.0.1'), known('b')]).toEqual([
      ['queue'],
      ['agent'],
      ['call'],
      ['call'],
      [],
    ]);
  });
});

describe('steering', () => {
  it('pauses, resumes and logs out by commands', async () => {
    const { loop, view } = await open();
    const steering = createSteering(loop);
    expect(await steering.pause('2771', 'x', null)).toMatchObject({ ok: false });
    await logsIn(loop);
    expect(await steering.pause('2771', 'lunch', null)).toMatchObject({ ok: true });
    expect(view.agent('2771')).toMatchObject({ state: 'paused', pause_reason: 'lunch' });
    expect(await steering.resume('2771', null)).toMatchObject({ ok: true });
    expect(view.agent('2771')).toMatchObject({ state: 'idle', pause_reason: null });
    expect(await steering.logOut('2771')).toMatchObject({ ok: true });
    expect(view.agent('2771')).toMatchObject({ state: 'loggedout' });
    const nobody = { ok: false, refusal: 'unknown-agent' };
    expect(await steering.logOut('999')).toEqual(nobody);
  });
});

describe('gauges', () => {
  it('count calls by queue and agents by state', async () => {
    const { loop } = await open();
    await arrives(loop, 'a');
    const reading = readGauges(loop.state, quiet);
    expect(reading.waiting.get('queue1')).toBe(1);
    expect(reading.talking.get('queue1')).toBe(0);
    expect(reading.agents.get('loggedout')).toBe(2);
    expect(reading.agents.get('busy'), 'also where nobody is').toBe(0);
  });
});
