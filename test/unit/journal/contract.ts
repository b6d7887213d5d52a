/**
 * What every journal promises, as one suite run on each implementation. `open` gives a journal
 * on the same storage each time it is called within one test, where the storage outlives it.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { snapshot } from '../../../src/core/snapshot.ts';
import { initialState } from '../../../src/core/state.ts';
import { READ_MAX, type Journal } from '../../../src/journal/port.ts';

export function fact(agentId: string, at = 1): CoreEvent {
  return { kind: 'AgentResumed', at, by: 'test', agentId };
}

async function bodies(journal: Journal, from = 1, limit = READ_MAX): Promise<string[]> {
  const read = await journal.read(from, limit);
  if (!read.ok) throw new Error(read.detail);
  return read.events.map(({ seq, event }) => `${seq}:${'agentId' in event ? event.agentId : ''}`);
}

export function journalContract(name: string, open: () => Journal | Promise<Journal>): void {
  describe(`${name} keeps the contract of a journal`, () => {
    let journal: Journal;
    beforeEach(async () => {
      journal = await open();
      return () => journal.close();
    });

    it('begins empty', async () => {
      expect(await journal.lastSeq()).toBe(0);
      expect(await journal.firstSeq()).toBe(1);
      expect(await bodies(journal)).toEqual([]);
      expect(await journal.loadSnapshot()).toEqual({ ok: true, found: null });
    });

    it('numbers events from 1 without a hole, over batches', async () => {
      expect(await journal.append(0, [fact('a'), fact('b')])).toEqual({ ok: true, lastSeq: 2 });
      expect(await journal.append(2, [fact('c')])).toEqual({ ok: true, lastSeq: 3 });
      expect(await bodies(journal)).toEqual(['1:a', '2:b', '3:c']);
      expect(await journal.lastSeq()).toBe(3);
    });

    it('gives events back as they were', async () => {
      const event: CoreEvent = {
        kind: 'CallRefused',
        at: 1_763_000_000_123,
        by: 'sip',
        callId: 'c',
        queue: 'Ünïcode “queue”',
        sipCallId: 'x\u0000\n@h',
        from: '',
        to: '☎',
        status: 'FULL',
      };
      await journal.append(0, [event]);
      expect(await journal.read(1, 1)).toEqual({ ok: true, events: [{ seq: 1, event }] });
    });

    it('reads a part: from a sequence, at most a limit', async () => {
      await journal.append(
        0,
        ['a', 'b', 'c', 'd'].map((id) => fact(id)),
      );
      expect(await bodies(journal, 2, 2)).toEqual(['2:b', '3:c']);
      expect(await bodies(journal, 5, 2)).toEqual([]);
      expect(await bodies(journal, 0, 1)).toEqual(['1:a']);
    });

    it('never reads more than its maximum', async () => {
      await journal.append(
        0,
        Array.from({ length: READ_MAX + 1 }, (_, n) => fact(`${n}`)),
      );
      expect((await bodies(journal, 1, Infinity)).length).toBe(READ_MAX);
    });

    it('refuses an append at another position as a conflict, and writes nothing', async () => {
      await journal.append(0, [fact('a')]);
      for (const expected of [0, 2]) {
        const late = await journal.append(expected, [fact('b'), fact('c')]);
        expect(late).toEqual({ ok: false, reason: 'conflict', lastSeq: 1 });
      }
      expect(await bodies(journal)).toEqual(['1:a']);
    });

    it('lets exactly one of many racing writers win each position', async () => {
      for (let seq = 0; seq < 50; seq += 1) {
        const results = await Promise.all(
          ['a', 'b', 'c', 'd'].map(async (id) => journal.append(seq, [fact(id)])),
        );
        expect(results.filter((result) => result.ok).length).toBe(1);
      }
      expect(await journal.lastSeq()).toBe(50);
    });

    it('proves by an empty append that it can be written, adding nothing', async () => {
      await journal.append(0, [fact('a')]);
      expect(await journal.append(1, [])).toEqual({ ok: true, lastSeq: 1 });
      expect(await journal.append(0, [])).toMatchObject({ ok: false, reason: 'conflict' });
      expect(await bodies(journal)).toEqual(['1:a']);
    });

    it('keeps the latest snapshot', async () => {
      const state = { ...snapshot(initialState()), entries: 7 };
      await journal.append(0, [fact('a'), fact('b')]);
      await journal.saveSnapshot(1, { ...state, entries: 3 });
      expect(await journal.saveSnapshot(2, state)).toEqual({ ok: true });
      expect(await journal.loadSnapshot()).toEqual({ ok: true, found: { seq: 2, state } });
    });

    it('removes the oldest events only as far as the older of two snapshots stands', async () => {
      const state = snapshot(initialState());
      await journal.append(
        0,
        [10, 20, 30, 40, 50].map((at) => fact('a', at)),
      );
      expect(await journal.prune(100, 10)).toEqual({ ok: true, removed: 0 });
      await journal.saveSnapshot(3, state);
      expect(await journal.prune(100, 10)).toEqual({ ok: true, removed: 0 });
      await journal.saveSnapshot(5, state);
      expect(await journal.prune(100, 1)).toEqual({ ok: true, removed: 1 });
      expect(await journal.prune(20, 10)).toEqual({ ok: true, removed: 0 });
      expect(await journal.prune(100, 10)).toEqual({ ok: true, removed: 1 });
      expect(await journal.firstSeq()).toBe(3);
      expect(await bodies(journal)).toEqual(['3:a', '4:a', '5:a']);
      expect(await journal.append(5, [fact('b')])).toEqual({ ok: true, lastSeq: 6 });
    });

    it('looks its events over, step by step', async () => {
      await journal.append(
        0,
        ['a', 'b', 'c'].map((id) => fact(id)),
      );
      expect(await journal.verify(1, 2)).toEqual({ ok: true, next: 3, damaged: [] });
      expect(await journal.verify(3, 2)).toEqual({ ok: true, next: null, damaged: [] });
    });

    it('says that it is unavailable once closed, as a value', async () => {
      await journal.close();
      const gone = { ok: false, reason: 'unavailable' };
      expect(await journal.append(0, [fact('a')])).toMatchObject(gone);
      expect(await journal.read(1, 1)).toMatchObject(gone);
      expect(await journal.saveSnapshot(1, snapshot(initialState()))).toMatchObject(gone);
      expect(await journal.loadSnapshot()).toMatchObject(gone);
      expect(await journal.prune(1, 1)).toMatchObject(gone);
      expect(await journal.verify(1, 1)).toMatchObject(gone);
    });
  });
}
