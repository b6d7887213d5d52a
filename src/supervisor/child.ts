/**
 * One child process of the supervisor: started, known to be ready by the JSON line it prints,
 * started again with growing pauses when it dies, replaced by a new version without a moment in
 * which two serve, killed where it hangs (pulse.ts), stopped by SIGTERM and, if that does not help,
 * SIGKILL. One that a former supervisor left behind is taken over where it is of the same version
 * and configuration, and ended where it is not. What it prints goes to the one log.
 */
import type { ChildSpec, Former, Life, Readiness } from './life.ts';
import { findFormer, spawnLife } from './life.ts';
import { watchPulse } from './pulse.ts';
import type { Spare } from './spare.ts';

export interface ChildOptions {
  readonly name: string;
  /** Asked at every start, as ports learnt at the first start are fixed for the next. */
  readonly spec: () => ChildSpec;
  /** A line that the child printed. */
  readonly line: (text: string) => void;
  readonly note: (level: 'info' | 'warn' | 'error', text: string) => void;
  /** Where one of a former supervisor would be found; absent: there is none. */
  readonly lifeline?: string;
  /** Ends one that cannot be taken over; default SIGTERM. */
  readonly dismiss?: (life: Life) => void;
  readonly readyMs?: number;
  readonly stopMs?: number;
  /** It alone can end its calls politely: a stop follows one that was just killed first. */
  readonly endsCalls?: boolean;
  /** Takes the place of one that ended; absent: there is none. */
  readonly spare?: Spare;
  /** One that does not answer for so long hangs, and is killed; absent or 0: it is not asked. */
  readonly hungMs?: number;
}

/** Pauses before a restart; the last one repeats. Who stayed up for a while begins anew. */
export const RESTART_MS = [100, 500, 1_000, 2_000, 5_000];
const STEADY_MS = 10_000;
const STOP_MS = 8_000;
/** A process that was told to hand over has this long, then it is killed. */
const HAND_OVER_MS = 10_000;

export class Child {
  private readonly options: ChildOptions;
  private life: Life | null = null;
  private former: Former | null = null;
  private restartTimer: NodeJS.Timeout | null = null;
  private stopping = false;
  /** Only a child that was ready once is started again by itself. */
  private isUp = false;
  private failures = 0;

  constructor(options: ChildOptions) {
    this.options = options;
  }

  get pid(): number | null {
    return this.life?.pid ?? null;
  }

  /** Is there one of a former supervisor? '' or why that cannot be told. */
  async findFormer(): Promise<string> {
    const { lifeline } = this.options;
    const found = lifeline === undefined ? null : await findFormer(lifeline);
    if (found === 'mute') {
      return `a process of a former start still holds ${lifeline ?? ''} and says nothing; end it`;
    }
    this.former = found;
    return '';
  }

  get hasFormer(): boolean {
    return this.former !== null;
  }

  /** Takes the former one over where its mark fits, or ends it; true: it is ours now. */
  async adopt(mark: string): Promise<boolean> {
    const { former } = this;
    const { name, note, line, dismiss } = this.options;
    this.former = null;
    if (former === null) return false;
    former.hear(line);
    if (former.mark === mark) {
      this.watch(former.life);
      this.isUp = true;
      note('info', `${name} went on without a supervisor and was taken over`);
      return true;
    }
    note(
      'info',
      `${name} of the former start is of another version or configuration: started anew`,
    );
    if (dismiss !== undefined) dismiss(former.life);
    else former.life.signal('SIGTERM');
    await this.killAfter(former.life, HAND_OVER_MS);
    return false;
  }

  /** Lets the former one go on alone, as we cannot start. */
  leaveFormer(): void {
    this.former?.leave();
    this.former = null;
  }

  /** First start, or what was taken over; a failure is the caller's to tell. Later deaths are
   *  mended here. */
  async start(): Promise<Readiness> {
    const ready = await (this.life?.ready ?? this.launch());
    // It serves nobody yet: no calls to wait for.
    if (!ready.ok) await this.stop(STOP_MS);
    return ready;
  }

  private async launch(): Promise<Readiness> {
    const life = this.options.spare?.take() ?? this.spawn([]);
    this.watch(life);
    const first = await life.ready;
    if (first.ok && !this.stopping) this.isUp = true;
    return first;
  }

  private spawn(more: readonly string[]): Life {
    const { spec, line, readyMs } = this.options;
    const { command, args, env } = spec();
    const limit = readyMs === undefined ? {} : { readyMs };
    return spawnLife({ command, args: [...args, ...more], env, line, ...limit });
  }

  /** No process could be made at all: no descriptors, no memory, its files being replaced. */
  private tryToSpawn(more: readonly string[]): Life | Extract<Readiness, { ok: false }> {
    try {
      return this.spawn(more);
    } catch (error) {
      return { ok: false, error: `no process can be made: ${(error as Error).message}` };
    }
  }

  private watch(life: Life): void {
    this.life = life;
    const { spare } = this.options;
    const startedAt = performance.now();
    void life.ready.then(({ ok }) => {
      if (!ok || this.life !== life) return;
      spare?.plan();
      this.watchPulse(life);
    });
    void life.ended.then((why) => {
      if (this.life !== life) return;
      this.life = null;
      if (performance.now() - startedAt > STEADY_MS) this.failures = 0;
      this.restartLater(`${this.options.name} ended (${why})`);
    });
  }

  /** Its end leads to the next one, as any other end does; a stop waits for one that hangs no
   *  longer than this. */
  private watchPulse(life: Life): void {
    const { hungMs = 0, name, note } = this.options;
    if (hungMs === 0) return;
    const hung = (): void => {
      if (this.life !== life) return;
      note('error', `${name} hangs: it has not answered for ${hungMs / 1000} s, and is killed`);
      life.signal('SIGKILL');
    };
    watchPulse(life, { limitMs: hungMs, hung });
  }

  private restartLater(why: string): void {
    if (this.stopping || !this.isUp) return;
    const { note, spare } = this.options;
    const isFirst = this.failures === 0;
    const pause = RESTART_MS[Math.min(this.failures, RESTART_MS.length - 1)] ?? 0;
    this.failures += 1;
    if (isFirst && spare !== undefined && spare.pid !== null) {
      note('error', `${why}; its spare takes over`);
      void this.restart();
      return;
    }
    note('error', `${why}; starting it again in ${pause / 1000} s`);
    this.restartTimer = setTimeout(() => {
      this.restartTimer = null;
      void this.restart();
    }, pause);
  }

  private async restart(): Promise<void> {
    const { name, note } = this.options;
    const ready = await this.launch().catch((error: unknown) => {
      // No process could be made at all: no descriptors, no memory, its files being replaced.
      const told = `${name} cannot be started: ${(error as Error).message}`;
      this.restartLater(told);
      return null;
    });
    if (ready === null) return;
    if (ready.ok) note('info', `${name} is back`);
    else {
      note('error', `${name} did not start: ${ready.error}`);
      // Where it still runs without being ready, its end leads to the next attempt.
      this.life?.signal('SIGKILL');
    }
  }

  /**
   * Swaps the process for a new one, of whatever version is on disk now. The new one gets as far as
   * it can beside the old one and says `prepared`; the old one is told `handover` and ends; the new
   * one is told `go`. One that cannot begin costs nothing: the old one stays.
   */
  async replace(): Promise<Readiness> {
    const old = this.life;
    const { name, spare } = this.options;
    if (old === null || this.stopping) return { ok: false, error: `${name} does not run now` };
    // It is of the old version.
    spare?.drop();
    const next = this.tryToSpawn(['--held']);
    if ('error' in next) {
      spare?.plan();
      return next;
    }
    const prepared = await next.prepared;
    // A process that died meanwhile is being mended already.
    const isMoot = this.life !== old || this.stopping;
    if (!prepared.ok || isMoot) {
      next.signal('SIGKILL');
      if (this.life === old) spare?.plan();
      return prepared.ok ? { ok: false, error: `${name} ended meanwhile` } : prepared;
    }
    this.watch(next);
    old.order('handover');
    await this.killAfter(old, HAND_OVER_MS);
    next.begin();
    const ready = await next.ready;
    // Its end leads to the next attempt.
    if (!ready.ok) next.signal('SIGKILL');
    return ready;
  }

  /** Settles when it has ended, by SIGKILL where it takes too long. */
  private async killAfter(life: Life, ms: number): Promise<void> {
    const { name, note } = this.options;
    const timer = setTimeout(() => {
      note('warn', `${name} did not stop within ${ms / 1000} s and was killed`);
      life.signal('SIGKILL');
    }, ms);
    await life.ended;
    clearTimeout(timer);
  }

  /** SIGTERM, after its time SIGKILL; settles when it has ended. Never started again. */
  async stop(stopMs = this.options.stopMs ?? STOP_MS): Promise<void> {
    this.stopping = true;
    if (this.options.endsCalls === true && this.isUp) await this.follow();
    this.options.spare?.close();
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    const { life } = this;
    if (life?.signal('SIGTERM') === true) await this.killAfter(life, stopMs);
    else await life?.ended;
  }

  /** Waits until the one that begins serves; one that failed more than once is not tried again. */
  private async follow(): Promise<void> {
    if (this.restartTimer === null || this.failures > 1) return void (await this.life?.ready);
    clearTimeout(this.restartTimer);
    this.restartTimer = null;
    await this.restart();
  }

  /** Once more SIGTERM to one that is stopping: it shall make haste. */
  hurry(): void {
    this.life?.signal('SIGTERM');
  }

  /** Tells it to load its configuration again; one that does not run reads it when it starts. */
  reload(): void {
    this.life?.signal('SIGHUP');
  }

  /** At once. */
  kill(): void {
    this.stopping = true;
    this.options.spare?.close();
    this.life?.signal('SIGKILL');
  }
}
