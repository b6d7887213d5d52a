/** One POST to a receiver: a deadline, one outcome, no redirects, nothing of the answer kept. */
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

/** Never rejects. */
export async function post({ url, headers, body, timeoutMs, signal }: Delivery) {
  const failed = (detail: string, afterMs: number | null = null): Delivered => ({
    ...{ kind: 'failed', detail, afterMs },
  });
  try {
    const answer = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'user-agent': 'acd', ...headers },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await answer.body?.cancel();
    if (answer.ok) return { kind: 'taken' } satisfies Delivered;
    if (answer.status === 410) return { kind: 'unwanted' } satisfies Delivered;
    return failed(`answered ${answer.status}`, restOf(answer));
  } catch (error) {
    const { name, message, cause } = error as Error & { cause?: { code?: string } };
    if (name === 'TimeoutError') return failed(`no answer within ${timeoutMs / 1000} s`);
    return failed(cause?.code ?? message);
  }
}
