/**
 * How a caller gets his place: arrival, and the confirmation that his leg is up. A caller who
 * gets none is told so by an event, too, because the reports count him.
 */
import type { ArriveCall, ConfirmCall, Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import type { State } from './state.ts';
import type { ExitStatus } from './types.ts';

/** Why the call cannot enter; null: it can. */
function obstacle(state: State, command: ArriveCall): ExitStatus | null {
  const queue = state.queues.get(command.queue);
  if (queue === undefined) return 'UNKNOWNQUEUE';
  if (state.calls.size >= state.config.maxCalls) return 'OVERLOAD';
  const { maxlen } = queue.config;
  return maxlen > 0 && queue.line.size >= maxlen ? 'FULL' : null;
}

/** CallEntered with a place, or CallRefused with the reason; both are `ok` for the submitter. */
export function arriveCall(decision: Decision, command: ArriveCall): Refusal | undefined {
  const { state } = decision;
  if (state.calls.has(command.callId)) return 'duplicate-call';
  const { callId, queue, sipCallId, from, fromName, to } = command;
  const status = obstacle(state, command);
  if (status !== null) {
    decision.emit({ kind: 'CallRefused', callId, queue, sipCallId, from, to, status });
    return undefined;
  }
  decision.emit({
    kind: 'CallEntered',
    callId,
    queue,
    sipCallId,
    ...(command.dialogId === undefined ? {} : { dialogId: command.dialogId }),
    from,
    fromName,
    to,
    entry: state.entries + 1,
    position: (state.queues.get(queue)?.line.size ?? 0) + 1,
  });
  return undefined;
}

/** Before this the caller keeps his place but nobody is rung for him: his leg is not up. */
export function confirmCall(decision: Decision, command: ConfirmCall): Refusal | undefined {
  const call = decision.state.calls.get(command.callId);
  if (call === undefined) return 'unknown-call';
  if (call.confirmedAt === null) decision.emit({ kind: 'CallConfirmed', callId: call.id });
  return undefined;
}
