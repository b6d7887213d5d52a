/**
 * One supervisor for each journal: the one that holds the lock of a file beside it
 * (`journal.db.run.lock`). The system lets go of it however its holder ends, so that of several
 * that start in the same moment exactly one goes on, whatever a killed one left.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../journal/faults.ts';
import { lockWriter } from '../journal/open.ts';
import { ask } from './control-socket.ts';
import { readRecord } from './run-record.ts';

export type Sole =
  | { readonly ok: true; readonly leave: () => void }
  | { readonly ok: false; readonly fault: string };

const ANSWER_MS = 2_000;

/** @param file of the record (run-record.ts) */
export async function beSole(file: string): Promise<Sole> {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const lock = lockWriter(file);
    if (lock !== null) return { ok: true, leave: () => void lock.close() };
  } catch (error) {
    // A disk that is read-only or full: who talks is still to be taken over. The control socket
    // tells of another supervisor all the same, and the journal has a lock of its own.
    if (codeOf(error) === '') throw error;
    return { ok: true, leave: () => undefined };
  }
  return { ok: false, fault: `${await whoRuns(file)} with the same journal` };
}

async function whoRuns(file: string): Promise<string> {
  const { folder } = readRecord(file);
  const found =
    folder === undefined ? null : await ask(path.join(folder, 'control.sock'), 'pid', ANSWER_MS);
  return found?.ok === true
    ? `another ACD (process ${found.text}) runs`
    : 'another ACD runs, or is just being started,';
}
