/** Goal: a rate lets through what it says, for each apart, and its memory is bounded. */
import { describe, expect, it } from 'vitest';
import { Rates } from '../../../src/shared/rate.ts';

describe('rates', () => {
  it('let a burst through, then so many a second, and say how long to wait', () => {
    let now = 0;
    const rates = new Rates(() => now, { perSecond: 2, burst: 3, max: 10 });
    expect([1, 2, 3, 4].map(() => rates.take('a'))).toEqual([0, 0, 0, 1]);
    expect(rates.take('b')).toBe(0);
    now = 500;
    expect([1, 2].map(() => rates.take('a'))).toEqual([0, 1]);
  });

  it('know nothing of whom they are told to forget', () => {
    const rates = new Rates(() => 0, { perSecond: 1, burst: 1, max: 10 });
    rates.take('a');
    rates.forget('a');
    expect(rates.take('a')).toBe(0);
  });

  it('are bounded: the one used longest ago is forgotten', () => {
    const rates = new Rates(() => 0, { perSecond: 1, burst: 1, max: 3 });
    for (const key of ['a', 'b', 'c', 'a', 'd']) rates.take(key);
    expect(rates.size).toBe(3);
    expect(rates.take('b')).toBe(0);
    expect(rates.take('a')).toBeGreaterThan(0);
  });
});
