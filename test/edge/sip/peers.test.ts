/**
 * Goal: peers that misbehave cost nobody else anything, and leave nothing behind. Method: plain
 * telephones that do the wrong thing on purpose, on the real SIP server and the real loop.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { Phone as TcpPhone } from '../../support/phone.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';
import type { SipText } from './phone.ts';

const stage = openStage('sip-peers');
let server: SipServer | null = null;
let acd: Acd;
let caller: Phone;
let agent: Phone;

async function open(ringMs = 15_000): Promise<void> {
  server ??= await stage.add(sipServer());
  const config = acdConfig();
  const queues = config.core.queues.map((queue) => ({ ...queue, timeoutMs: ringMs }));
  acd = await stage.addForTest(startAcd(server, { ...config, core: { ...config.core, queues } }));
  caller = await stage.addForTest(Phone.open('caller', acd.sip));
  agent = await stage.addForTest(Phone.open('agent', acd.sip));
}

async function logIn(): Promise<void> {
  const device = { uri: agent.uri, registrar: null };
  await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
  const idle = { state: 'idle', source: 'test' } as const;
  await acd.loop.submit({ kind: 'ReportDevice', by: 'test', deviceUri: agent.uri, ...idle });
}

/** A caller in the line: his INVITE, our 200, his ACK. */
async function enter(phone: Phone = caller) {
  const invite = phone.start('INVITE', 'queue1', { body: SDP_OFFER });
  const ok = await phone.response(invite);
  expect(ok.status).toBe(200);
  phone.ack(invite, ok);
  await acd.event('CallConfirmed');
  return { invite, ok };
}

/** Caller and agent talk; gives the INVITE to the agent. */
async function talk() {
  await logIn();
  const dialog = await enter();
  const ringing = await agent.request('INVITE');
  agent.answer(ringing, 200, 'OK', { body: SDP_OFFER });
  await agent.request('ACK');
  await acd.event('CallConnected');
  return { ...dialog, ringing };
}

/** Nothing of any call is there any more. */
async function nothingLeft(): Promise<void> {
  await expect.poll(() => [...acd.media.live]).toEqual([]);
  await expect.poll(() => acd.edge.health()).toMatchObject({ callers: 0, offers: 0 });
  expect(acd.loop.state.calls.size).toBe(0);
  expect(acd.loop.state.offers.size).toBe(0);
}

/** Everything this phone sent before has been dealt with. */
async function heard(phone: Phone): Promise<void> {
  await phone.response(phone.start('OPTIONS', 'acd'));
}

const of = (kind: string) => acd.events.filter(({ event }) => event.kind === kind);

/** The same request, as another phone behind the same proxy got it. */
function forked(request: SipText, tag: string): SipText {
  const headers = request.headers.map(([name, value]) =>
    name === 'To' ? ([name, `${value};tag=${tag}`] as const) : ([name, value] as const),
  );
  return { ...request, headers };
}

describe('a phone that does not answer', () => {
  it('given it rings on, then it is cancelled in time, its caller keeps his place', async () => {
    await open(1_000);
    await logIn();
    await enter();
    const ringing = await agent.request('INVITE');
    agent.answer(ringing, 180, 'Ringing');
    expect(await acd.event('OfferFailed')).toMatchObject({ failure: 'no-answer' });
    agent.answer(await agent.request('CANCEL'), 200, 'OK');
    agent.answer(ringing, 487, 'Request Terminated');
    await agent.request('ACK');
    expect(acd.loop.state.calls.size).toBe(1);
    await expect.poll(() => acd.edge.health()).toMatchObject({ callers: 1, offers: 0 });
  });

  it('given not even a 100, then CANCEL waits for its first word (RFC 3261 §9.1)', async () => {
    await open(1_000);
    await logIn();
    await enter();
    const invite = await agent.request('INVITE');
    expect(await acd.event('OfferFailed')).toMatchObject({ failure: 'no-answer' });
    expect(agent.seen.some(({ method }) => method === 'CANCEL')).toBe(false);
    agent.answer(invite, 180, 'Ringing');
    agent.answer(await agent.request('CANCEL'), 200, 'OK');
    agent.answer(invite, 487, 'Request Terminated');
    await agent.request('ACK');
    expect(acd.loop.state.calls.size).toBe(1);
  });

  it('given our BYE gets no answer, then nothing waits for it', async () => {
    await open();
    const { invite, ok } = await talk();
    const bye = caller.within(invite, ok, 'BYE', 2);
    expect((await caller.response(bye)).status).toBe(200);
    await agent.request('BYE');
    await nothingLeft();
    // He may have the next call all the same.
    await enter();
    await agent.request('INVITE');
  });
});

describe('two final answers', () => {
  beforeEach(() => open());

  // A drachtio-server acknowledges the second with the tag of the first, and ends it never.
  it.skipIf(process.env['ACD_DRACHTIO'] !== undefined)(
    'given two phones answer one INVITE, then the first talks, the second is freed',
    async () => {
      await logIn();
      await enter();
      const ringing = await agent.request('INVITE');
      agent.answer(forked(ringing, 'one'), 200, 'OK', { body: SDP_OFFER });
      await acd.event('CallConnected');
      agent.answer(forked(ringing, 'two'), 200, 'OK', { body: SDP_OFFER });
      const bye = await agent.request('BYE');
      expect(header(bye, 'To')).toContain('tag=two');
      agent.answer(bye, 200, 'OK');
      for (const tag of ['one', 'two'])
        await agent.take((each) => each.method === 'ACK' && header(each, 'To').endsWith(`=${tag}`));
      expect(of('CallConnected')).toHaveLength(1);
      expect(of('CallEnded')).toEqual([]);
      expect(acd.edge.health()).toMatchObject({ callers: 1, offers: 1 });
    },
  );

  it('given 486 after 200, then the two go on talking', async () => {
    const { ringing } = await talk();
    agent.answer(ringing, 486, 'Busy Here');
    await heard(agent);
    expect(of('OfferFailed')).toEqual([]);
    expect(of('CallEnded')).toEqual([]);
    const bye = agent.back(ringing, 'BYE', 10);
    expect((await agent.response(bye)).status).toBe(200);
    caller.answer(await caller.request('BYE'), 200, 'OK');
    await nothingLeft();
  });

  it('given 200 after 486, then it stays refused', async () => {
    await logIn();
    await enter();
    const ringing = await agent.request('INVITE');
    agent.answer(ringing, 486, 'Busy Here');
    await agent.request('ACK');
    await acd.event('OfferFailed');
    agent.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await heard(agent);
    expect(of('OfferAnswered')).toEqual([]);
    expect([...acd.media.live]).toHaveLength(1);
  });
});

describe('BYE out of turn', () => {
  beforeEach(() => open());

  it('given the caller hangs up without an ACK, then he is gone, whatever follows', async () => {
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const ok = await caller.response(invite);
    const bye = caller.within(invite, ok, 'BYE', 2);
    expect((await caller.response(bye)).status).toBe(200);
    expect(await acd.event('CallEnded')).toMatchObject({ endedBy: 'caller' });
    caller.ack(invite, ok);
    await heard(caller);
    expect(of('CallConfirmed')).toEqual([]);
    await nothingLeft();
  });

  it('given the agent hangs up right behind his 200, then the caller keeps his place', async () => {
    let agree: () => void = () => undefined;
    const agreed = new Promise<void>((resolve) => (agree = resolve));
    acd.media.result('answered', async () => {
      await agreed;
      return { ok: true, sdp: SDP_OFFER };
    });
    await logIn();
    await enter();
    const ringing = await agent.request('INVITE');
    agent.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    const bye = agent.back(ringing, 'BYE', 10);
    expect((await agent.response(bye)).status).toBe(200);
    agree();
    expect(await acd.event('OfferFailed')).toMatchObject({ failure: 'failed' });
    expect(of('OfferAnswered')).toEqual([]);
    expect(acd.loop.state.calls.size).toBe(1);
    expect([...acd.media.live]).toHaveLength(1);
  });

  it('given both hang up at once, then each BYE is answered and the call ends once', async () => {
    const { invite, ok, ringing } = await talk();
    const one = caller.within(invite, ok, 'BYE', 2);
    const other = agent.back(ringing, 'BYE', 10);
    expect((await caller.response(one)).status).toBe(200);
    // Ours may have crossed it: then the dialog is over already.
    expect([200, 481]).toContain((await agent.response(other)).status);
    await nothingLeft();
    expect(of('CallEnded')).toHaveLength(1);
  });
});

describe('re-INVITEs that cross', () => {
  it('given glare, then 491 both ways, and ours comes again (RFC 3261 §14.1)', async () => {
    await open();
    const { invite, ok } = await enter();
    const [leg = ''] = acd.media.live;
    acd.media.events?.moved([leg]);
    const ours = await caller.request('INVITE');
    const his = caller.within(invite, ok, 'INVITE', 2, { body: SDP_OFFER });
    const glare = await caller.response(his);
    expect(glare.status).toBe(491);
    caller.ack(his, glare);
    caller.answer(ours, 491, 'Request Pending');
    await caller.request('ACK');
    const again = await caller.request('INVITE');
    expect(Number.parseInt(header(again, 'CSeq'), 10)).toBeGreaterThan(
      Number.parseInt(header(ours, 'CSeq'), 10),
    );
    caller.answer(again, 200, 'OK', { body: SDP_OFFER });
    await caller.request('ACK');
    await acd.media.wait('answered');
    // Now it is his turn.
    const next = caller.within(invite, ok, 'INVITE', 3, { body: SDP_OFFER });
    const agreed = await caller.response(next);
    expect(agreed.status).toBe(200);
    caller.ack(next, agreed);
    expect(of('CallEnded')).toEqual([]);
  });
});

describe('a phone that vanishes in a call', () => {
  beforeEach(() => open());

  /** The agent's leg of the one call there is. */
  const agentLeg = (): string => [...acd.loop.state.offers.keys()][0] ?? '';

  it('given silence, when it is asked and knows of no call, then the call ends', async () => {
    const { ringing } = await talk();
    acd.media.events?.silence(agentLeg(), 10_000, true);
    const asked = await agent.request('OPTIONS');
    expect(header(asked, 'Call-ID')).toBe(header(ringing, 'Call-ID'));
    agent.answer(asked, 481, 'Call/Transaction Does Not Exist');
    caller.answer(await caller.request('BYE'), 200, 'OK');
    await nothingLeft();
  });

  it('given silence, when it answers, then it is only mute', async () => {
    await talk();
    acd.media.events?.silence(agentLeg(), 10_000, true);
    agent.answer(await agent.request('OPTIONS'), 200, 'OK');
    await heard(agent);
    expect(of('CallEnded')).toEqual([]);
  });

  it('given silence, when nobody takes its connections any more, then the call ends', async () => {
    const program = await TcpPhone.open({ user: 'program', transport: 'tcp' });
    const { host, port } = acd.sip;
    const call = await program.dial(`sip:queue1@${host}:${port};transport=tcp`);
    await acd.event('CallConfirmed');
    call.rtp.close();
    await program.wire.close();
    // Long before the limit of acdConfig.
    const leg = [...acd.loop.state.calls.keys()][0] ?? '';
    // Asked again until it is so twice in turn.
    await expect
      .poll(() => {
        acd.media.events?.silence(leg, 1_000, true);
        return of('CallEnded').length;
      })
      .toBe(1);
    await nothingLeft();
  });

  it('given silence beyond the limit configured, then the call ends without asking', async () => {
    await talk();
    acd.media.events?.silence(agentLeg(), 20_000, true);
    const bye = await agent.request('BYE');
    expect(header(bye, 'Reason')).toContain('No audio');
    caller.answer(await caller.request('BYE'), 200, 'OK');
    await nothingLeft();
    expect(agent.seen.some(({ method }) => method === 'OPTIONS')).toBe(false);
  });
});

describe('a storm of NOTIFYs', () => {
  const pidf = (note: string): string =>
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:p@x">' +
    `<note>${note}</note><tuple id="a"><status><basic>open</basic></status></tuple></presence>`;

  it('given hundreds, then each is answered, few are journalled, the last one counts', async () => {
    await open();
    const device = { uri: agent.uri, registrar: null };
    await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
    const asked = [await agent.request('SUBSCRIBE'), await agent.request('SUBSCRIBE')];
    const watching = asked.find((each) => header(each, 'Event') === 'presence')!;
    const other = asked.find((each) => each !== watching)!;
    agent.answer(other, 489, 'Bad Event');
    agent.answer(watching, 200, 'OK', { headers: { Expires: '600' } });
    let cseq = 0;
    const began = Date.now();
    for (let round = 0; round < 10; round += 1) {
      const sent = Array.from({ length: 40 }, () => {
        cseq += 1;
        return agent.back(watching, 'NOTIFY', cseq, {
          headers: { Event: 'presence', 'Subscription-State': 'active' },
          body: pidf(cseq % 2 === 1 ? '' : 'On the phone'),
          type: 'application/pidf+xml',
        });
      });
      const answers = await Promise.all(sent.map((each) => agent.response(each)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    }
    expect(cseq).toBe(400);
    const changes = of('DeviceReported').length;
    expect(changes).toBeGreaterThan(0);
    // 20 in ten seconds and one more, where the machine took so long.
    expect(changes).toBeLessThanOrEqual(21 * (1 + Math.ceil((Date.now() - began) / 10_000)));
    expect(changes).toBeLessThan(400);
    await expect.poll(() => acd.loop.state.agents.get('2771')?.deviceState).toBe('inuse');
    // Others do not notice.
    await enter();
    expect(of('AgentOffered')).toEqual([]);
  });
});
