/**
 * Goal: the SQLite journal keeps the contract, and refuses what it cannot use in clear words.
 * Method: the contract suite, and real files in a temporary folder. Two processes on one file are
 * tried in test/edge/journal.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type Sqlite from 'better-sqlite3';
import { Database } from '../../../src/journal/database.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteJournal } from '../../../src/journal/open.ts';
import type { SqliteJournal } from '../../../src/journal/sqlite.ts';
import { putMeta } from '../../../src/journal/layout.ts';
import { fact, journalContract } from './contract.ts';
import { crashContract } from './crash-contract.ts';
import { copyJournal, openOrThrow, unlocked } from './history.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'acd-journal-'));
  file = path.join(folder, 'acd.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(): SqliteJournal {
  const opened = openSqliteJournal(file);
  if (!opened.ok) throw new Error(opened.detail);
  return opened.journal;
}

function detailOf(): string {
  const opened = openSqliteJournal(file);
  if (!opened.ok) return opened.detail;
  opened.journal.close();
  return 'opened';
}

/** Something done to the file behind the journal's back. */
function tamper(work: (db: Sqlite.Database) => void): void {
  const db = new Database(file);
  work(db);
  db.close();
}

journalContract('SqliteJournal', open);

crashContract('SqliteJournal', {
  open: async () => open(),
  second: async () => unlocked(file),
  afterCrash: async () => {
    const left = path.join(folder, 'left.db');
    copyJournal(file, left);
    return openOrThrow(left);
  },
});

describe('the file', () => {
  it('keeps everything over a close', () => {
    const first = open();
    first.append(0, [fact('a'), fact('b')]);
    first.close();
    const second = open();
    expect(second.lastSeq()).toBe(2);
    expect(second.append(2, [fact('c')])).toEqual({ ok: true, lastSeq: 3 });
    second.close();
  });

  it('is created with its folders', () => {
    file = path.join(folder, 'var', 'lib', 'acd.db');
    expect(detailOf()).toBe('opened');
  });

  it('can be read by others while it is open', () => {
    const journal = open();
    journal.append(0, [fact('a')]);
    const reader = new Database(file, { readonly: true });
    expect(reader.prepare('SELECT count(*) AS n FROM event').get()).toEqual({ n: 1 });
    reader.close();
    journal.close();
  });

  it('of a newer version is refused, naming both', () => {
    open().close();
    tamper((db) => putMeta(db, 'events', 99));
    expect(detailOf()).toMatch(/written by a newer version \(schema 2, events 99/);
    tamper((db) => putMeta(db, 'schema', 7));
    expect(detailOf()).toMatch(/newer version \(schema 7/);
  });

  it('of another program is refused and left as it is', () => {
    tamper((db) => db.exec('CREATE TABLE theirs (x)'));
    expect(detailOf()).toMatch(/database of another program; name another file in journal.path/);
    tamper((db) => expect(db.prepare('SELECT * FROM theirs').all()).toEqual([]));
  });

  it('that is no database says what to do', () => {
    writeFileSync(file, 'this is not a database, but long enough to be looked at\n'.repeat(40));
    expect(detailOf()).toMatch(/is damaged or not a journal, and nothing in it can be read; put/);
    expect(detailOf()).toMatch(/acd journal repair .*acd.db --drop-after 0$/);
  });

  it('that is a folder, or lies where nothing can be, says what to do', () => {
    file = folder;
    expect(detailOf()).toMatch(/is no file; name another path in journal.path/);
    file = path.join(folder, 'plain', 'acd.db');
    writeFileSync(path.join(folder, 'plain'), '');
    expect(detailOf()).toMatch(/cannot be used .*; check the path, and its permissions/);
  });

  it('fences a writer who was overtaken: his append is a conflict', () => {
    const journal = open();
    journal.append(0, [fact('a')]);
    tamper((db) => {
      db.exec("INSERT INTO event VALUES (2, 1, 1, 'AgentResumed', '{}', 2, 0, 0)");
    });
    expect(journal.append(1, [fact('b')])).toEqual({ ok: false, reason: 'conflict', lastSeq: 2 });
    journal.close();
  });

  it('with a damaged snapshot is as good as without one', () => {
    const journal = open();
    journal.append(0, [fact('a')]);
    tamper((db) => db.exec("INSERT INTO snapshot VALUES (1, '{half', 7)"));
    expect(journal.loadSnapshot()).toEqual({ ok: true, found: null });
    journal.close();
  });

  it('writes a batch whole or not at all', () => {
    const journal = open();
    journal.append(0, [fact('a')]);
    const bad = { ...fact('b'), at: 'never' } as unknown as ReturnType<typeof fact>;
    expect(journal.append(1, [fact('c'), bad])).toMatchObject({ reason: 'unavailable' });
    expect(journal.read(1, 10)).toMatchObject({ events: [{ seq: 1 }] });
    expect(journal.append(1, [fact('d')])).toEqual({ ok: true, lastSeq: 2 });
    journal.close();
  });
});

describe('two writers on one file', () => {
  it('in one process: the second is refused', () => {
    const first = open();
    expect(detailOf()).toMatch(/in use by another running ACD; stop it, or name another file/);
    first.close();
    expect(detailOf()).toBe('opened');
  });
});
