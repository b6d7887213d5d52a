/**
 * The state as plain data: for snapshots beside the journal, and for comparing two states. Only
 * facts are stored, lists in a fixed order, so equal states give equal text; everything derived
 * is placed anew when it is restored.
 */
import { placeOutbound } from './evolve-outbound.ts';
import { placeTransfer } from './evolve-sending.ts';
import { compareText } from './ordered.ts';
import { placeAll } from './place.ts';
import type { Outbound } from './outbound-call.ts';
import { NO_TALKS, type Veto } from './remembered.ts';
import {
  initialState,
  makeAgent,
  makeTimer,
  NO_LIMITS,
  NOT_HELD,
  type Agent,
  type Call,
  type Offer,
  type Pace,
  type Pause,
  type State,
  type Tally,
  type Written,
} from './state.ts';
import type { Transfer } from './transfer-call.ts';
import type { AgentId, ConfigVersion, CoreConfig, QueueName } from './types.ts';

/** Shape of a snapshot; another number is not restored, the journal is replayed instead. */
export const SNAPSHOT_VERSION = 1;

const DERIVED_OF_CALL = [
  'inLine',
  'isEligible',
  'isParked',
  'limit',
  'announce',
  'widen',
  'relax',
] as const;
const DERIVED_OF_OFFER = ['timer'] as const;
const DERIVED_OF_AGENT = [
  'fixed',
  'skills',
  'never',
  'isReady',
  'memberOf',
  'absence',
  'readyIn',
  'watchedBy',
  'rest',
  'wrapupTimer',
  'pauseTimer',
] as const;

type PlainCall = Omit<Call, 'tried' | 'vetoes' | (typeof DERIVED_OF_CALL)[number]> & {
  readonly tried: readonly (readonly [AgentId, number])[];
  readonly vetoes: readonly (readonly [AgentId, Veto])[] | undefined;
};
type PlainOffer = Omit<Offer, (typeof DERIVED_OF_OFFER)[number]>;
type OwnOfAgent = 'tallies' | 'pausedIn' | 'away' | (typeof DERIVED_OF_AGENT)[number];
type PlainAgent = Omit<Agent, OwnOfAgent> & {
  readonly tallies: readonly (readonly [QueueName, Tally])[];
  readonly pausedIn: readonly (readonly [QueueName, Pause])[];
  readonly away: readonly QueueName[] | undefined;
};

/** As earlier versions wrote them: what they did not know has its standard value. */
type Stored<T, Late extends keyof T> = Omit<T, Late> & Partial<Pick<T, Late>>;
type StoredCall = Stored<
  PlainCall,
  | 'vetoes'
  | 'dialogId'
  | 'registrar'
  | 'queuedAt'
  | 'asked'
  | 'limits'
  | 'stepsDone'
  | 'skills'
  | 'skillSteps'
  | 'keptFor'
  | 'only'
  | 'maxWaitMs'
  | 'left'
  | 'talks'
  | 'priority'
  | 'order'
  | 'offers'
  | 'mayWiden'
  | 'ringFrom'
  | 'heldBy'
>;
type StoredTransfer = Stored<Omit<Transfer, 'timer'>, 'isReferred' | 'registrar'>;
type StoredAgent = Stored<
  PlainAgent,
  'pausedUntil' | 'autoPaused' | 'away' | 'pausedIn' | 'talkedMs' | 'tallies'
>;

export interface Snapshot {
  readonly version: number;
  readonly config: CoreConfig;
  readonly written?: Written;
  readonly versions?: readonly ConfigVersion[];
  readonly entries: number;
  readonly offersMade: number;
  readonly calls: readonly StoredCall[];
  readonly offers: readonly Stored<PlainOffer, 'given' | 'rungFrom'>[];
  readonly agents: readonly StoredAgent[];
  /** Absent: none. */
  readonly transfers?: readonly StoredTransfer[];
  readonly outbound?: readonly Omit<Outbound, 'timer'>[];
  /** Whom a caller last spoke with, by queue and number, oldest first; absent: nobody. */
  readonly acquainted?: readonly (readonly [string, AgentId])[];
  readonly paces?: readonly (readonly [QueueName, Pace])[];
}

function without<T extends object, K extends keyof T>(whole: T, derived: readonly K[]): Omit<T, K> {
  // Setting to undefined, which JSON leaves out, keeps the object's shape: deleting is slow.
  const copy: Partial<T> = { ...whole };
  for (const key of derived) copy[key] = undefined;
  return copy as Omit<T, K>;
}

function plainCall(call: Call): PlainCall {
  const tried = [...(call.tried ?? [])].sort((a, b) => a[1] - b[1]);
  const vetoes = call.vetoes && [...call.vetoes].sort(([a], [b]) => compareText(a, b));
  return { ...without(call, DERIVED_OF_CALL), tried, vetoes: vetoes ?? undefined };
}

function isBlank(tally: Tally): boolean {
  return Object.values(tally).every((count) => count === 0);
}

function plainAgent(agent: Agent): PlainAgent {
  const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) =>
    compareText(a, b);
  return {
    ...without(agent, DERIVED_OF_AGENT),
    tallies: [...agent.tallies].filter(([, tally]) => !isBlank(tally)).sort(byName),
    pausedIn: [...agent.pausedIn].sort(byName),
    away: agent.away.size === 0 ? undefined : [...agent.away].sort(compareText),
  };
}

export function snapshot(state: State): Snapshot {
  return {
    version: SNAPSHOT_VERSION,
    config: state.config,
    ...(state.written === null ? {} : { written: state.written, versions: state.versions }),
    entries: state.entries,
    offersMade: state.offersMade,
    calls: [...state.calls.values()].sort((a, b) => a.entry - b.entry).map(plainCall),
    offers: [...state.offers.values()]
      .sort((a, b) => a.number - b.number)
      .map((offer) => without(offer, DERIVED_OF_OFFER)),
    agents: [...state.agents.values()].sort((a, b) => compareText(a.id, b.id)).map(plainAgent),
    ...(state.transfers.size === 0
      ? {}
      : {
          transfers: [...state.transfers.values()].map((sent) => without(sent, DERIVED_OF_OFFER)),
        }),
    ...(state.outbound.size === 0
      ? {}
      : { outbound: [...state.outbound.values()].map((one) => without(one, DERIVED_OF_OFFER)) }),
    ...(state.acquainted.size === 0 ? {} : { acquainted: [...state.acquainted] }),
    paces: [...state.paces].sort(([a], [b]) => compareText(a, b)),
  };
}

function restoreCall(call: StoredCall): Call {
  return {
    dialogId: null,
    registrar: null,
    queuedAt: call.enteredAt,
    maxWaitMs: null,
    asked: NO_LIMITS,
    limits: NO_LIMITS,
    stepsDone: 0,
    skills: null,
    skillSteps: 0,
    keptFor: null,
    only: null,
    left: [],
    talks: NO_TALKS,
    priority: 0,
    order: call.entry,
    offers: call.offerId === null ? [] : [call.offerId],
    mayWiden: false,
    ringFrom: 0,
    heldBy: NOT_HELD,
    ...call,
    tried: call.tried.length > 0 ? new Map(call.tried) : null,
    vetoes: call.vetoes === undefined ? null : new Map(call.vetoes),
    inLine: false,
    isEligible: false,
    isParked: false,
    limit: makeTimer('call', call.id),
    announce: null,
    widen: null,
    relax: null,
  };
}

function restoreAgent(agent: StoredAgent): Agent {
  const tallies = new Map(agent.tallies?.map(([queue, tally]) => [queue, { ...tally }]));
  const lists = { tallies, pausedIn: new Map(agent.pausedIn), away: new Set(agent.away) };
  return { ...makeAgent(agent.id), ...agent, ...lists };
}

/** The state a snapshot was taken of. */
export function restore(plain: Snapshot): State {
  const state = initialState();
  state.config = plain.config;
  state.written = plain.written ?? null;
  state.versions = plain.versions ?? [];
  state.entries = plain.entries;
  state.offersMade = plain.offersMade;
  for (const call of plain.calls) state.calls.set(call.id, restoreCall(call));
  for (const offer of plain.offers) {
    const transaction = offer.transaction ?? null;
    const timer = makeTimer('offer', offer.id);
    const late = { given: false, rungFrom: offer.offeredAt };
    state.offers.set(offer.id, { ...late, ...offer, transaction, timer });
  }
  for (const agent of plain.agents) {
    state.agents.set(agent.id, restoreAgent(agent));
    if (agent.device !== null) state.devices.set(agent.device.uri, agent.id);
  }
  for (const [name, pace] of plain.paces ?? []) state.paces.set(name, { ...pace });
  for (const [known, agentId] of plain.acquainted ?? []) {
    // Earlier versions kept no queue: of those nobody can say where it was.
    if (known.includes(' ')) state.acquainted.set(known, agentId);
  }
  for (const sent of plain.transfers ?? []) {
    // One of a former version does not say whether his side was at it.
    const late = { isReferred: false, registrar: null };
    const transfer = { ...late, ...sent, timer: makeTimer('transfer', sent.callId) };
    state.transfers.set(sent.callId, transfer);
    placeTransfer(state, transfer);
  }
  for (const own of plain.outbound ?? []) {
    // One of a former version was not refused: that was its end.
    const refused = own.refused ?? null;
    const outbound = { ...own, refused, timer: makeTimer('outbound', own.id) };
    state.outbound.set(own.id, outbound);
    placeOutbound(state, outbound);
  }
  placeAll(state);
  return state;
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return `{${entries.map(([key, held]) => `${JSON.stringify(key)}:${canonical(held)}`).join(',')}}`;
}

/** One FNV-1a pass over the UTF-16 units of a text, 32 bits, from a given basis. */
function fnv1a(text: string, basis: number): number {
  let hash = basis;
  for (let at = 0; at < text.length; at += 1) {
    hash ^= text.charCodeAt(at);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** 16 hex digits; equal for equal states, whichever way they came about. Not cryptographic. */
export function canonicalHash(state: State): string {
  const text = canonical(snapshot(state));
  const halves = [fnv1a(text, 0x811c9dc5), fnv1a(text, 0x050c5d1f)];
  return halves.map((half) => half.toString(16).padStart(8, '0')).join('');
}
