/**
 * The journal's own thread: told which file, it opens it, and does one thing after the other as
 * asked. It ends when it has closed the journal; whatever it cannot do it answers as a value.
 */
import { parentPort } from 'node:worker_threads';
import { Database } from './database.ts';
import { openSqliteJournal } from './open.ts';
import type { SqliteJournal } from './sqlite.ts';
import type { Ask, Open, Tell } from './threaded.ts';

function tell(message: Tell): void {
  parentPort?.postMessage(message);
}

function answer(journal: SqliteJournal, ask: Ask): unknown {
  switch (ask.method) {
    case 'append':
      return journal.append(...ask.args);
    case 'read':
      return journal.read(...ask.args);
    case 'firstSeq':
      return journal.firstSeq();
    case 'saveSnapshot':
      return journal.saveSnapshot(...ask.args);
    case 'loadSnapshot':
      return journal.loadSnapshot();
    case 'prune':
      return journal.prune(...ask.args);
    case 'verify':
      return journal.verify(...ask.args);
    case 'close':
      return journal.close();
  }
}

function open(file: string): void {
  const opened = openSqliteJournal(file, () => tell({ kind: 'salvages' }));
  if (opened.ok) {
    const { journal, notes } = opened;
    parentPort?.on('message', (ask: Ask) => {
      const value = answer(journal, ask);
      tell({ kind: 'answer', id: ask.id, value });
      if (ask.method === 'close') parentPort?.close();
    });
    tell({ kind: 'opened', result: { ok: true, notes, lastSeq: journal.lastSeq() } });
  } else {
    tell({ kind: 'opened', result: opened });
    parentPort?.close();
  }
}

// Loads the library's machine code, which a spare shall have done before it is wanted.
new Database(':memory:').close();
parentPort?.once('message', ({ file }: Open) => open(file));
