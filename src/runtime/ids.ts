/**
 * Ids: unique, sortable by the runtime's clock, drawn outside the core and handed in with the
 * command that needs one. Within one millisecond they still ascend.
 */
import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import type { Clock } from '../shared/clock.ts';

/** Bytes drawn at once: a system's draw costs the same for one as for these. */
const POOL_BYTES = 4_096;

/** Fractions from 0 to less than 1, each of one random byte: an id's letter needs five bits. */
function pooledFractions(): () => number {
  const pool = new Uint8Array(POOL_BYTES);
  let next = POOL_BYTES;
  return () => {
    if (next === POOL_BYTES) {
      randomFillSync(pool);
      next = 0;
    }
    return (pool[next++] ?? 0) / 256;
  };
}

/** A function that gives a fresh ULID (26 characters) at each call. */
export function makeIds(clock: Clock): () => string {
  const draw = monotonicFactory(pooledFractions());
  return () => draw(clock.now());
}
