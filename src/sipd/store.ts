/**
 * A file of keys and values that outlives the process: lines appended once per turn of the event
 * loop, rewritten when most of it is history. What was written survives SIGKILL, because the
 * kernel has it; a power cut is not its case. Every line carries a checksum: what cannot be
 * trusted is left out, the file is set aside for whoever wants to look, and the server starts.
 *
 * A line is `<crc32, 8 hex digits> <length of key> <key><value as JSON>`; no value: removed.
 */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { Clock, Timer } from './clock.ts';
import { STORE_COMPACT_BYTES, STORE_DROP_MS, STORE_RETRY_MS, STORE_SLICE } from './limits.ts';
import type { Log } from './log.ts';

const HEADER = 'sipd-store 1\n';

/**
 * What is worth keeping, said by whoever changes it; written at the end of the turn, or before
 * something leaves that the next process must know of.
 */
export interface Keep {
  /** `make` is called when the value is written, so it gives the latest. */
  mark(key: string, make: () => unknown): void;
  /** @param soon true if finding it again could do harm */
  drop(key: string, soon?: boolean): void;
  flush(): void;
}

/** Without a store. */
export const keepNothing: Keep = {
  mark: () => undefined,
  drop: () => undefined,
  flush: () => undefined,
};

function lineOf(key: string, json: string): string {
  const rest = `${key.length} ${key}${json}`;
  return `${crc32(rest).toString(16).padStart(8, '0')} ${rest}\n`;
}

/** Key and JSON of a line; null if the line is damaged. */
function parseLine(line: string): [string, string] | null {
  const rest = line.slice(9);
  if (Number.parseInt(line.slice(0, 8), 16) !== crc32(rest)) return null;
  const space = rest.indexOf(' ');
  const end = space + 1 + Number(rest.slice(0, space));
  return Number.isInteger(end) ? [rest.slice(space + 1, end), rest.slice(end)] : null;
}

export interface Read {
  /** JSON texts by key, in the order in which the keys first appeared. */
  records: Map<string, string>;
  /** What was wrong with the file, or null. */
  fault: string | null;
}

/** Takes from a store's text whatever can be trusted. A last line cut off is no fault. */
export function parseStore(text: string): Read {
  const records = new Map<string, string>();
  if (text === '') return { records, fault: null };
  if (!text.startsWith(HEADER)) {
    return { records, fault: 'not a store that this version can read; started empty' };
  }
  let damaged = 0;
  let at = HEADER.length;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    if (end < 0) break;
    const parsed = parseLine(text.slice(at, end));
    at = end + 1;
    if (parsed === null) damaged += 1;
    else if (parsed[1] === '') records.delete(parsed[0]);
    else records.set(...parsed);
  }
  return { records, fault: damaged === 0 ? null : `${damaged} damaged lines left out` };
}

/** Reads what an earlier process left. Never throws; says what is wrong in one log line. */
export function readStore(file: string, log: Log): Map<string, string> {
  let text = '';
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    const isNew = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isNew) log.warn(`store ${file} cannot be read, started empty: ${String(error)}`);
    return new Map();
  }
  const { records, fault } = parseStore(text);
  if (fault !== null) {
    const aside = `${file}.damaged`;
    let where = `a copy is ${aside}`;
    try {
      copyFileSync(file, aside);
    } catch (error) {
      where = `no copy could be made: ${String(error)}`;
    }
    log.warn(`store ${file}: ${fault}; ${where}`);
  }
  return records;
}

interface Rewriting {
  fd: number;
  keys: string[];
  at: number;
  bytes: number;
}

export interface StoreOptions {
  file: string;
  log: Log;
  clock: Clock;
  /** Runs something after this turn of the event loop. */
  soon: (run: () => void) => void;
}

export class Store implements Keep {
  private readonly options: StoreOptions;
  private readonly live = new Map<string, () => unknown>();
  private readonly dirty = new Set<string>();
  private fd = -1;
  private bytes = 0;
  private liveBytes = 0;
  private rewriting: Rewriting | null = null;
  private retry: Timer | null = null;
  private isOpen = false;
  private lateFlush: Timer | null = null;
  private isFlushing = false;

  constructor(options: StoreOptions) {
    this.options = options;
  }

  mark(key: string, make: () => unknown): void {
    this.live.set(key, make);
    if (!this.isOpen) return;
    this.dirty.add(key);
    this.flushSoon();
  }

  private flushSoon(): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    this.options.soon(() => {
      this.isFlushing = false;
      this.flush();
    });
  }

  drop(key: string, soon = false): void {
    if (!this.live.delete(key) || !this.isOpen) return;
    this.dirty.add(key);
    if (soon) {
      this.flushSoon();
      return;
    }
    // Most of what is over may be found again without harm: a second BYE gets its 481.
    this.lateFlush ??= this.options.clock.after(STORE_DROP_MS, () => {
      this.lateFlush = null;
      this.flush();
    });
  }

  /** From here on the file is ours: it is written anew with what was marked so far. */
  open(): void {
    this.isOpen = true;
    this.rewrite(Infinity);
  }

  /** Writes what changed. A failure is logged, and mended by writing everything again later. */
  flush(): void {
    if (this.dirty.size === 0) return;
    let text = '';
    for (const key of this.dirty) {
      const make = this.live.get(key);
      text += lineOf(key, make === undefined ? '' : JSON.stringify(make()));
    }
    this.dirty.clear();
    // While it is broken, what changes is written by the next attempt to write everything.
    if (this.fd < 0) return;
    this.attempt(() => {
      this.bytes += put(this.fd, text);
      if (this.rewriting !== null) this.rewriting.bytes += put(this.rewriting.fd, text);
      else if (this.bytes > STORE_COMPACT_BYTES + 4 * this.liveBytes) this.rewrite(STORE_SLICE);
    });
  }

  /** Starts a new file beside the old one, which stays good until the new one is complete. */
  private rewrite(slice: number): void {
    this.attempt(() => {
      const { file } = this.options;
      mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
      const fd = openSync(`${file}.new`, 'w', 0o600);
      this.rewriting = { fd, keys: [...this.live.keys()], at: 0, bytes: 0 };
      this.rewriting.bytes = put(fd, HEADER);
      this.step(slice);
    });
  }

  private step(slice: number): void {
    const { rewriting } = this;
    if (rewriting === null) return;
    const { keys } = rewriting;
    const end = Math.min(keys.length, rewriting.at + slice);
    let text = '';
    for (; rewriting.at < end; rewriting.at++) {
      const key = keys[rewriting.at] ?? '';
      const make = this.live.get(key);
      if (make !== undefined) text += lineOf(key, JSON.stringify(make()));
    }
    rewriting.bytes += put(rewriting.fd, text);
    if (end < keys.length) {
      this.options.soon(() => {
        this.attempt(() => {
          this.step(slice);
        });
      });
      return;
    }
    const { file } = this.options;
    renameSync(`${file}.new`, file);
    if (this.fd >= 0) closeSync(this.fd);
    if (this.retry !== null) this.options.log.info(`store ${file} is written again`);
    this.retry = null;
    this.fd = rewriting.fd;
    this.bytes = rewriting.bytes;
    this.liveBytes = rewriting.bytes;
    this.rewriting = null;
  }

  private attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      const { file, log, clock } = this.options;
      if (this.retry === null) log.warn(`store ${file} cannot be written: ${String(error)}`);
      for (const fd of [this.fd, this.rewriting?.fd ?? -1]) if (fd >= 0) closeQuietly(fd, log);
      this.fd = -1;
      this.rewriting = null;
      this.retry = clock.after(STORE_RETRY_MS, () => {
        if (this.isOpen) this.rewrite(STORE_SLICE);
      });
    }
  }

  close(): void {
    this.flush();
    this.isOpen = false;
    this.retry?.cancel();
    this.lateFlush?.cancel();
    const { log } = this.options;
    for (const fd of [this.fd, this.rewriting?.fd ?? -1]) if (fd >= 0) closeQuietly(fd, log);
    this.fd = -1;
    this.rewriting = null;
  }
}

function closeQuietly(fd: number, log: Log): void {
  try {
    closeSync(fd);
  } catch (error) {
    log.info(`closing the store: ${String(error)}`);
  }
}

/** @returns bytes written; a short write is an error like any other */
function put(fd: number, text: string): number {
  if (text === '') return 0;
  const data = Buffer.from(text, 'latin1');
  let at = 0;
  while (at < data.length) at += writeSync(fd, data, at);
  return data.length;
}
