/** What a peer may demand of us by Require, and what he hears who demands more. */
import { clean, splitList } from './headers.ts';
import type { IncomingRequest, Response } from './port.ts';

const SUPPORTED = new Set(['timer', '100rel']);

/** RFC 3261 §8.2.2.3: 420 with what we do not know; null: nothing is demanded that we lack. */
export function refuseExtensions(request: IncomingRequest): Response | null {
  const unknown = splitList(request.header('Require')).filter(
    (each) => !SUPPORTED.has(each.toLowerCase()),
  );
  if (unknown.length === 0) return null;
  return {
    status: 420,
    reason: 'Bad Extension',
    headers: { Unsupported: clean(unknown.join(', ')) },
  };
}
