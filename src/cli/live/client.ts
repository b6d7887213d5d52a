/**
 * Asking the running ACD over REST: every request has a deadline and one outcome. Where it is
 * comes from --url, else ACD_URL, else the configuration; ACD_TOKEN is sent as a bearer token.
 */
import { restOf } from '../configuration.ts';
import { EXIT } from '../exit.ts';

const ANSWER_MS = 10_000;

export interface Written {
  readonly config: string;
  readonly url?: string;
  readonly json: boolean;
}

export type Answer<T> =
  | { readonly ok: true; readonly body: T }
  | { readonly ok: false; readonly status: number; readonly text: string };

/** Where REST is; null: the configuration has faults, which were told. */
export function baseOf({ url, config }: Written): string | null {
  const named = url ?? process.env['ACD_URL'];
  return named !== undefined && named !== '' ? named : restOf(config);
}

interface Told {
  readonly error?: { readonly message?: string };
  readonly detail?: string;
  readonly title?: string;
}

function read(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    // Somebody else answers there; who asked tells what was said by its status.
    return undefined;
  }
}

function refusal(status: number, body: unknown): Extract<Answer<never>, { ok: false }> {
  const told = (typeof body === 'object' ? (body ?? {}) : {}) as Told;
  const text = told.detail ?? told.error?.message ?? told.title ?? `the ACD answered ${status}`;
  return { ok: false, status: status === 404 ? EXIT.unknown : EXIT.refused, text };
}

/** What every request says of who asks. */
export function headersFor(): Record<string, string> {
  const token = process.env['ACD_TOKEN'];
  return token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
}

/** One request. 503 of /health is an answer as any other. */
export async function ask<T>(
  base: string,
  path: string,
  method: 'GET' | 'POST' | 'DELETE' = 'GET',
  body?: unknown,
): Promise<Answer<T>> {
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...headersFor(),
  };
  try {
    const answer = await fetch(new URL(path, base), {
      method,
      headers,
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const found = read(await answer.text());
    if (found === undefined) return { ok: false, status: EXIT.away, text: `${base} is no ACD` };
    const isTold = answer.ok || (path === '/health' && answer.status === 503);
    return isTold ? { ok: true, body: found as T } : refusal(answer.status, found);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
    const why = cause?.code ?? cause?.message ?? message;
    const text = `no ACD answers at ${base} (${why}); is it running? --url says where`;
    return { ok: false, status: EXIT.away, text };
  }
}

/** Prints what was answered, as JSON or by `show`; gives the exit status. */
export async function tell<T>(
  written: Written,
  request: (base: string) => Promise<Answer<T>>,
  show: (body: T, base: string) => string | Promise<string>,
): Promise<number> {
  const base = baseOf(written);
  if (base === null) return EXIT.wrong;
  const answer = await request(base);
  if (!answer.ok) {
    process.stderr.write(`${answer.text}\n`);
    return answer.status;
  }
  const { body } = answer;
  const text = written.json ? JSON.stringify(body, null, 2) : await show(body, base);
  if (text !== '') process.stdout.write(`${text}\n`);
  return EXIT.ok;
}
