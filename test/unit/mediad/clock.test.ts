/** The beat: four phases in 20 ms, no drift, bounded catching up after a stall, rest when idle. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Clock, phases } from '../../../src/mediad/clock.ts';
import { limits } from '../../../src/mediad/limits.ts';

let time = 1000;
class HandClock extends Clock {
  override now(): number {
    return time;
  }
}

const frameMs = 20;
let isBusy = true;
let beats: { phase: number; at: number; skipped: boolean }[] = [];
let tends = 0;
/** How often a beat is to be asked for until it is served. */
let slices = 0;
let clock: HandClock;

/** Time passes and the timers fire on the millisecond. */
function pass(ms: number): void {
  for (let step = 0; step < ms; step += 1) {
    time += 1;
    vi.advanceTimersByTime(1);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  [beats, tends, isBusy, slices] = [[], 0, true, 0];
  clock = new HandClock({
    beat: (phase, at, skipped) => {
      beats.push({ phase, at, skipped });
      slices -= 1;
      return slices <= 0;
    },
    tend: () => (tends += 1),
    isBusy: () => isBusy,
  });
  clock.start();
});
afterEach(() => {
  clock.stop();
  vi.useRealTimers();
});

describe('the clock', () => {
  it('tells of how much time packets may wait in the kernel after a stall', () => {
    clock.wake();
    pass(100);
    expect(clock.owedMs(time)).toBe(0);
    time += 1_500;
    // Before the timer runs, as sockets are often read first, and after it.
    expect(clock.owedMs(time)).toBeGreaterThan(1_490);
    vi.advanceTimersByTime(10);
    expect(clock.owedMs(time + 1_000)).toBeGreaterThan(1_490);
    pass(1_600);
    expect(clock.owedMs(time)).toBe(0);
    expect(clock.owedMs(time + 3_600_000)).toBe(limits.stallMs);
  });

  it('tells so, too, where it is woken before its timer could run', () => {
    pass(600);
    time += 1_500;
    clock.wake();
    expect(clock.owedMs(time)).toBeGreaterThan(1_000);
    pass(1_700);
    expect(clock.owedMs(time)).toBe(0);
  });

  it('serves each phase once in 20 ms, in turn, without drifting', () => {
    clock.wake();
    pass(10 * frameMs);
    expect(beats.length).toBeGreaterThanOrEqual(10 * phases);
    expect(beats.map(({ phase }) => phase)).toEqual(beats.map((_, index) => index % phases));
    const steps = beats.slice(1).map(({ at }, index) => at - (beats[index]?.at ?? 0));
    expect(new Set(steps)).toEqual(new Set([frameMs / phases]));
  });

  it('asks for the rest of a beat when what lies in the sockets was done', () => {
    clock.wake();
    pass(2 * frameMs);
    beats = [];
    slices = 3;
    pass(2 * frameMs);
    const [first, second, third, next] = beats;
    expect([second, third]).toEqual([first, first]);
    expect(next?.phase).toBe(((first?.phase ?? 0) + 1) % phases);
    slices = 3;
    time += 5;
    vi.advanceTimersToNextTimer();
    const before = beats.length;
    clock.stop();
    pass(frameMs);
    expect(beats).toHaveLength(before);
  });

  it('says of the first round that time was lost before it, and of no other', () => {
    clock.wake();
    pass(3 * frameMs);
    expect(beats.filter(({ skipped }) => skipped)).toHaveLength(phases);
    expect(beats.slice(0, phases).every(({ skipped }) => skipped)).toBe(true);
  });

  it('makes up for a short stall', () => {
    clock.wake();
    pass(frameMs);
    const before = beats.length;
    time += 5 * frameMs;
    pass(frameMs / phases);
    expect(beats.length - before).toBeGreaterThanOrEqual(5 * phases);
    expect(clock.skippedFrames).toBe(0);
  });

  it('gives up what a long stall cost beyond its limit', () => {
    clock.wake();
    pass(frameMs);
    const before = beats.length;
    time += 100 * frameMs;
    pass(2 * frameMs);
    const made = beats.slice(before);
    expect(made.length).toBeLessThanOrEqual((limits.catchUpFrames + 3) * phases);
    expect(made.filter(({ skipped }) => skipped)).toHaveLength(phases);
    expect(clock.skippedFrames).toBeGreaterThanOrEqual(100 - limits.catchUpFrames - 1);
  });

  it('tends, too, where a beat is never served, and begins no other', () => {
    clock.wake();
    pass(2 * frameMs);
    slices = Infinity;
    pass(1_000);
    expect(tends).toBe(4);
    expect(new Set(beats.slice(-900).map(({ at }) => at)).size).toBe(1);
  });

  it('tends every quarter second and rests while nobody is served', () => {
    pass(1000);
    expect([beats.length, tends]).toEqual([0, 4]);
    clock.wake();
    pass(frameMs);
    isBusy = false;
    pass(300);
    const count = beats.length;
    pass(500);
    expect(beats.length).toBe(count);
  });
});
