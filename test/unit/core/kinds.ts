/**
 * Every kind of command and of event. Random runs must draw and reach them all, or they prove
 * nothing about the rest; a kind that is missing here does not compile.
 */
import type { Command } from '../../../src/core/commands.ts';
import { EVENT_KINDS as EVENTS } from '../../../src/core/event-kinds.ts';
import type { CoreEvent } from '../../../src/core/events.ts';

const COMMANDS: Readonly<Record<Command['kind'], true>> = {
  NoteStart: true,
  ApplyConfig: true,
  ArriveCall: true,
  ReorderCall: true,
  HangUpCall: true,
  TransferCall: true,
  TransferWithin: true,
  ReferTransfer: true,
  DialTransfer: true,
  AnswerTransfer: true,
  EndTransfer: true,
  DialOut: true,
  RingOutbound: true,
  PickUpOutbound: true,
  RefuseOutbound: true,
  ConnectOutbound: true,
  EndOutbound: true,
  MoveCall: true,
  GiveCall: true,
  ExitCall: true,
  WithdrawCall: true,
  ConfirmCall: true,
  EndCall: true,
  RuleOffer: true,
  NoteInvite: true,
  RingOffer: true,
  AnswerOffer: true,
  ConfirmBridge: true,
  FailOffer: true,
  EndAgentLeg: true,
  HoldCall: true,
  UnholdCall: true,
  LogInAgent: true,
  LogOutAgent: true,
  JoinQueue: true,
  LeaveQueue: true,
  ReportDevice: true,
  PauseAgent: true,
  ResumeAgent: true,
  EndWrapup: true,
  ExtendWrapup: true,
  ReachDeadline: true,
  Reconcile: true,
};

export const COMMAND_KINDS = Object.keys(COMMANDS) as readonly Command['kind'][];
export const EVENT_KINDS = Object.keys(EVENTS) as readonly CoreEvent['kind'][];
