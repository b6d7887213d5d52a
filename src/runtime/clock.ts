/**
 * The one clock. Commands are stamped by it, so it never goes back, not even when the machine's
 * wall clock does or when a restart finds a journal written by a clock that was ahead: it then
 * runs a tenth slower than time until the wall has caught up, so that deadlines still come.
 */
export interface Clock {
  /** Whole milliseconds since the epoch, never less than before. */
  now(): number;
  /** From now on never before this instant (the last one in the journal). */
  atLeast(instant: number): void;
}

const SLOWER = 0.9;

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
      last = Math.max(wall(), last + gone * (wall() >= last + gone ? 1 : SLOWER));
      return Math.floor(last);
    },
    atLeast(instant) {
      last = Math.max(last, instant);
    },
  };
}
