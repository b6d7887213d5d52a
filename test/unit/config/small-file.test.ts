/**
 * Goal: whatever a configuration names as a file, reading it ends, within its limits. Method:
 * files, a folder, a device without an end, and pipes with and without somebody who writes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { readBytes, readSmall } from '../../../src/config/small-file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'acd-small-file-'));
const file = (name: string): string => path.join(folder, name);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

it('given a file within the limit, then its text; beyond, that it is too large', () => {
  writeFileSync(file('value'), 'sés');
  expect(readSmall(file('value'), 4)).toEqual({ text: 'sés' });
  expect(readSmall(file('value'), 3)).toEqual({ code: null });
  writeFileSync(file('empty'), '');
  expect(readSmall(file('empty'), 3)).toEqual({ text: '' });
});

it('given no file, a folder or a device without an end, then its code', () => {
  expect(readSmall(file('nowhere'), 9)).toEqual({ code: 'ENOENT' });
  expect(readSmall(folder, 9)).toEqual({ code: 'EISDIR' });
  expect(readSmall('/dev/zero', 999)).toEqual({ code: null });
});

it('given a pipe that nobody writes to, then it is given up', () => {
  execFileSync('mkfifo', [file('pipe')]);
  expect(readBytes(file('pipe'), 9, 40)).toEqual({ code: 'ETIMEDOUT' });
});

it('given a pipe somebody writes to, then what he wrote', async () => {
  execFileSync('mkfifo', [file('written')]);
  const writer = spawn('sh', ['-c', 'printf "queues: {}" > "$0"', file('written')]);
  const read = readBytes(file('written'), 99, 10_000);
  expect('bytes' in read && read.bytes.toString()).toBe('queues: {}');
  await once(writer, 'exit');
});

it('given a folder as configuration, then one fault says so', () => {
  const read = loadConfig(folder, { env: {} });
  expect(read).toMatchObject({
    ok: false,
    faults: [{ message: 'is a folder; name one with --config FILE' }],
  });
});
