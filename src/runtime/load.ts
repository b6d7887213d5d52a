/**
 * Whether one more call can be taken: not beyond the configured number of calls, and not while the
 * event loop runs late, for a server that is late for everybody serves nobody. Measured by a timer
 * that should come every 50 ms; its delay is averaged over half a second. A pause (a slow disk, a
 * large collection of garbage) refuses nobody: the delay must last a second, and be gone for one.
 */
export type Overload = 'calls' | 'loop-delay';

export interface LoadOptions {
  /** Calls that may be here at once, and how many are. */
  readonly maxCalls: number;
  readonly calls: () => number;
  /** Mean delay of the event loop from which on new calls are refused, ms; 0: never. */
  readonly maxDelayMs: number;
  /** New calls were refused, here or by the SIP server for us. */
  readonly onRefused: (why: Overload, count: number) => void;
}

export interface LoadShown {
  /** Null: new calls are taken. */
  readonly overload: Overload | null;
  readonly loopDelayMs: number;
  readonly calls: number;
  readonly refused: number;
}

const TICK_MS = 50;
const AVERAGE_MS = 500;
/** So long the delay must be above the limit, or below half of it, to count. */
const LASTING_MS = 1_000;
/** The SIP server is told anew this often while it is to refuse calls. */
const TELL_MS = 1_000;
/** It refuses for so long if we say no more: longer than any delay that we survive. */
export const LEASE_MS = 5_000;

/** Tells the SIP server to refuse new calls for so long; 0: no longer. */
type Tell = (leaseMs: number) => void;

export class LoadGate {
  private readonly options: LoadOptions;
  private tell: Tell = () => undefined;
  private delayMs = 0;
  private isLate = false;
  /** Since when the delay is on the other side of its limit; null: it is not. */
  private turningSince: number | null = null;
  private toldAt = 0;
  private refusedCount = 0;

  constructor(options: LoadOptions) {
    this.options = options;
  }

  /** Who can refuse calls before they reach us. */
  onLate(tell: Tell): void {
    this.tell = tell;
  }

  /**
   * One measurement.
   * @param now milliseconds of a clock that never jumps
   * @param elapsedMs since the one before
   * @param lateMs how much later than wanted it came
   */
  measure(now: number, elapsedMs: number, lateMs: number): void {
    const { maxDelayMs } = this.options;
    const weight = 1 - Math.exp(-elapsedMs / AVERAGE_MS);
    this.delayMs += weight * (lateMs - this.delayMs);
    if (maxDelayMs === 0) return;
    const isTurning = this.isLate ? this.delayMs < maxDelayMs / 2 : this.delayMs > maxDelayMs;
    if (!isTurning) this.turningSince = null;
    else this.turningSince ??= now;
    if (this.turningSince !== null && now - this.turningSince >= LASTING_MS) {
      this.isLate = !this.isLate;
      this.turningSince = null;
      this.toldAt = now;
      this.tell(this.isLate ? LEASE_MS : 0);
    } else if (this.isLate && now - this.toldAt >= TELL_MS) {
      this.toldAt = now;
      this.tell(LEASE_MS);
    }
  }

  /** Why a new call is to be refused; null: it is not. Logins are no calls, but cost as much. */
  refuses(what: 'call' | 'login'): Overload | null {
    const why = this.overload();
    if (why === null || (why === 'calls' && what === 'login')) return null;
    this.refused(why, 1);
    return why;
  }

  /** The SIP server refused so many for us. */
  refused(why: Overload, count: number): void {
    if (count === 0) return;
    this.refusedCount += count;
    this.options.onRefused(why, count);
  }

  private overload(): Overload | null {
    if (this.isLate) return 'loop-delay';
    return this.options.calls() >= this.options.maxCalls ? 'calls' : null;
  }

  shown(): LoadShown {
    return {
      overload: this.overload(),
      loopDelayMs: this.delayMs,
      calls: this.options.calls(),
      refused: this.refusedCount,
    };
  }
}

/** Measures until told to stop. */
export function watchLoad(gate: LoadGate): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const elapsed = now - last;
    last = now;
    gate.measure(now, elapsed, Math.max(0, elapsed - TICK_MS));
  }, TICK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
