/**
 * The state of the ACD: what all events so far add up to. Only evolve changes it (through
 * `place.ts`, which keeps the derived lines right); everybody else reads, best through
 * `views.ts`. Primary facts are the plain fields; lines, sets and timers are derived from them
 * and are rebuilt, not stored, when a snapshot is restored.
 */
import { compareText, OrderedSet, TimerHeap, type Timer } from './ordered.ts';
import type {
  AgentId,
  CallId,
  CoreConfig,
  Device,
  DeviceState,
  OfferId,
  QueueConfig,
  QueueName,
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
/** Most deadlines one ReachDeadline handles; the rest are due at once and come with the next. */
export const DEADLINES_PER_COMMAND = 1_000;

export interface Call {
  readonly id: CallId;
  readonly queue: QueueName;
  readonly sipCallId: string;
  readonly dialogId: string | null;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  /** Number of its entry, over the whole ACD: the fair order. */
  readonly entry: number;
  readonly enteredAt: number;
  /** When the caller's leg was up; null: not yet. */
  confirmedAt: number | null;
  /** The one offer or bridge it has. */
  offerId: OfferId | null;
  connectedAt: number | null;
  /** Agents tried in vain, each with the number of his last offer. */
  tried: Map<AgentId, number> | null;
  /** Periodic announcements so far, and when the last one (or the wait) began. */
  announcements: number;
  announcedAt: number;
  /** Derived: where it stands now. */
  inLine: boolean;
  isEligible: boolean;
  readonly limit: Timer;
  readonly announce: Timer;
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
  phase: 'calling' | 'ringing' | 'answered' | 'connected';
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
  /** The phone he is logged in on; null: logged out. */
  device: Device | null;
  deviceState: DeviceState;
  loggedInAt: number;
  /** Reason of his pause; null: not paused. */
  paused: string | null;
  wrapup: { readonly queue: QueueName; readonly until: number } | null;
  /** No offer before this instant; 0: no rest. */
  restUntil: number;
  offerId: OfferId | null;
  /** The call he talks with. */
  callId: CallId | null;
  /** Logs out with this reason when his call ends. */
  leaving: LogoutReason | null;
  /** Login, end of his last call or of its wrap-up. Pauses, misses and own calls leave it. */
  idleSince: number;
  /** Derived. */
  isReady: boolean;
  memberOf: Queue[];
  readonly rest: Timer;
  readonly wrapupTimer: Timer;
}

export interface Queue {
  readonly name: QueueName;
  config: QueueConfig;
  /** Everyone with a place: all calls not connected, in order. */
  readonly line: OrderedSet<Call>;
  /** Those of the line who may be offered now. */
  readonly eligible: OrderedSet<Call>;
  readonly talking: OrderedSet<Call>;
  /** Members who may be offered a call now, most idle first. */
  readonly ready: OrderedSet<Agent>;
}

export interface State {
  config: CoreConfig;
  /** Entries and offers so far. */
  entries: number;
  offersMade: number;
  readonly calls: Map<CallId, Call>;
  readonly offers: Map<OfferId, Offer>;
  /** In configuration order, then those who are leaving. */
  readonly agents: Map<AgentId, Agent>;
  /** In configuration order. */
  readonly queues: Map<QueueName, Queue>;
  /** Who is logged in on a device, by its URI. */
  readonly devices: Map<string, AgentId>;
  readonly timers: TimerHeap;
  /** Queues that have an eligible call and a ready agent: work for dispatch, else empty. */
  readonly matchable: Set<Queue>;
}

export function initialState(): State {
  return {
    config: { queues: [], agents: [], secondLogin: 'refuse', maxCalls: 0 },
    entries: 0,
    offersMade: 0,
    calls: new Map(),
    offers: new Map(),
    agents: new Map(),
    queues: new Map(),
    devices: new Map(),
    timers: new TimerHeap(),
    matchable: new Set(),
  };
}

/** When the runtime must send ReachDeadline at the latest; null: nothing is due ever. */
export function nextDeadline(state: State): number | null {
  return state.timers.first()?.at ?? null;
}

/** Order of calls within one queue: who comes first is served first. */
export function compareInLine(a: Call, b: Call): number {
  return a.entry - b.entry;
}

/** Most idle first, over all his queues; equals by id so that the order is total. */
export function compareIdle(a: Agent, b: Agent): number {
  return a.idleSince - b.idleSince || compareText(a.id, b.id);
}

export function makeQueue(config: QueueConfig): Queue {
  return {
    name: config.name,
    config,
    line: new OrderedSet(compareInLine),
    eligible: new OrderedSet(compareInLine),
    talking: new OrderedSet(compareInLine),
    ready: new OrderedSet(compareIdle),
  };
}

export function makeTimer(kind: string, id: string): Timer {
  return { kind, id, at: 0, slot: -1 };
}

export function makeAgent(id: AgentId): Agent {
  return {
    id,
    name: '',
    queues: [],
    known: true,
    device: null,
    deviceState: 'unknown',
    loggedInAt: 0,
    paused: null,
    wrapup: null,
    restUntil: 0,
    offerId: null,
    callId: null,
    leaving: null,
    idleSince: 0,
    isReady: false,
    memberOf: [],
    rest: makeTimer('rest', id),
    wrapupTimer: makeTimer('wrapup', id),
  };
}

/** A fact the caller relies on; its absence is a broken invariant, never an operating fault. */
export function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`broken invariant: no ${what}`);
  return value;
}
