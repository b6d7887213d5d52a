/**
 * Keeps the reports up with the journal: reads what is new, folds it, writes what it made. It
 * reads beside the writer and writes files of its own, so it never holds the journal up, however
 * far behind it is. The place it has come to is a checkpoint of the fold, at most some thousand
 * events old: a start goes back to the newest one that the journal still agrees with (by the sum
 * of its row) and folds again what came after it, without gap or repetition.
 */
import type { EventSource, SummedEvent } from '../journal/tail.ts';
import { ReportFold } from './fold.ts';
import type { QueueLogFile } from './log-file.ts';
import type { QueueLogLine } from './queue-log.ts';
import type { Checkpoint, ReportStore } from './store.ts';
import type { Zone } from './zone.ts';

/** Events of one step, which is one transaction. */
const STEP_EVENTS = 1_000;
/** A start folds at most about so many events again. */
const CHECKPOINT_EVERY = 5_000;

export interface ProjectorOptions {
  readonly source: EventSource;
  readonly store: ReportStore;
  readonly zone: Zone;
  /** Null: no file is written. */
  readonly file: QueueLogFile | null;
  readonly log: (level: 'info' | 'warn' | 'error', text: string) => void;
}

export class Projector {
  readonly #options: ProjectorOptions;
  #fold: ReportFold;
  #sum: number | null = null;
  #at = 0;
  #day = '';
  /** Where the next page begins; behind `fold.seq + 1` only where rows are damaged. */
  #next = 1;
  #checkpointAt = 0;
  #isAligned = false;
  /** What was wrong with the file when it was last written; empty: nothing. */
  #fileFault = '';

  constructor(options: ProjectorOptions) {
    this.#options = options;
    const { store, source } = options;
    const { first, last } = source.ends();
    const found = this.#findCheckpoint(last);
    if (found === null) {
      store.rewind(first > 1 ? this.#lostBefore(first) : 0);
      this.#fold = new ReportFold();
      this.#next = Math.max(1, first);
    } else {
      store.rewind(found.seq);
      this.#fold = new ReportFold(found.house, found.seq);
      this.#sum = found.sum;
      this.#at = found.at;
      this.#day = found.at === 0 ? '' : options.zone.day(found.at).name;
      this.#next = Math.max(found.seq + 1, first);
      this.#checkpointAt = found.seq;
      if (first > found.seq + 1) this.#lostBefore(first);
    }
  }

  /** Number and instant of the last event that is in. */
  get seq(): number {
    return this.#fold.seq;
  }

  get at(): number {
    return this.#at;
  }

  get fold(): ReportFold {
    return this.#fold;
  }

  get fileFault(): string {
    return this.#fileFault;
  }

  /** One step; true: there is more. */
  step(): boolean {
    const { source, store } = this.#options;
    const { events, next } = source.read(this.#next, STEP_EVENTS);
    const isMore = next > this.#next;
    if (events.length > 0) {
      const lines: QueueLogLine[] = [];
      store.together(() => {
        for (const event of events) lines.push(...this.#hear(event));
        if (this.#fold.seq - this.#checkpointAt >= CHECKPOINT_EVERY) this.#save(false);
      });
      if (this.#isAligned) this.#write((file) => file.append(lines));
    }
    this.#next = next;
    return isMore;
  }

  /** Everything there is now. */
  catchUp(): void {
    while (this.step());
    if (!this.#isAligned) this.alignFile();
  }

  /** Puts the files right, and from now on they are written; once the reports are up. */
  alignFile(): void {
    const { store, zone } = this.#options;
    const ends = store.lineEnds();
    this.#write((file) => {
      if (ends === null) return;
      const days: string[] = [];
      let day = zone.day(ends.first);
      for (; day.to <= ends.last; day = zone.day(day.to)) days.push(day.name);
      file.align(days, day.name);
    });
    this.#isAligned = this.#fileFault === '';
  }

  /** Keeps the place, so that the next start begins here. */
  save(): void {
    if (this.#fold.seq > this.#checkpointAt) this.#options.store.together(() => this.#save(false));
  }

  #hear(summed: SummedEvent): readonly QueueLogLine[] {
    const { store, zone } = this.#options;
    const { at } = summed.event;
    const { name } = zone.day(at);
    if (name !== this.#day) {
      // A day can be written anew from here, also when the events before it are gone.
      this.#save(true);
      this.#day = name;
    }
    const { lines, records } = this.#fold.hear(summed);
    store.add({ seq: summed.seq, lines, records });
    this.#sum = summed.sum;
    this.#at = at;
    return lines;
  }

  #save(begins: boolean): void {
    const { seq } = this.#fold;
    const house = this.#fold.keep();
    this.#options.store.saveCheckpoint({ seq, sum: this.#sum, at: this.#at, house }, begins);
    this.#checkpointAt = seq;
  }

  /** A disk that is full, or a path that is not there, stops the file, not the reports. */
  #write(work: (file: QueueLogFile) => void): void {
    const { file, log } = this.#options;
    if (file === null) return;
    try {
      work(file);
      if (this.#fileFault !== '') log('info', 'queue_log is written again');
      this.#fileFault = '';
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      if (this.#fileFault === '') log('error', `queue_log cannot be written: ${message}`);
      this.#fileFault = message;
      // Put right, with what is missing now, as soon as it can be.
      this.#isAligned = false;
    }
  }

  /** The newest the journal agrees with. */
  #findCheckpoint(last: number): Checkpoint | null {
    const { store, source } = this.#options;
    const { first } = source.ends();
    for (const found of store.checkpoints(last)) {
      if (found.seq === 0 || found.seq < first) return found;
      if (source.sumOf(found.seq) === found.sum) return found;
    }
    return null;
  }

  /** Tells of a gap; gives the number up to which rows stay. */
  #lostBefore(first: number): number {
    const text = `the journal begins at event ${first} (journal.keep); reports lack what was`;
    this.#options.log('warn', text);
    return first - 1;
  }
}
