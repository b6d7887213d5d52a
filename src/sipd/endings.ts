/**
 * What ended while its client was away: why and when, for the client that comes back. And, for a
 * few seconds and in memory alone, what ended under its eyes: it may die before it has noted that,
 * and its next one has a call that nobody is in any more.
 */
import type { Clock } from './clock.ts';
import { ENDED_KEPT_MS, MAX_ENDED, SEEN_KEPT_MS } from './limits.ts';
import type { Keep } from './store.ts';

export interface Ending {
  dialogId: string;
  /** Milliseconds since 1970. */
  at: number;
  /** `BYE`, `CANCEL`, the final status of an INVITE of ours, or words. */
  why: string;
}

export class Endings {
  private readonly byId = new Map<string, Ending>();
  private readonly seen = new Map<string, Ending>();
  private readonly clock: Clock;
  private readonly keep: Keep;

  constructor(clock: Clock, keep: Keep) {
    this.clock = clock;
    this.keep = keep;
  }

  note(ending: Ending): void {
    // The first word counts: a call that was hung up does not time out later.
    if (this.byId.has(ending.dialogId)) return;
    this.byId.set(ending.dialogId, ending);
    this.keep.mark(`e|${ending.dialogId}`, () => ending);
    const oldest = this.byId.keys().next().value;
    if (this.byId.size > MAX_ENDED && oldest !== undefined) this.forget(oldest);
  }

  /** Its client was told. */
  noteSeen(ending: Ending): void {
    if (this.seen.has(ending.dialogId)) return;
    this.seen.set(ending.dialogId, ending);
    this.prune();
  }

  private prune(): void {
    const since = this.clock.now() - SEEN_KEPT_MS;
    for (const [dialogId, { at }] of this.seen) {
      if (at >= since && this.seen.size <= MAX_ENDED) break;
      this.seen.delete(dialogId);
    }
  }

  /** The id names a living dialog again. */
  forget(dialogId: string): void {
    this.seen.delete(dialogId);
    if (this.byId.delete(dialogId)) this.keep.drop(`e|${dialogId}`);
  }

  find(dialogId: string): Ending | undefined {
    this.prune();
    return this.byId.get(dialogId) ?? this.seen.get(dialogId);
  }

  all(): Ending[] {
    const since = this.clock.now() - ENDED_KEPT_MS;
    for (const one of [...this.byId.values()]) if (one.at < since) this.forget(one.dialogId);
    this.prune();
    return [...new Map([...this.seen, ...this.byId]).values()];
  }
}
