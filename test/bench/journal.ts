/**
 * Benchmark (e): the journal. A file of a million events, as a busy ACD writes it (batches of one
 * turn, a snapshot about every 10,000 events), and how long the next start takes: after a stop,
 * which leaves a snapshot at the end, and after a kill at the worst moment, when as many events as
 * there can be have come after the last snapshot. And how fast events are made durable.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from '../../src/core/commands.ts';
import { decide } from '../../src/core/decide.ts';
import type { CoreEvent } from '../../src/core/events.ts';
import { snapshot } from '../../src/core/snapshot.ts';
import { initialState, nextDeadline, type State } from '../../src/core/state.ts';
import { openSqliteJournal } from '../../src/journal/open.ts';
import type { SqliteJournal } from '../../src/journal/sqlite.ts';
import { SNAPSHOT_EVERY } from '../../src/runtime/loop.ts';
import { rebuild } from '../../src/runtime/rebuild.ts';
import { houseConfig } from '../../src/sim/config.ts';
import { settle } from '../../src/sim/options.ts';

export interface JournalFigure {
  readonly events: number;
  readonly batch: number;
  readonly megabytes: number;
  readonly eventsPerSecond: number;
  /** Opening (file looked over) and replaying, ms. */
  readonly startAfterStop: Start;
  readonly startAfterKill: Start;
}

export interface Start {
  /** Events after the snapshot that is used. */
  readonly replayed: number;
  readonly openMs: number;
  readonly rebuildMs: number;
  /** Of both, ms of CPU: what another load on the machine does not change. */
  readonly cpuMs: number;
}

export interface JournalBench {
  readonly events: number;
  readonly batch: number;
}

export const FULL_JOURNAL: JournalBench = { events: 1_000_000, batch: 64 };
export const QUICK_JOURNAL: JournalBench = { events: 100_000, batch: 64 };

const AGENTS = 500;

type Draft = Command extends infer C ? (C extends Command ? Omit<C, 'at' | 'by'> : never) : never;

/** A busy house that gives events without end: callers come, talk and go. */
class Source {
  readonly state: State = initialState();
  #ready: CoreEvent[] = [];
  #now = 1_767_600_000_000;
  #calls = 0;
  readonly #talking: string[] = [];

  constructor() {
    const house = houseConfig(settle({ agents: AGENTS, queues: 20, memberships: 3 }));
    if (!house.ok) throw new Error(house.fault);
    this.#send({ kind: 'ApplyConfig', config: house.config });
    for (const { id } of house.config.agents) {
      const uri = `sip:${id}@pbx`;
      this.#send({ kind: 'LogInAgent', agentId: id, device: { uri, registrar: null } });
      this.#send({ kind: 'ReportDevice', deviceUri: uri, state: 'idle', source: 'presence' });
    }
  }

  /** The next turn's events, at least `count`. */
  take(count: number): CoreEvent[] {
    while (this.#ready.length < count) this.#step();
    const taken = this.#ready;
    this.#ready = [];
    return taken;
  }

  #step(): void {
    this.#now += 200;
    this.#calls += 1;
    const callId = `01KE5Z3Q8V0000000000${this.#calls}`;
    const queue = `queue${(this.#calls % 20) + 1}`;
    const leg = { from: `${this.#calls}@gateway.example`, fromName: '', to: `${queue}@acd` };
    this.#send({ kind: 'ArriveCall', callId, queue, sipCallId: `${callId}@gateway`, ...leg });
    this.#send({ kind: 'ConfirmCall', callId });
    if (this.#talking.length > AGENTS * 0.8) {
      const offerId = this.#talking.shift() ?? '';
      this.#send({ kind: 'EndAgentLeg', offerId, cause: 'bye' });
    }
    const due = nextDeadline(this.state);
    if (due !== null && due <= this.#now) this.#send({ kind: 'ReachDeadline' });
  }

  #send(draft: Draft): void {
    const command = { ...draft, at: this.#now, by: 'sip' } as Command;
    const decided = decide(this.state, command);
    if (!decided.ok) throw new Error(`${draft.kind}: ${decided.refusal}`);
    for (const event of decided.events) {
      this.#ready.push(event);
      if (event.kind !== 'AgentOffered') continue;
      const { offerId } = event;
      this.#send({ kind: 'RingOffer', offerId });
      this.#send({ kind: 'AnswerOffer', offerId });
      this.#send({ kind: 'ConfirmBridge', offerId });
      this.#talking.push(offerId);
    }
  }
}

function open(file: string): SqliteJournal {
  const opened = openSqliteJournal(file);
  if (!opened.ok) throw new Error(opened.detail);
  return opened.journal;
}

/** Appends; the last snapshot is then as old as one may be. Gives the number of the last event. */
function write(journal: SqliteJournal, source: Source, from: number, plan: JournalBench): number {
  let [seq, saved] = [from, from];
  while (seq < from + plan.events) {
    const batch = source.take(plan.batch);
    const result = journal.append(seq, batch);
    if (!result.ok) throw new Error(JSON.stringify(result));
    seq = result.lastSeq;
    // At the latest one is taken after twice as many; the worst end is just before that.
    const left = from + plan.events - seq;
    const isLast = left < 2 * SNAPSHOT_EVERY;
    if (isLast ? saved > from + plan.events - 2 * SNAPSHOT_EVERY : seq - saved < SNAPSHOT_EVERY) {
      continue;
    }
    journal.saveSnapshot(seq, snapshot(source.state));
    saved = seq;
  }
  return seq;
}

async function start(file: string): Promise<Start> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const journal = open(file);
  const opened = performance.now();
  const rebuilt = await rebuild(journal);
  const ended = performance.now();
  const { user, system } = process.cpuUsage(cpu);
  if (!rebuilt.ok) throw new Error(rebuilt.detail);
  journal.close();
  return {
    replayed: rebuilt.lastSeq - rebuilt.snapshotSeq,
    openMs: Math.round(opened - begun),
    rebuildMs: Math.round(ended - opened),
    cpuMs: Math.round((user + system) / 1000),
  };
}

export async function run(plan: JournalBench): Promise<JournalFigure> {
  const folder = mkdtempSync(path.join(tmpdir(), 'acd-bench-'));
  try {
    const file = path.join(folder, 'acd.db');
    const source = new Source();
    const journal = open(file);
    const begun = performance.now();
    const seq = write(journal, source, 0, plan);
    const seconds = (performance.now() - begun) / 1000;
    journal.close();
    const startAfterKill = await start(file);
    const again = open(file);
    again.saveSnapshot(seq, snapshot(source.state));
    again.close();
    return {
      events: seq,
      batch: plan.batch,
      megabytes: Math.round(statSync(file).size / 1_000_000),
      eventsPerSecond: Math.round(seq / seconds),
      startAfterStop: await start(file),
      startAfterKill,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
