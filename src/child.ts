/**
 * One child process of the supervisor: started, known to be ready by the JSON line it prints,
 * started again with growing pauses when it dies, stopped by SIGTERM and, if that does not help,
 * SIGKILL. What it prints goes to the one log.
 *
 * A child leads a process group of its own, so Ctrl-C in the terminal reaches the supervisor
 * alone, which then stops its children in their order. Its standard input is a pipe from us: its
 * end tells the child that its parent is gone.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ChildSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to our own environment; secrets go here, never into `args`. */
  readonly env: Readonly<Record<string, string>>;
}

/** The readiness line, parsed. */
export type Readiness =
  | { readonly ok: true; readonly told: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly error: string };

export interface ChildOptions {
  readonly name: string;
  /** Asked at every start, as ports learnt at the first start are fixed for the next. */
  readonly spec: () => ChildSpec;
  /** A line that the child printed. */
  readonly line: (text: string) => void;
  readonly note: (level: 'info' | 'warn' | 'error', text: string) => void;
  readonly readyMs?: number;
  readonly stopMs?: number;
}

/** Pauses before a restart; the last one repeats. Staying up for a minute begins anew. */
export const RESTART_MS = [100, 500, 1_000, 2_000, 5_000];
const STEADY_MS = 60_000;
const READY_MS = 15_000;
const STOP_MS = 8_000;
const MAX_LINE = 8_000;

export class Child {
  private readonly options: ChildOptions;
  private process: ChildProcess | null = null;
  private ended: Promise<void> = Promise.resolve();
  private restartTimer: NodeJS.Timeout | null = null;
  private stopping = false;
  /** Only a child that was ready once is started again by itself. */
  private isUp = false;
  private failures = 0;

  constructor(options: ChildOptions) {
    this.options = options;
  }

  get pid(): number | null {
    return this.process?.pid ?? null;
  }

  /** First start; a failure is the caller's to tell. Later deaths are mended here. */
  async start(): Promise<Readiness> {
    const ready = await this.launch();
    if (!ready.ok) await this.stop();
    return ready;
  }

  private async launch(): Promise<Readiness> {
    const { name, spec } = this.options;
    const { command, args, env } = spec();
    const child = spawn(command, [...args], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.process = child;
    const startedAt = performance.now();
    // A child that has died takes no input; its end is told by `exit` below.
    child.stdin.on('error', (error) => this.options.line(`stdin: ${error.message}`));
    const ready = this.listen(child);
    this.ended = new Promise((resolve) => {
      const end = (why: string) => {
        if (this.process !== child) return;
        this.process = null;
        resolve();
        if (performance.now() - startedAt > STEADY_MS) this.failures = 0;
        this.restartLater(`${name} ended (${why})`);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ?? `status ${code ?? 'unknown'}`));
    });
    const first = await ready;
    if (first.ok && !this.stopping) this.isUp = true;
    return first;
  }

  /** Its lines to the log, and its readiness line to us. */
  private async listen(child: ChildProcess): Promise<Readiness> {
    const { readyMs = READY_MS, line } = this.options;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve({ ok: false, error: `was not ready within ${readyMs / 1000} s` });
      }, readyMs);
      const settle = (readiness: Readiness) => {
        clearTimeout(timer);
        resolve(readiness);
      };
      child.once('error', (error) => settle({ ok: false, error: error.message }));
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        const lines = createInterface({ input: stream, crlfDelay: Infinity });
        lines.on('line', (text) => {
          const readiness = stream === child.stdout ? readinessOf(text) : null;
          if (readiness !== null) settle(readiness);
          else if (text !== '') line(text.slice(0, MAX_LINE));
        });
      }
      child.once('close', (code, signal) => {
        settle({ ok: false, error: `ended at once (${signal ?? `status ${code ?? 'unknown'}`})` });
      });
    });
  }

  private restartLater(why: string): void {
    if (this.stopping || !this.isUp) return;
    const pause = RESTART_MS[Math.min(this.failures, RESTART_MS.length - 1)] ?? 0;
    this.failures += 1;
    this.options.note('error', `${why}; starting it again in ${pause / 1000} s`);
    this.restartTimer = setTimeout(() => {
      this.restartTimer = null;
      void this.restart();
    }, pause);
  }

  private async restart(): Promise<void> {
    const ready = await this.launch();
    const { name, note } = this.options;
    if (ready.ok) note('info', `${name} is back`);
    // Where it still runs without being ready, its end leads to the next attempt.
    else if (!this.signal('SIGKILL')) note('error', `${name} did not start: ${ready.error}`);
  }

  private signal(signal: NodeJS.Signals): boolean {
    return this.process?.kill(signal) ?? false;
  }

  /** SIGTERM, after its time SIGKILL; settles when it has ended. Never started again. */
  async stop(): Promise<void> {
    this.stopping = true;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    if (!this.signal('SIGTERM')) return this.ended;
    const { name, note, stopMs = STOP_MS } = this.options;
    const timer = setTimeout(() => {
      note('warn', `${name} did not stop within ${stopMs / 1000} s and was killed`);
      this.signal('SIGKILL');
    }, stopMs);
    await this.ended;
    clearTimeout(timer);
    return undefined;
  }

  /** At once. */
  kill(): void {
    this.stopping = true;
    this.signal('SIGKILL');
  }
}

/** `{"ready":true,…}` or `{"ready":false,"error":"…"}`; null: another line. */
export function readinessOf(line: string): Readiness | null {
  if (!line.startsWith('{"ready":')) return null;
  try {
    const told = JSON.parse(line) as Record<string, unknown>;
    if (told['ready'] === true) return { ok: true, told };
    const { error } = told;
    return { ok: false, error: typeof error === 'string' ? error : 'did not say why' };
  } catch (error) {
    return { ok: false, error: `its first line cannot be read: ${(error as Error).message}` };
  }
}
