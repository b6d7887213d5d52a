/**
 * What a phone's presence documents say: PIDF with RPID (RFC 3863, RFC 4480) and dialog-info
 * (RFC 4235), as phones, Asterisk (both drivers), Kamailio and FreeSWITCH write them. Pure.
 * Entities are not processed and size is capped, because the text comes from strangers; what
 * cannot be read is null and changes nothing.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import type { DeviceState } from '../core/types.ts';

/** Documents beyond this are not read. */
export const DOCUMENT_MAX = 64 * 1024;
/** Dialogs of one phone that are kept; beyond it the phone is in use whatever the rest says. */
const DIALOGS_MAX = 64;

interface Node {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Node[];
  readonly text: string;
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  removeNSPrefix: true,
  processEntities: false,
  parseTagValue: false,
  trimValues: true,
  ignoreDeclaration: true,
});

type Raw = Readonly<Record<string, unknown>>;

function toNodes(list: unknown, depth: number): Node[] {
  if (!Array.isArray(list) || depth > 16) return [];
  return (list as Raw[]).flatMap((raw) => {
    const name = Object.keys(raw).find((key) => key !== ':@' && key !== '#text');
    if (name === undefined) return [];
    const inner = raw[name];
    const text = Array.isArray(inner)
      ? (inner as Raw[]).map((each) => textOf(each['#text'])).join('')
      : '';
    const attributes = Object.entries((raw[':@'] ?? {}) as Raw);
    return [
      {
        name,
        attributes: new Map(attributes.map(([key, value]) => [key, textOf(value)])),
        children: toNodes(inner, depth + 1),
        text: text.trim(),
      },
    ];
  });
}

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** The document's root if it is well-formed and of that name. */
function readRoot(xml: string, root: string): Node | null {
  // A declared document type is the door for every XML attack and in no presence document.
  if (xml.length > DOCUMENT_MAX || /<!DOCTYPE/i.test(xml)) return null;
  try {
    if (XMLValidator.validate(xml) !== true) return null;
    return toNodes(parser.parse(xml), 0).find((node) => node.name === root) ?? null;
  } catch (error) {
    // The parser reports by exception what its validator let pass: the same verdict.
    if (error instanceof Error) return null;
    throw error;
  }
}

function* descend(node: Node): Generator<Node> {
  for (const child of node.children) {
    yield child;
    yield* descend(child);
  }
}

const IN_USE = new Set(['busy', 'on-the-phone', 'meeting', 'presentation', 'performance']);
const AWAY = new Set([
  ...['away', 'permanent-absence', 'vacation', 'holiday', 'sleeping', 'meal', 'breakfast'],
  ...['dinner', 'worship', 'in-transit', 'travel', 'steering'],
]);

/** Notes by which PBXs (Asterisk, FreeSWITCH) tell a state in words, strongest first. */
const NOTES: readonly (readonly [RegExp, DeviceState])[] = [
  [/^(not online|offline|unavailable|unregistered|away|dnd|do not disturb)/i, 'unavailable'],
  [/^ring(ing)?\b/i, 'ringing'],
  [/^(on the phone|on hold|in use|busy|in a call|in call)/i, 'inuse'],
];

const RANK: readonly DeviceState[] = ['idle', 'ringing', 'inuse', 'unknown', 'unavailable'];

/** Of two states the one that takes more availability away. */
export function worse(a: DeviceState, b: DeviceState): DeviceState {
  return RANK.indexOf(a) >= RANK.indexOf(b) ? a : b;
}

function noteState(notes: readonly string[]): DeviceState {
  return notes
    .flatMap((note) => NOTES.filter(([pattern]) => pattern.test(note)).map(([, state]) => state))
    .reduce(worse, 'idle');
}

/** State by a PIDF document; null: not a readable one. */
export function readPidf(xml: string): DeviceState | null {
  const root = readRoot(xml, 'presence');
  if (root === null) return null;
  const all = [...descend(root)];
  const texts = (name: string): string[] =>
    all.filter((node) => node.name === name).map((node) => node.text);
  const basics = texts('basic').map((text) => text.toLowerCase());
  const activities = all
    .filter((node) => node.name === 'activities')
    // Before RFC 4480 they were words in elements of one name.
    .flatMap((node) =>
      node.children.map(({ name, text }) => (name === 'activity' ? text.toLowerCase() : name)),
    );
  const byNote = noteState(texts('note'));
  // Closed wins over all: such a phone cannot be called (RFC 3863 §4.1.4).
  if (basics.length > 0 && !basics.includes('open')) return 'unavailable';
  if (activities.some((each) => AWAY.has(each))) return 'unavailable';
  // No basic status at all is no statement (Kamailio before anything was published).
  if (basics.length === 0 && activities.length === 0 && byNote === 'idle') return 'unknown';
  // An activity says no more than busy while it rings; the note is finer.
  if (activities.some((each) => IN_USE.has(each)))
    return byNote === 'ringing' || byNote === 'unavailable' ? byNote : 'inuse';
  return byNote;
}

interface DialogEntry {
  readonly callId: string;
  readonly direction: string;
  readonly state: string;
}

/** Keeps what partial dialog-info documents add up to (RFC 4235 §4.3), for one subscription. */
export class DialogTable {
  private readonly dialogs = new Map<string, DialogEntry>();
  private version = -1;
  /** Its full state was asked for, and has not come. */
  private isAsked = false;
  private overflown = false;

  /**
   * Takes a document in. `unreadable`: nothing changed. `gap`: a partial document was missed and
   * the full state must be asked for by a refresh (RFC 4235 §4.1).
   */
  take(xml: string): 'ok' | 'unreadable' | 'gap' {
    const root = readRoot(xml, 'dialog-info');
    if (root === null) return 'unreadable';
    const version = Number(root.attributes.get('version') ?? NaN);
    const isFull = root.attributes.get('state') !== 'partial';
    // Who sends a part in answer to that, too, has no other way to tell: it is taken as it is.
    const mayMiss = isFull || this.isAsked;
    if (!mayMiss && this.version < 0) return this.ask();
    if (Number.isInteger(version)) {
      // Older news than what we know, unless the notifier began to count anew with a full state.
      if (!isFull && version <= this.version) return 'ok';
      if (!mayMiss && version > this.version + 1) return this.ask();
      this.version = version;
    } else this.version += 1;
    this.isAsked = false;
    if (isFull) {
      this.dialogs.clear();
      this.overflown = false;
    }
    for (const node of root.children) if (node.name === 'dialog') this.takeDialog(node);
    return 'ok';
  }

  private ask(): 'gap' {
    this.isAsked = true;
    return 'gap';
  }

  private takeDialog(node: Node): void {
    const id = node.attributes.get('id') ?? '';
    const state = node.children.find((child) => child.name === 'state')?.text.toLowerCase() ?? '';
    if (state === 'terminated' || state === '') {
      this.dialogs.delete(id);
      return;
    }
    if (this.dialogs.size >= DIALOGS_MAX && !this.dialogs.has(id)) {
      this.overflown = true;
      return;
    }
    this.dialogs.set(id, {
      callId: node.attributes.get('call-id') ?? '',
      direction: node.attributes.get('direction') ?? '',
      state,
    });
  }

  /** State of the phone. Dialogs that `isOurs` names are calls of the ACD, which it knows. */
  state(isOurs: (callId: string) => boolean = () => false): DeviceState {
    if (this.overflown) return 'inuse';
    let state: DeviceState = 'idle';
    for (const dialog of this.dialogs.values()) {
      if (dialog.callId !== '' && isOurs(dialog.callId)) continue;
      // Whoever dials is busy from the first digit; whoever is called is so from his answer.
      const isAlerting = dialog.state !== 'confirmed' && dialog.direction !== 'initiator';
      state = worse(state, isAlerting ? 'ringing' : 'inuse');
    }
    return state;
  }
}
