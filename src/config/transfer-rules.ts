/**
 * Where a call may be sent by whoever uses REST: toll fraud is a stranger's call to an expensive
 * number at our account's cost. `transfers.allow` says it, and for phones that are named at a
 * login `sip.login.devices`; destinations of failover are the administrator's own words in the
 * file and are not asked about.
 */
import type { AcdConfig, RegisterConfig } from './types.ts';

/** Stands in the list for the domains of all our registrars. */
export const REGISTRARS = 'registrars';

/** `*` is any part of user or host. Users are compared as written, hosts without case. */
function fits(pattern: string, user: string, host: string): boolean {
  const [, wantedUser = '', wantedHost = ''] = /^sips?:([^@]+)@(.+)$/i.exec(pattern) ?? [];
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

/** May calls be sent to that address? */
export function mayTransferTo(config: Pick<AcdConfig, 'sip' | 'transfers'>, uri: string): boolean {
  return isAllowed(config.transfers.allow, config.sip.register, uri);
}

/** `sip:user@host[:port]`, and no parameters or headers, which could mean something else. */
export function isAllowed(
  allow: readonly string[],
  register: readonly Pick<RegisterConfig, 'domain'>[],
  uri: string,
): boolean {
  const [, user = '', host = ''] = /^sips?:([^@;?<>\s"]+)@([^@;?<>\s"]+)$/i.exec(uri) ?? [];
  if (user === '') return false;
  const lower = host.toLowerCase();
  const bare = lower.replace(/:\d+$/, '');
  return allow.some((allowed) =>
    allowed === REGISTRARS
      ? register.some(({ domain }) => domain.toLowerCase() === bare)
      : fits(allowed, user, lower),
  );
}
