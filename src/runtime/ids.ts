/**
 * Ids: unique, sortable by the runtime's clock, drawn outside the core and handed in with the
 * command that needs one. Within one millisecond they still ascend.
 */
import { monotonicFactory } from 'ulid';
import type { Clock } from './clock.ts';

/** A function that gives a fresh ULID (26 characters) at each call. */
export function makeIds(clock: Clock): () => string {
  const draw = monotonicFactory();
  return () => draw(clock.now());
}
