/**
 * What can be asked of a simulation, what stands where nothing is asked, and the command that
 * asks for the same again.
 */

export interface SimOptions {
  readonly seed: number;
  /** How long callers call; afterwards the house empties. */
  readonly hours: number;
  readonly agents: number;
  readonly callsPerHour: number;
  readonly queues: number;
  /** Queues each agent is a member of. */
  readonly memberships: number;
  readonly strategy: string;
  /** Mean talk, seconds. */
  readonly handle: number;
  /** Mean patience in line, seconds; 0: nobody gives up. */
  readonly patience: number;
  /** `wrapuptime`, seconds. */
  readonly wrapup: number;
  /** Answered within this many seconds is good service. */
  readonly threshold: number;
  /** The plain case of queueing theory: one queue, phones that answer at once, no faults. */
  readonly erlang: boolean;
  /** Share of offers that a veto refuses; a tenth as many have no answer. 0: there is no veto. */
  readonly veto: number;
  /** Late answers, lost replies, journal refusals, restarts. */
  readonly faults: boolean;
  /** Events between two looks at everything; 0: chosen by the size of the house. */
  readonly checkEvery: number;
  /** Keeps the day in this journal file; '': in memory. */
  readonly journal: string;
}

export const SIM_DEFAULTS: SimOptions = {
  seed: 1,
  hours: 8,
  agents: 200,
  callsPerHour: 1500,
  queues: 5,
  memberships: 2,
  strategy: 'most-idle',
  handle: 420,
  patience: 180,
  wrapup: 10,
  threshold: 20,
  erlang: false,
  veto: 0,
  faults: true,
  checkEvery: 0,
  journal: '',
};

/** Least and most of each number; whole numbers where the third says so. */
const BOUNDS: Readonly<Record<string, readonly [number, number, boolean]>> = {
  seed: [0, 4_294_967_295, true],
  hours: [0.01, 1_000, false],
  agents: [1, 100_000, true],
  callsPerHour: [1, 10_000_000, false],
  queues: [1, 1_000, true],
  memberships: [1, 1_000, true],
  handle: [1, 36_000, false],
  patience: [0, 36_000, false],
  wrapup: [0, 3_600, false],
  veto: [0, 0.9, false],
  threshold: [1, 3_600, false],
  checkEvery: [0, 1_000_000_000, true],
};

/** `callsPerHour` as it is written: `--calls-per-hour`. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The plain case has one queue and nothing that theory does not know. */
export function settle(asked: Partial<SimOptions>): SimOptions {
  const options = { ...SIM_DEFAULTS, ...asked };
  const plain = { queues: 1, memberships: 1, wrapup: 0, veto: 0, faults: false };
  const settled = options.erlang ? { ...options, ...plain } : options;
  return { ...settled, memberships: Math.min(settled.memberships, settled.queues) };
}

/** What is wrong, in words; null: nothing. */
export function faultOfOptions(options: SimOptions): string | null {
  for (const [name, [least, most, isWhole]] of Object.entries(BOUNDS)) {
    const value = options[name as keyof SimOptions] as number;
    if (isWhole && !Number.isInteger(value)) return `${flagOf(name)} must be a whole number`;
    if (!(value >= least && value <= most)) return `${flagOf(name)}: from ${least} to ${most}`;
  }
  const load = (options.callsPerHour / 3600) * options.handle;
  if (options.erlang && options.patience === 0 && load >= options.agents) {
    const text = `${load.toFixed(1)} erlangs need more than ${options.agents} agents`;
    return `${text} where nobody gives up (--patience 0): there is no balance to compare with`;
  }
  return null;
}

/** The command that runs the same again. */
export function writeCommand(options: SimOptions): string {
  const told = Object.entries(options).flatMap(([name, value]) => {
    if (name === 'journal') return [];
    const isStandard = value === SIM_DEFAULTS[name as keyof SimOptions];
    if (isStandard && !['seed', 'hours', 'agents', 'callsPerHour'].includes(name)) return [];
    if (name === 'faults') return options.erlang ? [] : ['--no-faults'];
    return [value === true ? flagOf(name) : `${flagOf(name)} ${String(value)}`];
  });
  return `npm run sim -- ${told.join(' ')}`;
}
