/**
 * The state of the ACD: what all events so far add up to. Only evolve changes it (through
 * `place.ts`, which keeps the derived lines right); everybody else reads, best through
 * `views.ts`. Primary facts are the plain fields; lines, sets and timers are derived from them
 * and are rebuilt, not stored, when a snapshot is restored.
 */
import type { PastTalk, Veto } from './remembered.ts';
import type { Outbound } from './outbound-call.ts';
import { OrderedSet, TimerHeap, type Timer } from './ordered.ts';
import { compareInLine, compareMembers } from './orders.ts';
import { absenceMask } from './absence.ts';
import { queueRules, type MemberRules } from './rules.ts';
import type { Transfer } from './transfer-call.ts';
import type {
  AgentId,
  CallId,
  ConfigVersion,
  CoreConfig,
  Departure,
  Device,
  DeviceState,
  Holder,
  OfferId,
  PenaltyLimits,
  QueueConfig,
  QueueName,
  QueueRules,
  SkillNeed,
  Skills,
} from './types.ts';

/** A caller has this long from his place in line to his ACK (32 s of RFC 3261 timer H, rounded). */
export const CONFIRM_MS = 40_000;
/** An answered agent and the caller must hear each other within this long. */
export const BRIDGE_MS = 5_000;
/** Nobody waits longer: the call ends as FAILED. */
export const WAIT_MAX_MS = 12 * 3_600_000;
/** Nobody talks longer: the call ends as COMPLETED by the system. */
export const TALK_MAX_MS = 24 * 3_600_000;
/** No phone is rung for less, whatever the configuration says: shorter rings only flap. */
export const RING_MIN_MS = 500;
/** Nobody rests less after a failed offer: a phone that declines at once must not be hammered. */
export const REST_MIN_MS = 100;
/** Longest that an agent is left out for a call after a veto. */
export const VETO_REST_MAX_MS = 300_000;
/** Longest that one extension may make a wrap-up from its moment. */
export const WRAPUP_MAX_MS = 3_600_000;
/** Most queues a call is sent on through; then the next destination that is no queue. */
export const MOVES_MAX = 10;
/** Most deadlines one ReachDeadline handles; the rest are due at once and come with the next. */
export const DEADLINES_PER_COMMAND = 1_000;

/** Versions of the configuration that are known by number; older ones are forgotten. */
export const VERSIONS_MAX = 100;
/** Most phones rung at once for one call; `ringall` leaves the rest of its members alone. */
export const RINGING_MAX = 100;

/** Most talks of one visit that are ended by a transfer into another line of ours. */
export const TALKS_MAX = 20;
/** Most callers (of a queue) whose agent is remembered; beyond it who was served longest ago. */
export const ACQUAINTED_MAX = 100_000;

/** What an agent brings along for queues; kept over a change of the configuration. */
export interface Tally {
  /** Calls of the queue he has answered since his login. */
  calls: number;
  /** End of his last call of the queue, 0: none yet. */
  lastCallAt: number;
  /** Number of the last offer of the queue to him, 0: none yet. */
  lastOffer: number;
  /** Offers in a row that he missed. */
  misses: number;
  /** percent: calls he has had, in parts of his share; whoever has least is next. */
  served: number;
}

/** What was observed of a queue, the newest counting most; the base of estimates. */
export interface Pace {
  /** Calls that kept an agent, and how long one does. */
  handled: number;
  handleMs: number;
  /** How long a wait is, and what part of them ends by giving up. */
  waitMs: number;
  givenUp: number;
}

/** A pause: why, and until when (0: until he ends it). `auto`: not he, but we began it. */
export interface Pause {
  readonly reason: string;
  readonly until: number;
  readonly auto: boolean;
}

export interface Call {
  readonly id: CallId;
  queue: QueueName;
  readonly sipCallId: string;
  readonly dialogId: string | null;
  readonly registrar: string | null;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  /** Number of its entry, over the whole ACD: the fair order. A transfer is one, too. */
  entry: number;
  enteredAt: number;
  /** When it came into this queue. */
  queuedAt: number;
  /** Longest wait here that it brought along; null: the queue's. */
  maxWaitMs: number | null;
  /** Penalties that may take it: as it came, as they are now, and the rule's steps behind it. */
  readonly asked: PenaltyLimits;
  limits: PenaltyLimits;
  stepsDone: number;
  /** What it came to ask of agents; null: what the queue asks. And the steps behind it. */
  readonly skills: SkillNeed | null;
  skillSteps: number;
  /** The agent whom it is kept for; null: whoever is next. */
  keptFor: AgentId | null;
  /** The agent whom alone it is for; null: whoever is next. */
  only: AgentId | null;
  /** Queues it has left since its entry, oldest first. */
  left: readonly Departure[];
  /** What was before its last transfer, oldest first. */
  talks: readonly PastTalk[];
  /** Higher is served first. */
  priority: number;
  /** Place among those of its priority: its entry, or between two others by request. */
  order: number;
  /** When the caller's leg was up; null: not yet. */
  confirmedAt: number | null;
  /** Its bridge, else the offer that is answered, else the oldest that rings. */
  offerId: OfferId | null;
  /** All its offers, oldest first; more than one only where the strategy rings several. */
  offers: readonly OfferId[];
  connectedAt: number | null;
  /** Who holds the talk, in the order in which they began to; empty: nobody. */
  heldBy: readonly Holder[];
  /** Agents tried in vain, each with the number of his last offer. */
  tried: Map<AgentId, number> | null;
  /** By agent: how often the queue's veto refused him, and until when he is out (0: over). */
  vetoes: Map<AgentId, Veto> | null;
  /** Periodic announcements so far, and when the last one (or the wait) began. */
  announcements: number;
  announcedAt: number;
  /** ring-progressively: the next phone may join those that ring. */
  mayWiden: boolean;
  /** timeoutrestart=no: when the ring time began that offers share; 0: it begins anew. */
  ringFrom: number;
  /** Derived: where it stands now. */
  inLine: boolean;
  isEligible: boolean;
  /** Eligible, but nobody ready may take it: dispatch looks again when that may have changed. */
  isParked: boolean;
  readonly limit: Timer;
  /** Null: it has not been needed yet. */
  announce: Timer | null;
  widen: Timer | null;
  relax: Timer | null;
}

export interface Offer {
  readonly id: OfferId;
  /** Number of the offer over the whole ACD. */
  readonly number: number;
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly agentId: AgentId;
  readonly device: Device;
  readonly offeredAt: number;
  /** `asking`: the veto is; no phone knows of it yet. */
  phase: 'asking' | 'calling' | 'ringing' | 'answered' | 'connected';
  /** When its ring time began; 0: not yet. */
  rungFrom: number;
  /** By command, out of turn: the call rings nobody else meanwhile. */
  readonly given: boolean;
  /** The SIP server's name of the INVITE, where it cannot be found by the offer's id; or null. */
  transaction: string | null;
  /** When it fails by itself; 0 once connected. */
  deadline: number;
  readonly timer: Timer;
}

export type LogoutReason = 'asked' | 'replaced' | 'removed' | 'refused';

export interface Agent {
  readonly id: AgentId;
  name: string;
  /** Names of his queues, in configuration order. */
  queues: readonly QueueName[];
  /** False once the configuration has dropped him: he leaves when his call ends. */
  known: boolean;
  /** A static member's phone, from the configuration; null: he logs in. */
  fixed: Device | null;
  /** From the configuration, too: what he can do, and callers he never meets. */
  skills: Skills;
  never: readonly string[];
  /** The phone he is logged in on; null: logged out. */
  device: Device | null;
  deviceState: DeviceState;
  loggedInAt: number;
  /** Reason of his pause in all queues; null: not paused. */
  paused: string | null;
  /** When that pause ends by itself, 0: it does not; and whether we began it. */
  pausedUntil: number;
  autoPaused: boolean;
  /** Of his queues, those to which he is logged out. */
  away: Set<QueueName>;
  /** His pauses in single queues. */
  pausedIn: Map<QueueName, Pause>;
  /** Time with callers since his login. */
  talkedMs: number;
  tallies: Map<QueueName, Tally>;
  wrapup: { readonly queue: QueueName; readonly until: number } | null;
  /** No offer before this instant; 0: no rest. */
  restUntil: number;
  offerId: OfferId | null;
  /** The call he talks with, or his own outbound call. */
  callId: CallId | null;
  /** Logs out with this reason when his call ends. */
  leaving: LogoutReason | null;
  /** End of his last call, and what else the configuration's idle clock says. */
  idleSince: number;
  /** Derived. */
  isReady: boolean;
  memberOf: Member[];
  /** What may take him out of account where queues ask whether they are empty. */
  absence: Absence;
  /** In how many of his queues he is among the ready. */
  readyIn: number;
  /** Those of his queues to which it matters how he is, beside that. */
  watchedBy: readonly Queue[];
  readonly rest: Timer;
  readonly wrapupTimer: Timer;
  readonly pauseTimer: Timer;
}

/** An agent in a queue. Derived from the configuration, but for his tally, which he owns. */
export interface Member {
  readonly agent: Agent;
  readonly queue: Queue;
  /** Place among the queue's members. */
  readonly index: number;
  readonly rules: MemberRules;
  readonly tally: Tally;
  isReady: boolean;
}

export interface Queue {
  readonly name: QueueName;
  readonly config: QueueRules;
  /** Which bits of an agent's absence matter to `leavewhenempty`. */
  readonly absenceMask: number;
  /** Everyone with a place: all calls not connected, in order. */
  readonly line: OrderedSet<Call>;
  /** How many of them bring along what they ask of agents. */
  choosers: number;
  /** A member has callers whom he is never given. */
  hasShy: boolean;
  /** Those of the line who may be offered now, but for the parked ones. */
  readonly eligible: OrderedSet<Call>;
  readonly parked: Set<Call>;
  readonly talking: OrderedSet<Call>;
  /** Calls that ring or talk; kept only where their number is limited. */
  readonly served: Set<Call>;
  /** By place. */
  readonly members: Member[];
  /** Members who may be offered a call now, in the order of the strategy. */
  readonly ready: OrderedSet<Member>;
  /** There is an eligible call and a ready member. */
  isMatchable: boolean;
}

/** These calls of a queue, which are new or have changed; or all, as a member counts no more. */
export type Shaken = Set<Call> | 'all';

/** The newest version of the configuration, as it was written. */
export interface Written extends ConfigVersion {
  readonly live: string;
  readonly file: string;
}

export interface State {
  config: CoreConfig;
  /** null: none was written. */
  written: Written | null;
  /** The newest last, at most VERSIONS_MAX. */
  versions: readonly ConfigVersion[];
  /** Derived: queues that go when they have no call any more. */
  readonly draining: Set<Queue>;
  /** Entries and offers so far. */
  entries: number;
  offersMade: number;
  readonly calls: Map<CallId, Call>;
  readonly offers: Map<OfferId, Offer>;
  /** By the call that each was. */
  readonly transfers: Map<CallId, Transfer>;
  /** Agents' own calls. */
  readonly outbound: Map<CallId, Outbound>;
  /** In configuration order, then those who are leaving. */
  readonly agents: Map<AgentId, Agent>;
  /** In configuration order. */
  readonly queues: Map<QueueName, Queue>;
  /** Who is logged in on a device, by its URI. */
  readonly devices: Map<string, AgentId>;
  /** Derived: whose own phone a device is (static members), by its URI. */
  readonly owners: Map<string, readonly AgentId[]>;
  /** Whom a caller last spoke with, by queue and number; only of queues that keep callers so. */
  readonly acquainted: Map<string, AgentId>;
  /** What was observed of each queue. */
  readonly paces: Map<QueueName, Pace>;
  readonly timers: TimerHeap;
  /** Queues that have an eligible call and a ready agent: work for dispatch, else empty. */
  readonly matchable: Set<Queue>;
  /** Queues where `leavewhenempty` must be looked at, and for which calls. Else empty. */
  readonly shaken: Map<Queue, Shaken>;
}

export function initialState(): State {
  return {
    config: { queues: [], agents: [], secondLogin: 'refuse', maxCalls: 0 },
    written: null,
    versions: [],
    draining: new Set(),
    entries: 0,
    offersMade: 0,
    calls: new Map(),
    offers: new Map(),
    transfers: new Map(),
    outbound: new Map(),
    agents: new Map(),
    queues: new Map(),
    devices: new Map(),
    owners: new Map(),
    acquainted: new Map(),
    paces: new Map(),
    timers: new TimerHeap(),
    matchable: new Set(),
    shaken: new Map(),
  };
}

/** When the runtime must send ReachDeadline at the latest; null: nothing is due ever. */
export function nextDeadline(state: State): number | null {
  return state.timers.first()?.at ?? null;
}

export function makeQueue(config: QueueConfig): Queue {
  const rules = queueRules(config);
  return {
    name: config.name,
    config: rules,
    absenceMask: absenceMask(rules.leaveWhenEmpty),
    line: new OrderedSet<Call>(compareInLine),
    choosers: 0,
    hasShy: false,
    eligible: new OrderedSet<Call>(compareInLine),
    parked: new Set(),
    talking: new OrderedSet<Call>(compareInLine),
    served: new Set(),
    members: [],
    ready: new OrderedSet<Member>(compareMembers(config.strategy)),
    isMatchable: false,
  };
}

/** Nobody is rung for it. */
export const NO_OFFERS: readonly OfferId[] = [];
/** Nobody holds the talk. */
export const NOT_HELD: readonly Holder[] = [];

/** Any penalty will do. */
export const NO_LIMITS: PenaltyLimits = { min: null, max: null, raise: null };

export function makeTally(): Tally {
  return { calls: 0, lastCallAt: 0, lastOffer: 0, misses: 0, served: 0 };
}

export function makeTimer(kind: string, id: string): Timer {
  return { kind, id, at: 0, slot: -1 };
}

/** Bits of `core/absence.ts`, and of how many single queues he is paused or logged out. */
export interface Absence {
  readonly bits: number;
  readonly here: number;
}

const PRESENT: Absence = { bits: 0, here: 0 };
const NO_SKILLS: Skills = {};
const NO_PATTERNS: readonly string[] = [];

export function makeAgent(id: AgentId): Agent {
  return {
    id,
    name: '',
    queues: [],
    known: true,
    fixed: null,
    skills: NO_SKILLS,
    never: NO_PATTERNS,
    device: null,
    deviceState: 'unknown',
    loggedInAt: 0,
    paused: null,
    pausedUntil: 0,
    autoPaused: false,
    away: new Set(),
    pausedIn: new Map(),
    talkedMs: 0,
    tallies: new Map(),
    wrapup: null,
    restUntil: 0,
    offerId: null,
    callId: null,
    leaving: null,
    idleSince: 0,
    isReady: false,
    memberOf: [],
    absence: PRESENT,
    readyIn: 0,
    watchedBy: [],
    rest: makeTimer('rest', id),
    wrapupTimer: makeTimer('wrapup', id),
    pauseTimer: makeTimer('pause', id),
  };
}

/** A fact the caller relies on; its absence is a broken invariant, never an operating fault. */
export function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`broken invariant: no ${what}`);
  return value;
}
