/**
 * Goal: whoever was there when a server process died keeps what he had in the next one, and who
 * left meanwhile is told of as of when he left. Method: journal by the real core, SIP server and
 * audio in memory (past.ts); the next process takes over and each party goes on.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sipUsers } from '../../../src/config/sip-users.ts';
import type { MediaResult } from '../../../src/media/port.ts';
import { acdConfig, SDP_OFFER, settle } from './fakes.ts';
import { dialogOf, offerDialog, Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  past = await Past.make();
});

afterEach(() => {
  vi.useRealTimers();
});

const kinds = (): string[] => past.runtime.commands.map(({ kind }) => kind);
const failure: MediaResult<{ sdp: string }> = { ok: false, reason: 'unknown-leg', detail: 'gone' };

const UNUSABLE = { ok: false, reason: 'not-acceptable', detail: 'no SDP' } as const;

describe('an offer about which the veto is asked', () => {
  it('is rung by the next process when it is allowed, and not before', async () => {
    const { core } = acdConfig();
    const veto = { name: 'crm', timeoutMs: 5_000, silence: 'refuse' } as const;
    const queues = core.queues.map((each) => ({ ...each, veto }));
    const config = { ...core, queues };
    await past.runtime.submit({ kind: 'ApplyConfig', by: 'test', config });
    await past.called('c1');
    await past.loggedIn();
    past.holds('c1');
    await past.takeOver();
    const [offer] = past.runtime.state.offers.values();
    expect(offer?.phase).toBe('asking');
    expect([kinds(), past.stack.of('INVITE')]).toEqual([[], []]);
    const ruling = { offerId: offer?.id ?? '', ruling: 'allow', detail: '' } as const;
    await past.runtime.submit({ kind: 'RuleOffer', by: 'test', ...ruling });
    await vi.waitFor(() => expect(past.stack.of('INVITE')).toHaveLength(1));
  });
});

describe('a caller', () => {
  it('given he waits, then he has his place and his music, and is not welcomed again', async () => {
    await past.called('c1');
    past.holds('c1');
    await past.takeOver();
    expect(past.media.of('music')).toMatchObject([{ leg: 'c1', args: ['default'] }]);
    expect(past.media.of('play')).toEqual([]);
    expect(kinds()).toEqual([]);
    expect(past.says('c1', 'BYE').answers).toMatchObject([{ status: 200 }]);
    expect(await past.runtime.wait('EndCall')).toMatchObject({ callId: 'c1', cause: 'bye' });
    await settle();
    expect(past.dialogs.size).toBe(0);
    expect([...past.media.live]).toEqual([]);
  });

  it('given many, then each is who he was, in the same order', async () => {
    for (const callId of ['c3', 'c1', 'c2']) await past.called(callId);
    for (const callId of ['c1', 'c2', 'c3']) past.holds(callId);
    await past.takeOver();
    const line = [...(past.runtime.state.queues.get('queue1')?.line ?? [])];
    expect(line.map(({ id }) => id)).toEqual(['c3', 'c1', 'c2']);
    expect(past.edge?.health().callers).toBe(3);
  });

  it('given his ACK is still to come, then it confirms him', async () => {
    await past.called('c1', false);
    past.holds('c1', 'awaiting-ack');
    await past.takeOver();
    expect(kinds()).toEqual([]);
    past.says('c1', 'ACK');
    await past.runtime.wait('ConfirmCall');
    await past.media.wait('play');
    expect(kinds()).toEqual(['ConfirmCall']);
  });

  it('given his ACK came and was not journalled, then it is now', async () => {
    await past.called('c1', false);
    past.holds('c1');
    await past.takeOver();
    expect(await past.runtime.wait('ConfirmCall')).toMatchObject({ callId: 'c1' });
    await past.media.wait('music');
  });

  it('given the ACK had his answer and nobody used it, then it is used first', async () => {
    await past.called('c1', false);
    past.holds('c1');
    past.media.unanswered.add('c1');
    past.kept.sdps.set(dialogOf('c1'), { localSdp: 'v=0 offer', remoteSdp: 'v=0 answer' });
    await past.takeOver();
    await past.runtime.wait('ConfirmCall');
    expect(past.media.of('answered')).toEqual([
      { verb: 'answered', leg: 'c1', args: ['v=0 answer'] },
    ]);
  });

  it('given the answer in his ACK is lost, then he is told, not left in silence', async () => {
    await past.called('c1', false);
    past.holds('c1');
    past.media.unanswered.add('c1');
    past.media.result('answered', () => Promise.resolve(UNUSABLE));
    await past.takeOver();
    expect(await past.runtime.wait('EndCall')).toMatchObject({ callId: 'c1', cause: 'failed' });
    const [bye] = past.stack.of('BYE');
    expect(bye?.header('Reason')).toContain('cause=488');
  });

  it('given the ACK of an INVITE without SDP is still to come, then it tells', async () => {
    await past.called('c1', false);
    past.holds('c1', 'awaiting-ack');
    past.media.unanswered.add('c1');
    await past.takeOver();
    const headers = { 'Call-ID': 'c1', From: '<sip:a@b>;tag=f', To: '<sip:c@d>;tag=t' };
    past.stack.receive('ACK', headers, { dialogId: dialogOf('c1'), body: 'v=0 answer' });
    await past.runtime.wait('ConfirmCall');
    expect(past.media.of('answered')).toMatchObject([{ leg: 'c1', args: ['v=0 answer'] }]);
  });

  it('given an INVITE unanswered, when it comes again, then it is the same call', async () => {
    await past.called('c1', false);
    past.holds('c1', 'early');
    await past.takeOver();
    const again = past.invites('c1');
    expect(await again.answered()).toMatchObject({ status: 200 });
    expect(past.media.of('accept')).toMatchObject([{ leg: 'c1' }]);
    past.says('c1', 'ACK');
    await past.runtime.wait('ConfirmCall');
    expect(kinds()).toEqual(['ConfirmCall']);
    // Once more, by another way, it is a loop (RFC 3261 §8.2.2.2).
    expect(await past.invites('c1').answered()).toMatchObject({ status: 482 });
  });

  it('given many from one place outside, they are neither counted nor asked again', async () => {
    const { users } = sipUsers([{ name: 'a', password: 'a long secret' }], '/', null);
    const limits = { rate: 1, banAfter: 1, banForMs: 60_000 };
    past.sip = { allow: ['10.0.0.0/8'], users, limits };
    const calls = ['c1', 'c2', 'c3', 'c4', 'c5'];
    for (const callId of calls) {
      await past.called(callId, false);
      past.holds(callId, 'early');
    }
    await past.takeOver();
    const answers = calls.map((callId) => past.invites(callId, { sourceHost: '198.18.7.7' }));
    for (const again of answers) expect(await again.answered()).toMatchObject({ status: 200 });
    const fresh = past.invites('c6', { sourceHost: '198.18.7.7' });
    expect(await fresh.answered()).toMatchObject({ status: 401 });
  });

  it('given new ones that waited meanwhile, they are no flood; what follows counts', async () => {
    past.sip = { limits: { rate: 1, banAfter: 1, banForMs: 60_000 } };
    const invites = (...calls: string[]) =>
      calls.map((callId) => past.invites(callId, { sourceHost: '10.1.1.1' }));
    const waited = invites('w1', 'w2', 'w3', 'w4', 'w5');
    await past.takeOver();
    const later = invites('l1', 'l2', 'l3');
    const statuses = [];
    for (const each of [...waited, ...later]) statuses.push((await each.answered()).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200, 503]);
  });

  it('given that INVITE is cancelled then, the call ends', async () => {
    await past.called('c1', false);
    past.holds('c1', 'early');
    await past.takeOver();
    past.invites('c1').cancel();
    expect(await past.runtime.wait('EndCall')).toMatchObject({ cause: 'cancel' });
  });

  it('given that INVITE never comes again, then he is given up after a while', async () => {
    vi.useFakeTimers();
    await past.called('c1', false);
    past.holds('c1', 'early');
    await past.takeOver();
    await vi.advanceTimersByTimeAsync(9_999);
    expect(kinds()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(past.runtime.of('EndCall')).toMatchObject([{ callId: 'c1', cause: 'failed' }]);
    expect([...past.media.live]).toEqual([]);
  });

  it.each([
    ['BYE', 'bye'],
    ['CANCEL', 'cancel'],
    ['timeout', 'failed'],
  ])('given he left by %s meanwhile, then as of then', async (why, cause) => {
    await past.called('c1', why !== 'CANCEL');
    past.ended(dialogOf('c1'), why, 999_000);
    await past.takeOver();
    const ended = { callId: 'c1', cause, endedAt: 999_000, by: 'takeover' };
    expect(past.runtime.of('EndCall')).toMatchObject([ended]);
    expect(past.runtime.state.calls.size).toBe(0);
    expect([...past.media.live]).toEqual([]);
    expect(past.stack.sent).toEqual([]);
  });

  it('given his BYE was held for us, then it is answered, and nothing else is', async () => {
    vi.useFakeTimers();
    await past.called('c1');
    past.ended(dialogOf('c1'), 'BYE', 999_000);
    await past.takeOver();
    expect(past.says('c1', 'BYE').answers).toMatchObject([{ status: 200 }]);
    expect(past.says('c1', 'INFO').answers).toMatchObject([{ status: 481 }]);
    await vi.advanceTimersByTimeAsync(35_000);
    expect(past.dialogs.size).toBe(0);
    expect(past.runtime.of('EndCall')).toHaveLength(1);
  });

  it('given nobody knows of him any more, then he is gone as of now', async () => {
    await past.called('c1');
    await past.takeOver();
    const [ended] = past.runtime.of('EndCall');
    expect(ended).toMatchObject({ cause: 'failed' });
    expect(ended).not.toHaveProperty('endedAt');
  });
});

describe('an offer', () => {
  it('given the two talk, then they go on, and either may hang up', async () => {
    const offer = await past.offered('connected');
    past.holds('c1');
    past.holdsOffer(offer);
    await past.takeOver();
    expect(past.media.of('connect')).toMatchObject([{ leg: 'c1', args: [offer.id] }]);
    expect(past.media.of('music')).toEqual([]);
    expect(kinds()).toEqual([]);
    expect(past.agentSays(offer, 'BYE').answers).toMatchObject([{ status: 200 }]);
    expect(await past.runtime.wait('EndAgentLeg')).toMatchObject({ cause: 'bye' });
    expect((await past.stack.wait('BYE')).request.dialogId).toBe(dialogOf('c1'));
  });

  it('given the agent holds, then the caller has his music, and speech after it', async () => {
    const offer = await past.offered('connected');
    await past.runtime.submit({ kind: 'HoldCall', by: 'test', callId: 'c1', holder: 'agent' });
    past.holds('c1');
    past.holdsOffer(offer);
    await past.takeOver();
    expect(past.media.of('connect')).toEqual([]);
    expect(past.media.of('music')).toMatchObject([
      { leg: 'c1', args: ['default'] },
      { leg: offer.id, args: [null] },
    ]);
    // The process that heard him hold is no more: this one learns of the end alone.
    past.agentReoffers(offer, SDP_OFFER);
    expect(await past.runtime.wait('UnholdCall')).toMatchObject({ callId: 'c1', holder: 'agent' });
    expect(await past.media.wait('connect')).toMatchObject({ leg: 'c1', args: [offer.id] });
  });

  it('given it was answered and the bridge not journalled, then they are connected', async () => {
    const offer = await past.offered('answered');
    past.holds('c1');
    past.holdsOffer(offer);
    await past.takeOver();
    expect(await past.runtime.wait('ConfirmBridge')).toMatchObject({ offerId: offer.id });
    expect(past.media.of('connect')).toMatchObject([{ leg: 'c1', args: [offer.id] }]);
    await settle();
    expect(offer.phase).toBe('connected');
  });

  it('given it rings, then its answer counts', async () => {
    const offer = await past.offered('ringing');
    past.holds('c1');
    past.holdsOffer(offer, 'early');
    await past.takeOver();
    const [ringing] = past.kept.resumed;
    expect(ringing?.request.dialogId).toBe(offerDialog(offer.id));
    ringing?.echo();
    ringing?.answer(180);
    ringing?.answer(200, {}, SDP_OFFER);
    await past.runtime.wait('ConfirmBridge');
    expect(ringing?.acks).toBe(1);
    expect(kinds()).toEqual(['AnswerOffer', 'ConfirmBridge']);
    expect(past.stack.of('INVITE')).toEqual([]);
  });

  it('given it has begun to ring meanwhile, then that is journalled', async () => {
    const offer = await past.offered('calling');
    past.holds('c1');
    past.holdsOffer(offer, 'early');
    await past.takeOver();
    past.kept.resumed[0]?.echo();
    past.kept.resumed[0]?.answer(180);
    expect(await past.runtime.wait('RingOffer')).toMatchObject({ offerId: offer.id });
  });

  it('given it rings, when the caller leaves, then it is cancelled', async () => {
    const offer = await past.offered('ringing');
    past.holds('c1');
    past.holdsOffer(offer, 'early');
    await past.takeOver();
    past.kept.resumed[0]?.echo();
    past.says('c1', 'BYE');
    await past.runtime.wait('EndCall');
    await settle();
    const cancels = past.kept.resumed[0]?.cancels.map(({ Reason }) => Reason);
    expect(cancels).toEqual(['SIP;cause=487;text="Caller left"']);
    expect(past.edge?.health()).toMatchObject({ callers: 0, offers: 0 });
  });

  it('given its INVITE was never sent, then it is sent now', async () => {
    const offer = await past.offered('calling');
    past.holds('c1');
    await past.takeOver();
    const invite = await past.stack.wait('INVITE');
    expect(invite.header('Call-ID')).toBe(`offer-${offer.id}`);
    invite.echo();
    invite.answer(200, {}, SDP_OFFER);
    await past.runtime.wait('ConfirmBridge');
  });

  it.each([
    ['486', 'busy', 486],
    ['603 Decline', 'declined', 603],
    ['404', 'unreachable', 404],
    ['timeout', 'failed', 0],
  ])('given it was refused meanwhile (%s), then it fails so', async (why, kind, sipStatus) => {
    const offer = await past.offered('ringing');
    past.holds('c1');
    past.ended(offerDialog(offer.id), why, 999_000);
    await past.takeOver();
    const verdict = { offerId: offer.id, failure: kind, sipStatus };
    expect(await past.runtime.wait('FailOffer')).toMatchObject(verdict);
    await settle();
    expect(past.runtime.state.calls.get('c1')?.inLine).toBe(true);
    expect(past.runtime.state.offers.size).toBe(0);
    expect([...past.media.live]).toEqual(['c1']);
  });

  it('given it rang and nobody knows of it any more, then it fails without a status', async () => {
    await past.offered('ringing');
    past.holds('c1');
    await past.takeOver();
    const verdict = { failure: 'failed', sipStatus: 0 };
    expect(await past.runtime.wait('FailOffer')).toMatchObject(verdict);
  });

  it('given the agent hung up meanwhile, then the call ended then, his BYE is OK', async () => {
    const offer = await past.offered('connected');
    past.holds('c1');
    past.ended(offerDialog(offer.id), 'BYE', 999_000);
    await past.takeOver();
    const ended = { offerId: offer.id, cause: 'bye', endedAt: 999_000 };
    expect(await past.runtime.wait('EndAgentLeg')).toMatchObject(ended);
    expect(past.agentSays(offer, 'BYE').answers).toMatchObject([{ status: 200 }]);
    await settle();
    expect(past.byes()).toEqual([dialogOf('c1')]);
    expect([...past.media.live]).toEqual([]);
  });

  it('given his caller left meanwhile, then the phone that rings is freed', async () => {
    const offer = await past.offered('ringing');
    past.ended(dialogOf('c1'), 'BYE', 999_000);
    past.holdsOffer(offer, 'early');
    await past.takeOver();
    expect(past.kept.cancelled).toEqual([offerDialog(offer.id)]);
    expect(kinds()).toEqual(['EndCall']);
    expect([...past.media.live]).toEqual([]);
  });

  it('given the caller of two who talked left, then the agent is hung up', async () => {
    const offer = await past.offered('connected');
    past.ended(dialogOf('c1'), 'BYE', 999_000);
    past.holdsOffer(offer);
    await past.takeOver();
    expect(past.byes()).toEqual([offerDialog(offer.id)]);
    expect(past.runtime.state.agents.get('2771')?.callId).toBeNull();
    expect([...past.media.live]).toEqual([]);
  });
});

describe('audio that was lost, too', () => {
  const dialog = { localSdp: 'ours', remoteSdp: 'theirs' };

  it('given the SIP server knows what was agreed, then the legs are made again', async () => {
    const offer = await past.offered('connected');
    past.media.live.clear();
    past.holds('c1');
    past.holdsOffer(offer);
    past.kept.sdps.set(dialogOf('c1'), dialog).set(offerDialog(offer.id), dialog);
    await past.takeOver();
    const restored = past.media.of('restore').map(({ leg, args }) => [leg, args[0]]);
    expect(restored).toEqual([
      ['c1', dialog],
      [offer.id, dialog],
    ]);
    expect(kinds()).toEqual([]);
    expect(past.media.of('connect')).toHaveLength(1);
  });

  it('given legs that live, or an INVITE that waits, then nothing is made again', async () => {
    await past.called('c1');
    await past.called('c2', false);
    past.media.live.delete('c2');
    past.holds('c1');
    past.holds('c2', 'early');
    past.kept.sdps.set(dialogOf('c1'), dialog).set(dialogOf('c2'), dialog);
    await past.takeOver();
    expect(past.media.of('restore')).toEqual([]);
  });

  it.each(['not known', 'not to be had'])('given it is %s, then calls end', async (what) => {
    await past.called('c1');
    past.media.live.clear();
    past.holds('c1');
    if (what === 'not to be had') past.kept.sdps.set(dialogOf('c1'), dialog);
    past.media.result('restore', () => Promise.resolve(failure));
    await past.takeOver();
    expect(past.runtime.of('EndCall')).toMatchObject([{ callId: 'c1', cause: 'failed' }]);
    expect(past.byes()).toEqual([dialogOf('c1')]);
  });

  it('given a phone that rings without it, then it is rung anew', async () => {
    const offer = await past.offered('ringing');
    past.media.live.delete(offer.id);
    past.holds('c1');
    past.holdsOffer(offer, 'early');
    await past.takeOver();
    expect(past.kept.cancelled).toEqual([offerDialog(offer.id)]);
    const verdict = { failure: 'failed', detail: 'its audio was lost' };
    expect(await past.runtime.wait('FailOffer')).toMatchObject(verdict);
    expect(past.runtime.state.calls.get('c1')?.inLine).toBe(true);
  });

  it('given one of two who talk is lost, then the call ends', async () => {
    const offer = await past.offered('connected');
    past.media.live.delete(offer.id);
    past.holds('c1');
    past.holdsOffer(offer);
    past.media.result('connect', () => Promise.resolve(failure));
    await past.takeOver();
    expect(await past.runtime.wait('EndAgentLeg')).toMatchObject({ cause: 'failed' });
    await settle();
    expect(past.byes().toSorted()).toEqual([dialogOf('c1'), offerDialog(offer.id)].toSorted());
  });
});
