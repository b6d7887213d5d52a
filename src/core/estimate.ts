/**
 * How long a caller will probably wait: from how many stand before him among the eligible calls,
 * from the agents who can serve him, and from what was observed in the queue: how long a call
 * keeps an agent, and how soon callers give up. It is the mean wait of Erlang-A for a caller who
 * stays: with rate c/H of calls finished and a rate of giving up for each of those before him.
 * Nothing of it depends on the clock, so it never rises while nothing happens, and it is never
 * below 0. Null: nobody who could serve him is there, or nothing was observed yet.
 */
import { canServe } from './eligible.ts';
import { isAway, type Seeker } from './emptiness.ts';
import { compareInLine } from './orders.ts';
import type { Call, Member, Pace, Queue, State } from './state.ts';

/** Weight of the newest of what was observed: about the last twenty calls count. */
const NEWEST = 1 / 20;

/** Callers are taken to be this patient before any was observed: a few early ones prove little. */
const PATIENT_MS = 120_000;

function mixed(before: number, sample: number): number {
  return before + (sample - before) * NEWEST;
}

function makePace(): Pace {
  return { handled: 0, handleMs: 0, waitMs: PATIENT_MS, givenUp: 0 };
}

/** A call kept an agent for so long, wrap-up included. */
export function noteHandled(pace: Pace | null, handleMs: number): void {
  if (pace === null) return;
  pace.handleMs = pace.handled === 0 ? handleMs : mixed(pace.handleMs, handleMs);
  pace.handled += 1;
}

/** A wait ended after so long: with an agent, or because the caller gave up. */
export function noteWait(pace: Pace | null, waitMs: number, hasGivenUp: boolean): void {
  if (pace === null) return;
  pace.waitMs = mixed(pace.waitMs, waitMs);
  pace.givenUp = mixed(pace.givenUp, hasGivenUp ? 1 : 0);
}

/** A caller, in line or about to be. */
export type Asking = Pick<Call, 'priority' | 'order' | 'entry'> & Seeker;

/** An agent of several queues with callers counts in each for his part. */
function partOf({ agent, queue }: Member): number {
  let busy = 0;
  for (const member of agent.memberOf) {
    const { queue: other } = member;
    if (other === queue || isAway(member)) continue;
    if (other.eligible.size + other.parked.size > 0) busy += 1;
  }
  return 1 / (1 + busy);
}

/** Eligible calls before him in the queue. */
function aheadOf(queue: Queue, asking: Asking): number {
  let ahead = queue.eligible.rank(asking as Call);
  for (const call of queue.parked) if (compareInLine(call, asking) < 0) ahead += 1;
  return ahead;
}

/** In ms. Costs as much as the queue has members. */
export function estimatedWait(state: State, queue: Queue, asking: Asking): number | null {
  const pace = state.paces.get(queue.name);
  let servers = 0;
  let idle = 0;
  for (const member of queue.members) {
    if (!canServe(asking, member)) continue;
    servers += partOf(member);
    if (member.isReady) idle += 1;
  }
  if (servers === 0) return null;
  const turns = aheadOf(queue, asking) + 1 - idle;
  if (turns <= 0) return 0;
  if (pace === undefined || pace.handled === 0) return null;
  const rate = servers / Math.max(1, pace.handleMs);
  const leaving = pace.waitMs > 0 ? pace.givenUp / pace.waitMs : 0;
  const load = (turns * leaving) / rate;
  return Math.round(load < 1e-6 ? turns / rate : Math.log1p(load) / leaving);
}

/** Of a call with a place; 0 once a phone rings for it or it talks. */
export function waitOf(state: State, call: Call): number | null {
  const queue = state.queues.get(call.queue);
  if (queue === undefined) return null;
  return call.offers.length > 0 ? 0 : estimatedWait(state, queue, call);
}

/** What is observed of its queue; null: that has left the configuration meanwhile. */
export function paceOf(state: State, queue: string): Pace | null {
  if (!state.queues.has(queue)) return null;
  let pace = state.paces.get(queue);
  if (pace === undefined) state.paces.set(queue, (pace = makePace()));
  return pace;
}
