/**
 * Goal: a local socket can be found for as long as its owner lives, whoever clears the folder it
 * is in, and is nobody else's. Method: real sockets in a folder of the test's own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KeptSocket } from '../../../src/shared/kept-socket.ts';
import { within } from '../../support/inbox.ts';

let home: string;
let at: string;
const undo: (() => void)[] = [];

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'acd-kept-'));
  at = path.join(home, 'folder', 'a.sock');
  mkdirSync(path.dirname(at));
});

afterEach(() => {
  for (const each of undo.splice(0)) each();
  rmSync(home, { recursive: true, force: true });
});

/** One that answers with what it hears. */
async function open(where: string): Promise<KeptSocket> {
  const kept = new KeptSocket(where, (socket) => socket.on('error', () => undefined).pipe(socket));
  expect(await kept.listen()).toBeNull();
  undo.push(() => kept.close());
  return kept;
}

async function call(): Promise<Socket> {
  const socket = connect(at);
  undo.push(() => socket.destroy());
  await within('a connection', new Promise((resolve) => socket.once('connect', resolve)));
  return socket;
}

async function hears(socket: Socket): Promise<void> {
  const echo = new Promise((resolve) => socket.once('data', resolve));
  socket.write('hello\n');
  await within('an answer', echo);
}

/** Each is looked for once a second: when this one came back twice, each was looked for. */
async function comesBack(where: string): Promise<void> {
  rmSync(where);
  await expect.poll(() => existsSync(where)).toBe(true);
}

it('is made again where its folder is taken away; who is connected stays so', async () => {
  await open(at);
  const before = await call();
  for (const gone of [at, path.dirname(at)]) {
    rmSync(gone, { recursive: true });
    await expect.poll(() => existsSync(at)).toBe(true);
    expect(statSync(at).mode & 0o777).toBe(0o600);
    await hears(await call());
  }
  expect(statSync(path.dirname(at)).mode & 0o777).toBe(0o700);
  await hears(before);
});

// Only root can give a folder to somebody else.
it.skipIf(process.getuid?.() !== 0)('is not made in a folder of somebody else', async () => {
  await open(at);
  const [others, own] = [path.dirname(at), path.join(home, 'b.sock')];
  rmSync(at);
  chownSync(others, 65_534, 65_534);
  await open(own);
  await comesBack(own);
  await comesBack(own);
  expect(existsSync(at)).toBe(false);
});

it('takes the place of one that was killed, and of none that lives', async () => {
  const script = `require('net').createServer().listen(${JSON.stringify(at)}, () => console.log())`;
  const other = spawn(process.execPath, ['-e', script]);
  await within('the other', once(other.stdout, 'data'));
  const kept = new KeptSocket(at, () => undefined);
  expect(await kept.listen()).toBe(`${at} is in use by another process`);
  other.kill('SIGKILL');
  await within('its end', once(other, 'exit'));
  expect(existsSync(at)).toBe(true);
  await open(at);
  await call();
});

it('makes its folder where that is gone; what cannot be made yet is made by and by', async () => {
  rmSync(path.dirname(at), { recursive: true });
  await open(at);
  await hears(await call());
  const late = path.join(home, 'later', 'folder', 'c.sock');
  const kept = new KeptSocket(late, () => undefined);
  undo.push(() => kept.close());
  expect(await kept.listen()).toContain('listen E');
  mkdirSync(path.dirname(path.dirname(late)));
  await expect.poll(() => existsSync(late)).toBe(true);
});

it('once closed is gone, and not made again', async () => {
  const kept = await open(at);
  kept.close();
  expect(existsSync(at)).toBe(false);
  const [folder, own] = [path.dirname(at), path.join(home, 'b.sock')];
  await open(own);
  await comesBack(own);
  await comesBack(own);
  expect(readdirSync(folder)).toEqual([]);
});
