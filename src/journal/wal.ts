/**
 * SQLite's write-ahead log, read by ourselves. SQLite takes of it what its chain of checksums
 * proves and drops the rest without a word; here it is told what that rest is: nothing, left over
 * from before the last checkpoint, a write that was never finished, or damage with committed
 * writes behind it. Layout: sqlite.org/fileformat2.html, section 4. Files only; nothing is changed.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { PAGE_SIZE } from './layout.ts';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_SIZE;
/** The last bit says in which byte order the checksums are made. */
const MAGIC = 0x377f0682;

export interface WalFrame {
  /** Where its page begins in the file. */
  readonly offset: number;
  readonly page: number;
  /** The last frame of a write. */
  readonly commits: boolean;
  /** The chain of checksums proves it, and that its write was finished. */
  readonly proven: boolean;
}

export interface Wal {
  /** Frames of writes that were finished, as far as one can tell, proven or not. */
  readonly frames: readonly WalFrame[];
  readonly rest: 'none' | 'unfinished' | 'damaged';
  /** Bytes after what is proven, leftovers of before not counted. */
  readonly restBytes: number;
}

const NO_WAL: Wal = { frames: [], rest: 'none', restBytes: 0 };

type Sums = [number, number];

function addSums(sums: Sums, bytes: Buffer, from: number, to: number, isBigEndian: boolean): void {
  let [first, second] = sums;
  for (let at = from; at < to; at += 8) {
    const one = isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    const two = isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4);
    first = (first + one + second) >>> 0;
    second = (second + two + first) >>> 0;
  }
  sums[0] = first;
  sums[1] = second;
}

interface Header {
  readonly isBigEndian: boolean;
  readonly salts: Sums;
  readonly sums: Sums;
}

/** Null: it is no header, or a damaged one. */
function readHeader(bytes: Buffer): Header | null {
  const magic = bytes.readUInt32BE(0);
  if (magic >>> 1 !== MAGIC >>> 1 || bytes.readUInt32BE(8) !== PAGE_SIZE) return null;
  const sums: Sums = [0, 0];
  const isBigEndian = (magic & 1) === 1;
  addSums(sums, bytes, 0, 24, isBigEndian);
  if (sums[0] !== bytes.readUInt32BE(24) || sums[1] !== bytes.readUInt32BE(28)) return null;
  return { isBigEndian, salts: [bytes.readUInt32BE(16), bytes.readUInt32BE(20)], sums };
}

interface Seen extends Omit<WalFrame, 'proven'> {
  /** Written since the last checkpoint that began the file anew. */
  readonly isCurrent: boolean;
  /** The chain holds up to and with it. */
  readonly isChained: boolean;
}

/** Every whole frame in the file, current or not. */
function readFrames(fd: number, size: number, header: Header | null): Seen[] {
  const seen: Seen[] = [];
  const bytes = Buffer.alloc(FRAME_BYTES);
  const sums: Sums = header === null ? [0, 0] : [...header.sums];
  let isChained = header !== null;
  for (let at = HEADER_BYTES; at + FRAME_BYTES <= size; at += FRAME_BYTES) {
    readSync(fd, bytes, 0, FRAME_BYTES, at);
    const salts = [bytes.readUInt32BE(8), bytes.readUInt32BE(12)];
    const [one, two] = [header?.salts[0] === salts[0], header?.salts[1] === salts[1]];
    if (isChained && header !== null) {
      addSums(sums, bytes, 0, 8, header.isBigEndian);
      addSums(sums, bytes, FRAME_HEADER_BYTES, FRAME_BYTES, header.isBigEndian);
      const isProven = sums[0] === bytes.readUInt32BE(16) && sums[1] === bytes.readUInt32BE(20);
      isChained = one && two && isProven;
    }
    seen.push({
      offset: at + FRAME_HEADER_BYTES,
      page: bytes.readUInt32BE(0),
      commits: bytes.readUInt32BE(4) !== 0,
      // One flipped bit spoils one of the two salts: such a frame is still ours.
      isCurrent: header === null || one || two,
      isChained,
    });
  }
  return seen;
}

/** Does the piece of a frame at the end belong to a write of now? */
function endsInside(fd: number, size: number, header: Header | null): boolean {
  const bytes = (size - HEADER_BYTES) % FRAME_BYTES;
  if (bytes <= 0) return false;
  if (header === null || bytes < 16) return true;
  const salts = Buffer.alloc(8);
  readSync(fd, salts, 0, 8, size - bytes + 8);
  return header.salts[0] === salts.readUInt32BE(0) || header.salts[1] === salts.readUInt32BE(4);
}

function judge(fd: number, size: number): Wal {
  const bytes = Buffer.alloc(HEADER_BYTES);
  readSync(fd, bytes, 0, HEADER_BYTES, 0);
  const header = readHeader(bytes);
  const seen = readFrames(fd, size, header);
  const chained = seen.findLastIndex((frame) => frame.isChained) + 1;
  const proven = seen.findLastIndex((frame) => frame.isChained && frame.commits) + 1;
  // What follows the last commit was never finished, whatever it holds.
  const finished = seen.findLastIndex((frame) => frame.isCurrent && frame.commits) + 1;
  const frames = seen
    .slice(0, finished)
    .map(({ offset, page, commits }, at) => ({ offset, page, commits, proven: at < proven }));
  const isDamaged = header === null || finished > chained;
  const last = seen.findLastIndex((frame) => frame.isCurrent) + 1;
  const isCut = endsInside(fd, size, header);
  const restBytes = (isCut ? size : HEADER_BYTES + last * FRAME_BYTES) - HEADER_BYTES;
  const isUnfinished = last > proven || (isCut && last === seen.length);
  return {
    frames,
    rest: isDamaged ? 'damaged' : isUnfinished ? 'unfinished' : 'none',
    restBytes: isDamaged || isUnfinished ? restBytes - proven * FRAME_BYTES : 0,
  };
}

/** Reads `<journal>-wal`; throws what the file system throws. */
export function readWal(file: string): Wal {
  if (!existsSync(file)) return NO_WAL;
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return NO_WAL;
    if (size < HEADER_BYTES) return { frames: [], rest: 'damaged', restBytes: size };
    return judge(fd, size);
  } finally {
    closeSync(fd);
  }
}
