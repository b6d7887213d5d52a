/** What the two legs of an outbound call are called: functions of its id, for who takes it over. */
import { sipCallIdOf } from '../core/outbound-call.ts';
import type { CallId } from '../core/types.ts';
import type { DialogIdentity } from './client.ts';

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
