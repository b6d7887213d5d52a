/**
 * The file `queue_log`, as old panels follow it: lines of today at its end. When a day ends it is
 * renamed to `queue_log.2026-11-25`, and what is older than its limit is removed. It is derived
 * from the rows of the reports' database, so whatever became of it while nobody looked (a crash,
 * a full disk, an editor) is put right when it is opened: what is missing is added, and only a
 * file that is no beginning of what it should be is written anew.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { writeLine, type QueueLogLine } from './queue-log.ts';
import type { Zone } from './zone.ts';

export interface LogFileOptions {
  readonly file: string;
  readonly zone: Zone;
  /** Finished days kept as files. */
  readonly keepDays: number;
  /** The lines of a day, by its name, as they should be. */
  readonly linesOf: (day: string) => Iterable<QueueLogLine>;
}

function writeLines(lines: Iterable<QueueLogLine>): string {
  let text = '';
  for (const line of lines) text += `${writeLine(line)}\n`;
  return text;
}

export class QueueLogFile {
  readonly #options: LogFileOptions;
  /** The day that `file` is of; null: not known yet. */
  #day: string | null = null;

  constructor(options: LogFileOptions) {
    this.#options = options;
    mkdirSync(path.dirname(options.file), { recursive: true });
  }

  /**
   * Puts the files right: `days` are the finished ones that have lines, `today` is the one of the
   * last line. Throws what the file system throws.
   */
  align(days: readonly string[], today: string): void {
    const { file, keepDays } = this.#options;
    const held = this.#dayOfFile();
    if (held !== null && held < today) {
      this.#makeRight(file, held);
      this.#rotate(held);
    }
    for (const day of days.slice(-keepDays)) {
      const finished = `${file}.${day}`;
      if (day >= today || existsSync(finished)) continue;
      const text = writeLines(this.#options.linesOf(day));
      if (text !== '') this.#write(finished, text);
    }
    this.#makeRight(file, today);
    this.#day = today;
    this.#prune(today);
  }

  /** Adds lines, in order; a new day begins a new file. */
  append(lines: readonly QueueLogLine[]): void {
    const { file, zone } = this.#options;
    let text = '';
    for (const line of lines) {
      const { name } = zone.day(line.at);
      if (this.#day !== null && name > this.#day) {
        if (text !== '') appendFileSync(file, text);
        text = '';
        this.#rotate(this.#day);
        this.#prune(name);
      }
      this.#day = name;
      text += `${writeLine(line)}\n`;
    }
    if (text !== '') appendFileSync(file, text);
  }

  #dayOfFile(): string | null {
    const { file, zone } = this.#options;
    if (!existsSync(file)) return null;
    const first = /^(\d+)\|/.exec(readFileSync(file, 'utf8').slice(0, 40));
    return first === null ? null : zone.day(Number(first[1]) * 1000).name;
  }

  #write(file: string, text: string): void {
    const fresh = `${file}.new`;
    writeFileSync(fresh, text);
    renameSync(fresh, file);
  }

  #makeRight(file: string, day: string): void {
    const wanted = writeLines(this.#options.linesOf(day));
    const is = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (is === wanted) return;
    if (wanted.startsWith(is)) appendFileSync(file, wanted.slice(is.length));
    // Ahead of the rows: what follows would be there twice.
    else if (is.startsWith(wanted)) truncateSync(file, Buffer.byteLength(wanted));
    else this.#write(file, wanted);
  }

  #rotate(day: string): void {
    const { file } = this.#options;
    if (existsSync(file) && statSync(file).size > 0) renameSync(file, `${file}.${day}`);
  }

  /** Removes what is older than the limit: files of this name and a day, and no others. */
  #prune(today: string): void {
    const { file, keepDays } = this.#options;
    const oldest = new Date(Date.parse(`${today}T12:00:00Z`) - keepDays * 86_400_000);
    const limit = oldest.toISOString().slice(0, 10);
    const prefix = `${path.basename(file)}.`;
    for (const name of readdirSync(path.dirname(file))) {
      if (!name.startsWith(prefix)) continue;
      const day = name.slice(prefix.length);
      if (/^\d{4}-\d\d-\d\d$/.test(day) && day < limit) {
        rmSync(path.join(path.dirname(file), name));
      }
    }
  }
}
