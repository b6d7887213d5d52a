/**
 * What new calls and logins are told while the ACD drains: the way to another ACD, if one is
 * configured, else to come back later. Pure.
 */
import { escapeUser, parseUri } from './headers.ts';
import type { IncomingRequest, Response } from './port.ts';

/** Seconds: an ACD started again is back sooner, one that drains for long is asked again. */
const RETRY_AFTER_S = 10;

/**
 * The final answer. RFC 3261 §21.3.3: 302 names the same user at the other place, for this call
 * only (no Expires: §8.1.3.4); §21.5.4: 503 with Retry-After.
 * @param redirect `sip:host[:port][;transport=…]`, or null
 */
export function turnAway(request: IncomingRequest, redirect: string | null): Response {
  const user = parseUri(request.uri)?.user ?? '';
  if (redirect === null || user === '') {
    const headers = { 'Retry-After': String(RETRY_AFTER_S) };
    return { status: 503, reason: 'Shutting Down', headers };
  }
  const place = redirect.replace(/^sip:/i, '');
  const headers = { Contact: `<sip:${escapeUser(user)}@${place}>` };
  return { status: 302, reason: 'Moved Temporarily', headers };
}
