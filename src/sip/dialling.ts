/**
 * What an agent who dials means: a number is called through the PBX of his phone, an address as it
 * is written. Whether calls may go there is asked elsewhere (`config/transfer-rules.ts`).
 */
import type { AcdConfig } from '../config/types.ts';
import { escapeUser, parseUri } from './headers.ts';
import { homeOf } from './routes.ts';

/** As people write and copy them: `+49 (30) 123-45/6`. */
const SEPARATORS = /[\s()/.-]/g;
const NUMBER = /^\+?[0-9*#]{1,40}$/;

/**
 * `sip:user@host` of a number or an address.
 * @param registrar of the agent's phone; null: it has none, the first PBX that there is is taken
 * @returns null: there is no such address, or no PBX that could dial a number
 */
export function addressOf(
  { sip }: Pick<AcdConfig, 'sip'>,
  registrar: string | null,
  to: string,
): string | null {
  if (/^sips?:/i.test(to)) return parseUri(to) === null ? null : to;
  const number = to.replace(SEPARATORS, '');
  const home =
    registrar === null ? sip.register[0] : sip.register.find(({ name }) => name === registrar);
  if (home === undefined || !NUMBER.test(number)) return null;
  return `sip:${escapeUser(number)}@${homeOf(home)}`;
}
