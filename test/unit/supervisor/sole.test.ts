/**
 * Goal: of all supervisors that start on one journal in the same moment exactly one goes on, the
 * others say who runs, and a disk that cannot be written to keeps nobody from taking calls over.
 * Method: real files, a process that is killed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ControlSocket } from '../../../src/supervisor/control-socket.ts';
import { beSole } from '../../../src/supervisor/sole.ts';
import { within } from '../../support/inbox.ts';

let home: string;
let file: string;
const undo: (() => void)[] = [];

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'acd-sole-'));
  file = path.join(home, 'data', 'journal.db.run');
});

afterEach(() => {
  for (const each of undo.splice(0)) each();
  rmSync(home, { recursive: true, force: true });
});

it('is one of many, and the next when that has left', async () => {
  const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => beSole(file)));
  const [first, ...more] = all.filter(({ ok }) => ok);
  expect(more).toEqual([]);
  const fault = 'another ACD runs, or is just being started, with the same journal';
  expect(all.filter((one) => one !== first)).toEqual(Array(5).fill({ ok: false, fault }));
  if (first?.ok === true) first.leave();
  const next = await beSole(file);
  expect(next.ok).toBe(true);
  if (next.ok) next.leave();
});

it('names the process of the one that runs', async () => {
  const sole = await beSole(file);
  writeFileSync(file, JSON.stringify({ folder: home }));
  const control = new ControlSocket(path.join(home, 'control.sock'), () =>
    Promise.resolve({ ok: true, text: '' }),
  );
  expect(await control.open()).toBeNull();
  undo.push(() => control.close());
  const fault = `another ACD (process ${process.pid}) runs with the same journal`;
  expect(await beSole(file)).toEqual({ ok: false, fault });
  if (sole.ok) sole.leave();
});

it('given one that was killed, is free', async () => {
  const program = path.join(import.meta.dirname, '../../../src/supervisor/sole.ts');
  const script =
    `import(${JSON.stringify(program)}).then((m) => m.beSole(${JSON.stringify(file)}))` +
    '.then(({ ok }) => { console.log(ok); setInterval(() => 0, 1000); })';
  const other = spawn(process.execPath, ['--import', 'tsx', '-e', script]);
  const [said] = (await within('the other', once(other.stdout, 'data'))) as [Buffer];
  expect(String(said)).toBe('true\n');
  expect((await beSole(file)).ok).toBe(false);
  other.kill('SIGKILL');
  await within('its end', once(other, 'exit'));
  const next = await beSole(file);
  expect(next.ok).toBe(true);
  if (next.ok) next.leave();
});

it('where no lock can be had, goes on: there are calls to take over', async () => {
  mkdirSync(`${file}.lock`, { recursive: true });
  expect(await beSole(file)).toMatchObject({ ok: true });
});
