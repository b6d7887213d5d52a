/**
 * The conditions of `joinempty` and `leavewhenempty` that a member is in (`emptiness.ts`), as bits.
 * A queue can become empty only when such a bit is set, or when one more member logs in and
 * penalties count again (`penaltymemberslimit`). Only then are all who wait there looked at;
 * whatever else changes sends nobody away.
 */
import type { Agent } from './state.ts';
import type { EmptyCondition } from './types.ts';

/** Logged out, or about to be: no condition is needed. */
export const GONE = 1;

/** `penalty` and `invalid` are of the configuration and of calls. */
const BITS: Readonly<Record<EmptyCondition, number>> = {
  paused: 2,
  inuse: 4,
  ringing: 8,
  unavailable: 16,
  unknown: 32,
  wrapup: 64,
  penalty: 0,
  invalid: 0,
};

export function absenceMask(conditions: readonly EmptyCondition[]): number {
  return conditions.reduce((mask, condition) => mask | BITS[condition], GONE);
}

/** All that is so of him now, but for what is of single queues. */
export function absenceBits(agent: Agent): number {
  const { deviceState } = agent;
  let bits = agent.device === null || agent.leaving !== null ? GONE : 0;
  if (agent.paused !== null) bits |= BITS.paused;
  if (agent.callId !== null || deviceState === 'inuse') bits |= BITS.inuse;
  if (agent.offerId !== null || deviceState === 'ringing') bits |= BITS.ringing;
  if (deviceState === 'unavailable') bits |= BITS.unavailable;
  if (deviceState === 'unknown') bits |= BITS.unknown;
  if (agent.wrapup !== null) bits |= BITS.wrapup;
  return bits;
}
