/**
 * Goal: one journal, one writer, even between processes, and no lock that outlives its holder.
 * Method: a second process opens the same file, and is killed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openSqliteJournal } from '../../../src/journal/open.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'acd-journal-'));
const file = path.join(folder, 'acd.db');

function tryToOpen(): string {
  const opened = openSqliteJournal(file);
  if (!opened.ok) return opened.detail;
  opened.journal.close();
  return 'opened';
}

it('refuses a second process while the first lives, not when it was killed', async () => {
  const source = path.resolve(import.meta.dirname, '../../../src/journal/open.ts');
  const script = `
    const { openSqliteJournal } = await import(${JSON.stringify(source)});
    const opened = openSqliteJournal(${JSON.stringify(file)});
    console.log(opened.ok ? 'opened' : opened.detail);
    setInterval(() => {}, 1000);
  `;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString().trim()).toBe('opened');
    expect(tryToOpen()).toMatch(/in use by another running ACD/);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  expect(tryToOpen()).toBe('opened');
  rmSync(folder, { recursive: true, force: true });
});
