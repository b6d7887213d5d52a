/**
 * Issue 3, "Soak and proof": the short run of `npm run soak`, as its own process. Half a minute of
 * calls with every kind of fault, each process killed once, a restart; then nothing may be lost,
 * doubled, broken or left over. Nothing here is timed: the run waits for what it looks for.
 */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { onDrachtio } from '../support/acd.ts';
import { run } from '../support/processes.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('soak');
const root = path.resolve(import.meta.dirname, '../..');
/** Half a minute of calls; whoever vanished at its end is found out after two minutes. */
const ENDED_MS = 480_000;

function soak(...args: string[]) {
  return run({
    name: 'soak',
    command: process.execPath,
    args: ['--import', 'tsx', 'test/soak/run.ts', ...args],
    cwd: root,
    log: path.join(stage.folder, 'soak.log'),
    graceMs: 20_000,
  });
}

describe.skipIf(onDrachtio)('npm run soak', () => {
  it(
    'given every fault at random, loses, doubles and keeps nothing',
    async () => {
      const load = ['--calls', '40', '--agents', '4', '--kill-every', '4'];
      const running = await stage.addForTest(
        soak('--minutes', '0.5', '--seed', '5', '--json', ...load),
      );
      const { code } = await running.ended;
      const said = running.output();
      expect(code, said).toBe(0);
      for (const what of ['server', 'sipd', 'mediad', 'restart']) {
        expect(said).toMatch(new RegExp(` ${what}: back after \\d+ ms`));
      }
      expect(said).toContain('both directions heard');
      const told = JSON.parse(said.trim().split('\n').at(-1) ?? '') as Record<string, number>;
      expect(told).toMatchObject({
        ...{ seed: 5, double_offers: 0, lost_calls: 0, leftovers: 0, violations: 0 },
      });
      expect(told['calls']).toBeGreaterThan(10);
      expect(told['rss_start_mb']).toBeGreaterThan(0);
      expect(told['rss_end_mb']).toBeGreaterThan(0);
    },
    ENDED_MS,
  );

  it('given options it cannot understand, says how to use it', async () => {
    const running = await stage.addForTest(soak('--minutes', 'many'));
    expect((await running.ended).code).toBe(2);
    expect(running.output()).toContain('usage: npm run soak');
  });
});
