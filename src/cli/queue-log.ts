/**
 * `acd queue-log --day 2026-11-25`: the lines of that day in Asterisk's queue_log format, out of
 * the journal, the same as when they were written. Reads beside a running ACD; where the journal
 * no longer reaches back so far, the rows that the reports have kept are written.
 */
import type { Command } from 'commander';
import { reportOptions } from '../app/reports.ts';
import { openTail, type EventSource } from '../journal/tail.ts';
import { writeLine, type QueueLogLine } from '../reports/queue-log.ts';
import { findCheckpoint, keptLines, regenerate, type Span } from '../reports/regenerate.ts';
import { Zone } from '../reports/zone.ts';
import { readConfiguration } from './configuration.ts';
import { EXIT, fault } from './exit.ts';

export interface WrittenQueueLog {
  readonly config: string;
  readonly journal?: string;
  readonly day?: string;
}

/** Whole lines in big pieces: a day has many. */
class Printer {
  #text = '';

  readonly line = (line: QueueLogLine): void => {
    this.#text += `${writeLine(line)}\n`;
    if (this.#text.length > 65_536) this.flush();
  };

  flush(): void {
    process.stdout.write(this.#text);
    this.#text = '';
  }
}

function firstAt(source: EventSource): number {
  return source.read(source.ends().first, 1).events[0]?.event.at ?? Infinity;
}

function print(source: EventSource, reportsFile: string, span: Span): number {
  const printer = new Printer();
  const { first } = source.ends();
  const isCut = first > 1 && firstAt(source) > span.from;
  // Of a time of which the journal has nothing any more.
  const rows = isCut ? keptLines(reportsFile, span) : [];
  if (rows.length > 0) {
    for (const line of rows) printer.line(line);
    printer.flush();
    process.stderr.write(
      'the journal begins later (journal.keep): written as the reports kept it\n',
    );
    return EXIT.ok;
  }
  const seq = source.firstFrom(span.from);
  const kept = seq === null ? null : findCheckpoint(reportsFile, source, seq);
  const { notes } = regenerate(source, span, kept, printer.line);
  printer.flush();
  for (const note of notes) process.stderr.write(`${note}\n`);
  return EXIT.ok;
}

function runQueueLog(written: WrittenQueueLog): number {
  const config = readConfiguration(written.config);
  if (config === null) return EXIT.wrong;
  const { zone: name, file: reportsFile } = reportOptions(config);
  const zone = new Zone(name);
  const day = written.day === undefined ? zone.day(Date.now()) : zone.dayNamed(written.day);
  if (day === null) return fault('--day must be a day, as in 2026-11-25');
  const file = written.journal ?? config.journal.path;
  if (file === ':memory:') return fault('name the journal: --journal FILE');
  const tail = openTail(file);
  if (!tail.ok) return fault(tail.detail);
  try {
    // Another journal has other reports beside it.
    const beside = file === config.journal.path ? reportsFile : `${file}.reports`;
    return print(tail.source, beside, day);
  } finally {
    tail.source.close();
  }
}

export function addQueueLog(
  program: Command,
  [flags = '', text = '', standard = '']: readonly string[],
  done: (status: number) => void,
): void {
  program
    .command('queue-log')
    .description('a day in the format of Asterisk’s queue_log, out of the journal')
    .option(flags, text, standard)
    .option('--day <date>', 'as in 2026-11-25, in the time zone of the reports; default today')
    .option('--journal <file>', 'the journal; default the one of the configuration')
    .action((written: WrittenQueueLog) => done(runQueueLog(written)));
}
