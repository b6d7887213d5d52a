/**
 * One process as the supervisor holds it: either its own child, with pipes, or one that a former
 * supervisor started, held by its lifeline (lifeline.ts). Both tell whether they are ready and
 * when they have ended, and take signals and orders; what starts and restarts them is child.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { Later } from '../shared/later.ts';
import { ALIVE, eachLine } from '../shared/lifeline.ts';
import { Pulse } from './pulse.ts';

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

export interface Life {
  readonly pid: number | null;
  /** Settles with its words when it serves, or with why it does not. */
  readonly ready: Promise<Readiness>;
  /** A held start: it could begin now. */
  readonly prepared: Promise<Readiness>;
  /** Settles with why, when it has ended. */
  readonly ended: Promise<string>;
  /** Hears its answers to `alive?`. */
  readonly pulse: Pulse;
  /** False: it has ended. */
  signal(signal: NodeJS.Signals): boolean;
  /** One word on its standard input or lifeline. */
  order(word: string): void;
  /** Says `go` to one that waits for it, and expects it to be ready in time from now. */
  begin(): void;
}

const READY_MS = 15_000;
/** One that says that its start takes long has this much more. */
const LONG_READY_MS = 600_000;
const MAX_LINE = 8_000;
const HELLO_MS = 2_000;

/** `{"ready":true,…}` or `{"ready":false,"error":"…"}`; null: another line. */
export function readinessOf(line: string, word = 'ready'): Readiness | null {
  if (!line.startsWith(`{"${word}":`)) return null;
  try {
    const told = JSON.parse(line) as Record<string, unknown>;
    if (told[word] === true) return { ok: true, told };
    const { error } = told;
    return { ok: false, error: typeof error === 'string' ? error : 'did not say why' };
  } catch (error) {
    return { ok: false, error: `its first line cannot be read: ${(error as Error).message}` };
  }
}

export interface SpawnOptions extends ChildSpec {
  /** A line that it printed. */
  readonly line: (text: string) => void;
  /** Null: it is not expected to be ready before `begin`. */
  readonly readyMs?: number | null;
}

/**
 * Starts a child. It leads a process group of its own, so Ctrl-C in the terminal reaches the
 * supervisor alone. Its standard input is a pipe from us: its end tells it that we are gone.
 */
export function spawnLife(options: SpawnOptions): Life {
  const { command, args, env, line, readyMs = READY_MS } = options;
  const child: ChildProcess = spawn(command, [...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const ready = new Later<Readiness>();
  const prepared = new Later<Readiness>();
  const ended = new Later<string>();
  // First of all: without descriptors there are no pipes either, and only this tells it.
  child.once('error', (error) => {
    ended.settle(error.message);
    settle({ ok: false, error: error.message });
  });
  let isOpen = true;
  const settle = (readiness: Readiness): void => {
    isOpen = false;
    prepared.settle(readiness);
    ready.settle(readiness);
    clearTimeout(overdue);
  };
  let overdue: NodeJS.Timeout | undefined;
  const expect = (ms: number): void => {
    clearTimeout(overdue);
    if (!isOpen) return;
    const late = { ok: false, error: `was not ready within ${ms / 1000} s` } as const;
    overdue = setTimeout(() => settle(late), ms);
  };
  if (readyMs !== null) expect(readyMs);
  const pulse = new Pulse();
  const hear = (text: string, isStdout: boolean): void => {
    if (isStdout && text === ALIVE) return pulse.heard();
    const first = isStdout ? readinessOf(text) : null;
    const begun = isStdout ? readinessOf(text, 'prepared') : null;
    if (first !== null) return settle(first);
    if (isStdout && readinessOf(text, 'long') !== null) return expect(LONG_READY_MS);
    if (begun !== null) {
      // How long it is kept waiting for `go` is not its fault.
      clearTimeout(overdue);
      return prepared.settle(begun);
    }
    if (text !== '') line(text.slice(0, MAX_LINE));
  };
  // A child that has died takes no input; its end is told by `exit` below.
  child.stdin?.on('error', (error) => line(`stdin: ${error.message}`));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream != null) eachLine(stream, (text) => hear(text, stream === child.stdout));
  }
  const order = (word: string): void => void child.stdin?.write(`${word}\n`);
  child.once('exit', (code, signal) => ended.settle(wordOf(code, signal)));
  child.once('close', (code, signal) => {
    settle({ ok: false, error: `ended at once (${wordOf(code, signal)})` });
  });
  return {
    ...holdOf(child, ended.promise),
    ready: ready.promise,
    prepared: prepared.promise,
    ended: ended.promise,
    pulse,
    order,
    begin: () => {
      expect(readyMs ?? READY_MS);
      order('go');
    },
  };
}

function wordOf(code: number | null, signal: NodeJS.Signals | null): string {
  return signal ?? `status ${code ?? 'unknown'}`;
}

function holdOf(child: ChildProcess, ended: Promise<string>): Pick<Life, 'pid' | 'signal'> {
  let isOver = false;
  void ended.then(() => (isOver = true));
  return {
    pid: child.pid ?? null,
    signal: (signal) => !isOver && child.kill(signal),
  };
}

/** A living process of a former supervisor, found by its socket. */
export interface Former {
  readonly mark: string;
  readonly life: Life;
  /** What it says goes here. */
  hear(line: (text: string) => void): void;
  /** Lets go of it: it goes on waiting for somebody. */
  leave(): void;
}

/** Null: nobody is there. `mute`: somebody is, but does not say who within 2 s. */
export async function findFormer(path: string): Promise<Former | 'mute' | null> {
  const socket = await open(path);
  if (socket === null) return null;
  return new Promise((resolve) => {
    const overdue = setTimeout(() => {
      socket.destroy();
      resolve('mute');
    }, HELLO_MS);
    const ended = new Later<string>();
    let hear: (text: string) => void = () => undefined;
    socket.on('close', () => {
      clearTimeout(overdue);
      ended.settle('its connection ended');
      resolve(null);
    });
    let greeted = false;
    const pulse = new Pulse();
    eachLine(socket, (text) => {
      if (greeted) {
        if (text === ALIVE) pulse.heard();
        else hear(text.slice(0, MAX_LINE));
        return;
      }
      greeted = true;
      clearTimeout(overdue);
      const hello = readHello(text);
      if (hello === null) {
        socket.destroy();
        resolve('mute');
        return;
      }
      resolve({
        mark: hello.mark,
        life: adoptedLife(socket, hello, ended.promise, pulse),
        hear: (line) => (hear = line),
        leave: () => socket.destroy(),
      });
    });
  });
}

async function open(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    // After the connection `close` tells all there is to know.
    socket.on('error', () => resolve(null));
  });
}

interface Hello {
  readonly pid: number;
  readonly mark: string;
  readonly told: Readonly<Record<string, unknown>>;
}

function readHello(text: string): Hello | null {
  try {
    const hello = JSON.parse(text) as Hello;
    const isSound =
      Number.isInteger(hello.pid) &&
      hello.pid > 1 &&
      typeof hello.mark === 'string' &&
      typeof hello.told === 'object';
    return isSound ? hello : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function adoptedLife(socket: Socket, hello: Hello, ended: Promise<string>, pulse: Pulse): Life {
  const ready = Promise.resolve({ ok: true, told: hello.told } as const);
  return {
    pid: hello.pid,
    ready,
    prepared: ready,
    ended,
    pulse,
    signal: (signal) => {
      // Its connection stands as long as it lives, so the number is still its own.
      if (socket.destroyed) return false;
      try {
        return process.kill(hello.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
        throw error;
      }
    },
    order: (word) => socket.write(`${word}\n`),
    // It serves already.
    begin: () => undefined,
  };
}
