/**
 * Everybody outside: callers and phones, who do what their script says and answer what the ACD
 * orders. It plays the part of the SIP and media edges: it acts on durable events only, and tells
 * the runtime what came of it. It knows nothing of the core's state, so what it believes (who
 * talks with whom) can be held against that state.
 */
import type { StoredEvent } from '../core/events.ts';
import type { AgentId, CallId, OfferId } from '../core/types.ts';
import type { NewCommand } from '../runtime/port.ts';
import type { Cancel } from '../runtime/scheduler.ts';
import { OutgoingCalls } from './outgoing.ts';
import { Phones } from './phones.ts';
import type { Visit } from './script.ts';
import { say, type Stage } from './stage.ts';

const BY = 'sim';
/** A caller who gets 503 calls again after this (Retry-After), once. */
const RETRY_MS = 5_000;

interface Caller {
  readonly visit: Visit;
  phase: 'calling' | 'waiting' | 'talking';
  /** What he has planned next: giving up, or hanging up. */
  plan: Cancel | null;
  hasRetried: boolean;
  offerId: OfferId | null;
  /** He has hung up, whether we know it yet or not. */
  isGone: boolean;
}

export class House {
  readonly phones: Phones;
  readonly outgoing: OutgoingCalls;
  readonly #stage: Stage;
  readonly #callers = new Map<CallId, Caller>();
  #isClosing = false;
  #comes: Cancel | null = null;
  /** Callers who never got in because the ACD could not take them, even the second time. */
  turnedAway = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.phones = new Phones(stage);
    this.outgoing = new OutgoingCalls(stage, this.phones);
  }

  /** No caller is left, and none will come; nor does an agent still talk with somebody. */
  get isEmpty(): boolean {
    const isQuiet = this.#callers.size === 0 && this.outgoing.isQuiet;
    return this.#comes === null && isQuiet;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  open(): void {
    this.#stage.script.begin(this);
    this.#awaitNext();
  }

  /** Agents stay until the last caller has gone, but begin nothing new. */
  close(): void {
    this.#isClosing = true;
    this.#comes?.();
    this.#comes = null;
  }

  now(): number {
    return this.#stage.scheduler.now();
  }

  after(ms: number, run: () => void): Cancel {
    return this.#stage.scheduler.after(ms, run);
  }

  send(command: NewCommand): void {
    this.#stage.edge.send(command);
  }

  logIn(
    agentId: AgentId,
    device = { uri: `sip:${agentId}@pbx`, registrar: null as string | null },
  ) {
    const command: NewCommand = { kind: 'LogInAgent', agentId, device, by: BY };
    this.#stage.edge.send(command, (outcome) => {
      const isDown = !outcome.ok && outcome.refusal === 'unavailable';
      if (isDown && !this.#isClosing) this.after(RETRY_MS, () => this.logIn(agentId, device));
    });
  }

  /**
   * Who is still on the line, as they themselves would say: callers in order of their coming, then
   * the calls that agents make.
   */
  living(): CallId[] {
    return [...this.#callers.keys(), ...this.outgoing.living()];
  }

  /** Was this command done before its answer was lost? Then it must not be sent again. */
  isDone(command: NewCommand): boolean {
    if (command.kind === 'DialOut') return this.outgoing.isDone(command.callId);
    if (command.kind !== 'ArriveCall') return false;
    return this.#callers.get(command.callId)?.phase !== 'calling';
  }

  hear(stored: StoredEvent): void {
    const { event } = stored;
    switch (event.kind) {
      case 'CallEntered':
        return this.#entered(event.callId);
      case 'CallRefused':
        this.#callers.delete(event.callId);
        return;
      case 'CallConnected':
        this.phones.connected(event.offerId);
        return this.#connected(event.callId, event.offerId);
      case 'CallEnded':
        if (event.offerId !== null) this.phones.over(event.offerId);
        return this.#ended(event.callId);
      default:
        this.outgoing.hear(event);
        return this.phones.hear(event);
    }
  }

  /** Where people and state differ; empty: they agree. Asked when nothing is under way. */
  differences(state: {
    readonly calls: ReadonlyMap<CallId, { readonly connectedAt: number | null }>;
    readonly offers: ReadonlyMap<OfferId, unknown>;
    readonly outbound: ReadonlyMap<CallId, unknown>;
  }): string[] {
    const faults: string[] = [];
    for (const [id, call] of state.calls) {
      const caller = this.#callers.get(id);
      if (caller === undefined) faults.push(`call ${id} has no caller`);
      else if ((call.connectedAt !== null) !== (caller.phase === 'talking')) {
        faults.push(`call ${id} and its caller disagree whether they talk`);
      }
    }
    for (const [id, caller] of this.#callers) {
      if (caller.phase !== 'calling' && !state.calls.has(id)) faults.push(`caller ${id} is lost`);
    }
    faults.push(...this.outgoing.differences(state.outbound));
    return [...faults, ...this.phones.differences(state.offers)];
  }

  #awaitNext(): void {
    this.#comes = null;
    const visit = this.#stage.script.nextVisit();
    if (visit === null) return;
    this.#comes = this.after(Math.max(0, visit.at - this.now()), () => {
      const caller: Caller = {
        visit,
        phase: 'calling',
        plan: null,
        hasRetried: false,
        offerId: null,
        isGone: false,
      };
      this.#callers.set(visit.callId, caller);
      this.#call(caller);
      this.#awaitNext();
    });
  }

  #call(caller: Caller): void {
    const { callId, queue, from, fromName, to, brings } = caller.visit;
    const sipCallId = `${callId}@sim`;
    const command: NewCommand = {
      kind: 'ArriveCall',
      callId,
      queue,
      sipCallId,
      from,
      fromName,
      to,
      ...brings,
      by: BY,
    };
    this.#stage.edge.send(command, (outcome) => {
      if (outcome.ok) return;
      if (outcome.refusal !== 'unavailable') {
        this.#stage.fault(`caller ${callId} was refused: ${outcome.refusal}`);
      } else if (caller.hasRetried) {
        this.turnedAway += 1;
        this.#callers.delete(callId);
      } else {
        caller.hasRetried = true;
        this.after(RETRY_MS, () => this.#call(caller));
      }
    });
  }

  #entered(callId: CallId): void {
    const caller = this.#callers.get(callId);
    if (caller === undefined) return this.#stage.fault(`${callId} entered and never called`);
    caller.phase = 'waiting';
    const { confirmMs, patienceMs } = caller.visit;
    if (confirmMs !== null) {
      const confirm = () => say(this.#stage, { kind: 'ConfirmCall', callId, by: BY });
      if (confirmMs === 0) confirm();
      else this.after(confirmMs, () => caller.isGone || confirm());
    }
    if (patienceMs !== Infinity) caller.plan = this.after(patienceMs, () => this.#hangUp(caller));
  }

  #connected(callId: CallId, offerId: OfferId): void {
    const caller = this.#callers.get(callId);
    if (caller === undefined) return this.#stage.fault(`${callId} talks and is not there`);
    caller.phase = 'talking';
    caller.offerId = offerId;
    if (caller.isGone) return;
    caller.plan?.();
    const { talkMs, hangsUp } = caller.visit;
    caller.plan = this.after(talkMs, () => {
      if (hangsUp === 'caller') this.#hangUp(caller);
      else this.phones.hangUp(offerId);
    });
  }

  #hangUp(caller: Caller): void {
    const { callId, byeLateMs } = caller.visit;
    caller.isGone = true;
    const lost = byeLateMs > 0;
    const cause = lost ? 'failed' : 'bye';
    const when = lost ? { endedAt: this.now() } : {};
    const command: NewCommand = { kind: 'EndCall', callId, cause, by: BY, ...when };
    const tell = () =>
      say(this.#stage, command, (outcome) => {
        const isThere = this.#callers.get(callId) === caller;
        if (outcome.ok && isThere) this.#stage.fault(`${callId} has hung up and is still there`);
      });
    // A lost BYE is found out when the session timer ends: until then he seems to be there.
    if (lost) this.after(byeLateMs, () => this.#callers.has(callId) && tell());
    else tell();
  }

  #ended(callId: CallId): void {
    const caller = this.#callers.get(callId);
    if (caller === undefined) return this.#stage.fault(`${callId} ended and was not there`);
    caller.plan?.();
    this.#callers.delete(callId);
  }
}
