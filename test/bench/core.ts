/**
 * Benchmark (d): the core alone. Commands per second of whole calls (arrive, confirm, answer,
 * bridge, BYE, deadlines) in houses of 100 to 10,000 agents, each a member of 1 to 100 queues,
 * while 0 to 100,000 callers wait, for every strategy there is; and what a waiting call and an
 * agent take of memory. The line is kept at its length throughout, and all agents talk. With
 * nobody waiting all agents are idle, which is where a strategy has to choose, and each caller is
 * declined once.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Command } from '../../src/core/commands.ts';
import { decide } from '../../src/core/decide.ts';
import { initialState, nextDeadline, type State } from '../../src/core/state.ts';
import type { CoreConfig, Strategy } from '../../src/core/types.ts';
import { houseConfig, strategies } from '../../src/sim/config.ts';
import { settle } from '../../src/sim/options.ts';

export interface CoreFigure {
  readonly strategy: Strategy;
  readonly agents: number;
  readonly waiting: number;
  /** Queues of each agent. */
  readonly memberships: number;
  readonly commands: number;
  /** Per second of CPU. */
  readonly commandsPerSecond: number;
  readonly eventsPerSecond: number;
  /** Of heap; null where nobody waits. */
  readonly bytesPerWaiting: number | null;
  /** Of heap, logged in and idle, his part of the configuration included. */
  readonly bytesPerAgent: number;
}

export interface CoreBench {
  readonly seconds: number;
  readonly strategies: readonly Strategy[];
  readonly agents: readonly number[];
  readonly waiting: readonly number[];
  readonly memberships: readonly number[];
}

export const STRATEGIES = strategies() as readonly Strategy[];

export const FULL_CORE: CoreBench = {
  seconds: 1,
  strategies: STRATEGIES,
  agents: [100, 1_000, 10_000],
  waiting: [0, 100, 10_000, 100_000],
  memberships: [1, 10, 100],
};
export const QUICK_CORE: CoreBench = {
  ...FULL_CORE,
  seconds: 0.2,
  agents: [100, 1_000],
  waiting: [0, 100, 10_000],
  memberships: [1, 10],
};

type Draft = Command extends infer C ? (C extends Command ? Omit<C, 'at' | 'by'> : never) : never;

const QUEUES = 100;
/** Steps before anything is measured: what runs for the first time is compiled. */
const WARM_STEPS = 1_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What one collection leaves to finalise, the next takes. */
function heapBytes(): number {
  for (let n = 0; n < 4; n += 1) collect();
  return process.memoryUsage().heapUsed;
}

function configOf(strategy: Strategy, agents: number, memberships: number): CoreConfig {
  const house = houseConfig(settle({ agents, queues: QUEUES, memberships, wrapup: 0 }));
  if (!house.ok) throw new Error(house.fault);
  const { config } = house;
  return { ...config, queues: config.queues.map((queue) => ({ ...queue, strategy })) };
}

class House {
  readonly state: State = initialState();
  /** Offers whose phones ring. */
  readonly ringing = new Set<string>();
  readonly talking: string[] = [];
  now = 1;
  calls = 0;
  commands = 0;
  events = 0;

  constructor(config: CoreConfig) {
    this.send({ kind: 'ApplyConfig', config });
    for (const { id } of config.agents) {
      const uri = `sip:${id}@pbx`;
      this.send({ kind: 'LogInAgent', agentId: id, device: { uri, registrar: null } });
      this.send({ kind: 'ReportDevice', deviceUri: uri, state: 'idle', source: 'trusted' });
    }
  }

  /** Calls until all agents talk. */
  busy(): void {
    const { size } = this.state.agents;
    // The queues share the agents unevenly: some need more calls than they have agents.
    while (this.talking.length < size) {
      this.arrive();
      this.answerAll();
    }
  }

  arrive(): void {
    this.calls += 1;
    const callId = `c${this.calls}`;
    const leg = { sipCallId: callId, from: 'a@peer', fromName: '', to: 'b@acd' };
    const queue = `queue${(this.calls % QUEUES) + 1}`;
    this.send({ kind: 'ArriveCall', callId, queue, ...leg });
    this.send({ kind: 'ConfirmCall', callId });
  }

  answerAll(): void {
    for (;;) {
      const offerId = this.ring();
      if (offerId === undefined) return;
      this.send({ kind: 'AnswerOffer', offerId });
      this.send({ kind: 'ConfirmBridge', offerId });
      this.talking.push(offerId);
    }
  }

  /** A caller comes to an idle house: one agent declines, the next answers and says goodbye. */
  visit(): void {
    this.now += 500;
    this.arrive();
    const declined = { failure: 'declined', sipStatus: 603, detail: '' } as const;
    const first = this.ring();
    if (first !== undefined) this.send({ kind: 'FailOffer', offerId: first, ...declined });
    this.answerAll();
    for (const offerId of this.talking.splice(0)) {
      this.send({ kind: 'EndAgentLeg', offerId, cause: 'bye' });
    }
    this.reachDeadlines();
  }

  /** One talk ends, its agent is rung for the next caller and answers, and a caller arrives. */
  turn(): void {
    this.now += 1;
    const chosen = (this.commands * 7_919) % this.talking.length;
    const offerId = this.talking[chosen];
    const last = this.talking.pop();
    if (offerId === undefined || last === undefined) throw new Error('nobody talks');
    if (last !== offerId) this.talking[chosen] = last;
    this.send({ kind: 'EndAgentLeg', offerId, cause: 'bye' });
    this.answerAll();
    this.arrive();
    this.answerAll();
    this.reachDeadlines();
  }

  ring(): string | undefined {
    for (const offerId of this.ringing) return offerId;
    return undefined;
  }

  reachDeadlines(): void {
    const due = nextDeadline(this.state);
    if (due !== null && due <= this.now) this.send({ kind: 'ReachDeadline' });
  }

  send(draft: Draft): void {
    const command = { ...draft, at: this.now, by: 'bench' } as Command;
    const decided = decide(this.state, command);
    if (!decided.ok) throw new Error(`${command.kind}: ${decided.refusal}`);
    this.commands += 1;
    this.events += decided.events.length;
    for (const event of decided.events) {
      if (event.kind === 'AgentOffered') this.ringing.add(event.offerId);
      else if ('offerId' in event && event.offerId !== null) this.ringing.delete(event.offerId);
    }
  }
}

/** CPU of this process so far, collector included: another load on the machine does not count. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

type Place = Pick<CoreFigure, 'strategy' | 'agents' | 'waiting' | 'memberships'>;

function measure(place: Place, seconds: number): CoreFigure {
  const { strategy, agents, waiting, memberships } = place;
  const empty = heapBytes();
  const house = new House(configOf(strategy, agents, memberships));
  const idle = heapBytes();
  if (waiting > 0) house.busy();
  const talking = heapBytes();
  while (waiting > 0 && house.state.calls.size < agents + waiting) house.arrive();
  const bytesPerWaiting = waiting > 0 ? Math.round((heapBytes() - talking) / waiting) : null;
  const step = () => (waiting === 0 ? house.visit() : house.turn());
  for (let n = 0; n < WARM_STEPS; n += 1) step();
  const [commands, events, start] = [house.commands, house.events, cpuSeconds()];
  while (cpuSeconds() - start < seconds) {
    for (let n = 0; n < 20; n += 1) step();
  }
  const spent = cpuSeconds() - start;
  return {
    ...place,
    commands: house.commands - commands,
    commandsPerSecond: Math.round((house.commands - commands) / spent),
    eventsPerSecond: Math.round((house.events - events) / spent),
    bytesPerWaiting,
    bytesPerAgent: Math.round((idle - empty) / agents),
  };
}

/** All houses of the plan, `seconds` each. */
export function run(plan: CoreBench, told: (figure: CoreFigure) => void): readonly CoreFigure[] {
  const figures: CoreFigure[] = [];
  for (const strategy of plan.strategies) {
    for (const memberships of plan.memberships) {
      for (const agents of plan.agents) {
        for (const waiting of plan.waiting) {
          const figure = measure({ strategy, agents, waiting, memberships }, plan.seconds);
          told(figure);
          figures.push(figure);
        }
      }
    }
  }
  return figures;
}
