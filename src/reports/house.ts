/**
 * What the folds of the reports must know of what was before: who waits or talks, what rings, who
 * is logged in and paused since when, who is a member where. It follows the same events as the
 * core's state, but is small, plain (so that it can be kept and taken up again), and tolerant: the
 * beginning of a journal may be gone (`journal.keep`), and then what is told of unknown calls and
 * people is passed over.
 */
import type { CoreEvent } from '../core/events.ts';
import type { CallTransferred } from '../core/transfer-events.ts';
import type { AgentId, CallId, CoreConfig, OfferId, QueueName } from '../core/types.ts';
import { withoutScheme } from './units.ts';

export interface OpenCall {
  readonly id: CallId;
  readonly sipCallId: string;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly enteredAt: number;
  readonly firstQueue: QueueName;
  queue: QueueName;
  /** When it came into this queue, and at which place. */
  queuedAt: number;
  position: number;
  priority: number;
  order: number;
  entry: number;
  /** Null: it waits. */
  connectedAt: number | null;
  /** With whom it talks, or talked before it waited again; null: nobody yet. */
  agentId: AgentId | null;
  /** Queues it has left for another one, or was not let into. */
  moves: number;
  /** When its present wait began, and talks that were transferred before, with their sums. */
  waitsSince: number;
  transfers: number;
  waitedMs: number;
  talkedMs: number;
}

/** A caller on his way to an address outside, after his call has ended. */
export interface OpenTransfer {
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly uri: string;
  readonly begunAt: number;
  answeredAt: number | null;
}

/** An agent's own call. */
export interface OpenOutbound {
  readonly callId: CallId;
  readonly agentId: AgentId;
  /** The agent's phone, and who is dialled: `user@host`. */
  readonly from: string;
  readonly to: string;
  readonly begunAt: number;
  pickedUpAt: number | null;
  connectedAt: number | null;
}

export interface OpenOffer {
  readonly id: OfferId;
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly agentId: AgentId;
  /** When his phone began to be rung; while it asks: when the queue's veto began to be asked. */
  offeredAt: number;
  /** The queue's veto is asked: no phone knows of it yet. */
  asks?: boolean;
  rangAt: number | null;
  answeredAt: number | null;
}

export interface OpenPause {
  readonly reason: string;
  readonly since: number;
  readonly auto: boolean;
}

export interface Person {
  /** URI of the phone he is logged in on. */
  readonly device: string;
  readonly since: number;
  /** In all queues. */
  pause: OpenPause | null;
  readonly pausedIn: Map<QueueName, OpenPause>;
  /** Queues of his to which he is logged out; absent: none. */
  away?: readonly QueueName[];
  wrapup: { readonly queue: QueueName; readonly since: number } | null;
}

/** An agent's place in a queue. */
export interface Membership {
  readonly penalty: number;
  readonly ringInUse: boolean | null;
}

export interface House {
  isStarted: boolean;
  config: CoreConfig | null;
  readonly calls: Map<CallId, OpenCall>;
  readonly offers: Map<OfferId, OpenOffer>;
  readonly people: Map<AgentId, Person>;
  readonly sent: Map<CallId, OpenTransfer>;
  readonly outbound: Map<CallId, OpenOutbound>;
}

export function emptyHouse(): House {
  return {
    isStarted: false,
    config: null,
    calls: new Map(),
    offers: new Map(),
    people: new Map(),
    sent: new Map(),
    outbound: new Map(),
  };
}

type PlainPerson = Omit<Person, 'pausedIn'> & { readonly pausedIn: [QueueName, OpenPause][] };

export interface PlainHouse {
  readonly version: 1;
  readonly isStarted: boolean;
  readonly config: CoreConfig | null;
  readonly calls: OpenCall[];
  readonly offers: OpenOffer[];
  readonly people: [AgentId, PlainPerson][];
  /** Absent: none. */
  readonly sent?: OpenTransfer[];
  readonly outbound?: OpenOutbound[];
}

/** As plain data, to be kept. */
export function keepHouse(house: House): PlainHouse {
  return {
    version: 1,
    isStarted: house.isStarted,
    config: house.config,
    calls: [...house.calls.values()],
    offers: [...house.offers.values()],
    sent: [...house.sent.values()],
    outbound: [...house.outbound.values()],
    people: [...house.people].map(([id, person]) => [
      id,
      { ...person, pausedIn: [...person.pausedIn] },
    ]),
  };
}

/** What earlier versions did not keep. */
const neverSentOn = ({ enteredAt }: Pick<OpenCall, 'enteredAt'>) => ({
  ...{ waitsSince: enteredAt, transfers: 0, waitedMs: 0, talkedMs: 0 },
});

/** Takes a kept one up again; it may be used but once. */
export function takeHouse(plain: PlainHouse): House {
  return {
    isStarted: plain.isStarted,
    config: plain.config,
    calls: new Map(plain.calls.map((call) => [call.id, { ...neverSentOn(call), ...call }])),
    offers: new Map(plain.offers.map((offer) => [offer.id, offer])),
    sent: new Map((plain.sent ?? []).map((sent) => [sent.callId, sent])),
    outbound: new Map((plain.outbound ?? []).map((own) => [own.callId, own])),
    people: new Map(
      plain.people.map(([id, person]) => [
        id,
        { ...person, pausedIn: new Map(person.pausedIn) } satisfies Person,
      ]),
    ),
  };
}

/** Of his queues those to which he is logged in. */
export function attendedOf(
  config: CoreConfig | null,
  agentId: AgentId,
  { away = [] }: Pick<Person, 'away'>,
): ReadonlyMap<QueueName, Membership> {
  const all = [...membershipsOf(config, agentId)];
  return new Map(away.length === 0 ? all : all.filter(([queue]) => !away.includes(queue)));
}

/** His queues, in the order of the configuration, with what he has there. */
export function membershipsOf(
  config: CoreConfig | null,
  agentId: AgentId,
): ReadonlyMap<QueueName, Membership> {
  const found = new Map<QueueName, Membership>();
  const agent = config?.agents.find(({ id }) => id === agentId);
  if (config === null || agent === undefined) return found;
  const own = new Set(agent.queues);
  for (const { name } of config.queues) {
    if (!own.has(name)) continue;
    const membership = agent.memberships?.find(({ queue }) => queue === name);
    found.set(name, {
      penalty: membership?.penalty ?? 0,
      ringInUse: membership?.ringInUse ?? null,
    });
  }
  return found;
}

/** Is he kept from the queue's calls by a pause, here or everywhere? */
export function pauseIn(person: Person, queue: QueueName): OpenPause | null {
  return person.pause ?? person.pausedIn.get(queue) ?? null;
}

function followCall(house: House, event: CoreEvent): void {
  switch (event.kind) {
    case 'CallEntered': {
      const { callId, queue, at, entry, position } = event;
      const { sipCallId, from, fromName, to, left = [] } = event;
      house.calls.set(callId, {
        id: callId,
        sipCallId,
        from,
        fromName,
        to,
        enteredAt: at,
        firstQueue: left[0]?.queue ?? queue,
        queue,
        queuedAt: at,
        position,
        priority: event.priority ?? 0,
        order: event.order ?? entry,
        entry,
        connectedAt: null,
        agentId: null,
        moves: left.length,
        waitsSince: at,
        transfers: 0,
        waitedMs: 0,
        talkedMs: 0,
      });
      return;
    }
    case 'CallMoved': {
      const call = house.calls.get(event.callId);
      if (call === undefined) return;
      const { queue, at, priority } = event;
      Object.assign(call, { queue, queuedAt: at, priority, order: call.entry });
      call.moves += 1;
      call.position = placeOf(house, call);
      return;
    }
    case 'CallReordered': {
      const call = house.calls.get(event.callId);
      if (call !== undefined) {
        Object.assign(call, { priority: event.priority, order: event.order });
      }
      return;
    }
    case 'CallConnected': {
      const call = house.calls.get(event.callId);
      if (call !== undefined) {
        Object.assign(call, { connectedAt: event.at, agentId: event.agentId });
      }
      return;
    }
    case 'CallTransferred':
      return followTransfer(house, event);
    case 'CallEnded':
      house.calls.delete(event.callId);
      if (event.offerId !== null) house.offers.delete(event.offerId);
      return;
    default:
  }
}

/** He waits anew; what he has behind him is added up. */
function followTransfer(house: House, event: CallTransferred): void {
  house.offers.delete(event.offerId);
  const call = house.calls.get(event.callId);
  if (call === undefined) return;
  const { queue, at, entry, position, priority } = event;
  Object.assign(call, { queue, priority, position, entry, order: entry });
  Object.assign(call, { queuedAt: at, waitsSince: at, connectedAt: null });
  call.transfers += 1;
  call.waitedMs += event.waitedMs;
  call.talkedMs += event.talkedMs;
}

/** Place among those who wait in its queue, 1 = next. */
export function placeOf(house: House, call: OpenCall): number {
  let place = 1;
  for (const other of house.calls.values()) {
    const isInLine = other.queue === call.queue && other.connectedAt === null;
    if (isInLine && other.id !== call.id && isBefore(other, call)) place += 1;
  }
  return place;
}

function isBefore(a: OpenCall, b: OpenCall): boolean {
  return (b.priority - a.priority || a.order - b.order || a.entry - b.entry) < 0;
}

function followOffer(house: House, event: CoreEvent): void {
  switch (event.kind) {
    case 'AgentOffered': {
      const { offerId: id, callId, queue, agentId, at: offeredAt } = event;
      const open = { id, callId, queue, agentId, offeredAt, rangAt: null, answeredAt: null };
      house.offers.set(id, event.asks === true ? { ...open, asks: true } : open);
      return;
    }
    case 'OfferCleared': {
      const offer = house.offers.get(event.offerId);
      if (offer === undefined) return;
      offer.offeredAt = event.at;
      offer.asks = false;
      return;
    }
    case 'OfferRang':
    case 'OfferAnswered': {
      const offer = house.offers.get(event.offerId);
      if (offer === undefined) return;
      if (event.kind === 'OfferRang') offer.rangAt = event.at;
      else offer.answeredAt = event.at;
      return;
    }
    case 'OfferFailed':
    case 'OfferWithdrawn':
      house.offers.delete(event.offerId);
      return;
    default:
  }
}

function followSent({ sent }: House, event: CoreEvent): void {
  switch (event.kind) {
    case 'TransferBegan': {
      const { callId, queue, uri, at: begunAt } = event;
      sent.set(callId, { callId, queue, uri, begunAt, answeredAt: null });
      return;
    }
    case 'TransferAnswered': {
      const open = sent.get(event.callId);
      if (open !== undefined) open.answeredAt = event.at;
      return;
    }
    case 'TransferEnded':
      sent.delete(event.callId);
      return;
    default:
  }
}

function followOutbound({ outbound }: House, event: CoreEvent): void {
  switch (event.kind) {
    case 'OutboundBegan': {
      const { callId, agentId, device, at: begunAt } = event;
      const legs = { from: withoutScheme(device.uri), to: withoutScheme(event.uri) };
      const times = { begunAt, pickedUpAt: null, connectedAt: null };
      outbound.set(callId, { callId, agentId, ...legs, ...times });
      return;
    }
    case 'OutboundPickedUp':
    case 'OutboundConnected': {
      const own = outbound.get(event.callId);
      if (own === undefined) return;
      if (event.kind === 'OutboundPickedUp') own.pickedUpAt = event.at;
      else own.connectedAt = event.at;
      return;
    }
    case 'OutboundEnded':
      outbound.delete(event.callId);
      return;
    default:
  }
}

function followAgent(house: House, event: CoreEvent): void {
  if (event.kind === 'AgentLoggedIn') {
    const { agentId, device, at } = event;
    const person = house.people.get(agentId);
    if (person?.device === device.uri) return;
    house.people.set(agentId, {
      device: device.uri,
      since: at,
      pause: null,
      pausedIn: new Map(),
      ...(event.away === undefined ? {} : { away: event.away }),
      wrapup: null,
    });
    return;
  }
  const person = 'agentId' in event ? house.people.get(event.agentId ?? '') : undefined;
  if (person === undefined) return;
  switch (event.kind) {
    case 'AgentLoggedOut':
      house.people.delete(event.agentId);
      return;
    case 'AgentPaused': {
      const { reason, queue, at, auto = false } = event;
      const pause = { reason, since: at, auto };
      if (queue === undefined) person.pause = pause;
      else person.pausedIn.set(queue, pause);
      return;
    }
    case 'AgentResumed':
      if (event.queue === undefined) person.pause = null;
      else person.pausedIn.delete(event.queue);
      return;
    case 'QueueJoined':
      person.away = person.away?.filter((queue) => queue !== event.queue) ?? [];
      return;
    case 'QueueLeft':
      person.away = [...(person.away ?? []), event.queue];
      return;
    case 'WrapupStarted':
      // An extension goes on with the one that runs.
      person.wrapup ??= { queue: event.queue, since: event.at };
      return;
    case 'WrapupEnded':
      person.wrapup = null;
      return;
    default:
  }
}

/** Changes the house in place. */
export function follow(house: House, event: CoreEvent): void {
  switch (event.kind) {
    case 'ConfigApplied': {
      house.isStarted = true;
      house.config = event.config;
      const queues = new Set(event.config.queues.map(({ name }) => name));
      for (const person of house.people.values()) {
        const { pausedIn, away } = person;
        for (const name of pausedIn.keys()) if (!queues.has(name)) pausedIn.delete(name);
        if (away !== undefined) person.away = away.filter((name) => queues.has(name));
      }
      return;
    }
    case 'ServerStarted':
      house.isStarted = true;
      return;
    default:
      followCall(house, event);
      followOffer(house, event);
      followSent(house, event);
      followOutbound(house, event);
      followAgent(house, event);
  }
}
