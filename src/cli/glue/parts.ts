/**
 * What every PBX has to know of this ACD, out of its own acd.yaml: the account, what is dialled,
 * where it listens, whose phones it calls.
 */
import type { AcdConfig, RegisterConfig } from '../../config/types.ts';

export interface GlueParts {
  readonly account: RegisterConfig;
  /** Those that can be called by their names. */
  readonly queues: readonly string[];
  /** Ids of agents who can be called alone (a queue is `direct`); none: nobody can. */
  readonly alone: readonly string[];
  /** What agents dial; codes that begin with `*` may be followed by more. */
  readonly codes: readonly string[];
  /** Users of static members at this PBX. */
  readonly phones: readonly string[];
}

/** The parts for one PBX of `sip.register`; a sentence where there is none. */
export function partsOf(config: AcdConfig, pbx: string | undefined): GlueParts | string {
  const { register } = config.sip;
  const named = register.map(({ name }) => name).join(', ');
  const account = pbx === undefined ? register[0] : register.find(({ name }) => name === pbx);
  if (account === undefined) {
    return pbx === undefined
      ? 'sip.register has no PBX; add the one that this is for'
      : `sip.register has no PBX "${pbx}"; there are: ${named || 'none'}`;
  }
  const users = config.core.agents.flatMap(({ device }) => {
    const isHere = device?.registrar === account.name;
    const user = isHere ? /^sip:([^@]+)@/.exec(device.uri)?.[1] : undefined;
    return user === undefined ? [] : [user];
  });
  const { queues, agents } = config.core;
  const isDirect = queues.some(({ direct }) => direct === true);
  return {
    account,
    queues: queues.filter(({ direct }) => direct !== true).map(({ name }) => name),
    alone: isDirect ? agents.map(({ id }) => id) : [],
    codes: dialCodesOf(config.sip),
    phones: [...new Set(users)].sort(),
  };
}

/** Everything that agents dial, login first. */
function dialCodesOf(sip: AcdConfig['sip']): string[] {
  const { loginUsers, logoutUsers, pauseUsers, resumeUsers, readyUsers } = sip;
  return [loginUsers, logoutUsers, pauseUsers, resumeUsers, readyUsers].flat();
}

/** Behind a code with `*`: digits, and behind another `*` a queue, as a regular expression. */
export const BEHIND_CODE = String.raw`[0-9]*(\*[A-Za-z0-9._~-]+)?`;

/** A literal inside a regular expression. */
export function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

const NAMED_MAX = 10;

/**
 * Comment on calls to one agent alone, none where there are no such: a PBX that does not tell the
 * ACD's own calls apart would send those to a phone of the same number back to it.
 */
export function aloneNote({ alone }: GlueParts): readonly string[] {
  if (alone.length === 0) return [];
  const more = alone.length > NAMED_MAX ? ' …' : '';
  const ids = `${alone.slice(0, NAMED_MAX).join(', ')}${more}`;
  return [
    `Calls to one agent alone go to his id (${ids}), as to a queue:`,
    'add each that is not the number of a phone, too.',
  ];
}

export const PASSWORD = 'THE-PASSWORD-OF-THE-ACCOUNT';
