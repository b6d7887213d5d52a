/**
 * The cheap half of the proof, after every event: books kept from the journal alone, without the
 * core's state. Numbers are those of docs/ARCHITECTURE.md, "Invariants": an agent has one offer or
 * one call (1); a call has one bridge, and the first answer wins (2); who came first is offered
 * first (4); every call that entered ends once (5); an offer ends by its deadline (6); nobody is
 * rung whose phone, pause or wrap-up forbids it (7).
 */
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import { OrderedSet } from '../core/ordered.ts';
import { STANDARD_OUTBOUND } from '../core/rules.ts';
import { TALK_MAX_MS } from '../core/state.ts';
import type { AgentId, CallId, DeviceState, OfferId, QueueName } from '../core/types.ts';

type Of<K extends CoreEvent['kind']> = Extract<CoreEvent, { kind: K }>;

interface CallPage {
  readonly id: CallId;
  queue: QueueName;
  entry: number;
  enteredAt: number;
  isConfirmed: boolean;
  connectedAt: number | null;
  offers: number;
}

interface AgentPage {
  deviceUri: string | null;
  device: DeviceState;
  isPaused: boolean;
  isInWrapup: boolean;
  /** The offer that rings at him or that he talks by, or the call that he makes. */
  offerId: string | null;
}

interface OfferPage {
  readonly callId: CallId;
  readonly agentId: AgentId;
  deadline: number;
  phase: 'asking' | 'ringing' | 'answered' | 'connected';
}

interface OutboundPage {
  readonly agentId: AgentId;
  connectedAt: number | null;
  /** When it ends by itself, where nothing happens. */
  limitAt: number;
}

/** A deadline is late by no more than this, but where the journal was down. */
const LATE_MS = 5_000;
/** Of a simulated house. */
const { ringMs: RING_MS, dialMs: DIAL_MS, toneMs: TONE_MS } = STANDARD_OUTBOUND;
/** More are not kept: the first tell the story. */
const FAULTS_MAX = 20;

export class Ledger {
  readonly faults: string[] = [];
  readonly #calls = new Map<CallId, CallPage>();
  readonly #agents = new Map<AgentId, AgentPage>();
  readonly #offers = new Map<OfferId, OfferPage>();
  readonly #dialling = new Map<CallId, OutboundPage>();
  /** Calls of a queue that may be offered, in order of entry. */
  readonly #lines = new Map<QueueName, OrderedSet<CallPage>>();
  readonly #isPlain: boolean;
  #seq = 0;
  #at = 0;
  #entry = 0;
  #where = '';

  /**
   * `isPlain`: of equal agents and equal callers, one call at a time for each agent. Only then is
   * it known without the rules who must be rung for whom; else what is begun must be ended.
   */
  constructor(isPlain = true) {
    this.#isPlain = isPlain;
  }

  /** Number of the last event heard. */
  get seq(): number {
    return this.#seq;
  }

  hear({ seq, event }: StoredEvent): void {
    this.#where = `event ${seq} ${event.kind}`;
    if (seq !== this.#seq + 1) this.#fault(`comes after ${this.#seq}`);
    if (event.at < this.#at) this.#fault(`is older than the one before`);
    this.#seq = seq;
    this.#at = event.at;
    this.#write(event);
  }

  /** Offers and outbound calls whose time has passed and that still stand (6). */
  overdue(now: number): string[] {
    return [
      ...[...this.#offers]
        .filter(([, { phase, deadline }]) => phase !== 'connected' && deadline + LATE_MS < now)
        .map(([id]) => `offer ${id} has outlived its deadline`),
      ...[...this.#dialling]
        .filter(([, { limitAt }]) => limitAt + LATE_MS < now)
        .map(([id]) => `outbound call ${id} has outlived its limit`),
    ];
  }

  /** What must not be left when everybody has gone home. */
  left(): string[] {
    return [
      ...[...this.#dialling.keys()].map((id) => `outbound call ${id} never ended`),
      ...[...this.#calls.keys()].map((id) => `call ${id} never ended`),
      ...[...this.#offers.keys()].map((id) => `offer ${id} never ended`),
    ];
  }

  #fault(text: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(`${this.#where}: ${text}`);
  }

  #write(event: CoreEvent): void {
    switch (event.kind) {
      case 'CallEntered':
        return this.#entered(event);
      case 'CallRefused':
        if (this.#calls.has(event.callId)) this.#fault(`${event.callId} is in already`);
        return;
      case 'CallConfirmed':
        return this.#confirmed(event.callId);
      case 'AgentOffered':
        return this.#offered(event);
      case 'OfferCleared':
        return this.#cleared(event);
      case 'OfferAnswered':
        return this.#answered(event);
      case 'OfferFailed':
      case 'OfferWithdrawn':
        return this.#over(event.offerId);
      case 'CallConnected':
        return this.#connected(event);
      case 'CallTransferred':
        return this.#transferred(event);
      case 'CallEnded':
        return this.#ended(event);
      case 'OutboundBegan':
        return this.#dialsOut(event);
      case 'OutboundPickedUp':
        return this.#outbound(event.callId, (page) => (page.limitAt = event.at + DIAL_MS));
      case 'OutboundRefused':
        return this.#outbound(event.callId, (page) => (page.limitAt = event.at + TONE_MS));
      case 'OutboundConnected':
        return this.#outbound(event.callId, (page) => {
          page.connectedAt = event.at;
          page.limitAt = event.at + TALK_MAX_MS;
        });
      case 'OutboundEnded':
        return this.#dialledOut(event);
      default:
        if ('agentId' in event) this.#agentSays(event);
    }
  }

  #agentSays(event: CoreEvent & { readonly agentId: AgentId }): void {
    const agent = this.#agent(event.agentId);
    switch (event.kind) {
      case 'AgentLoggedIn':
        if (agent.deviceUri !== event.device.uri) agent.device = 'unknown';
        agent.deviceUri = event.device.uri;
        return;
      case 'AgentLoggedOut':
        if (agent.offerId !== null) this.#fault(`${event.agentId} has ${agent.offerId}`);
        this.#agents.delete(event.agentId);
        return;
      case 'DeviceReported':
        agent.device = event.state;
        return;
      case 'AgentPaused':
        agent.isPaused ||= event.queue === undefined;
        return;
      case 'AgentResumed':
        agent.isPaused &&= event.queue !== undefined;
        return;
      case 'WrapupStarted':
        agent.isInWrapup = true;
        return;
      case 'WrapupEnded':
        agent.isInWrapup = false;
        return;
      default:
    }
  }

  #agent(id: AgentId): AgentPage {
    const known = this.#agents.get(id);
    if (known !== undefined) return known;
    const page: AgentPage = {
      deviceUri: null,
      device: 'unknown',
      isPaused: false,
      isInWrapup: false,
      offerId: null,
    };
    this.#agents.set(id, page);
    return page;
  }

  #line(queue: QueueName): OrderedSet<CallPage> {
    const known = this.#lines.get(queue);
    if (known !== undefined) return known;
    const line = new OrderedSet<CallPage>((a, b) => a.entry - b.entry);
    this.#lines.set(queue, line);
    return line;
  }

  #entered(event: Of<'CallEntered'>): void {
    const { callId, queue, entry, at } = event;
    if (this.#calls.has(callId)) this.#fault(`${callId} is in already`);
    if (entry <= this.#entry) this.#fault(`entry ${entry} after ${this.#entry}`);
    this.#entry = entry;
    this.#calls.set(callId, {
      id: callId,
      queue,
      entry,
      enteredAt: at,
      isConfirmed: false,
      connectedAt: null,
      offers: 0,
    });
  }

  #confirmed(callId: CallId): void {
    const call = this.#calls.get(callId);
    if (call === undefined) return this.#fault(`there is no call ${callId}`);
    if (call.isConfirmed) return;
    call.isConfirmed = true;
    this.#line(call.queue).add(call);
  }

  #offered(event: Of<'AgentOffered'>): void {
    const { offerId, callId, agentId, deadline, device, at, asks } = event;
    const [call, agent] = [this.#calls.get(callId), this.#agent(agentId)];
    if (call === undefined) return this.#fault(`there is no call ${callId}`);
    if (!call.isConfirmed) this.#fault(`${callId} has no leg yet`);
    if (call.connectedAt !== null) this.#fault(`${callId} talks already`);
    if (agent.deviceUri !== device.uri) this.#fault(`${agentId} is not on ${device.uri}`);
    if (this.#offers.has(offerId)) this.#fault(`${offerId} is there already`);
    if (deadline <= at) this.#fault(`${offerId} has no time`);
    if (this.#isPlain) this.#mayRing(agentId, agent, call);
    const phase = asks === true ? 'asking' : 'ringing';
    this.#offers.set(offerId, { callId, agentId, deadline, phase });
    agent.offerId = offerId;
    call.offers += 1;
    this.#line(call.queue).delete(call);
  }

  #cleared({ offerId, deadline }: Of<'OfferCleared'>): void {
    const offer = this.#offers.get(offerId);
    if (offer === undefined) return this.#fault(`there is no offer ${offerId}`);
    if (offer.phase !== 'asking') this.#fault(`${offerId} was not asked about`);
    // It may have been reserved for long: now it counts.
    const { device, isPaused } = this.#agent(offer.agentId);
    if (isPaused || (this.#isPlain && device !== 'idle'))
      this.#fault(`${offer.agentId} is ${isPaused ? 'paused' : device}`);
    offer.phase = 'ringing';
    offer.deadline = deadline;
  }

  #mayRing(agentId: AgentId, agent: AgentPage, call: CallPage): void {
    if (agent.offerId !== null) this.#fault(`${agentId} has ${agent.offerId} already`);
    if (agent.device !== 'idle') this.#fault(`the phone of ${agentId} is ${agent.device}`);
    if (agent.isPaused) this.#fault(`${agentId} is paused`);
    if (agent.isInWrapup) this.#fault(`${agentId} is in wrap-up`);
    const first = this.#line(call.queue).first();
    if (call.offers === 0 && first !== undefined && first.entry < call.entry) {
      this.#fault(`${call.id} is served before ${first.id}, who came first`);
    }
  }

  #answered({ offerId, callId, deadline }: Of<'OfferAnswered'>): void {
    const offer = this.#offers.get(offerId);
    if (offer === undefined) return this.#fault(`there is no offer ${offerId}`);
    if (offer.phase !== 'ringing') this.#fault(`${offerId} is ${offer.phase} already`);
    if (offer.callId !== callId) this.#fault(`${offerId} is for ${offer.callId}`);
    offer.phase = 'answered';
    offer.deadline = deadline;
  }

  #over(offerId: OfferId): void {
    const offer = this.#offers.get(offerId);
    if (offer === undefined) return this.#fault(`there is no offer ${offerId}`);
    if (offer.phase === 'connected') this.#fault(`${offerId} is a bridge`);
    this.#offers.delete(offerId);
    this.#agent(offer.agentId).offerId = null;
    const call = this.#calls.get(offer.callId);
    if (call === undefined) return;
    call.offers -= 1;
    if (call.offers === 0 && call.connectedAt === null) this.#line(call.queue).add(call);
  }

  #connected({ callId, agentId, offerId, waitedMs, at }: Of<'CallConnected'>): void {
    const [call, offer] = [this.#calls.get(callId), this.#offers.get(offerId)];
    if (call === undefined) return this.#fault(`there is no call ${callId}`);
    if (offer === undefined) return this.#fault(`there is no offer ${offerId}`);
    if (call.connectedAt !== null) this.#fault(`${callId} talks already`);
    if (offer.phase !== 'answered') this.#fault(`${offerId} was never answered`);
    if (offer.agentId !== agentId) this.#fault(`${offerId} is ${offer.agentId}'s`);
    if (waitedMs !== at - call.enteredAt) this.#fault(`${waitedMs} ms is not how long it waited`);
    offer.phase = 'connected';
    call.connectedAt = at;
  }

  /** The talk is over for the agent, and the caller enters once more. */
  #transferred(event: Of<'CallTransferred'>): void {
    const { callId, offerId, agentId, entry, queue, at, waitedMs, talkedMs } = event;
    const call = this.#calls.get(callId);
    if (call?.connectedAt == null) return this.#fault(`${callId} does not talk`);
    if (waitedMs !== call.connectedAt - call.enteredAt) this.#fault(`${waitedMs} ms waited`);
    if (talkedMs !== at - call.connectedAt) this.#fault(`${talkedMs} ms talked`);
    const bridge = this.#offers.get(offerId);
    if (bridge?.phase !== 'connected' || bridge.callId !== callId)
      this.#fault(`${offerId} is no bridge of ${callId}`);
    if (entry <= this.#entry) this.#fault(`entry ${entry} after ${this.#entry}`);
    this.#entry = entry;
    this.#offers.delete(offerId);
    this.#agent(agentId).offerId = null;
    Object.assign(call, { queue, entry, enteredAt: at, connectedAt: null, offers: 0 });
    this.#line(queue).add(call);
  }

  #ended({ callId, offerId, waitedMs, talkedMs, at: heardAt, leftAt }: Of<'CallEnded'>): void {
    const at = leftAt ?? heardAt;
    if (at > heardAt) this.#fault(`${callId} ends in the future`);
    const call = this.#calls.get(callId);
    if (call === undefined) return this.#fault(`${callId} is not there, or has ended before`);
    const { connectedAt, enteredAt } = call;
    const waited = (connectedAt ?? at) - enteredAt;
    const talked = at - (connectedAt ?? at);
    if (waitedMs !== waited) this.#fault(`${waitedMs} ms is not how long it waited`);
    if (talkedMs !== talked) this.#fault(`${talkedMs} ms is not how long it talked`);
    if ((offerId !== null) !== (connectedAt !== null)) this.#fault(`${callId} had no such bridge`);
    const bridge = offerId === null ? undefined : this.#offers.get(offerId);
    if (offerId !== null && bridge?.phase !== 'connected') this.#fault(`${offerId} is no bridge`);
    if (call.offers > (bridge === undefined ? 0 : 1)) this.#fault(`a phone still rings for it`);
    if (bridge !== undefined && offerId !== null) {
      this.#offers.delete(offerId);
      this.#agent(bridge.agentId).offerId = null;
    }
    this.#line(call.queue).delete(call);
    this.#calls.delete(callId);
  }

  /** He has no other call, and gets none while he has this one. */
  #dialsOut({ callId, agentId, device, at }: Of<'OutboundBegan'>): void {
    const agent = this.#agent(agentId);
    if (this.#dialling.has(callId)) this.#fault(`${callId} is there already`);
    if (agent.offerId !== null) this.#fault(`${agentId} has ${agent.offerId} already`);
    if (agent.deviceUri !== device.uri) this.#fault(`${agentId} is not on ${device.uri}`);
    this.#dialling.set(callId, { agentId, connectedAt: null, limitAt: at + RING_MS });
    agent.offerId = callId;
  }

  #outbound(callId: CallId, write: (page: OutboundPage) => void): void {
    const page = this.#dialling.get(callId);
    if (page === undefined) return this.#fault(`there is no outbound call ${callId}`);
    write(page);
  }

  #dialledOut({ callId, talkedMs, at: heardAt, leftAt }: Of<'OutboundEnded'>): void {
    this.#outbound(callId, ({ agentId, connectedAt }) => {
      const at = leftAt ?? heardAt;
      if (talkedMs !== at - (connectedAt ?? at)) this.#fault(`${talkedMs} ms talked`);
      if (this.#agent(agentId).offerId !== callId) this.#fault(`${agentId} has another call`);
      this.#agent(agentId).offerId = null;
    });
    this.#dialling.delete(callId);
  }
}
