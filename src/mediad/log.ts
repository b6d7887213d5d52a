/**
 * The log: one JSON object per line on stderr, in the field names the rest of the product uses.
 * stdout belongs to the readiness line.
 */
import { writeLine } from '../shared/unread.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

const order: Record<Level, number> = { debug: 20, info: 30, warn: 40, error: 50 };
let threshold = order.info;
let output = (line: string): void => writeLine(process.stderr, line);

/** Where lines go from now on; until then, to stderr. */
export function setOutput(write: (line: string) => void): void {
  output = write;
}

/** Lines below the level are not written. */
export function setLevel(level: Level): void {
  threshold = order[level];
}

/** Writes one line. `fields` must be JSON-safe. */
export function log(level: Level, msg: string, fields: Record<string, unknown> = {}): void {
  if (order[level] < threshold) return;
  const line = { level: order[level], time: Date.now(), name: 'mediad', ...fields, msg };
  output(`${JSON.stringify(line)}\n`);
}
