/**
 * What the two legs of an outbound call are called: functions of its id, for who takes it over; and
 * what each of them is told of the other.
 */
import { sipCallIdOf, type Outbound } from '../core/outbound-call.ts';
import type { CallId } from '../core/types.ts';
import type { DialogIdentity } from './client.ts';
import { clean, nameAddr, parseUri } from './headers.ts';
import type { Headers } from './port.ts';
import type { Route } from './routes.ts';

/** Whose leg: the agent's, or that of whom he has dialled. */
export type Side = 'agent' | 'callee';

const SUFFIXES = { agent: 'a', callee: 'c' } as const;

/** Leg of audio. */
export function legOf(id: CallId, side: Side): string {
  return `${id}.${SUFFIXES[side]}`;
}

export function outboundIdentity(id: CallId, side: Side): DialogIdentity {
  const callId = side === 'agent' ? sipCallIdOf(id) : `dialled-${id}`;
  return { callId, fromTag: legOf(id, side) };
}

/** The number as a person reads it. */
function numberOf({ uri }: Outbound): string {
  return clean(parseUri(uri)?.user ?? uri);
}

/**
 * To the agent's phone: the account stays in From, because PBXs authenticate it; the number is in
 * its display name and in P-Asserted-Identity (RFC 3325), which trusted PBXs show instead.
 */
export function invitation(outbound: Outbound, { uri, account }: Route): Headers {
  const number = numberOf(outbound);
  const { fromTag } = outboundIdentity(outbound.id, 'agent');
  const from = account ?? 'sip:acd@localhost';
  return {
    From: `${nameAddr(number, from)};tag=${fromTag}`,
    To: nameAddr('', uri),
    'P-Asserted-Identity': nameAddr(number, outbound.uri),
    'X-Call-Id': outbound.id,
  };
}

/** To the number: called by the account, for the agent's phone. */
export function dialling({ id, device }: Outbound, { uri, account }: Route, name: string): Headers {
  const { fromTag } = outboundIdentity(id, 'callee');
  return {
    From: `${nameAddr('', account ?? device.uri)};tag=${fromTag}`,
    To: nameAddr('', uri),
    'P-Asserted-Identity': nameAddr(clean(name), device.uri),
  };
}
