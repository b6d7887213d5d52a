/**
 * What agents dial, as the Request-URI's user says it (`sip.login` in acd.yaml): a code, `*44` or
 * `acdlogin`; behind it digits, where it takes them (an agent's id, a reason's number, seconds),
 * and behind a `*` the queue that alone is meant.
 */
import type { AcdConfig } from '../config/types.ts';

export type LoginRequest =
  /** `agentId` null: he is asked, or, with a queue, it is who is logged in on the phone. */
  | { readonly kind: 'login'; readonly agentId: string | null; readonly queue?: string }
  /** `number` of a pause reason, 1 for the first; null: none was dialled. */
  | { readonly kind: 'pause'; readonly number: string | null; readonly queue?: string }
  | { readonly kind: 'logout' | 'resume'; readonly queue?: string }
  /** His wrap-up ends; with seconds it goes on for so long from now. */
  | { readonly kind: 'ready'; readonly seconds?: number };

type Codes = Pick<
  AcdConfig['sip'],
  'loginUsers' | 'logoutUsers' | 'pauseUsers' | 'resumeUsers' | 'readyUsers'
>;

interface Behind {
  /** Null: none. */
  readonly digits: string | null;
  /** As it was dialled, if it was. */
  readonly place: { readonly queue?: string };
}

const BEHIND = /^(\d{0,32})(?:\*([A-Za-z0-9][A-Za-z0-9._~-]{0,63}))?$/;
/** Digits of the seconds of a wrap-up; it has a limit of its own. */
const SECONDS_DIGITS = 5;

/**
 * What stands behind one of the codes; null where it is none of them, or something else.
 * @param isWhole it is a code as it stands, be it of this kind or another
 */
function behind(user: string, codes: readonly string[], isWhole: boolean): Behind | null {
  if (codes.includes(user)) return { digits: null, place: {} };
  // Where `*4` logs in and `*45` out, nobody logs in as 5.
  for (const code of isWhole ? [] : codes) {
    const found = user.startsWith(code) ? BEHIND.exec(user.slice(code.length)) : null;
    if (found === null) continue;
    const [, digits = '', queue] = found;
    return { digits: digits || null, place: queue === undefined ? {} : { queue } };
  }
  return null;
}

/** Reads the Request-URI's user; null: nothing that agents dial. */
export function loginRequestOf(user: string, codes: Codes): LoginRequest | null {
  const { loginUsers, pauseUsers, logoutUsers, resumeUsers, readyUsers } = codes;
  const isWhole = [loginUsers, pauseUsers, logoutUsers, resumeUsers, readyUsers]
    .flat()
    .includes(user);
  const login = behind(user, loginUsers, isWhole);
  if (login !== null) return { kind: 'login', agentId: login.digits, ...login.place };
  const pause = behind(user, pauseUsers, isWhole);
  if (pause !== null) return { kind: 'pause', number: pause.digits, ...pause.place };
  const logout = behind(user, logoutUsers, isWhole);
  if (logout?.digits === null) return { kind: 'logout', ...logout.place };
  const resume = behind(user, resumeUsers, isWhole);
  if (resume?.digits === null) return { kind: 'resume', ...resume.place };
  const ready = behind(user, readyUsers, isWhole);
  if (ready === null || ready.place.queue !== undefined) return null;
  if (ready.digits === null) return { kind: 'ready' };
  return ready.digits.length > SECONDS_DIGITS
    ? null
    : { kind: 'ready', seconds: Number(ready.digits) };
}
