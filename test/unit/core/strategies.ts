/** All strategies there are; random worlds draw from them. */
import type { Strategy } from '../../../src/core/types.ts';

export const STRATEGIES: readonly Strategy[] = [
  'most-idle',
  'ringall',
  'leastrecent',
  'fewestcalls',
  'least-talk-time',
  'random',
  'rrmemory',
  'rrordered',
  'linear',
  'wrandom',
  'ring-progressively',
  'percent',
];
