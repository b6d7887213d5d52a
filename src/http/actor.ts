/**
 * Who asks. Every request runs as its actor, so that whatever it leads to can say by whom it was
 * ordered, and shows no more than he may see, without each route having to pass him on.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Role } from '../config/http-fields.ts';
import type { TokenConfig } from '../config/types.ts';

export interface Actor {
  /** Name of the token; '': there are no tokens, and whoever asks may do everything. */
  readonly name: string;
  readonly role: Role;
  /** The queues he sees; empty: all. */
  readonly queues: readonly string[];
  /** The agent whom he steers, where his role is `agent`. */
  readonly agent: string | null;
  /** IP address he asks from. */
  readonly address: string;
  /** The token he showed, as it stood in the configuration; absent: none. */
  readonly token?: TokenConfig;
}

const acting = new AsyncLocalStorage<Actor>();

/**
 * Runs `work` as him; what it begins and awaits is his, too. Where there are no tokens whoever asks
 * is nobody in particular: that is spared, as from the first time on Node 20 looks after every
 * promise of the whole process, which costs calls a tenth more.
 */
export function actAs(actor: Actor, work: () => void): void {
  if (actor.name === '' && actor.role === 'admin') work();
  else acting.run(actor, work);
}

/** Null: outside of any request, or nobody in particular. */
export function actor(): Actor | null {
  return acting.getStore() ?? null;
}

/** Origin of commands, as the journal keeps it: `http`, or `http:<token>@<address>`. */
export function byWhom(who: Actor | null = actor()): string {
  return who === null || who.name === '' ? 'http' : `http:${who.name}@${who.address}`;
}

/** Does whoever asks see all queues? */
export function seesAll(): boolean {
  return (actor()?.queues ?? []).length === 0;
}

/** May whoever asks see this queue? */
export function seesQueue(queue: string): boolean {
  return seesAll() || (actor()?.queues ?? []).includes(queue);
}

/** Whoever shows no token where there are tokens: he is told no more than he must be. */
export function isStranger(): boolean {
  const who = actor();
  return who !== null && who.name === '' && who.role !== 'admin';
}
