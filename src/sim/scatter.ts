/**
 * How far the figures of one simulated stretch of time may be from those of the long run, by
 * theory. Near full load a busy hour lasts for hours, so the parts of a day are alike and skew,
 * and their own scatter is too small just when their mean is. The line is a birth-death process,
 * and for a mean over time of any function f of the number of calls in it the variance is known
 * (W. Whitt, "Asymptotic formulas for Markov processes with applications to simulation", Operations
 * Research 40, 1992): 2 / span × the sum over n of (sum over i <= n of p(i) (f(i) - mean))^2 /
 * (arrival rate × p(n)).
 */
import type { Expected, Line } from './erlang.ts';

/** Chances below this part of the greatest count as nothing. */
const NOTHING = 1e-14;
/** Most calls in the line that are reckoned with. */
const STATES_MAX = 3_000_000;

type OfCalls = (calls: number) => number;

/** Chance of each number of calls in the line, from none. */
export function chancesOf({ arrivalRate, handleMs, agents, patienceMs }: Line): Float64Array {
  // Up and down from about where it is likeliest: no overflow, however large the house. Beyond
  // full load that is where as many give up as cannot be served.
  const unserved = arrivalRate - agents / handleMs;
  const peak =
    unserved <= 0 ? Math.floor(arrivalRate * handleMs) : agents + Math.floor(unserved * patienceMs);
  const rate = (calls: number) =>
    Math.min(calls, agents) / handleMs + Math.max(0, calls - agents) / patienceMs;
  const above = [1];
  let greatest = 1;
  for (let calls = peak + 1; calls < peak + STATES_MAX; calls += 1) {
    const next = ((above.at(-1) ?? 0) * arrivalRate) / rate(calls);
    above.push(next);
    greatest = Math.max(greatest, next);
    if (next < greatest * NOTHING) break;
  }
  const chances = new Float64Array(peak + above.length);
  chances.set(above, peak);
  for (let calls = peak; calls > 0; calls -= 1)
    chances[calls - 1] = ((chances[calls] ?? 0) * rate(calls)) / arrivalRate;
  const sum = chances.reduce((total, chance) => total + chance, 0);
  return chances.map((chance) => (chance < greatest * NOTHING ? 0 : chance / sum));
}

/** Standard error of the mean of `f` over so long. */
export function errorOfMean(
  chances: Float64Array,
  { arrivalRate }: Line,
  f: OfCalls,
  spanMs: number,
): number {
  const mean = chances.reduce((sum, chance, calls) => sum + chance * f(calls), 0);
  const share = (calls: number) => (chances[calls] ?? 0) * (f(calls) - mean);
  const last = chances.length - 1;
  const top = chances.indexOf(chances.reduce((most, chance) => Math.max(most, chance), 0));
  let sum = 0;
  // From both ends to the middle: the small differences of large sums would be noise.
  const add = (weighed: number, calls: number) => {
    const chance = chances[calls] ?? 0;
    if (chance > 0) sum += weighed ** 2 / (arrivalRate * chance);
  };
  let below = 0;
  for (let calls = 0; calls < top; calls += 1) add((below += share(calls)), calls);
  let above = 0;
  for (let calls = last; calls > top; calls -= 1) add((above += share(calls)), calls - 1);
  return Math.sqrt((2 * sum) / spanMs);
}

/** Standard error of each figure over so long a time in balance, beside the luck of each call. */
export function scatterOf(line: Line, thresholdMs: number, spanMs: number): Expected {
  const { arrivalRate, handleMs, agents, patienceMs } = line;
  const chances = chancesOf(line);
  const error = (f: OfCalls) => errorOfMean(chances, line, f, spanMs);
  const waitMs = error((calls) => Math.max(0, calls - agents)) / arrivalRate;
  // Who finds so many is served, on average, after each of those before him has gone.
  const waits = new Float64Array(chances.length);
  for (let calls = agents; calls < waits.length; calls += 1) {
    const turn = 1 / (agents / handleMs + (calls - agents) / patienceMs);
    waits[calls] = (calls === agents ? 0 : (waits[calls - 1] ?? 0)) + turn;
  }
  return {
    waits: error((calls) => (calls >= agents ? 1 : 0)),
    waitMs,
    abandons: waitMs / patienceMs,
    serviceLevel: error((calls) => ((waits[calls] ?? 0) <= thresholdMs ? 1 : 0)),
    occupancy: error((calls) => Math.min(calls, agents) / agents),
  };
}
