/**
 * Signatures as the Standard Webhooks specification has them (version 1), so that receivers can
 * check them with the libraries there are: HMAC-SHA256 over `id.timestamp.body`, in base64.
 */
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/** Bytes of a secret: base64 behind `whsec_`, else the text itself. */
export function keyOf(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');
}

/**
 * Headers of one delivery.
 * @param id the same for every attempt of it: receivers know by it what they had already
 * @param atS seconds since the epoch, of this attempt
 */
export function signed(
  secret: string,
  id: string,
  atS: number,
  body: string,
): Readonly<Record<string, string>> {
  const mac = createHmac('sha256', keyOf(secret)).update(`${id}.${atS}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(atS),
    'webhook-signature': `v1,${mac}`,
  };
}
