/**
 * Identifiers: unguessable where a stranger could profit from guessing (tags, branches, Call-IDs:
 * RFC 3261 section 19.3 asks for 32 random bits at least, we give 64 or more).
 */
import { randomFillSync, randomUUID } from 'node:crypto';

const pool = Buffer.alloc(4096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString('hex', used, used + bytes);
  used += bytes;
  return hex;
}

/** Transaction and frame ids of the client protocol, and Call-IDs. */
export function newUuid(): string {
  return randomUUID();
}

export function newTag(): string {
  return randomHex(8);
}

/** With the magic cookie of RFC 3261 section 8.1.1.7. */
export function newBranch(): string {
  return `z9hG4bK${randomHex(10)}`;
}

/** A first RSeq: 1 .. 2^31-1 is allowed (RFC 3262 section 3), low numbers leave room to count. */
export function newRseq(): number {
  return 1 + (Number.parseInt(randomHex(2), 16) % 10_000);
}
