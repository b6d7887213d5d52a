/**
 * The one clock of a process. Commands are stamped by it, so it never goes back, not even when the
 * machine's wall clock does or when a restart finds a journal written by a clock that was ahead: it
 * then runs a tenth slower than time until the wall has caught up, so that deadlines still come.
 * Where the wall is set forward it runs a tenth faster until it has caught up: no phone stops
 * ringing, and nobody has waited too long, because somebody mended the time. Only what is too far
 * for that is leapt over.
 */
export interface Clock {
  /** Whole milliseconds since the epoch, never less than before. */
  now(): number;
  /** From now on never before this instant (the last one in the journal). */
  atLeast(instant: number): void;
}

const SLOWER = 0.9;
const FASTER = 1.1;
/** Further ahead the wall is followed at once; less is caught up with in a hundred minutes. */
const LEAP_MS = 10 * 60_000;
/** So little ahead it is followed at once, too: nobody would notice. */
const STEP_MS = 1_000;

/** `wall` and `elapsed` are the machine's: ms since the epoch, and ms that only go forward. */
export function makeClock(
  wall: () => number = () => Date.now(),
  elapsed: () => number = () => performance.now(),
): Clock {
  let last = wall();
  let lastElapsed = elapsed();
  return {
    now() {
      const tick = elapsed();
      const gone = Math.max(0, tick - lastElapsed);
      lastElapsed = tick;
      const time = wall();
      const ahead = time - (last + gone);
      if (ahead > LEAP_MS || (ahead >= 0 && ahead < STEP_MS)) last = time;
      else if (ahead > 0) last = Math.min(time, last + gone * FASTER);
      else last = Math.max(time, last + gone * SLOWER);
      return Math.floor(last);
    },
    atLeast(instant) {
      last = Math.max(last, instant);
    },
  };
}
