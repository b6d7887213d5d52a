/**
 * Who tried too many wrong PINs: for a while every PIN is wrong, for the agent whose PIN was tried
 * and for the phone that tried, so that neither one PIN nor many agents can be gone through. What
 * is said to the caller is the same as to any wrong PIN. Bounded; a lock ends by itself.
 */
import { putNewest } from '../shared/newest.ts';
import type { SipLog } from './port.ts';

/** Most agents and phones remembered; the one that failed longest ago goes. */
export const LOCKS_MAX = 10_000;

export type LockKind = 'agent' | 'phone';

export interface Lock {
  readonly kind: LockKind;
  /** Id of the agent, or URI of the phone. */
  readonly name: string;
  readonly endsInMs: number;
}

export interface LockOptions {
  /** Wrong PINs until then; 0: never. */
  readonly after: number;
  /** A lock's length; a count is forgotten after as long without another. */
  readonly forMs: number;
}

interface Tries {
  readonly kind: LockKind;
  readonly name: string;
  count: number;
  until: number;
}

export class Locks {
  private readonly tries = new Map<string, Tries>();
  private readonly options: LockOptions;
  private readonly now: () => number;
  private readonly log: SipLog;

  /** `now`: ms, never going back. */
  constructor(options: LockOptions, now: () => number, log: SipLog) {
    this.options = options;
    this.now = now;
    this.log = log;
  }

  isLocked(kind: LockKind, name: string): boolean {
    const found = this.find(kind, name);
    return found !== null && found.count >= this.options.after;
  }

  /** A wrong PIN. */
  failed(kind: LockKind, name: string): void {
    const { after, forMs } = this.options;
    if (after === 0) return;
    const count = (this.find(kind, name)?.count ?? 0) + 1;
    const tried = { kind, name, count, until: this.now() + forMs };
    putNewest(this.tries, `${kind} ${name}`, tried, LOCKS_MAX);
    if (count === after) {
      const forSeconds = Math.round(forMs / 1000);
      this.log.warn({ [kind]: name, tries: count, forSeconds }, 'locked: too many wrong PINs');
    }
  }

  /** The right PIN, or an admin: what was counted is forgotten. True: there was a lock. */
  lift(kind: LockKind, name: string): boolean {
    const wasLocked = this.isLocked(kind, name);
    this.tries.delete(`${kind} ${name}`);
    return wasLocked;
  }

  /** Those that are locked now. */
  list(): Lock[] {
    const now = this.now();
    return [...this.tries.values()]
      .filter(({ kind, name }) => this.isLocked(kind, name))
      .map(({ kind, name, until }) => ({ kind, name, endsInMs: until - now }));
  }

  private find(kind: LockKind, name: string): Tries | null {
    const key = `${kind} ${name}`;
    const found = this.tries.get(key);
    if (found === undefined) return null;
    if (found.until > this.now()) return found;
    this.tries.delete(key);
    return null;
  }
}
