/**
 * Time as the SIP server sees it, so that tests can turn it by hand. Node keeps timers of equal
 * length in one list, so a plain timeout per transaction costs next to nothing.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  after(ms: number, run: () => void): Timer;
}

/** @param guard runs every expiry, so that a defect in one cannot end the process */
export function systemClock(guard: (run: () => void) => void): Clock {
  return {
    now: () => Date.now(),
    after(ms, run) {
      const handle = setTimeout(() => {
        guard(run);
      }, ms);
      return {
        cancel: () => {
          clearTimeout(handle);
        },
      };
    },
  };
}
