/**
 * Goal: where the SIP server's refresh of a session was challenged, we send one with the password.
 * Method: a talk taken over, whose agent's phone is behind a PBX; the stack is in the test's hands.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Offer } from '../../../src/core/state.ts';
import { registrar, SDP_OFFER } from './fakes.ts';
import { offerDialog, Past } from './past.ts';

const DEVICE = { uri: 'sip:agent@127.0.0.1', registrar: 'pbx1' };
const CHALLENGE = { 'WWW-Authenticate': 'Digest realm="pbx", nonce="n1", qop="auth"' };

afterEach(() => {
  vi.useRealTimers();
});

/** A talk with an agent behind the PBX, and its refresh, which the server shows us. */
async function shown(device: { uri: string; registrar: string | null }, method = 'UPDATE') {
  const past = await Past.make();
  past.sip = { register: [registrar()], sessionExpiresMs: 1_800_000 };
  await past.called('c1');
  const { runtime } = past;
  await runtime.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
  const report = { state: 'idle', source: 'test', deviceUri: device.uri } as const;
  await runtime.submit({ kind: 'ReportDevice', by: 'test', ...report });
  const [offer] = runtime.state.offers.values() as Iterable<Offer>;
  if (offer === undefined) throw new Error('no offer was made');
  const how = { by: 'test', offerId: offer.id } as const;
  await runtime.submit({ kind: 'NoteInvite', transaction: 't1', ...how });
  for (const kind of ['RingOffer', 'AnswerOffer', 'ConfirmBridge'] as const)
    await runtime.submit({ kind, ...how });
  past.media.live.add(offer.id);
  past.holdsOffer(offer);
  past.holds('c1');
  await past.takeOver();
  past.agentSays(offer, method, 'server');
  return { past, offer, dialogId: offerDialog(offer.id) };
}

it('given a phone behind a PBX, then UPDATE with the digest', async () => {
  const { past, dialogId } = await shown(DEVICE);
  const first = await past.stack.wait('UPDATE');
  expect(first.request.dialogId).toBe(dialogId);
  expect(first.header('Session-Expires')).toBe('1800');
  first.echo();
  first.answer(401, CHALLENGE);
  const second = await past.stack.wait('UPDATE', 2);
  expect(second.header('Authorization')).toContain('username="acd"');
  second.echo();
  second.answer(200);
  expect(past.stack.of('INVITE')).toEqual([]);
});

it('given it knows no UPDATE, then the offer that stands', async () => {
  const { past, dialogId } = await shown(DEVICE);
  (await past.stack.wait('UPDATE')).answer(405);
  const invite = await past.stack.wait('INVITE');
  expect(invite.request).toMatchObject({ dialogId, body: SDP_OFFER });
  invite.echo();
  const moved = `${SDP_OFFER}a=sendonly\r\n`;
  invite.answer(200, { 'Content-Type': 'application/sdp' }, moved);
  expect(invite.acks).toBe(1);
  const [offerId] = past.runtime.state.offers.keys();
  expect(await past.media.wait('answered')).toMatchObject({ leg: offerId, args: [moved] });
  // RFC 3264 §8: what it says is heard, as in any other answer: he holds.
  expect(await past.runtime.wait('HoldCall')).toMatchObject({ callId: 'c1', holder: 'agent' });
});

it.each([
  ['the UPDATE', 'UPDATE', 491],
  ['the UPDATE', 'UPDATE', 503],
  ['the offer', 'INVITE', 491],
] as const)(
  'given %s meets an obstacle that passes, then again in five seconds',
  async (...how) => {
    const [, method, status] = how;
    const { past } = await shown(DEVICE);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    if (method === 'INVITE') past.stack.of('UPDATE').at(-1)?.answer(405);
    (await past.stack.wait(method)).answer(status);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(past.stack.of(method)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(past.stack.of(method)).toHaveLength(2);
  },
);

it('given a call that ended meanwhile, then no more', async () => {
  const { past, offer } = await shown(DEVICE);
  const update = await past.stack.wait('UPDATE');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  update.answer(491);
  past.agentSays(offer, 'BYE');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(past.stack.of('UPDATE')).toHaveLength(1);
});

it('given a phone of no PBX, then nothing: there is no password', async () => {
  const { past } = await shown({ uri: 'sip:agent@127.0.0.1:6001', registrar: null });
  await Promise.resolve();
  expect(past.stack.of('UPDATE')).toEqual([]);
});

describe('a re-INVITE that is shown, as its answer was another than before', () => {
  const DIRECT = { uri: 'sip:agent@127.0.0.1:6001', registrar: null };

  it('is sent again, and its answer heard', async () => {
    const { past, offer } = await shown(DIRECT, 'INVITE');
    const invite = await past.stack.wait('INVITE');
    expect(invite.request.body).toBe(SDP_OFFER);
    invite.echo();
    const moved = SDP_OFFER.replace(/c=IN IP4 .*/, 'c=IN IP4 192.0.2.77');
    invite.answer(200, { 'Content-Type': 'application/sdp' }, moved);
    expect(await past.media.wait('answered')).toMatchObject({ leg: offer.id, args: [moved] });
    expect(past.stack.of('UPDATE')).toEqual([]);
  });

  it('lets no offer of the phone cross it (RFC 3311 §5.2), until it is answered', async () => {
    const { past, offer } = await shown(DIRECT, 'INVITE');
    const invite = await past.stack.wait('INVITE');
    invite.echo();
    const update = () => past.agentReoffers(offer, SDP_OFFER, 'UPDATE').answered();
    expect(await update()).toMatchObject({ status: 491 });
    invite.answer(200, { 'Content-Type': 'application/sdp' }, SDP_OFFER);
    await past.media.wait('answered');
    await vi.waitFor(async () => expect(await update()).toMatchObject({ status: 200 }));
  });

  it('waits while an offer of the phone has no answer, beside which is no other', async () => {
    const { past, offer } = await shown(DIRECT);
    let done: (result: { ok: true; sdp: string }) => void = () => undefined;
    past.media.result('reoffered', () => new Promise((resolve) => (done = resolve)));
    const first = past.agentReoffers(offer, SDP_OFFER);
    await past.media.wait('reoffered');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    past.agentSays(offer, 'INVITE', 'server');
    const second = await past.agentReoffers(offer, SDP_OFFER, 'UPDATE').answered();
    expect(second).toMatchObject({ status: 500 });
    expect(Number(second.headers?.['Retry-After'])).toBeLessThan(10);
    done({ ok: true, sdp: SDP_OFFER });
    expect(await first.answered()).toMatchObject({ status: 200 });
    expect(past.stack.of('INVITE')).toEqual([]);
    await vi.advanceTimersByTimeAsync(5_000);
    await past.stack.wait('INVITE');
  });
});
