/**
 * Goal: a disk that is full or read-only is lived through, again and again, and what was written
 * before, meanwhile and afterwards is whole. Method: the real loop on the real journal on a disk
 * of four megabytes that is filled for real.
 */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { openSqliteJournal } from '../../../src/journal/open.ts';
import { openThreadedJournal, startJournalThread } from '../../../src/journal/threaded.ts';
import { checkJournal } from '../../../src/journal/tools.ts';
import { openLoop } from '../../../src/runtime/loop.ts';
import type { NewCommand } from '../../../src/runtime/port.ts';
import { rebuild } from '../../../src/runtime/rebuild.ts';
import { mayMount, openSmallDisk, type SmallDisk } from '../../support/small-disk.ts';
import { agent, config, queue } from '../../unit/core/scenario.ts';

const obstacle = mayMount();
const BY = { by: 'test' };
const arrive = (callId: string): NewCommand => ({
  kind: 'ArriveCall',
  callId,
  queue: 'q',
  // Long, so that a few calls need more pages than the log has.
  sipCallId: callId.padEnd(6_000, '-'),
  from: '',
  fromName: '',
  to: '',
  ...BY,
});
const bye = (callId: string): NewCommand => ({ kind: 'EndCall', callId, cause: 'bye', ...BY });

describe.skipIf(obstacle !== '')(`a real disk${obstacle === '' ? '' : ` (${obstacle})`}`, () => {
  let disk: SmallDisk;
  let file = '';
  beforeAll(() => {
    disk = openSmallDisk(4);
    file = path.join(disk.folder, 'acd.db');
  });
  afterAll(async () => disk.stop());

  async function start() {
    const opened = await openThreadedJournal({
      file,
      onDeath: (error) => expect.unreachable(error.message),
      thread: startJournalThread(new URL('../../support/journal-thread.mjs', import.meta.url)),
    });
    if (!opened.ok) throw new Error(opened.detail);
    const { journal } = opened;
    const started = await openLoop({
      journal,
      clock: { now: () => 1_000, atLeast: () => undefined },
      newId: () => 'id',
      log: () => undefined,
      onFatal: (error) => expect.unreachable(error.message),
      retryMs: 10,
      snapshotEvery: 25,
    });
    if (!started.ok) throw new Error(started.detail);
    return { journal, loop: started.loop };
  }

  it('that is full: facts wait, calls are refused, it recovers; three times over', async () => {
    const { journal, loop } = await start();
    await loop.submit({
      kind: 'ApplyConfig',
      config: config([queue('q')], [agent('1', 'q')]),
      ...BY,
    });
    for (const round of ['a', 'b', 'c']) {
      const calls = Array.from({ length: 20 }, (_, n) => `${round}${n}`);
      for (const id of calls) expect(await loop.submit(arrive(id))).toMatchObject({ ok: true });
      disk.fill();
      // What fits into space the log already has is still written: that is no lie.
      let more = 0;
      while ((await loop.submit(arrive(`${round}-more${more}`))).ok) more += 1;
      expect(loop.health()).toMatchObject({
        phase: 'journal-down',
        detail: expect.stringMatching(/its disk is full; free some space/) as string,
      });
      const facts = calls.map((id) => loop.submit(bye(id)));
      expect(await loop.submit(arrive(`${round}-no`))).toEqual({
        ok: false,
        refusal: 'unavailable',
      });
      expect(loop.health().backlog).toBe(calls.length);
      disk.free();
      const outcomes = await Promise.all(facts);
      expect(outcomes.every((outcome) => outcome.ok)).toBe(true);
      await expect.poll(() => loop.health().phase).toBe('running');
      for (let n = 0; n < more; n += 1) await loop.submit(bye(`${round}-more${n}`));
    }
    const hash = canonicalHash(loop.state);
    expect(loop.state.calls.size).toBe(0);
    await loop.stop();
    await journal.close();
    expect(checkJournal(file)).toMatchObject({ ok: true });
    const again = openSqliteJournal(file);
    if (!again.ok) throw new Error(again.detail);
    expect(again.notes).toEqual([]);
    const rebuilt = await rebuild(again.journal);
    again.journal.close();
    expect(rebuilt.ok && canonicalHash(rebuilt.state)).toBe(hash);
  });

  it('that is full at a start says so, and the start works once there is space', () => {
    disk.fill();
    const opened = openSqliteJournal(path.join(disk.folder, 'new.db'));
    expect(opened.ok ? 'opened' : opened.detail).toMatch(/cannot be used: its disk is full/);
    disk.free();
    const again = openSqliteJournal(path.join(disk.folder, 'new.db'));
    expect(again).toMatchObject({ ok: true });
    if (again.ok) again.journal.close();
  });

  it('that is read-only says so, and the journal is untouched when it is not any more', () => {
    disk.readOnly(true);
    const opened = openSqliteJournal(file);
    expect(opened.ok ? 'opened' : opened.detail).toMatch(/its file system is read-only/);
    disk.readOnly(false);
    expect(checkJournal(file)).toMatchObject({ ok: true });
  });
});
