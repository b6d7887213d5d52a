/** An event as a line for people: `key=value` of what it says, without what every event has. */

/** Fields that every line has anyway, or that say nothing to people. */
const UNTOLD: readonly string[] = ['kind', 'at', 'by', 'seq', 'entry', 'dialogId'];

/** A value in one word, or quoted; whatever a caller calls himself must not move the cursor. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const plain = text.replace(/\p{Cc}/gu, ' ');
  return typeof value === 'string' && /[\s"]/.test(plain) ? JSON.stringify(plain) : plain;
}

/** `also`: fields that need not be told here. */
export function fieldsOf(event: object, also: readonly string[] = []): string {
  return Object.entries(event as Readonly<Record<string, unknown>>)
    .filter(([key]) => !UNTOLD.includes(key) && !also.includes(key))
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${shown(value)}`)
    .join(' ');
}
