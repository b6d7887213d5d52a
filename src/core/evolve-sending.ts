/** Folds the events of callers who are sent to an address outside; each phase has its limit. */
import { makeTimer, must, TALK_MAX_MS, type State } from './state.ts';
import type { Transfer } from './transfer-call.ts';
import type { TransferBegan } from './transfer-events.ts';

/** A phone has 32 s for REFER, and what it tells of its own call is waited for 60 s. */
const ASKING_MAX_MS = 100_000;
/** The outside phone rings 60 s, which the edge ends; this is for an edge gone wrong. */
const DIALLING_MAX_MS = 70_000;

/** When the present phase of a transfer ends by itself. */
export function transferLimit({ begunAt, dialledAt, answeredAt }: Transfer): number {
  if (answeredAt !== null) return answeredAt + TALK_MAX_MS;
  return dialledAt === null ? begunAt + ASKING_MAX_MS : dialledAt + DIALLING_MAX_MS;
}

export function placeTransfer(state: State, transfer: Transfer): void {
  state.timers.set(transfer.timer, transferLimit(transfer));
}

export function begin(state: State, event: TransferBegan): void {
  const { callId, queue, sipCallId, from, fromName, uri, at } = event;
  if (state.calls.has(callId)) throw new Error(`broken invariant: ${callId} is here and sent away`);
  const transfer: Transfer = {
    ...{ callId, queue, sipCallId, from, fromName, uri },
    dialogId: event.dialogId ?? null,
    registrar: event.registrar ?? null,
    replaces: event.replaces ?? null,
    begunAt: at,
    isReferred: false,
    attempt: 0,
    dialledAt: null,
    answeredAt: null,
    timer: makeTimer('transfer', callId),
  };
  state.transfers.set(callId, transfer);
  placeTransfer(state, transfer);
}

/** Folds what became of it. */
export function proceed(state: State, callId: string, change: (transfer: Transfer) => void): void {
  const transfer = must(state.transfers.get(callId), `transfer ${callId}`);
  change(transfer);
  placeTransfer(state, transfer);
}

export function removeTransfer(state: State, callId: string): void {
  const transfer = must(state.transfers.get(callId), `transfer ${callId}`);
  state.transfers.delete(callId);
  state.timers.set(transfer.timer, null);
}
