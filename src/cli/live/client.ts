/** Asking the running ACD over REST (`reach.ts`), and telling what it said. */
import { EXIT, fault } from '../exit.ts';
import { jsonOf, placeOf, reach, type Place, type WrittenPlace } from './reach.ts';

/** A change of the configuration is checked as a whole before it is answered. */
const ANSWER_MS = 15_000;

export interface Written extends WrittenPlace {
  readonly json: boolean;
}

export type Answer<T> =
  | { readonly ok: true; readonly body: T }
  | { readonly ok: false; readonly status: number; readonly text: string };

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

const noAcd = ({ base }: Place): Answer<never> => {
  return { ok: false, status: EXIT.away, text: `${base} is no ACD` };
};

/** What is wrong, by the problem (RFC 9457) that the ACD answered with. */
function refusal(place: Place, status: number, text: string): Answer<never> {
  const body = jsonOf(text);
  if (body === undefined) return noAcd(place);
  const problem = (body ?? {}) as { readonly detail?: string; readonly title?: string };
  return {
    ok: false,
    status: status === 404 ? EXIT.unknown : EXIT.refused,
    text: problem.detail ?? problem.title ?? `the ACD answered ${status}`,
  };
}

/** One request, and its answer as it came. 503 of /health is an answer like any other. */
export async function askText(
  place: Place,
  path: string,
  method: Method = 'GET',
  body?: unknown,
): Promise<Answer<string>> {
  const reached = await reach(place, path, { method, body, timeoutMs: ANSWER_MS });
  if (!reached.ok) {
    const what = `no ACD answers at ${place.base} (${reached.why})`;
    return { ok: false, status: EXIT.away, text: `${what}; is it running? --url says where` };
  }
  const { status, text } = reached;
  const isTold = (status >= 200 && status < 300) || (path === '/health' && status === 503);
  return isTold ? { ok: true, body: text } : refusal(place, status, text);
}

/** One request, and its answer read as JSON. */
export async function ask<T>(
  place: Place,
  path: string,
  method: Method = 'GET',
  body?: unknown,
): Promise<Answer<T>> {
  const answer = await askText(place, path, method, body);
  if (!answer.ok) return answer;
  const found = jsonOf(answer.body);
  if (found === undefined) return noAcd(place);
  if (path === '/health' && found !== null && !Object.hasOwn(found, 'version')) {
    const text = `${place.base} shows the rest only to a token; give --token-file or ACD_TOKEN`;
    return { ok: false, status: EXIT.refused, text };
  }
  return { ok: true, body: found as T };
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
  if (!answer.ok) return fault(answer.text, answer.status);
  const { body } = answer;
  const text = written.json ? JSON.stringify(body, null, 2) : await show(body, place);
  if (text !== '') process.stdout.write(`${text}\n`);
  return EXIT.ok;
}
