/** Goal: a disk fault reads as what it is and what to do. Method: the errors SQLite gives. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Database } from '../../../src/journal/database.ts';
import { expect, it } from 'vitest';
import { explain } from '../../../src/journal/faults.ts';

const FILE = '/var/lib/acd/journal.db';

it.each([
  [
    'SQLITE_FULL',
    /journal.db cannot be used: its disk is full; free some space \(text; SQLITE_FULL/,
  ],
  ['SQLITE_READONLY_DIRECTORY', /it is read-only|its folder is gone/],
  ['SQLITE_BUSY', /another program has locked it/],
  ['SQLITE_CORRUPT_VTAB', /it is damaged; stop the ACD and run: acd journal check/],
])('%s', (code, words) => {
  expect(explain(new Database.SqliteError('text', code), FILE).detail).toMatch(words);
});

it('asks the file system where SQLite is vague', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'acd-faults-'));
  const vague = new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_WRITE');
  const file = path.join(folder, 'journal.db');
  expect(explain(vague, file).detail).toMatch(/its disk reports errors; look at the system log/);
  rmSync(folder, { recursive: true });
  expect(explain(vague, file).detail).toMatch(/its folder is gone; put it back .*, ENOENT\)$/);
});

it('gives what it does not know as it is', () => {
  expect(explain(new Error('odd'), FILE).detail).toMatch(/cannot be used \(odd\); check the path/);
});
