/**
 * A recorded day, folded from its events into what people did of their own accord: who called
 * when, how long he waited or talked; how agents took their offers; when they came, paused and
 * went. What the ACD made of it (who was offered whom) is left out: that is what a what-if does
 * anew.
 */
import type { AgentOffered, CoreEvent } from '../core/events.ts';
import type {
  AgentId,
  CallId,
  CoreConfig,
  Device,
  DeviceState,
  OfferId,
  QueueName,
} from '../core/types.ts';
import { priorityOf, queueRules } from '../core/rules.ts';
import type { Brings, Fate } from './script.ts';

export interface RecordedCall {
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly at: number;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly brings: Brings;
  /** From entry to his leg; null: it was never up. */
  confirmMs: number | null;
  waitedMs: number;
  /** He gave up after that wait. */
  hasAbandoned: boolean;
  /** How long he talked; null: he was never connected. */
  talkMs: number | null;
  hangsUp: 'caller' | 'agent';
}

export type Doing =
  | { readonly kind: 'login'; readonly device: Device }
  | { readonly kind: 'logout' }
  | { readonly kind: 'join' | 'leave'; readonly queue: QueueName }
  | { readonly kind: 'pause'; readonly reason: string; readonly queue?: QueueName }
  | { readonly kind: 'resume'; readonly queue?: QueueName }
  | { readonly kind: 'report'; readonly deviceUri: string; readonly state: DeviceState };

export interface RecordedDoing {
  readonly at: number;
  readonly agentId: AgentId;
  readonly doing: Doing;
}

interface Person {
  device: Device | null;
  state: DeviceState;
  pause: string | null;
  /** Of single queues: reasons of his pauses, and those that he has left. */
  readonly pausedIn: Map<QueueName, string>;
  readonly away: Set<QueueName>;
  /** Our offers and calls at him: while there are any, his phone's state is our doing. */
  ours: number;
  /** He makes a call: played again his phone is in use for so long. */
  dials: boolean;
}

interface OpenOffer {
  /** `at`: since when his phone rang. */
  offered: AgentOffered;
  rangAt: number | null;
  answeredAt: number | null;
}

type Came = Extract<CoreEvent, { kind: 'CallEntered' | 'CallRefused' }>;

/**
 * What he brought along. A priority that the queue's own rules give is theirs, not his; a place in
 * line was asked for where he stands before others who came first. Of one who was refused no more
 * is known than whom he called.
 */
function bringsOf(config: CoreConfig | null, name: QueueName, event: Came): Brings {
  const queue = config?.queues.find((each) => each.name === name);
  const agentId = queue?.direct === true ? (event.to.split('@')[0] ?? '') : undefined;
  const his = agentId === undefined ? {} : { agentId };
  if (event.kind === 'CallRefused') return his;
  const { from, priority = 0, order, position, maxWaitMs, limits, skills, left } = event;
  // Elsewhere than he asked for his place says nothing of that.
  const isHere = left === undefined;
  const ruled = queue === undefined ? 0 : priorityOf(queueRules(queue), from, undefined);
  const isOwn = isHere && order === undefined && priority !== ruled;
  return {
    ...his,
    ...(isHere && order !== undefined ? { position } : {}),
    ...(isOwn ? { priority } : {}),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    ...(limits === undefined ? {} : { limits }),
    ...(skills === undefined ? {} : { skills }),
  };
}

export interface Window {
  readonly from: number;
  /** Not included. */
  readonly to: number;
}

export class Recording {
  readonly calls: RecordedCall[] = [];
  readonly doings: RecordedDoing[] = [];
  readonly fates = new Map<AgentId, Fate[]>();
  /** The configuration last applied. */
  config: CoreConfig | null = null;
  /** How often it changed within the window. */
  configChanges = 0;
  first = 0;
  last = 0;
  readonly #window: Window;
  readonly #open = new Map<CallId, RecordedCall>();
  readonly #offers = new Map<OfferId, OpenOffer>();
  readonly #people = new Map<AgentId, Person>();
  #isWithin = false;

  constructor(window: Window) {
    this.#window = window;
  }

  /** Events in order, those before the window too: they tell who is there when it begins. */
  hear(event: CoreEvent): void {
    if (event.at >= this.#window.to) return;
    if (event.kind === 'ConfigApplied') this.config = event.config;
    if (event.at >= this.#window.from) {
      if (!this.#isWithin) this.#begin(event.at);
      this.last = event.at;
      if (event.kind === 'ConfigApplied') this.configChanges += 1;
    }
    this.#agentEvent(event);
    this.#callEvent(event);
  }

  /** Who is there already. */
  #begin(at: number): void {
    this.#isWithin = true;
    this.first = at;
    for (const [agentId, person] of this.#people) {
      const { device, pause, pausedIn, away } = person;
      if (device === null) continue;
      this.#did(at, agentId, { kind: 'login', device });
      for (const queue of away) this.#did(at, agentId, { kind: 'leave', queue });
      this.#reports(at, agentId, person);
      if (pause !== null) this.#did(at, agentId, { kind: 'pause', reason: pause });
      for (const [queue, reason] of pausedIn)
        this.#did(at, agentId, { kind: 'pause', reason, queue });
    }
  }

  #did(at: number, agentId: AgentId, doing: Doing): void {
    if (this.#isWithin) this.doings.push({ at, agentId, doing });
  }

  /** How his phone is, as far as it is not our doing. */
  #reports(at: number, agentId: AgentId, { device, state, dials }: Person): void {
    if (device === null) return;
    const shown = dials ? 'inuse' : state;
    this.#did(at, agentId, { kind: 'report', deviceUri: device.uri, state: shown });
  }

  #person(id: AgentId): Person {
    const known = this.#people.get(id);
    if (known !== undefined) return known;
    const person: Person = {
      device: null,
      state: 'unknown',
      pause: null,
      pausedIn: new Map(),
      away: new Set(),
      ours: 0,
      dials: false,
    };
    this.#people.set(id, person);
    return person;
  }

  #agentEvent(event: CoreEvent): void {
    const { at } = event;
    switch (event.kind) {
      case 'AgentLoggedIn':
        return this.#loggedIn(event);
      case 'AgentLoggedOut':
        this.#person(event.agentId).device = null;
        return this.#did(at, event.agentId, { kind: 'logout' });
      case 'QueueJoined':
        this.#person(event.agentId).away.delete(event.queue);
        return this.#did(at, event.agentId, { kind: 'join', queue: event.queue });
      case 'QueueLeft':
        this.#person(event.agentId).away.add(event.queue);
        return this.#did(at, event.agentId, { kind: 'leave', queue: event.queue });
      case 'AgentPaused': {
        const { reason, queue } = event;
        const person = this.#person(event.agentId);
        if (queue === undefined) person.pause = reason;
        else person.pausedIn.set(queue, reason);
        // We paused him, for what he missed: played again he may miss nothing.
        if (event.auto === true) return;
        const where = queue === undefined ? {} : { queue };
        return this.#did(at, event.agentId, { kind: 'pause', reason, ...where });
      }
      case 'AgentResumed': {
        const { queue } = event;
        const person = this.#person(event.agentId);
        if (queue === undefined) person.pause = null;
        else person.pausedIn.delete(queue);
        const where = queue === undefined ? {} : { queue };
        return this.#did(at, event.agentId, { kind: 'resume', ...where });
      }
      case 'DeviceReported': {
        const person = this.#person(event.agentId);
        person.state = event.state;
        const { state } = event;
        const isOurs = person.ours > 0 && (state === 'inuse' || state === 'ringing');
        if (!isOurs && !person.dials) this.#reports(at, event.agentId, person);
        return;
      }
      case 'OutboundBegan':
      case 'OutboundEnded': {
        const person = this.#person(event.agentId);
        person.dials = event.kind === 'OutboundBegan';
        return this.#reports(at, event.agentId, person);
      }
      case 'AgentOffered':
        return this.#offered(event);
      default:
    }
  }

  /** Said again of the same login (reached another way now) it is nothing that he did. */
  #loggedIn({ at, agentId, device, away = [] }: Extract<CoreEvent, { kind: 'AgentLoggedIn' }>) {
    const person = this.#person(agentId);
    const isAnew = person.device === null;
    person.device = device;
    if (!isAnew) return;
    Object.assign(person, { state: 'unknown', pause: null });
    person.pausedIn.clear();
    person.away.clear();
    this.#did(at, agentId, { kind: 'login', device });
    for (const queue of away) {
      person.away.add(queue);
      this.#did(at, agentId, { kind: 'leave', queue });
    }
  }

  /** Where the beginning of the journal was removed, an offer is the first sign of an agent. */
  #offered(event: AgentOffered): void {
    const person = this.#person(event.agentId);
    person.ours += 1;
    this.#offers.set(event.offerId, { offered: event, rangAt: null, answeredAt: null });
    if (person.device !== null) return;
    Object.assign(person, { device: event.device, state: 'idle' });
    const { first: at } = this;
    const { agentId, device } = event;
    this.#did(at, agentId, { kind: 'login', device });
    this.#did(at, agentId, { kind: 'report', deviceUri: device.uri, state: 'idle' });
  }

  #callEvent(event: CoreEvent): void {
    switch (event.kind) {
      case 'CallEntered':
        return this.#entered(event, event.fromName);
      case 'CallRefused': {
        this.#entered(event, '');
        this.#open.delete(event.callId);
        return;
      }
      case 'CallConfirmed': {
        const call = this.#open.get(event.callId);
        if (call !== undefined) call.confirmMs = event.at - call.at;
        return;
      }
      case 'CallEnded':
        this.#close(event.offerId);
        return this.#ended(event);
      case 'CallTransferred':
        this.#close(event.offerId);
        return this.#transferred(event);
      case 'OfferCleared':
      case 'OfferRang':
      case 'OfferAnswered':
      case 'OfferFailed':
      case 'OfferWithdrawn':
      case 'CallConnected':
        return this.#offerEvent(event);
      default:
    }
  }

  #entered(event: Came, fromName: string): void {
    if (!this.#isWithin) return;
    const { callId, at, from, to } = event;
    // What he asked for, wherever failover led him.
    const [left] = event.kind === 'CallEntered' ? (event.left ?? []) : [];
    const queue = left?.queue ?? event.queue;
    const call: RecordedCall = {
      callId,
      queue,
      at,
      from,
      fromName,
      to,
      brings: bringsOf(this.config, queue, event),
      confirmMs: null,
      waitedMs: 0,
      hasAbandoned: false,
      talkMs: null,
      hangsUp: 'caller',
    };
    this.calls.push(call);
    this.#open.set(callId, call);
  }

  #ended(event: Extract<CoreEvent, { kind: 'CallEnded' }>): void {
    const call = this.#open.get(event.callId);
    if (call === undefined) return;
    this.#open.delete(event.callId);
    call.waitedMs = event.waitedMs;
    call.hasAbandoned = event.status === 'ABANDONED';
    if (event.agentId !== null) call.talkMs = event.talkedMs;
    call.hangsUp = event.endedBy === 'agent' ? 'agent' : 'caller';
  }

  /** Played again he has said all he had to say; the second wait was an order, not his wish. */
  #transferred({ callId, waitedMs, talkedMs }: Extract<CoreEvent, { kind: 'CallTransferred' }>) {
    const call = this.#open.get(callId);
    if (call === undefined) return;
    this.#open.delete(callId);
    Object.assign(call, { waitedMs, talkMs: talkedMs, hangsUp: 'agent' });
  }

  #close(offerId: OfferId | null): OpenOffer | undefined {
    const open = offerId === null ? undefined : this.#offers.get(offerId);
    if (open === undefined || offerId === null) return undefined;
    this.#offers.delete(offerId);
    this.#person(open.offered.agentId).ours -= 1;
    return open;
  }

  #offerEvent(event: CoreEvent & { readonly offerId: OfferId }): void {
    const open = this.#offers.get(event.offerId);
    if (open === undefined) return;
    const { offered, rangAt, answeredAt } = open;
    const ringsMs = (rangAt ?? offered.at) - offered.at;
    const afterMs = event.at - offered.at;
    switch (event.kind) {
      case 'OfferCleared':
        open.offered = { ...offered, at: event.at };
        return;
      case 'OfferRang':
        open.rangAt = event.at;
        return;
      case 'OfferAnswered':
        open.answeredAt = event.at;
        return;
      case 'CallConnected': {
        const answered = answeredAt ?? event.at;
        const bridgeMs = event.at - answered;
        const fate: Fate = { kind: 'answers', ringsMs, afterMs: answered - offered.at, bridgeMs };
        return this.#became(offered.agentId, fate);
      }
      case 'OfferWithdrawn':
        // What would have become of it nobody knows.
        this.#close(event.offerId);
        return;
      case 'OfferFailed': {
        this.#close(event.offerId);
        const { failure, sipStatus } = event;
        // He never knew of it.
        if (failure === 'vetoed') return;
        const silent: Fate = { kind: 'silent', ringsMs, lateMs: null };
        const fails: Fate = { kind: 'fails', afterMs, failure, sipStatus };
        return this.#became(offered.agentId, failure === 'no-answer' ? silent : fails);
      }
      default:
    }
  }

  #became(agentId: AgentId, fate: Fate): void {
    const fates = this.fates.get(agentId);
    if (fates === undefined) this.fates.set(agentId, [fate]);
    else fates.push(fate);
  }
}
