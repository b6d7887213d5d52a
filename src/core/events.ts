/**
 * Events: facts, in the past tense, numbered by the journal. State is nothing but these folded by
 * evolve; statistics and reports fold them again elsewhere. A field is never removed or given
 * another meaning: `EVENTS_VERSION` counts the shapes, and the journal migrates older ones.
 */
import type { OutboundEvent } from './outbound-events.ts';
import type {
  CallTransferred,
  TransferAnswered,
  TransferBegan,
  TransferDialled,
  TransferReferred,
  TransferEnded,
} from './transfer-events.ts';
import type {
  AgentId,
  CallId,
  CoreConfig,
  Departure,
  Destination,
  Device,
  DeviceState,
  EndedBy,
  ExitStatus,
  FailoverStatus,
  Holder,
  OfferFailure,
  OfferId,
  OfferWithdrawal,
  PenaltyLimits,
  QueueName,
  SkillNeed,
  WrittenConfig,
} from './types.ts';
import type { QueueJoined, QueueLeft } from './attendance-events.ts';
import type { OfferCleared, VetoEnded, VetoFacts } from './veto-events.ts';

export const EVENTS_VERSION = 1;

interface Base {
  readonly at: number;
  readonly by: string;
}

/** A server took the journal up: the first of its events. */
export interface ServerStarted extends Base {
  readonly kind: 'ServerStarted';
  readonly version: string;
}

export interface ConfigApplied extends Base {
  readonly kind: 'ConfigApplied';
  /** With removed queues that still have calls. */
  readonly config: CoreConfig;
  /** Number of the version and what was written; absent: none was. */
  readonly version?: number;
  readonly written?: WrittenConfig;
}

/** A queue that was removed has no call any more: now it is gone. */
export interface QueueDrained extends Base {
  readonly kind: 'QueueDrained';
  readonly queue: QueueName;
}

/** The call has a place in the line. Reactor: ring and answer the caller's leg, welcome, music. */
export interface CallEntered extends Base {
  readonly kind: 'CallEntered';
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly sipCallId: string;
  /** The SIP server's name of the caller's dialog. */
  readonly dialogId?: string;
  /** Our registrar that he came through; absent: none. */
  readonly registrar?: string;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  /** Entry number, counted over the whole ACD: the fair order. */
  readonly entry: number;
  /** Place in line at entry, 1 = next. */
  readonly position: number;
  /** Higher is served first; absent: 0. */
  readonly priority?: number;
  /** Place among those of its priority, where it was let in before others; absent: `entry`. */
  readonly order?: number;
  /** Queues it was sent on from before it had a place; absent: none. */
  readonly left?: readonly Departure[];
  /** Longest wait it brought along, in its first queue; absent: the queue's. */
  readonly maxWaitMs?: number;
  /** Penalties that may take it; absent: all. */
  readonly limits?: PenaltyLimits;
  /** What it asks of agents by itself; absent: what the queue asks. */
  readonly skills?: SkillNeed;
  /** The agent it is kept for at first; absent: nobody. */
  readonly keptFor?: AgentId;
  /** The agent whom alone it is for, while it is in this queue; absent: whoever is next. */
  readonly only?: AgentId;
}

/** The queue's penalty rules let others take the waiting call than before. */
export interface CallRelaxed extends Base {
  readonly kind: 'CallRelaxed';
  readonly callId: CallId;
  /** Steps of the rule that are behind it. */
  readonly steps: number;
  readonly limits: PenaltyLimits;
  /** Steps of the queue's skills that are behind it; absent: as many as before. */
  readonly skillSteps?: number;
  /** It is not kept for one agent any more; absent: as before. */
  readonly isFree?: true;
}

/** As every exit has them; former versions told neither. */
interface NoPlace {
  /** Place in line that it would have had; 0: there is no such queue. */
  readonly position?: number;
  /** It never stood there: 0. */
  readonly waitedMs?: number;
}

/** The call gets no place in the queue it asked for; it gets one in that of `destination`. */
export interface CallDiverted extends Base, NoPlace {
  readonly kind: 'CallDiverted';
  readonly callId: CallId;
  readonly queue: QueueName;
  /** Who calls; former versions did not tell. */
  readonly from?: string;
  readonly status: FailoverStatus;
  readonly destination: Destination;
}

/**
 * The call goes from one line to another; it keeps its entry number and the wait it has behind it.
 * Reactor: the new queue's music.
 */
export interface CallMoved extends Base {
  readonly kind: 'CallMoved';
  readonly callId: CallId;
  readonly from: QueueName;
  readonly status: FailoverStatus;
  /** Place in the line it leaves, and how long it stood there. */
  readonly position: number;
  readonly waitedMs: number;
  readonly queue: QueueName;
  readonly priority: number;
}

/** A failover that could not be: `why` is `loop`, `too-many`, `unknown-queue`, or its status. */
export interface FailoverSkipped extends Base {
  readonly kind: 'FailoverSkipped';
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly status: FailoverStatus;
  readonly destination: Destination;
  readonly why: FailoverStatus | 'loop' | 'too-many' | 'unknown-queue';
}

/** A waiting call has another priority, or another place among those of its own. */
export interface CallReordered extends Base {
  readonly kind: 'CallReordered';
  readonly callId: CallId;
  readonly priority: number;
  readonly order: number;
  /** Place in line now, 1 = next. */
  readonly position: number;
}

/** The call got no place. Terminal. Reactor: final answer to the INVITE by status. */
export interface CallRefused extends Base, NoPlace {
  readonly kind: 'CallRefused';
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly sipCallId: string;
  readonly from: string;
  readonly to: string;
  readonly status: ExitStatus;
  /** Where he is sent; absent: the answer is that of the status. */
  readonly destination?: Destination;
}

export interface CallConfirmed extends Base {
  readonly kind: 'CallConfirmed';
  readonly callId: CallId;
}

/** A periodic announcement is due. Reactor: play it, music resumes where it stopped. */
export interface AnnouncementDue extends Base {
  readonly kind: 'AnnouncementDue';
  readonly callId: CallId;
  readonly queue: QueueName;
  /** 1 for the first since entry. */
  readonly count: number;
}

/** The agent is reserved for the call. Reactor: INVITE his device; where it asks: ask. */
export interface AgentOffered extends Base {
  readonly kind: 'AgentOffered';
  readonly offerId: OfferId;
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly agentId: AgentId;
  readonly device: Device;
  /** Instant at which the offer ends as `no-answer`; where it asks: as the veto's silence. */
  readonly deadline: number;
  /** The queue's veto is asked before the phone is rung: OfferCleared, or OfferFailed. */
  readonly asks?: true;
  /** By command, out of turn: nobody else is rung meanwhile. Absent: by the queue's rules. */
  readonly given?: boolean;
}

/** ring-progressively: the phones that ring were given their time, another one may join. */
export interface RingWidened extends Base {
  readonly kind: 'RingWidened';
  readonly callId: CallId;
}

/** Its INVITE is with the SIP server; a later one takes its place (an answer to a challenge). */
export interface OfferSent extends Base {
  readonly kind: 'OfferSent';
  readonly offerId: OfferId;
  /** The SIP server's name of the INVITE under way. */
  readonly transaction: string;
}

export interface OfferRang extends Base {
  readonly kind: 'OfferRang';
  readonly offerId: OfferId;
}

/** First answer wins. Reactor: connect the two legs' media, then ConfirmBridge. */
export interface OfferAnswered extends Base {
  readonly kind: 'OfferAnswered';
  readonly offerId: OfferId;
  readonly callId: CallId;
  readonly agentId: AgentId;
  /** Instant by which the bridge must be confirmed, else the offer fails as `media`. */
  readonly deadline: number;
}

/** The offer came to nothing on the agent's side; the caller keeps place and music. */
export interface OfferFailed extends Base, Partial<VetoFacts> {
  readonly kind: 'OfferFailed';
  readonly offerId: OfferId;
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly failure: OfferFailure;
  readonly sipStatus: number;
  readonly detail: string;
  /** The agent is not offered any call before this instant. */
  readonly restUntil: number;
  /** It counts as a miss, by the queue's `autopause…` options; absent: it does not. */
  readonly missed?: boolean;
}

/** We took the offer back. Reactor: CANCEL, or BYE if it was answered meanwhile. */
export interface OfferWithdrawn extends Base {
  readonly kind: 'OfferWithdrawn';
  readonly offerId: OfferId;
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly reason: OfferWithdrawal;
}

/** Two-way media confirmed: the call leaves the line. */
export interface CallConnected extends Base {
  readonly kind: 'CallConnected';
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly agentId: AgentId;
  readonly offerId: OfferId;
  readonly waitedMs: number;
}

/** The two do not hear each other. Reactor: music to him who waits. */
export interface CallHeld extends Base {
  readonly kind: 'CallHeld';
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly offerId: OfferId;
  readonly holder: Holder;
}

/** He holds no longer. Reactor: connect the two again, unless another holds still. */
export interface CallUnheld extends Base {
  readonly kind: 'CallUnheld';
  readonly callId: CallId;
  readonly agentId: AgentId;
  readonly offerId: OfferId;
  readonly holder: Holder;
}

/** The call is over. Terminal. Reactor: end whatever legs are left. */
export interface CallEnded extends Base {
  readonly kind: 'CallEnded';
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly status: ExitStatus;
  readonly endedBy: EndedBy;
  /** Agent and offer of the connected call, null where there was none. */
  readonly agentId: AgentId | null;
  readonly offerId: OfferId | null;
  readonly waitedMs: number;
  readonly talkedMs: number;
  /** Place in line when it ended, 0 if it had been connected. */
  readonly position: number;
  /** When it really ended, where that was learned only later (nobody was there to hear it). */
  readonly leftAt?: number;
  /** Where the caller is sent; absent: he is hung up on, if he is still there. */
  readonly destination?: Destination;
  /** Exit key that he pressed. */
  readonly key?: string;
}

export interface WrapupStarted extends Base {
  readonly kind: 'WrapupStarted';
  readonly agentId: AgentId;
  readonly queue: QueueName;
  readonly until: number;
}

export interface WrapupEnded extends Base {
  readonly kind: 'WrapupEnded';
  readonly agentId: AgentId;
}

/** Rest after a failed offer is over. */
export interface RestEnded extends Base {
  readonly kind: 'RestEnded';
  readonly agentId: AgentId;
}

/**
 * Reactor: subscribe to the device. Said again of the same device when a deferred logout is taken
 * back, or when it is reached another way now: a subscription that exists stays.
 */
export interface AgentLoggedIn extends Base {
  readonly kind: 'AgentLoggedIn';
  readonly agentId: AgentId;
  readonly device: Device;
  /** Queues of his to which he is not; absent: he is to all. Counts only of a login anew. */
  readonly away?: readonly QueueName[];
}

/** Reactor: end the subscriptions of the device. */
export interface AgentLoggedOut extends Base {
  readonly kind: 'AgentLoggedOut';
  readonly agentId: AgentId;
  readonly device: Device;
  readonly reason: 'asked' | 'replaced' | 'removed' | 'refused';
}

/** The agent asked to leave while he talks: AgentLoggedOut follows when his call ends. */
export interface LogoutDeferred extends Base {
  readonly kind: 'LogoutDeferred';
  readonly agentId: AgentId;
  readonly reason: 'asked' | 'refused';
}

export interface DeviceReported extends Base {
  readonly kind: 'DeviceReported';
  readonly agentId: AgentId;
  readonly deviceUri: string;
  readonly state: DeviceState;
  readonly source: string;
}

/** Reactor: an agent whom we paused ourselves is told. */
export interface AgentPaused extends Base {
  readonly kind: 'AgentPaused';
  readonly agentId: AgentId;
  readonly reason: string;
  /** In this queue only; absent: in all. */
  readonly queue?: QueueName;
  /** Ends by itself then; absent: it does not. */
  readonly until?: number;
  /** He missed offers, and the queue's `autopause` says so. */
  readonly auto?: boolean;
}

export interface AgentResumed extends Base {
  readonly kind: 'AgentResumed';
  readonly agentId: AgentId;
  /** In this queue only; absent: in all. */
  readonly queue?: QueueName;
}

export type CoreEvent =
  | ServerStarted
  | ConfigApplied
  | QueueDrained
  | CallEntered
  | CallDiverted
  | CallMoved
  | FailoverSkipped
  | CallRelaxed
  | CallReordered
  | CallRefused
  | CallConfirmed
  | AnnouncementDue
  | AgentOffered
  | OfferCleared
  | VetoEnded
  | RingWidened
  | OfferSent
  | OfferRang
  | OfferAnswered
  | OfferFailed
  | OfferWithdrawn
  | CallConnected
  | CallHeld
  | CallUnheld
  | CallTransferred
  | TransferBegan
  | TransferReferred
  | TransferDialled
  | TransferAnswered
  | TransferEnded
  | OutboundEvent
  | CallEnded
  | WrapupStarted
  | WrapupEnded
  | RestEnded
  | AgentLoggedIn
  | AgentLoggedOut
  | LogoutDeferred
  | QueueJoined
  | QueueLeft
  | DeviceReported
  | AgentPaused
  | AgentResumed;

/** An event as the journal keeps it. */
export interface StoredEvent {
  /** 1, 2, 3 … without a hole. */
  readonly seq: number;
  readonly event: CoreEvent;
}
