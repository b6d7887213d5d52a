/**
 * Asking callers for a password: digest authentication on the server's side (RFC 3261 §22,
 * RFC 7616, RFC 8760). A nonce says when and for which address it was made, signed with a key that
 * dies with the process: nothing is kept of those who are asked, and who fails with a nonce of his
 * own address has proved that he receives what we send there, so that nobody can fail in another's
 * name. Each nonce counts up (`nc`): what was overheard is not good a second time.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { SIP_REALM } from '../config/sip-users.ts';
import type { SipUserConfig } from '../config/types.ts';
import { putNewest } from '../shared/newest.ts';
import { readDigests } from './digest.ts';

/** A nonce is good for so long; then it is asked for another, without a fault. */
const NONCE_MS = 300_000;
/** Nonces whose count is remembered; those made before a forgotten one are stale. */
const NONCES_MAX = 10_000;

type Algorithm = 'SHA-256' | 'MD5';
/** In order of preference (RFC 8760 §2.4). */
const ALGORITHMS: readonly Algorithm[] = ['SHA-256', 'MD5'];

function hash(algorithm: Algorithm, text: string): string {
  const name = algorithm === 'MD5' ? 'md5' : 'sha256';
  return createHash(name).update(text, 'utf8').digest('hex');
}

function isSame(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface Asked {
  readonly method: string;
  readonly uri: string;
  /** Value of Authorization, or ''. */
  readonly authorization: string;
  /** IP address it came from. */
  readonly address: string;
}

/** `none`: nothing that is for us. `stale`: right, but with a nonce whose time is over. */
export type Verdict =
  { readonly kind: 'right'; readonly user: string } | { readonly kind: 'none' | 'stale' | 'wrong' };

const userOf = (uri: string): string => /^sips?:([^@;]*)@/i.exec(uri)?.[1] ?? '';

export class Challenges {
  private readonly users: ReadonlyMap<string, SipUserConfig>;
  private readonly now: () => number;
  private readonly key = randomBytes(32);
  /** Highest count of each nonce that was used. */
  private readonly counts = new Map<string, number>();
  private readonly most: number;
  private staleBefore = -Infinity;

  /** `now`: ms, never going back. `most`: nonces whose count is remembered. */
  constructor(users: readonly SipUserConfig[], now: () => number, most = NONCES_MAX) {
    this.most = most;
    this.users = new Map(users.map((user) => [user.name, user]));
    this.now = now;
  }

  /** Values of WWW-Authenticate, each for a header line of its own (RFC 3261 §7.3.1). */
  ask(address: string, isStale: boolean): readonly string[] {
    const nonce = this.nonceFor(address);
    const stale = isStale ? ', stale=true' : '';
    return ALGORITHMS.map(
      (algorithm) =>
        `Digest realm="${SIP_REALM}", nonce="${nonce}", algorithm=${algorithm}, ` +
        `qop="auth"${stale}`,
    );
  }

  verify(asked: Asked): Verdict {
    const mine = readDigests(asked.authorization).find((one) => one.get('realm') === SIP_REALM);
    if (mine === undefined) return { kind: 'none' };
    const get = (name: string): string => mine.get(name) ?? '';
    const madeAt = this.madeAt(get('nonce'), asked.address);
    const algorithm = ALGORITHMS.find((one) => one === (get('algorithm') || 'MD5').toUpperCase());
    const count = /^[0-9a-f]{8}$/i.test(get('nc')) ? parseInt(get('nc'), 16) : 0;
    const isOurs = madeAt !== null && algorithm !== undefined && get('qop') === 'auth';
    // Of another process, address or kind: he is asked again, and nothing is held against him.
    if (!isOurs || count === 0) return { kind: 'none' };
    const user = this.users.get(get('username'));
    const known = algorithm === 'MD5' ? user?.md5 : user?.sha256;
    const ha2 = hash(algorithm, `${asked.method}:${get('uri')}`);
    // Who is not there is computed like anybody else, so that time tells nothing.
    const ha1 = known ?? hash(algorithm, get('nonce'));
    const parts = [ha1, get('nonce'), get('nc'), get('cnonce'), 'auth', ha2];
    const isRight = isSame(get('response').toLowerCase(), hash(algorithm, parts.join(':')));
    const isForThis = userOf(get('uri')) === userOf(asked.uri);
    if (user === undefined || known === undefined || !isRight || !isForThis)
      return { kind: 'wrong' };
    const isOld = this.now() - madeAt > NONCE_MS || madeAt < this.staleBefore;
    if (isOld || !this.isNext(get('nonce'), count)) return { kind: 'stale' };
    return { kind: 'right', user: user.name };
  }

  private nonceFor(address: string): string {
    const body = `${Math.floor(this.now()).toString(36)}.${randomBytes(8).toString('hex')}`;
    return `${body}.${this.sign(body, address)}`;
  }

  private sign(body: string, address: string): string {
    const text = `${body} ${address}`;
    return createHmac('sha256', this.key).update(text).digest('hex').slice(0, 32);
  }

  /** null: it is none of ours, or was made for another address. */
  private madeAt(nonce: string, address: string): number | null {
    const [at = '', salt = '', sign = ''] = nonce.split('.');
    return isSame(sign, this.sign(`${at}.${salt}`, address)) ? parseInt(at, 36) : null;
  }

  private isNext(nonce: string, count: number): boolean {
    if (count <= (this.counts.get(nonce) ?? 0)) return false;
    const gone = putNewest(this.counts, nonce, count, this.most);
    if (gone !== undefined) {
      const madeAt = parseInt(gone.split('.')[0] ?? '', 36);
      this.staleBefore = Math.max(this.staleBefore, madeAt + 1);
    }
    return true;
  }
}
