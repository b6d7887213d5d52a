/** Of what kind a client is, by its tags, and what follows from that. */
import { ABANDON_MS, ABANDON_TAKEOVER_MS } from './limits.ts';

/** Tag of clients that want unanswered requests of a dead one again. */
export const TAKEOVER = 'takeover';

/** Before the address of those we connect to, who are of one kind only with others there. */
export const CALLED = 'called:';

/** Clients with the same tags are of one kind, and take over from each other first of all. */
export function kinOf(tags: string[]): string {
  return tags.toSorted().join(',');
}

/**
 * Is their kind for itself? Calls at a place that we call are known only there. And who takes over
 * ends what it knows nothing of: it must get no calls of others, and others must not have its own.
 */
export function isApart(tags: string[]): boolean {
  return tags.some((tag) => tag === TAKEOVER || tag.startsWith(CALLED));
}

/** How long what one of them left behind waits for the next. */
export function patienceWith(tags: string[]): number {
  return tags.includes(TAKEOVER) ? ABANDON_TAKEOVER_MS : ABANDON_MS;
}
