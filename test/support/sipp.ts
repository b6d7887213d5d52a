/**
 * Debian's SIPp with a scenario of test/fixtures/sipp: many callers or agents at once, and a third
 * opinion on what correct SIP is. The outcome is its exit status and its counters.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { until } from './inbox.ts';
import { freePort, freeRange, isFree } from './ports.ts';
import { run, type Running } from './processes.ts';
import type { Actor, Stage } from './stage.ts';

export interface SippOptions {
  /** Name of the scenario, without .xml. */
  readonly scenario: string;
  /** `host:port` of the far end; a scenario that waits for calls needs none. */
  readonly remote?: string;
  /** -s: what is dialled. */
  readonly service?: string;
  /** Calls in all; default 1. A scenario that waits ends after so many. */
  readonly calls?: number;
  /** Calls a second; default 10. */
  readonly rate?: number;
  /** -key name value */
  readonly keys?: Readonly<Record<string, string>>;
  readonly transport?: 'u1' | 't1';
  readonly port?: number;
  /** The whole run must end within; default 60 s. */
  readonly seconds?: number;
}

export interface SippResult {
  /** 0: every call as the scenario says. */
  readonly code: number | null;
  readonly successful: number;
  readonly failed: number;
  /** What went wrong, in SIPp's words. */
  readonly errors: string;
}

export interface Sipp extends Actor {
  readonly port: number;
  readonly process: Running;
  /** Settles when it has ended. */
  readonly result: Promise<SippResult>;
}

const fixtures = path.resolve(import.meta.dirname, '../fixtures/sipp');

export async function startSipp(stage: Stage, options: SippOptions): Promise<Sipp> {
  const port = options.port ?? (await freePort());
  const rtp = await freeRange(8);
  const home = path.join(stage.folder, `sipp-${options.scenario}-${port}`);
  mkdirSync(home, { recursive: true });
  const keys = Object.entries(options.keys ?? {}).flatMap(([name, value]) => ['-key', name, value]);
  const service = options.service === undefined ? [] : ['-s', options.service];
  const remote = options.remote === undefined ? [] : [options.remote];
  const running = run({
    name: `sipp:${options.scenario}`,
    command: 'sipp',
    args: [
      ...remote,
      ...['-sf', path.join(fixtures, `${options.scenario}.xml`)],
      ...['-i', '127.0.0.1', '-p', String(port), '-t', options.transport ?? 'u1'],
      ...['-mp', String(rtp.min)],
      ...['-m', String(options.calls ?? 1), '-r', String(options.rate ?? 10)],
      ...['-timeout', `${options.seconds ?? 60}s`, '-timeout_error'],
      ...['-trace_stat', '-trace_err', '-trace_msg', '-nostdin', '-fd', '1'],
      ...service,
      ...keys,
    ],
    cwd: home,
    log: path.join(home, 'sipp.log'),
    env: { TERM: 'dumb' },
  });
  if (options.remote === undefined) {
    // It prints nothing while it waits for calls; its socket is the sign.
    await until(
      `sipp at ${port}`,
      async () => isFree(port),
      (free) => !free,
    );
  }
  return {
    port,
    process: running,
    result: running.ended.then(({ code }) => resultOf(home, code)),
    stop: async () => running.stop(),
  };
}

/** Numbers of the last line of SIPp's statistics. */
function resultOf(home: string, code: number | null): SippResult {
  const files = readdirSync(home);
  const read = (pattern: RegExp) =>
    files
      .filter((name) => pattern.test(name))
      .map((name) => readFileSync(path.join(home, name), 'utf8'))
      .join('\n');
  const rows = read(/\.csv$/)
    .trimEnd()
    .split('\n')
    .map((row) => row.split(';'));
  const [names = [], last = []] = [rows[0], rows.at(-1)];
  const cell = (name: string) => Number(last[names.indexOf(name)] ?? 0);
  return {
    code,
    successful: cell('SuccessfulCall(C)'),
    failed: cell('FailedCall(C)'),
    errors: read(/_errors\.log$/),
  };
}
