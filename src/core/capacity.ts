/**
 * The places of `limits.calls`: who has one, and who yields his to a newcomer when all are taken.
 * A 2xx that is never acknowledged is given up only after 64*T1 (RFC 3261 §13.3.1.4), so a flood of
 * such calls would take all places for 32 seconds, while a real caller acknowledges within a round
 * trip.
 */
import type { Call, State } from './state.ts';

/** A caller who came so long ago and has not acknowledged our answer yields to one who comes. */
const UNACKNOWLEDGED_MS = 4_000;

/** Who was sent elsewhere has a leg here until he is there, or as long as we bridge him. */
export function present({ calls, transfers, outbound }: State): number {
  return calls.size + transfers.size + outbound.size;
}

/** Who must go for the next call to come in; null: nobody can, or nobody has to. */
export function yieldingCall(state: State, now: number): Call | null {
  if (present(state) < state.config.maxCalls) return null;
  for (const call of state.calls.values()) {
    if (call.confirmedAt === null && call.enteredAt + UNACKNOWLEDGED_MS <= now) return call;
  }
  return null;
}

/** Places that a newcomer cannot have: at the limit he gets that of a call that yields. */
export function placesTaken(state: State, now: number): number {
  return present(state) - (yieldingCall(state, now) === null ? 0 : 1);
}
