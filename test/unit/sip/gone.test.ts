/**
 * Goal: who is there is not taken for gone, and who asks for a dialog that is gone is told so.
 * Method: as in takeover.test.ts; time by hand.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  past = await Past.make();
  await past.called('c1');
  past.holds('c1');
  await past.takeOver();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a caller whose audio had stopped', () => {
  it('given he stays silent, then his call ends at the limit', () => {
    past.media.events?.silence('c1', 10_000, true);
    vi.advanceTimersByTime(60_000);
    expect(past.runtime.of('EndCall')).toMatchObject([{ callId: 'c1', cause: 'failed' }]);
  });

  it('given a mediad that knows nothing of it hears him, then his call goes on', () => {
    past.media.events?.silence('c1', 10_000, true);
    past.media.events?.firstPacket('c1');
    vi.advanceTimersByTime(60_000);
    expect(past.runtime.of('EndCall')).toEqual([]);
  });

  it.each([
    ['silent', ['Connection Refused', 'Connection Refused'], 'is gone', 1],
    ['silent', ['Connection Refused', '', 'Connection Refused'], 'is there: it answered', 0],
    ['silent', ['Unreachable', 'Unreachable', 'Unreachable'], 'may be: our network is away', 0],
    ['heard', ['Connection Refused', 'Connection Refused'], 'is badly reached', 0],
  ])('given he is %s, and asked, 503 %j, then he %s', async (how, reasons, _, ended) => {
    for (const [asked, own] of reasons.entries()) {
      // Before the limit of this configuration.
      if (how === 'silent') past.media.events?.silence('c1', 1_000, true);
      else past.dialogs.probe();
      (await past.stack.wait('OPTIONS', asked + 1)).answer(503, {}, '', own);
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(past.runtime.of('EndCall')).toHaveLength(ended);
  });
});

describe('a dialog that is gone', () => {
  it.each([
    ['OPTIONS', ';tag=t', 481],
    ['INFO', ';tag=t', 481],
    ['REFER', ';tag=t', 481],
    ['OPTIONS', '', 200],
  ])('given %s with To tag %j, then %d (RFC 3261 §12.2.2)', async (method, tag, status) => {
    const headers = { 'Call-ID': 'gone', From: '<sip:a@b>;tag=f', To: `<sip:queue1@acd>${tag}` };
    const answered = past.stack.receive(method, headers, {}).answered();
    expect((await answered).status).toBe(status);
  });
});
