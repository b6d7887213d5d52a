/**
 * Goal: whatever a power cut or a failing disk does to the file, a start gives a state that once
 * was, or says why not and how to go on; it never throws and never invents. Method: real files of
 * a realistic history, cut at random offsets, with bits flipped and sectors lost, by a seed; the
 * state after each recovery is compared with the reference at that event.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { openSqliteJournal } from '../../../src/journal/open.ts';
import { rebuild } from '../../../src/runtime/rebuild.ts';
import { seeded } from '../../support/seeded.ts';
import { fact } from './contract.ts';
import { copyJournal, makeHistory, writeHistory, type Writing } from './history.ts';

const SEED = Number(process.env['ACD_SEED'] ?? 20260101);
const TRIALS = Number(process.env['ACD_TRIALS'] ?? 25);
const REFUSAL = /acd journal repair \S+ --drop-(after|before) \d+/;

const KINDS: Readonly<Record<string, Writing>> = {
  'closed, without snapshots': { snapshotEvery: 0, closed: true },
  'closed, with snapshots': { snapshotEvery: 150, closed: true },
  'killed, without snapshots': { snapshotEvery: 0 },
  'killed, with snapshots': { snapshotEvery: 150 },
  'killed, with the oldest events removed': { snapshotEvery: 150, prune: true },
};

function isWritable(where: string): boolean {
  try {
    accessSync(where, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const history = makeHistory(SEED, 700);
/** What a journal that lost nothing gives back. */
const written = history.events.map((event, index) => {
  return JSON.parse(JSON.stringify({ seq: index + 1, event })) as unknown;
});
/** In memory where that can be: the damage is ours, no disk need do its part. */
const place = ['/dev/shm', tmpdir()].find(isWritable) ?? tmpdir();
const folder = mkdtempSync(path.join(place, 'acd-damage-'));
const total: Record<string, number> = {};
const random = seeded(SEED);
const below = (limit: number): number => Math.floor(random() * limit);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Harm = (bytes: Buffer) => Buffer;
const HARMS: Readonly<Record<string, Harm>> = {
  cut: (bytes) => bytes.subarray(0, below(bytes.length + 1)),
  'one bit': (bytes) => {
    const at = below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    return bytes;
  },
  'some bits': (bytes) => {
    for (let count = 1 + below(20); count > 0; count -= 1) {
      const at = below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    }
    return bytes;
  },
  'a sector of zeros': (bytes) => {
    const at = below(Math.ceil(bytes.length / 512)) * 512;
    return bytes.fill(0, at, at + 512);
  },
};

/** One start on a damaged copy; gives what came of it in a word. */
async function start(file: string): Promise<string> {
  const opened = openSqliteJournal(file);
  if (!opened.ok) {
    expect(opened.detail).toMatch(REFUSAL);
    return 'refused';
  }
  const { journal, notes } = opened;
  try {
    const last = journal.lastSeq();
    const rebuilt = await rebuild(journal);
    if (!rebuilt.ok) throw new Error(rebuilt.detail);
    expect(canonicalHash(rebuilt.state)).toBe(history.hashes[last]);
    for (let seq = journal.firstSeq(); seq <= last;) {
      const read = journal.read(seq, 1_000);
      if (!read.ok) throw new Error(read.detail);
      const to = seq + read.events.length;
      const were = written.slice(seq - 1, to - 1);
      // Only what differs is told by `expect`, which is dear for half a million events.
      if (!isDeepStrictEqual(read.events, were)) expect(read.events).toEqual(were);
      seq = to;
    }
    expect(journal.append(last, [fact('a', 1e12)])).toEqual({ ok: true, lastSeq: last + 1 });
    // Whatever is missing was said, and the damaged file is still there.
    const lost = history.events.length - last;
    if (lost === 0) return notes.length === 0 ? 'unharmed' : 'all recovered';
    return notes.length > 0 ? 'tail dropped' : 'tail dropped silently';
  } finally {
    journal.close();
  }
}

describe.each(Object.entries(KINDS))('a journal %s', (kind, how) => {
  const whole = path.join(folder, 'whole.db');
  beforeAll(() => {
    for (const end of ['', '-wal', '-shm', '.lock']) rmSync(`${whole}${end}`, { force: true });
    const live = path.join(folder, 'live.db');
    for (const end of ['', '-wal', '-shm', '.lock']) rmSync(`${live}${end}`, { force: true });
    const journal = writeHistory(live, history, how);
    copyJournal(live, whole);
    journal?.close();
  });

  it('starts as it was', async () => {
    const file = path.join(folder, 'same.db');
    copyJournal(whole, file);
    expect(await start(file)).toBe('unharmed');
    rmSync(file);
  });

  it.each(Object.entries(HARMS))('harmed by %s recovers, or refuses', async (name, harm) => {
    const tally: Record<string, number> = {};
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const within = mkdtempSync(path.join(folder, 'trial-'));
      const file = path.join(within, 'acd.db');
      copyJournal(whole, file);
      const ends = ['', '-wal'].filter((end) => existsSync(`${file}${end}`));
      const harmed = `${file}${ends[below(ends.length)] ?? ''}`;
      writeFileSync(harmed, harm(readFileSync(harmed)));
      const word = `${path.extname(harmed)} ${await start(file)}`;
      tally[word] = (tally[word] ?? 0) + 1;
      // A second start finds nothing more to say.
      if (!word.endsWith('refused')) {
        const again = openSqliteJournal(file);
        expect(again).toMatchObject({ ok: true, notes: [] });
        if (again.ok) again.journal.close();
      }
      rmSync(within, { recursive: true, force: true });
    }
    if (process.env['ACD_TRIALS'] !== undefined) console.log(kind, name, JSON.stringify(tally));
    // Only a log cut between two writes leaves no trace; nothing else is lost without a word.
    if (name !== 'cut') expect(Object.keys(tally).join()).not.toMatch(/silently/);
    for (const [word, count] of Object.entries(tally)) total[word] = (total[word] ?? 0) + count;
  });
});

it('all of it together met every outcome', () => {
  const words = [
    '.db refused',
    '.db tail dropped',
    '.db-wal tail dropped',
    '.db-wal all recovered',
  ];
  expect(words.filter((word) => (total[word] ?? 0) < TRIALS / 2)).toEqual([]);
});
