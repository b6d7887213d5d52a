/** Asking the running ACD over REST (`reach.ts`), and telling what it said. */
import { EXIT } from '../exit.ts';
import { jsonOf, placeOf, reach, type Place, type WrittenPlace } from './reach.ts';

const ANSWER_MS = 10_000;

export interface Written extends WrittenPlace {
  readonly json: boolean;
}

export type Answer<T> =
  | { readonly ok: true; readonly body: T }
  | { readonly ok: false; readonly status: number; readonly text: string };

interface Told {
  readonly error?: { readonly message?: string };
  readonly detail?: string;
  readonly title?: string;
}

function refusal(status: number, body: unknown): Extract<Answer<never>, { ok: false }> {
  const told = (typeof body === 'object' ? (body ?? {}) : {}) as Told;
  const text = told.detail ?? told.error?.message ?? told.title ?? `the ACD answered ${status}`;
  return { ok: false, status: status === 404 ? EXIT.unknown : EXIT.refused, text };
}

/** One request. 503 of /health is an answer as any other. */
export async function ask<T>(
  place: Place,
  path: string,
  method: 'GET' | 'POST' | 'DELETE' = 'GET',
  body?: unknown,
): Promise<Answer<T>> {
  const { base } = place;
  const reached = await reach(place, path, { method, body, timeoutMs: ANSWER_MS });
  if (!reached.ok) {
    const text = `no ACD answers at ${base} (${reached.why}); is it running? --url says where`;
    return { ok: false, status: EXIT.away, text };
  }
  const { status } = reached;
  const found = jsonOf(reached.text);
  if (found === undefined) return { ok: false, status: EXIT.away, text: `${base} is no ACD` };
  if (path === '/health' && found !== null && !Object.hasOwn(found, 'version')) {
    const text = `${base} tells more only to whoever has a token; --token-file, or ACD_TOKEN`;
    return { ok: false, status: EXIT.refused, text };
  }
  const isTold = (status >= 200 && status < 300) || (path === '/health' && status === 503);
  return isTold ? { ok: true, body: found as T } : refusal(status, found);
}

/** Prints what was answered, as JSON or by `show`; gives the exit status. */
export async function tell<T>(
  written: Written,
  request: (place: Place) => Promise<Answer<T>>,
  show: (body: T, place: Place) => string | Promise<string>,
): Promise<number> {
  const place = placeOf(written);
  if (place === null) return EXIT.wrong;
  const answer = await request(place);
  if (!answer.ok) {
    process.stderr.write(`${answer.text}\n`);
    return answer.status;
  }
  const { body } = answer;
  const text = written.json ? JSON.stringify(body, null, 2) : await show(body, place);
  if (text !== '') process.stdout.write(`${text}\n`);
  return EXIT.ok;
}
