/**
 * The event packages by which phones are watched (RFC 6665): their documents, and how subscriptions
 * to them are named, so that every process knows whose one is. Pure.
 */
import { createHash } from 'node:crypto';

export type Package = 'presence' | 'dialog';

/** RFC 3863 and RFC 4235. */
export const ACCEPT: Readonly<Record<Package, string>> = {
  presence: 'application/pidf+xml',
  dialog: 'application/dialog-info+xml',
};

/** The Call-IDs of subscriptions to this package of this device begin so, in every process. */
export function callIdPrefix(deviceUri: string, event: Package): string {
  const digest = createHash('sha256').update(deviceUri).digest('hex').slice(0, 16);
  return `sub-${event}-${digest}-`;
}

/** The package of a subscription of ours; null: not one of ours. */
export function packageOf(callId: string): Package | null {
  const [, event] = /^sub-(presence|dialog)-/.exec(callId) ?? [];
  return event === 'presence' || event === 'dialog' ? event : null;
}
