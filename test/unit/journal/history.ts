/**
 * A realistic history in a real file: what the simulator's callers, agents and phones do, written
 * batch by batch as the loop would, with snapshots on the way; and the hash of the state after
 * every event, so that whatever a journal recovers to can be judged.
 */
import { Database } from '../../../src/journal/database.ts';
import { copyFileSync, existsSync } from 'node:fs';
import type { CoreEvent } from '../../../src/core/events.ts';
import { evolve } from '../../../src/core/evolve.ts';
import { canonicalHash, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { initialState } from '../../../src/core/state.ts';
import { openSqliteJournal } from '../../../src/journal/open.ts';
import { SqliteJournal } from '../../../src/journal/sqlite.ts';
import { agent, config, queue } from '../core/scenario.ts';
import { simulate } from '../core/simulator.ts';

export interface History {
  readonly batches: readonly (readonly CoreEvent[])[];
  readonly events: readonly CoreEvent[];
  /** `hashes[seq]`: of the state after event `seq`. */
  readonly hashes: readonly string[];
  /** The state after an event, as a snapshot. */
  stateAt(seq: number): Snapshot;
}

/** About one event for each step. The first is long: a configuration with many agents. */
export function makeHistory(seed: number, steps: number): History {
  const many = Array.from({ length: 300 }, (_, n) => agent(`${5000 + n}`, 'big'));
  const first: CoreEvent = {
    kind: 'ConfigApplied',
    at: 1,
    by: 'config',
    config: config([queue('big')], many),
  };
  const batches: (readonly CoreEvent[])[] = [[first]];
  const decided = (events: readonly CoreEvent[]) => {
    if (events.length > 0) batches.push(events);
  };
  simulate({ seed, steps, checkEvery: false, decided });
  const events = batches.flat();
  const state = initialState();
  const hashes = [canonicalHash(state)];
  const states: string[] = [JSON.stringify(snapshot(state))];
  for (const event of events) {
    evolve(state, event);
    hashes.push(canonicalHash(state));
    states.push(JSON.stringify(snapshot(state)));
  }
  const stateAt = (seq: number) => JSON.parse(states[seq] ?? '') as Snapshot;
  return { batches, events, hashes, stateAt };
}

export function openOrThrow(file: string): SqliteJournal {
  const opened = openSqliteJournal(file);
  if (!opened.ok) throw new Error(opened.detail);
  return opened.journal;
}

/** A writer who passes by the lock: only the position in the log holds him back. */
export function unlocked(file: string): SqliteJournal {
  return new SqliteJournal(new Database(file), new Database(':memory:'), file);
}

export function mustWork<T extends { readonly ok: boolean }>(result: T): Extract<T, { ok: true }> {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result as Extract<T, { ok: true }>;
}

export interface Writing {
  /** Events between two snapshots; 0: none. */
  readonly snapshotEvery: number;
  /** Remove what is older than the older of two snapshots, in the end. */
  readonly prune?: boolean;
  /** Close it in the middle and at the end, so that the log is taken into the file. */
  readonly closed?: boolean;
}

/** Writes the history; gives the open journal, or null where it was closed. */
export function writeHistory(file: string, history: History, how: Writing): SqliteJournal | null {
  let journal = openOrThrow(file);
  let [seq, saved] = [0, 0];
  const half = history.events.length / 2;
  let isReopened = false;
  for (const batch of history.batches) {
    seq = mustWork(journal.append(seq, batch)).lastSeq;
    if (how.snapshotEvery > 0 && seq - saved >= how.snapshotEvery) {
      mustWork(journal.saveSnapshot(seq, history.stateAt(seq)));
      saved = seq;
    }
    if (!isReopened && seq > half) {
      isReopened = true;
      journal.close();
      journal = openOrThrow(file);
    }
  }
  if (how.prune === true) mustWork(journal.prune(Infinity, 1_000_000));
  if (how.closed !== true) return journal;
  journal.close();
  return null;
}

/** What a power cut leaves: the file and its log, without the lock and the shared index. */
export function copyJournal(from: string, to: string): void {
  for (const end of ['', '-wal']) {
    if (existsSync(`${from}${end}`)) copyFileSync(`${from}${end}`, `${to}${end}`);
  }
}
