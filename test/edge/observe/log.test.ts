/**
 * Goal: who does not read our log stops nobody. Method: a process of a few lines that logs into a
 * pipe which is never read, and says by another way that it went on.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';

const dist = path.resolve(import.meta.dirname, '../../../dist');
let child: ReturnType<typeof spawn> | null = null;

afterEach(() => void child?.kill('SIGKILL'));

it('given a reader that stopped, goes on, and keeps a bounded part of it', async () => {
  const script = `
    import { createLog } from '${dist}/observe/log.js';
    const log = createLog({ level: 'info', format: 'json', name: 'trial' });
    for (let count = 0; count < 1000; count += 1) log.info({}, 'x'.repeat(10_000));
    process.stderr.write(String(process.stdout.writableLength));`;
  const node = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = node;
  const [said] = (await once(node.stderr, 'data')) as [Buffer];
  expect(Number(String(said))).toBeGreaterThan(500_000);
  expect(Number(String(said))).toBeLessThan(1.1 * 1024 * 1024);
});
