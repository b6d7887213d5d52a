/**
 * The state as the journal has it: the last snapshot, and every event after it folded in. Used
 * at the start, and whenever the state in memory must be put back to what is durable.
 */
import { evolve } from '../core/evolve.ts';
import { restore, SNAPSHOT_VERSION } from '../core/snapshot.ts';
import { initialState, type State } from '../core/state.ts';
import { READ_MAX, type Journal, type JournalFailure } from '../journal/port.ts';

export type Rebuilt =
  | {
      readonly ok: true;
      readonly state: State;
      readonly lastSeq: number;
      /** Sequence of the snapshot used, 0 for none. */
      readonly snapshotSeq: number;
      /** Instant of the last event, 0 for an empty journal. */
      readonly lastAt: number;
    }
  | JournalFailure;

async function loadSnapshot(
  journal: Journal,
  lastSeq: number,
): Promise<{ ok: true; state: State; seq: number } | JournalFailure> {
  const loaded = await journal.loadSnapshot();
  if (!loaded.ok) return loaded;
  const { found } = loaded;
  // One that we cannot read, or that is ahead of the log, is worth nothing: replay from the start.
  const isUsable = found !== null && found.state.version === SNAPSHOT_VERSION;
  if (isUsable && found.seq <= lastSeq) {
    return { ok: true, state: restore(found.state), seq: found.seq };
  }
  const first = await journal.firstSeq();
  if (first === 1) return { ok: true, state: initialState(), seq: 0 };
  return broken(
    `it begins at event ${first} (journal.keep), and this version cannot use its snapshot; ` +
      'start the version that wrote it',
  );
}

function broken(detail: string): JournalFailure {
  return { ok: false, reason: 'unavailable', detail };
}

export async function rebuild(journal: Journal): Promise<Rebuilt> {
  const lastSeq = await journal.lastSeq();
  const start = await loadSnapshot(journal, lastSeq);
  if (!start.ok) return start;
  const { state, seq: snapshotSeq } = start;
  let lastAt = 0;
  // Reading begins with the snapshot's own last event: its instant is needed, its effect is in.
  for (let next = Math.max(1, snapshotSeq); next <= lastSeq;) {
    const read = await journal.read(next, READ_MAX);
    if (!read.ok) return read;
    for (const { seq, event } of read.events) {
      if (seq !== next) return broken(`broken journal: ${seq} where ${next} should be`);
      if (seq > snapshotSeq) evolve(state, event);
      lastAt = event.at;
      next += 1;
    }
    if (read.events.length === 0) return broken(`broken journal: it ends before ${lastSeq}`);
  }
  return { ok: true, state, lastSeq, snapshotSeq, lastAt };
}
