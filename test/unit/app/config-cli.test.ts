/**
 * Goal: `acd reload` and `acd config` say what came of it, and end with the status that programs go
 * by. Method: the verbs themselves on REST over a real configuration, its journal in memory.
 */
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/index.ts';
import { FILE, House, serve } from './stage.ts';

let out = '';
let err = '';
beforeEach(() => {
  [out, err] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
});
afterEach(() => vi.restoreAllMocks());

async function open() {
  const house = new House();
  const server = await serve(house);
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const acd = async (...args: string[]) => {
    [out, err] = ['', ''];
    return runCli([...args, '--url', `http://127.0.0.1:${port}`]);
  };
  return { house, server, acd };
}

it('shows what a reload would change, does it, and brings the former version back', async () => {
  const { house, acd } = await open();
  house.write(FILE.replace('timeout: 15', 'timeout: 20').replace('8242', '8243'));
  expect(await acd('reload', '--dry-run')).toBe(0);
  expect(out).toContain('~ queues[sales].timeout: 15 -> 20');
  expect(out).toContain('nothing was applied; version 1 holds');
  expect(await acd('reload')).toBe(0);
  expect(out).toContain('waits for acd restart: http.listen');
  expect(out).toContain('version 2 holds (1 changes)');
  expect(await acd('config', 'rollback', '1')).toBe(0);
  expect(await acd('config', 'history')).toBe(0);
  expect(out).toMatch(/^3 .*rollback to 1: queues\[sales\]\.timeout$/m);
  expect(out).toContain('not in the file, made by REST:');
  expect(await acd('config', 'diff', '1', '2')).toBe(0);
  expect(out).toBe('~ queues[sales].timeout: 15 -> 20\n');
});

it('puts the sections of another file in place of what holds', async () => {
  const { house, acd } = await open();
  const file = `${house.file}.other`;
  const put = (...more: string[]) => acd('config', 'put', file, ...more);
  writeFileSync(file, FILE.replace('timeout: 15', 'timeout: 20').replace('8242', '8243'));
  expect(await put('--dry-run')).toBe(0);
  expect(out).toContain('nothing was applied; version 1 holds');
  expect(await put()).toBe(0);
  expect(out).toBe('~ queues[sales].timeout: 15 -> 20\nversion 2 holds (1 changes)\n');
  writeFileSync(file, 'queues: [{name: a, timeout: soon}]');
  expect(await put()).toBe(2);
  expect(err).toContain('timeout: "soon" cannot be used');
  expect(await acd('config', 'put', `${file}.none`)).toBe(1);
  expect(err).toContain('there is no such file');
});

it('ends with 1 where it is refused, 2 at a conflict, 3 where nobody answers', async () => {
  const { house, server, acd } = await open();
  house.write(FILE.replace('timeout: 15', 'timeout: soon'));
  expect(await acd('reload')).toBe(2);
  expect(err).toMatch(/acd\.yaml:5:\d+: queues\[0\]\.timeout/);
  await server.inject({ method: 'PATCH', url: '/queues/sales', payload: { timeout: 30 } });
  house.write(FILE.replace('timeout: 15', 'timeout: 20'));
  expect(await acd('reload')).toBe(2);
  expect(err).toContain('queues[sales].timeout');
  expect(await acd('reload', '--prefer', 'rest')).toBe(0);
  expect(await acd('config', 'rollback', '9')).toBe(3);
  await server.close();
  expect(await acd('config', 'history')).toBe(4);
  expect(err).toContain('no ACD answers at');
});
