/**
 * Goal: a journal can be read from beside, and what cannot be read is said. Method: real files,
 * open in a writer, damaged, or none.
 */
import { Database } from '../../../src/journal/database.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readJournalFile } from '../../../src/journal/reader.ts';
import { fact } from './contract.ts';
import { openOrThrow } from './history.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'acd-reader-'));
  file = path.join(folder, 'acd.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function read(): { seqs: number[]; detail: string } {
  const seqs: number[] = [];
  const answer = readJournalFile(file, ({ seq }) => seqs.push(seq));
  return { seqs, detail: answer.ok ? '' : answer.detail };
}

it('tells every event, also while the writer writes', () => {
  const journal = openOrThrow(file);
  journal.append(
    0,
    Array.from({ length: 6_000 }, (_, n) => fact(`${n}`)),
  );
  journal.append(6_000, [fact('last')]);
  expect(read().seqs).toEqual(Array.from({ length: 6_001 }, (_, n) => n + 1));
  expect(journal.append(6_001, [fact('more')]).ok).toBe(true);
  journal.close();
});

it('names an event that cannot be read', () => {
  const journal = openOrThrow(file);
  journal.append(0, [fact('a'), fact('b'), fact('c')]);
  journal.close();
  const db = new Database(file);
  db.prepare('UPDATE event SET body = ? WHERE seq = 2').run('{}');
  expect(read().detail).toMatch(/event 2 cannot be read; .*acd journal check/);
  db.prepare('DELETE FROM event WHERE seq = 2').run();
  db.close();
  expect(read().detail).toMatch(/event 2 cannot be read/);
});

it('says that a file is not there, or is none of ours', () => {
  expect(read().detail).toMatch(/does not exist/);
  writeFileSync(file, 'something else, long enough to be taken for a file of some program');
  expect(read().detail).not.toBe('');
});
