/**
 * Other people's programs as actors: started in a process group of their own, known to be ready by
 * what they print, and certainly gone at the end, whatever happens to the test.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, writeSync } from 'node:fs';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { until } from './inbox.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Running {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process has ended; never rejects. */
  readonly ended: Promise<Ended>;
  /** Everything printed so far on both streams. */
  output(): string;
  /** The first match in the output from `from` on; rejects at the deadline or if it ends first. */
  printed(pattern: RegExp, ms?: number, from?: number): Promise<RegExpExecArray>;
  write(text: string): void;
  signal(signal: NodeJS.Signals): void;
  /** From now on nobody reads what it prints: `acd start | head`. */
  unread(): void;
  /** SIGTERM, after `graceMs` SIGKILL, to the whole group; settles when it has ended. */
  stop(): Promise<void>;
}

export interface Start {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file that gets all output. */
  readonly log?: string;
  readonly graceMs?: number;
}

const alive = new Set<ChildProcess>();

/** A test process that is killed outright takes the children along by the parent-death signal. */
const SETPRIV = '/usr/bin/setpriv';

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (trouble) {
    if ((trouble as NodeJS.ErrnoException).code !== 'ESRCH') throw trouble;
  }
}

process.on('exit', () => {
  for (const child of alive) killGroup(child, 'SIGKILL');
});

/** Is the program installed? Looks along PATH and in the sbin folders. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function run(start: Start): Running {
  const guarded = isInstalled('setpriv');
  const args = guarded ? ['--pdeathsig', 'TERM', start.command, ...start.args] : [...start.args];
  const child = spawn(guarded ? SETPRIV : start.command, args, {
    cwd: start.cwd,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin`, ...start.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // a group of its own, so that its children can be ended with it
  });
  alive.add(child);
  let log = start.log === undefined ? null : openSync(start.log, 'a');
  let text = '';
  const watchers = new Set<() => void>();
  const collect = (chunk: Buffer) => {
    const piece = chunk.toString('utf8');
    text = (text + piece).slice(-4_000_000);
    if (log !== null) writeSync(log, piece);
    for (const look of [...watchers]) look();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.stdin.on('error', (trouble) => collect(Buffer.from(`[stdin: ${trouble.message}]\n`)));
  let done: Ended | null = null;
  const ended = new Promise<Ended>((resolve) => {
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      alive.delete(child);
      if (log !== null) closeSync(log);
      log = null;
      done = { code, signal };
      for (const look of [...watchers]) look();
      resolve(done);
    };
    child.once('close', finish);
    child.once('error', (trouble) => {
      collect(Buffer.from(`[cannot start: ${trouble.message}]\n`));
      finish(null, null);
    });
  });

  const printed = async (pattern: RegExp, ms = 15_000, from = 0) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (why: string) => {
        settle();
        reject(new Error(`${start.name}: ${why} ${String(pattern)}; it said:\n${tail(text)}`));
      };
      const look = () => {
        const match = pattern.exec(text.slice(from));
        if (match !== null) {
          settle();
          resolve(match);
        } else if (done !== null) fail(`ended (${done.code ?? done.signal ?? '?'}) before`);
      };
      const timer = setTimeout(() => fail(`${ms} ms passed before`), ms);
      const settle = () => {
        clearTimeout(timer);
        watchers.delete(look);
      };
      watchers.add(look);
      look();
    });

  const stop = async (): Promise<void> => {
    if (done === null) killGroup(child, 'SIGTERM');
    const timer = setTimeout(() => killGroup(child, 'SIGKILL'), start.graceMs ?? 4_000);
    await ended;
    clearTimeout(timer);
    killGroup(child, 'SIGKILL'); // grandchildren that outlived it
  };

  return {
    name: start.name,
    pid: child.pid ?? -1,
    ended,
    output: () => text,
    printed,
    write: (line) => child.stdin.write(line),
    signal: (signal) => killGroup(child, signal),
    unread: () => {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    stop,
  };
}

function tail(text: string): string {
  return text.split('\n').slice(-25).join('\n');
}

/**
 * SIGSTOP, and nothing of it runs any more. On a busy machine the thread that takes the signal may
 * have to wait for its turn, and the others go on until it has stopped them.
 */
export async function halt(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const tasks = `/proc/${pid}/task`;
  const isHalted = (task: string): boolean =>
    readFileSync(`${tasks}/${task}/status`, 'utf8').includes('State:\tT');
  await until('halted', () => readdirSync(tasks).every(isHalted), Boolean);
}
