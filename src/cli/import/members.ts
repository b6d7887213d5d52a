/**
 * `member => interface,penalty,name,state interface,ringinuse,wrapuptime,paused` of queues.conf,
 * and what the interface means to an ACD that is a phone: somebody to call through the PBX, or an
 * agent who logs in.
 */
export interface Member {
  /** As it is written, in small letters: the same one again takes the place of the former. */
  readonly device: string;
  /** What is dialled at the PBX; null: he logs in himself (`Agent/1001`). */
  readonly user: string | null;
  /** Digits for `agents[].id`; null: one has to be given. */
  readonly id: string | null;
  readonly penalty: number;
  readonly name: string;
  /** Null: as the queue has it. */
  readonly ringinuse: boolean | null;
  readonly wrapuptime: string;
  /** What was written and is not carried over, with its reason. */
  readonly lost: readonly { readonly what: string; readonly why: string }[];
}

/** Splits at commas, not inside double quotes; the quotes go. */
export function splitFields(text: string): string[] {
  const fields = [''];
  let isQuoted = false;
  for (const char of text) {
    if (char === '"') isQuoted = !isQuoted;
    else if (char === ',' && !isQuoted) fields.push('');
    else fields[fields.length - 1] = `${fields.at(-1) ?? ''}${char}`;
  }
  return fields.map((each) => each.trim());
}

const USER = /^[A-Za-z0-9*#+][A-Za-z0-9*#+._~-]{0,63}$/;
/** Technologies whose name behind the slash is what the PBX calls the phone. */
const PHONES = ['sip', 'pjsip', 'iax2', 'sccp', 'skinny', 'local'];

/** The user a device is dialled by: `SIP/100`, `PJSIP/100/sip:…`, `Local/100@from-queue/n`. */
export function userOf(device: string): string | null {
  const [technology = '', rest = ''] = /^([^/]+)\/(.*)$/.exec(device)?.slice(1) ?? [];
  if (!PHONES.includes(technology.toLowerCase())) return null;
  const user = rest.replace(/[@/].*$/s, '');
  return USER.test(user) ? user : null;
}

/** Asterisk's `ast_true` and `ast_false`; null: it is neither. */
export function truthOf(written: string): boolean | null {
  if (/^(yes|true|y|t|1|on)$/i.test(written)) return true;
  return /^(no|false|n|f|0|off)$/i.test(written) ? false : null;
}

type Read = Member | { readonly why: string };

type Address = Pick<Member, 'user' | 'id'> | { readonly why: string };

function addressOf(device: string): Address {
  const found = /^agent\/([^/@]+)/i.exec(device);
  if (found !== null) {
    const id = found[1] ?? '';
    if (/^\d{1,16}$/.test(id)) return { user: null, id };
    return { why: `agent "${id}" cannot be keyed on a phone; give him an id of digits` };
  }
  const user = userOf(device);
  if (user === null) {
    return { why: `the ACD calls phones by SIP; "${device}" is none that a PBX can be asked for` };
  }
  return { user, id: /^\d{1,16}$/.test(user) ? user : null };
}

/** Reads the value of a member line; `why`: he cannot be carried over. */
export function readMember(value: string, negativeIsInvalid: boolean): Read {
  const [
    device = '',
    penalty = '',
    name = '',
    state = '',
    ringinuse = '',
    wrapup = '',
    paused = '',
  ] = splitFields(value);
  const address = addressOf(device);
  if ('why' in address) return address;
  const lost: { what: string; why: string }[] = [];
  const number = /^[+-]?\d{1,6}$/.test(penalty) ? Number(penalty) : 0;
  if (penalty !== '' && !/^[+-]?\d{1,6}$/.test(penalty)) {
    lost.push({ what: `penalty ${penalty}`, why: 'is no number; taken as 0' });
  }
  const watched = /^hint:([^@]+)/i.exec(state)?.[1] ?? userOf(state);
  if (state !== '' && watched !== address.user) {
    const why = 'the ACD watches what it calls; give that user the hint of this device';
    lost.push({ what: `state interface ${state}`, why });
  }
  const peer = /^(?:sip|pjsip|iax2)\/[^@/]+@(.+)$/i.exec(device)?.[1];
  if (peer !== undefined) {
    const why = `the ACD asks the PBX for ${address.user}; let its dialplan send him that way`;
    lost.push({ what: `@${peer}`, why });
  }
  const rings = truthOf(ringinuse);
  if (ringinuse !== '' && rings === null) {
    const why = 'is neither yes nor no; as the queue has it';
    lost.push({ what: `ringinuse ${ringinuse}`, why });
  }
  if (truthOf(paused) === true) {
    lost.push({ what: 'paused', why: 'nobody begins paused; acd agent pause does it' });
  }
  return {
    ...address,
    device: device.toLowerCase(),
    penalty: number >= 0 ? number : negativeIsInvalid ? -1 : 0,
    name,
    ringinuse: rings,
    wrapuptime: wrapup,
    lost,
  };
}
