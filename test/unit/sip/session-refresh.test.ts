/**
 * Goal: where the SIP server's refresh of a session was challenged, we send one with the password.
 * Method: a talk taken over, whose agent's phone is behind a PBX; the stack is in the test's hands.
 */
import { afterEach, expect, it, vi } from 'vitest';
import type { Offer } from '../../../src/core/state.ts';
import { registrar, SDP_OFFER } from './fakes.ts';
import { offerDialog, Past } from './past.ts';

const DEVICE = { uri: 'sip:agent@127.0.0.1', registrar: 'pbx1' };
const CHALLENGE = { 'WWW-Authenticate': 'Digest realm="pbx", nonce="n1", qop="auth"' };

afterEach(() => {
  vi.useRealTimers();
});

/** A talk with an agent behind the PBX, and its refresh, which the server shows us. */
async function shown(device: { uri: string; registrar: string | null }) {
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
  past.agentSays(offer, 'UPDATE', 'server');
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
    const updates = past.stack.of('UPDATE').length;
    const first = past.stack.of('UPDATE').at(-1);
    if (method === 'UPDATE') first?.answer(status);
    else {
      first?.answer(405);
      (await past.stack.wait('INVITE')).answer(status);
    }
    await vi.advanceTimersByTimeAsync(4_999);
    expect(past.stack.of('UPDATE')).toHaveLength(updates);
    await vi.advanceTimersByTimeAsync(1);
    expect(past.stack.of('UPDATE')).toHaveLength(updates + 1);
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
