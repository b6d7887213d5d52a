/**
 * Commands that wait for their turn, in order. While the journal fails, requests are refused and
 * facts stay; of the reports about one phone only the last stays, so that an outage of any length
 * cannot fill the backlog with presence.
 */
import type { Command } from '../core/commands.ts';
import type { NewCommand, Outcome } from './port.ts';

/** Most commands waiting; one more is answered `unavailable`. */
export const BACKLOG_MAX = 20_000;

export interface Pending {
  readonly command: NewCommand;
  readonly settle: (outcome: Outcome) => void;
}

export const UNAVAILABLE: Outcome = { ok: false, refusal: 'unavailable' };

/** What can be asked again by whoever asked is a request; what has happened is a fact. */
const NATURE: Readonly<Record<Command['kind'], 'request' | 'fact'>> = {
  ApplyConfig: 'request',
  ArriveCall: 'request',
  LogInAgent: 'request',
  LogOutAgent: 'request',
  JoinQueue: 'request',
  LeaveQueue: 'request',
  PauseAgent: 'request',
  ResumeAgent: 'request',
  EndWrapup: 'request',
  ExtendWrapup: 'request',
  ExitCall: 'request',
  WithdrawCall: 'request',
  ReorderCall: 'request',
  MoveCall: 'request',
  GiveCall: 'request',
  TransferCall: 'request',
  TransferWithin: 'request',
  ReferTransfer: 'fact',
  DialTransfer: 'fact',
  AnswerTransfer: 'fact',
  EndTransfer: 'fact',
  DialOut: 'request',
  RingOutbound: 'fact',
  PickUpOutbound: 'fact',
  RefuseOutbound: 'fact',
  ConnectOutbound: 'fact',
  EndOutbound: 'fact',
  HangUpCall: 'request',
  NoteStart: 'fact',
  ConfirmCall: 'fact',
  EndCall: 'fact',
  RuleOffer: 'fact',
  NoteInvite: 'fact',
  RingOffer: 'fact',
  AnswerOffer: 'fact',
  ConfirmBridge: 'fact',
  FailOffer: 'fact',
  EndAgentLeg: 'fact',
  HoldCall: 'fact',
  UnholdCall: 'fact',
  ReportDevice: 'fact',
  ReachDeadline: 'fact',
  Reconcile: 'fact',
};

export function isRequest(command: NewCommand): boolean {
  const isHold = command.kind === 'HoldCall' || command.kind === 'UnholdCall';
  // Of a phone it has happened; of a supervisor it is asked.
  if (isHold && command.holder === 'command') return true;
  return NATURE[command.kind] === 'request';
}

export class Backlog {
  #waiting: Pending[] = [];
  /** The last report of each phone among those that wait; kept only while the journal fails. */
  readonly #reports = new Map<string, Pending>();

  get size(): number {
    return this.#waiting.length;
  }

  get isFull(): boolean {
    return this.#waiting.length >= BACKLOG_MAX;
  }

  push(pending: Pending): void {
    this.#waiting.push(pending);
  }

  /** The oldest, at most `limit`. */
  take(limit: number): Pending[] {
    this.#reports.clear();
    return this.#waiting.splice(0, limit);
  }

  /** What was taken and could not be written goes back to the head. */
  putBack(batch: readonly Pending[]): void {
    this.#waiting = [...batch, ...this.#waiting];
  }

  /** Waits for the journal: a report takes the place of an older one about the same phone. */
  pushFact(pending: Pending): void {
    const { command } = pending;
    if (command.kind === 'ReportDevice') {
      const older = this.#reports.get(command.deviceUri);
      if (older !== undefined) this.#drop(older);
      this.#reports.set(command.deviceUri, pending);
    }
    this.push(pending);
  }

  refuseRequests(): void {
    this.#refuse((pending) => isRequest(pending.command));
  }

  refuseAll(): void {
    this.#refuse(() => true);
  }

  #refuse(isMeant: (pending: Pending) => boolean): void {
    const refused = this.#waiting.filter(isMeant);
    this.#waiting = this.#waiting.filter((pending) => !isMeant(pending));
    for (const pending of refused) pending.settle(UNAVAILABLE);
  }

  /** What a later report makes void has happened, and changed nothing. */
  #drop(older: Pending): void {
    const at = this.#waiting.indexOf(older);
    if (at === -1) return;
    this.#waiting.splice(at, 1);
    older.settle({ ok: true, events: [] });
  }
}
