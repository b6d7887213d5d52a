/**
 * The options of one queue: from queues.conf to acd.yaml. Names are mostly the same, so the schema
 * of acd.yaml itself says what can be carried over; here stands only what differs: other standard
 * values, older names, bounds.
 */
import { queue as queueSchema } from '../../config/queue-schema.ts';
import type { Entry } from './conf.ts';
import { truthOf } from './members.ts';

/** Values where Asterisk's standard is not ours: written out, so that the queue stays the same. */
export const STANDARDS: Readonly<Record<string, string>> = {
  strategy: 'ringall',
  autofill: 'no',
  ringinuse: 'yes',
  timeoutrestart: 'no',
};

const OLDER_NAMES: Readonly<Record<string, string>> = {
  music: 'musicclass',
  musiconhold: 'musicclass',
  autopause_delay: 'autopausedelay',
};

/** What needs no place in acd.yaml: said with the reason why nothing is lost. */
const NEEDLESS: Readonly<Record<string, string>> = {
  shared_lastcall: 'wrap-up holds for an agent in all his queues',
  persistentmembers: 'logins outlive every restart',
  eventwhencalled: 'every event is told',
  eventmemberstatus: 'every event is told',
};

const WHY: Readonly<Record<string, string>> = {
  setinterfacevar: 'there are no channel variables',
  setqueuevar: 'there are no channel variables',
  setqueueentryvar: 'there are no channel variables',
  membermacro: 'there is no dialplan on the agent’s channel',
  membergosub: 'there is no dialplan on the agent’s channel',
  context: 'no key of that context could be read; write exit-keys',
};

/**
 * Options that may be copied where the schema takes them: those of queues.conf that name no file
 * or context of the PBX. What the schema gets later is carried over from then on.
 */
const COPIED = new Set([
  'musicclass',
  'strategy',
  'weight',
  'timeout',
  'retry',
  'timeoutpriority',
  'timeoutrestart',
  'wrapuptime',
  'autofill',
  'maxlen',
  'joinempty',
  'leavewhenempty',
  'ringinuse',
  'autopause',
  'autopausedelay',
  'autopausebusy',
  'autopauseunavail',
  'penaltymemberslimit',
  'defaultrule',
  'servicelevel',
  'memberdelay',
  'reportholdtime',
  'announce-frequency',
  'min-announce-frequency',
  'announce-position',
  'announce-position-limit',
  'announce-position-only-up',
  'announce-holdtime',
  'announce-round-seconds',
  'announce-to-first-user',
  'periodic-announce',
  'periodic-announce-frequency',
  'periodic-announce-startdelay',
  'random-periodic-announce',
  'relative-periodic-announce',
]);

const YES_OR_NO = new Set([
  'autofill',
  'ringinuse',
  'timeoutrestart',
  'autopausebusy',
  'autopauseunavail',
]);

/** Nothing is lost where what we have not was off. */
const OFF = new Set(['', '0', 'no', 'false', 'off', 'n', 'f', 'silence/1']);

const EMPTY_WORDS = [
  'paused',
  'penalty',
  'inuse',
  'ringing',
  'unavailable',
  'invalid',
  'unknown',
  'wrapup',
];

const shape = queueSchema.shape as Readonly<
  Record<string, { safeParse(value: unknown): Parsed } | undefined>
>;
type Parsed =
  | { readonly success: true }
  | {
      readonly success: false;
      readonly error: { readonly issues: readonly { message: string }[] };
    };

export interface Carried {
  readonly key: string;
  readonly value: string | readonly string[];
}

export type Change = (Carried & { readonly why?: string }) | { readonly why: string } | null;

/** A number put within bounds; `zero` stands for no limit in Asterisk. */
function bounded(key: string, written: string, min: number, max: number): Change {
  const value = Number(written);
  if (written === '' || !Number.isFinite(value)) return { why: `"${written}" is no number` };
  const kept = Math.min(max, Math.max(min, value));
  if (kept === value) return { key, value: String(kept) };
  return { key, value: String(kept), why: `taken as ${kept}` };
}

/** What the older words stand for among conditions. */
const LOOSE = ['penalty', 'invalid'];
const LEGACY: Readonly<Record<string, readonly string[]>> = {
  loose: LOOSE,
  strict: [...LOOSE, 'paused', 'unavailable'],
};

/** What one of the older words asks instead of all before it; null: it is none of them. */
function legacyOf(key: string, word: string): readonly string[] | null {
  if (Object.hasOwn(LEGACY, word)) return LEGACY[word] ?? null;
  const truth = truthOf(word);
  if (truth === null) return null;
  // `joinempty=no` and `leavewhenempty=yes` ask for the same.
  return truth === (key === 'leavewhenempty') ? [...LOOSE, 'paused'] : [];
}

/** Words of `joinempty` that are known; the others are told. Conditions add up, as there. */
function emptyWords(key: string, written: string): Change {
  const words = written
    .toLowerCase()
    .split(',')
    .map((each) => each.trim());
  let asked: readonly string[] = [];
  const unknown = words.filter((word) => {
    const isCondition = EMPTY_WORDS.includes(word);
    const instead = isCondition ? null : legacyOf(key, word);
    asked = instead ?? [...asked, ...(isCondition ? [word] : [])];
    return !isCondition && instead === null;
  });
  if (unknown.length === words.length) return { why: `"${written}" is no condition` };
  const [only = ''] = words;
  if (words.length === 1 && Object.hasOwn(LEGACY, only)) return { key, value: only };
  const none = key === 'leavewhenempty' ? 'no' : 'yes';
  const truth = words.length === 1 ? truthOf(only) : null;
  if (truth !== null) return { key, value: truth ? 'yes' : 'no' };
  const value = asked.length === 0 ? none : [...new Set(asked)].join(',');
  return unknown.length === 0 ? { key, value } : { key, value, why: `taken as ${value}` };
}

/** Asterisk takes whatever is not true for false. */
function yesOrNo(key: string, written: string): Change {
  const truth = truthOf(written);
  if (truth !== null) return { key, value: truth ? 'yes' : 'no' };
  return { key, value: 'no', why: 'is neither yes nor no; taken as no, as Asterisk does' };
}

/** Known prompts, and WAV files by their path, which Asterisk writes without `.wav`. */
function promptOf(written: string, { prompts, hasFile }: Sounds): string | null {
  if (prompts.has(written)) return written;
  if (!written.startsWith('/')) return null;
  const files = [written, `${written}.wav`].filter((file) => file.toLowerCase().endsWith('.wav'));
  return files.find((file) => hasFile?.(file) ?? true) ?? null;
}

function periodic(key: string, written: string, sounds: Sounds): Change {
  const names = written
    .split(/[,|]/)
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const found = names.map((each) => promptOf(each, sounds));
  const known = found.filter((each) => each !== null);
  if (known.length === names.length && names.length > 0) return { key, value: known };
  const missing = names.filter((_, at) => found[at] === null).join(', ');
  return { why: `there is no prompt "${missing}"; name a WAV file by its whole path` };
}

function strategy(written: string): Change {
  const word = written.toLowerCase();
  if (word !== 'roundrobin') return { key: 'strategy', value: word };
  return { key: 'strategy', value: 'rrmemory', why: 'is rrmemory since Asterisk 1.6' };
}

/** What differs from a plain copy. */
function special(key: string, value: string, sounds: Sounds): Change | undefined {
  switch (key) {
    case 'strategy':
      return strategy(value);
    case 'timeout':
      if (Number(value) < 0) return { key, value: '15', why: 'taken as 15, as Asterisk does' };
      if (value !== '0') return bounded(key, value, 0.5, 600);
      return { key, value: '600', why: 'rings without end there; 600 s is the longest here' };
    case 'retry':
      // Asterisk takes anything below 1 as its standard.
      return Number(value) < 1 ? { key, value: '5' } : bounded(key, value, 0.1, 3600);
    case 'wrapuptime':
    case 'autopausedelay':
    case 'periodic-announce-frequency':
      return bounded(key, value, 0, 3600);
    case 'weight':
      return bounded(key, value, 0, 1000);
    case 'joinempty':
    case 'leavewhenempty':
      return emptyWords(key, value);
    case 'musicclass':
      if (sounds.music.has(value)) return { key, value };
      return { why: `there is no music "${value}" here; the queue has "default"` };
    case 'periodic-announce':
      return periodic(key, value, sounds);
    case 'autopause':
      return truthOf(value) === null ? undefined : yesOrNo(key, value);
    default:
      return YES_OR_NO.has(key) ? yesOrNo(key, value) : undefined;
  }
}

export interface Sounds {
  readonly prompts: ReadonlySet<string>;
  readonly music: ReadonlySet<string>;
  /** Is there such a file? Absent: taken for there. */
  readonly hasFile?: (path: string) => boolean;
}

/** One line of a queue; null: nothing has to be carried over. */
export function changeOf({ key: written, value }: Entry, sounds: Sounds): Change {
  const key = OLDER_NAMES[written] ?? written;
  if (Object.hasOwn(NEEDLESS, key)) return null;
  const change = special(key, value, sounds) ?? { key, value };
  if (change === null || !('key' in change)) return change;
  const schema =
    COPIED.has(key) && Object.hasOwn(shape, change.key) ? shape[change.key] : undefined;
  if (schema === undefined) {
    if (OFF.has(value.trim().toLowerCase())) return null;
    return { why: WHY[key] ?? 'this version has no such option' };
  }
  const found = schema.safeParse(change.value);
  if (found.success) return change;
  return { why: found.error.issues[0]?.message ?? 'cannot be used' };
}
