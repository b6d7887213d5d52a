/**
 * Callers who are sent to an address outside, after their visit has ended: his side is asked, else
 * we call there and bridge the two. The edge does it and says how far it is; here it is kept, so
 * that whoever takes over goes on with it, and so that it ends: each phase has its limit.
 */
import type { Refusal } from './commands.ts';
import type { Decision } from './decision.ts';
import { must, type Call } from './state.ts';
import type { Transfer } from './transfer-call.ts';
import type {
  AnswerTransfer,
  DialTransfer,
  EndTransfer,
  ReferTransfer,
} from './transfer-commands.ts';
import type { TransferOutcome } from './transfer-events.ts';
import type { Destination } from './types.ts';

/** Behind his CallEnded. `call`: as it was before that. */
export function beginTransfer(decision: Decision, call: Call, to: Destination | undefined): void {
  if (to?.to !== 'uri') return;
  const { id: callId, queue, sipCallId, dialogId, registrar, from, fromName } = call;
  const { uri, replaces } = to;
  decision.emit({
    ...{ kind: 'TransferBegan', callId, queue, sipCallId, from, fromName, uri },
    ...(dialogId === null ? {} : { dialogId }),
    ...(registrar === null ? {} : { registrar }),
    ...(replaces === undefined ? {} : { replaces }),
  });
}

/** Calls of ours for one transfer; each server that dies over one costs one, at most. */
export const DIALS_MAX = 5;

export function referTransfer(decision: Decision, command: ReferTransfer): Refusal | undefined {
  const transfer = decision.state.transfers.get(command.callId);
  if (transfer === undefined || transfer.attempt > 0) return 'unknown-transfer';
  const { callId, isReferred } = transfer;
  if (!isReferred) decision.emit({ kind: 'TransferReferred', callId });
  return undefined;
}

/** The next call there; after the last that may be the transfer has failed. */
export function dialTransfer(decision: Decision, command: DialTransfer): Refusal | undefined {
  const transfer = decision.state.transfers.get(command.callId);
  if (transfer === undefined || transfer.answeredAt !== null) return 'unknown-transfer';
  const attempt = transfer.attempt + 1;
  if (attempt > DIALS_MAX) {
    finish(decision, transfer, 'failed');
    return undefined;
  }
  decision.emit({ kind: 'TransferDialled', callId: transfer.callId, attempt });
  return undefined;
}

export function answerTransfer(decision: Decision, command: AnswerTransfer): Refusal | undefined {
  const transfer = decision.state.transfers.get(command.callId);
  if (transfer === undefined || transfer.attempt === 0) return 'unknown-transfer';
  if (transfer.answeredAt === null)
    decision.emit({ kind: 'TransferAnswered', callId: transfer.callId });
  return undefined;
}

export function endTransfer(decision: Decision, command: EndTransfer): Refusal | undefined {
  const transfer = decision.state.transfers.get(command.callId);
  if (transfer === undefined) return 'unknown-transfer';
  finish(decision, transfer, command.outcome, command.endedAt);
  return undefined;
}

/** Its one end; never before what is known of it, nor later than now. */
export function finish(
  decision: Decision,
  { callId, begunAt, answeredAt }: Transfer,
  outcome: TransferOutcome,
  endedAt = decision.at,
): void {
  const ended = Math.min(Math.max(endedAt, answeredAt ?? begunAt), decision.at);
  const hasTalked = answeredAt !== null && outcome !== 'hung-up';
  decision.emit({
    kind: 'TransferEnded',
    callId,
    outcome: hasTalked ? 'completed' : outcome,
    talkedMs: answeredAt === null ? 0 : ended - answeredAt,
    ...(ended < decision.at ? { leftAt: ended } : {}),
  });
}

/** Its time is over. */
export function limitTransfer(decision: Decision, callId: string): void {
  finish(decision, must(decision.state.transfers.get(callId), `transfer ${callId}`), 'hung-up');
}
