/**
 * The nouns of the ACD. Every other folder speaks of queues, calls, agents, devices and offers in
 * these shapes; docs/ARCHITECTURE.md ("Words") explains them. Nothing here does anything: the rules
 * live in decide (what may happen) and evolve (what it changes).
 *
 * Units: every instant is milliseconds since the epoch (`at`, `…At`), every span is milliseconds
 * and its name ends in `Ms`. Ids are opaque strings handed in with the command that needs them.
 */

/** One visit of a caller, from INVITE to BYE; keeps its id through several queues. */
export type CallId = string;
/** A person who answers calls; the id he keys at login, e.g. `2771`. */
export type AgentId = string;
/** One attempt to give one call to one agent; the only thing that may make a phone ring. */
export type OfferId = string;
export type QueueName = string;

/** Availability of a phone as its PBX tells it (PIDF, dialog-info), already combined. */
export type DeviceState =
  | 'unknown' // no NOTIFY yet, or the subscription is lost
  | 'idle'
  | 'ringing'
  | 'inuse'
  | 'unavailable'; // unregistered, closed, or refused

/** Where an agent's calls go: the phone he logged in from. */
export interface Device {
  /** Address of record, canonical: `sip:user@host[:port]`, without parameters. */
  readonly uri: string;
  /** Name of the `sip.register` entry through which he is dialled; null: dialled directly. */
  readonly registrar: string | null;
  /** How a phone without a registrar is reached, in its own words; absent: by `uri`. */
  readonly contact?: DirectContact;
}

export interface DirectContact {
  /** Contact URI with its parameters (transport). */
  readonly uri: string;
  /** Where its packets come from, if that differs from the Contact (NAT); else null. */
  readonly nextHop: string | null;
}

/** Which agent of a queue is rung next; `core/orders.ts` has each as a comparator. */
export type Strategy =
  | 'most-idle' // idle longest over all his queues
  | 'ringall' // all of them at once, the first answer wins
  | 'leastrecent' // whose last call in this queue ended longest ago
  | 'fewestcalls' // fewest calls in this queue since his login
  | 'least-talk-time' // least time talking, over all his queues, since his login
  | 'random'
  | 'rrmemory' // whose last offer in this queue is longest ago
  | 'rrordered' // the next after the one rung last, in the order of the configuration
  | 'linear' // in the order of the configuration, from the top each time
  | 'wrandom' // random, the penalty is the weight: the higher, the more seldom
  | 'ring-progressively' // as linear, but another one joins after each delay
  | 'percent'; // so that each gets his share of the queue's calls

/** Which failed offers pause an agent by themselves, and where: in this queue, or in all. */
export type Autopause = 'no' | 'yes' | 'all';

/** `pattern`: a number, where `*` stands for any rest, `?` for one character. */
export interface CallerRule {
  readonly pattern: string;
  readonly priority: number;
}

/** Which penalties may take a call: from `min` to `max`, and those below `raise` count as that. */
export interface PenaltyLimits {
  /** null: no limit. */
  readonly min: number | null;
  readonly max: number | null;
  readonly raise: number | null;
  /** Asterisk's `rN`: who is below `min` is not raised, and stays out. Absent: he is. */
  readonly keepsMin?: true;
}

/** How one limit changes: to a value, or by one. */
export interface PenaltyChange {
  readonly by: 'set' | 'add';
  readonly value: number;
}

/** queuerules.conf, `penaltychange`: what changes when a call has waited so long in the queue. */
export interface PenaltyStep {
  readonly atMs: number;
  readonly max?: PenaltyChange;
  readonly min?: PenaltyChange;
  readonly raise?: PenaltyChange;
  /** Of the change of `raise`. */
  readonly keepsMin?: true;
}

/** How well an agent does what, by name: 1 to 100. */
export type Skills = Readonly<Record<string, number>>;

/** What a call asks of an agent; levels from `least` to `most`, 0 is not to have the skill. */
export type SkillNeed =
  | { readonly is: 'level'; readonly skill: string; readonly least: number; readonly most: number }
  | { readonly is: 'all' | 'any'; readonly of: readonly SkillNeed[] }
  | { readonly is: 'not'; readonly of: SkillNeed };

/** What is asked when a call has waited so long in the queue; null: nothing any more. */
export interface SkillStep {
  readonly atMs: number;
  readonly need: SkillNeed | null;
}

/** What callers whose number fits ask of agents; null: nothing. */
export interface CallerNeed {
  readonly pattern: string;
  readonly need: SkillNeed | null;
}

/** What takes a logged-in member out of account when a queue counts as empty (queues.conf). */
export type EmptyCondition =
  | 'paused'
  | 'penalty' // outside of the call's limits, or negative
  | 'inuse'
  | 'ringing'
  | 'unavailable'
  | 'invalid' // negative penalty
  | 'unknown'
  | 'wrapup';

/** Where a call goes that leaves a queue without an agent. */
export type Destination =
  | { readonly to: 'queue'; readonly queue: QueueName }
  /**
   * 302 before his call is answered; after it REFER, or where his side refuses we call there.
   * `replaces`: instead of that dialog there (RFC 3891); absent: as a new call.
   */
  | { readonly to: 'uri'; readonly uri: string; readonly replaces?: string }
  | { readonly to: 'busy' }
  | { readonly to: 'congestion' }
  /** `cause`: Q.850. */
  | { readonly to: 'hangup'; readonly cause: number }
  /** He hears it, then we hang up. */
  | { readonly to: 'prompt'; readonly prompt: string };

/** Whoever is asked before a phone is rung has so long to answer, and what no answer means. */
export interface VetoRule {
  readonly name: string;
  readonly timeoutMs: number;
  readonly silence: 'ring' | 'refuse';
}

/** What came of asking; `silence`: no answer, or none that can be understood. */
export type Ruling = 'allow' | 'refuse' | 'silence';

/** Everything a queue may be given; names follow Asterisk's queues.conf where it has them. */
export interface QueueOptions {
  /** `timeoutrestart`: a phone found busy or unreachable takes no ring time from the next one. */
  readonly timeoutRestart: boolean;
  /** `autofill`: serve several callers at once; else nobody is rung but for the first in line. */
  readonly autofill: boolean;
  /** `ringinuse`: ring a phone that is in use with a call of its own. */
  readonly ringInUse: boolean;
  /** Rest of an agent after such a failure; null: as `retry`. */
  readonly rejectDelayMs: number | null;
  readonly busyDelayMs: number | null;
  readonly noAnswerDelayMs: number | null;
  readonly autopause: Autopause;
  /** `autopausedelay`: no automatic pause so soon after the end of his last call. */
  readonly autopauseDelayMs: number;
  /** `autopausebusy`: a phone that is busy or declines counts as a miss, too. */
  readonly autopauseBusy: boolean;
  /** `autopauseunavail`: and a phone that cannot be reached. */
  readonly autopauseUnavail: boolean;
  /** Misses in a row before the pause. */
  readonly autopauseMisses: number;
  /** The automatic pause ends by itself after so long; 0: only he ends it. */
  readonly autopauseLengthMs: number;
  /** ring-progressively: when another phone joins those that ring. */
  readonly progressiveDelayMs: number;
  /** Priority of its callers, unless a rule or the call itself says otherwise; higher is first. */
  readonly priority: number;
  /** First match gives the caller's priority. */
  readonly callers: readonly CallerRule[];
  /** `joinempty`: no entry if these take every member out of account; none: no such check. */
  readonly joinEmpty: readonly EmptyCondition[];
  /** `leavewhenempty`: likewise who waits must leave. */
  readonly leaveWhenEmpty: readonly EmptyCondition[];
  /** No entry with so many in line for each logged-in member; 0: no such check. */
  readonly maxCallsPerAgent: number;
  /** No entry for whom the wait is estimated as longer; 0: no such check. */
  readonly maxEstimatedWaitMs: number;
  /** Longest wait in this queue; 0: only the product's limit. */
  readonly maxWaitMs: number;
  /** `timeoutpriority`: `app` ends the wait at once, `conf` lets a phone ring out before. */
  readonly timeoutPriority: 'app' | 'conf';
  /** By exit status: the first that can be had is taken. */
  readonly failover: Readonly<Partial<Record<FailoverStatus, readonly Destination[]>>>;
  /** By key: where a waiting caller goes who presses it. */
  readonly exitKeys: Readonly<Record<string, readonly Destination[]>>;
  /** Most calls of the queue that talk or ring at once; 0: no limit. */
  readonly maxTalks: number;
  /** `defaultrule`: by rising time. */
  readonly penaltySteps: readonly PenaltyStep[];
  /** `penaltymemberslimit`: with so few logged in, or fewer, no limit counts; 0: they always do. */
  readonly penaltyMembersLimit: number;
  /** What a call asks of agents at first, unless it says so itself; null: nothing. */
  readonly skills: SkillNeed | null;
  /** What callers ask, by number: the first match goes before `skills`. */
  readonly callerSkills: readonly CallerNeed[];
  /** What it asks later, by rising time. */
  readonly skillSteps: readonly SkillStep[];
  /** How long a caller is kept for the agent he last spoke with here; 0: he is not. */
  readonly stickyMs: number;
  /** Asked before each offer rings; null: nobody is. */
  readonly veto: VetoRule | null;
}

/** What the core must know of a queue. */
export interface QueueConfig extends Partial<QueueOptions> {
  readonly name: QueueName;
  readonly strategy: Strategy;
  /** `timeout`: how long one agent is rung. */
  readonly timeoutMs: number;
  /** `retry`: rest of an agent after an offer that failed, before he is offered a call again. */
  readonly retryMs: number;
  /** `wrapuptime`: rest after a connected call; 0 = none. */
  readonly wrapupMs: number;
  /** `maxlen`: most calls waiting; 0 = no limit of its own (the product's limit still holds). */
  readonly maxlen: number;
  /** `weight`: among queues sharing an agent the heavier is served first. */
  readonly weight: number;
  /** `periodic-announce-frequency`; 0 = never. */
  readonly periodicAnnounceMs: number;
  /** Calls to one agent wait here, and no others; every agent is a member. */
  readonly direct?: true;
  /** Removed from the configuration: nobody enters, who is in it is served, then it is gone. */
  readonly draining?: true;
}

/** A queue's configuration with everything in it; `core/rules.ts` completes it. */
export type QueueRules = QueueConfig & QueueOptions;

/** What an agent has in one queue, where it differs from the queue's own. */
export interface MembershipConfig {
  readonly queue: QueueName;
  /** Lower is first; below 0 he is never offered a call of the queue. Default 0. */
  readonly penalty?: number;
  readonly ringInUse?: boolean;
  readonly wrapupMs?: number;
  /** Strategy percent: his part of the calls, relative to the others'. Default 1. */
  readonly share?: number;
  /** Place in `linear` and `rrordered`; default: after all that have one, in order of agents. */
  readonly order?: number;
}

/** What the core must know of an agent. PINs stay in the configuration, outside the journal. */
export interface AgentConfig {
  readonly id: AgentId;
  readonly name: string;
  /** Names of the queues he is a member of, in configuration order. */
  readonly queues: readonly QueueName[];
  /** Of those, the ones where he has something of his own. */
  readonly memberships?: readonly MembershipConfig[];
  /** His own `wrapuptime`; absent: the queue's. */
  readonly wrapupMs?: number;
  /** A static member: always logged in on this phone, and never by or to another one. */
  readonly device?: Device;
  readonly skills?: Skills;
  /** Callers he never meets: patterns as in `CallerRule`. */
  readonly never?: readonly string[];
  /** Where calls to him alone go that he does not take; absent: by their queue's failover. */
  readonly noAnswer?: readonly Destination[];
}

/** A reason for which agents may pause, and for how long; 0: as long as they like. */
export interface PauseReason {
  readonly reason: string;
  readonly maxMs: number;
}

/** What starts the idle clock anew, besides the end of a call, which always does. */
export interface IdleClock {
  readonly login: boolean;
  readonly wrapup: boolean;
  readonly pause: boolean;
  /** A call of his own, which presence told of. */
  readonly ownCall: boolean;
  /** An offer that he did not take. */
  readonly missed: boolean;
}

/** How long the phases of a call that an agent makes may last. */
export interface OutboundLimits {
  /** His own phone rings. */
  readonly ringMs: number;
  /** The number rings. */
  readonly dialMs: number;
  /** He hears that it was not reached, before we hang up; 0: we do so at once. */
  readonly toneMs: number;
}

/** The part of acd.yaml that decides; applied as a whole. */
export interface CoreConfig {
  readonly queues: readonly QueueConfig[];
  readonly agents: readonly AgentConfig[];
  /** What a login on a taken device, or of a logged-in agent, does (`sip.login.second-login`). */
  readonly secondLogin: 'refuse' | 'replace';
  /** Most calls waiting or talking in the whole ACD. */
  readonly maxCalls: number;
  /** Default: login and wrap-up. */
  readonly idleClock?: IdleClock;
  /** Reasons there are; none: any is taken. */
  readonly pauseReasons?: readonly PauseReason[];
  /** Of agents' own calls; absent: the standard ones. */
  readonly outbound?: OutboundLimits;
}

/** The configuration as it was written, which the core only keeps and numbers. */
export interface WrittenConfig {
  readonly source: 'file' | 'rest' | 'rollback';
  /** What holds, as `config/document.ts` writes it: without secrets. */
  readonly live: string;
  /** The file as last loaded, likewise; absent: as before. */
  readonly file?: string;
  /** What it changed, in a line. */
  readonly note: string;
}

/** One version of it. */
export interface ConfigVersion {
  /** 1, 2, 3 … */
  readonly version: number;
  readonly at: number;
  readonly by: string;
  readonly source: WrittenConfig['source'];
  readonly note: string;
}

/** Why an offer ended without a connected call. */
export type OfferFailure =
  | 'no-answer' // the queue's timeout passed
  | 'busy' // 486, 600
  | 'declined' // 603, 480 with DND and the like
  | 'unreachable' // 404, 408, 410, 480, 503, no route
  | 'failed' // any other final answer, or our own fault (media, SDP)
  | 'media' // answered, but two-way audio could not be set up
  | 'vetoed'; // the queue's veto said no; his phone never rang

/** Why an offer was taken back by us. */
export type OfferWithdrawal =
  | 'caller-left'
  | 'answered-elsewhere'
  | 'agent-unavailable' // logged out, replaced or removed while ringing
  | 'device-busy' // the phone got a call of its own while ours rang
  | 'given' // the call was given to another agent
  | 'shutdown';

/** Asterisk's QUEUESTATUS: why a call left a queue, or did not get in, without an agent. */
export type FailoverStatus =
  | 'TIMEOUT' // waited as long as he may
  | 'FULL' // no place in line
  | 'JOINEMPTY' // nobody is logged in
  | 'JOINUNAVAIL' // nobody who is logged in could take it
  | 'LEAVEEMPTY' // the last one has logged out
  | 'LEAVEUNAVAIL' // of those logged in nobody could take it any more
  | 'CONTINUE' // pressed an exit key
  | 'WITHDRAW'; // taken out by command

/**
 * Why a call left its queue for good: as above, COMPLETED for a call that was connected,
 * ABANDONED for a caller who gave up, FAILED where the caller's leg failed for a reason of ours
 * (media lost, shutdown).
 */
export type ExitStatus =
  FailoverStatus | 'COMPLETED' | 'ABANDONED' | 'UNKNOWNQUEUE' | 'OVERLOAD' | 'FAILED';

/** A queue that a call left, and why: it does not come back while that holds. */
export interface Departure {
  readonly queue: QueueName;
  readonly status: FailoverStatus;
}

export type EndedBy = 'caller' | 'agent' | 'system';

/**
 * Who holds a talk: the agent's or the caller's phone (re-INVITE), or whoever steers it by
 * command. A talk goes on when nobody holds it any more.
 */
export type Holder = 'agent' | 'caller' | 'command';
