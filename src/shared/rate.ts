/**
 * How often each may ask: a bucket for each token or address, filled at a steady rate. Bounded:
 * where there are too many, the one that was used longest ago is forgotten, full again.
 */

import { putNewest } from './newest.ts';

export interface RateOptions {
  /** Requests a second; 0: no limit. */
  readonly perSecond: number;
  /** So many at once. */
  readonly burst: number;
  /** Most buckets. */
  readonly max: number;
}

interface Bucket {
  left: number;
  at: number;
}

export class Rates {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;
  #options: RateOptions;

  /** `now`: ms, never going back. */
  constructor(now: () => number, options: RateOptions) {
    this.#now = now;
    this.#options = options;
  }

  get size(): number {
    return this.#buckets.size;
  }

  set(options: RateOptions): void {
    this.#options = options;
  }

  /** Takes one; 0, or in how many seconds there is one again. */
  take(key: string): number {
    const { perSecond, burst } = this.#options;
    if (perSecond === 0) return 0;
    const bucket = this.#filled(key);
    putNewest(this.#buckets, key, bucket, this.#options.max);
    if (bucket.left < 1) return Math.max(1, Math.ceil((1 - bucket.left) / perSecond));
    bucket.left = Math.min(bucket.left, burst) - 1;
    return 0;
  }

  /** Its bucket is full again. */
  forget(key: string): void {
    this.#buckets.delete(key);
  }

  #filled(key: string): Bucket {
    const { perSecond, burst } = this.#options;
    const now = this.#now();
    const known = this.#buckets.get(key);
    if (known === undefined) return { left: burst, at: now };
    const left = Math.min(burst, known.left + ((now - known.at) / 1000) * perSecond);
    return { left, at: now };
  }
}
