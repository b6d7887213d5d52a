/**
 * Goal: calls are refused when the event loop is late for long or too many are here, and only
 * then; the SIP server is told, and told anew. Method: measurements made up by the test, and one
 * real loop that is kept busy.
 */
import { describe, expect, it } from 'vitest';
import { LEASE_MS, LoadGate, watchLoad, type Overload } from '../../../src/runtime/load.ts';

function gate(maxDelayMs = 200) {
  const refused: [Overload, number][] = [];
  const told: number[] = [];
  const world = { calls: 0, now: 0, refused, told };
  const made = new LoadGate({
    maxCalls: 10,
    calls: () => world.calls,
    maxDelayMs,
    onRefused: (why, count) => refused.push([why, count]),
  });
  made.onLate((lease) => told.push(lease));
  /** The loop runs so late for so long. */
  const runs = (lateMs: number, forMs: number): void => {
    for (const end = world.now + forMs; world.now < end;) {
      world.now += 50 + lateMs;
      made.measure(world.now, 50 + lateMs, lateMs);
    }
  };
  return { gate: made, world, runs };
}

describe('the load gate', () => {
  it('given a loop in time, then calls come in up to their limit, logins beyond it', () => {
    const { gate: made, world, runs } = gate();
    runs(5, 10_000);
    expect(made.refuses('call')).toBe(null);
    world.calls = 10;
    expect(made.refuses('call')).toBe('calls');
    expect(made.refuses('login')).toBe(null);
    world.calls = 9;
    expect(made.refuses('call')).toBe(null);
    expect(world.refused).toEqual([['calls', 1]]);
    expect(world.told).toEqual([]);
  });

  it.each([300, 800, 1_500])('given one pause of %i ms, then nobody is refused', (pause) => {
    const { gate: made, runs } = gate();
    runs(0, 2_000);
    runs(pause, 1);
    for (let i = 0; i < 100; i += 1) {
      expect(made.refuses('call')).toBe(null);
      runs(0, 1);
    }
  });

  it('given a loop that stays late, then calls and logins are refused until it is well', () => {
    const { gate: made, world, runs } = gate();
    runs(400, 4_000);
    expect(made.refuses('call')).toBe('loop-delay');
    expect(made.refuses('login')).toBe('loop-delay');
    expect(world.told.length).toBeGreaterThan(1);
    expect(new Set(world.told)).toEqual(new Set([LEASE_MS]));
    // Better, but not well: it would only go up and down.
    runs(150, 4_000);
    expect(made.refuses('call')).toBe('loop-delay');
    runs(10, 4_000);
    expect(made.refuses('call')).toBe(null);
    expect(world.told.at(-1)).toBe(0);
    made.refused('loop-delay', 40);
    expect(made.shown()).toMatchObject({ overload: null, refused: 43 });
    expect(made.shown().loopDelayMs).toBeLessThan(100);
  });

  it('given no limit for the delay, then it refuses nobody', () => {
    const { gate: made, runs } = gate(0);
    runs(5_000, 60_000);
    expect(made.refuses('call')).toBe(null);
  });

  it('given a real loop that is kept busy, then it notices, and notices the end', async () => {
    let told = (_lease: number): void => undefined;
    const next = (): Promise<number> => new Promise((resolve) => (told = resolve));
    const real = new LoadGate({
      maxCalls: 1,
      calls: () => 0,
      maxDelayMs: 60,
      onRefused: () => undefined,
    });
    real.onLate((lease) => {
      told(lease);
    });
    const stop = watchLoad(real);
    let isBusy = true;
    const work = (): void => {
      const end = performance.now() + 150;
      while (performance.now() < end);
      if (isBusy) setTimeout(work, 1);
    };
    const late = next();
    work();
    expect(await late).toBe(LEASE_MS);
    isBusy = false;
    let lease = await next();
    while (lease !== 0) lease = await next();
    stop();
  });
});
