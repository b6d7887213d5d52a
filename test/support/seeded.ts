/** Numbers from 0 to below 1, the same for the same seed. */
import { Random } from '../../src/sim/random.ts';

export function seeded(seed: number): () => number {
  const random = new Random(seed);
  return () => random.next();
}
