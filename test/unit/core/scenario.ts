/**
 * Given, when, then for the core. A scenario holds a state, a clock that stands still until it
 * is moved, and the events of the last command. After every event the invariants are checked,
 * and after every command that replaying all events gives the same state.
 */
import { expect } from 'vitest';
import type { Command } from '../../../src/core/commands.ts';
import { decide, type Decided } from '../../../src/core/decide.ts';
import { eligible } from '../../../src/core/eligible.ts';
import type { CoreEvent } from '../../../src/core/events.ts';
import { evolve } from '../../../src/core/evolve.ts';
import { checkDispatched, checkInvariants } from '../../../src/core/invariants.ts';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { initialState, type State } from '../../../src/core/state.ts';
import type {
  AgentConfig,
  CoreConfig,
  OfferFailure,
  QueueConfig,
} from '../../../src/core/types.ts';
import { agentStatus, callStatus } from '../../../src/core/views.ts';

type NewCommand = Command extends infer C
  ? C extends Command
    ? Omit<C, 'at' | 'by'>
    : never
  : never;

export function queue(name: string, options: Partial<QueueConfig> = {}): QueueConfig {
  return {
    name,
    strategy: 'most-idle',
    timeoutMs: 15_000,
    retryMs: 5_000,
    wrapupMs: 0,
    maxlen: 0,
    weight: 0,
    periodicAnnounceMs: 0,
    ...options,
  };
}

export function agent(id: string, ...queues: string[]): AgentConfig {
  return { id, name: `Agent ${id}`, queues };
}

export function config(
  queues: QueueConfig[],
  agents: AgentConfig[],
  options: Partial<CoreConfig> = {},
): CoreConfig {
  return { queues, agents, secondLogin: 'refuse', maxCalls: 1_000, ...options };
}

export class Scenario {
  readonly state: State = initialState();
  readonly replayed: State = initialState();
  /** Everything that ever happened, and the events of the last command. */
  readonly history: CoreEvent[] = [];
  last: readonly CoreEvent[] = [];
  now = 1_000_000;

  /** Sends a command and expects it to be accepted; gives its events. */
  when(command: NewCommand): readonly CoreEvent[] {
    const decided = this.send(command);
    if (!decided.ok) throw new Error(`${command.kind} was refused: ${decided.refusal}`);
    return decided.events;
  }

  /** Sends a command and gives the refusal it must get; nothing may have changed. */
  refusal(command: NewCommand): string {
    const before = canonicalHash(this.state);
    const decided = this.send(command);
    if (decided.ok) throw new Error(`${command.kind} was accepted`);
    expect(canonicalHash(this.state)).toBe(before);
    return decided.refusal;
  }

  send(command: NewCommand): Decided {
    const decided = decide(this.state, { ...command, at: this.now, by: 'test' });
    this.last = decided.ok ? decided.events : [];
    for (const event of this.last) {
      this.history.push(event);
      evolve(this.replayed, event);
      expect(checkInvariants(this.replayed)).toEqual([]);
    }
    expect(checkInvariants(this.state)).toEqual([]);
    expect(checkDispatched(this.state)).toEqual([]);
    expect(canonicalHash(this.replayed)).toBe(canonicalHash(this.state));
    return decided;
  }

  /** Lets time pass, reaching every deadline on the way at its own instant. */
  pass(ms: number): CoreEvent[] {
    const until = this.now + ms;
    const events: CoreEvent[] = [];
    for (;;) {
      const due = this.state.timers.first()?.at;
      if (due === undefined || due > until) break;
      this.now = Math.max(this.now, due);
      events.push(...this.when({ kind: 'ReachDeadline' }));
    }
    this.now = until;
    this.last = events;
    return events;
  }

  /** Kinds of the last command's events. */
  get kinds(): string[] {
    return this.last.map((event) => event.kind);
  }

  /** The last command's only event of a kind. */
  event<K extends CoreEvent['kind']>(kind: K): Extract<CoreEvent, { kind: K }> {
    const found = this.last.filter((event) => event.kind === kind);
    expect(found.map((event) => event.kind)).toEqual([kind]);
    return found[0] as Extract<CoreEvent, { kind: K }>;
  }

  /** `agent>call` for every offer the last command made. */
  get rung(): string[] {
    return this.last.flatMap((event) =>
      event.kind === 'AgentOffered' ? [`${event.agentId}>${event.callId}`] : [],
    );
  }

  /** Why the call is not offered to him now. */
  why(callId: string, agentId: string): string | null {
    const call = this.state.calls.get(callId);
    const asked = this.state.agents.get(agentId);
    if (call === undefined || asked === undefined) throw new Error('no such pair');
    return eligible(this.state, call, asked, this.now)?.reason ?? null;
  }

  apply(applied: CoreConfig): this {
    this.when({ kind: 'ApplyConfig', config: applied });
    return this;
  }

  /** Logs an agent in on `sip:<id>@pbx` and reports the phone idle. */
  ready(id: string): readonly CoreEvent[] {
    const events = this.when({ kind: 'LogInAgent', agentId: id, device: device(id) });
    return [...events, ...this.report(id, 'idle')];
  }

  report(id: string, state: 'idle' | 'inuse' | 'ringing' | 'unavailable' | 'unknown') {
    const deviceUri = device(id).uri;
    return this.when({ kind: 'ReportDevice', deviceUri, state, source: 'presence' });
  }

  arrive(
    id: string,
    queueName: string,
    more: Partial<Extract<NewCommand, { kind: 'ArriveCall' }>> = {},
  ): readonly CoreEvent[] {
    return this.when({
      kind: 'ArriveCall',
      callId: id,
      queue: queueName,
      sipCallId: `${id}@peer`,
      from: `${id}@peer`,
      fromName: '',
      to: `${queueName}@acd`,
      ...more,
    });
  }

  /** Arrives and is confirmed at once. */
  call(
    id: string,
    queueName: string,
    more: Partial<Extract<NewCommand, { kind: 'ArriveCall' }>> = {},
  ): readonly CoreEvent[] {
    this.arrive(id, queueName, more);
    return this.when({ kind: 'ConfirmCall', callId: id });
  }

  /** The offer to him fails; gives whom that rings next. */
  fail(id: string, failure: OfferFailure = 'declined'): string[] {
    const offerId = this.offerOf(id);
    this.when({ kind: 'FailOffer', offerId, failure, sipStatus: 486, detail: '' });
    return this.rung;
  }

  /** He answers, talks and hangs up. */
  serve(id: string, talkMs = 0): readonly CoreEvent[] {
    const offerId = this.offerOf(id);
    this.talk(id);
    if (talkMs > 0) this.pass(talkMs);
    return this.when({ kind: 'EndAgentLeg', offerId, cause: 'bye' });
  }

  /** Ids of the line, first first. */
  line(queueName: string): string[] {
    return [...(this.state.queues.get(queueName)?.line ?? [])].map((call) => call.id);
  }

  /** Id of the offer the agent has, or of the bridge he is in. */
  offerOf(id: string): string {
    const { offerId, callId } = this.state.agents.get(id) ?? {};
    const found = offerId ?? (callId == null ? null : this.state.calls.get(callId)?.offerId);
    if (found == null) throw new Error(`${id} has no offer`);
    return found;
  }

  /** The agent answers and hears the caller. */
  talk(id: string): void {
    const offerId = this.offerOf(id);
    this.when({ kind: 'AnswerOffer', offerId });
    this.when({ kind: 'ConfirmBridge', offerId });
  }

  agentIs(id: string): string {
    const found = this.state.agents.get(id);
    return found === undefined ? 'gone' : agentStatus(found);
  }

  callIs(id: string): string {
    const found = this.state.calls.get(id);
    return found === undefined ? 'gone' : callStatus(found);
  }
}

export function device(id: string, host = 'pbx') {
  return { uri: `sip:${id}@${host}`, registrar: 'pbx' };
}

export function scenario(applied?: CoreConfig): Scenario {
  const made = new Scenario();
  return applied === undefined ? made : made.apply(applied);
}

/** A queue `sales` with the members 1 and 2, of whom these are ready. */
export function withAgents(...ids: string[]): Scenario {
  const s = scenario(
    config(
      [queue('sales')],
      ['1', '2'].map((id) => agent(id, 'sales')),
    ),
  );
  for (const id of ids) s.ready(id);
  return s;
}
