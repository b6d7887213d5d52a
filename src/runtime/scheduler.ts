/**
 * What the loop waits with. In production the machine's timers; in the simulator a stepped
 * timeline, on which eight hours pass in seconds and every run of a seed is the same run.
 */

/** Calls off what was to run; afterwards it does nothing. */
export type Cancel = () => void;

export interface Scheduler {
  /** Runs once what is under way now has ended. */
  soon(run: () => void): void;
  /** Runs once after this many milliseconds. */
  after(ms: number, run: () => void): Cancel;
  /** Milliseconds since any fixed origin; they only go forward. */
  elapsed(): number;
}

export const machineScheduler: Scheduler = {
  soon(run) {
    setImmediate(run);
  },
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  elapsed: () => performance.now(),
};
