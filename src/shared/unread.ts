/**
 * A log that nobody reads costs no call: where its reader stops (`| less`, a log driver that hangs)
 * lines are left out, and told of when it goes on. On a file or a terminal the system itself has
 * us wait.
 */
import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

/** Bytes of log that wait for a reader. Beyond: lines are left out. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const STDERR = 2;

/** How many lines each reader was not given since the last one that he was. */
const leftOut = new WeakMap<Writable, number>();

/** Writes a line of a log, or leaves it out. */
export function writeLine(to: Writable, line: string): void {
  const count = leftOut.get(to) ?? 0;
  if (to.writableLength >= MAX_UNREAD_BYTES) {
    leftOut.set(to, count + 1);
    return;
  }
  if (count > 0) leftOut.delete(to);
  to.write(count === 0 ? line : noteOf(count, line) + line);
}

/** As the line is that comes next: JSON, or in words. */
function noteOf(count: number, line: string): string {
  const msg = `${count} lines of the log were left out before this: nobody read it`;
  const now = Date.now();
  if (!line.startsWith('{')) return `${new Date(now).toISOString()} warn ${msg}\n`;
  return `${JSON.stringify({ level: 40, time: now, name: 'log', msg })}\n`;
}

/**
 * Why a process ends at once. Where others of its lines wait yet, they die with it: this one goes
 * past them, to standard error.
 */
export function writeLast(to: Writable, text: string, write = writeNow): void {
  if (to.writableLength > 0) write(`${new Date().toISOString()} error ${text}\n`);
}

function writeNow(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch (error) {
    // Full, or closed: nobody reads that either.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}
