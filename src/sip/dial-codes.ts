/** What agents dial, as the Request-URI's user says it (`sip.login` in acd.yaml). */
import type { AcdConfig } from '../config/types.ts';

export type LoginRequest =
  | { readonly kind: 'login'; readonly agentId: string | null }
  /** `number` of a pause reason, 1 for the first; null: none was dialled. */
  | { readonly kind: 'pause'; readonly number: string | null }
  | { readonly kind: 'logout' | 'resume' | 'ready' };

type Codes = Pick<
  AcdConfig['sip'],
  'loginUsers' | 'logoutUsers' | 'pauseUsers' | 'resumeUsers' | 'readyUsers'
>;

/** The digits behind one of the codes; null where it is none of them, or more than digits. */
function behind(user: string, codes: readonly string[]): string | null {
  for (const code of codes) {
    const rest = user.startsWith(code) ? user.slice(code.length) : '';
    if (/^\d{1,32}$/.test(rest)) return rest;
  }
  return null;
}

/** Reads the Request-URI's user; null: nothing that agents dial. */
export function loginRequestOf(user: string, codes: Codes): LoginRequest | null {
  if (codes.loginUsers.includes(user)) return { kind: 'login', agentId: null };
  if (codes.logoutUsers.includes(user)) return { kind: 'logout' };
  if (codes.pauseUsers.includes(user)) return { kind: 'pause', number: null };
  if (codes.resumeUsers.includes(user)) return { kind: 'resume' };
  if (codes.readyUsers.includes(user)) return { kind: 'ready' };
  const agentId = behind(user, codes.loginUsers);
  if (agentId !== null) return { kind: 'login', agentId };
  const number = behind(user, codes.pauseUsers);
  return number === null ? null : { kind: 'pause', number };
}
