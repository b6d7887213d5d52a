/**
 * Goal: a child is known to be ready, is started again when it dies, ends for certain, and goes
 * when its parent is killed outright. Method: children of a few lines, run by this Node.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Child } from '../../../src/supervisor/child.ts';
import { findFormer, readinessOf } from '../../../src/supervisor/life.ts';
import { ASK, Lifeline } from '../../../src/shared/lifeline.ts';

const READY = `console.log(JSON.stringify({ready:true,pid:process.pid}));`;
/** Lives, and says so when asked. */
const KEEP = `process.stdin.on('data', () => console.log('alive!'));`;
/** A program whose files are just being replaced. */
const UNREADABLE = 'unreadable';
const started: Child[] = [];

interface Watched {
  readonly child: Child;
  readonly lines: string[];
  readonly notes: string[];
  /** Settles when a note matches. */
  readonly noted: (pattern: RegExp) => Promise<void>;
}

function make(scripts: string | string[], stopMs = 3_000, hungMs = 0): Watched {
  const lines: string[] = [];
  const notes: string[] = [];
  const waiting: { pattern: RegExp; resolve: () => void }[] = [];
  const list = Array.isArray(scripts) ? [...scripts] : [scripts];
  const child = new Child({
    name: 'trial',
    stopMs,
    hungMs,
    readyMs: 5_000,
    spec: () => {
      const script = (list.length > 1 ? list.shift() : list[0]) ?? '';
      if (script === UNREADABLE) throw new Error('no such file');
      return { command: process.execPath, args: ['-e', script], env: { WORD: 'secret' } };
    },
    line: (text) => lines.push(text),
    note: (_level, text) => {
      notes.push(text);
      for (const one of waiting) if (one.pattern.test(text)) one.resolve();
    },
  });
  started.push(child);
  const noted = async (pattern: RegExp) =>
    new Promise<void>((resolve) => {
      if (notes.some((text) => pattern.test(text))) resolve();
      else waiting.push({ pattern, resolve });
    });
  return { child, lines, notes, noted };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill();
    await child.stop();
  }
});

describe('a child', () => {
  it('is ready when it says so; other lines go to the log', async () => {
    const script = `console.error('hello'); console.log(process.env.WORD); ${READY}
      process.stdin.resume()`;
    const { child, lines } = make(script);
    const ready = await child.start();
    expect(ready).toMatchObject({ ok: true, told: { pid: child.pid } });
    await child.stop();
    expect(child.pid).toBeNull();
    expect(lines.sort()).toEqual(['hello', 'secret']);
  });

  it.each([
    ['says why', `console.log('{"ready":false,"error":"port taken"}')`, /^port taken$/],
    ['just ends', 'process.exit(3)', /ended at once \(status 3\)/],
    ['says nonsense', `console.log('{"ready":tru')`, /cannot be read/],
  ])('that cannot start %s', async (_name, script, error) => {
    const { child, notes } = make(script);
    const ready = await child.start();
    expect(ready.ok ? '' : ready.error).toMatch(error);
    expect(child.pid).toBeNull();
    expect(notes).toEqual([]);
  });

  it('whose program is not there is a fault, not an exception', async () => {
    const child = new Child({
      name: 'none',
      spec: () => ({ command: '/nowhere/none', args: [], env: {} }),
      line: () => undefined,
      note: () => undefined,
    });
    const ready = await child.start();
    expect(ready.ok ? '' : ready.error).toContain('ENOENT');
  });

  it('whose start takes long is waited for if it says so', async () => {
    const start = async (first: string) => {
      const script = `echo '${first}'; sleep 1; echo '{"ready":true}'; cat`;
      const spec = () => ({ command: 'sh', args: ['-c', script], env: {} });
      const rest = { line: () => undefined, note: () => undefined, readyMs: 500 };
      const child = new Child({ name: 'trial', spec, ...rest });
      started.push(child);
      return child.start();
    };
    const late = { ok: false, error: 'was not ready within 0.5 s' };
    expect(await Promise.all([start('a line'), start('{"long":true}')])).toEqual([
      late,
      { ok: true, told: { ready: true } },
    ]);
  });

  it('for which there are no descriptors left is a fault, too', () => {
    const program = path.resolve(import.meta.dirname, '../../../dist/supervisor/child.js');
    const script = `
      import { openSync } from 'node:fs';
      import { Child } from '${program}';
      const spec = () => ({ command: process.execPath, args: ['--version'], env: {} });
      const child = new Child({ name: 'trial', spec, line() {}, note() {} });
      try { for (;;) openSync('/dev/null'); }
      catch (error) { if (error.code !== 'EMFILE') throw error; }
      console.log(JSON.stringify(await child.start()));`;
    const few = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
    const said = execFileSync('sh', ['-c', few, process.execPath, script], { stdio: 'pipe' });
    expect(JSON.parse(String(said))).toMatchObject({
      ok: false,
      error: expect.stringContaining('EMFILE') as string,
    });
  });

  it('that dies is started again, also after a start that failed', async () => {
    const dies = `${READY} setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20)`;
    const { child, notes, noted } = make([
      dies,
      'process.exit(1)',
      `${READY} process.stdin.resume()`,
    ]);
    const first = await child.start();
    await noted(/is back/);
    expect(first).toMatchObject({ ok: true });
    expect(child.pid).not.toBeNull();
    expect(notes.filter((note) => note.includes('starting it again'))).toHaveLength(2);
    expect(notes.join()).toContain('trial ended (SIGKILL)');
  });

  it('that ignores SIGTERM is killed', async () => {
    const script = `process.on('SIGTERM', () => {}); ${READY} setInterval(() => {}, 1000)`;
    const { child, notes } = make(script, 200);
    await child.start();
    const pid = child.pid ?? 0;
    await child.stop();
    expect(isAlive(pid)).toBe(false);
    expect(notes.join()).toContain('was killed');
  });

  it('that hangs is killed, and followed by the next', async () => {
    const { child, notes, noted } = make([`${READY} for (;;);`, READY + KEEP], 3_000, 100);
    await child.start();
    await noted(/is back/);
    expect(notes[0]).toBe('trial hangs: it has not answered for 0.1 s, and is killed');
    expect(notes[1]).toContain('trial ended (SIGKILL)');
  });

  it('that hangs while it is to stop is not waited for until its time is over', async () => {
    const hangs = `process.on('SIGTERM', () => { for (;;); }); ${READY} ${KEEP}`;
    const { child, notes } = make(hangs, 3_600_000, 100);
    await child.start();
    await child.stop();
    expect(child.pid).toBeNull();
    expect(notes).toEqual(['trial hangs: it has not answered for 0.1 s, and is killed']);
  });

  it('that cannot be replaced, as no process can be made, goes on', async () => {
    const { child, notes } = make([`${READY} process.stdin.resume()`, UNREADABLE]);
    await child.start();
    const { pid } = child;
    const error = 'no process can be made: no such file';
    expect(await child.replace()).toEqual({ ok: false, error });
    expect([child.pid, notes]).toEqual([pid, []]);
  });

  it('that was stopped stays stopped', async () => {
    const { child, notes } = make(`${READY} process.stdin.resume()`);
    await child.start();
    await child.stop();
    expect(notes).toEqual([]);
  });
});

it('one that was taken over says over its lifeline that it is alive', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lifeline-'));
  const socket = path.join(folder, 'it.life');
  const end = (): void => undefined;
  const lifeline = new Lifeline({ path: socket, mark: 'm', lingerMs: 1_000, end });
  await lifeline.listen({});
  const former = await findFormer(socket);
  if (former === null || former === 'mute') throw new Error('nobody is there');
  const heard = new Promise<void>((resolve) => {
    former.life.pulse.heard = resolve;
  });
  former.life.order(ASK);
  await heard;
  former.leave();
  lifeline.close();
  rmSync(folder, { recursive: true });
});

describe('the readiness line', () => {
  it.each([
    ['a log line', '{"level":30,"msg":"ready"}', null],
    ['text', 'ready', null],
    ['yes', '{"ready":true,"x":1}', { ok: true, told: { ready: true, x: 1 } }],
    ['no, without a reason', '{"ready":false}', { ok: false, error: 'did not say why' }],
  ])('%s', (_name, line, expected) => {
    expect(readinessOf(line)).toEqual(expected);
  });
});
