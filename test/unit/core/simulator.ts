/**
 * A small world around the core, drawn from a seed: callers who come and give up, agents who log
 * in, pause and walk away, phones that ring, answer, decline, fall silent or say nonsense, media
 * that fails, messages that cross, processes that die and come back. It judges by invariants
 * only: after every event (`checkEvery`), and at the end, when everybody has gone home, nothing
 * may be left. A failing run names its seed; the same seed gives the same run.
 */
import type { Command } from '../../../src/core/commands.ts';
import { decide } from '../../../src/core/decide.ts';
import type { CoreEvent } from '../../../src/core/events.ts';
import { evolve } from '../../../src/core/evolve.ts';
import { checkDispatched, checkInvariants } from '../../../src/core/invariants.ts';
import { canonicalHash, restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { initialState, nextDeadline, type State } from '../../../src/core/state.ts';
import type {
  CoreConfig,
  Destination,
  DeviceState,
  OfferFailure,
  PenaltyStep,
  QueueOptions,
} from '../../../src/core/types.ts';
import { seeded } from '../../support/seeded.ts';
import { STRATEGIES } from './strategies.ts';

export interface World {
  readonly seed: number;
  readonly steps: number;
  readonly agents: number;
  readonly queues: number;
  readonly secondLogin: 'refuse' | 'replace';
  /** Check invariants after every event; else after every hundredth command. */
  readonly checkEvery: boolean;
  /** Hears the events of each command, as a journal would. */
  readonly decided?: (events: readonly CoreEvent[]) => void;
}

export interface Verdict {
  readonly faults: string[];
  readonly events: number;
  readonly hash: string;
  /** How often each kind of event happened. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Kinds of the commands that were not refused. */
  readonly taken: readonly string[];
}

type Draft = Command extends infer C ? (C extends Command ? Omit<C, 'at' | 'by'> : never) : never;

class Simulator {
  readonly #world: World;
  readonly #random: () => number;
  readonly #faults: string[] = [];
  readonly #kinds: Record<string, number> = {};
  readonly #taken = new Set<string>();
  readonly #replayed: State = initialState();
  readonly #open = new Set<string>();
  readonly #ended = new Set<string>();
  /** Offers that are over: late messages about them still come. */
  readonly #pastOffers: string[] = [];
  #state: State = initialState();
  #now = 1_000_000;
  #calls = 0;
  #events = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = seeded(world.seed);
  }

  run(): Verdict {
    this.#send({ kind: 'NoteStart', version: '1' });
    this.#send({ kind: 'ApplyConfig', config: this.#config() });
    for (let step = 0; step < this.#world.steps && this.#faults.length === 0; step += 1) {
      this.#pass();
      this.#step();
      if (!this.#world.checkEvery && step % 100 === 0) this.#check(this.#state);
    }
    this.#goHome();
    const hash = canonicalHash(this.#state);
    if (canonicalHash(this.#replayed) !== hash) this.#faults.push('replay differs');
    const [faults, events, kinds] = [this.#faults, this.#events, this.#kinds];
    return { faults, events, hash, kinds, taken: [...this.#taken] };
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#below(from.length)];
  }

  #config(): CoreConfig {
    const names = Array.from({ length: this.#world.queues }, (_, n) => `q${n}`);
    const kept = names.filter((_, n) => n === 0 || this.#random() < 0.85);
    const direct = { direct: true, leaveWhenEmpty: ['invalid'], maxWaitMs: 9_000 } as const;
    const named = [...kept, 'd'];
    return {
      queues: named.map((name) => ({
        name,
        strategy: this.#pick(STRATEGIES) ?? 'most-idle',
        timeoutMs: 3_000 + this.#below(3) * 4_000,
        retryMs: this.#below(3) * 2_000,
        wrapupMs: this.#below(2) * 5_000,
        maxlen: this.#below(3) * 10,
        weight: this.#below(3),
        periodicAnnounceMs: this.#below(2) * 10_000,
        ...this.#options(),
        ...(name === 'd' ? direct : {}),
      })),
      agents: Array.from({ length: this.#world.agents }, (_, n) => n)
        .filter(() => this.#random() < 0.9)
        .map((n) => ({
          id: `${1000 + n}`,
          name: '',
          queues: [...kept.filter(() => this.#random() < 0.6), 'd'],
          ...(n % 2 === 0 ? {} : { noAnswer: [{ to: 'queue', queue: 'q0' }] as const }),
          skills: { x: this.#below(3) * 50, y: this.#below(2) },
          never: this.#random() < 0.2 ? ['c*'] : [],
          memberships: kept.map((queue) => ({
            queue,
            penalty: this.#below(8) - 1,
            share: 1 + this.#below(3),
          })),
        })),
      secondLogin: this.#world.secondLogin,
      maxCalls: 40,
    };
  }

  /** Some queues have more options than the plain ones. */
  #options(): Partial<QueueOptions> {
    if (this.#random() < 0.3) return {};
    return {
      timeoutRestart: this.#random() < 0.5,
      autofill: this.#random() < 0.7,
      ringInUse: this.#random() < 0.3,
      rejectDelayMs: this.#below(2) * 1_000,
      autopause: this.#pick(['no', 'no', 'yes', 'all'] as const) ?? 'no',
      autopauseBusy: this.#random() < 0.5,
      autopauseMisses: 1 + this.#below(3),
      autopauseLengthMs: this.#below(2) * 3_000,
      progressiveDelayMs: 1_000,
      veto: this.#veto(),
      callers: [{ pattern: 'a*', priority: this.#below(3) }],
      ...this.#exits(),
    };
  }

  #veto(): QueueOptions['veto'] {
    if (this.#random() < 0.5) return null;
    return { name: 'crm', timeoutMs: 1_000, silence: this.#random() < 0.5 ? 'ring' : 'refuse' };
  }

  #exits(): Partial<QueueOptions> {
    const conditions = ['paused', 'inuse', 'unavailable', 'wrapup', 'penalty'] as const;
    const some = () => conditions.filter(() => this.#random() < 0.4);
    const others: Destination[] = [
      { to: 'queue', queue: `q${this.#below(this.#world.queues)}` },
      { to: 'queue', queue: `q${this.#below(this.#world.queues)}` },
    ];
    const last = this.#pick<Destination>([{ to: 'busy' }, { to: 'hangup', cause: 21 }]);
    const list = last === undefined ? others : [...others, last];
    const statuses = ['TIMEOUT', 'FULL', 'JOINEMPTY', 'LEAVEEMPTY', 'LEAVEUNAVAIL'] as const;
    return {
      joinEmpty: this.#random() < 0.5 ? some() : [],
      leaveWhenEmpty: this.#random() < 0.5 ? some() : [],
      maxWaitMs: this.#below(2) * 8_000,
      timeoutPriority: this.#random() < 0.5 ? 'app' : 'conf',
      maxEstimatedWaitMs: this.#below(3) * 5_000,
      maxCallsPerAgent: this.#below(3) * 4,
      maxTalks: this.#below(3) * 2,
      penaltySteps: [
        { atMs: 0, max: { by: 'set', value: 2 } },
        { atMs: 3_000, max: { by: 'add', value: 3 } },
      ].slice(this.#below(3)) as PenaltyStep[],
      penaltyMembersLimit: this.#below(3),
      skills: this.#random() < 0.3 ? { is: 'level', skill: 'x', least: 50, most: 100 } : null,
      skillSteps: [{ atMs: 4_000, need: null }].slice(this.#below(2)),
      callerSkills: [{ pattern: 'b*', need: { is: 'level', skill: 'y', least: 1, most: 100 } }],
      stickyMs: this.#below(3) * 2_000,
      failover: Object.fromEntries(statuses.map((status) => [status, list])),
      exitKeys: { '0': list, '12': list },
    };
  }

  /** Time goes on, and deadlines come: usually in time, sometimes late. */
  #pass(): void {
    this.#now += this.#below(4) === 0 ? this.#below(4_000) : this.#below(300);
    const due = nextDeadline(this.#state);
    if (due !== null && due <= this.#now && this.#random() < 0.9) {
      this.#send({ kind: 'ReachDeadline' });
    }
  }

  #step(): void {
    const dice = this.#below(100);
    if (dice < 25) this.#caller();
    else if (dice < 60) this.#phone();
    else if (dice < 75) this.#presence();
    else if (dice < 95) this.#agent();
    else if (dice < 97) this.#lateMessage();
    else if (dice < 98) this.#send({ kind: 'ApplyConfig', config: this.#config() });
    else this.#restart();
  }

  /** A caller on his way elsewhere. */
  #sent(): boolean {
    const sent = this.#pick([...this.#state.transfers.values()]);
    if (sent === undefined) return false;
    const { callId } = sent;
    const kinds = ['ReferTransfer', 'DialTransfer', 'AnswerTransfer', 'EndTransfer'] as const;
    const kind = this.#pick(kinds) ?? 'EndTransfer';
    this.#send(kind === 'EndTransfer' ? { kind, callId, outcome: 'busy' } : { kind, callId });
    return true;
  }

  /** Talks are short: left to the commands of all calls, hardly one would be held. */
  #hold(): boolean {
    const talk = [...this.#state.calls.values()].find(({ connectedAt }) => connectedAt !== null);
    if (talk === undefined) return false;
    if (this.#random() < 0.1) {
      const queue = `q${this.#below(this.#world.queues)}`;
      const agentId = `${1000 + this.#below(this.#world.agents)}`;
      const to =
        this.#random() < 0.5
          ? ({ to: 'queue', queue } as const)
          : ({ to: 'agent', agentId } as const);
      this.#send({ kind: 'TransferWithin', callId: talk.id, to });
      return true;
    }
    const [former] = talk.heldBy;
    const holder = former ?? this.#pick(['agent', 'caller', 'command'] as const) ?? 'agent';
    const kind = former === undefined ? 'HoldCall' : 'UnholdCall';
    this.#send({ kind, callId: talk.id, holder });
    return true;
  }

  #caller(): void {
    if (this.#random() < 0.3 && this.#hold()) return;
    if (this.#random() < 0.3 && this.#sent()) return;
    const call = this.#pick([...this.#state.calls.values()]);
    const dice = this.#below(10);
    if (dice < 5 || call === undefined) return this.#arrive();
    if (dice < 8) return this.#send({ kind: 'ConfirmCall', callId: call.id });
    if (dice < 9) return this.#steer(call.id);
    const cause = this.#pick(['bye', 'cancel', 'failed'] as const) ?? 'bye';
    this.#send({ kind: 'EndCall', callId: call.id, cause });
  }

  #steer(callId: string): void {
    const dice = this.#below(12);
    if (dice >= 8) {
      const isEnd = this.#random() < 0.2;
      if (isEnd) return this.#send({ kind: 'HangUpCall', callId });
      return this.#send({ kind: 'TransferCall', callId, uri: 'sip:x@sim' });
    }
    if (dice === 7) {
      const queue = `q${this.#below(this.#world.queues)}`;
      return this.#send({ kind: 'MoveCall', callId, queue });
    }
    if (dice === 6) {
      const agentId = `${1000 + this.#below(this.#world.agents)}`;
      return this.#send({ kind: 'GiveCall', callId, agentId });
    }
    if (dice === 0) return this.#send({ kind: 'ExitCall', callId, key: '0' });
    if (dice === 1) return this.#send({ kind: 'WithdrawCall', callId });
    const [priority, position] = [this.#below(3), this.#below(5)];
    const wish = this.#random() < 0.5 ? { priority } : { position };
    this.#send({ kind: 'ReorderCall', callId, ...wish });
  }

  #arrive(): void {
    this.#calls += 1;
    const callId = `c${this.#calls}`;
    const queue = `q${this.#below(this.#world.queues)}`;
    if (this.#random() < 0.1) return this.#arriveDirect(callId);
    const from = this.#pick(['a@sim', 'b@sim', 'c@sim', 'd@sim']) ?? '';
    const leg = { sipCallId: `${callId}@sim`, from, fromName: '', to: `${queue}@acd` };
    this.#send({ kind: 'ArriveCall', callId, queue, ...leg });
    if (this.#random() < 0.8) this.#send({ kind: 'ConfirmCall', callId });
  }

  #arriveDirect(callId: string): void {
    const agentId = `${1000 + this.#below(this.#world.agents)}`;
    const leg = { sipCallId: `${callId}@sim`, from: 'a@sim', fromName: '', to: `${agentId}@acd` };
    this.#send({ kind: 'ArriveCall', callId, queue: 'd', agentId, ...leg });
    this.#send({ kind: 'ConfirmCall', callId });
  }

  /** An agent dials for himself, or one that does gets further; half of them to their end. */
  #outgoing(): boolean {
    const own = this.#pick([...this.#state.outbound.values()]);
    if (own === undefined || this.#random() < 0.3) {
      const agent = this.#pick([...this.#state.agents.values()]);
      this.#calls += 1;
      const callId = `o${this.#calls}`;
      this.#send({ kind: 'DialOut', callId, agentId: agent?.id ?? '', uri: 'sip:x@sim' });
      return this.#state.outbound.has(callId);
    }
    const early = ['RingOutbound', 'PickUpOutbound', 'RefuseOutbound'] as const;
    const kind = this.#pick([...early, 'ConnectOutbound', 'EndOutbound'] as const) ?? early[0];
    this.#send({ kind, callId: own.id, outcome: 'busy', endedBy: 'callee' } as Draft);
    return true;
  }

  #phone(): void {
    if (this.#random() < 0.15 && this.#outgoing()) return;
    const offer = this.#pick([...this.#state.offers.values()]);
    if (offer === undefined) return;
    const offerId = offer.id;
    if (offer.phase === 'asking' && this.#random() < 0.8) {
      const ruling = this.#pick(['allow', 'allow', 'allow', 'refuse', 'silence'] as const);
      const answer = { ruling: ruling ?? 'allow', detail: '' };
      return this.#send({ kind: 'RuleOffer', offerId, ...answer });
    }
    const dice = this.#below(20);
    if (dice < 1) this.#send({ kind: 'NoteInvite', offerId, transaction: `t-${offerId}` });
    if (dice < 3) this.#send({ kind: 'RingOffer', offerId });
    else if (dice < 9) this.#send({ kind: 'AnswerOffer', offerId });
    else if (dice < 14) this.#send({ kind: 'ConfirmBridge', offerId });
    else if (dice < 17) {
      const failures: OfferFailure[] = ['busy', 'declined', 'unreachable', 'failed', 'media'];
      const failure = this.#pick(failures) ?? 'failed';
      this.#send({ kind: 'FailOffer', offerId, failure, sipStatus: 486, detail: '' });
    } else this.#send({ kind: 'EndAgentLeg', offerId, cause: dice === 19 ? 'failed' : 'bye' });
  }

  #presence(): void {
    const uri = this.#pick([...this.#state.devices.keys()]);
    const states: DeviceState[] = ['idle', 'idle', 'idle', 'inuse', 'ringing', 'unavailable'];
    const state = this.#pick([...states, 'unknown' as const]) ?? 'idle';
    if (uri === undefined) return;
    this.#send({ kind: 'ReportDevice', deviceUri: uri, state, source: 'presence' });
  }

  #agent(): void {
    const agentId = `${1000 + this.#below(this.#world.agents)}`;
    const dice = this.#below(20);
    if (dice < 9) {
      const uri = `sip:${this.#random() < 0.8 ? agentId : this.#below(4)}@pbx`;
      this.#send({ kind: 'LogInAgent', agentId, device: { uri, registrar: null } });
      this.#send({ kind: 'ReportDevice', deviceUri: uri, state: 'idle', source: 'presence' });
    } else if (dice < 11) this.#attend(agentId);
    else if (dice < 12) this.#send({ kind: 'LogOutAgent', who: { agentId } });
    else if (dice < 13) this.#send({ kind: 'PauseAgent', agentId, reason: 'lunch' });
    else if (dice < 14) this.#send({ kind: 'PauseAgent', agentId, reason: 'desk', queue: 'q0' });
    else if (dice < 16) this.#send({ kind: 'ResumeAgent', agentId });
    else {
      const resting = this.#pick([...this.#state.agents.values()].filter((one) => one.wrapup));
      const kind = dice < 18 ? 'ExtendWrapup' : 'EndWrapup';
      this.#send({ kind, agentId: resting?.id ?? agentId, forMs: 1_000 });
    }
  }

  #attend(agentId: string): void {
    const queue = `q${this.#below(this.#world.queues)}`;
    const device = { uri: `sip:${agentId}@pbx`, registrar: null };
    const dice = this.#below(10);
    if (dice === 0) return this.#send({ kind: 'LogInAgent', agentId, device, queues: [queue] });
    this.#send({ kind: dice < 4 ? 'LeaveQueue' : 'JoinQueue', agentId, queue });
  }

  /** Something about an offer that is over: it must change nothing. */
  #lateMessage(): void {
    const offerId = this.#pick(this.#pastOffers);
    if (offerId === undefined || this.#state.offers.has(offerId)) return;
    const before = this.#events;
    this.#send({ kind: 'RuleOffer', offerId, ruling: 'allow', detail: '' });
    this.#send({ kind: 'AnswerOffer', offerId });
    this.#send({ kind: 'ConfirmBridge', offerId });
    this.#send({ kind: 'EndAgentLeg', offerId, cause: 'bye' });
    if (this.#events !== before) this.#faults.push(`a late message about ${offerId} had effect`);
  }

  /** The process dies: state from a snapshot as it was stored, and some legs are gone. */
  #restart(): void {
    const stored = JSON.stringify(snapshot(this.#state));
    const before = canonicalHash(this.#state);
    this.#state = restore(JSON.parse(stored) as Snapshot);
    if (canonicalHash(this.#state) !== before) this.#faults.push('restored state differs');
    const survives = (): boolean => this.#random() < 0.8;
    this.#send({
      kind: 'Reconcile',
      liveCalls: [...this.#state.calls.keys(), ...this.#state.outbound.keys()].filter(survives),
      liveOffers: [...this.#state.offers.keys()].filter(survives),
    });
  }

  /** Callers leave, agents log out, time runs out: nothing may be left. */
  #goHome(): void {
    for (const id of [...this.#state.calls.keys()]) {
      this.#send({ kind: 'EndCall', callId: id, cause: 'bye' });
    }
    for (const callId of [...this.#state.transfers.keys()]) {
      this.#send({ kind: 'EndTransfer', callId, outcome: 'hung-up' });
    }
    for (const callId of [...this.#state.outbound.keys()]) {
      this.#send({ kind: 'HangUpCall', callId });
    }
    for (const agent of [...this.#state.agents.values()]) {
      this.#send({ kind: 'LogOutAgent', who: { agentId: agent.id } });
    }
    const { calls, offers, outbound, devices, timers } = this.#state;
    if (calls.size + outbound.size + offers.size + devices.size + timers.size > 0)
      this.#faults.push('not empty');
    if (this.#open.size > 0) this.#faults.push(`never ended: ${[...this.#open].join(' ')}`);
  }

  #send(draft: Draft): void {
    if (this.#faults.length > 0) return;
    const command = { ...draft, at: this.#now, by: 'sim' } as Command;
    try {
      const decided = decide(this.#state, command);
      if (!decided.ok) return;
      this.#taken.add(command.kind);
      this.#world.decided?.(decided.events);
      for (const event of decided.events) this.#follow(event);
      if (this.#world.checkEvery) this.#check(this.#state);
    } catch (error) {
      this.#faults.push(`${command.kind}: ${String(error)}`);
    }
  }

  #check(state: State): void {
    this.#faults.push(...checkInvariants(state), ...checkDispatched(state));
  }

  #follow(event: CoreEvent): void {
    this.#events += 1;
    this.#kinds[event.kind] = (this.#kinds[event.kind] ?? 0) + 1;
    evolve(this.#replayed, event);
    if (this.#world.checkEvery) this.#faults.push(...checkInvariants(this.#replayed));
    if (event.kind === 'CallEntered') this.#open.add(event.callId);
    if (event.kind === 'AgentOffered') this.#pastOffers.push(event.offerId);
    if (event.kind !== 'CallEnded') return;
    if (this.#ended.has(event.callId)) this.#faults.push(`${event.callId} ended twice`);
    if (!this.#open.delete(event.callId)) this.#faults.push(`${event.callId} never entered`);
    this.#ended.add(event.callId);
  }
}

export function simulate(world: Partial<World> & { seed: number }): Verdict {
  const defaults = { steps: 2_000, agents: 6, queues: 3, checkEvery: true };
  return new Simulator({ secondLogin: 'refuse', ...defaults, ...world }).run();
}
