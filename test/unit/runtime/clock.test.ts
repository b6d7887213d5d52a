/** Goal: a clock that never goes back. Method: a machine whose clocks we move by hand. */
import { describe, expect, it } from 'vitest';
import { makeClock } from '../../../src/shared/clock.ts';
import { makeIds } from '../../../src/runtime/ids.ts';

function machine() {
  const time = { wall: 1_000_000, elapsed: 0 };
  const pass = (ms: number): void => {
    time.wall += ms;
    time.elapsed += ms;
  };
  const clock = makeClock(
    () => time.wall,
    () => time.elapsed,
  );
  return { time, pass, clock };
}

describe('the clock', () => {
  it('follows the wall', () => {
    const { clock, pass } = machine();
    expect(clock.now()).toBe(1_000_000);
    pass(1_234.5);
    expect(clock.now()).toBe(1_001_234);
  });

  it('goes a tenth faster while the wall was set forward, until it has caught up', () => {
    const { clock, time, pass } = machine();
    time.wall += 60_000;
    expect(clock.now()).toBe(1_000_000);
    pass(15_000);
    // A phone that was to ring for 20 s rings on.
    expect(clock.now()).toBe(1_016_500);
    pass(600_000);
    expect(clock.now()).toBe(1_675_000);
    pass(10);
    expect(clock.now()).toBe(1_675_010);
  });

  it('jumps ahead with a wall that it could not catch up with soon', () => {
    const { clock, time } = machine();
    time.wall += 3_600_000;
    expect(clock.now()).toBe(4_600_000);
  });

  it('goes on, a tenth slower, while the wall was set back, until the wall has caught up', () => {
    const { clock, time, pass } = machine();
    time.wall -= 1_000;
    expect(clock.now()).toBe(1_000_000);
    pass(5_000);
    expect(clock.now()).toBe(1_004_500);
    pass(5_000);
    expect(clock.now()).toBe(1_009_000);
    pass(5_000);
    expect(clock.now()).toBe(1_014_000);
  });

  it('never goes before the last instant of the journal', () => {
    const { clock, pass } = machine();
    clock.atLeast(2_000_000);
    expect(clock.now()).toBe(2_000_000);
    pass(100);
    expect(clock.now()).toBe(2_000_090);
    clock.atLeast(5);
    expect(clock.now()).toBe(2_000_090);
  });
});

describe('ids', () => {
  it('are unique and ascend, within one millisecond too', () => {
    const next = makeIds(machine().clock);
    const ids = Array.from({ length: 1_000 }, next);
    expect([...new Set(ids)].sort()).toEqual(ids);
  });
});
