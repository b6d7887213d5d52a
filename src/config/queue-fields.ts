/**
 * The kinds of value that only queues have: conditions of an empty queue, destinations, exit keys,
 * callers' patterns. Each is one line of text, as in queues.conf.
 */
import type {
  CallerNeed,
  CallerRule,
  Destination,
  EmptyCondition,
  PauseReason,
  PenaltyChange,
  PenaltyStep,
  SkillStep,
} from '../core/types.ts';
import { parseNeed } from '../core/skills.ts';
import { field, splitAddress, Wrong } from './fields.ts';

/** Of `joinempty` and `leavewhenempty`. */
export const CONDITIONS: readonly EmptyCondition[] = [
  'paused',
  'penalty',
  'inuse',
  'ringing',
  'unavailable',
  'invalid',
  'unknown',
  'wrapup',
];

const NOBODY: readonly EmptyCondition[] = ['penalty', 'paused', 'invalid'];
/** What queues.conf wrote before it had conditions. */
const LEGACY: Readonly<Record<string, readonly EmptyCondition[]>> = {
  strict: [...NOBODY, 'unavailable'],
  loose: ['penalty', 'invalid'],
};

/**
 * `joinempty` and `leavewhenempty`: conditions by comma, or Asterisk's yes, no, strict, loose. Of
 * the two, `yes` and `no` mean opposite things: it is `never` that asks for no check.
 */
export function emptyRule(text: string, never: 'yes' | 'no') {
  return field('conditions, or `yes`, `no`, `strict`, `loose`', text, (written) => {
    const word = written.toLowerCase();
    if (word === never) return [];
    if (word === 'yes' || word === 'no') return [...NOBODY];
    if (Object.hasOwn(LEGACY, word)) return [...(LEGACY[word] ?? [])];
    const named = word.split(',').map((each) => each.trim());
    const unknown = named.find((each) => !CONDITIONS.some((known) => known === each));
    if (unknown === undefined) return CONDITIONS.filter((known) => named.includes(known));
    return new Wrong(`"${unknown}" is no condition; there are: ${CONDITIONS.join(', ')}`);
  });
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/;
const PROMPT = /^(\/[^\p{Cc}]{1,500}|[A-Za-z0-9][A-Za-z0-9._~-]{0,63})$/u;
const DESTINATIONS =
  'queue:name, sip:user@host, prompt:key, busy, congestion, hangup or hangup:<cause 1-127>';

/** One destination; null: it is none. */
function destinationOf(written: string): Destination | null {
  if (/^sips?:[^\s<>"@]+@[^\s<>"@]+$/i.test(written) && written.length <= 255) {
    return { to: 'uri', uri: written };
  }
  const [, word = '', rest] = /^([a-z]+)(?::(.+))?$/i.exec(written) ?? [];
  switch (word.toLowerCase()) {
    case 'queue':
      return rest !== undefined && NAME.test(rest) ? { to: 'queue', queue: rest } : null;
    case 'prompt':
      return rest !== undefined && PROMPT.test(rest) ? { to: 'prompt', prompt: rest } : null;
    case 'busy':
    case 'congestion':
      return rest === undefined ? { to: word.toLowerCase() as 'busy' | 'congestion' } : null;
    case 'hangup': {
      const cause = Number(rest ?? 16);
      return Number.isInteger(cause) && cause >= 1 && cause <= 127 ? { to: 'hangup', cause } : null;
    }
    default:
      return null;
  }
}

export function destination(text: string) {
  return field('destination', text, (written) => {
    return destinationOf(written) ?? new Wrong(`"${written}" leads nowhere; write ${DESTINATIONS}`);
  });
}

/** `0=queue:operator`: the key, and where it leads. */
export function exitKey(text: string) {
  return field('key=destination', text, (written) => {
    const [, key = '', rest = ''] = /^([0-9*#A-D]{1,8})\s*=\s*(.+)$/.exec(written) ?? [];
    const found = key === '' ? null : destinationOf(rest);
    if (found === null) return new Wrong(`"${written}" cannot be used; write 0=queue:operator`);
    return { key, destination: found };
  });
}

/** `49*=10`: callers whose number fits, and their priority. */
export function callerRule(text: string) {
  return field('pattern=priority', text, (written): CallerRule | Wrong => {
    const [, pattern = '', priority = ''] =
      /^([^\s=]{1,64})\s*=\s*(-?\d{1,6})$/.exec(written) ?? [];
    if (pattern === '') return new Wrong(`"${written}" cannot be used; write +49*=10`);
    return { pattern, priority: Number(priority) };
  });
}

/** `49*=german>=50`: callers whose number fits, and what they ask; `49*=` for nothing. */
export function callerNeed(text: string) {
  return field('pattern=requirement', text, (written): CallerNeed | Wrong => {
    const [, pattern = '', asked = ''] = /^([^\s=]{1,64})\s*=(.*)$/s.exec(written) ?? [];
    const need = asked.trim() === '' ? null : parseNeed(asked);
    const isUsable = pattern !== '' && (need !== null || asked.trim() === '');
    return isUsable
      ? { pattern, need }
      : new Wrong(`"${written}" cannot be used; write +49*=german>=50, or +49*= for nothing`);
  });
}

/** `english>=50 & billing`, or `30,english`: from so many seconds on; `60,` asks for nothing. */
export function skillStep(text: string) {
  return field('requirement, or seconds,requirement', text, (written): SkillStep | Wrong => {
    const [, seconds = '0', asked = ''] = /^(?:(\d{1,5})\s*,)?(.*)$/s.exec(written) ?? [];
    const need = asked.trim() === '' ? null : parseNeed(asked);
    const isUsable = need !== null || (asked.trim() === '' && Number(seconds) > 0);
    if (isUsable) return { atMs: Number(seconds) * 1000, need };
    return new Wrong(
      `"${written}" is no requirement; write english>=50 & (billing | sales), 30,english or 60,`,
    );
  });
}

/** `english=80`, or `english`, which is level 100. */
export function skill(text: string) {
  return field('skill, or skill=level', text, (written) => {
    const [, name = '', level = '100'] =
      /^([A-Za-z][A-Za-z0-9_-]{0,31})\s*(?:=\s*(\d{1,3}))?$/.exec(written) ?? [];
    const isUsable = name !== '' && Number(level) >= 1 && Number(level) <= 100;
    return isUsable
      ? { name, level: Number(level) }
      : new Wrong(`"${written}" is no skill; write english or english=80 (1 to 100)`);
  });
}

/** `+49*`: numbers, by the same signs as in `caller-priority`. */
export function callerPattern(text: string) {
  return field('pattern', text, (written) =>
    /^[^\s=]{1,64}$/.test(written) ? written : new Wrong(`"${written}" is no number; write +49*`),
  );
}

/** `lunch=3600` or `lunch`: a reason to pause, and its longest time. */
export function pauseReason(text: string) {
  return field('reason, or reason=seconds', text, (written): PauseReason | Wrong => {
    const [, reason = '', seconds = '0'] =
      /^([^=\p{Cc}]{1,80}?)\s*(?:=\s*(\d{1,5}))?$/u.exec(written) ?? [];
    if (reason === '') return new Wrong(`"${written}" cannot be used; write lunch=3600`);
    return { reason, maxMs: Number(seconds) * 1000 };
  });
}

/** A phone by its address of record: `sip:user@host[:port]`. */
export function phone(text: string) {
  return field('SIP URI', text, (written) => {
    const [, user = '', host = ''] = /^sip:([^@;?\s<>"]+)@([^@;?\s<>"/]+)$/i.exec(written) ?? [];
    const isUsable = user !== '' && splitAddress(host, { host: null, port: 5060 }) !== null;
    return isUsable
      ? `sip:${user}@${host.toLowerCase()}`
      : new Wrong(`"${written}" is no phone; write sip:user@host or sip:user@host:port`);
  });
}

function changeOf(written: string): PenaltyChange | undefined | null {
  if (written === '') return undefined;
  const [, sign = '', digits = ''] = /^([+-]?)(\d{1,6})$/.exec(written) ?? [];
  if (digits === '') return null;
  const value = Number(`${sign}${digits}`);
  return { by: sign === '' ? 'set' : 'add', value };
}

/**
 * As in queuerules.conf: `30,10`, `60,+5,,2`; signed: relative; empty: as it is. `r` before the
 * raise keeps those below min out (`120,5,3,r4`).
 */
export function penaltyChange(text: string) {
  return field('seconds,max[,min[,raise]]', text, (written): PenaltyStep | Wrong => {
    const [time = '', ...limits] = written.split(',').map((each) => each.trim());
    const keepsMin = limits[2]?.startsWith('r') === true;
    const changes = limits.map((each, at) => changeOf(at === 2 && keepsMin ? each.slice(1) : each));
    const isUsable = /^\d{1,5}$/.test(time) && limits.length >= 1 && limits.length <= 3;
    const isRaised = !keepsMin || changes[2] !== undefined;
    if (!isUsable || !isRaised || changes.includes(null)) {
      return new Wrong(`"${written}" cannot be used; write 30,10 or 60,+5,,2`);
    }
    const [max, min, raise] = changes;
    return {
      atMs: Number(time) * 1000,
      ...(max ? { max } : {}),
      ...(min ? { min } : {}),
      ...(raise ? { raise } : {}),
      ...(keepsMin ? { keepsMin } : {}),
    };
  });
}
