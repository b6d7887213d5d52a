/**
 * Reading files that others name: bounded in size, and in time where it is no file at all. A pipe
 * may be meant (`--config <(envsubst < acd.yaml)`), but one that nobody writes to holds nobody up.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** A pipe or device that has nothing to say for so long is given up, ms. */
const QUIET_MAX_MS = 2_000;
const LOOK_AGAIN_MS = 20;
const CHUNK_BYTES = 64 * 1024;

/**
 * Its bytes; else `code` of why it cannot be read (`ENOENT`, `EISDIR` …; `ETIMEDOUT`: a pipe to
 * which nobody writes), null: it is larger than `most`.
 */
export type FileBytes = { readonly bytes: Buffer } | { readonly code: string | null };

/** Its text, else as `FileBytes`. */
export type SmallFile = { readonly text: string } | { readonly code: string | null };

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Number of bytes; 0: the end; null: nothing for now. */
function readSome(descriptor: number, chunk: Buffer): number | null {
  try {
    return readSync(descriptor, chunk);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return null;
    throw error;
  }
}

function readAll(descriptor: number, most: number, quietMaxMs: number): FileBytes {
  const isPipe = fstatSync(descriptor).isFIFO();
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const parts: Buffer[] = [];
  let size = 0;
  let quietMs = 0;
  for (;;) {
    const count = readSome(descriptor, chunk);
    // A pipe that nobody has opened to write to looks as if it were at its end.
    const isAwaited = count === null || (count === 0 && size === 0 && isPipe);
    if (count === 0 && !isAwaited) return { bytes: Buffer.concat(parts) };
    if (isAwaited) {
      if (quietMs >= quietMaxMs) return { code: 'ETIMEDOUT' };
      pause(LOOK_AGAIN_MS);
      quietMs += LOOK_AGAIN_MS;
      continue;
    }
    quietMs = 0;
    size += count;
    if (size > most) return { code: null };
    parts.push(Buffer.from(chunk.subarray(0, count)));
  }
}

/** `most`: bytes. */
export function readBytes(file: string, most: number, quietMaxMs = QUIET_MAX_MS): FileBytes {
  let descriptor: number;
  try {
    // Without waiting: to open a pipe is to wait for who writes to it.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return { code: codeOf(error) };
  }
  try {
    return readAll(descriptor, most, quietMaxMs);
  } catch (error) {
    return { code: codeOf(error) };
  } finally {
    closeSync(descriptor);
  }
}

/** A file that holds one value: a password, a token, a certificate. `most`: bytes. */
export function readSmall(file: string, most: number): SmallFile {
  const read = readBytes(file, most);
  return 'bytes' in read ? { text: read.bytes.toString('utf8') } : read;
}
