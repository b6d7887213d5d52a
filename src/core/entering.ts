/**
 * How a caller gets his place: arrival, and the confirmation that his leg is up. A caller who
 * gets none is told so by an event, too, because the reports count him.
 */
import { placesTaken, yieldingCall } from './capacity.ts';
import type { ArriveCall, ConfirmCall, Refusal, ReorderCall } from './commands.ts';
import type { Decision } from './decision.ts';
import { chooseDestination, entryObstacle, failoverOf } from './failover.ts';
import { compareInLine } from './orders.ts';
import { relax } from './relaxing.ts';
import { mayBeKept } from './eligible.ts';
import type { Seeker } from './emptiness.ts';
import type { Asking } from './estimate.ts';
import { endCall } from './leaving.ts';
import { acquaintance, priorityOf } from './rules.ts';
import { must, NO_LIMITS, type Call, type Queue, type State } from './state.ts';
import type { AgentId, Departure, Destination, ExitStatus, FailoverStatus } from './types.ts';
import { isKnown } from './views.ts';

/** Why no queue at all takes the call; null: the queue's own rules decide. */
function refusalOf({ state, at }: Decision, command: ArriveCall): ExitStatus | null {
  const queue = state.queues.get(command.queue);
  if (queue === undefined || queue.config.draining === true) return 'UNKNOWNQUEUE';
  const { direct = false } = queue.config;
  const isSomebody = command.agentId === undefined || state.agents.has(command.agentId);
  if (direct !== (command.agentId !== undefined) || !isSomebody) return 'UNKNOWNQUEUE';
  return placesTaken(state, at) >= state.config.maxCalls ? 'OVERLOAD' : null;
}

function refuse(
  decision: Decision,
  command: ArriveCall,
  status: ExitStatus,
  destination?: Destination,
): void {
  const { callId, queue, sipCallId, from, to } = command;
  const where = destination === undefined ? {} : { destination };
  const place = noPlaceIn(decision.state.queues.get(queue));
  const asked = { callId, queue, sipCallId, from, to };
  decision.emit({ kind: 'CallRefused', ...asked, status, ...place, ...where });
}

/** Behind all who wait; he has not waited himself. */
function noPlaceIn(queue: Queue | undefined): { position: number; waitedMs: number } {
  return { position: queue === undefined ? 0 : queue.line.size + 1, waitedMs: 0 };
}

/**
 * CallEntered with a place, or CallRefused with the reason; both are `ok` for the submitter. A
 * queue that has no place sends the call on by its failover, to another queue or elsewhere.
 */
export function arriveCall(decision: Decision, command: ArriveCall): Refusal | undefined {
  const { state } = decision;
  if (isKnown(state, command.callId)) return 'duplicate-call';
  const refusal = refusalOf(decision, command);
  if (refusal !== null) {
    refuse(decision, command, refusal);
    return undefined;
  }
  const first = must(state.queues.get(command.queue), `queue ${command.queue}`);
  const seeker = seekerOf(command);
  const asking = () => askingOf(state, first, command, seeker);
  const status = entryObstacle(state, first, seeker, asking);
  const left: Departure[] = status === null ? [] : [{ queue: first.name, status }];
  const queue = status === null ? first : divert(decision, command, first, status);
  if (queue === null) return undefined;
  const yielding = yieldingCall(state, decision.at);
  if (yielding !== null) endCall(decision, yielding, 'FAILED', 'system');
  enter(decision, command, queue, left);
  return undefined;
}

/**
 * The queue that takes him in the place of the first: by now it has been asked, so it does not
 * refuse him. Null: there is none, and the first has refused him.
 */
function divert(
  decision: Decision,
  command: ArriveCall,
  first: Queue,
  status: FailoverStatus,
): Queue | null {
  const { state } = decision;
  const { callId, from, agentId = null } = command;
  const of = { callId, queue: first.name, status };
  // In another queue he is no longer for one agent alone.
  const seeker = { ...seekerOf(command), only: null };
  const leaver = { ...of, left: [{ queue: first.name, status }], seeker };
  const destinations = failoverOf(state, first, status, agentId);
  const destination = chooseDestination(decision, leaver, destinations);
  if (destination?.to !== 'queue') {
    refuse(decision, command, status, destination);
    return null;
  }
  decision.emit({ kind: 'CallDiverted', ...of, from, ...noPlaceIn(first), destination });
  return must(state.queues.get(destination.queue), `queue ${destination.queue}`);
}

/** Who may take him, by what he brings along. */
function seekerOf({ from, limits = NO_LIMITS, skills, agentId }: ArriveCall): Seeker {
  return { from, limits, skills: skills ?? null, skillSteps: 0, only: agentId ?? null };
}

/** And how he would stand in this queue. */
function askingOf(state: State, queue: Queue, command: ArriveCall, seeker: Seeker): Asking {
  const { from } = command;
  const entry = state.entries + 1;
  const own = { priority: priorityOf(queue.config, from, command.priority), order: entry };
  const standing = placed(queue, command.position, own);
  return { ...standing, entry, ...seeker };
}

const NOT_ASKED: Pick<ArriveCall, 'maxWaitMs' | 'agentId' | 'position'> = {};

function enter(decision: Decision, command: ArriveCall, queue: Queue, left: Departure[]): void {
  const { callId, sipCallId, from, fromName, to, limits, skills } = command;
  const keptFor = keeperOf(decision.state, queue, { ...seekerOf(command), only: null });
  // Asked of the queue that he called, and of no other.
  const { maxWaitMs, agentId: only, position } = left.length === 0 ? command : NOT_ASKED;
  decision.emit({
    kind: 'CallEntered',
    callId,
    queue: queue.name,
    sipCallId,
    ...(command.dialogId === undefined ? {} : { dialogId: command.dialogId }),
    ...(command.registrar === undefined ? {} : { registrar: command.registrar }),
    from,
    fromName,
    to,
    ...standingOf(decision, command, queue, position),
    ...(left.length === 0 ? {} : { left }),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    ...(limits === undefined ? {} : { limits }),
    ...(skills === undefined ? {} : { skills }),
    ...(keptFor === null ? {} : { keptFor }),
    ...(only === undefined ? {} : { only }),
  });
}

/** The agent he last spoke with, where the queue keeps callers for that and he is there. */
function keeperOf(state: State, queue: Queue, seeker: Seeker): AgentId | null {
  if (queue.config.stickyMs === 0) return null;
  const known = acquaintance(queue.name, seeker.from);
  const agentId = state.acquainted.get(known ?? '') ?? null;
  return agentId !== null && mayBeKept(state, seeker, agentId, queue.name) ? agentId : null;
}

/** Where he stands: entry number and place; priority and order only where they are not plain. */
function standingOf(
  decision: Decision,
  command: Pick<ArriveCall, 'from' | 'priority'>,
  queue: Queue,
  wanted: number | undefined,
) {
  const entry = decision.state.entries + 1;
  const own = priorityOf(queue.config, command.from, command.priority);
  const { priority, order } = placed(queue, wanted, { priority: own, order: entry });
  const last = queue.line.last();
  const isLast = last === undefined || compareInLine(last, { priority, order, entry }) < 0;
  if (isLast && priority === 0) return { entry, position: queue.line.size + 1 };
  return {
    entry,
    position: isLast
      ? queue.line.size + 1
      : queue.line.rank({ priority, order, entry } as Call) + 1,
    ...(priority === 0 ? {} : { priority }),
    ...(order === entry ? {} : { order }),
  };
}

/**
 * Priority and order for a place in line (1 = next; none: the call's own). An order between two
 * callers is the mean of theirs, which works some fifty times at the same place (the bits of a
 * number); after that the newcomer stands right behind the place he asked for.
 */
function placed(
  queue: Queue,
  position: number | undefined,
  own: Pick<Call, 'priority' | 'order'>,
): Pick<Call, 'priority' | 'order'> {
  if (position === undefined || position > queue.line.size) return own;
  const at = Math.max(1, Math.trunc(position)) - 1;
  const next = queue.line.at(at);
  if (next === undefined) return own;
  const before = at === 0 ? undefined : queue.line.at(at - 1);
  const floor = before?.priority === next.priority ? before.order : next.order - 1;
  return { priority: next.priority, order: (floor + next.order) / 2 };
}

/** Only of a call in line: a change of place while he talks would mean nothing. */
export function reorderCall(decision: Decision, command: ReorderCall): Refusal | undefined {
  const { state } = decision;
  const call = state.calls.get(command.callId);
  if (call === undefined) return 'unknown-call';
  const queue = state.queues.get(call.queue);
  if (call.connectedAt !== null || queue === undefined) return 'not-waiting';
  const priority = command.priority ?? call.priority;
  const order = command.priority === undefined ? call.order : call.entry;
  const next = othersPlaced(queue, call, command.position, { priority, order });
  if (next.priority === call.priority && next.order === call.order) return undefined;
  const rank = queue.line.rank({ ...next, entry: call.entry } as Call);
  const passes = compareInLine(call, { ...next, entry: call.entry }) < 0;
  const position = passes ? rank : rank + 1;
  decision.emit({ kind: 'CallReordered', callId: call.id, ...next, position });
  return undefined;
}

/** As `placed`, for a call that stands in this line already: places are counted without it. */
function othersPlaced(
  queue: Queue,
  call: Call,
  position: number | undefined,
  own: Pick<Call, 'priority' | 'order'>,
): Pick<Call, 'priority' | 'order'> {
  if (position === undefined) return own;
  const now = queue.line.rank(call) + 1;
  const wanted = Math.min(Math.max(1, Math.trunc(position)), queue.line.size);
  if (wanted === now) return { priority: call.priority, order: call.order };
  if (wanted < now) return placed(queue, wanted, own);
  const last = queue.line.at(wanted - 1);
  if (wanted < queue.line.size) return placed(queue, wanted + 1, own);
  return last === undefined ? own : { priority: last.priority, order: last.order + 1 };
}

/** Before this the caller keeps his place but nobody is rung for him: his leg is not up. */
export function confirmCall(decision: Decision, command: ConfirmCall): Refusal | undefined {
  const call = decision.state.calls.get(command.callId);
  if (call === undefined) return 'unknown-call';
  if (call.confirmedAt === null) decision.emit({ kind: 'CallConfirmed', callId: call.id });
  relax(decision, call);
  return undefined;
}
