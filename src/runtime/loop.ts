/**
 * The one writer: takes commands in order, decides and evolves them in memory, appends all
 * events of one turn as one transaction, and only then tells reactors and submitters. Nobody
 * outside ever acts on a fact that is not durable.
 *
 * When the journal fails, the state is put back to what the journal holds and everything decided
 * in that turn is undecided again. Requests (a new call, a login …) are answered `unavailable`
 * at once; facts (a BYE, an answer, a passed deadline) cannot be un-happened, so they wait, in
 * order, and are decided when the journal is back. A journal that is only slow goes on writing
 * what happens, but takes no requests until it is fast again. A journal somebody else has written
 * to means that we are not the writer any more: the loop ends for good.
 */
import type { Clock } from '../shared/clock.ts';
import type { Command } from '../core/commands.ts';
import { decide } from '../core/decide.ts';
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import { nextDeadline, type State } from '../core/state.ts';
import { snapshot } from '../core/snapshot.ts';
import type { AppendResult, Journal, JournalFailure } from '../journal/port.ts';
import { Backlog, isRequest, UNAVAILABLE, type Pending } from './backlog.ts';
import type { NewCommand, Outcome, Reactor, Runtime } from './port.ts';
import { rebuild } from './rebuild.ts';
import type { LoopCounters, LoopHealth, LoopPhase } from './loop-health.ts';
import { machineScheduler, type Cancel, type Scheduler } from './scheduler.ts';

export type { LoopCounters, LoopHealth, LoopPhase } from './loop-health.ts';

/** Most commands decided, and so most events appended, in one turn. */
export const BATCH_MAX = 256;
/** setTimeout takes no more than 2^31 - 1 ms. */
const TIMER_MAX_MS = 2_147_483_647;
const RETRY_MS = 500;
/** A write that takes longer makes the journal slow; one of less than half makes it fast again. */
const SLOW_MS = 1_000;
/**
 * A start replays at most about this many events, or twice that after a busy time: half a second.
 * In a house with more agents and calls, so many: one costs as much as there is in it.
 */
export const SNAPSHOT_EVERY = 10_000;

export interface LoopOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Words for the log. */
  readonly log: (level: 'info' | 'warn' | 'error', text: string, detail?: unknown) => void;
  /** A broken invariant, or we are no longer the writer: the process should end. */
  readonly onFatal: (error: Error) => void;
  /** Events between two snapshots; default: SNAPSHOT_EVERY, or the calls and agents. */
  readonly snapshotEvery?: number;
  /** Wait between attempts to reach a failed journal; default 500 ms. */
  readonly retryMs?: number;
  /** From how long a write on makes the journal slow; default 1 s. */
  readonly slowMs?: number;
  /** What it waits with; default the machine's timers. */
  readonly scheduler?: Scheduler;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Decided {
  readonly pending: Pending;
  readonly refusal: Extract<Outcome, { ok: false }> | null;
  /** Its events are those from here up to the next one's. */
  readonly from: number;
}

export class Loop implements Runtime {
  readonly #options: LoopOptions;
  readonly #scheduler: Scheduler;
  readonly #reactors: Reactor[] = [];
  readonly #queue = new Backlog();
  #state: State;
  #lastSeq: number;
  #snapshotSeq: number;
  /** The state is what the journal holds; not so while a failed journal cannot even be read. */
  #isDurable = true;
  /** No snapshot is tried before this event: the last attempt failed. */
  #snapshotFrom = 0;
  #phase: Exclude<LoopPhase, 'draining'> = 'running';
  #detail = '';
  #since: number | null = null;
  #draining = false;
  #stopping = false;
  #scheduled = false;
  #turning = false;
  #started = false;
  #deadlineSubmitted = false;
  #timer: Cancel | null = null;
  #retry: Cancel | null = null;
  #idle: (() => void)[] = [];
  /** A decided batch is not durable yet: the state is ahead of the journal. */
  #isAhead = false;
  #resting: ((seq: number) => void)[] = [];
  readonly #counters: Mutable<LoopCounters> = {
    commands: 0,
    refusals: 0,
    events: 0,
    batches: 0,
    appendFailures: 0,
    appendMs: 0,
    reactorErrors: 0,
    brokenInvariants: 0,
  };

  /** Use `openLoop`. */
  constructor(options: LoopOptions, state: State, lastSeq: number, snapshotSeq: number) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? machineScheduler;
    this.#state = state;
    this.#lastSeq = lastSeq;
    this.#snapshotSeq = snapshotSeq;
  }

  get state(): State {
    return this.#state;
  }

  now(): number {
    return this.#options.clock.now();
  }

  newId(): string {
    return this.#options.newId();
  }

  react(reactor: Reactor): void {
    this.#reactors.push(reactor);
  }

  submit(command: NewCommand): Promise<Outcome> {
    if (!this.#takes(command)) return Promise.resolve(UNAVAILABLE);
    return new Promise((settle) => {
      if (this.#phase === 'journal-down') this.#queue.pushFact({ command, settle });
      else this.#queue.push({ command, settle });
      this.#schedule();
    });
  }

  /** Calls back, at once or soon, while the state is exactly the journal's up to that number. */
  atRest(then: (seq: number) => void): void {
    this.#resting.push(then);
    this.#rest();
  }

  #rest(): void {
    if (this.#isAhead || !this.#isDurable) return;
    for (const then of this.#resting.splice(0)) then(this.#lastSeq);
  }

  /** From now on deadlines are reached; call it when all reactors are in. */
  start(): void {
    this.#started = true;
    this.#arm();
  }

  /** No new calls; what is in the house goes on. */
  drain(): void {
    this.#draining = true;
  }

  /** Settles when everything submitted is durable or answered; then nothing is taken any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#phase === 'journal-down') this.#queue.refuseAll();
    if (this.#queue.size > 0 || this.#turning) {
      await new Promise<void>((done) => this.#idle.push(done));
    }
    if (this.#phase !== 'failed' && this.#phase !== 'stopped') {
      this.#phase = 'stopped';
      // A snapshot of what was decided and never written would be a state that never was.
      if (this.#isDurable || (await this.#putBack())) await this.#saveSnapshot();
    }
    this.#clearTimers();
  }

  health(): LoopHealth {
    return {
      phase: this.#phase === 'running' && this.#draining ? 'draining' : this.#phase,
      detail: this.#detail,
      lastSeq: this.#lastSeq,
      since: this.#since,
      backlog: this.#queue.size,
      counters: { ...this.#counters },
    };
  }

  #takes(command: NewCommand): boolean {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return false;
    if (this.#stopping) return false;
    const begins = command.kind === 'ArriveCall' || command.kind === 'DialOut';
    if (this.#draining && begins) return false;
    if (this.#phase !== 'running' && isRequest(command)) return false;
    return !this.#queue.isFull;
  }

  #schedule(): void {
    if (this.#scheduled || this.#turning || this.#phase === 'journal-down') return;
    this.#scheduled = true;
    this.#scheduler.soon(() => {
      this.#scheduled = false;
      void this.#turn();
    });
  }

  /** `probes`: appends even where there is nothing to append. */
  async #turn(probes = false): Promise<void> {
    if (this.#turning || this.#phase === 'failed') return;
    this.#turning = true;
    const batch = this.#queue.take(BATCH_MAX);
    try {
      await this.#runBatch(batch, probes);
    } catch (error) {
      this.#fail(error);
      for (const pending of batch) pending.settle(UNAVAILABLE);
    }
    this.#turning = false;
    if (this.#queue.size > 0) this.#schedule();
    else for (const done of this.#idle.splice(0)) done();
    this.#arm();
  }

  /** Decides the batch, makes it durable, tells everybody. */
  async #runBatch(batch: Pending[], probes: boolean): Promise<void> {
    const events: CoreEvent[] = [];
    const decided: Decided[] = [];
    try {
      for (const pending of batch) decided.push(this.#decide(pending, events));
    } catch (error) {
      this.#counters.brokenInvariants += 1;
      throw error;
    }
    if (events.length > 0 || probes) {
      this.#isAhead = true;
      const result = await this.#append(events);
      this.#isAhead = false;
      if (!result.ok) return this.#appendFailed(batch, result);
      if (events.length > 0) this.#counters.batches += 1;
      this.#counters.events += events.length;
    }
    const stored = events.map((event, index) => ({ seq: this.#lastSeq + index + 1, event }));
    this.#lastSeq += events.length;
    for (const one of stored) this.#tell(one);
    this.#rest();
    decided.forEach(({ pending, refusal, from }, index) => {
      const upTo = decided[index + 1]?.from ?? stored.length;
      pending.settle(refusal ?? { ok: true, events: stored.slice(from, upTo) });
    });
    // A snapshot stops everything for a moment: wait for a quiet one, but not for ever.
    const every = this.#snapshotEvery();
    const isDue = this.#lastSeq - this.#snapshotSeq >= (this.#queue.size > 0 ? 2 * every : every);
    if (isDue && this.#lastSeq >= this.#snapshotFrom) await this.#saveSnapshot();
  }

  #decide(pending: Pending, events: CoreEvent[]): Decided {
    const command = { ...pending.command, at: this.now() } as Command;
    const from = events.length;
    const answer = decide(this.#state, command);
    this.#counters.commands += 1;
    if (!answer.ok) {
      this.#counters.refusals += 1;
      return { pending, refusal: answer, from };
    }
    for (const event of answer.events) events.push(event);
    return { pending, refusal: null, from };
  }

  #tell(stored: StoredEvent): void {
    for (const reactor of this.#reactors) {
      try {
        reactor(stored);
      } catch (error) {
        this.#counters.reactorErrors += 1;
        this.#options.log('error', `reactor failed at ${stored.event.kind} ${stored.seq}`, error);
      }
    }
  }

  /** Appends, and takes no requests any more while that lasts too long. */
  async #append(events: readonly CoreEvent[]): Promise<AppendResult> {
    const slowMs = this.#options.slowMs ?? SLOW_MS;
    const begun = this.#scheduler.elapsed();
    let isOver = false;
    // A process that was held up itself has the answer, but has not read it yet: that comes first.
    const judge = (): void => void (isOver || this.#slowDown(slowMs));
    const cancel = this.#scheduler.after(slowMs, () => this.#scheduler.soon(judge));
    const answer = this.#options.journal.append(this.#lastSeq, events);
    const result = await answer;
    isOver = true;
    cancel();
    const tookMs = this.#scheduler.elapsed() - begun;
    this.#counters.appendMs += tookMs;
    // Where the answer comes later, the time until it is read is not the journal's alone: that
    // calls nothing slow that was not found so already.
    const isItsTime = !(answer instanceof Promise) || this.#phase === 'journal-slow';
    if (result.ok && isItsTime && tookMs >= slowMs) this.#slowDown(tookMs);
    if (result.ok && tookMs < slowMs / 2 && this.#phase === 'journal-slow') {
      this.#recover('journal is fast again');
    }
    return result;
  }

  #slowDown(tookMs: number): void {
    if (this.#phase !== 'running' && this.#phase !== 'journal-slow') return;
    this.#detail = `its disk is slow: a write has taken ${(tookMs / 1000).toFixed(1)} s`;
    if (this.#phase === 'journal-slow') return;
    this.#phase = 'journal-slow';
    this.#since = this.now() - Math.floor(tookMs);
    this.#options.log('warn', `journal is slow, requests are refused: ${this.#detail}`);
    this.#queue.refuseRequests();
    this.#probeLater();
  }

  /** Where nothing is to be written, only an empty append can tell that it is fast again. */
  #probeLater(): void {
    this.#retry = this.#scheduler.after(this.#options.retryMs ?? RETRY_MS, () => {
      this.#retry = null;
      if (this.#phase !== 'journal-slow' || this.#stopping) return;
      this.#probeLater();
      if (!this.#turning && this.#queue.size === 0) void this.#turn(true);
    });
  }

  /** Undecides the batch; facts wait at the head of the queue, requests are refused. */
  async #appendFailed(batch: Pending[], result: Exclude<AppendResult, { ok: true }>) {
    this.#counters.appendFailures += 1;
    if (result.reason === 'conflict') {
      throw new Error(
        `another process writes this journal: expected it to end at ${this.#lastSeq}, ` +
          `it ends at ${result.lastSeq}`,
      );
    }
    this.#phase = 'journal-down';
    this.#detail = result.detail;
    this.#since ??= this.now();
    this.#options.log('error', `journal cannot be written: ${result.detail}`);
    await this.#putBack();
    // Only now may anybody hear: whoever looks at the state next sees the durable one.
    this.#queue.putBack(batch);
    if (this.#stopping) this.#queue.refuseAll();
    else this.#queue.refuseRequests();
    if (!this.#stopping) this.#retryLater();
  }

  /** Puts the state back to what is durable; false if the journal cannot even be read. */
  async #putBack(): Promise<boolean> {
    this.#isDurable = false;
    const rebuilt = await rebuild(this.#options.journal);
    if (!rebuilt.ok) {
      this.#detail = rebuilt.detail;
      return false;
    }
    if (rebuilt.lastSeq !== this.#lastSeq) {
      throw new Error(`journal ends at ${rebuilt.lastSeq}, expected ${this.#lastSeq}`);
    }
    this.#state = rebuilt.state;
    this.#isDurable = true;
    this.#rest();
    return true;
  }

  #retryLater(): void {
    this.#retry?.();
    this.#retry = this.#scheduler.after(this.#options.retryMs ?? RETRY_MS, () => {
      this.#retry = null;
      this.#tryAgain().catch((error: unknown) => this.#fail(error));
    });
  }

  /** The journal is back when it can be read and an empty append proves it can be written. */
  async #tryAgain(): Promise<void> {
    const rebuilt = this.#isDurable || (await this.#putBack());
    if (this.#stopping) return;
    const probe = rebuilt ? await this.#options.journal.append(this.#lastSeq, []) : null;
    if (this.#stopping) return;
    if (probe?.ok !== true) return this.#retryLater();
    this.#recover('journal can be written again');
    this.#schedule();
    this.#arm();
  }

  #recover(text: string): void {
    this.#phase = 'running';
    this.#detail = '';
    this.#since = null;
    this.#options.log('info', text);
  }

  #fail(error: unknown): void {
    const fatal = error instanceof Error ? error : new Error(String(error));
    this.#phase = 'failed';
    this.#detail = fatal.message;
    this.#options.log('error', 'the ACD cannot go on', fatal);
    this.#queue.refuseAll();
    this.#clearTimers();
    this.#options.onFatal(fatal);
  }

  #arm(): void {
    this.#timer?.();
    this.#timer = null;
    if (!this.#started || this.#deadlineSubmitted) return;
    if (this.#phase !== 'running' && this.#phase !== 'journal-slow') return;
    const due = nextDeadline(this.#state);
    if (due === null) return;
    const wait = Math.min(TIMER_MAX_MS, Math.max(0, due - this.now()));
    this.#timer = this.#scheduler.after(wait, () => {
      this.#deadlineSubmitted = true;
      void this.submit({ kind: 'ReachDeadline', by: 'clock' }).then(() => {
        this.#deadlineSubmitted = false;
        this.#arm();
      });
    });
  }

  async #saveSnapshot(): Promise<void> {
    const { journal, log } = this.#options;
    if (this.#lastSeq === this.#snapshotSeq) return;
    const seq = this.#lastSeq;
    const saved = await journal.saveSnapshot(seq, snapshot(this.#state));
    if (saved.ok) this.#snapshotSeq = seq;
    else log('warn', `no snapshot was kept: ${saved.detail}`);
    // A full disk is not asked at every turn.
    this.#snapshotFrom = saved.ok ? 0 : seq + this.#snapshotEvery() / 10;
  }

  #snapshotEvery(): number {
    const { agents, calls } = this.#state;
    return this.#options.snapshotEvery ?? Math.max(SNAPSHOT_EVERY, agents.size + calls.size);
  }

  #clearTimers(): void {
    this.#timer?.();
    this.#retry?.();
    [this.#timer, this.#retry] = [null, null];
  }
}

/** Replays the journal and gives a loop at its end; `start` it when the reactors are in. */
export async function openLoop(
  options: LoopOptions,
): Promise<{ readonly ok: true; readonly loop: Loop } | JournalFailure> {
  const rebuilt = await rebuild(options.journal);
  if (!rebuilt.ok) return rebuilt;
  options.clock.atLeast(rebuilt.lastAt);
  const loop = new Loop(options, rebuilt.state, rebuilt.lastSeq, rebuilt.snapshotSeq);
  return { ok: true, loop };
}
