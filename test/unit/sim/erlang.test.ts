/**
 * Goal: the formulas are the textbook's. Method: published figures, and cases in which the line
 * with patience is another, known queue.
 */
import { describe, expect, it } from 'vitest';
import { erlangA, erlangB, erlangC } from '../../../src/sim/erlang.ts';

const MINUTE = 60_000;

describe('Erlang B and C', () => {
  it('give the figures of the tables', () => {
    // 3 erlangs on 5 lines lose 11.0 %; 8 erlangs on 10 agents make 40.9 % wait.
    expect(erlangB(5, 3)).toBeCloseTo(0.11, 3);
    expect(erlangC(10, 8)).toBeCloseTo(0.4092, 4);
    expect(erlangC(10, 10)).toBe(1);
  });

  it('do not overflow in a large house', () => {
    expect(erlangB(20_000, 20_000)).toBeGreaterThan(0.005);
    expect(erlangC(20_000, 19_900)).toBeLessThan(1);
  });
});

/** Garnett, Mandelbaum and Reiman (2002): 48 calls a minute, 50 agents, calls of one minute. */
const example = { arrivalRate: 48 / MINUTE, handleMs: MINUTE, agents: 50 };

describe('the line with patience', () => {
  it('gives the published example: 3.1 % leave, 3.7 s on average, agents 93 % occupied', () => {
    const found = erlangA({ ...example, patienceMs: 2 * MINUTE }, 20_000);
    expect(found.abandons).toBeCloseTo(0.031, 3);
    expect(found.waitMs / 1000).toBeCloseTo(3.7, 1);
    expect(found.occupancy).toBeCloseTo(0.93, 2);
  });

  it('is Erlang C where nobody leaves: 20.8 s on average in the example', () => {
    const found = erlangA({ ...example, patienceMs: Infinity }, 20_000);
    expect(found.waitMs / 1000).toBeCloseTo(20.8, 1);
    expect(found.waits).toBeCloseTo(erlangC(50, 48), 9);
    // Waits of those who wait are exponential with rate (agents - load) / handle.
    const late = found.waits * Math.exp(-(2 / MINUTE) * 20_000);
    expect(found.serviceLevel).toBeCloseTo(1 - late, 6);
    expect(found.abandons).toBe(0);
  });

  it('is a house without limit where patience lasts as long as talk', () => {
    const found = erlangA({ ...example, arrivalRate: 50 / MINUTE, patienceMs: MINUTE }, 20_000);
    // Calls in the house are then Poisson with mean 50; those beyond the agents leave.
    let [chance, beyond] = [Math.exp(-50), 0];
    for (let n = 1; n < 400; n += 1) {
      chance *= 50 / n;
      beyond += Math.max(0, n - 50) * chance;
    }
    expect(found.abandons).toBeCloseTo(beyond / 50, 9);
  });

  it('is Erlang B where nobody waits for long', () => {
    const found = erlangA({ ...example, patienceMs: 1 }, 20_000);
    expect(found.abandons).toBeCloseTo(erlangB(50, 48), 3);
  });

  it('finds the balance of too many calls, which only patience makes', () => {
    const found = erlangA({ ...example, arrivalRate: 75 / MINUTE, patienceMs: 3 * MINUTE }, 20_000);
    // 50 of 75 calls can be served.
    expect(found.abandons).toBeCloseTo(1 / 3, 3);
    expect(found.occupancy).toBeCloseTo(1, 4);
    const none = () => erlangA({ ...example, agents: 48, patienceMs: Infinity }, 20_000);
    expect(none).toThrow(/too much for 48 agents/);
  });

  it('holds for the largest house that can be simulated', () => {
    const large = { arrivalRate: 62_500 / 3_600_000, handleMs: 1_260_000, agents: 20_000 };
    const found = erlangA({ ...large, patienceMs: 180_000 }, 20_000);
    expect(found.abandons).toBeCloseTo(1 - 20_000 / 21_875, 4);
  });
});
