/**
 * Single changes to a configuration document, as REST asks for them: an entry of a list is made,
 * changed or removed by its name, and what refers to a removed one goes along where that is what
 * everybody means (memberships). Whether the result makes sense is for the schema to say.
 */
import { asList, entryKey, isMap, type Doc, type TreeMap } from './document.ts';
import type { Tree } from './tree.ts';

export type Kind = 'queue' | 'agent' | 'penalty-rule' | 'pause-reason' | 'member' | 'prompt';
export type Edited =
  | { readonly ok: true; readonly doc: Doc }
  | { readonly ok: false; readonly why: 'unknown' | 'exists'; kind: Kind; name: string };

/** Options as JSON has them; null removes one. */
export type Options = Readonly<Record<string, unknown>>;

const PLACES = {
  queue: ['queues', 'name'],
  agent: ['agents', 'id'],
  'penalty-rule': ['penalty-rules', 'name'],
  'pause-reason': ['pause-reasons', '='],
} as const;
type Named = keyof typeof PLACES;

/** JSON as acd.yaml would write it: every scalar a text, yes and no. */
export function treeOf(value: unknown): Tree {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(treeOf);
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, held]): [string, Tree] => [key, treeOf(held)])
      .filter(([, held]) => held !== undefined),
  );
}

function changed(entry: Tree, options: Options): TreeMap {
  const former = isMap(entry) ? entry : {};
  const next = Object.fromEntries(Object.entries(options).map(([k, v]) => [k, treeOf(v)]));
  const all = Object.entries({ ...former, ...next });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

function listed(doc: Doc, kind: Named): readonly Tree[] {
  return asList(doc[PLACES[kind][0]]);
}

/** The entry of that name. */
export function findEntry(doc: Doc, kind: Named, name: string): Tree {
  return listed(doc, kind).find((entry) => entryKey(entry, PLACES[kind][1]) === name);
}

function missing(kind: Kind, name: string): Edited {
  return { ok: false, why: 'unknown', kind, name };
}

function replaced(doc: Doc, kind: Named, name: string, entry: Tree): Doc {
  const [section, key] = PLACES[kind];
  const next = listed(doc, kind)
    .map((one) => (entryKey(one, key) === name ? entry : one))
    .filter((one) => one !== undefined);
  return { ...doc, [section]: next };
}

export function addEntry(doc: Doc, kind: Named, name: string, entry: Options | string): Edited {
  if (findEntry(doc, kind, name) !== undefined) return { ok: false, why: 'exists', kind, name };
  const [section, key] = PLACES[kind];
  const made = typeof entry === 'string' ? entry : changed({ [key]: name }, entry);
  return { ok: true, doc: { ...doc, [section]: [...listed(doc, kind), made] } };
}

export function changeEntry(doc: Doc, kind: Named, name: string, to: Options | string): Edited {
  const entry = findEntry(doc, kind, name);
  if (entry === undefined) return missing(kind, name);
  const next = typeof to === 'string' ? to : changed(entry, to);
  return { ok: true, doc: replaced(doc, kind, name, next) };
}

/** A removed queue is nobody's queue any more; a removed agent is no queue's member. */
export function removeEntry(doc: Doc, kind: Named, name: string): Edited {
  if (findEntry(doc, kind, name) === undefined) return missing(kind, name);
  const next = replaced(doc, kind, name, undefined);
  if (kind === 'queue') return { ok: true, doc: withoutIn(next, 'agent', 'queues', '=', name) };
  if (kind === 'agent')
    return { ok: true, doc: withoutIn(next, 'queue', 'members', 'agent', name) };
  return { ok: true, doc: next };
}

/** Takes `name` out of the lists `field` of every entry. */
function withoutIn(doc: Doc, kind: Named, field: string, key: string, name: string): Doc {
  const entries = listed(doc, kind);
  if (entries.length === 0) return doc;
  const next = entries.map((entry) => {
    if (!isMap(entry)) return entry;
    const former = asList(entry[field]);
    const kept = former.filter((one) => entryKey(one, key) !== name);
    return kept.length === former.length ? entry : { ...entry, [field]: kept };
  });
  return { ...doc, [PLACES[kind][0]]: next };
}

interface Membership {
  readonly queue: Tree;
  readonly agent: Tree;
  /** Of the queue's own list. */
  readonly own: Tree;
  /** He names the queue in his. */
  readonly names: boolean;
}

function membershipOf(doc: Doc, queue: string, agent: string): Membership {
  const [q, a] = [findEntry(doc, 'queue', queue), findEntry(doc, 'agent', agent)];
  const members = asList(isMap(q) ? (q as TreeMap | undefined)?.['members'] : undefined);
  const queues = asList(isMap(a) ? (a as TreeMap | undefined)?.['queues'] : undefined);
  return {
    queue: q,
    agent: a,
    own: members.find((one) => entryKey(one, 'agent') === agent),
    names: queues.includes(queue),
  };
}

function withMember(doc: Doc, queue: string, agent: string, member: Tree): Doc {
  const former = findEntry(doc, 'queue', queue) as TreeMap;
  const rest = asList(former['members']);
  const isThere = rest.some((one) => entryKey(one, 'agent') === agent);
  const members = isThere
    ? rest.map((one) => (entryKey(one, 'agent') === agent ? member : one))
    : [...rest, member];
  return replaced(doc, 'queue', queue, { ...former, members });
}

/** Makes the agent a member of the queue. */
export function addMember(doc: Doc, queue: string, agent: string, options: Options): Edited {
  const found = membershipOf(doc, queue, agent);
  if (found.queue === undefined) return missing('queue', queue);
  if (found.agent === undefined) return missing('agent', agent);
  if (found.own !== undefined || found.names) {
    return { ok: false, why: 'exists', kind: 'member', name: agent };
  }
  return { ok: true, doc: withMember(doc, queue, agent, changed({ agent }, options)) };
}

export function changeMember(doc: Doc, queue: string, agent: string, options: Options): Edited {
  const found = membershipOf(doc, queue, agent);
  if (found.queue === undefined) return missing('queue', queue);
  if (found.own === undefined && !found.names) return missing('member', agent);
  const next = changed(found.own ?? { agent }, options);
  return { ok: true, doc: withMember(doc, queue, agent, next) };
}

/** Out of the queue's list and of his own. */
export function removeMember(doc: Doc, queue: string, agent: string): Edited {
  const found = membershipOf(doc, queue, agent);
  if (found.queue === undefined) return missing('queue', queue);
  if (found.own === undefined && !found.names) return missing('member', agent);
  const entry = found.queue as TreeMap;
  const members = asList(entry['members']).filter((one) => entryKey(one, 'agent') !== agent);
  const next = found.own === undefined ? doc : replaced(doc, 'queue', queue, { ...entry, members });
  if (!found.names) return { ok: true, doc: next };
  const person = found.agent as TreeMap;
  const queues = asList(person['queues']).filter((name) => name !== queue);
  return { ok: true, doc: replaced(next, 'agent', agent, { ...person, queues }) };
}
