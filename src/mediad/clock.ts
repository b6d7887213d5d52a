/**
 * The one timer. Time is cut into beats of 5 ms; a leg is served every fourth beat, on the beat
 * (phase) that had the fewest legs when it joined, so that a thousand callers leave as four small
 * bursts instead of one. A beat of many legs is served in slices, and between two of them whatever
 * lies in the sockets is done: an order need not wait for hundreds of packets. The beat is kept
 * against the monotonic clock, not against the timer, so it does not drift; after a stall it makes
 * up for at most `catchUpFrames` and skips the rest. What arrived meanwhile waits in the kernel:
 * `owedMs` tells who counts packets of how much time. While nobody is played anything the clock
 * only wakes for the quarter-second round.
 */
import { limits } from './limits.ts';

export const phases = 4;
const frameMs = 20;
const beatMs = frameMs / phases;
const tendMs = 250;
/** Timers count whole milliseconds: a beat due within half of one is served now. */
const earlyMs = 0.5;
/** Later than this we were held up. */
const noticedMs = 100;

export interface ClockWork {
  /**
   * Serves a phase, or a slice of it. `at`: when the beat was due. `skipped`: time was lost before
   * it. False: there is more of it, to be asked for with the same `at`.
   */
  beat(phase: number, at: number, skipped: boolean): boolean;
  /** The round over all legs. */
  tend(now: number): void;
  /** Is any leg in the phases? */
  isBusy(): boolean;
}

export class Clock {
  /** Beats made up for late, and frames given up: shown by `stats`. */
  lateBeats = 0;
  skippedFrames = 0;
  private readonly work: ClockWork;
  private timer: NodeJS.Timeout | null = null;
  private phase = 0;
  private due = 0;
  private tendDue = 0;
  private wakeAt = 0;
  /** The last time that we were held up, and how long. */
  private stallEnd = 0;
  private stallMs = 0;
  private isBeating = false;
  /** A slice of the beat was served, and more is to come. */
  private isAmid = false;
  private skipBeats = 0;

  constructor(work: ClockWork) {
    this.work = work;
  }

  now(): number {
    return performance.now();
  }

  start(): void {
    this.tendDue = this.now() + tendMs;
    this.sleep(this.now());
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** A leg joined the phases. */
  wake(): void {
    if (this.isBeating || this.timer === null) return;
    this.isBeating = true;
    this.due = this.now();
    // Asked for before the timer could tell that we were held up.
    this.notice(this.due);
    this.skipBeats = phases;
    clearTimeout(this.timer);
    this.wakeAt = this.due + 1;
    this.timer = setTimeout(this.run, 1);
  }

  /** Of how much time there may be packets, beside those of now, because we were held up. */
  owedMs(now: number): number {
    const lateMs = now - this.wakeAt;
    const owed = now - this.stallEnd < this.stallMs ? this.stallMs : 0;
    return Math.min(limits.stallMs, Math.max(owed, lateMs < noticedMs ? 0 : lateMs));
  }

  /** Were we held up? */
  private notice(now: number): void {
    const lateMs = now - this.wakeAt;
    if (lateMs < noticedMs) return;
    this.stallEnd = now;
    this.stallMs = lateMs;
  }

  private readonly run = (): void => {
    // Stopped between two slices.
    if (this.timer === null) return;
    const now = this.now();
    this.notice(now);
    const isServed = !this.isBeating || this.beats(now);
    if (now >= this.tendDue) {
      this.tendDue = now + tendMs;
      this.work.tend(now);
      if (!this.work.isBusy()) this.isBeating = false;
    }
    if (isServed) {
      this.sleep(this.now());
      return;
    }
    this.wakeAt = this.now();
    setImmediate(this.run);
  };

  /** Serves what is due; false: a slice of it. */
  private beats(now: number): boolean {
    const behind = now - this.due;
    const most = limits.catchUpFrames * frameMs;
    // Not amid a beat: those who had theirs would be served again before the others.
    if (behind > most && !this.isAmid) {
      // Whole frames only, so that each phase keeps its place in the 20 ms.
      const frames = Math.ceil((behind - most) / frameMs);
      this.due += frames * frameMs;
      this.skippedFrames += frames;
      this.skipBeats = phases;
    }
    while (this.due <= now + earlyMs) {
      if (!this.isAmid && now - this.due > frameMs) this.lateBeats += 1;
      this.isAmid = !this.work.beat(this.phase, this.due, this.skipBeats > 0);
      if (this.isAmid) return false;
      if (this.skipBeats > 0) this.skipBeats -= 1;
      this.phase = (this.phase + 1) % phases;
      this.due += beatMs;
    }
    return true;
  }

  private sleep(now: number): void {
    const until = this.isBeating ? Math.min(this.due, this.tendDue) : this.tendDue;
    const pause = Math.max(1, Math.round(until - now));
    this.wakeAt = now + pause;
    this.timer = setTimeout(this.run, pause);
  }
}
