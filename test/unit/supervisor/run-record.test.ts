/**
 * Goal: what a start leaves for the next is found again where it can be trusted, and made up for
 * where it cannot; a mark changes with everything that matters. Method: real files in a folder of
 * the test's own.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprint } from '../../../src/supervisor/fingerprint.ts';
import {
  openRecord,
  readRecord,
  recordFile,
  writeRecord,
} from '../../../src/supervisor/run-record.ts';

let home: string;
let file: string;
const made: string[] = [];

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'acd-record-'));
  file = path.join(home, 'data', 'journal.db.run');
});

afterEach(() => {
  for (const folder of [home, ...made.splice(0)]) rmSync(folder, { recursive: true, force: true });
});

function open(from: string | null) {
  const record = openRecord(from);
  made.push(record.folder);
  return record;
}

describe('the record of a run', () => {
  it('given none, is made up: a secret, a folder of its own, ports to be chosen', () => {
    const record = open(file);
    expect(record.secret.length).toBeGreaterThan(30);
    expect(statSync(record.folder).mode & 0o777).toBe(0o700);
    expect(record).toMatchObject({ admin: '127.0.0.1:0', rtpengine: 0 });
  });

  it('is found again as it was written, readable by nobody else', () => {
    const record = { ...open(file), admin: '127.0.0.1:4711' };
    writeRecord(file, record);
    expect(open(file)).toEqual(record);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('given a folder that is gone, or that others may write to, takes another', () => {
    const record = open(file);
    writeRecord(file, record);
    chmodSync(record.folder, 0o777);
    const other = open(file);
    expect(other.folder).not.toBe(record.folder);
    expect(other.secret).toBe(record.secret);
    writeRecord(file, other);
    rmSync(other.folder, { recursive: true });
    const third = open(file);
    expect(third.folder).not.toBe(other.folder);
    expect(existsSync(third.folder)).toBe(true);
  });

  it('given no /tmp to write to, has its folder beside the journal', () => {
    mkdirSync(path.dirname(file));
    const { folder } = openRecord(file, [path.join(home, 'none'), '/proc']);
    expect(path.dirname(folder)).toBe(path.dirname(file));
    expect(() => openRecord(null, ['/proc'])).toThrow('/proc/acd-');
    expect(() => openRecord(null, [path.join(home, 'x'.repeat(90))])).toThrow('no folder');
  });

  it.each(['', '{"folder":', 'null', '[]', '{"folder":7,"secret":null,"listen":"x"}'])(
    'given %j in the file, is made up',
    (text) => {
      writeRecord(file, open(file));
      writeFileSync(file, text);
      const record = open(file);
      expect(record.secret.length).toBeGreaterThan(30);
      expect(record.listen).toEqual({ wanted: [], told: [] });
    },
  );

  it('given a journal in memory, is nowhere', () => {
    expect(recordFile(':memory:')).toBeNull();
    expect(readRecord(null)).toEqual({});
    expect(recordFile('/data/journal.db')).toBe('/data/journal.db.run');
  });
});

describe('a mark', () => {
  it('is the same for the same program and values, and another for any change', () => {
    const program = path.join(home, 'program.js');
    writeFileSync(program, 'one');
    const given = { ports: [1, 2], pins: new Map([['2771', '1']]) };
    const first = fingerprint([program], given);
    expect(fingerprint([program], { ...given })).toBe(first);
    const changed = { ...given, pins: new Map([['2771', '2']]) };
    expect(fingerprint([program], changed)).not.toBe(first);
    writeFileSync(program, 'two');
    expect(fingerprint([program], given)).not.toBe(first);
    const folder = fingerprint([home], given);
    writeFileSync(path.join(home, 'another.js'), '');
    expect(fingerprint([home], given)).not.toBe(folder);
  });
});
