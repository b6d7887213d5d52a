/**
 * What is asked of every INVITE before it is a caller or a login: extensions and bodies that we
 * understand.
 */
import type { AcdConfig } from '../config/types.ts';
import { clean, splitList } from './headers.ts';
import type { IncomingRequest, Response } from './port.ts';
import { carriesSdp, UNSUPPORTED_BODY } from './session.ts';

/** Extensions a peer may demand of us in Require (RFC 3261 §8.2.2.3). */
const SUPPORTED = new Set(['timer', '100rel']);

/** What to answer before anything is tried, or null. */
export function checkInvite(request: IncomingRequest): Response | null {
  const unsupported = splitList(request.header('Require')).filter(
    (each) => !SUPPORTED.has(each.toLowerCase()),
  );
  if (unsupported.length > 0)
    return {
      status: 420,
      reason: 'Bad Extension',
      headers: { Unsupported: clean(unsupported.join(', ')) },
    };
  const hasBody = request.body !== '' || request.header('Content-Type') !== '';
  return hasBody && !carriesSdp(request) ? UNSUPPORTED_BODY : null;
}

/** A whole number of a header; null: none, or nonsense, which costs nobody a call. */
function numberOf(request: IncomingRequest, name: string | null): number | null {
  if (name === null) return null;
  const text = request.header(name).trim();
  return /^-?\d{1,6}$/.test(text) ? Number(text) : null;
}

/** What the call brings along, by the headers that the configuration trusts. */
export function wishesOf(
  request: IncomingRequest,
  sip: AcdConfig['sip'],
): { readonly priority?: number; readonly position?: number } {
  const priority = numberOf(request, sip.priorityHeader);
  const position = numberOf(request, sip.positionHeader);
  return {
    ...(priority === null ? {} : { priority }),
    ...(position === null || position < 1 ? {} : { position }),
  };
}
