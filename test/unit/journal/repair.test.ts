/**
 * Goal: a person can always go on. Whatever a refusal says to type works as typed, keeps the old
 * file, and gives the state it promises; a repair that is cut short is finished by the next start.
 * Method: a real file with a row spoilt in the middle, and the very commands of the message.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Database } from '../../../src/journal/database.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { openSqliteJournal } from '../../../src/journal/open.ts';
import { checkJournal, repairJournal } from '../../../src/journal/tools.ts';
import { rebuild } from '../../../src/runtime/rebuild.ts';
import { runCli } from '../../../src/cli/index.ts';
import { copyJournal, makeHistory, openOrThrow, writeHistory } from './history.ts';

const history = makeHistory(42, 400);
const LAST = history.events.length;

let folder = '';
let file = '';
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'acd-repair-'));
  file = path.join(folder, 'acd.db');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function write(snapshotEvery: number): void {
  writeHistory(file, history, { snapshotEvery, closed: true });
}

/** One bit of an event's body. */
function spoil(seq: number): void {
  const db = new Database(file);
  db.prepare("UPDATE event SET body = replace(body, 'kind', 'kinf') WHERE seq = ?").run(seq);
  db.close();
}

function refusal(): string {
  const opened = openSqliteJournal(file);
  if (opened.ok) throw new Error('it opened');
  return opened.detail;
}

/** Commands of a message, as arguments. */
function commandsOf(message: string): string[][] {
  const found = message.matchAll(/acd (journal repair \S+ --drop-(?:after|before) \d+)/g);
  return [...found].map((match) => (match[1] ?? '').split(' '));
}

async function stateNow(): Promise<{ first: number; last: number; hash: string }> {
  const journal = openOrThrow(file);
  const rebuilt = await rebuild(journal);
  if (!rebuilt.ok) throw new Error(rebuilt.detail);
  const now = { first: journal.firstSeq(), last: journal.lastSeq() };
  journal.close();
  return { ...now, hash: canonicalHash(rebuilt.state) };
}

const keptFiles = (): string[] =>
  fs.readdirSync(folder).filter((name) => name.includes('.damaged-'));

/** A whole batch ends before the spoilt event: its number. */
function endBefore(seq: number): number {
  let end = 0;
  for (const batch of history.batches) {
    if (end + batch.length >= seq) break;
    end += batch.length;
  }
  return end;
}

describe('an event in the middle is damaged', () => {
  it('without snapshots: names it, and offers to go back', async () => {
    write(0);
    spoil(200);
    const message = refusal();
    const end = endBefore(200);
    expect(message).toContain(`--drop-after ${end}`);
    expect(message).not.toContain('--drop-before');
    expect(message).toMatch(/is damaged: events? [\d to]*200 cannot be read, events 201 to/);
    const [command] = commandsOf(message);
    expect(await runCli(command ?? [])).toBe(0);
    expect(await stateNow()).toEqual({ first: 1, last: end, hash: history.hashes[end] });
    expect(keptFiles()).toHaveLength(1);
  });

  it('with snapshots behind it: offers also to keep the state, and does', async () => {
    write(100);
    spoil(120);
    const commands = commandsOf(refusal());
    expect(commands.map((words) => words[3])).toEqual(['--drop-after', '--drop-before']);
    expect(await runCli(commands[1] ?? [])).toBe(0);
    expect(await stateNow()).toEqual({ first: 121, last: LAST, hash: history.hashes[LAST] });
  });

  it('and nothing stands for it: the old file put back gives the same refusal', async () => {
    write(0);
    spoil(200);
    const before = refusal();
    expect(repairJournal(file, { dropAfter: 0 }).ok).toBe(true);
    expect(await stateNow()).toMatchObject({ first: 1, last: 0 });
    for (const end of ['', '-wal', '-shm']) fs.rmSync(`${file}${end}`, { force: true });
    fs.renameSync(path.join(folder, keptFiles()[0] ?? ''), file);
    expect(refusal()).toBe(before);
  });
});

describe('acd journal check', () => {
  it('of a sound file says so, and what is in it', () => {
    write(100);
    const told = checkJournal(file);
    expect(told.ok).toBe(true);
    expect(told.text).toMatch(new RegExp(`sound\\n.*events +1 to ${LAST}.*\\n.*snapshots +\\d`));
  });

  it('of a running journal looks, too', () => {
    const journal = writeHistory(file, history, { snapshotEvery: 0 });
    expect(checkJournal(file)).toMatchObject({ ok: true });
    expect(repairJournal(file, {}).text).toMatch(/is in use by a running ACD; stop it first/);
    journal?.close();
  });

  it('of a damaged file names the fault and the choices, and changes nothing', () => {
    write(0);
    spoil(200);
    const before = fs.readFileSync(file);
    const told = checkJournal(file);
    expect(told).toMatchObject({ ok: false });
    expect(told.text).toMatch(/--drop-after \d+.*\n.*first fault: event 200 is damaged/s);
    expect(fs.readFileSync(file).equals(before)).toBe(true);
    expect(fs.readdirSync(folder).filter((name) => !name.startsWith('acd.db'))).toEqual([]);
  });

  it('of a file with a log leaves both as they are', () => {
    const live = path.join(folder, 'live.db');
    const journal = writeHistory(live, history, { snapshotEvery: 100 });
    copyJournal(live, file);
    journal?.close();
    const both = () => [fs.readFileSync(file), fs.readFileSync(`${file}-wal`)];
    const before = both();
    expect(before[1]?.length).toBeGreaterThan(4_096);
    expect(checkJournal(file)).toMatchObject({ ok: true });
    expect(both().map((bytes, index) => bytes.equals(before[index] ?? bytes))).toEqual([
      true,
      true,
    ]);
  });

  it('of what is not there, or is no journal, says so', () => {
    expect(checkJournal(file)).toEqual({ ok: false, text: `${file} does not exist` });
    fs.writeFileSync(file, 'words, words, words\n'.repeat(500));
    expect(checkJournal(file).text).toMatch(/damaged or not a journal, and nothing in it can be/);
  });
});

describe('acd journal repair', () => {
  it('leaves a sound journal alone', () => {
    write(100);
    expect(repairJournal(file, {})).toEqual({
      ok: true,
      text: `${file}: sound, nothing to repair`,
    });
    expect(keptFiles()).toEqual([]);
  });

  it('makes no choice by itself', () => {
    write(100);
    spoil(120);
    expect(repairJournal(file, {})).toMatchObject({ ok: false });
    expect(keptFiles()).toEqual([]);
  });

  it('does not cut a write in two, and names where it ends', () => {
    write(0);
    const long = history.batches.findIndex((batch, index) => index > 0 && batch.length > 1);
    const end = history.batches.slice(0, long + 1).flat().length;
    const told = repairJournal(file, { dropAfter: end - 1 });
    expect(told.text).toMatch(new RegExp(`written together with those up to ${end}`));
    expect(repairJournal(file, { dropAfter: end }).ok).toBe(true);
  });

  it('does not drop what no snapshot stands for', () => {
    write(0);
    expect(repairJournal(file, { dropBefore: 50 }).text).toMatch(/no snapshot stands for/);
    expect(keptFiles()).toEqual([]);
  });

  it('of a database of another program does nothing', () => {
    const db = new Database(file);
    db.exec('CREATE TABLE theirs (x)');
    db.close();
    expect(repairJournal(file, {}).text).toMatch(/database of another program/);
  });
});

describe('a repair that was cut short', () => {
  it('before its new file was finished, never happened', async () => {
    write(0);
    fs.writeFileSync(`${file}.repairing`, 'half a file');
    expect(await stateNow()).toMatchObject({ last: LAST });
    expect(fs.existsSync(`${file}.repairing`)).toBe(false);
  });

  it('after that, is finished by the next start, without the old log', async () => {
    write(0);
    const better = path.join(folder, 'better.db');
    writeHistory(better, history, { snapshotEvery: 0, closed: true });
    repairJournal(better, { dropAfter: endBefore(100) });
    fs.renameSync(better, `${file}.repaired`);
    fs.writeFileSync(`${file}-wal`, 'a log of the old file');
    expect(await stateNow()).toMatchObject({ last: endBefore(100) });
    expect(fs.existsSync(`${file}.repaired`)).toBe(false);
  });
});

describe('a journal of the layout before sums were kept', () => {
  it('opens, says that it was brought up, and is sound from then on', async () => {
    const db = new Database(file);
    db.pragma(`application_id = ${0x4143444a}`);
    db.exec(`
      CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
      CREATE TABLE event (seq INTEGER PRIMARY KEY, version INTEGER NOT NULL, at INTEGER NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;
      CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
      INSERT INTO meta VALUES ('schema', 1), ('events', 1), ('probes', 3);
    `);
    const put = db.prepare('INSERT INTO event VALUES (?, 1, ?, ?, ?)');
    history.events.forEach((event, index) => {
      put.run(index + 1, event.at, event.kind, JSON.stringify(event));
    });
    const state = JSON.stringify(history.stateAt(100));
    db.prepare('INSERT INTO snapshot VALUES (100, ?)').run(state);
    db.close();
    const opened = openSqliteJournal(file);
    expect(opened).toMatchObject({ ok: true, notes: [expect.stringMatching(/to the layout of/)] });
    if (opened.ok) opened.journal.close();
    expect(await stateNow()).toEqual({ first: 1, last: LAST, hash: history.hashes[LAST] });
    expect(checkJournal(file)).toMatchObject({ ok: true });
  });
});
