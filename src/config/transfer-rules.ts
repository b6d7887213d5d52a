/**
 * Where a call may be sent by whoever uses REST: toll fraud is a stranger's call to an expensive
 * number at our account's cost. `transfers.allow` says it, and for phones that are named at a
 * login `sip.login.devices`; destinations of failover are the administrator's own words in the
 * file and are not asked about.
 */
import type { AcdConfig, RegisterConfig } from './types.ts';

/** Stands in the list for the domains and own addresses of all our registrars. */
const REGISTRARS = 'registrars';

/**
 * Users that a rule may mean without naming them. With other signs a PBX may dial more than a
 * number: to Asterisk `101&SIP/trunk/0900` in `Dial(SIP/${EXTEN})` is two phones.
 */
const PLAIN_USER = /^[\p{L}\p{M}\p{N} ._~+*#!-]+$/u;

/** Names and numbers, as the PBX reads them: with their escapes undone. */
function isPlain(user: string): boolean {
  try {
    return PLAIN_USER.test(decodeURIComponent(user));
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

/** `*` is any part of user or host. Users are compared as written, hosts without case. */
function fits(pattern: string, user: string, host: string): boolean {
  const [, wantedUser = '', wantedHost = ''] = /^sips?:([^@]+)@(.+)$/i.exec(pattern) ?? [];
  if (wantedUser.includes('*') && !isPlain(user)) return false;
  return matches(wantedUser, user) && matches(wantedHost.toLowerCase(), host);
}

function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length) return false;
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return text.endsWith(last) && from <= text.length - last.length;
}

/**
 * Parameters that say how an address is reached or written, and nothing of whose it is; `maddr`,
 * `route` and headers could lead elsewhere. A password behind the user (`09001:100@`) would let
 * another user pass for one that may be called.
 */
const HARMLESS = /^(transport=(udp|tcp|tls)|user=(phone|ip))$/i;
const ADDRESS = /^sips?:([^@:;?<>\s"]+)@([\w.:[\]-]+)((?:;[^@;?<>\s"]+)*)$/i;

/** Those of an address's parameters that it keeps when a call is sent there: `;transport=tcp`. */
export function harmlessParams(params: string): string {
  return params
    .split(';')
    .filter((each) => HARMLESS.test(each))
    .map((each) => `;${each}`)
    .join('');
}

type Registrar = Pick<RegisterConfig, 'domain' | 'registrar'>;

/** Domain of a registrar, or the address at which it is reached: a PBX names itself by either. */
function isRegistrar({ domain, registrar }: Registrar, host: string): boolean {
  const [, place = ''] = /^sips?:(?:[^@]*@)?([^;?]+)/i.exec(registrar) ?? [];
  return [domain, place].some((name) => name.toLowerCase().replace(/:\d+$/, '') === host);
}

/** May calls be sent to that address? */
export function mayTransferTo(config: Pick<AcdConfig, 'sip' | 'transfers'>, uri: string): boolean {
  return isAllowed(config.transfers.allow, config.sip.register, uri);
}

/** `sip:user@host[:port]`, with no parameters but harmless ones. */
export function isAllowed(
  allow: readonly string[],
  register: readonly Registrar[],
  uri: string,
): boolean {
  const [, user = '', host = '', params = ''] = ADDRESS.exec(uri) ?? [];
  if (user === '' || harmlessParams(params) !== params) return false;
  const lower = host.toLowerCase();
  const bare = lower.replace(/:\d+$/, '');
  return allow.some((allowed) =>
    allowed === REGISTRARS
      ? isPlain(user) && register.some((each) => isRegistrar(each, bare))
      : fits(allowed, user, lower),
  );
}
