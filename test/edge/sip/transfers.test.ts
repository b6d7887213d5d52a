/**
 * Goal: a caller who is sent to an address outside gets there, by his own side or by ours, and
 * whoever hangs up ends it for both. Method: plain telephones (phone.ts) against the edge on a real
 * SIP server and the real loop; media in memory.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { openStage } from '../../support/stage.ts';
import { acdConfig, queueConfig, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';
import type { Sent, SipText } from './phone.ts';

const stage = openStage('sip-transfers');
let server: SipServer;

beforeAll(async () => {
  server = await stage.add(sipServer());
});

interface Scene {
  readonly acd: Acd;
  readonly caller: Phone;
  readonly desk: Phone;
  readonly invite: Sent;
  readonly ok: SipText;
  readonly callId: string;
}

/** A caller who waits, and a desk to which he may be sent. */
async function scene(): Promise<Scene> {
  const config = acdConfig();
  const agents = [
    { id: '2771', name: '', queues: ['queue1', 'direct'] },
    { id: '2772', name: '', queues: ['queue2', 'direct'] },
  ];
  const small = { ...queueConfig('queue2'), maxlen: 1 };
  const direct = { ...queueConfig('direct'), direct: true } as const;
  const core = { ...config.core, queues: [queueConfig('queue1'), small, direct], agents };
  const acd = await stage.addForTest(
    startAcd(server, { ...config, core, transfers: { allow: ['sip:desk@*'] } }),
  );
  const caller = await stage.addForTest(Phone.open('caller', acd.sip));
  const desk = await stage.addForTest(Phone.open('desk', acd.sip));
  const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
  const ok = await caller.response(invite);
  caller.ack(invite, ok);
  const confirmed = await acd.event('CallConfirmed');
  const callId = 'callId' in confirmed ? confirmed.callId : '';
  return { acd, caller, desk, invite, ok, callId };
}

async function transfer({ acd, desk, callId }: Scene): Promise<void> {
  const order = { kind: 'TransferCall', by: 'test', callId, uri: desk.uri } as const;
  expect(await acd.loop.submit(order)).toMatchObject({ ok: true });
}

/** His side will not transfer; gives the INVITE at the desk. */
async function refused(at: Scene): Promise<SipText> {
  at.caller.answer(await at.caller.request('REFER'), 603, 'Decline');
  return at.desk.request('INVITE');
}

function tells({ caller, invite, ok }: Scene, cseq: number, state: string, line: string): Sent {
  const headers = { Event: 'refer', 'Subscription-State': state };
  const body = `SIP/2.0 ${line}\r\n`;
  return caller.within(invite, ok, 'NOTIFY', cseq, { headers, body, type: 'message/sipfrag' });
}

async function saysGoodbye(phone: Phone): Promise<string> {
  const bye = await phone.request('BYE');
  phone.answer(bye, 200, 'OK');
  return header(bye, 'Reason');
}

async function settled(acd: Acd): Promise<void> {
  await expect.poll(() => [...acd.media.live]).toEqual([]);
  await expect.poll(() => acd.edge.health()).toMatchObject({ callers: 0, offers: 0 });
}

describe('by his own side', () => {
  it('is followed until it has got there, then he is hung up on', async () => {
    const at = await scene();
    await transfer(at);
    const refer = await at.caller.request('REFER');
    expect(header(refer, 'Refer-To')).toBe(`<${at.desk.uri}>`);
    // The first NOTIFY may overtake the 202.
    const trying = tells(at, 2, 'active;expires=60', '100 Trying');
    expect((await at.caller.response(trying)).status).toBe(200);
    at.caller.answer(refer, 202, 'Accepted');
    tells(at, 3, 'terminated;reason=noresource', '200 OK');
    expect(await saysGoodbye(at.caller)).toContain('cause=16');
    expect(await at.acd.event('CallEnded')).toMatchObject({ status: 'WITHDRAW', agentId: null });
    await settled(at.acd);
  });

  it('that finds the desk busy is not tried again by us', async () => {
    const at = await scene();
    await transfer(at);
    at.caller.answer(await at.caller.request('REFER'), 202, 'Accepted');
    tells(at, 2, 'terminated;reason=noresource', '486 Busy Here');
    expect(await saysGoodbye(at.caller)).toContain('cause=17');
    await settled(at.acd);
  });

  it('that cannot get there is taken over by us', async () => {
    const at = await scene();
    await transfer(at);
    at.caller.answer(await at.caller.request('REFER'), 202, 'Accepted');
    tells(at, 2, 'terminated;reason=noresource', '404 Not Found');
    const ringing = await at.desk.request('INVITE');
    at.desk.answer(ringing, 486, 'Busy Here');
    await at.desk.request('ACK');
    expect(await saysGoodbye(at.caller)).toContain('cause=17');
    await settled(at.acd);
  });
});

/** Out of a talk: his side refuses, we call the desk and bridge the two; he hangs up on it. */
async function bridged(at: Scene): Promise<void> {
  const ringing = await refused(at);
  at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
  await at.desk.request('ACK');
  expect((await at.acd.media.wait('connect', 2)).args).toEqual([`${at.callId}.x`]);
  at.caller.within(at.invite, at.ok, 'BYE', 2);
  await saysGoodbye(at.desk);
  await settled(at.acd);
}

async function loggedIn({ acd }: Scene, agentId: string): Promise<Phone> {
  const agent = await stage.addForTest(Phone.open('agent', acd.sip));
  const device = { uri: agent.uri, registrar: null };
  await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId, device });
  const heard = { deviceUri: agent.uri, state: 'idle', source: 'test' } as const;
  await acd.loop.submit({ kind: 'ReportDevice', by: 'test', ...heard });
  return agent;
}

/** An agent logs in, is rung for the caller, and talks with him. */
async function talkOf(at: Scene): Promise<{ agent: Phone; offered: SipText }> {
  const agent = await loggedIn(at, '2771');
  const offered = await agent.request('INVITE');
  agent.answer(offered, 200, 'OK', { body: SDP_OFFER });
  await agent.request('ACK');
  await at.acd.event('CallConnected');
  return { agent, offered };
}

describe('by ours', () => {
  it('rings the desk with the caller’s name, bridges, and ends with the caller', async () => {
    const at = await scene();
    await transfer(at);
    const ringing = await refused(at);
    expect(header(ringing, 'P-Asserted-Identity')).toContain('sip:caller@');
    at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    expect((await at.acd.media.wait('connect')).args).toEqual([`${at.callId}.x`]);
    at.caller.within(at.invite, at.ok, 'BYE', 2);
    expect(await saysGoodbye(at.desk)).toContain('cause=16');
    await settled(at.acd);
  });

  it('ends with the desk, too', async () => {
    const at = await scene();
    await transfer(at);
    const ringing = await refused(at);
    at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    await at.acd.media.wait('connect');
    at.desk.back(ringing, 'BYE', 1);
    expect(await saysGoodbye(at.caller)).toContain('cause=16');
    await settled(at.acd);
  });

  it('is taken back when the caller hangs up while it rings', async () => {
    const at = await scene();
    await transfer(at);
    const ringing = await refused(at);
    at.desk.answer(ringing, 180, 'Ringing');
    at.caller.within(at.invite, at.ok, 'BYE', 2);
    at.desk.answer(await at.desk.request('CANCEL'), 200, 'OK');
    at.desk.answer(ringing, 487, 'Request Terminated');
    await at.desk.request('ACK');
    await settled(at.acd);
  });

  it('out of a talk: the agent is let go, and free again', async () => {
    const at = await scene();
    const { agent } = await talkOf(at);
    await transfer(at);
    expect(await saysGoodbye(agent)).toContain('cause=16');
    expect(await at.acd.event('CallEnded')).toMatchObject({
      status: 'COMPLETED',
      agentId: '2771',
      destination: { to: 'uri', uri: at.desk.uri },
    });
    expect(at.acd.loop.state.agents.get('2771')).toMatchObject({ callId: null, isReady: true });
    await bridged(at);
  });
});

describe('by REFER of the agent’s phone', () => {
  /** What the phone is told of its transfer, each time answered. */
  async function told(agent: Phone, event = 'refer'): Promise<string> {
    const notify = await agent.request('NOTIFY');
    agent.answer(notify, 200, 'OK');
    expect(header(notify, 'Event')).toBe(event);
    expect(header(notify, 'Content-Type')).toContain('message/sipfrag');
    return `${header(notify, 'Subscription-State')} ${notify.body.trim()}`;
  }

  const refer = (agent: Phone, offered: SipText, cseq: number, to: string) =>
    agent.response(agent.back(offered, 'REFER', cseq, { headers: { 'Refer-To': to } }));

  /** An address at this ACD. */
  const here = ({ acd }: Scene, user: string): string =>
    `<sip:${user}@${acd.sip.host}:${acd.sip.port}>`;

  /** The other agent is rung for the caller, and answers him. */
  async function connects(at: Scene, other: Phone): Promise<void> {
    const ringing = await other.request('INVITE');
    expect(header(ringing, 'P-Asserted-Identity')).toContain('sip:caller@');
    other.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await other.request('ACK');
    await at.acd.event('CallConnected', 2);
    at.caller.within(at.invite, at.ok, 'BYE', 2);
    await saysGoodbye(other);
    await settled(at.acd);
  }

  it('to a queue of ours: the caller waits there, and nobody calls us', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    expect((await refer(agent, offered, 1, here(at, 'queue2'))).status).toBe(202);
    expect(await told(agent)).toContain('100 Trying');
    expect(await told(agent)).toBe('terminated;reason=noresource SIP/2.0 200 OK');
    await saysGoodbye(agent);
    expect(await at.acd.event('CallTransferred')).toMatchObject({
      ...{ by: 'agent:2771', callId: at.callId, agentId: '2771', from: 'queue1' },
      ...{ queue: 'queue2', position: 1 },
    });
    expect(at.acd.media.of('disconnect').map(({ leg }) => leg)).toEqual([at.callId]);
    await connects(at, await loggedIn(at, '2772'));
  });

  it('to an agent of ours: given he is away, the talk goes on; else he alone is rung', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    expect((await refer(agent, offered, 1, here(at, '2772'))).status).toBe(202);
    await told(agent);
    expect(await told(agent)).toMatch(/^terminated.* 480 Temporarily Unavailable$/);
    expect(at.acd.loop.state.calls.get(at.callId)?.connectedAt).not.toBeNull();
    const other = await loggedIn(at, '2772');
    expect((await refer(agent, offered, 2, here(at, '2772'))).status).toBe(202);
    await told(agent, 'refer;id=2');
    expect(await told(agent, 'refer;id=2')).toMatch(/^terminated.* 200 OK$/);
    await saysGoodbye(agent);
    const transferred = await at.acd.event('CallTransferred');
    expect(transferred).toMatchObject({ queue: 'direct', only: '2772' });
    await connects(at, other);
  });

  it('to a queue that is full: he is told, and the talk goes on', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    const second = await stage.addForTest(Phone.open('second', at.acd.sip));
    const waits = second.start('INVITE', 'queue2', { body: SDP_OFFER });
    second.ack(waits, await second.response(waits));
    await at.acd.event('CallConfirmed', 2);
    expect((await refer(agent, offered, 1, here(at, 'queue2'))).status).toBe(202);
    await told(agent);
    expect(await told(agent)).toBe('terminated;reason=noresource SIP/2.0 486 Busy Here');
    expect(at.acd.loop.state.calls.get(at.callId)?.connectedAt).not.toBeNull();
    agent.back(offered, 'BYE', 2);
    await saysGoodbye(at.caller);
  });

  it('to a queue of ours with BYE right behind it, he waits there all the same', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    agent.back(offered, 'REFER', 1, { headers: { 'Refer-To': here(at, 'queue2') } });
    agent.back(offered, 'BYE', 2);
    await at.acd.event('CallTransferred');
    await connects(at, await loggedIn(at, '2772'));
  });

  it('blind: he is told that it is done, then hung up on; the caller goes on', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    const to = `<${at.desk.uri};transport=udp;ob>`;
    expect((await refer(agent, offered, 1, to)).status).toBe(202);
    expect(await told(agent)).toMatch(/^active;expires=\d+ SIP\/2.0 100 Trying$/);
    expect(await told(agent)).toBe('terminated;reason=noresource SIP/2.0 200 OK');
    await saysGoodbye(agent);
    expect(await at.acd.event('CallEnded')).toMatchObject({
      ...{ by: 'agent:2771', status: 'COMPLETED', agentId: '2771' },
      destination: { to: 'uri', uri: `${at.desk.uri};transport=udp` },
    });
    expect(at.acd.loop.state.agents.get('2771')).toMatchObject({ callId: null, isReady: true });
    await bridged(at);
  });

  it('attended: the caller takes the place of the talk that he had there', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    const other = 'Replaces=consult%40pbx%3Bto-tag%3Dt1%3Bfrom-tag%3Df1';
    expect((await refer(agent, offered, 1, `<${at.desk.uri}?${other}>`)).status).toBe(202);
    await told(agent);
    await told(agent);
    await saysGoodbye(agent);
    // The caller's side is not asked: it knows nothing of a dialog at the agent's PBX.
    const ringing = await at.desk.request('INVITE');
    expect(header(ringing, 'Replaces')).toBe('consult@pbx;to-tag=t1;from-tag=f1');
    at.desk.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    expect((await at.acd.media.wait('connect', 2)).args).toEqual([`${at.callId}.x`]);
    at.desk.back(ringing, 'BYE', 1);
    await saysGoodbye(at.caller);
    await settled(at.acd);
  });

  it('given BYE right behind it, the caller is on his way all the same', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    agent.back(offered, 'REFER', 1, { headers: { 'Refer-To': `<${at.desk.uri}>` } });
    agent.back(offered, 'BYE', 2);
    expect(await at.acd.event('CallEnded')).toMatchObject({
      destination: { to: 'uri', uri: at.desk.uri },
    });
    await bridged(at);
  });

  it('attended: given that talk is over, the caller calls there anew', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    const other = 'Replaces=consult%40pbx%3Bto-tag%3Dt1%3Bfrom-tag%3Df1';
    expect((await refer(agent, offered, 1, `<${at.desk.uri}?${other}>`)).status).toBe(202);
    await told(agent);
    await told(agent);
    await saysGoodbye(agent);
    at.desk.answer(await at.desk.request('INVITE'), 481, 'Call/Transaction Does Not Exist');
    await at.desk.request('ACK');
    const anew = await at.desk.request('INVITE');
    expect(header(anew, 'Replaces')).toBe('');
    at.desk.answer(anew, 200, 'OK', { body: SDP_OFFER });
    await at.desk.request('ACK');
    at.desk.back(anew, 'BYE', 1);
    await saysGoodbye(at.caller);
    await settled(at.acd);
  });

  it('that may not or cannot be is refused, and the talk goes on', async () => {
    const at = await scene();
    const { agent, offered } = await talkOf(at);
    const tries = [
      ['<sip:0900@expensive.example>', 403],
      [`<${at.desk.uri}?Replaces=nothing>`, 400],
      ['<tel:+49900>', 416],
      [`<${at.desk.uri};method=BYE>`, 501],
    ] as const;
    for (const [index, [to, status]] of tries.entries())
      expect((await refer(agent, offered, index + 1, to)).status, to).toBe(status);
    expect(at.acd.loop.state.calls.get(at.callId)?.connectedAt).not.toBeNull();
    agent.back(offered, 'BYE', tries.length + 1);
    await saysGoodbye(at.caller);
    await settled(at.acd);
    // That dialog is over. A drachtio-server neither gives us what comes for it nor answers that.
    if (process.env['ACD_DRACHTIO'] !== undefined) return;
    expect((await refer(agent, offered, 9, `<${at.desk.uri}>`)).status).toBe(481);
  });
});
