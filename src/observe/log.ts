/**
 * The log: pino, written synchronously to standard output, so that the last line before a crash is
 * there. On a terminal it is one readable line for each entry, elsewhere JSON.
 */
import pino from 'pino';
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

function openStdout(): { write(line: string): unknown } {
  const destination = pino.destination({ dest: 1, sync: true });
  destination.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read our output is gone (EPIPE): logging stops, telephony does not.
    if (error.code !== 'EPIPE') throw error;
  });
  return destination;
}
