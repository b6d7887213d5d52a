/**
 * Goal: on its own thread the journal is the same journal, holds up nobody, and says when the
 * thread is gone. Method: the contract suite, and a thread that is killed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/journal/port.ts';
import {
  openThreadedJournal,
  startJournalThread,
  type ThreadedJournal,
} from '../../../src/journal/threaded.ts';
import { fact, journalContract } from './contract.ts';
import { crashContract } from './crash-contract.ts';
import { copyJournal, unlocked } from './history.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'acd-thread-'));
  file = path.join(folder, 'acd.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const deaths: Error[] = [];

const OURS = new URL('../../support/journal-thread.mjs', import.meta.url);
/** Opens well, and throws at the first thing it is asked. */
const DYING = new URL(`data:text/javascript,
  import { parentPort } from 'node:worker_threads';
  parentPort.once('message', () => {
    parentPort.on('message', () => { throw new Error('a bug'); });
    parentPort.postMessage({ kind: 'opened', result: { ok: true, notes: [], lastSeq: 0 } });
  });`);

async function tryOpen(program = OURS) {
  const thread = startJournalThread(program);
  return openThreadedJournal({ file, onDeath: (error) => deaths.push(error), thread });
}

async function open(program = OURS): Promise<ThreadedJournal> {
  const opened = await tryOpen(program);
  if (!opened.ok) throw new Error(opened.detail);
  return opened.journal;
}

journalContract('ThreadedJournal', async (): Promise<Journal> => open());

crashContract('ThreadedJournal', {
  open: async () => open(),
  second: async () => unlocked(file),
  afterCrash: async () => {
    const left = path.join(folder, 'left.db');
    copyJournal(file, left);
    file = left;
    return open();
  },
});

describe('the thread', () => {
  it('tells why it cannot open the file', async () => {
    file = folder;
    const opened = await tryOpen();
    expect(opened.ok ? '' : opened.detail).toMatch(/is no file; name another path/);
  });

  it('says, before it reads all of a damaged file, that it does', async () => {
    const journal = await open();
    await journal.append(0, [fact('a')]);
    await journal.close();
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xff, bytes.length / 2));
    let count = 0;
    const thread = startJournalThread(OURS);
    const onDeath = (error: Error) => deaths.push(error);
    const opened = await openThreadedJournal({ file, onDeath, onSalvage: () => count++, thread });
    expect(count).toBe(1);
    if (opened.ok) await opened.journal.close();
  });

  it('keeps the order of what is asked at once', async () => {
    const journal = await open();
    const answers = await Promise.all([
      journal.append(0, [fact('a')]),
      journal.append(1, [fact('b')]),
      journal.read(1, 10),
    ]);
    expect(answers[2]).toMatchObject({ ok: true, events: [{ seq: 1 }, { seq: 2 }] });
    await journal.close();
    expect(deaths).toEqual([]);
  });

  it('that answers no more is asked no more than its maximum', async () => {
    const journal = await open();
    const answers = await Promise.all(Array.from({ length: 80 }, () => journal.read(1, 1)));
    const refused = answers.filter((one) => !one.ok && /does not answer/.test(one.detail));
    expect(refused).toHaveLength(16);
    await journal.close();
  });

  it('that dies answers everything, and its death is told', async () => {
    const journal = await open(DYING);
    const gone = { ok: false, detail: 'the thread of the journal has ended' };
    expect(await journal.append(0, [fact('a')])).toMatchObject(gone);
    expect(await journal.read(1, 1)).toMatchObject(gone);
    expect(deaths.map((error) => error.message)).toEqual(['a bug']);
    await journal.close();
  });
});
