/**
 * A log that nobody reads costs no call: where its reader stops (`| less`, a log driver that hangs)
 * lines are left out. On a file or a terminal the system itself has us wait.
 */
import type { Writable } from 'node:stream';

/** Bytes of log that wait for a reader. Beyond: lines are left out. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Writes a line of a log, or leaves it out. */
export function writeLine(to: Writable, line: string): void {
  if (to.writableLength < MAX_UNREAD_BYTES) to.write(line);
}
