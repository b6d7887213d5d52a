/**
 * Turns what zod found into faults with a line, a path and advice, and finds what a schema of
 * single fields cannot see: names twice, references to queues that do not exist, ports that
 * collide.
 */
import { z } from 'zod';
import { NOT_YET } from './schema.ts';
import type { Fault, Path, ReadTree, Tree } from './tree.ts';
import { writePath } from './tree.ts';

/** What may be named in the file besides queues; absent: not checked. */
export interface KnownSounds {
  readonly prompts: ReadonlySet<string>;
  readonly music: ReadonlySet<string>;
  /** Is there such a file, by its whole path? Absent: not looked at. */
  readonly hasFile?: (path: string) => boolean;
}

/** A prompt by the whole path of its file, and what is wrong with it. */
const isPath = (name: string): boolean => name.startsWith('/');
const noFile = (name: string): string =>
  `there is no file ${name}; copy it there, or mend its path`;

/** Letters to insert, delete, change or swap to come from a to b (Damerau, one swap). */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** No name is longer, and comparing takes the product of both lengths. */
const NAME_MAX = 64;

/** The word that was probably meant; null where nothing is near. */
export function nearest(word: string, among: Iterable<string>): string | null {
  if (word.length > NAME_MAX) return null;
  const limit = Math.max(2, Math.floor(word.length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of among) {
    // At least so many letters would have to be inserted or deleted.
    if (Math.abs(word.length - candidate.length) >= bestDistance) continue;
    const away = distance(word.toLowerCase(), candidate.toLowerCase());
    if (away < bestDistance) [best, bestDistance] = [candidate, away];
  }
  return best;
}

/** The schema at a path, without its wrappers (default, optional, list preprocessing). */
export function unwrap(schema: unknown): unknown {
  let inner = schema;
  for (let i = 0; i < 8; i += 1) {
    if (
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodDefault
    ) {
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodPipe && inner.def.in instanceof z.ZodTransform) {
      inner = inner.def.out;
    } else {
      return inner;
    }
  }
  return inner;
}

function schemaAt(root: unknown, path: Path): unknown {
  let schema = unwrap(root);
  for (const step of path) {
    if (schema instanceof z.ZodObject) {
      schema = unwrap((schema.shape as Record<string, unknown>)[String(step)]);
    } else if (schema instanceof z.ZodArray) {
      schema = unwrap(schema.element);
    } else {
      return undefined;
    }
  }
  return schema;
}

function valueAt(tree: Tree, path: Path): Tree {
  let value: Tree = tree;
  for (const step of path) {
    if (typeof value !== 'object') return undefined;
    value = (value as Record<string | number, Tree>)[step];
  }
  return value;
}

/** The keys that a section takes there, in the schema's order; none: it is no section. */
export function keysAt(root: unknown, path: Path): string[] {
  const schema = schemaAt(root, path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unknownKey(root: unknown, path: Path, key: string): string {
  const known = keysAt(root, path);
  if (path[0] === 'queues' && NOT_YET.has(key)) {
    return `is an option of queues.conf that this version does not have; remove the line`;
  }
  const meant = nearest(key, known);
  return meant === null
    ? `is not an option here; the options are: ${known.join(', ')}`
    : `is not an option here; did you mean \`${meant}\`?`;
}

function wrongShape(root: unknown, tree: Tree, path: Path): string {
  const schema = schemaAt(root, path);
  const value = valueAt(tree, path);
  const example = (schema as { meta?: () => { example?: string } } | undefined)?.meta?.()?.example;
  if (value === undefined) {
    return `is missing; add \`${String(path.at(-1))}: ${example ?? '…'}\``;
  }
  if (schema instanceof z.ZodObject) {
    return `must be a section of its own; write its options below it, indented`;
  }
  if (schema instanceof z.ZodArray) return 'must be a list; write each entry as `- …`';
  return 'must be a single value; write it on one line, without brackets';
}

/** Faults out of zod's issues. */
export function faultsOf(
  root: z.ZodType,
  read: ReadTree,
  issues: readonly z.core.$ZodIssue[],
): Fault[] {
  return issues.flatMap((issue): Fault[] => {
    const path = issue.path as Path;
    const fault = (at: Path, message: string, key = false): Fault => ({
      ...(key ? read.placeOfKey(at) : read.place(at)),
      path: writePath(at),
      message,
    });
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => fault([...path, key], unknownKey(root, path, key), true));
    }
    if (issue.code === 'invalid_type') return [fault(path, wrongShape(root, read.tree, path))];
    return [fault(path, issue.message)];
  });
}

function list(tree: Tree, ...path: Path): readonly Tree[] {
  const value = valueAt(tree, path);
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? (value as readonly Tree[]) : [];
}

/** Collects faults of meaning over the written tree, so they are told along with all others. */
class Meaning {
  readonly faults: Fault[] = [];
  private readonly read: ReadTree;

  constructor(read: ReadTree) {
    this.read = read;
  }

  add(path: Path, message: string): void {
    this.faults.push({ ...this.read.place(path), path: writePath(path), message });
  }

  text(...path: Path): string | null {
    const value = valueAt(this.read.tree, path);
    return typeof value === 'string' ? value : null;
  }

  /** The values of `key` over a list, each told where it stands a second time. */
  unique(section: Path, key: string, what: string): Set<string> {
    const seen = new Map<string, number>();
    list(this.read.tree, ...section).forEach((_entry, index) => {
      const path = [...section, index, key];
      const value = this.text(...path);
      if (value === null) return;
      const first = seen.get(value);
      if (first === undefined) seen.set(value, index);
      else {
        const { line } = this.read.place([...section, first, key]);
        this.add(path, `${what} "${value}" is there already on line ${line}; give it another`);
      }
    });
    return new Set(seen.keys());
  }

  /** What a queue says of other queues, of agents and prompts. */
  members(
    queues: ReadonlySet<string>,
    agents: ReadonlySet<string>,
    sounds: KnownSounds | null,
  ): void {
    list(this.read.tree, 'agents').forEach((_agent, index) =>
      this.destinations(['agents', index, 'no-answer'], queues, sounds),
    );
    list(this.read.tree, 'queues').forEach((_queue, index) => {
      const at: Path = ['queues', index];
      this.known([...at, 'members'], 'agent', agents, 'agent');
      this.unique([...at, 'members'], 'agent', 'member');
      const failover = valueAt(this.read.tree, [...at, 'failover']);
      const statuses = typeof failover === 'object' ? Object.keys(failover) : [];
      for (const path of [
        ...statuses.map((each) => [...at, 'failover', each]),
        [...at, 'exit-keys'],
      ])
        this.destinations(path, queues, sounds);
    });
  }

  /** `queue:name` and `prompt:key` in a list, with or without a key before them. */
  private destinations(path: Path, queues: ReadonlySet<string>, sounds: KnownSounds | null): void {
    const isList = Array.isArray(valueAt(this.read.tree, path));
    list(this.read.tree, ...path).forEach((written, inner) => {
      if (typeof written !== 'string') return;
      const [, what = '', name = ''] = /(queue|prompt):(.+)$/i.exec(written) ?? [];
      const isQueue = what.toLowerCase() === 'queue';
      const names = isQueue ? queues : sounds?.prompts;
      if (what === '' || names === undefined || names.has(name)) return;
      const at = isList ? [...path, inner] : path;
      if (isPath(name)) {
        if (!isQueue && sounds?.hasFile?.(name) === false) this.add(at, noFile(name));
        return;
      }
      const meant = nearest(name, names);
      const advice = meant === null ? 'name one that there is' : `did you mean "${meant}"?`;
      this.add(at, `there is no ${isQueue ? 'queue' : 'prompt'} "${name}"; ${advice}`);
    });
  }

  known(
    section: Path,
    key: string,
    names: ReadonlySet<string>,
    what: string,
    hasFile?: KnownSounds['hasFile'],
  ): void {
    list(this.read.tree, ...section).forEach((_entry, index) => {
      const path = [...section, index, key];
      const seen = new Set<string>();
      list(this.read.tree, ...path).forEach((value, inner) => {
        const at = Array.isArray(valueAt(this.read.tree, path)) ? [...path, inner] : path;
        if (typeof value !== 'string') return;
        if (what === 'prompt' && isPath(value)) {
          if (hasFile?.(value) === false) this.add(at, noFile(value));
        } else if (!names.has(value)) {
          const meant = nearest(value, names);
          const all = [...names].slice(0, 20).join(', ') || 'none';
          const advice = meant === null ? `there are: ${all}` : `did you mean "${meant}"?`;
          this.add(at, `there is no ${what} "${value}"; ${advice}`);
        } else if (seen.has(value) && what === 'queue') {
          this.add(at, `names queue "${value}" twice; remove one`);
        }
        seen.add(value);
      });
    });
  }
}

/** Names twice, references to nothing. */
export function faultsOfMeaning(read: ReadTree, sounds: KnownSounds | null): Fault[] {
  const meaning = new Meaning(read);
  const queues = meaning.unique(['queues'], 'name', 'queue');
  const agents = meaning.unique(['agents'], 'id', 'agent');
  meaning.members(queues, agents, sounds);
  const registrars = meaning.unique(['sip', 'register'], 'name', 'registrar');
  meaning.unique(['http', 'tokens'], 'name', 'token');
  meaning.unique(['agents'], 'device', 'phone');
  const rules = meaning.unique(['penalty-rules'], 'name', 'rule');
  meaning.known(['queues'], 'defaultrule', rules, 'rule');
  const vetoes = meaning.unique(['vetoes'], 'name', 'veto');
  meaning.known(['queues'], 'veto', vetoes, 'veto');
  meaning.known(['agents'], 'registrar', registrars, 'registrar');
  meaning.known(['agents'], 'queues', queues, 'queue');
  if (sounds !== null) {
    for (const key of ['welcome', 'periodic-announce'])
      meaning.known(['queues'], key, sounds.prompts, 'prompt', sounds.hasFile);
    meaning.known(['queues'], 'musicclass', sounds.music, 'music class');
  }
  return meaning.faults;
}
