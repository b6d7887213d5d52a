/**
 * Goal: a disk that takes half a second for each write holds up nobody but who waits for it, and
 * what comes meanwhile is written together. Method: the real loop and thread, a write that sleeps.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { openThreadedJournal, startJournalThread } from '../../../src/journal/threaded.ts';
import { openLoop } from '../../../src/runtime/loop.ts';
import { agent, config, queue } from '../../unit/core/scenario.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'acd-slow-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const BY = { by: 'test' };
const CALLS = 200;

it('answers while it waits, and writes what came meanwhile as one batch', async () => {
  const opened = await openThreadedJournal({
    file: path.join(folder, 'acd.db'),
    onDeath: (error) => expect.unreachable(error.message),
    thread: startJournalThread(new URL('../../support/slow-journal-thread.mjs', import.meta.url)),
  });
  if (!opened.ok) throw new Error(opened.detail);
  const started = await openLoop({
    journal: opened.journal,
    clock: { now: () => 1_000, atLeast: () => undefined },
    newId: () => 'id',
    log: () => undefined,
    onFatal: (error) => expect.unreachable(error.message),
  });
  if (!started.ok) throw new Error(started.detail);
  const { loop } = started;
  const applied = config([queue('q')], [agent('1', 'q')]);
  const first = loop.submit({
    kind: 'ApplyConfig',
    config: { ...applied, maxCalls: CALLS },
    ...BY,
  });
  let written = false;
  void first.then(() => (written = true));
  let answers = 0;
  while (!written) {
    answers += 1;
    loop.health();
    await new Promise((done) => setTimeout(done, 10));
  }
  const calls = Array.from({ length: CALLS }, async (_, n) =>
    loop.submit({
      kind: 'ArriveCall',
      callId: `c${n}`,
      queue: 'q',
      sipCallId: `c${n}`,
      from: '',
      fromName: '',
      to: '',
      ...BY,
    }),
  );
  expect((await Promise.all(calls)).every((outcome) => outcome.ok)).toBe(true);
  // A process held up by its write would not have looked even twice.
  expect(loop.health().counters.batches).toBe(2);
  expect(answers).toBeGreaterThan(2);
  await loop.stop();
  await opened.journal.close();
});
