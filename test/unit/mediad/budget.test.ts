/** So much at once, so much per second. */
import { describe, expect, it } from 'vitest';
import { Budget } from '../../../src/mediad/budget.ts';

function taken(budget: Budget, now: number, tries: number): number {
  return Array.from({ length: tries }, () => budget.take(now)).filter(Boolean).length;
}

describe('a budget', () => {
  it('given a burst, then so much as is allowed at once', () => {
    expect(taken(new Budget(60, 400), 0, 1_000)).toBe(60);
  });

  it('given a flood for a second, then what is allowed per second besides', () => {
    const budget = new Budget(60, 400);
    let count = 0;
    for (let now = 0; now <= 1_000; now += 10) count += taken(budget, now, 100);
    expect(count).toBe(460);
  });

  it('given a rest, then no more is saved up than may come at once', () => {
    const budget = new Budget(60, 400);
    taken(budget, 0, 100);
    expect(taken(budget, 3_600_000, 1_000)).toBe(60);
  });

  it('given time in which nothing could be taken, then what came in it may come at once', () => {
    const budget = new Budget(60, 400);
    taken(budget, 0, 10);
    let count = 0;
    for (let i = 0; i < 2_000; i += 1) if (budget.take(2_000, 2_000)) count += 1;
    expect(count).toBe(850);
    expect(taken(budget, 60_000, 1_000)).toBe(60);
  });

  it('given a steady stream within its means, then all of it', () => {
    const budget = new Budget(60, 400);
    let count = 0;
    for (let now = 0; now < 60_000; now += 20) count += taken(budget, now, 1);
    expect(count).toBe(3_000);
  });
});
