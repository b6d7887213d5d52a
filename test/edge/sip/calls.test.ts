/**
 * Goal: callers and offers on real SIP. Method: plain telephones (phone.ts) against the edge on a
 * real SIP server and the real loop; media in memory. The agent is logged in by command.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { openStage } from '../../support/stage.ts';
import { acdConfig, SDP_OFFER } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';
import { header, Phone } from './phone.ts';
import type { SipText } from './phone.ts';

const stage = openStage('sip-calls');
let server: SipServer | null = null;
let acd: Acd;
let caller: Phone;
let agent: Phone;

beforeEach(async () => {
  server ??= await stage.add(sipServer());
  acd = await stage.addForTest(startAcd(server, acdConfig()));
  caller = await stage.addForTest(Phone.open('caller', acd.sip));
  agent = await stage.addForTest(Phone.open('agent', acd.sip));
});

async function logIn(): Promise<void> {
  const device = { uri: agent.uri, registrar: null };
  await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
  await acd.loop.submit({
    kind: 'ReportDevice',
    by: 'test',
    deviceUri: agent.uri,
    state: 'idle',
    source: 'test',
  });
}

/** A caller in the line: his INVITE, our 200, his ACK. */
async function enter() {
  const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
  const ok = await caller.response(invite);
  expect(ok.status).toBe(200);
  caller.ack(invite, ok);
  await acd.event('CallConfirmed');
  return { invite, ok };
}

/** The agent's phone with its INVITE, answered. */
async function pickUp(): Promise<SipText> {
  const invite = await agent.request('INVITE');
  agent.answer(invite, 180, 'Ringing');
  agent.answer(invite, 200, 'OK', { body: SDP_OFFER });
  await agent.request('ACK');
  return invite;
}

async function settled(): Promise<void> {
  await expect.poll(() => [...acd.media.live]).toEqual([]);
  await expect.poll(() => acd.edge.health()).toMatchObject({ callers: 0, offers: 0 });
  expect(acd.loop.state.calls.size).toBe(0);
}

describe('a caller', () => {
  it('is answered, welcomed, and hears music over which prompts play', async () => {
    const { ok } = await enter();
    expect(header(ok, 'Content-Type')).toBe('application/sdp');
    expect(ok.body).toContain('m=audio');
    expect((await acd.media.wait('music')).args).toEqual(['default']);
    expect((await acd.media.wait('play')).args).toEqual(['welcome', [{ prompt: 'queue-welcome' }]]);
  });

  it('leaves nothing over when he hangs up', async () => {
    const { invite, ok } = await enter();
    const bye = caller.within(invite, ok, 'BYE', 2);
    expect((await caller.response(bye)).status).toBe(200);
    expect(await acd.event('CallEnded')).toMatchObject({ status: 'ABANDONED' });
    await settled();
  });

  it('who cancels before the answer gets 487 and leaves nothing over', async () => {
    acd.media.result('accept', () => new Promise(() => undefined));
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    await acd.media.wait('accept');
    caller.cancel(invite);
    expect((await caller.response(invite)).status).toBe(487);
    await settled();
    expect(acd.events.filter(({ event }) => event.kind === 'CallEntered')).toEqual([]);
  });

  it.each([
    ['an unknown queue', 'nowhere', { body: SDP_OFFER }, 404],
    ['a body that is not SDP', 'queue1', { body: 'x', type: 'text/plain' }, 415],
    [
      'an extension nobody knows',
      'queue1',
      { body: SDP_OFFER, headers: { Require: 'magic' } },
      420,
    ],
  ])('with %s is refused', async (_what, target, out, status) => {
    const invite = caller.start('INVITE', target, out);
    const answer = await caller.response(invite);
    caller.ack(invite, answer);
    expect(answer.status).toBe(status);
    await settled();
  });

  it('whose SDP has no usable audio gets 488', async () => {
    acd.media.result('accept', () =>
      Promise.resolve({ ok: false, reason: 'not-acceptable', detail: 'no codec' }),
    );
    const invite = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const answer = await caller.response(invite);
    caller.ack(invite, answer);
    expect(answer.status).toBe(488);
    expect(header(answer, 'Warning')).toBe('305 acd "no codec"');
    await settled();
  });

  it('with a body that he says need not be understood gets an offer of ours', async () => {
    const headers = { 'Content-Disposition': 'signal;handling=optional' };
    const body = { body: 'x', type: 'application/isup', headers };
    const invite = caller.start('INVITE', 'queue1', body);
    const ok = await caller.response(invite);
    expect([ok.status, ok.body]).toEqual([200, SDP_OFFER]);
    caller.ack(invite, ok, { body: SDP_OFFER });
    await acd.event('CallConfirmed');
    expect(acd.media.of('accept')).toEqual([]);
  });

  it('without an offer gets ours in the 200 and answers in the ACK', async () => {
    const invite = caller.start('INVITE', 'queue1');
    const ok = await caller.response(invite);
    expect(ok.body).toContain('m=audio');
    caller.ack(invite, ok, { body: SDP_OFFER });
    await acd.event('CallConfirmed');
    expect((await acd.media.wait('answered')).args[0]).toContain('m=audio 40000');
  });

  it('may hold by re-INVITE and UPDATE', async () => {
    const { invite, ok } = await enter();
    const held = SDP_OFFER.replace('sendrecv', 'sendonly');
    const hold = caller.within(invite, ok, 'INVITE', 2, { body: held });
    const answer = await caller.response(hold);
    expect(answer.status).toBe(200);
    caller.ack(hold, answer);
    expect((await acd.media.wait('reoffered')).args[0]).toContain('sendonly');
    const update = caller.within(invite, ok, 'UPDATE', 3, { body: SDP_OFFER });
    const updated = await caller.response(update);
    expect(updated.status).toBe(200);
    expect(updated.body).toContain('m=audio');
    const odd = caller.within(invite, ok, 'UPDATE', 4, { headers: { Require: 'magic' } });
    const refused = await caller.response(odd);
    expect([refused.status, header(refused, 'Unsupported')]).toEqual([420, 'magic']);
  });
});

describe('an offer', () => {
  it('rings, is answered, connects both, and ends with the agent', async () => {
    await logIn();
    const { ok } = await enter();
    const invite = await pickUp();
    expect(header(invite, 'X-Queue')).toBe('queue1');
    expect(header(invite, 'X-Call-Id')).not.toBe('');
    expect(header(invite, 'From')).toContain('"caller (queue1)" <sip:caller@');
    await acd.event('OfferRang');
    const connected = await acd.event('CallConnected');
    expect(connected).toMatchObject({ agentId: '2771' });
    const connect = await acd.media.wait('connect');
    expect(connect.args.length).toBe(1);

    const bye = agent.back(invite, 'BYE', 10);
    expect((await agent.response(bye)).status).toBe(200);
    const byeToCaller = await caller.request('BYE');
    caller.answer(byeToCaller, 200, 'OK');
    expect(header(byeToCaller, 'Reason')).toContain('cause=16');
    expect(header(ok, 'Call-ID')).toBe(header(byeToCaller, 'Call-ID'));
    expect(await acd.event('CallEnded')).toMatchObject({ status: 'COMPLETED', endedBy: 'agent' });
    await settled();
  });

  it('ends with the caller', async () => {
    await logIn();
    const { invite, ok } = await enter();
    await pickUp();
    await acd.event('CallConnected');
    caller.within(invite, ok, 'BYE', 2);
    const bye = await agent.request('BYE');
    agent.answer(bye, 200, 'OK');
    expect(await acd.event('CallEnded')).toMatchObject({ endedBy: 'caller' });
    await settled();
  });

  it('is cancelled with a reason when the caller leaves while it rings', async () => {
    await logIn();
    const { invite, ok } = await enter();
    const ringing = await agent.request('INVITE');
    agent.answer(ringing, 180, 'Ringing');
    await acd.event('OfferRang');
    caller.within(invite, ok, 'BYE', 2);
    const cancel = await agent.request('CANCEL');
    expect(header(cancel, 'Reason')).toContain('cause=487');
    agent.answer(cancel, 200, 'OK');
    agent.answer(ringing, 487, 'Request Terminated');
    await agent.request('ACK');
    await settled();
  });

  it('answered across the CANCEL is hung up', async () => {
    await logIn();
    const { invite, ok } = await enter();
    const ringing = await agent.request('INVITE');
    agent.answer(ringing, 180, 'Ringing');
    await acd.event('OfferRang');
    caller.within(invite, ok, 'BYE', 2);
    const cancel = await agent.request('CANCEL');
    agent.answer(cancel, 200, 'OK');
    agent.answer(ringing, 200, 'OK', { body: SDP_OFFER });
    await agent.request('ACK');
    const bye = await agent.request('BYE');
    agent.answer(bye, 200, 'OK');
    await settled();
  });

  it.each([
    [486, 'Busy Here', 'busy'],
    [603, 'Decline', 'declined'],
    [404, 'Not Found', 'unreachable'],
    [500, 'Server Internal Error', 'failed'],
    [302, 'Moved Temporarily', 'declined'],
  ])('answered %i fails as told in outcome.ts', async (status, reason, failure) => {
    await logIn();
    await enter();
    const invite = await agent.request('INVITE');
    agent.answer(invite, status, reason);
    await agent.request('ACK');
    expect(await acd.event('OfferFailed')).toMatchObject({ failure, sipStatus: status });
    expect(acd.loop.state.calls.size).toBe(1);
  });

  it('whose answer has no usable SDP is hung up and fails as media', async () => {
    await logIn();
    await enter();
    acd.media.result('answered', () =>
      Promise.resolve({ ok: false, reason: 'not-acceptable', detail: 'no audio' }),
    );
    await pickUp();
    const bye = await agent.request('BYE');
    agent.answer(bye, 200, 'OK');
    expect(await acd.event('OfferFailed')).toMatchObject({ failure: 'media' });
  });

  it('follows when the agent frees up, within a few milliseconds', async () => {
    await logIn();
    await enter();
    const second = caller.start('INVITE', 'queue1', { body: SDP_OFFER });
    const ok = await caller.response(second);
    caller.ack(second, ok);
    const first = await pickUp();
    await acd.event('CallConnected');
    agent.back(first, 'BYE', 10);
    await pickUp();
    await acd.event('CallConnected', 2);
  });
});

describe('other requests', () => {
  it('OPTIONS is answered with what we speak', async () => {
    const options = caller.start('OPTIONS', 'acd');
    const answer = await caller.response(options);
    expect(answer.status).toBe(200);
    expect(header(answer, 'Allow')).toContain('INVITE');
    expect(header(answer, 'Accept')).toBe('application/sdp');
  });

  it('OPTIONS for nobody is 404, as an INVITE would be', async () => {
    const asked = ['queue1', 'nowhere'].map((user) => caller.start('OPTIONS', user));
    const answers = await Promise.all(asked.map((one) => caller.response(one)));
    expect(answers.map(({ status }) => status)).toEqual([200, 404]);
  });

  it.each([
    ['MESSAGE', 405],
    ['REGISTER', 405],
    ['SUBSCRIBE', 489],
    ['NOTIFY', 481],
    ['INFO', 481],
  ])('%s is refused with %i', async (method, status) => {
    const sent = caller.start(method, 'acd', {
      headers: { Event: 'presence', 'Subscription-State': 'active' },
    });
    expect((await caller.response(sent)).status).toBe(status);
  });
});
