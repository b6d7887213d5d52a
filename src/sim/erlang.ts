/**
 * What queueing theory says of the plain case: calls arrive at random (Poisson), talk for an
 * exponential time, one line, equal agents, and callers who lose patience after an exponential
 * time, or never. The simulator must come out here.
 *
 * Sources: A. K. Erlang, "Solution of some problems in the theory of probabilities" (1917), for
 * B and C. For the line with patience (Palm; called Erlang-A by Garnett, Mandelbaum and Reiman,
 * "Designing a call center with impatient customers", M&SOM 4, 2002) the density of the time a
 * caller without end of patience would wait, after Baccelli and Hebuterne, "On queues with
 * impatient customers" (1981): v(t) = v(0) exp(arrival × (mean of min(patience, t)) − c × service
 * × t), which holds for Erlang C as the case without end of patience.
 *
 * Rates are per millisecond, spans in milliseconds.
 */

export interface Line {
  /** Calls per ms. */
  readonly arrivalRate: number;
  readonly handleMs: number;
  readonly agents: number;
  /** Mean patience; Infinity: nobody gives up. */
  readonly patienceMs: number;
}

export interface Expected {
  /** Share of callers who wait at all. */
  readonly waits: number;
  /** Mean wait of all callers, those who gave up included. */
  readonly waitMs: number;
  /** Share of callers who give up. */
  readonly abandons: number;
  /** Share of all callers who are answered within the threshold. */
  readonly serviceLevel: number;
  /** Share of the agents' time that they talk. */
  readonly occupancy: number;
}

/** Share of calls lost by `agents` lines without a place to wait, offered `load` erlangs. */
export function erlangB(agents: number, load: number): number {
  // 1/B(n) = 1 + n/load × 1/B(n-1): no factorials, no overflow.
  let inverse = 1;
  for (let n = 1; n <= agents; n += 1) inverse = 1 + (n / load) * inverse;
  return 1 / inverse;
}

/** Share of callers who wait where nobody gives up; 1 where the load is too much. */
export function erlangC(agents: number, load: number): number {
  if (load >= agents) return 1;
  const blocked = erlangB(agents, load);
  return blocked / (1 - (load / agents) * (1 - blocked));
}

/** Intervals of Simpson's rule: the integrands are smooth, the error is far below sampling. */
const STEPS = 20_000;

function integrate(f: (t: number) => number, to: number): number {
  const width = to / STEPS;
  let sum = f(0) + f(to);
  for (let n = 1; n < STEPS; n += 1) sum += (n % 2 === 1 ? 4 : 2) * f(n * width);
  return (sum * width) / 3;
}

/** The shape of the density of the wait, greatest value 1, and where it has become nothing. */
function shapeOf({ arrivalRate, handleMs, agents, patienceMs }: Line) {
  const served = agents / handleMs;
  const leaves = 1 / patienceMs;
  const patience = (t: number) => (leaves === 0 ? t : (1 - Math.exp(-leaves * t)) / leaves);
  const exponent = (t: number) => arrivalRate * patience(t) - served * t;
  // With more calls than the agents can serve, most wait until enough have given up.
  const peakAt = arrivalRate > served ? Math.log(arrivalRate / served) / leaves : 0;
  const peak = exponent(peakAt);
  let end = peakAt + 10 / served;
  while (exponent(end) - peak > NOTHING) end = peakAt + (end - peakAt) * 1.5;
  return { at: (t: number) => Math.exp(exponent(t) - peak), peak, end, patience };
}

/** Exponent from which a density counts as nothing: e^-32 is 10^-14. */
const NOTHING = -32;

/**
 * The line in balance; `thresholdMs` is that of the service level. Without an end of patience and
 * with more calls than can be served there is no balance: throws.
 */
export function erlangA(line: Line, thresholdMs: number): Expected {
  const { arrivalRate, handleMs, agents, patienceMs } = line;
  const load = arrivalRate * handleMs;
  if (patienceMs === Infinity && load >= agents) {
    throw new Error(`${load} erlangs are too much for ${agents} agents where nobody gives up`);
  }
  const { at, peak, end, patience } = shapeOf(line);
  const stays = (t: number) => Math.exp(-t / patienceMs);
  const mass = integrate(at, end);
  // Weight of the callers who find a free agent, beside that of those who wait.
  const free = Math.exp(-peak) / erlangB(agents - 1, load);
  const first = arrivalRate / (free + arrivalRate * mass);
  const waits = first * mass;
  const answeredLate = first * integrate((t) => at(t) * stays(t), end);
  const abandons = patienceMs === Infinity ? 0 : Math.max(0, waits - answeredLate);
  // Within the threshold, in the part of it where there is anything at all.
  const quick = first * integrate((t) => at(t) * stays(t), Math.min(thresholdMs, end));
  return {
    waits,
    // A caller waits until he is served or gives up, whichever comes first.
    waitMs: first * integrate((t) => at(t) * patience(t), end),
    abandons,
    serviceLevel: 1 - waits + quick,
    occupancy: (load * (1 - abandons)) / agents,
  };
}
