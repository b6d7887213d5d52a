/**
 * Goal: a log whose reader stops says how many lines it left out, and why a process ended is told
 * past those that wait. Method: a stream of which the test is the reader.
 */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLine } from '../../../src/observe/line.ts';
import { writeLast, writeLine } from '../../../src/shared/unread.ts';

/** One that takes nothing before `read`. */
function reader() {
  const got: string[] = [];
  let isReading = false;
  let taken: (() => void) | null = null;
  const to = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      got.push(chunk);
      if (isReading) done();
      else taken = done;
    },
  });
  const read = async (): Promise<void> => {
    isReading = true;
    const drained = new Promise((resolve) => to.once('drain', resolve));
    taken?.();
    await drained;
  };
  return { to, got, read };
}

describe('a log that is not read', () => {
  it.each([
    ['JSON', (n: number) => `${JSON.stringify({ level: 30, msg: `line ${n}` })}\n`],
    ['words', (n: number) => `2026-11-27T00:00:00.000Z info line ${n}\n`],
  ])('as %s leaves lines out, and says how many when its reader goes on', async (_, line) => {
    const { to, got, read } = reader();
    writeLine(to, 'x'.repeat(1024 * 1024));
    for (let n = 1; n <= 3; n += 1) writeLine(to, line(n));
    await read();
    writeLine(to, line(4));
    writeLine(to, line(5));
    const lines = got.slice(1).join('').trimEnd().split('\n');
    const [note, ...rest] = lines.map((one) => readLine(one, 'sipd', 0));
    expect(note?.text).toContain('3 lines of the log were left out');
    expect(note?.level).toBe('warn');
    expect(rest.map(({ text }) => text)).toEqual(['line 4', 'line 5']);
  });

  it('tells why the process ends past those that wait, and not twice', () => {
    const { to } = reader();
    const told: string[] = [];
    writeLast(to, 'the disk is gone', (line) => told.push(line));
    expect(told).toEqual([]);
    writeLine(to, 'one\n');
    writeLast(to, 'the disk is gone', (line) => told.push(line));
    expect(told.map((line) => readLine(line.trimEnd(), 'server', 0))).toMatchObject([
      { level: 'error', name: 'server', text: 'the disk is gone' },
    ]);
  });
});
