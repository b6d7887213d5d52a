/**
 * Goal: where callers go whom a queue cannot serve, on real SIP; and several phones at once.
 * Method: plain telephones (phone.ts) against the edge on a real SIP server and the real loop;
 * media in memory.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { QueueConfig } from '../../../src/core/types.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, queueConfig, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';
import type { SipText } from './phone.ts';

const stage = openStage('sip-failover');
let server: SipServer;

beforeAll(async () => {
  server = await stage.add(sipServer());
});

interface Scene {
  readonly acd: Acd;
  readonly caller: Phone;
}

async function scene(options: Partial<QueueConfig>, agents = ['2771']): Promise<Scene> {
  const config = acdConfig();
  const core = {
    ...config.core,
    queues: [{ ...queueConfig('queue1'), ...options }, queueConfig('queue2')],
    agents: agents.map((id) => ({ id, name: '', queues: ['queue1'] })),
  };
  const sip = {
    ...config.sip,
    priorityHeader: 'X-Priority',
    positionHeader: 'X-Position',
    penaltyHeader: 'X-Penalty',
  };
  const [first] = config.queues;
  if (first === undefined) throw new Error('no queue');
  const queues = [first, { ...first, name: 'queue2', musicClass: 'jazz' }];
  const acd = await stage.addForTest(startAcd(server, { ...config, sip, queues, core }));
  const caller = await stage.addForTest(Phone.open('caller', acd.sip));
  return { acd, caller };
}

async function enter({ acd, caller }: Scene, headers: Record<string, string> = {}) {
  const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER, headers });
  const ok = await caller.response(invite);
  expect(ok.status).toBe(200);
  caller.ack(invite, ok);
  await acd.event('CallConfirmed');
  return { invite, ok };
}

async function logIn(acd: Acd, agentId: string): Promise<Phone> {
  const phone = await stage.addForTest(Phone.open(`agent${agentId}`, acd.sip));
  const device = { uri: phone.uri, registrar: null };
  await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId, device });
  const heard = { deviceUri: phone.uri, state: 'idle', source: 'test' } as const;
  await acd.loop.submit({ kind: 'ReportDevice', by: 'test', ...heard });
  return phone;
}

async function settled(acd: Acd): Promise<void> {
  await expect.poll(() => [...acd.media.live]).toEqual([]);
  await expect.poll(() => acd.edge.health()).toMatchObject({ callers: 0, offers: 0 });
}

describe('a call that gets no place', () => {
  it.each([
    ['its status', [], 480, ''],
    ['busy', [{ to: 'busy' }], 486, 'Q.850;cause=17'],
    ['congestion', [{ to: 'congestion' }], 503, 'Q.850;cause=34'],
    ['a cause', [{ to: 'hangup', cause: 21 }], 603, 'Q.850;cause=21'],
  ] as const)('is answered by %s', async (_what, destinations, status, reason) => {
    const failover = { JOINEMPTY: destinations };
    const { acd, caller } = await scene({ joinEmpty: ['paused'], failover });
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const answer = await caller.response(invite);
    caller.ack(invite, answer);
    expect([answer.status, header(answer, 'Reason')]).toEqual([status, reason]);
    await settled(acd);
  });

  it('is sent to another address by 302', async () => {
    const failover = { JOINEMPTY: [{ to: 'uri', uri: 'sip:desk@pbx.example.com' }] } as const;
    const { acd, caller } = await scene({ joinEmpty: ['paused'], failover });
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const answer = await caller.response(invite);
    caller.ack(invite, answer);
    expect(answer.status).toBe(302);
    expect(header(answer, 'Contact')).toBe('<sip:desk@pbx.example.com>');
    await settled(acd);
  });

  it('hears a prompt, then we hang up', async () => {
    const failover = { JOINEMPTY: [{ to: 'prompt', prompt: 'closed' }] } as const;
    const { acd, caller } = await scene({ joinEmpty: ['paused'], failover });
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const ok = await caller.response(invite);
    expect(ok.status).toBe(200);
    caller.ack(invite, ok);
    const play = await acd.media.wait('play');
    expect(play.args).toEqual(['farewell', [{ prompt: 'closed' }]]);
    acd.media.events?.playEnded(play.leg, 'farewell', 'all');
    const bye = await caller.request('BYE');
    caller.answer(bye, 200, 'OK');
    await settled(acd);
  });

  it('gets one in the next queue, and that queue’s music', async () => {
    const failover = { JOINEMPTY: [{ to: 'queue', queue: 'queue2' }] } as const;
    const at = await scene({ joinEmpty: ['paused'], failover });
    await enter(at);
    expect((await at.acd.media.wait('music')).args).toEqual(['jazz']);
  });
});

describe('a waiting call that leaves', () => {
  it('is transferred by REFER, then hung up', async () => {
    const failover = { TIMEOUT: [{ to: 'uri', uri: 'sip:desk@pbx' }] } as const;
    const at = await scene({ maxWaitMs: 300, failover });
    await enter(at);
    const refer = await at.caller.request('REFER');
    expect(header(refer, 'Refer-To')).toBe('<sip:desk@pbx>');
    at.caller.answer(refer, 202, 'Accepted', { headers: { 'Refer-Sub': 'false' } });
    const bye = await at.caller.request('BYE');
    at.caller.answer(bye, 200, 'OK');
    expect(header(bye, 'Reason')).toContain('cause=16');
    expect(await at.acd.event('CallEnded')).toMatchObject({ status: 'TIMEOUT' });
    await settled(at.acd);
  });

  it('leaves by a key: RFC 4733 or INFO, told twice it counts once', async () => {
    const at = await scene({ exitKeys: { '10': [{ to: 'queue', queue: 'queue2' }] } });
    const { invite, ok } = await enter(at);
    const { leg } = await at.acd.media.wait('music');
    for (const digit of ['5', '1', '0']) at.acd.media.events?.dtmf(leg, digit, 100);
    const info = { body: 'Signal=0\r\nDuration=100\r\n', type: 'application/dtmf-relay' };
    await at.caller.response(at.caller.within(invite, ok, 'INFO', 2, info));
    expect(await at.acd.event('CallMoved')).toMatchObject({ status: 'CONTINUE', queue: 'queue2' });
    expect((await at.acd.media.wait('music', 2)).args).toEqual(['jazz']);
    at.caller.within(invite, ok, 'BYE', 3);
    await at.acd.event('CallEnded');
    await settled(at.acd);
  });

  it('hears a prompt without music, and may hang up during it', async () => {
    const exitKeys = { '9': [{ to: 'prompt', prompt: 'bye' }] } as const;
    const at = await scene({ exitKeys });
    const { invite, ok } = await enter(at);
    const { leg } = await at.acd.media.wait('music');
    at.acd.media.events?.dtmf(leg, '9', 100);
    expect((await at.acd.media.wait('music', 2)).args).toEqual([null]);
    expect((await at.acd.media.wait('play', 2)).args).toEqual(['farewell', [{ prompt: 'bye' }]]);
    const bye = at.caller.within(invite, ok, 'BYE', 2);
    expect((await at.caller.response(bye)).status).toBe(200);
    await settled(at.acd);
  });
});

describe('a call to an agent’s id', () => {
  it('rings the phone he is logged in on; the queue of such calls has no number', async () => {
    const at = await scene({ direct: true });
    const phone = await logIn(at.acd, '2771');
    const ask = async (user: string) =>
      at.caller.response(at.caller.start('INVITE', user, { body: SDP_OFFER }));
    expect((await ask('queue1')).status).toBe(404);
    expect((await ask('2772')).status).toBe(404);
    const invite = at.caller.start('INVITE', '2771', { body: SDP_OFFER });
    const ok = await at.caller.response(invite);
    at.caller.ack(invite, ok);
    phone.answer(await phone.request('INVITE'), 486, 'Busy Here');
    at.caller.answer(await at.caller.request('BYE'), 200, 'OK');
    expect(await at.acd.event('CallEnded')).toMatchObject({ status: 'TIMEOUT', queue: 'queue1' });
    await settled(at.acd);
  });
});

describe('a call’s headers', () => {
  it('say its priority and its place', async () => {
    const at = await scene({});
    await enter(at);
    await enter(at, { 'X-Priority': '5' });
    expect(await at.acd.event('CallEntered', 2)).toMatchObject({ priority: 5, position: 1 });
    await enter(at, { 'X-Position': '2' });
    expect(await at.acd.event('CallEntered', 3)).toMatchObject({ position: 2 });
    await enter(at, { 'X-Priority': 'very', 'X-Position': '-3' });
    expect(await at.acd.event('CallEntered', 4)).toMatchObject({ position: 4 });
  });
});

describe('a call’s penalty header', () => {
  it('says who may take it; nonsense is no limit', async () => {
    const at = await scene({});
    await enter(at, { 'X-Penalty': '5,1' });
    const limits = { max: 5, min: 1, raise: null };
    expect(await at.acd.event('CallEntered')).toMatchObject({ limits });
    await enter(at, { 'X-Penalty': 'few' });
    expect(await at.acd.event('CallEntered', 2)).not.toHaveProperty('limits');
    await enter(at, { 'X-Penalty': '5,1,r3' });
    const raised = { max: 5, min: 1, raise: 3, keepsMin: true };
    expect(await at.acd.event('CallEntered', 3)).toMatchObject({ limits: raised });
  });
});

describe('an agent who is paused for missing offers', () => {
  it('is told so on his phone', async () => {
    const at = await scene({ timeoutMs: 500, autopause: 'yes', autopauseLengthMs: 60_000 });
    const phone = await logIn(at.acd, '2771');
    await enter(at);
    const ringing = await phone.request('INVITE');
    phone.answer(ringing, 180, 'Ringing');
    phone.answer(await phone.request('CANCEL'), 200, 'OK');
    phone.answer(ringing, 487, 'Request Terminated');
    const message = await phone.request('MESSAGE');
    phone.answer(message, 200, 'OK');
    expect(message.body).toBe('You are paused in queue1 for 60 s: auto: no-answer');
  });
});

describe('ringall', () => {
  it('rings all phones; the first answer wins, the others are told so', async () => {
    const at = await scene({ strategy: 'ringall' }, ['1', '2']);
    const [one, two] = [await logIn(at.acd, '1'), await logIn(at.acd, '2')];
    await enter(at);
    const [first, second] = [await one.request('INVITE'), await two.request('INVITE')];
    one.answer(first, 180, 'Ringing');
    two.answer(second, 180, 'Ringing');
    await at.acd.event('OfferRang', 2);
    two.answer(second, 200, 'OK', { body: SDP_OFFER });
    await two.request('ACK');
    expect(await at.acd.event('CallConnected')).toMatchObject({ agentId: '2' });
    const cancel = await one.request('CANCEL');
    expect(header(cancel, 'Reason')).toBe('SIP;cause=200;text="Call completed elsewhere"');
    one.answer(cancel, 200, 'OK');
    one.answer(first, 487, 'Request Terminated');
    await one.request('ACK');
    await expect.poll(() => at.acd.edge.health().offers).toBe(1);
  });

  it('ends the second of two answers at the same moment', async () => {
    const at = await scene({ strategy: 'ringall' }, ['1', '2']);
    const phones = [await logIn(at.acd, '1'), await logIn(at.acd, '2')];
    await enter(at);
    const invites: (readonly [Phone, SipText])[] = [];
    for (const phone of phones) invites.push([phone, await phone.request('INVITE')]);
    for (const [phone, invite] of invites) phone.answer(invite, 200, 'OK', { body: SDP_OFFER });
    for (const phone of phones) await phone.request('ACK');
    await at.acd.event('CallConnected');
    const ended = await Promise.race(
      phones.map(async (phone) => {
        const bye = await phone.request('BYE');
        phone.answer(bye, 200, 'OK');
        return header(bye, 'Reason');
      }),
    );
    // By us, or, where our CANCEL crossed his answer, by the SIP server.
    expect(ended).toContain('SIP;cause=200;');
    await expect.poll(() => at.acd.edge.health().offers).toBe(1);
  });
});
