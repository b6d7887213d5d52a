/**
 * Goal: `npm run demo` is a whole ACD at work, and leaves nothing behind. Method: the built
 * program is run as a user would; its temporary files go to a folder of ours, which must be empty
 * afterwards, and no process may be left that was started with that folder.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dist } from '../support/acd.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('demo');

interface Performance {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `until`: sends SIGINT when stdout shows it. */
async function perform(name: string, args: readonly string[], until?: RegExp) {
  const folder = path.join(stage.folder, name);
  mkdirSync(folder, { recursive: true });
  const done = new Promise<Performance>((resolve) => {
    const child = spawn(process.execPath, [path.join(dist, 'main.js'), 'demo', ...args], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    let isAsked = false;
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (isAsked || until?.test(stdout) !== true) return;
      isAsked = true;
      child.kill('SIGINT');
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { ...(await done), folder };
}

/** Processes whose environment names the folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TMPDIR=${folder}\0`);
    } catch (trouble) {
      // It ended while we looked, or is another user's.
      if (['ENOENT', 'ESRCH', 'EACCES'].includes((trouble as NodeJS.ErrnoException).code ?? ''))
        return false;
      throw trouble;
    }
  });
}

describe('acd demo', () => {
  it('given --json, connects callers who are heard, and prints one object', async () => {
    const args = ['--seconds', '15', '--callers', '4', '--agents', '3', '--json', '--seed', '7'];
    const { code, stdout, stderr, folder } = await perform('json', args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toEqual({
      calls: expect.any(Number) as number,
      connected: expect.any(Number) as number,
      abandoned: expect.any(Number) as number,
      failed: 0,
      offer_latency_ms: {
        p50: expect.any(Number) as number,
        p99: expect.any(Number) as number,
      },
    });
    const { calls, connected, abandoned } = result as Record<string, number>;
    expect(connected).toBeGreaterThan(0);
    expect((connected ?? 0) + (abandoned ?? 0)).toBe(calls);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
    expect(processesOf(folder)).toEqual([]);
  });

  it('given Ctrl-C amid calls, everyone hangs up and nothing is left', async () => {
    const args = ['--seconds', '60', '--callers', '3', '--agents', '2', '--seed', '7'];
    const { code, stdout, stderr, folder } = await perform('interrupted', args, / answers /);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d Agent \S+’s phone rings for /m);
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d All phones have hung up; stopping$/m);
    expect(stdout).toMatch(/\d+ calls: \d+ connected, \d+ abandoned, 0 failed; /);
    expect(readdirSync(folder)).toEqual([]);
    expect(processesOf(folder)).toEqual([]);
  });

  it('given an option out of bounds, says so and starts nothing', async () => {
    const { code, stdout, stderr } = await perform('bounds', ['--agents', '0']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('--agents must be a whole number from 1 to 100\n');
  });
});
