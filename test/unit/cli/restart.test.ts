/**
 * Goal: `acd restart` ends with the status that says what came of it. Method: the verb itself, with
 * nobody, with a supervisor's socket that refuses, and with one that says nothing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/index.ts';
import { ControlSocket } from '../../../src/supervisor/control-socket.ts';

let folder = '';
let err = '';
let close = (): void => undefined;
const socket = () => path.join(folder, 'control.sock');

beforeEach(() => {
  err = '';
  folder = mkdtempSync(path.join(tmpdir(), 'acd-restart-'));
  const text = `queues: [{name: sales}]\njournal: {path: ${path.join(folder, 'journal.db')}}\n`;
  writeFileSync(path.join(folder, 'acd.yaml'), text);
  vi.spyOn(process.stderr, 'write').mockImplementation((said) => ((err += String(said)), true));
});

afterEach(() => {
  vi.restoreAllMocks();
  close();
  rmSync(folder, { recursive: true });
});

const restart = () => runCli(['restart', '--config', path.join(folder, 'acd.yaml')]);
const record = () => writeFileSync(path.join(folder, 'journal.db.run'), JSON.stringify({ folder }));

it('4 where no ACD runs, whether there has been one or not', async () => {
  expect(await restart()).toBe(4);
  record();
  expect(await restart()).toBe(4);
  expect(err).toMatch(/^(no ACD runs with the journal .*; start one by `acd start`\n){2}$/);
});

it('2 where it refuses, which says why', async () => {
  record();
  const control = new ControlSocket(socket(), async () => ({ ok: false, text: 'not now' }));
  close = () => control.close();
  expect(await control.open()).toBeNull();
  expect(await restart()).toBe(2);
  expect(err).toBe('not now\n');
});

it('4 where it ends without an answer', async () => {
  record();
  const mute: Server = createServer((asker) => asker.end());
  close = () => void mute.close();
  await new Promise<void>((resolve) => mute.listen(socket(), resolve));
  expect(await restart()).toBe(4);
  expect(err).toBe('it ended without an answer\n');
});
