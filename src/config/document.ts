/**
 * The configuration as a document that can be compared, merged and kept: the sections of acd.yaml
 * that may change without a restart, as plain trees of the written text, `${NAME}` unreplaced and
 * PINs sealed. Everything outside of these sections waits for a restart.
 */
import { fitsPin, isPin, isSealed, sealPin } from './pin.ts';
import type { Tree } from './tree.ts';

/** What may change while calls are up; the rest of the file is read at a start alone. */
export const LIVE_SECTIONS = [
  'penalty-rules',
  'pause-reasons',
  'idle-clock',
  'queues',
  'agents',
] as const;

export type Doc = { readonly [key: string]: Tree };
export type TreeMap = { readonly [key: string]: Tree };

export function isMap(tree: Tree): tree is TreeMap {
  return typeof tree === 'object' && !Array.isArray(tree);
}

export function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree);
}

/** The live sections of a whole tree. */
export function liveOf(tree: Tree): Doc {
  const whole = isMap(tree) ? tree : {};
  const has = LIVE_SECTIONS.filter((name) => whole[name] !== undefined);
  return Object.fromEntries(has.map((name) => [name, whole[name]]));
}

/** The other sections of a whole tree. */
export function restOf(tree: Tree): Doc {
  const names: readonly string[] = LIVE_SECTIONS;
  const entries = Object.entries(isMap(tree) ? tree : {});
  return Object.fromEntries(entries.filter(([name]) => !names.includes(name)));
}

/** By which key the entries of a list are told apart; null: it is one value as a whole. */
export function keyOf(path: readonly string[]): string | null {
  const [section, , inner] = path;
  if (path.length === 1) {
    if (section === 'queues' || section === 'penalty-rules') return 'name';
    if (section === 'agents') return 'id';
    if (section === 'pause-reasons') return '=';
  }
  if (path.length === 3 && section === 'queues' && inner === 'members') return 'agent';
  if (path.length === 3 && section === 'agents' && inner === 'queues') return '=';
  return null;
}

/** The key of an entry: of a map the field, of a text what is before `=`. */
export function entryKey(entry: Tree, key: string): string {
  if (typeof entry === 'string') return entry.split('=', 1)[0]?.trim() ?? '';
  const value = isMap(entry) ? entry[key] : undefined;
  return typeof value === 'string' ? value : '';
}

/** A list as acd.yaml takes it: one value may stand for a list of one. */
export function asList(tree: Tree): readonly Tree[] {
  if (tree === undefined) return [];
  return isList(tree) ? tree : [tree];
}

/** Text by which documents are compared and kept: keys in order, absent values left out. */
export function writeDoc(tree: Tree): string {
  if (typeof tree === 'string') return JSON.stringify(tree);
  if (tree === undefined) return 'null';
  if (isList(tree)) return `[${tree.map(writeDoc).join(',')}]`;
  const entries = Object.entries(tree)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${JSON.stringify(key)}:${writeDoc(value)}`);
  return `{${entries.join(',')}}`;
}

/** Of `writeDoc`. */
export function readDoc(text: string): Doc {
  return JSON.parse(text, (_key, value: unknown) => value ?? undefined) as Doc;
}

export function isEqual(a: Tree, b: Tree): boolean {
  return a === b || writeDoc(a) === writeDoc(b);
}

/**
 * PINs sealed. One that a former document has sealed for the same agent stays as it is there, so
 * that an unchanged PIN is no change; `salt` gives a new one, of 16 hex digits. What is no PIN
 * (`${NAME}`, a mistake) stays as it is, to be replaced or refused by whoever reads it.
 */
export function sealPins(doc: Doc, former: readonly Doc[], salt: () => string): Doc {
  if (doc['agents'] === undefined) return doc;
  const known = former.map(
    (one) => new Map(asList(one['agents']).map((agent) => [entryKey(agent, 'id'), pinOf(agent)])),
  );
  const agents = asList(doc['agents']).map((agent): Tree => {
    const pin = pinOf(agent);
    if (!isPin(pin)) return agent;
    const id = entryKey(agent, 'id');
    const same = known
      .map((pins) => pins.get(id) ?? '')
      .find((one) => isSealed(one) && fitsPin(pin, one));
    return { ...(agent as TreeMap), pin: same ?? sealPin(pin, salt()) };
  });
  return { ...doc, agents };
}

/** What is shown in the place of a PIN. */
export const HIDDEN_PIN = '(hidden)';

/**
 * A document as somebody was shown it, with the PINs that were hidden from him. Where there is none
 * behind it, the word stays, which is no PIN: rather refused than an agent who needs none.
 */
export function showPins(doc: Doc, former: Doc): Doc {
  if (doc['agents'] === undefined) return doc;
  const pins = new Map(
    asList(former['agents']).map((agent) => [entryKey(agent, 'id'), pinOf(agent)]),
  );
  const agents = asList(doc['agents']).map((agent): Tree => {
    if (!isMap(agent) || pinOf(agent) !== HIDDEN_PIN) return agent;
    return { ...agent, pin: pins.get(entryKey(agent, 'id')) || HIDDEN_PIN };
  });
  return { ...doc, agents };
}

function pinOf(agent: Tree): string {
  const pin = isMap(agent) ? agent['pin'] : undefined;
  return typeof pin === 'string' ? pin : '';
}

/**
 * Uploaded prompts: the name of each one's file by its key. Only REST writes them, as the section
 * `uploads`, which acd.yaml does not have.
 */
export function uploadsOf(doc: Doc): Map<string, string> {
  const uploads = doc['uploads'];
  const entries = Object.entries(isMap(uploads) ? (uploads ?? {}) : {});
  return new Map(entries.filter((one): one is [string, string] => typeof one[1] === 'string'));
}
