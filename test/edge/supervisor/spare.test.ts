/**
 * Goal: a spare takes the place of a child that dies, but only where it is what a child started
 * now would be; it never outlives its use. Method: children of a few lines, run by this Node.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { Child } from '../../../src/supervisor/child.ts';
import type { ChildSpec } from '../../../src/supervisor/life.ts';
import { Spare } from '../../../src/supervisor/spare.ts';
import { allGone } from '../../support/family.ts';

const READY = `console.log(JSON.stringify({ready:true,pid:process.pid}));`;
const SERVES = `${READY} process.stdin.resume()`;
const PREPARED = `console.log('{"prepared":true}');`;
const WAITS = `${PREPARED} process.stdin.once('data', () => { ${READY} })`;
const REFUSES = `${PREPARED} process.stdin.once('data', () => process.exit(1))`;
const HANDS_OVER = `${READY} process.stdin.once('data', () => process.exit(0))`;

interface Scene {
  readonly child: Child;
  readonly spare: Spare;
  /** Settles when so many notes fit. */
  readonly noted: (pattern: RegExp, count?: number) => Promise<void>;
  /** From now on the program on disk is another. */
  readonly change: () => void;
  /** So often it cannot be said how one would be started. */
  readonly fail: (times: number) => void;
}

const scenes: Scene[] = [];

interface Scripts {
  readonly own?: string[];
  readonly spares?: string[];
  readonly hungMs?: number;
}

function open({ own = [SERVES], spares = [WAITS], hungMs = 0 }: Scripts): Scene {
  const notes: string[] = [];
  const waiting = new Set<() => void>();
  const note = (_level: string, text: string) => {
    notes.push(text);
    for (const look of waiting) look();
  };
  const line = () => undefined;
  let version = '1';
  let failing = 0;
  const specOf = (script: string): ChildSpec => {
    return { command: process.execPath, args: ['-e', script, version], env: {} };
  };
  const next = (list: string[]) => specOf((list.length > 1 ? list.shift() : list[0]) ?? '');
  // A spare asks for its spec twice, when it is made and when it is taken.
  const spareSpec = () => {
    if (failing > 0) throw new Error(`no such file, ${failing--}`);
    return specOf(spares[0] ?? '');
  };
  const pausesMs = [1, 5, 20];
  const spare = new Spare({ name: 'trial', spec: spareSpec, line, note, pausesMs, hungMs });
  const child = new Child({ name: 'trial', spec: () => next(own), line, note, spare });
  const noted = async (pattern: RegExp, count = 1) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (notes.filter((text) => pattern.test(text)).length < count) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const scene = {
    child,
    spare,
    noted,
    change: () => (version = '2'),
    fail: (times: number) => (failing = times),
  };
  scenes.push(scene);
  return scene;
}

const kill = (pid: number | null) => process.kill(pid ?? NaN, 'SIGKILL');

afterEach(async () => {
  for (const { child } of scenes.splice(0)) {
    child.kill();
    await child.stop();
  }
});

describe('a spare', () => {
  it('takes the place of the child that died, and is followed by another', async () => {
    const { child, spare, noted } = open({});
    await child.start();
    await noted(/a spare trial is ready/);
    const { pid } = spare;
    kill(child.pid);
    await noted(/trial is back/);
    expect(child.pid).toBe(pid);
    await noted(/a spare trial is ready/, 2);
    expect(spare.pid).not.toBe(pid);
  });

  it('of a program that has changed since is thrown away, and the new one started', async () => {
    const { child, spare, noted, change } = open({});
    await child.start();
    await noted(/a spare trial is ready/);
    const old = spare.pid ?? NaN;
    change();
    kill(child.pid);
    await noted(/trial is back/);
    expect(child.pid).not.toBe(old);
    await allGone([old]);
  });

  it('that fails when it is wanted costs the ordinary start, no more', async () => {
    const { child, spare, noted } = open({ spares: [REFUSES] });
    await child.start();
    await noted(/a spare trial is ready/);
    const { pid } = spare;
    kill(child.pid);
    await noted(/trial is back/);
    expect(child.pid).not.toBe(pid);
  });

  it('that died is missed by nobody, and followed by another', async () => {
    const { child, spare, noted } = open({});
    await child.start();
    await noted(/a spare trial is ready/);
    const { pid } = child;
    kill(spare.pid);
    await noted(/the spare trial ended \(SIGKILL\)/);
    await noted(/a spare trial is ready/, 2);
    expect(child.pid).toBe(pid);
  });

  it('that hangs is killed, and followed by another', async () => {
    const { child, noted } = open({ spares: [`${PREPARED} for (;;);`], hungMs: 100 });
    await child.start();
    await noted(/the spare trial hangs, and is killed/, 2);
    await noted(/the spare trial ended \(SIGKILL\)/, 2);
  });

  it('that cannot even be loaded is tried again, with pauses, and in no one’s way', async () => {
    const { child, noted } = open({ spares: ['process.exit(1)'] });
    await child.start();
    await noted(/the spare trial ended/, 3);
    kill(child.pid);
    await noted(/trial is back/);
  });

  it('that cannot be made, as its files are just being replaced, is made later', async () => {
    const { child, noted, fail } = open({});
    fail(2);
    await child.start();
    await noted(/no spare trial can be made now: no such file/, 2);
    await noted(/a spare trial is ready/);
    fail(1);
    kill(child.pid);
    await noted(/the files of trial cannot be read: no such file/);
    await noted(/trial is back/);
  });

  it('is thrown away when the child is replaced: it is of the old version', async () => {
    const { child, spare, noted } = open({ own: [HANDS_OVER, WAITS] });
    await child.start();
    await noted(/a spare trial is ready/);
    const old = spare.pid ?? NaN;
    const replaced = child.replace();
    expect(spare.pid).toBeNull();
    await allGone([old]);
    expect(await replaced).toMatchObject({ ok: true });
    await noted(/a spare trial is ready/, 2);
  });

  it('ends with the child that is stopped, and none is made after', async () => {
    const { child, spare, noted } = open({});
    await child.start();
    await noted(/a spare trial is ready/);
    const pid = spare.pid ?? NaN;
    await child.stop();
    await allGone([pid]);
    spare.plan();
    expect(spare.pid).toBeNull();
  });
});
