/**
 * What the section `http` means: tokens as hashes, certificate and key read from their files, and
 * what only shows when those are read. Secrets are in no fault: those name files and options.
 */
import { createHash, X509Certificate } from 'node:crypto';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import type { ConfigFile } from './schema.ts';
import { readSmall } from './small-file.ts';
import type { HttpConfig, TlsConfig, TokenConfig } from './types.ts';

type HttpFile = ConfigFile['http'];
type TokenFile = HttpFile['tokens'][number];
export interface Told {
  readonly path: (string | number)[];
  readonly message: string;
}

const LEAST_TOKEN = 20;
/** A secret or certificate is shorter than that. */
const MAX_FILE_BYTES = 1_000_000;

/** `sha256:` and hex, as acd.yaml has it. */
export function hashOf(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`;
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Null: it cannot be read, which is told. */
export function readSecret(
  file: string,
  folder: string,
  at: Told['path'],
  faults: Told[],
): string | null {
  const read = readSmall(path.resolve(folder, file), MAX_FILE_BYTES);
  if ('text' in read) return read.text;
  const message =
    read.code === null
      ? `${file} is too large to be that; name another file`
      : `${file} cannot be read (${read.code}); name a file that the ACD may read`;
  faults.push({ path: at, message });
  return null;
}

/** The hash to compare with; null: a fault was told. */
function tokenHash(
  entry: TokenFile,
  at: Told['path'],
  folder: string,
  faults: Told[],
): string | null {
  const given = [entry.hash, entry.token, entry.file].filter((one) => one !== undefined);
  if (given.length !== 1) {
    faults.push({ path: at, message: 'must have one of hash, token and file; keep one of them' });
    return null;
  }
  if (entry.hash !== undefined) return entry.hash;
  const key = entry.file === undefined ? 'token' : 'file';
  const text =
    entry.file === undefined
      ? (entry.token ?? '')
      : readSecret(entry.file, folder, [...at, 'file'], faults)?.trim();
  if (text === undefined) return null;
  if (text.length >= LEAST_TOKEN && /^[\x21-\x7e]+$/.test(text)) return hashOf(text);
  const message =
    `the token must have ${LEAST_TOKEN} printable characters or more, no blank; ` +
    '`acd token NAME` makes one';
  faults.push({ path: [...at, key], message });
  return null;
}

function tokenFaults({ role, agent, queues }: TokenFile, at: Told['path']): Told[] {
  const told: Told[] = [];
  if ((role === 'agent') !== (agent !== undefined)) {
    const message =
      role === 'agent'
        ? 'names no agent; add `agent:` with the id of the one it may steer'
        : `a token of role ${role} is no agent’s; remove the line, or write role: agent`;
    told.push({ path: role === 'agent' ? at : [...at, 'agent'], message });
  }
  if ((role === 'admin' || role === 'metrics') && queues.length > 0) {
    const message = `role ${role} is not of some queues alone; remove the line`;
    told.push({ path: [...at, 'queues'], message });
  }
  return told;
}

function tokensOf(http: HttpFile, folder: string, faults: Told[]): TokenConfig[] {
  const seen = new Map<string, string>();
  return http.tokens.flatMap((entry, index): TokenConfig[] => {
    const at = ['http', 'tokens', index];
    faults.push(...tokenFaults(entry, at));
    const hash = tokenHash(entry, at, folder, faults);
    if (hash === null) return [];
    const other = seen.get(hash);
    if (other !== undefined) {
      const message = `is the same token as "${other}"; make one of its own by \`acd token\``;
      faults.push({ path: at, message });
    }
    seen.set(hash, entry.name);
    const { name, role, queues, agent = null, expires: expiresAt = null } = entry;
    return [{ name, role, queues, agent, expiresAt, hash }];
  });
}

function tlsOf(http: HttpFile, folder: string, faults: Told[]): TlsConfig | null {
  if (http.tls === undefined) return null;
  const cert = readSecret(http.tls.cert, folder, ['http', 'tls', 'cert'], faults);
  const key = readSecret(http.tls.key, folder, ['http', 'tls', 'key'], faults);
  if (cert === null || key === null) return null;
  try {
    createSecureContext({ cert, key });
    const { validTo } = new X509Certificate(cert);
    return { cert, key, validTo: Date.parse(validTo) };
  } catch (error) {
    const { code = 'not PEM' } = error as NodeJS.ErrnoException;
    const message =
      `certificate and key cannot be used together (${code}); ` +
      'name a PEM certificate and its own key';
    faults.push({ path: ['http', 'tls'], message });
    return null;
  }
}

/** What REST needs, and every fault. `kept`: what was read before, in place of the files. */
export function httpConfig(
  http: HttpFile,
  folder: string,
  kept: HttpConfig | null,
): { readonly config: HttpConfig; readonly faults: readonly Told[] } {
  const faults: Told[] = [];
  const tokens = kept?.tokens ?? tokensOf(http, folder, faults);
  const tls = kept === null ? tlsOf(http, folder, faults) : kept.tls;
  if (http.tokens.length === 0 && !isLoopbackHost(http.listen.host)) {
    const message =
      `${http.listen.host} is beyond this machine, and without a token everybody there could ` +
      'steer the ACD; make one by `acd token NAME` and put it under http.tokens, or listen on ' +
      '127.0.0.1';
    faults.push({ path: ['http', 'listen'], message });
  }
  const rateLimit = kept?.rateLimit ?? http['rate-limit'];
  return { config: { ...http.listen, tokens, tls, rateLimit }, faults };
}
