/** Goal: a spoken dialogue never hangs, never loses a key. Method: media in memory, own clock. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Keying } from '../../../src/sip/keying.ts';
import { FakeMedia } from './fakes.ts';

let media: FakeMedia;
let keying: Keying;

beforeEach(() => {
  vi.useFakeTimers();
  media = new FakeMedia();
  keying = new Keying({ media, leg: 'l', digitTimeoutMs: 5_000, now: () => Date.now() });
});
afterEach(() => vi.useRealTimers());

const press = (digits: string): void => {
  for (const digit of digits) keying.digit(digit, 'info');
};

describe('an entry', () => {
  it('ends at #', async () => {
    const entry = keying.ask(['agent-id']);
    await vi.advanceTimersByTimeAsync(0);
    press('2771#');
    expect(await entry).toEqual({ kind: 'digits', digits: '2771' });
    expect(media.of('stop')).toHaveLength(1);
  });

  it('begins anew at *', async () => {
    const entry = keying.ask(['agent-id']);
    press('99*2771#');
    expect(await entry).toEqual({ kind: 'digits', digits: '2771' });
  });

  it('keyed ahead is kept, and its prompt is not played', async () => {
    press('2771#4711#');
    expect(await keying.ask(['agent-id'])).toEqual({ kind: 'digits', digits: '2771' });
    expect(await keying.ask(['agent-pin'])).toEqual({ kind: 'digits', digits: '4711' });
    expect(media.of('play')).toEqual([]);
  });

  it('that nobody makes ends after the prompt and the wait', async () => {
    const entry = keying.ask(['agent-id']);
    await vi.advanceTimersByTimeAsync(0);
    keying.playEnded('say-1');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await entry).toEqual({ kind: 'timeout' });
  });

  it('left half ends after the wait', async () => {
    const entry = keying.ask(['agent-id']);
    await vi.advanceTimersByTimeAsync(0);
    press('27');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await entry).toEqual({ kind: 'timeout' });
  });

  it('longer than any id is none', async () => {
    const entry = keying.ask(['agent-id']);
    await vi.advanceTimersByTimeAsync(0);
    for (let count = 0; count < 33; count += 1) {
      keying.digit('1', 'info');
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(await entry).toEqual({ kind: 'timeout' });
  });

  it('of somebody who hangs up is gone at once', async () => {
    const entry = keying.ask(['agent-id']);
    await vi.advanceTimersByTimeAsync(0);
    keying.hangUp();
    expect(await entry).toEqual({ kind: 'gone' });
  });
});

describe('a prompt', () => {
  it('is said to its end', async () => {
    let said = false;
    const saying = keying.say(['goodbye']).then(() => (said = true));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(said).toBe(false);
    keying.playEnded('say-1');
    await saying;
  });

  it('whose end media never tells does not hold the call', async () => {
    const saying = keying.say(['goodbye']);
    await vi.advanceTimersByTimeAsync(15_000);
    await saying;
  });

  it('that cannot be played is passed over', async () => {
    media.result('play', () => Promise.resolve({ ok: false, reason: 'timeout', detail: '' }));
    await keying.say(['goodbye']);
  });
});
