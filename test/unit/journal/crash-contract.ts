/**
 * The second half of what every journal promises: two writers on one storage, a process that dies
 * between the append and its effect, and what is left when old events are removed. One suite run
 * on each implementation.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { CoreEvent, StoredEvent } from '../../../src/core/events.ts';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { READ_MAX, type AppendResult, type Journal } from '../../../src/journal/port.ts';
import { makeClock } from '../../../src/shared/clock.ts';
import { openLoop, type Loop } from '../../../src/runtime/loop.ts';
import { rebuild } from '../../../src/runtime/rebuild.ts';
import { apply, arrive, confirm } from '../runtime/trial.ts';
import { fact } from './contract.ts';
import { makeHistory, mustWork } from './history.ts';

export interface Storage {
  /** A journal on fresh storage. */
  open(): Promise<Journal>;
  /** Another writer on that storage, as one who does not know of the first or has no lock. */
  second(journal: Journal): Promise<Journal>;
  /** The storage as a process finds it when the one before was killed, opened. */
  afterCrash(journal: Journal): Promise<Journal>;
}

async function read(journal: Journal): Promise<readonly StoredEvent[]> {
  return mustWork(await journal.read(1, READ_MAX)).events;
}

const names = (events: readonly StoredEvent[]) =>
  events.map(({ event }) => ('agentId' in event ? String(event.agentId) : event.kind));

/** Appends until `rounds` have succeeded; gives the names of what was accepted. */
async function race(journal: Journal, name: string, rounds: number): Promise<string[]> {
  const won: string[] = [];
  let expected = 0;
  while (won.length < rounds * 2) {
    const pair = [`${name}${won.length}`, `${name}${won.length + 1}`];
    const result: AppendResult = await journal.append(
      expected,
      pair.map((id) => fact(id)),
    );
    if (result.ok) won.push(...pair);
    else expect(result.reason).toBe('conflict');
    if (result.ok || result.reason === 'conflict') expected = result.lastSeq;
    // Both get their turn, whether the journal answers at once or not.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return won;
}

async function openLoopOn(journal: Journal): Promise<{ loop: Loop; told: string[] }> {
  const told: string[] = [];
  const opened = mustWork(
    await openLoop({
      journal,
      clock: makeClock(),
      newId: () => 'id',
      log: () => undefined,
      onFatal: (error) => told.push(error.message),
    }),
  );
  opened.loop.react(({ event }) => told.push(event.kind));
  return { loop: opened.loop, told };
}

/** Durable, and never answered: the process dies in between. */
function dyingAfter(journal: Journal, count: number): { journal: Journal; died: Promise<void> } {
  let left = count;
  let die: () => void = () => undefined;
  const died = new Promise<void>((resolve) => (die = resolve));
  const append = async (expectedSeq: number, events: readonly CoreEvent[]) => {
    const result = await journal.append(expectedSeq, events);
    left -= 1;
    if (left >= 0) return result;
    die();
    return new Promise<never>(() => undefined);
  };
  const dying: Journal = {
    append,
    read: (from, limit) => journal.read(from, limit),
    firstSeq: () => journal.firstSeq(),
    lastSeq: () => journal.lastSeq(),
    saveSnapshot: (seq, state) => journal.saveSnapshot(seq, state),
    loadSnapshot: () => journal.loadSnapshot(),
    prune: (before, limit) => journal.prune(before, limit),
    verify: (from, limit) => journal.verify(from, limit),
    close: () => journal.close(),
  };
  return { journal: dying, died };
}

export function crashContract(name: string, storage: Storage): void {
  describe(`${name} keeps its promise`, () => {
    let journal: Journal;
    beforeEach(async () => {
      journal = await storage.open();
      return () => journal.close();
    });

    it('to two writers who race: all of one batch or none, no hole, nothing twice', async () => {
      const other = await storage.second(journal);
      const [ours, theirs] = await Promise.all([race(journal, 'a', 25), race(other, 'b', 25)]);
      const written = names(await read(other));
      expect(written.length).toBe(100);
      // Each writer's own are there in his order, and pairs were never torn apart.
      expect(written.filter((one) => one.startsWith('a'))).toEqual(ours);
      expect(written.filter((one) => one.startsWith('b'))).toEqual(theirs);
      for (let at = 0; at < written.length; at += 2) {
        expect(written[at + 1]?.charAt(0)).toBe(written[at]?.charAt(0));
      }
      await other.close();
    });

    it('to a writer who was overtaken: he ends, and tells nobody what he decided', async () => {
      const { loop, told } = await openLoopOn(journal);
      await loop.submit(apply);
      const other = await storage.second(journal);
      mustWork(await other.append(1, [fact('usurper')]));
      const answer = await loop.submit(arrive('late'));
      expect(answer).toEqual({ ok: false, refusal: 'unavailable' });
      expect(told[0]).toBe('ConfigApplied');
      expect(told[1]).toMatch(/another process writes this journal/);
      expect(told.length).toBe(2);
      expect(names(await read(other))).toEqual(['ConfigApplied', 'usurper']);
      await other.close();
    });

    it('to whoever was answered: after a crash it is there, and can be gone on from', async () => {
      mustWork(await journal.append(0, [fact('a'), fact('b')]));
      mustWork(await journal.append(2, [fact('c')]));
      const found = await storage.afterCrash(journal);
      expect(names(await read(found))).toEqual(['a', 'b', 'c']);
      expect(await found.append(3, [fact('d')])).toEqual({ ok: true, lastSeq: 4 });
      await found.close();
    });

    it('to a call whose place was durable when the process died: the next one has it', async () => {
      const dying = dyingAfter(journal, 1);
      const first = await openLoopOn(dying.journal);
      await first.loop.submit(apply);
      void first.loop.submit(arrive('a'));
      await dying.died;
      // Nobody has heard of it: no leg was answered for it.
      expect(first.told).toEqual(['ConfigApplied']);
      const found = await storage.afterCrash(journal);
      const second = await openLoopOn(found);
      expect([...second.loop.state.calls.keys()]).toEqual(['a']);
      const again = await second.loop.submit(arrive('a'));
      expect(again).toEqual({ ok: false, refusal: 'duplicate-call' });
      await second.loop.submit(confirm('a'));
      await second.loop.submit({ kind: 'Reconcile', liveCalls: [], liveOffers: [], by: 'test' });
      expect(second.told).toEqual(['CallConfirmed', 'CallEnded']);
      await second.loop.stop();
      await found.close();
    });

    it('to the state: whatever is removed, what is left adds up to it', async () => {
      const history = makeHistory(3, 400);
      let [seq, saved] = [0, 0];
      for (const batch of history.batches) {
        seq = mustWork(await journal.append(seq, batch)).lastSeq;
        if (seq - saved < 60) continue;
        mustWork(await journal.saveSnapshot(seq, history.stateAt(seq)));
        saved = seq;
        mustWork(await journal.prune(Infinity, 1_000));
      }
      expect(await journal.firstSeq()).toBeGreaterThan(100);
      const found = await storage.afterCrash(journal);
      const rebuilt = mustWork(await rebuild(found));
      expect(rebuilt.lastSeq).toBe(history.events.length);
      expect(canonicalHash(rebuilt.state)).toBe(history.hashes.at(-1));
      await found.close();
    });
  });
}
