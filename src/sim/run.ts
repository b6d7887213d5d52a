/**
 * One simulated day: the real core in the real loop, a house of people around it, time that is
 * stepped, and the proof beside it. After every event the ledger is written and a second state
 * evolves from the journal's words alone; every so often everything is looked at, as it is after
 * each restart and when everybody has gone home. The first fault ends the run.
 */
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import { evolve } from '../core/evolve.ts';
import { checkDispatched, checkInvariants } from '../core/invariants.ts';
import { canonicalHash } from '../core/snapshot.ts';
import { initialState, type State } from '../core/state.ts';
import type { CoreConfig } from '../core/types.ts';
import { READ_MAX, type Journal } from '../journal/port.ts';
import { openLoop, type Loop } from '../runtime/loop.ts';
import { rebuild } from '../runtime/rebuild.ts';
import { Edge } from './edge.ts';
import type { Faults } from './faults.ts';
import { House } from './house.ts';
import { Handle, SimJournal } from './journal.ts';
import { Ledger } from './ledger.ts';
import type { Script } from './script.ts';
import { Mortal, type Timeline } from './timeline.ts';

export interface RunOptions {
  readonly config: CoreConfig;
  readonly script: Script;
  readonly timeline: Timeline;
  readonly journal: Journal;
  /** The journal is somebody's file: nothing is removed from it. */
  readonly keepsAll: boolean;
  /** Callers call within it. */
  readonly span: { readonly from: number; readonly to: number };
  /** Hears every event. */
  readonly tally: { hear(event: CoreEvent): void };
  readonly faults: Faults | null;
  /** Events between two looks at everything; 0: by the size of the house. */
  readonly checkEvery: number;
  /** The configuration makes no difference between agents, nor between callers (`Ledger`). */
  readonly isPlain: boolean;
  /** Told now and then how far the day is: the instant (ms since the epoch) and the events. */
  readonly progress?: ((at: number, events: number) => void) | undefined;
}

export interface RunResult {
  readonly hash: string;
  readonly events: number;
  readonly violations: readonly string[];
  readonly turnedAway: number;
}

interface Process {
  readonly loop: Loop;
  readonly scheduler: Mortal;
  readonly handle: Handle;
}

/** A house that has not emptied so long after the last caller never will: calls end after 24 h. */
const EMPTIES_MS = 26 * 3_600_000;
/** What is under way when all have gone home has this long to end. */
const GOES_HOME_MS = 120_000;
/** More steps without a millisecond passing are a circle. */
const STILL_MAX = 50_000;
/** Steps between two breaths for the rest of this process. */
const BREATH = 2_000;
/** Looks at everything between two comparisons with the state that evolved beside. */
const HASH_EVERY = 8;

class Run {
  readonly #options: RunOptions;
  readonly #journal: SimJournal;
  readonly #edge: Edge;
  readonly #house: House;
  readonly #ledger: Ledger;
  readonly #faults: string[] = [];
  readonly #shadow: State = initialState();
  #process: Process | null = null;
  #newIds = 0;
  #steps = 0;
  #checkAt = 0;
  #checks = 0;
  /** No offer is called late before this: the journal was down, or the process dead. */
  #troubledUntil = 0;

  constructor(options: RunOptions) {
    const { timeline, script } = options;
    this.#options = options;
    this.#journal = new SimJournal(options.journal, timeline, options.keepsAll);
    this.#ledger = new Ledger(options.isPlain);
    this.#edge = new Edge(timeline);
    const fault = (text: string) => this.#fault(`outside: ${text}`);
    this.#house = new House({ script, edge: this.#edge, scheduler: timeline, fault });
  }

  async go(): Promise<RunResult> {
    const { timeline, span, faults, config } = this.#options;
    await this.#start();
    if (this.#process !== null) this.#edge.connect(this.#process.loop, () => false);
    this.#edge.send({ kind: 'ApplyConfig', config, by: 'config' });
    await this.#stepUntil(() => this.#edge.waiting === 0, GOES_HOME_MS);
    this.#house.open();
    timeline.at(span.to, () => this.#house.close());
    const crash = (downMs: number) => this.#crash(downMs);
    faults?.plan({ journal: this.#journal, timeline, crash }, span);
    const isOver = () => this.#house.isClosing && this.#house.isEmpty && this.#process !== null;
    await this.#stepUntil(isOver, span.to - timeline.now() + EMPTIES_MS);
    await this.#goHome();
    return {
      hash: this.#journal.digest(),
      events: this.#journal.events,
      violations: [...this.#faults, ...this.#ledger.faults],
      turnedAway: this.#house.turnedAway,
    };
  }

  #fault(text: string): void {
    this.#faults.push(`${new Date(this.#options.timeline.now()).toISOString()} ${text}`);
  }

  get #hasFailed(): boolean {
    return this.#faults.length > 0 || this.#ledger.faults.length > 0;
  }

  /** Lets time pass until it is so, or a fault was found, or it takes too long: a fault, too. */
  async #stepUntil(isSo: () => boolean, withinMs: number): Promise<void> {
    const { timeline } = this.#options;
    const until = timeline.now() + withinMs;
    let still = 0;
    while (!isSo() && !this.#hasFailed) {
      if ((timeline.next() ?? Infinity) > until) {
        return this.#fault(`${withinMs / 1000} s have passed, and there is no end to it`);
      }
      still = timeline.next() === timeline.now() ? still + 1 : 0;
      if (still > STILL_MAX) return this.#fault('time stands still: a circle of commands');
      await timeline.step();
      this.#steps += 1;
      if (this.#journal.isDown || this.#journal.lateMs > 0) this.#trouble();
      if (this.#ledger.seq >= this.#checkAt) this.#check();
      if (this.#steps % BREATH !== 0) continue;
      this.#options.progress?.(timeline.now(), this.#journal.events);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #trouble(): void {
    this.#troubledUntil = this.#options.timeline.now() + 30_000;
  }

  /** Opens the journal as a process does that begins. */
  async #start(): Promise<void> {
    const { timeline } = this.#options;
    const scheduler = new Mortal(timeline);
    const handle = new Handle(this.#journal);
    const opened = await openLoop({
      journal: handle,
      clock: timeline,
      scheduler,
      newId: () => `id${(this.#newIds += 1)}`,
      log: (level, text, detail) => {
        if (level === 'error' && text.startsWith('reactor'))
          this.#fault(`${text}: ${String(detail)}`);
      },
      onFatal: (error) => this.#fault(`the loop has ended: ${error.message}`),
    });
    if (!opened.ok) return this.#fault(`the journal cannot be opened: ${opened.detail}`);
    const { loop } = opened;
    await this.#catchUp(loop);
    this.#process = { loop, scheduler, handle };
    loop.react((stored) => {
      if (this.#process?.loop === loop) this.#hear(stored);
    });
    loop.start();
  }

  /** What became durable before the last process died and was heard by nobody is heard now. */
  async #catchUp(loop: Loop): Promise<void> {
    for (;;) {
      const read = await this.#journal.inner.read(this.#ledger.seq + 1, READ_MAX);
      if (!read.ok) return this.#fault(`the journal cannot be read: ${read.detail}`);
      if (read.events.length === 0) break;
      for (const stored of read.events) this.#hear(stored);
    }
    this.#compare(loop.state, 'the state rebuilt from the journal');
  }

  #hear(stored: StoredEvent): void {
    this.#ledger.hear(stored);
    this.#options.tally.hear(stored.event);
    try {
      evolve(this.#shadow, stored.event);
    } catch (error) {
      return this.#fault(`event ${stored.seq} does not fit what was before: ${String(error)}`);
    }
    this.#house.hear(stored);
  }

  #crash(downMs: number): void {
    const died = this.#process;
    if (died === null) return;
    died.scheduler.die();
    died.handle.die();
    this.#process = null;
    this.#edge.cut();
    this.#trouble();
    this.#options.timeline.after(downMs, () => void this.#restart());
  }

  async #restart(): Promise<void> {
    await this.#start();
    if (this.#process === null) return;
    this.#trouble();
    const { loop } = this.#process;
    const survivors = <T>(legs: T[]): T[] => this.#options.faults?.survivors(legs) ?? legs;
    const liveCalls = survivors(this.#house.living());
    const liveOffers = survivors(this.#house.phones.living());
    void loop.submit({ kind: 'Reconcile', liveCalls, liveOffers, by: 'sim' });
    this.#edge.connect(loop, (command) => this.#house.isDone(command));
  }

  /** Looks at everything, where nothing is half done. */
  #check(): void {
    const { timeline, checkEvery } = this.#options;
    const process = this.#process;
    if (process === null || process.handle.isBusy) return;
    const { state } = process.loop;
    const size = state.agents.size + state.calls.size;
    const every = checkEvery > 0 ? checkEvery : Math.max(1, Math.floor(size / 2));
    this.#checkAt = this.#ledger.seq + every;
    this.#checks += 1;
    const isTroubled = timeline.now() < this.#troubledUntil;
    const found = [
      ...checkInvariants(state),
      ...checkDispatched(state),
      ...this.#house.differences(state),
      ...(isTroubled ? [] : this.#ledger.overdue(timeline.now())),
    ];
    for (const text of found) this.#fault(`after event ${this.#ledger.seq}: ${text}`);
    if (this.#checks % HASH_EVERY === 0) this.#compare(state, 'the state');
  }

  #compare(state: State, name: string): void {
    if (canonicalHash(state) === canonicalHash(this.#shadow)) return;
    this.#fault(`${name} is not what the events up to ${this.#ledger.seq} add up to`);
  }

  /** The last caller has left: agents log out, and nothing may be left behind. */
  async #goHome(): Promise<void> {
    if (this.#hasFailed) return;
    for (const agentId of this.#shadow.agents.keys()) {
      this.#edge.send({ kind: 'LogOutAgent', who: { agentId }, by: 'sim' });
    }
    const isQuiet = () => {
      const { waiting } = this.#edge;
      return waiting === 0 && this.#process !== null && !this.#process.handle.isBusy;
    };
    await this.#stepUntil(isQuiet, GOES_HOME_MS);
    const process = this.#process;
    if (this.#hasFailed || process === null) return;
    this.#check();
    this.#compare(process.loop.state, 'the state');
    for (const text of this.#ledger.left()) this.#fault(text);
    await process.loop.stop();
    const rebuilt = await rebuild(this.#journal.inner);
    if (!rebuilt.ok) return this.#fault(`the journal cannot be replayed: ${rebuilt.detail}`);
    this.#compare(rebuilt.state, 'the state replayed from the journal');
  }
}

export function run(options: RunOptions): Promise<RunResult> {
  return new Run(options).go();
}
