/**
 * The ACD's one question: given this state and this command, what happens? The answer is a batch
 * of events, or a refusal that changes nothing. Deterministic and total: no clock, no random, no
 * I/O. A command's own rule speaks first; then empty queues lose those who wait there, and dispatch
 * matches calls and free agents. Each event is folded into the state as it is decided, so folding
 * the batch over the former state gives exactly the state left here.
 */
import { endWrapup, extendWrapup, pause, reportDevice, resume } from './agents.ts';
import { joinQueue, leaveQueueOf } from './attendance.ts';
import type { Command, Refusal } from './commands.ts';
import { applyConfig, closeDrained } from './configuring.ts';
import { reachDeadline } from './deadlines.ts';
import { Decision } from './decision.ts';
import { dispatch } from './dispatch.ts';
import { arriveCall, confirmCall, reorderCall } from './entering.ts';
import type { CoreEvent } from './events.ts';
import { exitCall, leaveEmptyQueues, withdrawCall } from './failover.ts';
import { holdCall, unholdCall } from './holding.ts';
import { endCallByCaller, reconcile } from './leaving.ts';
import { logIn, logOutCommand } from './login.ts';
import {
  answerOffer,
  confirmBridge,
  endAgentLeg,
  failOfferCommand,
  noteInvite,
  ringOffer,
} from './offering.ts';
import { ruleOutbound } from './outbound.ts';
import { answerTransfer, dialTransfer, referTransfer, endTransfer } from './sending.ts';
import type { OutboundCommand } from './outbound-commands.ts';
import type { State } from './state.ts';
import { giveCall, hangUpCall, moveCall, transferCall } from './steering.ts';
import { transferWithin } from './transferring.ts';
import { ruleOffer } from './veto.ts';

/** What a rule says: nothing (its events are in the decision), or why not. */
export type Verdict = Refusal | undefined;

export type Decided =
  | { readonly ok: true; readonly events: readonly CoreEvent[] }
  | { readonly ok: false; readonly refusal: Refusal };

type Steering = Extract<
  Command,
  {
    kind:
      | 'HangUpCall'
      | 'TransferCall'
      | 'TransferWithin'
      | 'ReferTransfer'
      | 'DialTransfer'
      | 'AnswerTransfer'
      | 'EndTransfer'
      | OutboundCommand['kind']
      | 'MoveCall'
      | 'GiveCall';
  }
>;

/** What is ordered for one call, and what comes of it. */
function steer(decision: Decision, command: Steering): Verdict {
  switch (command.kind) {
    case 'HangUpCall':
      return hangUpCall(decision, command);
    case 'TransferCall':
      return transferCall(decision, command);
    case 'TransferWithin':
      return transferWithin(decision, command);
    case 'ReferTransfer':
      return referTransfer(decision, command);
    case 'DialTransfer':
      return dialTransfer(decision, command);
    case 'AnswerTransfer':
      return answerTransfer(decision, command);
    case 'EndTransfer':
      return endTransfer(decision, command);
    case 'MoveCall':
      return moveCall(decision, command);
    case 'GiveCall':
      return giveCall(decision, command);
    default:
      return ruleOutbound(decision, command);
  }
}

function rule(decision: Decision, command: Command): Verdict {
  switch (command.kind) {
    case 'NoteStart':
      decision.emit({ kind: 'ServerStarted', version: command.version });
      return undefined;
    case 'ApplyConfig':
      return applyConfig(decision, command);
    case 'ArriveCall':
      return arriveCall(decision, command);
    case 'ConfirmCall':
      return confirmCall(decision, command);
    case 'EndCall':
      return endCallByCaller(decision, command);
    case 'RuleOffer':
      return ruleOffer(decision, command);
    case 'NoteInvite':
      return noteInvite(decision, command);
    case 'RingOffer':
      return ringOffer(decision, command);
    case 'AnswerOffer':
      return answerOffer(decision, command);
    case 'ConfirmBridge':
      return confirmBridge(decision, command);
    case 'FailOffer':
      return failOfferCommand(decision, command);
    case 'EndAgentLeg':
      return endAgentLeg(decision, command);
    case 'HoldCall':
      return holdCall(decision, command);
    case 'UnholdCall':
      return unholdCall(decision, command);
    case 'LogInAgent':
      return logIn(decision, command);
    case 'LogOutAgent':
      return logOutCommand(decision, command);
    case 'JoinQueue':
      return joinQueue(decision, command);
    case 'LeaveQueue':
      return leaveQueueOf(decision, command);
    case 'ReportDevice':
      return reportDevice(decision, command);
    case 'PauseAgent':
      return pause(decision, command);
    case 'ResumeAgent':
      return resume(decision, command);
    case 'EndWrapup':
      return endWrapup(decision, command);
    case 'ExtendWrapup':
      return extendWrapup(decision, command);
    case 'ExitCall':
      return exitCall(decision, command);
    case 'WithdrawCall':
      return withdrawCall(decision, command);
    case 'ReorderCall':
      return reorderCall(decision, command);
    case 'ReachDeadline':
      return reachDeadline(decision);
    case 'Reconcile':
      return reconcile(decision, command);
    default:
      return steer(decision, command);
  }
}

/**
 * Decides and evolves. Throws only where an invariant is broken; the state is then unusable and
 * must be rebuilt from the journal.
 */
export function decide(state: State, command: Command): Decided {
  const decision = new Decision(state, command.at, command.by);
  const refusal = rule(decision, command);
  if (refusal !== undefined) {
    if (decision.events.length > 0) throw new Error(`broken invariant: ${refusal} after events`);
    return { ok: false, refusal };
  }
  // Once more while it has consequences: a phone that rings may leave a queue with nobody free.
  do {
    leaveEmptyQueues(decision);
    dispatch(decision);
  } while (closeDrained(decision) || state.shaken.size > 0);
  return { ok: true, events: decision.events };
}
