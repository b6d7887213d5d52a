/**
 * Goal: a silent phone is asked again and again, and no more once it is heard or gone; the limit
 * ends the call. Method: time by hand.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SilentLegs } from '../../../src/sip/silent-legs.ts';

let story: string[];
let isThere: boolean;

function legs(limitMs: number): SilentLegs {
  return new SilentLegs({
    limitMs,
    ask: (leg) => {
      story.push(`ask ${leg}`);
      return isThere;
    },
    end: (leg) => story.push(`end ${leg}`),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  story = [];
  isThere = true;
});

afterEach(() => {
  vi.useRealTimers();
});

describe('silent legs', () => {
  it('given silence, then the phone is asked at once and as long as it lasts', () => {
    const silent = legs(0);
    silent.report('a', 10_000, true);
    vi.advanceTimersByTime(60_000);
    expect(story).toEqual(['ask a', 'ask a', 'ask a']);
    silent.report('a', 0, true);
    vi.advanceTimersByTime(600_000);
    expect(story).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('given a leg that is in no call any more, then nobody is asked again', () => {
    isThere = false;
    legs(0).report('a', 10_000, true);
    vi.advanceTimersByTime(600_000);
    expect(story).toEqual(['ask a']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('given a limit, then the call ends at it, not before', () => {
    const silent = legs(45_000);
    silent.report('a', 10_000, true);
    vi.advanceTimersByTime(34_999);
    expect(story).toEqual(['ask a', 'ask a']);
    vi.advanceTimersByTime(1);
    expect(story.at(-1)).toBe('end a');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('given a party that never sent anything, then it is asked after minutes', () => {
    const silent = legs(0);
    silent.report('a', 10_000, false);
    vi.advanceTimersByTime(299_999);
    expect(story).toEqual([]);
    vi.advanceTimersByTime(300_001);
    expect(story).toEqual(['ask a', 'ask a']);
    isThere = false;
    vi.advanceTimersByTime(300_000);
    expect(story).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('given what was told before, then it counts from there, once', () => {
    const silent = legs(0);
    silent.report('a', 0, true);
    silent.report('a', 10_000, true);
    silent.report('a', 40_000, true);
    silent.report('b', 299_000, false);
    silent.report('b', 301_000, false);
    expect(story).toEqual(['ask a', 'ask a', 'ask b']);
    expect(vi.getTimerCount()).toBe(2);
    const late = legs(45_000);
    late.report('c', 60_000, true);
    late.report('d', 60_000, false);
    vi.advanceTimersByTime(1);
    expect(story.slice(3)).toEqual(['end c', 'end d']);
  });

  it('given a party that never sent anything, then the limit holds', () => {
    legs(45_000).report('b', 10_000, false);
    vi.advanceTimersByTime(35_000);
    expect(story).toEqual(['end b']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
