/**
 * What REST may not do: have a value taken from the environment of the server (`${NAME}`), where
 * passwords are. Whoever may change a queue could otherwise read them, in the answer that refuses
 * the value, or as the name of an agent. A PIN may be taken from there: it is never shown. What
 * acd.yaml takes from the environment stays as it is.
 */
import type { Change } from './merge.ts';
import type { Tree } from './tree.ts';

/** Not `$${`, which stands for itself. */
const TAKEN = /(^|[^$])\$\{/;

function takes(value: Tree | null, key: string): boolean {
  if (typeof value === 'string') return key !== 'pin' && TAKEN.test(value);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((each: Tree) => takes(each, key));
  return Object.entries(value).some(([own, each]) => takes(each, own) || TAKEN.test(own));
}

/** A sentence for each change that takes something from the environment. */
export function borrowedOf(changes: readonly Change[]): string[] {
  const why =
    'would be taken from the environment of the server, which REST may not read; ' +
    'write the value itself, or change acd.yaml and reload';
  return changes
    .filter(({ path, after }) => takes(after, path.split('.').at(-1) ?? ''))
    .map(({ path }) => `${path}: ${why}`);
}
