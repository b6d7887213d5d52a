/**
 * A spare process: one that has loaded all of a program's code and waits for the word `go`, kept so
 * that the child that dies is followed at once; loading is most of what a start takes. It has read
 * no configuration, opened no file and no socket; it dies with us. One is only ever given away if
 * a process started now would run the same program files with the same options: where they have
 * changed on disk meanwhile, the spare is thrown away and the ordinary start is taken. (Libraries
 * are not looked at: after an update of those, `acd restart`.)
 */
import { isDeepStrictEqual } from 'node:util';
import type { ChildSpec, Life } from './life.ts';
import { spawnLife } from './life.ts';
import { watchPulse } from './pulse.ts';

export interface SpareOptions {
  readonly name: string;
  /** How one would be started now; what it is to be afterwards is part of it. */
  readonly spec: () => ChildSpec;
  readonly line: (text: string) => void;
  readonly note: (level: 'info' | 'warn', text: string) => void;
  /** Pauses before one is made, ms; the last one repeats. */
  readonly pausesMs?: readonly number[];
  /** One that does not answer for so long hangs, and is killed; absent or 0: it is not asked. */
  readonly hungMs?: number;
}

/**
 * After the child is ready, it gets this long to itself: loading costs a second of a core. A spare
 * that ends by itself is followed by the next one after the next of these.
 */
const PAUSES_MS = [5_000, 15_000, 60_000, 300_000];

/** One that lived so long did not fail at what the one before it did. */
const STEADY_MS = 600_000;

export class Spare {
  private readonly options: SpareOptions;
  private life: Life | null = null;
  /** What it was started as. */
  private spec: ChildSpec | null = null;
  private timer: NodeJS.Timeout | null = null;
  private failures = 0;
  private isClosed = false;
  /** Asks it no more. */
  private unwatch = (): void => undefined;

  constructor(options: SpareOptions) {
    this.options = options;
  }

  /** Null: there is none now. */
  get pid(): number | null {
    return this.life?.pid ?? null;
  }

  /** The child is up: makes one in a while, if there is none. */
  plan(): void {
    if (this.isClosed || this.life !== null || this.timer !== null) return;
    const { pausesMs = PAUSES_MS } = this.options;
    const pause = pausesMs[Math.min(this.failures, pausesMs.length - 1)];
    this.timer = setTimeout(() => {
      this.timer = null;
      this.make();
    }, pause);
  }

  private make(): void {
    const { name, note, line } = this.options;
    let life: Life;
    try {
      this.spec = this.options.spec();
      life = spawnLife({ ...this.spec, line, readyMs: null });
    } catch (error) {
      // Its files are just being replaced, or there are no more processes to be had.
      this.failures += 1;
      note('warn', `no spare ${name} can be made now: ${(error as Error).message}`);
      return this.plan();
    }
    this.life = life;
    const madeAt = performance.now();
    void life.prepared.then(({ ok }) => {
      if (!ok || this.life !== life) return;
      note('info', `a spare ${name} is ready`);
      this.watchPulse(life);
    });
    void life.ended.then((why) => {
      if (this.life !== life) return;
      this.life = null;
      this.failures = performance.now() - madeAt > STEADY_MS ? 1 : this.failures + 1;
      note('warn', `the spare ${name} ended (${why})`);
      this.plan();
    });
  }

  /** One that hangs would be taken for one that begins. Its end leads to the next. */
  private watchPulse(life: Life): void {
    const { name, note, hungMs = 0 } = this.options;
    if (hungMs === 0) return;
    const hung = (): void => {
      note('warn', `the spare ${name} hangs, and is killed`);
      life.signal('SIGKILL');
    };
    this.unwatch = watchPulse(life, { limitMs: hungMs, hung });
  }

  /** Gives it away, told to begin; null: there is none that could. None is made until `plan`. */
  take(): Life | null {
    const life = this.forget();
    if (life === null) return null;
    if (this.isStillTheSame()) {
      life.begin();
      return life;
    }
    this.options.note('info', `${this.options.name} changed on disk: its spare is thrown away`);
    life.signal('SIGKILL');
    return null;
  }

  private isStillTheSame(): boolean {
    try {
      return isDeepStrictEqual(this.spec, this.options.spec());
    } catch (error) {
      const detail = (error as Error).message;
      this.options.note('warn', `the files of ${this.options.name} cannot be read: ${detail}`);
      return false;
    }
  }

  /** Throws it away: what it has loaded may be old. */
  drop(): void {
    // It holds nothing that would need a farewell.
    this.forget()?.signal('SIGKILL');
  }

  /** As `drop`, for good. */
  close(): void {
    this.isClosed = true;
    this.drop();
  }

  private forget(): Life | null {
    const { life } = this;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.unwatch();
    this.life = null;
    this.failures = 0;
    return life;
  }
}
