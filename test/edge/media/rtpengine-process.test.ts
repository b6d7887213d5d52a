/**
 * Goal: rtpengine as a child is ready when it is said to be, never a double, and never an orphan.
 * Method: Debian's daemon, started and killed; the process table is asked.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createNgClient } from '../../../src/media/ng.ts';
import { startRtpengine } from '../../../src/media/rtpengine-process.ts';
import { within } from '../../support/inbox.ts';
import { freeRange } from '../../support/ports.ts';
import { run } from '../../support/processes.ts';
import { openStage } from '../../support/stage.ts';
import { startEngine } from './rtpengine-stage.ts';

const stage = openStage('media-rtpengine-process');

async function options() {
  const { min, max } = await freeRange(20);
  return { addresses: ['127.0.0.1'], externalAddress: null, portMin: min, portMax: max };
}

/** Runs, that is: an orphan that has ended may lie about as a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('rtpengine as a child', () => {
  it('given it was started, it answers; given it was stopped, it is gone', async () => {
    const { engine, pid, ended, ...actor } = await startEngine();
    const ng = createNgClient(engine);
    expect(await ng.request('ping', {})).toMatchObject({ ok: true });
    ng.close();
    await within('stop', actor.stop());
    expect(await ended).toMatch(/ended/);
    expect(isAlive(pid)).toBe(false);
  });

  it('given a control port in use, no second one is started on it', async () => {
    const first = await stage.addForTest(startEngine());
    const second = await startRtpengine({ ...(await options()), ngPort: first.engine.port });
    expect(second).toMatchObject({ ok: false, reason: 'failed' });
    expect(second).toHaveProperty('detail', expect.stringContaining(String(first.engine.port)));
  });

  it('given no such program, one line says what to install', async () => {
    const started = await startRtpengine({ ...(await options()), program: 'no-such-rtpengine' });
    expect(started).toMatchObject({ ok: false, reason: 'missing' });
    expect(started).toHaveProperty('detail', expect.stringContaining('rtpengine-daemon'));
  });

  it('given an address this machine has not, it is named', async () => {
    const started = await startRtpengine({ ...(await options()), addresses: ['192.0.2.77'] });
    expect(started).toMatchObject({ ok: false, reason: 'address' });
    expect(started).toHaveProperty('detail', expect.stringContaining('192.0.2.77'));
  });

  it('given a program that ends at once, its last words are told', async () => {
    const started = await startRtpengine({ ...(await options()), program: '/bin/false' });
    expect(started).toMatchObject({ ok: false, reason: 'failed' });
    expect(started).toHaveProperty('detail', expect.stringContaining('status 1'));
  });

  it('given its parent is killed outright, it ends too', async () => {
    const start = JSON.stringify(await options());
    const module = new URL('../../../src/media/rtpengine-process.ts', import.meta.url).href;
    const parent = run({
      name: 'parent',
      command: process.execPath,
      args: [
        ...['--import', 'tsx', '--input-type=module', '-e'],
        `const { startRtpengine } = await import('${module}');
         console.log('child', (await startRtpengine(${start})).rtpengine.pid);`,
      ],
    });
    await stage.addForTest(parent);
    const pid = Number((await parent.printed(/child (\d+)/))[1]);
    expect(isAlive(pid)).toBe(true);
    process.kill(parent.pid, 'SIGKILL');
    await parent.ended;
    await expect.poll(() => isAlive(pid)).toBe(false);
  });
});
