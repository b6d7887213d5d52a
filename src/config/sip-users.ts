/**
 * Users who may call from anywhere with a password (`sip.users`): read from the environment, from a
 * file or from the text itself, and kept as what a digest is compared with (RFC 7616 §3.4.2), so
 * that the password itself is nowhere.
 */
import { createHash } from 'node:crypto';
import * as f from './fields.ts';
import { readSecret, type Told } from './http-access.ts';
import { free, needed, section } from './schema-parts.ts';
import type { SipUserConfig } from './types.ts';

/** The realm of our challenges: a password is good for it alone. */
export const SIP_REALM = 'acd';
export const MAX_SIP_USERS = 1_000;
const LEAST = 8;

export const sipUser = section('A name and its password.', {
  name: needed(f.name('name', 'Digest user, and the user of his From.'), 'road'),
  password: free(
    f.secret(`Password of ${LEAST} characters or more; take it from the environment.`, LEAST),
    '${ROAD_PASSWORD}',
  ),
  file: free(
    f.words('path', 'In place of `password`: a file with nothing but it.', 1000),
    '/run/secrets/road',
  ),
});

export interface SipUserFile {
  readonly name: string;
  readonly password?: string | undefined;
  readonly file?: string | undefined;
}

function digestsOf(name: string, password: string): SipUserConfig {
  const of = (algorithm: string): string =>
    createHash(algorithm).update(`${name}:${SIP_REALM}:${password}`, 'utf8').digest('hex');
  return { name, md5: of('md5'), sha256: of('sha256') };
}

/** All users, and every fault. `kept`: as they were read before, in place of the files. */
export function sipUsers(
  written: readonly SipUserFile[],
  folder: string,
  kept: readonly SipUserConfig[] | null,
): { readonly users: readonly SipUserConfig[]; readonly faults: readonly Told[] } {
  if (kept !== null) return { users: kept, faults: [] };
  const faults: Told[] = [];
  const names = new Set<string>();
  const users = written.flatMap(({ name, password, file }, index): SipUserConfig[] => {
    const at = ['sip', 'users', index];
    if (names.has(name))
      faults.push({ path: at, message: `"${name}" stands here twice; keep one` });
    names.add(name);
    if ((password === undefined) === (file === undefined)) {
      faults.push({ path: at, message: 'must have one of password and file; keep one of them' });
      return [];
    }
    const read = file === undefined ? null : readSecret(file, folder, [...at, 'file'], faults);
    const secret = password ?? read?.trim();
    if (secret === undefined) return [];
    if (secret.length >= LEAST && secret.length <= 200 && !/\p{Cc}/u.test(secret))
      return [digestsOf(name, secret)];
    const message = `must hold ${LEAST} to 200 printable characters, and no more`;
    faults.push({ path: [...at, 'file'], message });
    return [];
  });
  return { users, faults };
}
