/**
 * Goal: the journal does not grow for ever, and loses nothing the state needs; damage in old
 * events is told. Method: a journal in memory or in a file, and short looks.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Database } from '../../../src/journal/database.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import type { Journal } from '../../../src/journal/port.ts';
import { rebuild } from '../../../src/runtime/rebuild.ts';
import { startUpkeep, type Upkeep, type UpkeepOptions } from '../../../src/runtime/upkeep.ts';
import { makeHistory, mustWork, openOrThrow, writeHistory } from '../journal/history.ts';

const history = makeHistory(7, 1_500);
const LAST = history.events.length;
const lastAt = history.events.at(-1)?.at ?? 0;

const running: Upkeep[] = [];
afterEach(async () => {
  for (const upkeep of running.splice(0)) await upkeep.stop();
});

function begin(journal: Journal, options: Partial<UpkeepOptions> = {}) {
  const logged: string[] = [];
  const upkeep = startUpkeep({
    journal,
    now: () => lastAt,
    keepMs: 1,
    log: (level, text) => logged.push(`${level} ${text}`),
    lookMs: 5,
    pauseMs: 0,
    ...options,
  });
  running.push(upkeep);
  return { upkeep, logged };
}

function filled(): MemoryJournal {
  const journal = new MemoryJournal();
  mustWork(journal.append(0, history.events));
  for (const seq of [LAST - 200, LAST - 100]) {
    mustWork(journal.saveSnapshot(seq, history.stateAt(seq)));
  }
  return journal;
}

describe('old events', () => {
  it('are removed in steps, down to what two snapshots stand for; the state stays', async () => {
    const journal = filled();
    const steps: number[] = [];
    const prune = journal.prune.bind(journal);
    journal.prune = (before, limit) => {
      const step = prune(before, limit);
      if (step.ok && step.removed > 0) steps.push(step.removed);
      return step;
    };
    const { logged } = begin(journal);
    await expect.poll(() => journal.firstSeq()).toBe(LAST - 200);
    expect(steps.length).toBeGreaterThan(1);
    expect(Math.max(...steps)).toBe(500);
    await expect.poll(() => logged).toEqual([expect.stringMatching(/^info \d+ events older than/)]);
    const rebuilt = await rebuild(journal);
    expect(rebuilt.ok && canonicalHash(rebuilt.state)).toBe(history.hashes[LAST]);
  });

  it('are kept as long as asked, and for ever with 0', async () => {
    const young = filled();
    begin(young, { keepMs: lastAt });
    const eternal = filled();
    const { upkeep } = begin(eternal, { keepMs: 0 });
    await upkeep.stop();
    await running[0]?.stop();
    expect([young.firstSeq(), eternal.firstSeq()]).toEqual([1, 1]);
  });

  it('wait for the next look where the disk fails', async () => {
    const journal = filled();
    const prune = journal.prune.bind(journal);
    let fails = true;
    journal.prune = (before, limit) =>
      fails ? { ok: false, reason: 'unavailable', detail: 'disk full' } : prune(before, limit);
    const { logged } = begin(journal);
    await expect.poll(() => logged[0]).toBe('warn old events were not removed: disk full');
    fails = false;
    await expect.poll(() => journal.firstSeq()).toBe(LAST - 200);
  });
});

describe('damage in old events', () => {
  it('is counted and told once, with what to do', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'acd-upkeep-'));
    const file = path.join(folder, 'acd.db');
    const journal = writeHistory(file, history, { snapshotEvery: 100 }) ?? openOrThrow(file);
    const other = new Database(file);
    other.exec("UPDATE event SET body = body || ' ' WHERE seq IN (3, 5)");
    other.exec('DELETE FROM event WHERE seq = 9');
    other.close();
    const { upkeep, logged } = begin(journal, { keepMs: 0 });
    await expect.poll(() => upkeep.damaged()).toBe(3);
    await expect
      .poll(() => logged)
      .toEqual([expect.stringMatching(/^error events 3, 5, 9 of the/)]);
    await upkeep.stop();
    journal.close();
    rmSync(folder, { recursive: true });
  });

  it('is not seen where there is none', async () => {
    const journal = filled();
    const { upkeep, logged } = begin(journal, { keepMs: 0 });
    await upkeep.stop();
    expect([upkeep.damaged(), logged]).toEqual([0, []]);
  });
});
