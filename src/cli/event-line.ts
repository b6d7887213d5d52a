/** An event as a line for people: `key=value` of what it says, without what every event has. */

import { plain } from './plain.ts';

/** Fields that every line has anyway, or that say nothing to people. */
const UNTOLD: readonly string[] = ['kind', 'at', 'by', 'seq', 'entry', 'dialogId'];

/** A value in one word, or quoted. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const told = plain(text);
  return typeof value === 'string' && /[\s"]/.test(told) ? JSON.stringify(told) : told;
}

/** `also`: fields that need not be told here. */
export function fieldsOf(event: object, also: readonly string[] = []): string {
  return Object.entries(event as Readonly<Record<string, unknown>>)
    .filter(([key]) => !UNTOLD.includes(key) && !also.includes(key))
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${shown(value)}`)
    .join(' ');
}
