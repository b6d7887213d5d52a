/** Digest authentication as a client does it (RFC 2617, RFC 7616, RFC 8760: MD5 and SHA-256). */
import { createHash, randomBytes } from 'node:crypto';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The value of Authorization or Proxy-Authorization for a challenge. */
export function answerChallenge(
  challenge: string,
  method: string,
  uri: string,
  who: Credentials,
): string {
  const fields = new Map(
    [...challenge.matchAll(/([a-z-]+)=(?:"([^"]*)"|([^\s,]+))/gi)].map((match) => [
      (match[1] ?? '').toLowerCase(),
      match[2] ?? match[3] ?? '',
    ]),
  );
  const algorithm = fields.get('algorithm') ?? 'MD5';
  const name = algorithm.toUpperCase() === 'SHA-256' ? 'sha256' : 'md5';
  const hash = (text: string) => createHash(name).update(text).digest('hex');
  const realm = fields.get('realm') ?? '';
  const nonce = fields.get('nonce') ?? '';
  const cnonce = randomBytes(8).toString('hex');
  const ha1 = hash(`${who.username}:${realm}:${who.password}`);
  const ha2 = hash(`${method}:${uri}`);
  const hasQop = (fields.get('qop') ?? '').split(',').some((qop) => qop.trim() === 'auth');
  const response = hasQop
    ? hash(`${ha1}:${nonce}:00000001:${cnonce}:auth:${ha2}`)
    : hash(`${ha1}:${nonce}:${ha2}`);
  const parts = [
    `username="${who.username}"`,
    `realm="${realm}"`,
    `nonce="${nonce}"`,
    `uri="${uri}"`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
  ];
  if (hasQop) parts.push('qop=auth', 'nc=00000001', `cnonce="${cnonce}"`);
  const opaque = fields.get('opaque');
  if (opaque !== undefined) parts.push(`opaque="${opaque}"`);
  return `Digest ${parts.join(', ')}`;
}
