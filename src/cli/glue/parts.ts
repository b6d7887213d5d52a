/**
 * What every PBX has to know of this ACD, out of its own acd.yaml: the account, what is dialled,
 * where it listens, whose phones it calls.
 */
import type { AcdConfig, RegisterConfig } from '../../config/types.ts';

export interface GlueParts {
  readonly account: RegisterConfig;
  readonly queues: readonly string[];
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
  return {
    account,
    queues: config.core.queues.map(({ name }) => name),
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

export const PASSWORD = 'THE-PASSWORD-OF-THE-ACCOUNT';
