/**
 * Goal: a caller on his way to an address outside is taken over from a server that was killed: the
 * talk goes on, the phone there rings on, and who has hung up meanwhile ends it for the other.
 * Method: as in takeover.test.ts.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dialogIdOf } from '../../../src/sip/client.ts';
import { transferIdentity } from '../../../src/sip/transfers.ts';
import { SDP_OFFER } from './fakes.ts';
import { dialogOf, Past } from './past.ts';

const OUTSIDE = dialogIdOf(transferIdentity('c1'));
let past: Past;

beforeEach(async () => {
  past = await Past.make();
});

type Phase = 'asked' | 'dialled' | 'answered';

/** Caller c1 was sent to the desk, and it got so far; his leg lives, and the other. */
async function sent(phase: Phase, more: { readonly replaces?: string } = {}): Promise<void> {
  const { runtime } = past;
  await past.called('c1');
  const to = { callId: 'c1', uri: 'sip:d@pbx', ...more };
  await runtime.submit({ kind: 'TransferCall', by: 'http', ...to });
  past.holds('c1');
  if (phase === 'asked') return;
  await runtime.submit({ kind: 'DialTransfer', by: 'sip', callId: 'c1' });
  past.media.live.add('c1.x');
  if (phase === 'answered')
    await runtime.submit({ kind: 'AnswerTransfer', by: 'sip', callId: 'c1' });
}

const holdsOutside = (state: 'early' | 'confirmed' = 'confirmed'): void =>
  past.held({ dialogId: OUTSIDE, role: 'uac', state });

const says = (dialogId: string, method: string) =>
  past.stack.receive(method, { To: '<sip:d@pbx>;tag=t' }, { dialogId });

const ended = () => past.runtime.of('EndTransfer');

describe('two who talk through us', () => {
  it('go on; BYE of the desk ends it for the caller', async () => {
    await sent('answered');
    holdsOutside();
    await past.takeOver();
    expect(past.byes()).toEqual([]);
    expect([...past.media.live]).toEqual(['c1', 'c1.x']);
    expect(past.media.of('connect')).toMatchObject([{ leg: 'c1', args: ['c1.x'] }]);
    says(OUTSIDE, 'BYE');
    expect(await past.runtime.wait('EndTransfer')).toMatchObject({ outcome: 'completed' });
    await past.stack.wait('BYE');
    expect(past.byes()).toEqual([dialogOf('c1')]);
    expect([...past.media.live]).toEqual([]);
    expect(past.runtime.state.transfers.size).toBe(0);
  });

  it('go on; BYE of the caller ends it at the desk', async () => {
    await sent('answered');
    holdsOutside();
    await past.takeOver();
    past.says('c1', 'BYE');
    await past.stack.wait('BYE');
    expect(past.byes()).toEqual([OUTSIDE]);
    expect(past.edge?.health().callers).toBe(0);
  });

  it('given the desk hung up meanwhile, it ended then, and the caller is let go', async () => {
    await sent('answered');
    past.runtime.clock += 5_000;
    const at = past.runtime.now() - 2_000;
    past.ended(OUTSIDE, 'BYE', at);
    await past.takeOver();
    expect(ended()).toMatchObject([{ outcome: 'completed', endedAt: at }]);
    await past.stack.wait('BYE');
    expect(past.byes()).toEqual([dialogOf('c1')]);
  });

  it('given the caller hung up meanwhile, the desk is hung up on', async () => {
    await sent('answered');
    past.kept.held.length = 0;
    past.ended(dialogOf('c1'), 'BYE', past.runtime.now());
    holdsOutside();
    await past.takeOver();
    expect(ended()).toHaveLength(1);
    expect(past.byes()).toEqual([OUTSIDE]);
    expect([...past.media.live]).toEqual([]);
  });

  it('given a SIP server that tells nothing, both are believed', async () => {
    past.stack.kept = null;
    await sent('answered');
    await past.takeOver();
    expect(past.byes()).toEqual([]);
    const asked = past.stack.of('OPTIONS').map(({ request }) => request.dialogId);
    expect(asked).toEqual([dialogOf('c1'), OUTSIDE]);
  });
});

describe('a desk that rings', () => {
  it('rings on; its answer is bridged', async () => {
    await sent('dialled');
    holdsOutside('early');
    await past.takeOver();
    const [resumed] = past.kept.resumed;
    expect(resumed?.request.dialogId).toBe(OUTSIDE);
    expect(past.stack.of('INVITE')).toEqual([]);
    resumed?.answer(200, {}, SDP_OFFER);
    expect((await past.media.wait('connect')).args).toEqual(['c1.x']);
    expect(await past.runtime.wait('AnswerTransfer')).toMatchObject({ callId: 'c1' });
  });

  it('given its INVITE never left, it is sent now', async () => {
    await sent('dialled');
    await past.takeOver();
    expect((await past.stack.wait('INVITE')).request.headers?.['Call-ID']).toBe('transfer-c1');
  });

  it('given it was busy meanwhile, the caller is told so', async () => {
    await sent('dialled');
    past.ended(OUTSIDE, '486 Busy Here', past.runtime.now());
    await past.takeOver();
    expect(ended()).toMatchObject([{ outcome: 'busy' }]);
    const bye = await past.stack.wait('BYE');
    expect(bye.request.headers?.['Reason']).toContain('cause=17');
  });
});

describe('a desk whose talk was to be replaced', () => {
  const replaces = 'talk%3Bto-tag%3D1%3Bfrom-tag%3D2';

  it.each(['481 Call/Transaction Does Not Exist', '486 Busy Here', '603 Decline'])(
    'given it refused by %s meanwhile, it is called without, once (RFC 3891 §3)',
    async (why) => {
      await sent('dialled', { replaces });
      past.ended(OUTSIDE, why, past.runtime.now());
      await past.takeOver();
      const { request } = await past.stack.wait('INVITE');
      expect(request.headers).toMatchObject({ 'Call-ID': 'transfer-c1.2' });
      expect(request.headers).not.toHaveProperty('Replaces');
      expect(past.media.of('release')).toMatchObject([{ leg: 'c1.x' }]);
      expect([ended(), past.byes()]).toEqual([[], []]);
    },
  );

  it('given it refused the call without, too, the transfer is over', async () => {
    await sent('dialled', { replaces });
    await past.runtime.submit({ kind: 'DialTransfer', by: 'sip', callId: 'c1' });
    past.ended(dialogIdOf(transferIdentity('c1', 2)), '486 Busy Here', past.runtime.now());
    await past.takeOver();
    expect(ended()).toMatchObject([{ outcome: 'busy' }]);
  });
});

describe('a desk of which the SIP server does not tell whether it rings', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ['a sipd whose inventory failed', [OUTSIDE]],
    ['a drachtio-server', []],
  ])('given %s, it is taken back, hung up on, and called anew', async (what, cancelled) => {
    await sent('dialled');
    if (what === 'a drachtio-server') past.stack.kept = null;
    past.kept.isSilent = true;
    await past.takeOver();
    expect(past.kept.cancelled).toEqual(cancelled);
    await vi.advanceTimersByTimeAsync(999);
    expect(past.byes()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(past.byes()).toEqual([OUTSIDE]);
    const [invite, ...more] = past.stack.of('INVITE');
    expect(invite?.request.headers?.['Call-ID']).toBe('transfer-c1.2');
    expect(more).toEqual([]);
    expect(past.runtime.state.transfers.get('c1')).toMatchObject({ attempt: 2 });
  });
});

describe('a caller whose side was asked', () => {
  it('given it tells that it got there, he is let go; nobody is called', async () => {
    await sent('asked');
    await past.takeOver();
    const headers = { Event: 'refer', 'Subscription-State': 'terminated' };
    past.stack.receive('NOTIFY', headers, { dialogId: dialogOf('c1'), body: 'SIP/2.0 200 OK' });
    expect(await past.runtime.wait('EndTransfer')).toMatchObject({ outcome: 'left' });
    expect(past.stack.of('INVITE')).toEqual([]);
  });

  it('given it cannot get there, we call there', async () => {
    await sent('asked');
    await past.takeOver();
    const headers = { Event: 'refer', 'Subscription-State': 'terminated' };
    past.stack.receive('NOTIFY', headers, { dialogId: dialogOf('c1'), body: 'SIP/2.0 503 No' });
    const invite = await past.stack.wait('INVITE');
    expect(invite.request.headers?.['Call-ID']).toBe('transfer-c1');
    expect(past.runtime.state.transfers.get('c1')?.attempt).toBe(1);
  });

  describe('and has promised to', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    it('is waited for as long as ever, and believed; nobody is called beside it', async () => {
      await sent('asked');
      await past.runtime.submit({ kind: 'ReferTransfer', by: 'sip', callId: 'c1' });
      await past.takeOver();
      await vi.advanceTimersByTimeAsync(59_000);
      expect(ended()).toEqual([]);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(ended()).toMatchObject([{ outcome: 'left' }]);
      expect(past.stack.of('INVITE')).toEqual([]);
    });

    it('by a NOTIFY, its 202 was lost with that process: it is waited for likewise', async () => {
      await sent('asked');
      await past.takeOver();
      await vi.advanceTimersByTimeAsync(2_000);
      const headers = { Event: 'refer', 'Subscription-State': 'active;expires=60' };
      const trying = { dialogId: dialogOf('c1'), body: 'SIP/2.0 100 Trying' };
      past.stack.receive('NOTIFY', headers, trying);
      await vi.advanceTimersByTimeAsync(20_000);
      // The next process knows it, too.
      expect(past.runtime.state.transfers.get('c1')).toMatchObject({ isReferred: true });
      expect(past.stack.of('INVITE')).toEqual([]);
      past.stack.receive('NOTIFY', headers, { ...trying, body: 'SIP/2.0 200 OK' });
      await vi.advanceTimersByTimeAsync(0);
      expect(ended()).toMatchObject([{ outcome: 'left' }]);
    });

    it('not, as far as is known: we call there after 3 s', async () => {
      await sent('asked');
      await past.takeOver();
      await vi.advanceTimersByTimeAsync(3_001);
      expect(past.stack.of('INVITE')).toHaveLength(1);
    });
  });
});
