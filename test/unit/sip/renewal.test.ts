/** Goal: one re-INVITE a leg, at the right time, and one end of it. The clock is played. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MediaResult } from '../../../src/media/port.ts';
import type { InviteOutcome } from '../../../src/sip/client.ts';
import type { IncomingResponse, OutgoingRequest } from '../../../src/sip/port.ts';
import { glareMs, judgeRenewal, Renewals, type Renewable } from '../../../src/sip/renewal.ts';
import { quiet, SDP_OFFER } from './fakes.ts';

const ANSWER = SDP_OFFER.replace('40000', '40002');

function response(status: number, body = '', headers: Record<string, string> = {}) {
  return {
    ...{ status, reason: 'Because', body, local: false, sourceHost: '', sourcePort: 0 },
    dialogId: '',
    header: (name: string) => headers[name] ?? '',
    acknowledge: () => undefined,
  } satisfies IncomingResponse;
}
const answered: InviteOutcome = {
  ...{ kind: 'answered', dialogId: 'd', sdp: ANSWER },
};
const refused = (status: number, headers?: Record<string, string>): InviteOutcome => ({
  kind: 'refused',
  response: response(status, '', headers),
});

interface Dialog extends Renewable {
  isClosed: boolean;
  isInviting: boolean;
  failures: number;
}

function dialog(leg: string, more: Partial<Dialog> = {}): Dialog {
  const made: Dialog = {
    ...{ leg, dialogId: `${leg};from-tag=1`, credentials: null, isOurs: false },
    ...{ isClosed: false, isInviting: false, failures: 0 },
    failed: () => {
      made.failures += 1;
    },
    ...more,
  };
  return made;
}

/** A world whose answers the test gives, in order; the last one stays. */
function world(...outcomes: (InviteOutcome | Promise<InviteOutcome>)[]) {
  const sent: OutgoingRequest[] = [];
  const agreed: string[] = [];
  let renewed: MediaResult<{ sdp: string | null }> = { ok: true, sdp: SDP_OFFER };
  const renewals = new Renewals({
    media: {
      renew: () => Promise.resolve(renewed),
      answered: (leg, sdp) => {
        agreed.push(`${leg} ${sdp === ANSWER ? 'answer' : 'nonsense'}`);
        return Promise.resolve({ ok: true });
      },
    },
    client: {
      reinvite: (request) => {
        sent.push(request);
        return Promise.resolve(outcomes[Math.min(sent.length, outcomes.length) - 1] ?? answered);
      },
    },
    log: quiet,
    sessionExpiresMs: 1_800_000,
    random: () => 0.5,
  });
  const give = (result: typeof renewed) => (renewed = result);
  return { renewals, sent, agreed, give };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a verdict', () => {
  it('given glare, the wait is what RFC 3261 section 14.1 says', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (ours, r) => {
        const ms = glareMs(ours, r);
        expect(ms % 10).toBe(0);
        expect(ms).toBeGreaterThanOrEqual(ours ? 2_100 : 0);
        expect(ms).toBeLessThanOrEqual(ours ? 4_000 : 2_000);
      }),
    );
  });

  it.each<[string, InviteOutcome, object]>([
    ['200 with SDP', answered, { kind: 'done', sdp: ANSWER }],
    ['200 without', { kind: 'answered', dialogId: 'd', sdp: '' }, { kind: 'failed' }],
    ['491', refused(491), { kind: 'again', afterMs: 1_000 }],
    ['500 with Retry-After', refused(500, { 'Retry-After': '3' }), { afterMs: 3_000 }],
    ['503 with a long one', refused(503, { 'Retry-After': '900' }), { afterMs: 10_000 }],
    ['500 without', refused(500), { kind: 'failed' }],
    ['481', refused(481), { kind: 'failed' }],
    ['408', refused(408), { kind: 'failed' }],
    ['488', refused(488), { kind: 'failed', detail: '488 Because' }],
    ['a lost connection', { kind: 'lost', detail: '' }, { kind: 'again' }],
    ['silence', { kind: 'no-answer' }, { kind: 'failed' }],
    ['no dialog', { kind: 'no-dialog' }, { kind: 'failed' }],
  ])('given %s', (_what, outcome, verdict) => {
    expect(judgeRenewal(outcome, false, 0.5)).toMatchObject(verdict);
  });
});

describe('a leg that has moved', () => {
  it('is told by one re-INVITE with its SDP, and the answer goes to media', async () => {
    const { renewals, sent, agreed } = world();
    renewals.add(dialog('a'));
    renewals.moved(['a']);
    await settle();
    expect(sent).toMatchObject([
      {
        ...{ method: 'INVITE', dialogId: 'a;from-tag=1', body: SDP_OFFER },
        headers: { 'Content-Type': 'application/sdp', 'Session-Expires': '1800' },
      },
    ]);
    expect(agreed).toEqual(['a answer']);
  });

  it('is not told while an INVITE of its dialog is under way', async () => {
    const { renewals, sent } = world();
    const ringing = dialog('a', { isInviting: true });
    renewals.add(ringing);
    renewals.moved(['a']);
    await settle();
    expect(sent).toEqual([]);
    ringing.isInviting = false;
    renewals.settled('a');
    await settle();
    expect(sent).toHaveLength(1);
  });

  it('is told when its dialog comes to be', async () => {
    const { renewals, sent } = world();
    renewals.moved(['a']);
    renewals.add(dialog('a'));
    await settle();
    expect(sent).toHaveLength(1);
  });

  it('is not told what it knows, nor what media cannot say yet', async () => {
    const { renewals, sent, give } = world();
    const one = dialog('a');
    renewals.add(one);
    give({ ok: true, sdp: null });
    renewals.moved(['a']);
    await settle();
    give({ ok: false, reason: 'unavailable', detail: 'no rtpengine answers' });
    renewals.moved(['a']);
    await settle();
    expect([sent.length, one.failures]).toEqual([0, 0]);
    give({ ok: true, sdp: SDP_OFFER });
    renewals.moved(['a']);
    await settle();
    expect(sent).toHaveLength(1);
  });

  it('is told again after glare, and lets the peer in meanwhile', async () => {
    let answer: (outcome: InviteOutcome) => void = () => undefined;
    const { renewals, sent, agreed } = world(
      new Promise<InviteOutcome>((resolve) => (answer = resolve)),
      answered,
    );
    const one = dialog('a', { isOurs: true });
    renewals.add(one);
    renewals.moved(['a']);
    await settle();
    expect(renewals.isUnderWay('a')).toBe(true);
    answer(refused(491));
    await settle();
    expect(renewals.isUnderWay('a')).toBe(false);
    await vi.advanceTimersByTimeAsync(3_040);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect([sent.length, agreed.length, one.failures]).toEqual([2, 1, 0]);
  });

  it('ends its call when it is refused, or glares for ever, and only that one', async () => {
    const { renewals, sent } = world(refused(488));
    const [one, other] = [dialog('a'), dialog('b')];
    for (const each of [one, other]) renewals.add(each);
    renewals.moved(['a']);
    await settle();
    expect([one.failures, other.failures]).toEqual([1, 0]);
    expect(sent).toHaveLength(1);
    const endless = world(refused(491));
    const stubborn = dialog('c');
    endless.renewals.add(stubborn);
    endless.renewals.moved(['c']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([endless.sent.length, stubborn.failures]).toEqual([6, 1]);
  });

  it('moves again while it is told: is told once more', async () => {
    let answer: (outcome: InviteOutcome) => void = () => undefined;
    const { renewals, sent } = world(
      new Promise<InviteOutcome>((resolve) => (answer = resolve)),
      answered,
    );
    renewals.add(dialog('a'));
    renewals.moved(['a']);
    await settle();
    renewals.moved(['a']);
    answer(answered);
    await settle();
    expect(sent).toHaveLength(2);
  });

  it('whose call ends while it is told, is left alone', async () => {
    let answer: (outcome: InviteOutcome) => void = () => undefined;
    const { renewals, agreed } = world(new Promise((resolve) => (answer = resolve)));
    const one = dialog('a');
    renewals.add(one);
    renewals.moved(['a']);
    await settle();
    one.isClosed = true;
    renewals.remove(one);
    answer(refused(481));
    await settle();
    expect([agreed.length, one.failures]).toEqual([0, 0]);
    renewals.moved(['a']);
    renewals.add(dialog('a'));
    await settle();
  });

  it('given hundreds at once, they are sent a few at a time, each once', async () => {
    const { renewals, sent } = world();
    const legs = Array.from({ length: 500 }, (_, index) => `leg-${index}`);
    for (const leg of legs) renewals.add(dialog(leg));
    renewals.moved(legs);
    await settle();
    expect(sent.length).toBe(20);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(new Set(sent.map(({ dialogId }) => dialogId)).size).toBe(500);
    expect(sent).toHaveLength(500);
  });
});
