/** One POST to a receiver: a deadline, one outcome, no redirects. */
export interface Delivery {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  /** Ends it before its time: we stop. */
  readonly signal: AbortSignal;
}

export type Delivered =
  | { readonly kind: 'taken' }
  /** 410: the receiver wants nothing any more. */
  | { readonly kind: 'unwanted' }
  /** `afterMs`: it asked to be left alone for so long (Retry-After); null: it did not. */
  | { readonly kind: 'failed'; readonly detail: string; readonly afterMs: number | null };

/** Retry-After in seconds (RFC 9110 §10.2.3); dates are not read. */
function restOf(answer: Response): number | null {
  const written = answer.headers.get('retry-after') ?? '';
  return /^\d{1,6}$/.test(written) ? Number(written) * 1000 : null;
}

/** Its answer, whose body is still to be read or cancelled; rejects where there is none in time. */
export function send({ url, headers, body, timeoutMs, signal }: Delivery): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/json', 'user-agent': 'acd', ...headers },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
}

/** In words, why `send` rejected. */
export function failureOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string } };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  return cause?.code ?? message;
}

/** Nothing of the answer's body is kept. Never rejects. */
export async function post(delivery: Delivery): Promise<Delivered> {
  try {
    const answer = await send(delivery);
    await answer.body?.cancel();
    if (answer.ok) return { kind: 'taken' };
    if (answer.status === 410) return { kind: 'unwanted' };
    return { kind: 'failed', detail: `answered ${answer.status}`, afterMs: restOf(answer) };
  } catch (error) {
    return { kind: 'failed', detail: failureOf(error, delivery.timeoutMs), afterMs: null };
  }
}
