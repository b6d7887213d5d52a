/**
 * Two who write one configuration: the file, and REST. `base` is the file as it was last loaded,
 * `file` as it is now, `live` what holds. Whoever changed a thing since `base` is followed; where
 * both did, and not alike, there is a conflict. A thing is a single option; queues, agents,
 * members, rules and reasons are told apart by their names, other lists are one value.
 */
import {
  asList,
  entryKey,
  HIDDEN_PIN,
  isEqual,
  isList,
  isMap,
  keyOf,
  type Doc,
} from './document.ts';
import type { Tree } from './tree.ts';

export type Prefer = 'file' | 'rest';

export interface Merged {
  readonly doc: Doc;
  /** What both changed, `queues[sales].timeout`; with a preference they were settled by it. */
  readonly conflicts: readonly string[];
}

export interface Change {
  readonly path: string;
  /** As written; null: it was, or is, not there. */
  readonly before: Tree | null;
  readonly after: Tree | null;
}

type Path = readonly string[];

/** `queues[sales].members[2771].penalty` */
function showPath(path: Path): string {
  return path
    .map((step, at) => {
      if (at === 0) return step;
      return keyOf(path.slice(0, at)) === null ? `.${step}` : `[${step}]`;
    })
    .join('');
}

/** The named parts of a tree; null: it is one value. An absent one has none. */
function partsOf(tree: Tree, path: Path): Map<string, Tree> | null {
  const key = keyOf(path);
  if (key !== null) return new Map(asList(tree).map((entry) => [entryKey(entry, key), entry]));
  if (tree === undefined) return new Map();
  return isMap(tree) ? new Map(Object.entries(tree)) : null;
}

/** Neither is one value, and both are there: their parts are looked at one by one. */
function haveParts(a: Tree, b: Tree, path: Path): boolean {
  if (keyOf(path) !== null) return true;
  return isMap(a) && isMap(b) && a !== undefined && b !== undefined;
}

function assembled(parts: Map<string, Tree>, order: readonly string[], path: Path): Tree {
  const names = order.filter((name) => parts.get(name) !== undefined);
  if (keyOf(path) !== null) return names.length === 0 ? undefined : names.map((n) => parts.get(n));
  return Object.fromEntries(names.map((name) => [name, parts.get(name)]));
}

/** The order of whoever changed it, the file before REST; then what only the other has. */
function orderOf(base: Tree, file: Tree, live: Tree, path: Path): string[] {
  const [b, f, l] = [base, file, live].map((tree) => [...(partsOf(tree, path)?.keys() ?? [])]);
  const isMoved = JSON.stringify(b) !== JSON.stringify(f);
  const [first = [], second = []] = isMoved ? [f, l] : [l, f];
  return [...new Set([...first, ...second])];
}

export function mergeConfigs(
  base: Doc,
  file: Doc,
  live: Doc,
  prefer: Prefer | null = null,
): Merged {
  const conflicts: string[] = [];
  const merge = (b: Tree, f: Tree, l: Tree, path: Path): Tree => {
    if (isEqual(b, f) || isEqual(f, l)) return l;
    if (isEqual(b, l)) return f;
    if (path.length === 0 || haveParts(f, l, path)) {
      const parts = [b, f, l].map((tree) => partsOf(tree, path) ?? new Map<string, Tree>());
      const order = orderOf(b, f, l, path);
      const [base_, file_, live_] = parts;
      const merged = order.map((name): [string, Tree] => [
        name,
        merge(base_?.get(name), file_?.get(name), live_?.get(name), [...path, name]),
      ]);
      return assembled(new Map(merged), order, path);
    }
    conflicts.push(showPath(path));
    return prefer === 'file' ? f : l;
  };
  const doc = merge(base, file, live, []);
  return { doc: isMap(doc) ? doc : {}, conflicts };
}

/** What leads from one document to another, option by option; new and removed entries as one. */
export function diffConfigs(before: Doc, after: Doc): Change[] {
  const changes: Change[] = [];
  const compare = (a: Tree, b: Tree, path: Path): void => {
    if (isEqual(a, b)) return;
    const isWhole = path.length > 0 && !haveParts(a, b, path);
    if (isWhole) {
      changes.push({ path: showPath(path), before: shown(a, path), after: shown(b, path) });
      return;
    }
    const [had, has] = [partsOf(a, path), partsOf(b, path)];
    const names = new Set([...(had?.keys() ?? []), ...(has?.keys() ?? [])]);
    const found = changes.length;
    for (const name of names) compare(had?.get(name), has?.get(name), [...path, name]);
    // Nothing but the order of its entries.
    if (changes.length === found && keyOf(path) !== null && names.size > 1) {
      const orders = [had, has].map((parts) => [...(parts?.keys() ?? [])]);
      const [from = [], to = []] = orders;
      changes.push({ path: `${showPath(path)} (order)`, before: from, after: to });
    }
  };
  compare(before, after, []);
  return changes;
}

/** PINs are never shown. */
function shown(tree: Tree, path: Path): Tree | null {
  if (tree === undefined) return null;
  if (path.at(-1) === 'pin') return HIDDEN_PIN;
  return hidePins(tree);
}

/** A tree that may be shown. */
export function hidePins(tree: Tree): Tree {
  if (isList(tree)) return tree.map(hidePins);
  if (!isMap(tree)) return tree;
  const entries = Object.entries(tree).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, key === 'pin' ? HIDDEN_PIN : hidePins(value)]),
  );
}

function written(tree: Tree | null): string {
  if (tree === null || tree === undefined) return '-';
  return typeof tree === 'string' ? tree : JSON.stringify(tree);
}

/** `~ queues[sales].timeout: 15 -> 20`, `+ agents[7]: {…}`, `- …`. */
export function showChange({ path, before, after }: Change): string {
  if (before === null) return `+ ${path}: ${written(after)}`;
  if (after === null) return `- ${path}: ${written(before)}`;
  return `~ ${path}: ${written(before)} -> ${written(after)}`;
}
