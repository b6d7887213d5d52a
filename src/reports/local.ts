/**
 * The reports within the server, for a journal in memory: there is no file that a thread could
 * follow, and everything is forgotten at the end together with it.
 */
import type { MemoryJournal } from '../journal/memory.ts';
import type { EventSource } from '../journal/tail.ts';
import type { LevelOptions } from './figures.ts';
import type { Answered, Reports } from './port.ts';
import type { Question } from './questions.ts';
import type { ReportService } from './service.ts';

export function memorySource(journal: MemoryJournal): EventSource {
  const eventAt = (seq: number) => {
    const read = journal.read(seq, 1);
    return read.ok ? read.events[0] : undefined;
  };
  return {
    ends: () => {
      const last = journal.lastSeq();
      return { first: last === 0 ? 0 : journal.firstSeq(), last };
    },
    read: (seq, limit) => {
      const read = journal.read(seq, limit);
      const events = read.ok ? read.events.map((stored) => ({ ...stored, sum: 0 })) : [];
      return { events, next: (events.at(-1)?.seq ?? seq - 1) + 1 };
    },
    sumOf: (seq) => (eventAt(seq)?.seq === seq ? 0 : null),
    firstFrom: (at) => {
      for (let seq = Math.max(1, journal.firstSeq()); seq <= journal.lastSeq(); seq += 1) {
        if ((eventAt(seq)?.event.at ?? 0) >= at) return seq;
      }
      return null;
    },
    snapshotUpTo: () => null,
    close: () => undefined,
  };
}

export class LocalReports implements Reports {
  readonly #service: ReportService;
  readonly #now: () => number;

  constructor(service: ReportService, now: () => number) {
    this.#service = service;
    this.#now = now;
  }

  /** Nothing is done before somebody asks. */
  wake(): void {
    return undefined;
  }

  useLevels(levels: LevelOptions): void {
    this.#service.useLevels(levels);
  }

  ask<Q extends Question>(question: Q): Promise<Answered<Q>> {
    this.#catchUp();
    return Promise.resolve({ ok: true, value: this.#service.ask(question, this.#now()) });
  }

  health() {
    const { seq, fileFault } = this.#service.ask({ name: 'progress' }, this.#now());
    return { up: fileFault === '', detail: fileFault, seq };
  }

  close(): Promise<void> {
    this.#catchUp();
    this.#service.close();
    return Promise.resolve();
  }

  #catchUp(): void {
    while (this.#service.work(this.#now()));
  }
}
