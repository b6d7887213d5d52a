/**
 * Goal: an agent who dials is rung first, then whom he has dialled; the two talk, and whatever
 * comes between ends it for both, with the reason. Method: plain telephones (phone.ts) against the
 * edge on a real SIP server and the real loop; media in memory.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { openStage } from '../../support/stage.ts';
import { acdConfig, queueConfig, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';
import type { SipText } from './phone.ts';

const stage = openStage('sip-outbound');
let server: SipServer;

beforeAll(async () => {
  server = await stage.add(sipServer());
});

interface Scene {
  readonly acd: Acd;
  readonly agent: Phone;
  readonly desk: Phone;
  readonly callId: string;
  /** The INVITE to the agent's phone. */
  readonly offered: SipText;
}

/** Agent 2771 is logged in, and dials the desk. */
async function scene(): Promise<Scene> {
  const config = acdConfig();
  const agents = [{ id: '2771', name: 'Ann', queues: ['queue1'] }];
  const core = { ...config.core, queues: [queueConfig('queue1')], agents };
  const acd = await stage.addForTest(startAcd(server, { ...config, core }));
  const agent = await stage.addForTest(Phone.open('agent', acd.sip));
  const desk = await stage.addForTest(Phone.open('desk', acd.sip));
  const device = { uri: agent.uri, registrar: null };
  await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
  const heard = { deviceUri: agent.uri, state: 'idle', source: 'test' } as const;
  await acd.loop.submit({ kind: 'ReportDevice', by: 'test', ...heard });
  const callId = acd.loop.newId();
  const order = { callId, agentId: '2771', uri: desk.uri } as const;
  expect(await acd.loop.submit({ kind: 'DialOut', by: 'test', ...order })).toMatchObject({
    ok: true,
  });
  return { acd, agent, desk, callId, offered: await agent.request('INVITE') };
}

/** He takes it; gives the INVITE at the desk. */
async function takenUp({ agent, desk, offered }: Scene): Promise<SipText> {
  agent.answer(offered, 180, 'Ringing');
  agent.answer(offered, 200, 'OK', { body: SDP_OFFER });
  await agent.request('ACK');
  return desk.request('INVITE');
}

/** The desk answers, too. */
async function talking(at: Scene): Promise<SipText> {
  const ringing = await takenUp(at);
  at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
  await at.desk.request('ACK');
  await at.acd.event('OutboundConnected');
  return ringing;
}

async function saysGoodbye(phone: Phone): Promise<string> {
  const bye = await phone.request('BYE');
  phone.answer(bye, 200, 'OK');
  return header(bye, 'Reason');
}

/** CANCEL, answered as a phone does. */
async function isTakenBack(phone: Phone, ringing: SipText): Promise<void> {
  phone.answer(await phone.request('CANCEL'), 200, 'OK');
  phone.answer(ringing, 487, 'Request Terminated');
  await phone.request('ACK');
}

async function settled({ acd }: Scene): Promise<void> {
  await expect.poll(() => [...acd.media.live]).toEqual([]);
  expect(acd.edge.health()).toMatchObject({ outbound: 0, offers: 0 });
  expect(acd.loop.state.agents.get('2771')?.callId).toBeNull();
}

describe('an agent who dials', () => {
  it('is rung with the number on his display; nobody is dialled before he takes it', async () => {
    const at = await scene();
    expect(header(at.offered, 'From')).toContain('"desk"');
    expect(header(at.offered, 'P-Asserted-Identity')).toContain(at.desk.uri);
    expect(at.desk.seen).toEqual([]);
    const ringing = await takenUp(at);
    expect(await at.acd.event('OutboundRang')).toMatchObject({ callId: at.callId });
    expect(header(ringing, 'P-Asserted-Identity')).toContain(at.agent.uri);
    at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    const joined = await at.acd.media.wait('connect');
    expect([joined.leg, ...joined.args]).toEqual([`${at.callId}.a`, `${at.callId}.c`]);
    await at.acd.event('OutboundConnected');
    at.agent.back(at.offered, 'BYE', 1);
    expect(await saysGoodbye(at.desk)).toContain('cause=16');
    expect(await at.acd.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'completed', endedBy: 'agent', agentId: '2771' },
    });
    await settled(at);
  });

  it('is hung up on when the desk hangs up', async () => {
    const at = await scene();
    const ringing = await talking(at);
    at.desk.back(ringing, 'BYE', 1);
    expect(await saysGoodbye(at.agent)).toContain('cause=16');
    expect(await at.acd.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'completed', endedBy: 'callee' },
    });
    await settled(at);
  });

  it('hears what the far end plays before it answers', async () => {
    const at = await scene();
    const ringing = await takenUp(at);
    at.desk.answer(ringing, 183, 'Session Progress', { body: SDP_OFFER });
    expect((await at.acd.media.wait('connect')).args).toEqual([`${at.callId}.c`]);
    // Before that, our own.
    expect(at.acd.media.of('play').map(({ leg }) => leg)).toEqual([`${at.callId}.a`]);
    expect(at.acd.loop.state.outbound.get(at.callId)?.connectedAt).toBeNull();
    at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    await at.acd.event('OutboundConnected');
    at.desk.back(ringing, 'BYE', 1);
    await saysGoodbye(at.agent);
    await settled(at);
  });

  it('and hangs up while it rings there, takes it back', async () => {
    const at = await scene();
    const ringing = await takenUp(at);
    at.desk.answer(ringing, 180, 'Ringing');
    at.agent.back(at.offered, 'BYE', 1);
    await isTakenBack(at.desk, ringing);
    expect(await at.acd.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'cancelled', endedBy: 'agent', talkedMs: 0 },
    });
    await settled(at);
  });

  it.each([
    [486, 'Busy Here', 'busy', 'cause=17'],
    [603, 'Decline', 'declined', 'cause=21'],
    [404, 'Not Found', 'unreachable', 'cause=3'],
    [500, 'Server Error', 'failed', 'cause=41'],
  ])(
    'to a desk that says %i is hung up on with the reason',
    async (status, words, outcome, why) => {
      const at = await scene();
      const ringing = await takenUp(at);
      at.desk.answer(ringing, status, words);
      await at.desk.request('ACK');
      expect(await saysGoodbye(at.agent)).toContain(why);
      expect(await at.acd.event('OutboundEnded')).toMatchObject({
        ...{ outcome, endedBy: 'callee', sipStatus: status },
      });
      await settled(at);
    },
  );

  it('and does not take it himself, has dialled nobody', async () => {
    const at = await scene();
    at.agent.answer(at.offered, 486, 'Busy Here');
    await at.agent.request('ACK');
    expect(await at.acd.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'agent-missed', failure: 'busy', sipStatus: 486 },
    });
    expect(at.desk.seen).toEqual([]);
    await settled(at);
  });
});

describe('ended by command', () => {
  const hangUp = ({ acd, callId }: Scene) =>
    acd.loop.submit({ kind: 'HangUpCall', by: 'test', callId });

  it('while his phone rings, it stops', async () => {
    const at = await scene();
    at.agent.answer(at.offered, 180, 'Ringing');
    await at.acd.event('OutboundRang');
    await hangUp(at);
    await isTakenBack(at.agent, at.offered);
    await settled(at);
    expect(at.desk.seen).toEqual([]);
  });

  it('while the desk rings, that stops, and he is let go', async () => {
    const at = await scene();
    const ringing = await takenUp(at);
    at.desk.answer(ringing, 180, 'Ringing');
    await hangUp(at);
    await isTakenBack(at.desk, ringing);
    expect(await saysGoodbye(at.agent)).toContain('cause=16');
    await settled(at);
  });

  it('in the talk, both are let go', async () => {
    const at = await scene();
    await talking(at);
    await hangUp(at);
    expect(await saysGoodbye(at.agent)).toContain('cause=16');
    expect(await saysGoodbye(at.desk)).toContain('cause=16');
    await settled(at);
  });
});
