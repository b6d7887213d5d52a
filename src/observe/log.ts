/**
 * The log: pino, written to standard output at once, so that the last line before a crash is there.
 * On a terminal it is one readable line for each entry, elsewhere JSON.
 */
import pino from 'pino';
import { writeLine } from '../shared/unread.ts';
import type { Level } from './line.ts';
import { readLine, writePretty } from './line.ts';

/** What the parts of the program use; pino fits. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
  child(bindings: { readonly name: string }): Log;
}

export type LogFormat = 'auto' | 'pretty' | 'json';

export interface LogOptions {
  readonly level: Level;
  readonly format: LogFormat;
  readonly name: string;
  /** Receives finished lines, newline included; default: standard output. */
  readonly write?: (line: string) => void;
}

function wantsPretty(format: LogFormat, isTerminal: boolean): boolean {
  return format === 'pretty' || (format === 'auto' && isTerminal);
}

export function createLog(options: LogOptions): Log {
  const pretty = wantsPretty(options.format, process.stdout.isTTY);
  const out = options.write === undefined ? openStdout() : { write: options.write };
  const destination = pretty
    ? {
        write: (line: string) =>
          out.write(`${writePretty(readLine(line.trimEnd(), options.name, Date.now()))}\n`),
      }
    : out;
  // `name` comes from bindings alone, so that a child's name replaces it instead of doubling it.
  const base = pino({ level: options.level, base: null }, destination);
  return withChildren(base.child({ name: options.name }), base);
}

function withChildren(log: pino.Logger, base: pino.Logger): Log {
  return {
    debug: (fields, text) => log.debug(fields, text),
    info: (fields, text) => log.info(fields, text),
    warn: (fields, text) => log.warn(fields, text),
    error: (fields, text) => log.error(fields, text),
    child: ({ name }) => withChildren(base.child({ name }), base),
  };
}

function openStdout(): { write(line: string): void } {
  // Whoever read our output is gone, or its disk is full: logging stops, telephony does not.
  process.stdout.on('error', () => undefined);
  return { write: (line) => writeLine(process.stdout, line) };
}
