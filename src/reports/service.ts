/**
 * The reports as a whole, where they run (on a thread of their own, or, for a journal in memory,
 * in the server itself): kept up with the journal when woken, saved from time to time, old rows
 * removed, questions answered from what is in. Everything here is synchronous and goes in steps;
 * whoever runs it decides when the next one comes.
 */
import type { EventSource } from '../journal/tail.ts';
import type { ReportOptions } from './answers.ts';
import type { LevelOptions } from './figures.ts';
import { QueueLogFile } from './log-file.ts';
import { Projector } from './projector.ts';
import { askAgents, askCounters, askPauses, askQueues, type Sources } from './queries.ts';
import { askAbandoned, askCall, askCalls } from './queries-calls.ts';
import type { Answers, Question } from './questions.ts';
import { openStore, type ReportStore } from './store.ts';
import { Zone } from './zone.ts';

const SAVE_MS = 10_000;
const PRUNE_MS = 3_600_000;

export interface ServiceOptions extends ReportOptions {
  /** `:memory:` with a journal in memory. */
  readonly file: string;
  /** Null: no file is written. */
  readonly queueLog: { readonly file: string; readonly keepDays: number } | null;
  /** How long rows are kept; 0: for ever. */
  readonly keepMs: number;
}

export type Told = (level: 'info' | 'warn' | 'error', text: string) => void;

/** `2026-11-25 09:00:01.250`, by the clock on the wall: the column `time` of queue_log. */
function timeWriter(zone: Zone): (at: number) => string {
  return (at) => new Date(zone.wall(at)).toISOString().slice(0, 23).replace('T', ' ');
}

export type ServiceOpen =
  | { readonly ok: true; readonly service: ReportService }
  | { readonly ok: false; readonly detail: string };

export function openService(source: EventSource, options: ServiceOptions, log: Told): ServiceOpen {
  const zone = new Zone(options.zone);
  const opened = openStore(options.file, timeWriter(zone));
  if (!opened.ok) return opened;
  return { ok: true, service: new ReportService(source, opened.store, zone, options, log) };
}

export class ReportService {
  #options: ServiceOptions;
  readonly #source: EventSource;
  readonly #store: ReportStore;
  readonly #zone: Zone;
  readonly #projector: Projector;
  #savedAt = -Infinity;
  #prunedAt = -Infinity;
  #isUp = false;

  /** Use `openService`. */
  constructor(
    source: EventSource,
    store: ReportStore,
    zone: Zone,
    options: ServiceOptions,
    log: Told,
  ) {
    const { queueLog } = options;
    this.#options = options;
    this.#source = source;
    this.#store = store;
    this.#zone = zone;
    const linesOf = (name: string) => {
      const day = zone.dayNamed(name);
      return day === null ? [] : store.linesBetween(day.from, day.to);
    };
    const file = queueLog === null ? null : new QueueLogFile({ ...queueLog, zone, linesOf });
    this.#projector = new Projector({ source, store, zone, file, log });
  }

  /** One step of what there is to do; true: there is more, come back at once. */
  work(now: number): boolean {
    if (this.#projector.step()) return true;
    if (!this.#isUp) {
      this.#projector.alignFile();
      this.#isUp = true;
      this.#savedAt = now;
    }
    if (now - this.#savedAt >= SAVE_MS) {
      this.#savedAt = now;
      this.#projector.save();
      if (this.#projector.fileFault !== '') this.#projector.alignFile();
    }
    return this.#prune(now);
  }

  #prune(now: number): boolean {
    const { keepMs } = this.#options;
    if (keepMs === 0 || now - this.#prunedAt < PRUNE_MS) return false;
    if (this.#store.prune(now - keepMs)) return true;
    this.#prunedAt = now;
    return false;
  }

  /** From now on levels of service are by these. */
  useLevels(levels: LevelOptions): void {
    this.#options = { ...this.#options, levels };
  }

  ask<Q extends Question>(question: Q, now: number): Answers[Q['name']] {
    return this.#answer(question, now) as Answers[Q['name']];
  }

  #answer(question: Question, now: number): Answers[Question['name']] {
    const projector = this.#projector;
    const sources: Sources = {
      store: this.#store,
      house: projector.fold.house,
      now: Math.max(now, projector.at),
      options: this.#options,
      zone: this.#zone,
    };
    switch (question.name) {
      case 'queues':
        return askQueues(sources, question.asked);
      case 'agents':
        return askAgents(sources, question.asked);
      case 'pauses':
        return askPauses(sources, question.asked);
      case 'abandoned':
        return askAbandoned(sources, question.asked);
      case 'calls':
        return askCalls(sources, question.asked);
      case 'call':
        return askCall(sources, question.id);
      case 'counters':
        return askCounters(sources, sources.now, question);
      case 'day': {
        const { day } = question;
        const found = day === undefined ? this.#zone.day(sources.now) : this.#zone.dayNamed(day);
        return found === null ? null : { name: found.name, from: found.from, to: found.to };
      }
      case 'progress': {
        const { fileFault, seq } = projector;
        return { seq, isUp: this.#isUp, fileFault };
      }
    }
  }

  close(): void {
    this.#projector.save();
    this.#store.close();
    this.#source.close();
  }
}
