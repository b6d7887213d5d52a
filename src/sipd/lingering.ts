/**
 * Transactions that are over but stay a while to absorb retransmissions (RFC 3261 section 17).
 * Bounded: beyond the limit the oldest goes at once, and a late retransmission of it is new.
 */
import { MAX_LINGERING_TRANSACTIONS } from './limits.ts';

export class Lingering<T extends { terminate(): void }> {
  private readonly all = new Set<T>();

  get size(): number {
    return this.all.size;
  }

  /** Oldest first. */
  [Symbol.iterator](): Iterator<T> {
    return this.all.values();
  }

  /** The oldest's `terminate` is expected to call `delete`. */
  add(transaction: T): void {
    this.all.add(transaction);
    if (this.all.size <= MAX_LINGERING_TRANSACTIONS) return;
    const oldest = this.all.values().next();
    if (!oldest.done) oldest.value.terminate();
  }

  delete(transaction: T): void {
    this.all.delete(transaction);
  }
}
