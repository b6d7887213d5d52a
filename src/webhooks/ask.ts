/**
 * One question to a veto: a signed POST whose answer is read, with a deadline and exactly one
 * outcome. Whatever is no clear answer (nobody there, another status, a body that says nothing) is
 * silence: what that means is the queue's to say.
 */
import type { Ruling } from '../core/types.ts';
import { failureOf, send, type Delivery } from './post.ts';

export interface Answer {
  readonly ruling: Ruling;
  /** Its reason, or what failed; printable, bounded. */
  readonly detail: string;
}

/** More is no answer. */
const BODY_MAX = 4_096;
const REASON_MAX = 200;

const silent = (detail: string): Answer => ({ ruling: 'silence', detail });

/** What was said, or null where it was too much. */
async function bodyOf(answer: Response): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const body: AsyncIterable<Uint8Array> | null = answer.body;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > BODY_MAX) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** `{"verdict":"allow"}` or `{"verdict":"refuse","reason":"…"}`. */
export function readAnswer(body: string): Answer {
  const unclear = silent('answered without a verdict; {"verdict":"allow"} or "refuse" is one');
  let read: unknown;
  try {
    read = JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return unclear;
    throw error;
  }
  if (typeof read !== 'object' || read === null) return unclear;
  const { verdict, reason } = read as { verdict?: unknown; reason?: unknown };
  if (verdict !== 'allow' && verdict !== 'refuse') return unclear;
  const words = typeof reason === 'string' ? reason.replace(/\p{Cc}/gu, ' ').trim() : '';
  return { ruling: verdict, detail: words.slice(0, REASON_MAX) };
}

/** Never rejects. */
export async function ask(delivery: Delivery): Promise<Answer> {
  try {
    const answer = await send(delivery);
    if (!answer.ok) {
      await answer.body?.cancel();
      return silent(`answered ${answer.status}`);
    }
    const body = await bodyOf(answer);
    return body === null ? silent(`answered more than ${BODY_MAX} bytes`) : readAnswer(body);
  } catch (error) {
    return silent(failureOf(error, delivery.timeoutMs));
  }
}
