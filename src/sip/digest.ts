/**
 * Digest authentication of a client (RFC 2617, RFC 7616, RFC 8760 for SIP): reads challenges,
 * chooses the strongest it can answer, and computes the answer. Pure but for the cnonce, which is
 * handed in. MD5, SHA-256 and their -sess forms; `qop=auth` or none; `auth-int` alone is refused.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface Credentials {
  /** Name of the registrar whose account it is. */
  readonly registrar: string;
  readonly username: string;
  readonly password: string;
}

export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | null;
  readonly algorithm: string;
  /** Offered qualities of protection; empty: RFC 2069 style. */
  readonly qop: readonly string[];
  readonly stale: boolean;
}

/** Strongest last. */
const ALGORITHMS: ReadonlyMap<string, { readonly hash: string; readonly sess: boolean }> = new Map([
  ['MD5', { hash: 'md5', sess: false }],
  ['MD5-SESS', { hash: 'md5', sess: true }],
  ['SHA-256', { hash: 'sha256', sess: false }],
  ['SHA-256-SESS', { hash: 'sha256', sess: true }],
]);
const RANK = [...ALGORITHMS.keys()];

function readParams(text: string): Map<string, string> {
  const params = new Map<string, string>();
  const pattern = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g;
  for (const match of text.matchAll(pattern)) {
    const name = (match[1] ?? '').toLowerCase();
    const value = match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '';
    if (!params.has(name)) params.set(name, value);
  }
  return params;
}

/** The parameters of each Digest in a (comma-joined) header; other schemes are left out. */
export function readDigests(header: string): ReadonlyMap<string, string>[] {
  // A scheme is a word followed by blank and name=; several challenges may share one header.
  const starts = [...header.matchAll(/(?:^|,)\s*([A-Za-z][\w-]*)\s+(?=[\w-]+\s*=)/g)];
  return starts.flatMap((start, index) => {
    if ((start[1] ?? '').toLowerCase() !== 'digest') return [];
    const from = start.index + start[0].length;
    return [readParams(header.slice(from, starts[index + 1]?.index ?? header.length))];
  });
}

/** Reads one or several challenges of WWW- or Proxy-Authenticate. */
export function parseChallenges(header: string): Challenge[] {
  return readDigests(header).flatMap((params) => {
    const nonce = params.get('nonce');
    if (nonce === undefined) return [];
    return [
      {
        realm: params.get('realm') ?? '',
        nonce,
        opaque: params.get('opaque') ?? null,
        algorithm: params.get('algorithm') ?? 'MD5',
        qop: (params.get('qop') ?? '')
          .toLowerCase()
          .split(/[\s,]+/)
          .filter(Boolean),
        stale: params.get('stale')?.toLowerCase() === 'true',
      },
    ];
  });
}

/** The strongest challenge that can be answered, or null. */
export function chooseChallenge(challenges: readonly Challenge[]): Challenge | null {
  const usable = challenges.filter(
    (each) =>
      ALGORITHMS.has(each.algorithm.toUpperCase()) &&
      (each.qop.length === 0 || each.qop.includes('auth')),
  );
  const rank = (each: Challenge): number => RANK.indexOf(each.algorithm.toUpperCase());
  return usable.reduce<Challenge | null>(
    (best, each) => (best === null || rank(each) > rank(best) ? each : best),
    null,
  );
}

export interface AnswerOptions {
  readonly challenge: Challenge;
  readonly credentials: Pick<Credentials, 'username' | 'password'>;
  readonly method: string;
  readonly uri: string;
  /** How often this nonce has been used, this time included: 1, 2 … */
  readonly count: number;
  readonly cnonce?: string;
}

const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** The value of Authorization or Proxy-Authorization. */
export function answerChallenge(options: AnswerOptions): string {
  const { challenge, credentials, method, uri } = options;
  const kind = ALGORITHMS.get(challenge.algorithm.toUpperCase());
  if (kind === undefined) throw new Error(`cannot answer ${challenge.algorithm}`);
  const hash = (text: string): string => createHash(kind.hash).update(text, 'utf8').digest('hex');
  const cnonce = options.cnonce ?? randomBytes(12).toString('hex');
  const nc = options.count.toString(16).padStart(8, '0');
  const plain = hash(`${credentials.username}:${challenge.realm}:${credentials.password}`);
  const ha1 = kind.sess ? hash(`${plain}:${challenge.nonce}:${cnonce}`) : plain;
  const ha2 = hash(`${method}:${uri}`);
  const withQop = challenge.qop.length > 0;
  const response = withQop
    ? hash([ha1, challenge.nonce, nc, cnonce, 'auth', ha2].join(':'))
    : hash([ha1, challenge.nonce, ha2].join(':'));
  const parts = [
    `username=${quote(credentials.username)}`,
    `realm=${quote(challenge.realm)}`,
    `nonce=${quote(challenge.nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`,
    `algorithm=${challenge.algorithm}`,
  ];
  if (withQop) parts.push('qop=auth', `nc=${nc}`);
  // RFC 2617 §3.2.2: cnonce only with qop; the -sess forms need it in any case.
  if (withQop || kind.sess) parts.push(`cnonce="${cnonce}"`);
  if (challenge.opaque !== null) parts.push(`opaque=${quote(challenge.opaque)}`);
  return `Digest ${parts.join(', ')}`;
}
