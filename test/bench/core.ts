/**
 * Benchmark (d): the core alone. Commands per second of whole calls (arrive, confirm, answer,
 * bridge, BYE, deadlines) in houses of 100 to 10,000 agents while 0 to 100,000 callers wait.
 * Each agent is a member of three of the queues; the line is kept at its length throughout, and
 * all agents talk. With nobody waiting all agents are idle, and each caller is declined once.
 */
import { pathToFileURL } from 'node:url';
import type { Command } from '../../src/core/commands.ts';
import { decide } from '../../src/core/decide.ts';
import { initialState, nextDeadline, type State } from '../../src/core/state.ts';

export interface CoreFigure {
  readonly agents: number;
  readonly waiting: number;
  readonly commands: number;
  /** Per second of CPU. */
  readonly commandsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly heapMb: number;
}

type Draft = Command extends infer C ? (C extends Command ? Omit<C, 'at' | 'by'> : never) : never;

const QUEUES = 20;
const MEMBERSHIPS = 3;

class House {
  readonly state: State = initialState();
  readonly ringing: string[] = [];
  readonly talking: string[] = [];
  now = 1;
  calls = 0;
  commands = 0;
  events = 0;

  constructor(agents: number, waiting: number) {
    const names = Array.from({ length: QUEUES }, (_, n) => `queue${n}`);
    this.send({
      kind: 'ApplyConfig',
      config: {
        queues: names.map((name) => ({
          name,
          strategy: 'most-idle',
          timeoutMs: 15_000,
          retryMs: 5_000,
          wrapupMs: 0,
          maxlen: 0,
          weight: 0,
          periodicAnnounceMs: 60_000,
        })),
        agents: Array.from({ length: agents }, (_, n) => ({
          id: `${n}`,
          name: '',
          queues: Array.from({ length: MEMBERSHIPS }, (__, m) => names[(n + m * 7) % QUEUES] ?? ''),
        })),
        secondLogin: 'refuse',
        maxCalls: 1_000_000,
      },
    });
    for (let n = 0; n < agents; n += 1) {
      const uri = `sip:${n}@pbx`;
      this.send({ kind: 'LogInAgent', agentId: `${n}`, device: { uri, registrar: null } });
      this.send({ kind: 'ReportDevice', deviceUri: uri, state: 'idle', source: 'trusted' });
    }
    if (waiting === 0) return;
    for (let n = 0; n < agents + waiting; n += 1) this.arrive();
    for (const offerId of this.ringing.splice(0)) this.answer(offerId);
  }

  arrive(): void {
    this.calls += 1;
    const callId = `c${this.calls}`;
    const leg = { sipCallId: callId, from: 'a@peer', fromName: '', to: 'b@acd' };
    const queue = `queue${this.calls % QUEUES}`;
    this.send({ kind: 'ArriveCall', callId, queue, ...leg });
    this.send({ kind: 'ConfirmCall', callId });
  }

  answer(offerId: string): void {
    this.send({ kind: 'AnswerOffer', offerId });
    this.send({ kind: 'ConfirmBridge', offerId });
    this.talking.push(offerId);
  }

  /** A caller comes to an idle house: one agent declines, the next answers and says goodbye. */
  visit(): void {
    this.now += 500;
    this.arrive();
    for (const offerId of this.ringing.splice(0)) {
      const declined = { failure: 'declined', sipStatus: 603, detail: '' } as const;
      this.send({ kind: 'FailOffer', offerId, ...declined });
    }
    for (const offerId of this.ringing.splice(0)) {
      this.answer(offerId);
      this.send({ kind: 'EndAgentLeg', offerId: this.talking.pop() ?? '', cause: 'bye' });
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
    for (const rung of this.ringing.splice(0)) this.answer(rung);
    this.arrive();
    for (const rung of this.ringing.splice(0)) this.answer(rung);
    this.reachDeadlines();
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
      if (event.kind === 'AgentOffered') this.ringing.push(event.offerId);
    }
  }
}

/** CPU of this process so far, collector included: another load on the machine does not count. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

function measure(agents: number, waiting: number, seconds: number): CoreFigure {
  const house = new House(agents, waiting);
  const step = () => (waiting === 0 ? house.visit() : house.turn());
  for (let n = 0; n < 2_000; n += 1) step();
  const [commands, events, start] = [house.commands, house.events, cpuSeconds()];
  while (cpuSeconds() - start < seconds) {
    for (let n = 0; n < 100; n += 1) step();
  }
  const spent = cpuSeconds() - start;
  return {
    agents,
    waiting,
    commands: house.commands - commands,
    commandsPerSecond: Math.round((house.commands - commands) / spent),
    eventsPerSecond: Math.round((house.events - events) / spent),
    heapMb: Math.round(process.memoryUsage().heapUsed / 1_048_576),
  };
}

/** All twelve houses, `seconds` each. */
export function run(options: { readonly seconds?: number } = {}): readonly CoreFigure[] {
  const figures: CoreFigure[] = [];
  for (const agents of [100, 1_000, 10_000]) {
    for (const waiting of [0, 100, 10_000, 100_000]) {
      figures.push(measure(agents, waiting, options.seconds ?? 1));
    }
  }
  return figures;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const figures = run();
  if (process.argv.includes('--json')) console.log(JSON.stringify({ core: figures }));
  else console.table(figures);
}
