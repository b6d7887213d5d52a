/**
 * Goal: an agent who dials is rung first, then whom he has dialled; the two talk, and whatever
 * comes between ends it for both, with the reason. Method: plain telephones (phone.ts) against the
 * edge on a real SIP server and the real loop; media in memory.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { STANDARD_OUTBOUND } from '../../../src/core/rules.ts';
import type { OutboundLimits } from '../../../src/core/types.ts';
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
async function scene(outbound?: OutboundLimits): Promise<Scene> {
  const config = acdConfig();
  const agents = [{ id: '2771', name: 'Ann', queues: ['queue1'] }];
  const limits = outbound === undefined ? {} : { outbound };
  const transfers = { allow: ['sip:*@desk.example.com'] };
  const core = { ...config.core, queues: [queueConfig('queue1')], agents, ...limits };
  const acd = await stage.addForTest(startAcd(server, { ...config, transfers, core }));
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
  await expect.poll(() => acd.edge.health()).toMatchObject({ outbound: 0, offers: 0 });
  await expect.poll(() => acd.loop.state.agents.get('2771')?.callId).toBeNull();
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

  it('and holds, gives music to whom he talks with, until he holds no more', async () => {
    const at = await scene();
    await talking(at);
    const offer = (way: string) => SDP_OFFER.replace('sendrecv', way);
    const reinvites = async (way: string, number: number) => {
      const sent = at.agent.back(at.offered, 'INVITE', number, { body: offer(way) });
      await at.agent.response(sent);
      at.agent.back(at.offered, 'ACK', number);
    };
    await reinvites('sendonly', 1);
    expect(await at.acd.media.wait('music')).toMatchObject({ leg: `${at.callId}.c` });
    expect(at.acd.media.of('disconnect')).toMatchObject([{ leg: `${at.callId}.c` }]);
    await reinvites('sendrecv', 2);
    await expect.poll(() => at.acd.media.of('connect').length).toBe(2);
    at.agent.back(at.offered, 'BYE', 3);
    await saysGoodbye(at.desk);
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

  it('to a desk that is busy hears so until he hangs up; that is what became of it', async () => {
    const at = await scene(STANDARD_OUTBOUND);
    const ringing = await takenUp(at);
    at.desk.answer(ringing, 183, 'Session Progress', { body: SDP_OFFER });
    await at.acd.media.wait('connect');
    at.desk.answer(ringing, 486, 'Busy Here');
    await at.desk.request('ACK');
    await at.acd.event('OutboundRefused');
    const [ring, tone] = at.acd.media.of('play');
    expect([ring?.leg, tone?.leg]).toEqual([`${at.callId}.a`, `${at.callId}.a`]);
    expect(JSON.stringify(tone?.args)).toContain('busy-tone');
    expect([...at.acd.media.live]).toEqual([`${at.callId}.a`]);
    at.agent.back(at.offered, 'BYE', 1);
    expect(await at.acd.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'busy', endedBy: 'callee', sipStatus: 486 },
    });
    await settled(at);
  });

  it('to a desk that does not answer in time hears so; a late answer is nothing', async () => {
    const at = await scene({ ...STANDARD_OUTBOUND, dialMs: 100 });
    const ringing = await takenUp(at);
    at.desk.answer(ringing, 180, 'Ringing');
    expect(await at.acd.event('OutboundRefused')).toMatchObject({ outcome: 'no-answer' });
    // Its 200 crosses our CANCEL.
    at.desk.answer(await at.desk.request('CANCEL'), 200, 'OK');
    at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    await saysGoodbye(at.desk);
    at.agent.back(at.offered, 'BYE', 1);
    expect(await at.acd.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'no-answer', endedBy: 'system', talkedMs: 0 },
    });
    await settled(at);
  });

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

describe('by REFER of the agent’s phone', () => {
  async function told(agent: Phone): Promise<string> {
    const notify = await agent.request('NOTIFY');
    agent.answer(notify, 200, 'OK');
    return `${header(notify, 'Subscription-State')} ${notify.body.trim()}`;
  }
  const asks = ({ agent, offered }: Scene, cseq: number, to: string) =>
    agent.response(agent.back(offered, 'REFER', cseq, { headers: { 'Refer-To': to } }));

  /** In the dialog that our INVITE to the desk began. */
  function tells({ desk }: Scene, ringing: SipText, line: string): void {
    const headers = { Event: 'refer', 'Subscription-State': 'terminated;reason=noresource' };
    const body = `SIP/2.0 ${line}\r\n`;
    desk.back(ringing, 'NOTIFY', 1, { headers, body, type: 'message/sipfrag' });
  }

  it('whom he talks with is asked to call there; told of it, both are let go', async () => {
    const at = await scene();
    const ringing = await talking(at);
    expect((await asks(at, 1, '<sip:else@desk.example.com>')).status).toBe(202);
    expect(await told(at.agent)).toMatch(/^active;expires=\d+ SIP\/2.0 100 Trying$/);
    const refer = await at.desk.request('REFER');
    expect(header(refer, 'Refer-To')).toBe('<sip:else@desk.example.com>');
    at.desk.answer(refer, 202, 'Accepted');
    tells(at, ringing, '200 OK');
    expect(await told(at.agent)).toBe('terminated;reason=noresource SIP/2.0 200 OK');
    expect(await saysGoodbye(at.agent)).toContain('cause=16');
    expect(await saysGoodbye(at.desk)).toContain('cause=16');
    expect(await at.acd.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'completed', endedBy: 'agent' },
    });
    await settled(at);
  });

  it('an attended one names the talk it replaces; refused, the talk goes on', async () => {
    const at = await scene();
    const ringing = await talking(at);
    const other = 'Replaces=a%40b%3Bto-tag%3Dt%3Bfrom-tag%3Df';
    expect((await asks(at, 1, `<sip:else@desk.example.com?${other}>`)).status).toBe(202);
    await told(at.agent);
    const refer = await at.desk.request('REFER');
    expect(header(refer, 'Refer-To')).toBe(`<sip:else@desk.example.com?${other}>`);
    at.desk.answer(refer, 603, 'Decline');
    expect(await told(at.agent)).toBe('terminated;reason=noresource SIP/2.0 603 Decline');
    expect(at.acd.loop.state.outbound.size).toBe(1);
    at.desk.back(ringing, 'BYE', 1);
    await saysGoodbye(at.agent);
    await settled(at);
  });

  /** The agent has asked for it and hung up; gives the REFER at the desk. */
  async function leftAlone(at: Scene): Promise<SipText> {
    at.agent.back(at.offered, 'REFER', 1, { headers: { 'Refer-To': '<sip:a@desk.example.com>' } });
    const refer = await at.desk.request('REFER');
    at.agent.back(at.offered, 'BYE', 2);
    await at.acd.event('OutboundEnded');
    expect(at.acd.loop.state.agents.get('2771')?.callId).toBeNull();
    // A drain waits for him, and a sweep of audio that nobody owns leaves him his music.
    await expect.poll(() => at.acd.edge.health().outbound).toBe(1);
    at.acd.media.events?.up([`${at.callId}.c`]);
    expect([...at.acd.media.live]).toEqual([`${at.callId}.c`]);
    return refer;
  }

  it('he may hang up at once; the other is let go when he is there', async () => {
    const at = await scene();
    const ringing = await talking(at);
    const refer = await leftAlone(at);
    at.desk.answer(refer, 202, 'Accepted');
    expect(at.desk.seen.map(({ method }) => method)).not.toContain('BYE');
    tells(at, ringing, '200 OK');
    await saysGoodbye(at.desk);
    await settled(at);
  });

  it('and is let go at once where the server stops', async () => {
    const at = await scene();
    await talking(at);
    at.desk.answer(await leftAlone(at), 202, 'Accepted');
    at.acd.edge.letGo();
    await saysGoodbye(at.desk);
    await settled(at);
  });

  it('not to where calls may not go, nor before there is a talk', async () => {
    const at = await scene();
    const ringing = await takenUp(at);
    expect((await asks(at, 1, '<sip:else@desk.example.com>')).status).toBe(603);
    at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    await at.acd.event('OutboundConnected');
    expect((await asks(at, 2, '<sip:09001@elsewhere.example.com>')).status).toBe(403);
    at.desk.back(ringing, 'BYE', 1);
    await saysGoodbye(at.agent);
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
