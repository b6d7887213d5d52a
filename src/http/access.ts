/**
 * Who may use REST: bearer tokens (RFC 6750), compared as hashes in constant time; without any
 * configured, whoever reaches it, which is this machine alone. Wrong tokens from one address are
 * counted, and after some it is made to wait.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ROLES, type Role } from '../config/http-fields.ts';
import type { HttpConfig, TokenConfig } from '../config/types.ts';
import { sourceOf } from '../shared/networks.ts';
import { Rates } from '../shared/rate.ts';
import type { Actor } from './actor.ts';
import { problem, type Problem } from './errors.ts';

/** What a route asks for; `anyone`: not even a token. */
export type NeededRole = Role | 'anyone';

/** Of what REST's section says, what may change while it runs. */
export type AccessConfig = Pick<HttpConfig, 'tokens' | 'rateLimit'>;

const MAX_KEYS = 10_000;
/** Wrong tokens of one address: so many at once, then one in six seconds. */
const WRONG = { perSecond: 1 / 6, burst: 10, max: MAX_KEYS };

export interface Refused {
  readonly problem: Problem;
  /** For WWW-Authenticate; '': none. */
  readonly challenge: string;
  /** For Retry-After; 0: none. */
  readonly retrySeconds: number;
}

export type Admitted = { readonly actor: Actor } | { readonly refused: Refused };

function refused(given: Problem, challenge = '', retrySeconds = 0): Admitted {
  return { refused: { problem: given, challenge, retrySeconds } };
}

/** Has `role` what `needed` stands for? */
export function hasRole(role: Role, needed: NeededRole): boolean {
  return needed === 'anyone' || ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

const tooMany = (seconds: number): Admitted =>
  refused(
    problem('too-many-requests', `too many requests; ask again in ${seconds} s`),
    '',
    seconds,
  );

interface Known {
  readonly token: TokenConfig;
  readonly digest: Buffer;
}

export class Access {
  readonly #wrong: Rates;
  readonly #rates: Rates;
  readonly #now: () => number;
  #known: readonly Known[] = [];

  /** `now`: ms since the epoch, for expiry; `steady`: ms that never go back. */
  constructor(config: AccessConfig, now: () => number, steady: () => number = now) {
    this.#now = now;
    this.#wrong = new Rates(steady, WRONG);
    this.#rates = new Rates(steady, { perSecond: 0, burst: 0, max: MAX_KEYS });
    this.use(config);
  }

  /** There are no tokens: everybody is welcome. */
  get isOpen(): boolean {
    return this.#known.length === 0;
  }

  /** Takes other tokens from now on. */
  use({ tokens, rateLimit }: AccessConfig): void {
    this.#known = tokens.map((token) => ({
      token,
      digest: Buffer.from(token.hash.replace(/^sha256:/, ''), 'hex'),
    }));
    this.#rates.set({ perSecond: rateLimit, burst: rateLimit * 2, max: MAX_KEYS });
  }

  /** May he still do what he was let in for? Not where his token is gone, other, or over. */
  isGood(who: Actor | null): boolean {
    const token = who?.token;
    if (token === undefined) return this.isOpen;
    if ((token.expiresAt ?? Infinity) <= this.#now()) return false;
    const known = this.#known.find((one) => one.token.hash === token.hash);
    return known !== undefined && JSON.stringify(known.token) === JSON.stringify(token);
  }

  /** Whoever shows this Authorization header, from this address; may he do what asks for `role`? */
  admit(authorization: string, address: string, role: NeededRole): Admitted {
    if (this.isOpen) {
      return { actor: { name: '', role: 'admin', queues: [], agent: null, address } };
    }
    const place = sourceOf(address);
    const stranger: Actor = { name: '', role: 'metrics', queues: [], agent: null, address };
    if (authorization === '') {
      const wait = this.#rates.take(`at ${place}`);
      if (wait > 0) return tooMany(wait);
      if (role === 'anyone') return { actor: stranger };
      const detail = `show a token of role ${role} or above, as "Authorization: Bearer …"`;
      return refused(problem('no-token', detail), 'Bearer realm="acd"');
    }
    const token = this.#find(authorization);
    if (token === null || (token.expiresAt ?? Infinity) <= this.#now()) {
      // Whoever has a right one at the same address (a proxy's) does not wait for those.
      const waits = this.#wrong.take(place);
      if (waits > 0) return tooMany(waits);
      const why = token === null ? 'is not known' : 'has expired';
      const detail = `the token ${why}; \`acd token\` makes one, http.tokens in acd.yaml has them`;
      return refused(problem('bad-token', detail), 'Bearer realm="acd", error="invalid_token"');
    }
    const wait = this.#rates.take(`of ${token.name}`);
    if (wait > 0) return tooMany(wait);
    if (!hasRole(token.role, role)) {
      const detail = `this needs role ${role}; the token "${token.name}" has ${token.role}`;
      const scope = 'Bearer realm="acd", error="insufficient_scope"';
      return refused(problem('role-missing', detail), scope);
    }
    const { name, queues, agent } = token;
    return { actor: { name, role: token.role, queues, agent, address, token } };
  }

  /** Looks at all of them, so that time tells nothing. */
  #find(authorization: string): TokenConfig | null {
    const [, given = ''] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? [];
    const digest = createHash('sha256').update(given).digest();
    let found: TokenConfig | null = null;
    for (const known of this.#known) {
      if (timingSafeEqual(known.digest, digest)) found = known.token;
    }
    return found;
  }
}
