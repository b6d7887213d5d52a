/**
 * Time as the SIP server sees it, so that tests can turn it by hand. Node keeps timers of equal
 * length in one list, so a plain timeout per transaction costs next to nothing.
 */
import { makeClock } from '../shared/clock.ts';
import { MAX_TIMER_MS } from './limits.ts';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970; never less than before, whatever the machine's clock is set to. */
  now(): number;
  /** From now on never before this instant (the last one in the store). */
  atLeast(instant: number): void;
  after(ms: number, run: () => void): Timer;
}

/** @param guard runs every expiry, so that a defect in one cannot end the process */
export function systemClock(guard: (run: () => void) => void): Clock {
  const steady = makeClock();
  return {
    now: () => steady.now(),
    atLeast: (instant) => {
      steady.atLeast(instant);
    },
    after(ms, run) {
      // Node runs what is set for later than this at once (a peer may name any interval).
      const handle = setTimeout(
        () => {
          guard(run);
        },
        Math.min(ms, MAX_TIMER_MS),
      );
      return {
        cancel: () => {
          clearTimeout(handle);
        },
      };
    },
  };
}
