/**
 * How a call leaves a queue without an agent, and where it goes then. Each exit status has a list
 * of destinations, of which the first that can be had is taken; whatever is passed over is
 * journalled with its reason. A call never comes back to a queue that it left for a reason that
 * still holds, and is sent on at most MOVES_MAX times, so no configuration makes it run in rings.
 */
import type { ExitCall, Refusal, WithdrawCall } from './commands.ts';
import type { Decision } from './decision.ts';
import { memberCalled } from './eligible.ts';
import { emptinessOf, isChoosy, isCrowded, type Seeker } from './emptiness.ts';
import type { FailoverSkipped } from './events.ts';
import { estimatedWait, type Asking } from './estimate.ts';
import { endCall, withdrawOffers } from './leaving.ts';
import { compareInLine } from './orders.ts';
import { isAnswered } from './place.ts';
import { relax } from './relaxing.ts';
import { priorityOf } from './rules.ts';
import { MOVES_MAX, type Call, type Queue, type State } from './state.ts';
import type {
  AgentId,
  Departure,
  Destination,
  EmptyCondition,
  FailoverStatus,
  QueueName,
} from './types.ts';

/** Whoever comes now, behind all who wait. */
const LAST = { priority: -Infinity, order: Infinity, entry: Infinity };

/** Is the queue empty for this call? One that is for one agent asks for nobody else. */
export function emptyFor(
  state: State,
  queue: Queue,
  conditions: readonly EmptyCondition[],
  seeker: Seeker,
): 'EMPTY' | 'UNAVAIL' | null {
  if (seeker.only === null) return emptinessOf(queue, conditions, seeker);
  const member = memberCalled(state, seeker.only, queue.name);
  return emptinessOf(queue, conditions, seeker, member === undefined ? [] : [member]);
}

/**
 * Why a call gets no place in the queue; null: it does. `asking`: how it would stand there, which
 * only an estimate has to know.
 */
export function entryObstacle(
  state: State,
  queue: Queue,
  seeker: Seeker,
  asking: () => Asking = () => ({ ...LAST, ...seeker }),
): FailoverStatus | null {
  const { maxlen, joinEmpty, maxCallsPerAgent, maxEstimatedWaitMs } = queue.config;
  // As in Asterisk, before `maxlen`: where nobody can answer, that is the reason.
  const empty = emptyFor(state, queue, joinEmpty, seeker);
  if (empty !== null) return empty === 'EMPTY' ? 'JOINEMPTY' : 'JOINUNAVAIL';
  if (maxlen > 0 && queue.line.size >= maxlen) return 'FULL';
  if (maxCallsPerAgent > 0 && isCrowded(queue, seeker, maxCallsPerAgent)) return 'FULL';
  if (maxEstimatedWaitMs === 0) return null;
  const wait = estimatedWait(state, queue, asking());
  return wait !== null && wait > maxEstimatedWaitMs ? 'FULL' : null;
}

/** Does the reason for which a call left the queue still hold? */
function holds(state: State, queue: Queue, status: FailoverStatus, seeker: Seeker): boolean {
  switch (status) {
    case 'FULL':
    case 'JOINEMPTY':
    case 'JOINUNAVAIL':
      return entryObstacle(state, queue, seeker) !== null;
    case 'LEAVEEMPTY':
    case 'LEAVEUNAVAIL':
      return emptyFor(state, queue, queue.config.leaveWhenEmpty, seeker) !== null;
    // He has waited there as long as he may, went of his own will, or was taken out.
    case 'TIMEOUT':
    case 'CONTINUE':
    case 'WITHDRAW':
      return true;
  }
}

function barrier(
  state: State,
  { left, seeker }: Leaver,
  name: QueueName,
): FailoverSkipped['why'] | null {
  const queue = state.queues.get(name);
  if (queue === undefined || queue.config.draining === true) return 'unknown-queue';
  if (queue.config.direct === true) return 'unknown-queue';
  if (left.length > MOVES_MAX) return 'too-many';
  if (left.some((one) => one.queue === name && holds(state, queue, one.status, seeker)))
    return 'loop';
  return entryObstacle(state, queue, seeker);
}

/** A call that leaves, or is not let into, `queue`; `left` ends with that. */
export interface Leaver {
  readonly callId: string;
  readonly queue: QueueName;
  readonly status: FailoverStatus;
  readonly left: readonly Departure[];
  /** Who may take it elsewhere: by what it came with. */
  readonly seeker: Seeker;
}

/** The first destination that can be had; undefined: none. */
export function chooseDestination(
  decision: Decision,
  leaver: Leaver,
  destinations: readonly Destination[],
): Destination | undefined {
  const { callId, queue, status } = leaver;
  for (const destination of destinations) {
    if (destination.to !== 'queue') return destination;
    const why = barrier(decision.state, leaver, destination.queue);
    if (why === null) return destination;
    decision.emit({ kind: 'FailoverSkipped', callId, queue, status, destination, why });
  }
  return undefined;
}

/** What the queue has for it; of a call to one agent, what he has, if he has something. */
export function failoverOf(
  state: State,
  queue: Queue | undefined,
  status: FailoverStatus,
  only: AgentId | null,
): readonly Destination[] {
  const isHis = only !== null && status !== 'WITHDRAW';
  const agent = isHis ? state.config.agents.find(({ id }) => id === only) : undefined;
  return agent?.noAnswer ?? queue?.config.failover[status] ?? [];
}

/** The call leaves its queue: for another one, or for good. */
export function leaveQueue(
  decision: Decision,
  call: Call,
  status: FailoverStatus,
  more: { readonly destinations?: readonly Destination[]; readonly key?: string } = {},
): void {
  const { state } = decision;
  const queue = state.queues.get(call.queue);
  const left = [...call.left, { queue: call.queue, status }];
  const { from, asked, skills } = call;
  const seeker = { from, limits: asked, skills, skillSteps: 0, only: null };
  const leaver = { callId: call.id, queue: call.queue, status, left, seeker };
  withdrawOffers(decision, call, 'caller-left');
  const destinations = more.destinations ?? failoverOf(state, queue, status, call.only);
  const destination = chooseDestination(decision, leaver, destinations);
  const next = destination?.to === 'queue' ? state.queues.get(destination.queue) : undefined;
  if (queue === undefined || next === undefined) {
    endCall(decision, call, status, 'system', { destination, key: more.key });
    return;
  }
  moveTo(decision, call, queue, next, status);
}

/** From the line of one queue into that of another. */
export function moveTo(
  decision: Decision,
  call: Call,
  from: Queue,
  next: Queue,
  status: FailoverStatus,
): void {
  decision.emit({
    kind: 'CallMoved',
    callId: call.id,
    from: from.name,
    status,
    position: from.line.rank(call) + 1,
    waitedMs: decision.at - call.queuedAt,
    queue: next.name,
    // What he was given on entry goes with him, unless the new queue thinks more of him.
    priority: Math.max(call.priority, priorityOf(next.config, call.from, undefined)),
  });
  relax(decision, call);
}

/**
 * Where something changed, queues that are empty now lose those who wait. A caller for whom a phone
 * rings, or who is being connected, stays; when that comes to nothing he is looked at again.
 */
export function leaveEmptyQueues(decision: Decision): void {
  const { shaken } = decision.state;
  for (const [queue, whom] of shaken) {
    shaken.delete(queue);
    const { leaveWhenEmpty } = queue.config;
    if (leaveWhenEmpty.length === 0) continue;
    const forAll = emptinessOf(queue, leaveWhenEmpty);
    const byCall = leaveWhenEmpty.includes('penalty') || isChoosy(queue);
    if (forAll === null && !byCall) continue;
    const calls = whom === 'all' ? [...queue.line] : [...whom].sort(compareInLine);
    for (const call of calls) {
      if (call.confirmedAt === null || call.offers.length > 0 || !queue.line.has(call)) continue;
      const empty = byCall ? emptyFor(decision.state, queue, leaveWhenEmpty, call) : forAll;
      if (empty === null) continue;
      const status = empty === 'EMPTY' ? 'LEAVEEMPTY' : 'LEAVEUNAVAIL';
      leaveQueue(decision, call, status);
    }
  }
}

/** A call that stands in line, and is not being connected just now. */
export function waiting(decision: Decision, callId: string): Call | Refusal {
  const call = decision.state.calls.get(callId);
  if (call === undefined) return 'unknown-call';
  const isUp = call.confirmedAt !== null && call.connectedAt === null;
  const isHere = isUp && !isAnswered(decision.state, call);
  return isHere ? call : 'not-waiting';
}

/** The caller presses a key: where the queue has it as an exit he leaves. */
export function exitCall(decision: Decision, command: ExitCall): Refusal | undefined {
  const call = waiting(decision, command.callId);
  if (typeof call === 'string') return call;
  const keys = decision.state.queues.get(call.queue)?.config.exitKeys ?? {};
  const { key } = command;
  if (!Object.hasOwn(keys, key)) return 'no-exit-key';
  leaveQueue(decision, call, 'CONTINUE', { destinations: keys[key] ?? [], key });
  return undefined;
}

export function withdrawCall(decision: Decision, command: WithdrawCall): Refusal | undefined {
  const call = waiting(decision, command.callId);
  if (typeof call === 'string') return call;
  const { destination } = command;
  leaveQueue(decision, call, 'WITHDRAW', destination && { destinations: [destination] });
  return undefined;
}
