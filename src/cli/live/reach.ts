/**
 * One request to the REST interface of a running ACD, with the token that the person at the
 * keyboard has. Where it goes comes from --url, else ACD_URL, else the configuration; the token
 * from --token-file, else ACD_TOKEN, else the file that ACD_TOKEN_FILE names. HTTPS is checked
 * against the system's authorities (and NODE_EXTRA_CA_CERTS); an ACD that was found by its
 * configuration must show the very certificate that stands there.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as plainRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { checkServerIdentity, rootCertificates } from 'node:tls';
import { readConfiguration } from '../configuration.ts';

export interface WrittenPlace {
  readonly config: string;
  readonly url?: string;
  readonly tokenFile?: string;
}

/** Where REST is, and what to show there. */
export interface Place {
  readonly base: string;
  /** Empty: none. */
  readonly token: string;
  /** PEM of the certificate it must show; null: any that the system trusts. */
  readonly cert: string | null;
}

export interface Asked {
  readonly method: string;
  readonly timeoutMs: number;
  /** Sent as JSON; absent: no body. */
  readonly body?: unknown;
}

export type Reached =
  | { readonly ok: true; readonly status: number; readonly text: string }
  | { readonly ok: false; readonly why: string };

/** What both options of every verb on a running ACD say. */
export const TOKEN_OPTION = [
  '--token-file <file>',
  'file with the token; default ACD_TOKEN, else the file ACD_TOKEN_FILE names',
] as const;

/** An answer is no longer than that. */
const MAX_ANSWER_BYTES = 50_000_000;

/** Null: it cannot be read, which was told. */
function tokenOf({ tokenFile }: WrittenPlace): string | null {
  const { ACD_TOKEN = '', ACD_TOKEN_FILE = '' } = process.env;
  if (tokenFile === undefined && ACD_TOKEN !== '') return ACD_TOKEN;
  const file = tokenFile ?? ACD_TOKEN_FILE;
  if (file === '') return '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    process.stderr.write(`the token file ${file} cannot be read (${code}); name another\n`);
    return null;
  }
}

const isHttp = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text);

/** Null: the place is no URL, the configuration has faults, or the token cannot be read; told. */
export function placeOf(written: WrittenPlace): Place | null {
  const token = tokenOf(written);
  if (token === null) return null;
  const named = written.url ?? process.env['ACD_URL'] ?? '';
  if (named !== '') {
    if (isHttp(named)) return { base: named.replace(/\/+$/, ''), token, cert: null };
    process.stderr.write(`"${named}" is no address of REST; write it as http://host:port\n`);
    return null;
  }
  const config = readConfiguration(written.config);
  if (config === null) return null;
  const { host, port, tls } = config.http;
  const isAny = host === '0.0.0.0' || host === '::';
  const shown = isAny ? '127.0.0.1' : host;
  const authority = `${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
  const scheme = tls === null ? 'http' : 'https';
  return { base: `${scheme}://${authority}`, token, cert: tls?.cert ?? null };
}

/** The certificate of the configuration is right, whatever name it bears. */
function trusting(cert: string): object {
  const wanted = new X509Certificate(cert).raw;
  return {
    ca: [...rootCertificates, cert],
    allowPartialTrustChain: true,
    checkServerIdentity: (host: string, shown: Parameters<typeof checkServerIdentity>[1]) =>
      shown.raw.equals(wanted) ? undefined : checkServerIdentity(host, shown),
  };
}

interface Sent {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: string;
  /** Ends it, the answer too. */
  readonly signal: AbortSignal;
}

/** Sends it; settles with the head of the answer, whose body can then be read. */
export async function open(
  { base, token, cert }: Place,
  path: string,
  { method, headers = {}, payload, signal }: Sent,
): Promise<IncomingMessage> {
  const url = new URL(path, base);
  const isTls = url.protocol === 'https:';
  const options: RequestOptions = {
    method,
    signal,
    headers: {
      connection: 'close',
      ...headers,
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(isTls && cert !== null ? trusting(cert) : {}),
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? tlsRequest : plainRequest)(url, options, resolve);
    request.on('error', reject);
    request.end(payload);
  });
}

/** What an answer says; null: nothing; undefined: no JSON, so somebody else answers there. */
export function jsonOf(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    // Whoever asked tells what was said by its status.
    return undefined;
  }
}

/** Sends it and reads the answer; one outcome, within the deadline. */
export async function reach(
  place: Place,
  path: string,
  { method, timeoutMs, body }: Asked,
): Promise<Reached> {
  const json = { 'content-type': 'application/json' };
  const sent = body === undefined ? {} : { headers: json, payload: JSON.stringify(body) };
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await open(place, path, { method, signal, ...sent });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of answer as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > MAX_ANSWER_BYTES) return { ok: false, why: 'the answer is too long' };
      parts.push(part);
    }
    return { ok: true, status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString() };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { ok: false, why: code === 'ABORT_ERR' ? 'no answer in time' : (code ?? message) };
  }
}
