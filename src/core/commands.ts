/**
 * Commands: what the world outside tells or asks the core. Each carries `at` (the runtime's clock,
 * ms since the epoch, never going back) and `by` (who asks, for the journal). Ids and random draws
 * that the decision may need come in with the command, because the core has neither.
 */
import type { OutboundCommand } from './outbound-commands.ts';
import type {
  AnswerTransfer,
  DialTransfer,
  ReferTransfer,
  EndTransfer,
  TransferWithin,
} from './transfer-commands.ts';
import type {
  AgentId,
  CallId,
  CoreConfig,
  Destination,
  Device,
  DeviceState,
  Holder,
  OfferFailure,
  OfferId,
  PenaltyLimits,
  QueueName,
  Ruling,
  SkillNeed,
  WrittenConfig,
} from './types.ts';

interface Base {
  readonly at: number;
  /** Origin: `sip`, `http:<user>`, `clock`, `config`, `agent:<id>`. */
  readonly by: string;
}

/** A server begins; for whoever reads the journal later. */
export interface NoteStart extends Base {
  readonly kind: 'NoteStart';
  readonly version: string;
}

/** The configuration was loaded or changed; replaces the former as a whole. */
export interface ApplyConfig extends Base {
  readonly kind: 'ApplyConfig';
  readonly config: CoreConfig;
  /** What was written to this effect; absent: it makes no version. */
  readonly written?: WrittenConfig;
}

/** An INVITE for a queue arrived; nothing has been answered yet. */
export interface ArriveCall extends Base {
  readonly kind: 'ArriveCall';
  readonly callId: CallId;
  readonly queue: QueueName;
  /** SIP Call-ID of the caller's leg. */
  readonly sipCallId: string;
  /** The SIP server's name of his dialog, by which a later process finds it again. */
  readonly dialogId?: string;
  /** Our registrar that it came through, which may challenge us in his dialog; absent: none. */
  readonly registrar?: string;
  /** Address of From: `user@host`. */
  readonly from: string;
  /** Display name of From, or ''. */
  readonly fromName: string;
  /** Address of the Request-URI: `user@host[:port]`. */
  readonly to: string;
  /** Priority the call brings along; absent: the queue's rules say. Higher is served first. */
  readonly priority?: number;
  /** Enter at this place, 1 = next; it is then of the priority of those it stands among. */
  readonly position?: number;
  /** Longest wait in the queue it asks for; absent: the queue's `maxWaitMs`. */
  readonly maxWaitMs?: number;
  /** Penalties that may take it, before the queue's rules change them; absent: all. */
  readonly limits?: PenaltyLimits;
  /** What it asks of agents, before the queue's rules relax it; absent: what the queue asks. */
  readonly skills?: SkillNeed;
  /** A call to this agent alone, in a queue that is `direct`; absent: to whoever is next. */
  readonly agentId?: AgentId;
}

/** The waiting caller pressed a key. */
export interface ExitCall extends Base {
  readonly kind: 'ExitCall';
  readonly callId: CallId;
  readonly key: string;
}

/** Takes a waiting call out of its queue; without a destination the queue's failover says. */
export interface WithdrawCall extends Base {
  readonly kind: 'WithdrawCall';
  readonly callId: CallId;
  readonly destination?: Destination;
}

/** Another priority for a waiting call, or another place in its line (1 = next). */
export interface ReorderCall extends Base {
  readonly kind: 'ReorderCall';
  readonly callId: CallId;
  readonly priority?: number;
  readonly position?: number;
}

/** Ends a call, whatever it is doing. */
export interface HangUpCall extends Base {
  readonly kind: 'HangUpCall';
  readonly callId: CallId;
}

/** Sends the caller, waiting or talking, to an address outside; an agent he talks with is free. */
export interface TransferCall extends Base {
  readonly kind: 'TransferCall';
  readonly callId: CallId;
  readonly uri: string;
  /** In the place of that dialog there (RFC 3891): an attended transfer; absent: a new call. */
  readonly replaces?: string;
}

/** A waiting call goes into the line of another queue; it keeps the wait it has behind it. */
export interface MoveCall extends Base {
  readonly kind: 'MoveCall';
  readonly callId: CallId;
  readonly queue: QueueName;
}

/** Rings this agent for a waiting call, out of turn; what rings for it elsewhere is taken back. */
export interface GiveCall extends Base {
  readonly kind: 'GiveCall';
  readonly callId: CallId;
  readonly agentId: AgentId;
}

/** The caller's leg is up (his ACK arrived): from now on he may be offered to agents. */
export interface ConfirmCall extends Base {
  readonly kind: 'ConfirmCall';
  readonly callId: CallId;
}

/** The caller's leg ended: BYE, CANCEL, or it failed. */
export interface EndCall extends Base {
  readonly kind: 'EndCall';
  readonly callId: CallId;
  readonly cause: 'bye' | 'cancel' | 'failed';
  /** When it really ended, ms since the epoch, if that was learned only later; default `at`. */
  readonly endedAt?: number;
}

/** What came of asking the queue's veto about an offer that asks. */
export interface RuleOffer extends Base {
  readonly kind: 'RuleOffer';
  readonly offerId: OfferId;
  readonly ruling: Ruling;
  /** Its reason, or what failed, for people; printable. */
  readonly detail: string;
}

/** The INVITE of an offer left for a phone; told where a later process could not find it. */
export interface NoteInvite extends Base {
  readonly kind: 'NoteInvite';
  readonly offerId: OfferId;
  /** The SIP server's name of the INVITE, by which a later process can take it back. */
  readonly transaction: string;
}

/** The agent's phone answered 18x. */
export interface RingOffer extends Base {
  readonly kind: 'RingOffer';
  readonly offerId: OfferId;
}

/** The agent's phone answered 2xx with usable audio; not yet connected. */
export interface AnswerOffer extends Base {
  readonly kind: 'AnswerOffer';
  readonly offerId: OfferId;
}

/** Both legs hear each other: the media edge has confirmed the bridge. */
export interface ConfirmBridge extends Base {
  readonly kind: 'ConfirmBridge';
  readonly offerId: OfferId;
}

/** The offer failed on the agent's side, before the bridge. */
export interface FailOffer extends Base {
  readonly kind: 'FailOffer';
  readonly offerId: OfferId;
  readonly failure: OfferFailure;
  /** SIP status of the final answer, 0 where there was none. */
  readonly sipStatus: number;
  readonly detail: string;
}

/** The agent's leg ended after its answer: his BYE, or the leg failed. */
export interface EndAgentLeg extends Base {
  readonly kind: 'EndAgentLeg';
  readonly offerId: OfferId;
  readonly cause: 'bye' | 'failed';
  /** When it really ended, as in EndCall. */
  readonly endedAt?: number;
}

/** One of the two, or a supervisor, holds the talk; said again it changes nothing. */
export interface HoldCall extends Base {
  readonly kind: 'HoldCall';
  readonly callId: CallId;
  readonly holder: Holder;
}

/** He holds it no longer. */
export interface UnholdCall extends Base {
  readonly kind: 'UnholdCall';
  readonly callId: CallId;
  readonly holder: Holder;
}

export interface LogInAgent extends Base {
  readonly kind: 'LogInAgent';
  readonly agentId: AgentId;
  readonly device: Device;
  /** To these of his queues only, or to these, too, if he is logged in there; absent: to all. */
  readonly queues?: readonly QueueName[];
}

/** An agent who is logged in logs in to one of his queues that he had left. */
export interface JoinQueue extends Base {
  readonly kind: 'JoinQueue';
  readonly agentId: AgentId;
  readonly queue: QueueName;
}

/** And out of one; he stays logged in to the others. */
export interface LeaveQueue extends Base {
  readonly kind: 'LeaveQueue';
  readonly agentId: AgentId;
  readonly queue: QueueName;
}

export interface LogOutAgent extends Base {
  readonly kind: 'LogOutAgent';
  /** The agent, or whoever is logged on to the device. */
  readonly who: { readonly agentId: AgentId } | { readonly deviceUri: string };
  /** `refused`: his phone does not tell its presence and it is required. Default `asked`. */
  readonly reason?: 'asked' | 'refused';
}

/** What presence says of a device now; repeated reports are harmless. */
export interface ReportDevice extends Base {
  readonly kind: 'ReportDevice';
  readonly deviceUri: string;
  readonly state: DeviceState;
  /** What was heard, for the journal: `presence`, `dialog`, `trusted`, `lost:481` … */
  readonly source: string;
}

export interface PauseAgent extends Base {
  readonly kind: 'PauseAgent';
  readonly agentId: AgentId;
  readonly reason: string;
  /** In this queue only; absent: in all. */
  readonly queue?: QueueName;
}

export interface ResumeAgent extends Base {
  readonly kind: 'ResumeAgent';
  readonly agentId: AgentId;
  /** In this queue only; absent: everywhere. */
  readonly queue?: QueueName;
}

/** The agent ends his wrap-up early. */
export interface EndWrapup extends Base {
  readonly kind: 'EndWrapup';
  readonly agentId: AgentId;
}

/** The agent needs longer: his wrap-up goes on for so long from now. */
export interface ExtendWrapup extends Base {
  readonly kind: 'ExtendWrapup';
  readonly agentId: AgentId;
  readonly forMs: number;
}

/** The nearest deadline of the state has passed. */
export interface ReachDeadline extends Base {
  readonly kind: 'ReachDeadline';
}

/**
 * A process took the state over from the journal: what has no leg any more is ended. Lists name
 * the legs that still exist; everything else in the state is ended as lost.
 */
export interface Reconcile extends Base {
  readonly kind: 'Reconcile';
  readonly liveCalls: readonly CallId[];
  readonly liveOffers: readonly OfferId[];
}

export type Command =
  | NoteStart
  | ApplyConfig
  | ArriveCall
  | ReorderCall
  | HangUpCall
  | TransferCall
  | TransferWithin
  | ReferTransfer
  | DialTransfer
  | AnswerTransfer
  | EndTransfer
  | OutboundCommand
  | MoveCall
  | GiveCall
  | ExitCall
  | WithdrawCall
  | ConfirmCall
  | EndCall
  | RuleOffer
  | NoteInvite
  | RingOffer
  | AnswerOffer
  | ConfirmBridge
  | FailOffer
  | EndAgentLeg
  | HoldCall
  | UnholdCall
  | LogInAgent
  | LogOutAgent
  | JoinQueue
  | LeaveQueue
  | ReportDevice
  | PauseAgent
  | ResumeAgent
  | EndWrapup
  | ExtendWrapup
  | ReachDeadline
  | Reconcile;

/** Why a command was refused; the caller of the command turns it into words or a status. */
export type Refusal =
  | 'unknown-queue'
  | 'queue-full'
  | 'queue-empty'
  | 'no-direct-queue'
  | 'overload'
  | 'duplicate-call'
  | 'unknown-call'
  | 'unknown-offer'
  | 'unknown-transfer'
  | 'unknown-agent'
  | 'unknown-device'
  | 'already-logged-in'
  | 'device-taken'
  | 'not-logged-in'
  | 'not-paused'
  | 'unknown-reason'
  | 'static-agent'
  | 'not-a-member'
  | 'not-waiting'
  | 'not-talking'
  | 'no-exit-key'
  | 'not-in-wrapup'
  | 'moved-too-often'
  | 'agent-not-free';
