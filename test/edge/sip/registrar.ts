/**
 * A registrar in the tests' hands, on a plain telephone socket: challenges, checks the digest with
 * an own computation, and answers what a test says.
 */
import { createHash } from 'node:crypto';
import { header } from './phone.ts';
import type { Phone, SipText } from './phone.ts';

const hash = (algorithm: 'MD5' | 'SHA-256', text: string): string =>
  createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text)
    .digest('hex');

export interface Asked {
  readonly request: SipText;
  readonly params: ReadonlyMap<string, string>;
}

export function authorization(request: SipText): Map<string, string> {
  const value = header(request, 'Authorization');
  return new Map(
    [...value.matchAll(/(\w+)="?([^",]*)"?/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );
}

/** Is the digest of this request right for that password? */
export function isAuthentic(
  request: SipText,
  password: string,
  algorithm: 'MD5' | 'SHA-256' = 'MD5',
): boolean {
  const params = authorization(request);
  const get = (name: string): string => params.get(name) ?? '';
  const ha1 = hash(algorithm, `${get('username')}:${get('realm')}:${password}`);
  const ha2 = hash(algorithm, `${request.method}:${get('uri')}`);
  const text = [ha1, get('nonce'), get('nc'), get('cnonce'), 'auth', ha2].join(':');
  return get('response') !== '' && hash(algorithm, text) === get('response');
}

export function challenge(
  phone: Phone,
  request: SipText,
  nonce: string,
  more: { readonly algorithm?: string; readonly stale?: boolean } = {},
): void {
  const parts = [`realm="pbx"`, `nonce="${nonce}"`, `qop="auth,auth-int"`];
  parts.push(`algorithm=${more.algorithm ?? 'MD5'}`);
  if (more.stale === true) parts.push('stale=true');
  phone.answer(request, 401, 'Unauthorized', {
    headers: { 'WWW-Authenticate': `Digest ${parts.join(', ')}` },
  });
}

/** The next request of that method, challenged once; gives the one with the right digest. */
export async function authentic(
  phone: Phone,
  method: string,
  nonce: string,
  fits: (request: SipText) => boolean = () => true,
): Promise<SipText> {
  const next = (): Promise<SipText> =>
    phone.take((message) => message.method === method && fits(message));
  challenge(phone, await next(), nonce);
  if (method === 'INVITE') await phone.request('ACK');
  const request = await next();
  if (!isAuthentic(request, 'secret')) throw new Error(`${method} without a right digest`);
  return request;
}
