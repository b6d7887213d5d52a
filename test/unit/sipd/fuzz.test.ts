/**
 * Goal: no damage to messages makes the server throw, keep something for ever or refuse the next
 * call. Method: the seeded fuzzer, for a bounded time; `npm run fuzz` runs it for longer.
 */
import { describe, expect, it } from 'vitest';
import { fuzzRound, report } from '../../support/fuzz.ts';

const BUDGET_MS = 3_000;
/** At least so many, however slow the machine. */
const LEAST_ROUNDS = 25;

describe('the fuzzer', () => {
  it('given damaged messages of all kinds, then nothing throws and nothing is left', () => {
    const seed = Date.now() % 1_000_000;
    const end = Date.now() + BUDGET_MS;
    for (let round = 0; round < LEAST_ROUNDS || Date.now() < end; round += 1) {
      const offence = fuzzRound(seed, round);
      if (offence !== null) expect.fail(report(seed, offence).slice(0, 4_000));
    }
  });

  it('given a seed, then the same round again', () => {
    expect(fuzzRound(7, 3)).toEqual(fuzzRound(7, 3));
  });
});
