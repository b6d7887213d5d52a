/** Goal: how far a simulated figure may be off is the textbook's. Method: cases with a formula. */
import { describe, expect, it } from 'vitest';
import { APART_MAX } from '../../../src/sim/figures.ts';
import { chancesOf, errorOfMean, scatterOf } from '../../../src/sim/scatter.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const calls = (count: number) => count;

describe('the scatter of a mean over time', () => {
  it.each([0.5, 0.9, 0.97])('is that of one agent whom nobody leaves, load %d', (load) => {
    // Whitt: the variance of the mean number of calls is 2 load (1 + load) / (1 - load)^4 / span.
    const line = { arrivalRate: load / MINUTE, handleMs: MINUTE, agents: 1, patienceMs: Infinity };
    const found = errorOfMean(chancesOf(line), line, calls, DAY);
    const variance = (2 * load * (1 + load)) / (1 - load) ** 4 / (DAY / MINUTE);
    expect(found / Math.sqrt(variance)).toBeCloseTo(1, 4);
  });

  it('is that of a house without limit where patience lasts as long as talk', () => {
    // Calls are Poisson, and forgotten at the rate of one talk: 2 load × talk / span.
    const line = { arrivalRate: 30 / MINUTE, handleMs: MINUTE, agents: 20, patienceMs: MINUTE };
    const found = errorOfMean(chancesOf(line), line, calls, DAY);
    expect(found).toBeCloseTo(Math.sqrt((2 * 30 * MINUTE) / DAY), 6);
  });

  it('is finite in a large house, and shrinks with the root of the time', () => {
    const line = { arrivalRate: 19_990 / MINUTE, handleMs: MINUTE, agents: 20_000 };
    const endless = { ...line, patienceMs: Infinity };
    const [day, four] = [DAY, 4 * DAY].map((span) => scatterOf(endless, 20_000, span));
    for (const name of ['waits', 'waitMs', 'serviceLevel', 'occupancy'] as const) {
      expect(day?.[name]).toBeGreaterThan(0);
      expect((day?.[name] ?? 0) / (four?.[name] ?? 0)).toBeCloseTo(2, 6);
    }
    expect(day?.abandons).toBe(0);
  });

  it.each([
    [10_000, 2, 180_000],
    [20_000, 1.3, 180_000],
    [2_000, 3, 60_000],
  ])('is known of %d agents offered %d times what they can, too', (agents, load, patienceMs) => {
    const line = { arrivalRate: (agents * load) / MINUTE, handleMs: MINUTE, agents, patienceMs };
    const chances = chancesOf(line);
    expect(chances.length).toBeLessThan(200_000);
    expect(scatterOf(line, 20_000, DAY).waitMs).toBeGreaterThan(0);
  });

  it('explains a week near full load that its own twenty parts do not', () => {
    // 9.5 erlangs on 10 agents, seed 5, 180 hours: 73.3 s in place of 99.1 s, its parts said ± 5.2.
    const line = { arrivalRate: 570 / 3.6e6, handleMs: MINUTE, agents: 10, patienceMs: Infinity };
    const { waitMs } = scatterOf(line, 20_000, 180 * 60 * MINUTE);
    expect((99_070 - 73_266) / waitMs).toBeLessThan(APART_MAX / 2);
    expect(waitMs).toBeLessThan(20_000);
  });
});
