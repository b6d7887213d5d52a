/** Goal: what nobody thought of. Method: seeded worlds with faults, judged by invariants. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND_KINDS, EVENT_KINDS } from './kinds.ts';
import { simulate, type Verdict } from './simulator.ts';

describe('the simulator', () => {
  const verdicts: Verdict[] = [];

  it.each([1, 2, 3, 4])('keeps every promise in a long world, seed %i', (seed) => {
    const verdict = simulate({ seed, secondLogin: seed % 2 === 0 ? 'replace' : 'refuse' });
    expect(verdict.faults).toEqual([]);
    verdicts.push(verdict);
  });

  it('has taken every kind of command there, and reached every kind of event', () => {
    const reached = new Set(verdicts.flatMap((verdict) => Object.keys(verdict.kinds)));
    expect(EVENT_KINDS.filter((kind) => !reached.has(kind))).toEqual([]);
    const taken = new Set(verdicts.flatMap((verdict) => verdict.taken));
    expect(COMMAND_KINDS.filter((kind) => !taken.has(kind))).toEqual([]);
  });

  it('gives the same run for the same seed', () => {
    const [first, second] = [simulate({ seed: 7, steps: 500 }), simulate({ seed: 7, steps: 500 })];
    expect(second).toEqual(first);
  });

  it('keeps every promise in a large house', () => {
    const world = { steps: 8_000, agents: 50, queues: 8, checkEvery: false };
    expect(simulate({ seed: 11, ...world }).faults).toEqual([]);
    // It computes for seconds, and for longer than the usual limit on a machine that is busy.
  }, 120_000);

  it('keeps every promise in any small world', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom('refuse', 'replace'),
        (seed, agents, queues, secondLogin) => {
          const world = { seed, agents, queues, secondLogin, steps: 200 };
          expect(simulate(world).faults).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
