/**
 * The rows of a journal that SQLite can no longer read. Every page of the file and of its
 * write-ahead log is looked at by itself, without the tree that should lead to it; what looks like
 * a row of ours and proves by its sum that it is whole is handed on, everything else is passed
 * over. Layout: sqlite.org/fileformat2.html, sections 1.6 and 2.1. Files only; nothing is changed.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { PAGE_SIZE } from './layout.ts';
import { isWholeEvent, isWholeMeta, isWholeSnapshot } from './rows.ts';
import type { EventRow, MetaRow, SnapshotRow } from './rows.ts';
import type { Wal } from './wal.ts';

/** Pages read at once. */
const CHUNK_PAGES = 256;
/** A row longer than this is taken for nonsense. */
const MAX_ROW_BYTES = 256 * 1024 * 1024;
const LEAF_OF_TABLE = 0x0d;
/** The first page begins with the file's own header. */
const FIRST_PAGE_HEADER = 100;

export interface FoundRows {
  /** `proven`: it is in the file itself, or in a write that the log's checksums prove. */
  event(row: EventRow, proven: boolean): void;
  snapshot(row: SnapshotRow): void;
  meta(row: MetaRow): void;
  /** A row that is not whole, by its number. */
  damaged(seq: number): void;
}

type Value = number | string | null;

interface Cell {
  readonly rowid: number;
  readonly bytes: number;
  readonly local: Buffer;
  /** 0: all of it is here. */
  readonly overflow: number;
}

/** A variable-length integer and where it ends; null where the buffer ends first. */
function varint(page: Buffer, at: number): [value: number, end: number] | null {
  let value = 0;
  for (let index = 0; index < 9; index += 1) {
    const byte = page[at + index];
    if (byte === undefined) return null;
    if (index === 8) return [value * 256 + byte, at + 9];
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + index + 1];
  }
  return null;
}

function localBytes(bytes: number): number {
  const most = PAGE_SIZE - 35;
  if (bytes <= most) return bytes;
  const least = Math.floor(((PAGE_SIZE - 12) * 32) / 255) - 23;
  const fitting = least + ((bytes - least) % (PAGE_SIZE - 4));
  return fitting <= most ? fitting : least;
}

function readCell(page: Buffer, at: number): Cell | null {
  const size = varint(page, at);
  const rowid = size === null ? null : varint(page, size[1]);
  if (size === null || rowid === null || size[0] > MAX_ROW_BYTES) return null;
  const local = localBytes(size[0]);
  const end = rowid[1] + local;
  const isLong = local < size[0];
  if (end + (isLong ? 4 : 0) > page.length) return null;
  const overflow = isLong ? page.readUInt32BE(end) : 0;
  return { rowid: rowid[0], bytes: size[0], local: page.subarray(rowid[1], end), overflow };
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8];

function readInteger(record: Buffer, at: number, type: number): number {
  if (type === 8 || type === 9) return type - 8;
  const size = INTEGER_BYTES[type] ?? 0;
  if (size <= 6) return record.readIntBE(at, size);
  return Number(record.readBigInt64BE(at));
}

/** The values of a record; null where it is none. Blobs and floats, which we never write, too. */
function readRecord(record: Buffer): Value[] | null {
  const header = varint(record, 0);
  if (header === null || header[0] > record.length || header[0] > 20) return null;
  const values: Value[] = [];
  let [at, body] = [header[1], header[0]];
  while (at < header[0]) {
    const type = varint(record, at);
    if (type === null) return null;
    at = type[1];
    const isText = type[0] >= 13 && type[0] % 2 === 1;
    const size = isText ? (type[0] - 13) / 2 : (INTEGER_BYTES[type[0]] ?? 0);
    if (!isText && type[0] !== 8 && type[0] !== 9 && type[0] > 6) return null;
    if (body + size > record.length) return null;
    if (isText) values.push(record.toString('utf8', body, body + size));
    else values.push(type[0] === 0 ? null : readInteger(record, body, type[0]));
    body += size;
  }
  return body === record.length ? values : null;
}

/**
 * An event has eight columns, a snapshot and a line of meta three; the key is kept as null.
 * False: it is an event, but not whole.
 */
function handOn(rowid: number, values: Value[], proven: boolean, found: FoundRows): boolean {
  if (values.length === 8 && values[0] === null) {
    const [, version, at, kind, body, batch, prev, sum] = values;
    const row = { seq: rowid, version, at, kind, body, batch, prev, sum } as EventRow;
    if (!isWholeEvent(row)) return false;
    found.event(row, proven);
    return true;
  }
  if (values.length !== 3) return true;
  const [first, second, sum] = values;
  if (first === null) {
    const row = { seq: rowid, body: second, sum } as SnapshotRow;
    if (isWholeSnapshot(row)) found.snapshot(row);
    return true;
  }
  const row = { name: first, value: second, sum } as MetaRow;
  if (isWholeMeta(row)) found.meta(row);
  return true;
}

/** Where the versions of each page are: in the file, and in the log. */
class Pages {
  readonly #file: number;
  readonly #log: number | null;
  readonly #inLog = new Map<number, number[]>();
  readonly #pages: number;

  constructor(file: number, log: number | null, wal: Wal) {
    this.#file = file;
    this.#log = log;
    this.#pages = Math.floor(fstatSync(file).size / PAGE_SIZE);
    for (const { page, offset } of wal.frames) {
      const versions = this.#inLog.get(page);
      if (versions === undefined) this.#inLog.set(page, [offset]);
      else versions.push(offset);
    }
  }

  /**
   * The version of a page that belongs to a frame of the log at `origin` (null: to the file).
   * `later`: prefer one written after it.
   */
  read(page: number, origin: number | null, later: boolean): Buffer | null {
    const versions = this.#inLog.get(page) ?? [];
    const offset =
      origin === null
        ? later
          ? versions.at(-1)
          : undefined
        : later
          ? versions.find((one) => one > origin)
          : versions.findLast((one) => one < origin);
    const bytes = Buffer.alloc(PAGE_SIZE);
    if (offset !== undefined && this.#log !== null) {
      readSync(this.#log, bytes, 0, PAGE_SIZE, offset);
      return bytes;
    }
    if (page < 1 || page > this.#pages) return null;
    readSync(this.#file, bytes, 0, PAGE_SIZE, (page - 1) * PAGE_SIZE);
    return bytes;
  }

  /** The whole record of a cell, its overflow pages included. */
  join(cell: Cell, origin: number | null, later: boolean): Buffer | null {
    const pieces = [cell.local];
    let rest = cell.bytes - cell.local.length;
    for (let next = cell.overflow; rest > 0;) {
      const page = this.read(next, origin, later);
      if (page === null) return null;
      const size = Math.min(rest, PAGE_SIZE - 4);
      pieces.push(page.subarray(4, 4 + size));
      rest -= size;
      next = page.readUInt32BE(0);
    }
    return Buffer.concat(pieces, cell.bytes);
  }
}

function readLeaf(page: Buffer, top: number, use: (cell: Cell) => void): void {
  if (page[top] !== LEAF_OF_TABLE) return;
  const cells = page.readUInt16BE(top + 3);
  for (let index = 0; index < cells; index += 1) {
    const pointer = top + 8 + 2 * index;
    if (pointer + 2 > page.length) return;
    const cell = readCell(page, page.readUInt16BE(pointer));
    if (cell !== null) use(cell);
  }
}

function lookAt(
  page: Buffer,
  top: number,
  origin: number | null,
  proven: boolean,
  found: FoundRows,
  pages: Pages,
) {
  readLeaf(page, top, (cell) => {
    for (const later of cell.overflow === 0 ? [false] : [false, true]) {
      const record = cell.overflow === 0 ? cell.local : pages.join(cell, origin, later);
      const values = record === null ? null : readRecord(record);
      if (values !== null && handOn(cell.rowid, values, proven, found)) return;
    }
    found.damaged(cell.rowid);
  });
}

/** Looks at everything in the file and its log. Throws what the file system throws. */
export function readAllRows(file: string, wal: Wal, found: FoundRows): void {
  const fd = openSync(file, 'r');
  const log = existsSync(`${file}-wal`) ? openSync(`${file}-wal`, 'r') : null;
  try {
    const pages = new Pages(fd, log, wal);
    const { size } = fstatSync(fd);
    const chunk = Buffer.alloc(CHUNK_PAGES * PAGE_SIZE);
    for (let at = 0; at < size; at += chunk.length) {
      const bytes = readSync(fd, chunk, 0, chunk.length, at);
      for (let within = 0; within + PAGE_SIZE <= bytes; within += PAGE_SIZE) {
        const top = at + within === 0 ? FIRST_PAGE_HEADER : 0;
        lookAt(chunk.subarray(within, within + PAGE_SIZE), top, null, true, found, pages);
      }
    }
    const page = Buffer.alloc(PAGE_SIZE);
    for (const frame of log === null ? [] : wal.frames) {
      readSync(log as number, page, 0, PAGE_SIZE, frame.offset);
      const top = frame.page === 1 ? FIRST_PAGE_HEADER : 0;
      lookAt(page, top, frame.offset, frame.proven, found, pages);
    }
  } finally {
    closeSync(fd);
    if (log !== null) closeSync(log);
  }
}
