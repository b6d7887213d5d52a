/**
 * YAML text into plain strings, lists and maps, remembering where each stood. Every scalar stays
 * the text that was written (YAML's failsafe schema), so an agent id `0042` keeps its zeros and
 * `${NAME}` can stand anywhere; the schema gives it its type. Bounded: size, depth, aliases.
 */
import type { Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { readSmall } from './small-file.ts';

export const MAX_CONFIG_BYTES = 1_000_000;
const MAX_DEPTH = 12;
const MAX_NODES = 100_000;
/** Of a file that a name of the environment stands for: a password, a key. */
const MAX_VALUE_BYTES = 65_536;

export type Tree = string | undefined | readonly Tree[] | { readonly [key: string]: Tree };

/** One thing wrong with the file. `message` is "what is wrong; what to do". */
export interface Fault {
  readonly line: number;
  readonly column: number;
  /** `queues[1].timeout`; '' for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export type Path = readonly (string | number)[];

export interface ReadTree {
  readonly tree: Tree;
  readonly faults: readonly Fault[];
  /** Where the value at a path stands; the nearest parent's place where it has none. */
  place(path: Path): { readonly line: number; readonly column: number };
  /** Where the key at a path stands. */
  placeOfKey(path: Path): { readonly line: number; readonly column: number };
}

/** `queues[1].timeout` of `['queues', 1, 'timeout']`. */
export function writePath(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What a name of the environment stands for, or why it stands for nothing. */
function fromEnvironment(name: string, env: Environment): { text: string } | { why: string } {
  const value = env[name] ?? '';
  if (value !== '') return { text: value };
  const file = env[`${name}_FILE`] ?? '';
  if (file === '') return { why: `takes \${${name}} from the environment, where it is not set` };
  const read = readKept(file, env);
  if (typeof read !== 'string') {
    return { why: `takes \${${name}} from the file of ${name}_FILE, which ${read.why}` };
  }
  const text = read.replace(/\r?\n$/, '');
  if (text !== '') return { text };
  return { why: `takes \${${name}} from the file of ${name}_FILE, which is empty` };
}

/** What was read of files, by environment: a file may be gone when a queue is changed later. */
const kept = new WeakMap<Environment, Map<string, string>>();

function readKept(file: string, env: Environment): string | { readonly why: string } {
  const known = kept.get(env) ?? new Map<string, string>();
  kept.set(env, known);
  const read = readSmall(file, MAX_VALUE_BYTES);
  if ('text' in read) {
    known.set(file, read.text);
    return read.text;
  }
  if (read.code === null) return { why: 'is too large for a value' };
  return known.get(file) ?? { why: `cannot be read (${read.code})` };
}

/**
 * Replaces `${NAME}` by the environment's value, or what is in the file that NAME_FILE names
 * there; `$${` stands for a literal `${`. Gives why some cannot be.
 */
function substitute(
  text: string,
  env: Environment,
): { readonly text: string; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const result = text.replace(/\$(\$\{)|\$\{([^}]*)\}/g, (_all, literal?: string, name = '') => {
    if (literal !== undefined) return literal;
    const found = fromEnvironment(name as string, env);
    if ('text' in found) return found.text;
    faults.push(found.why);
    return '';
  });
  return { text: result, faults };
}

/** State of one reading: where things stand, and what was wrong on the way. */
class Reader {
  readonly values = new Map<string, number>();
  readonly keys = new Map<string, number>();
  readonly faults: Fault[] = [];
  private nodes = 0;
  private readonly document: ReturnType<typeof parseDocument>;
  private readonly env: Environment | null;
  private readonly lines: LineCounter;

  constructor(
    document: ReturnType<typeof parseDocument>,
    lines: LineCounter,
    env: Environment | null,
  ) {
    this.document = document;
    this.lines = lines;
    this.env = env;
  }

  fault(offset: number, path: Path, message: string): void {
    this.faults.push({ ...this.placeAt(offset), path: writePath(path), message });
  }

  placeAt(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  read(node: Node | Pair | null | undefined, path: Path): Tree {
    if (node === null || node === undefined || isPair(node)) return undefined;
    const offset = node.range?.[0] ?? 0;
    if (!isAlias(node)) this.values.set(writePath(path), offset);
    this.nodes += 1;
    if (this.nodes > MAX_NODES || path.length > MAX_DEPTH) {
      if (this.faults.length === 0) {
        this.fault(offset, path, 'is nested too deep or too large; flatten or shorten the file');
      }
      return undefined;
    }
    if (isAlias(node)) return this.read(node.resolve(this.document), path);
    if (isMap(node)) return this.readMap(node, path);
    if (isSeq(node)) return this.readList(node, path);
    return isScalar(node) ? this.readScalar(node, path) : undefined;
  }

  private readMap(node: YAMLMap, path: Path): Tree {
    // No prototype: a key `__proto__` is a key like any other, and unknown like any other.
    const result = Object.create(null) as Record<string, Tree>;
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : null;
      const offset = (pair.key as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0;
      if (key === null) {
        this.fault(offset, path, 'has a key that is not plain text; write `name: value`');
        continue;
      }
      const inner = [...path, key];
      this.keys.set(writePath(inner), offset);
      const value = this.read(pair.value as Node | null, inner);
      if (value !== undefined) result[key] = value;
      else if (!(key in result)) result[key] = undefined;
    }
    return result;
  }

  private readList(node: YAMLSeq, path: Path): Tree {
    return node.items.map((item, index) => {
      const inner = [...path, index];
      const value = this.read(item as Node | null, inner);
      return value;
    });
  }

  private readScalar(node: Scalar, path: Path): Tree {
    const text = typeof node.value === 'string' ? node.value : '';
    const plain = node.type === 'PLAIN' || node.type === undefined;
    if (plain && (text === '' || text === '~' || text === 'null')) return undefined;
    if (this.env === null) return text;
    const { text: value, faults } = substitute(text, this.env);
    for (const why of faults) {
      const message = `${why}; set it before starting, or write the value here`;
      this.fault(node.range?.[0] ?? 0, path, message);
    }
    return value;
  }
}

/** Where the parser's own words help nobody. */
const ADVICE: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'the same key stands twice here; keep one',
  MULTIPLE_DOCS: 'a second document begins here (`---`); keep one',
};

function syntaxFaults(document: ReturnType<typeof parseDocument>, reader: Reader): Fault[] {
  return document.errors.map((error) => {
    const [first = 'is not YAML'] = error.message.split(/ at line \d+, column \d+:?/);
    const known = ADVICE[error.code];
    const advice = known ?? `${first}; mend the YAML (indentation by spaces, \`key: value\`)`;
    return { ...reader.placeAt(error.pos[0]), path: '', message: advice };
  });
}

/**
 * Reads YAML text; faults are of form only, not of meaning. `env` null: `${NAME}` stays as it is
 * written.
 */
export function readTree(text: string, env: Environment | null): ReadTree {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: true,
    keepSourceTokens: false,
  });
  const reader = new Reader(document, lines, env);
  const broken = syntaxFaults(document, reader);
  const tree = broken.length > 0 ? undefined : reader.read(document.contents, []);
  const nearest = (places: ReadonlyMap<string, number>, path: Path) => {
    for (let length = path.length; length >= 0; length -= 1) {
      const key = writePath(path.slice(0, length));
      const offset = places.get(key) ?? reader.keys.get(key) ?? reader.values.get(key);
      if (offset !== undefined) return reader.placeAt(offset);
    }
    return { line: 1, column: 1 };
  };
  return {
    tree,
    faults: [...broken, ...reader.faults],
    place: (path) => nearest(reader.values, path),
    placeOfKey: (path) => nearest(reader.keys, path),
  };
}

/**
 * A tree that is no text, as if it had been read: `${NAME}` replaced, and every fault at line 0,
 * which stands for "not in the file".
 */
export function readData(data: Tree, env: Environment): ReadTree {
  const faults: Fault[] = [];
  const nowhere = () => ({ line: 0, column: 0 });
  const walk = (value: Tree, path: Path): Tree => {
    if (typeof value === 'string') {
      const { text, faults: unset } = substitute(value, env);
      for (const message of unset) {
        faults.push({ ...nowhere(), path: writePath(path), message });
      }
      return text;
    }
    if (Array.isArray(value)) return value.map((each: Tree, at) => walk(each, [...path, at]));
    if (value === undefined) return undefined;
    const entries = Object.entries(value as Readonly<Record<string, Tree>>);
    // No prototype, as in what is read from text.
    return Object.assign(
      Object.create(null) as object,
      Object.fromEntries(entries.map(([key, held]) => [key, walk(held, [...path, key])])),
    );
  };
  return { tree: walk(data, []), faults, place: nowhere, placeOfKey: nowhere };
}
