/**
 * Goal: the reports are what the journal says, whatever becomes of them: killed at any moment,
 * deleted, their file edited, the journal's beginning gone. Method: a journal of two days on disk,
 * followed straight, and followed with accidents; both must come out the same.
 */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { openSqliteJournal } from '../../../src/journal/open.ts';
import type { SqliteJournal } from '../../../src/journal/sqlite.ts';
import { openTail } from '../../../src/journal/tail.ts';
import { initialState } from '../../../src/core/state.ts';
import { snapshot } from '../../../src/core/snapshot.ts';
import { writeLine } from '../../../src/reports/queue-log.ts';
import { findCheckpoint, keptLines, regenerate } from '../../../src/reports/regenerate.ts';
import { openService, type ReportService } from '../../../src/reports/service.ts';
import { Zone } from '../../../src/reports/zone.ts';
import { DAY, EIGHT, scriptedDay } from './day.ts';

const NEXT = '2026-11-26';
const DAY_MS = 24 * 3_600_000;
const ALL = { from: EIGHT - DAY_MS, to: EIGHT + 3 * DAY_MS };
const zone = new Zone('UTC');

let folder = '';
let journal: SqliteJournal;
let told: string[] = [];

/** The scripted day, and the same again a day later, under other ids. */
function twoDays(): CoreEvent[] {
  const first = scriptedDay();
  const second = first.slice(2).map((event) => {
    const text = JSON.stringify(event).replace(/"(c\d+)(\.o\d+)?"/g, '"next-$1$2"');
    return { ...(JSON.parse(text) as CoreEvent), at: event.at + DAY_MS };
  });
  return [...first, ...second];
}

const events = twoDays();

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'acd-reports-'));
  told = [];
  const opened = openSqliteJournal(path.join(folder, 'journal.db'));
  if (!opened.ok) throw new Error(opened.detail);
  ({ journal } = opened);
});
afterEach(() => {
  journal.close();
  rmSync(folder, { recursive: true, force: true });
});

function tail() {
  const opened = openTail(path.join(folder, 'journal.db'));
  if (!opened.ok) throw new Error(opened.detail);
  return opened.source;
}

function start(name = 'reports', keepMs = 0): ReportService {
  const opened = openService(
    tail(),
    {
      file: path.join(folder, `${name}.db`),
      queueLog: { file: path.join(folder, `${name}.log`), keepDays: 30 },
      keepMs,
      zone: 'UTC',
      levels: {
        formula: 'offered',
        shortAbandonMs: 0,
        thresholds: new Map(),
        standardThresholdMs: 3_000,
      },
    },
    (_level, text) => told.push(text),
  );
  if (!opened.ok) throw new Error(opened.detail);
  return opened.service;
}

function work(service: ReportService): void {
  while (service.work(EIGHT));
}

function answers(service: ReportService) {
  return {
    queues: service.ask({ name: 'queues', asked: { ...ALL, interval: 'hour' } }, EIGHT),
    agents: service.ask({ name: 'agents', asked: ALL }, EIGHT),
    pauses: service.ask({ name: 'pauses', asked: ALL }, EIGHT),
    abandoned: service.ask({ name: 'abandoned', asked: ALL }, EIGHT),
    calls: service.ask({ name: 'calls', asked: ALL }, EIGHT),
    call: service.ask({ name: 'call', id: 'c4' }, EIGHT),
    counters: service.ask({ name: 'counters' }, EIGHT + DAY_MS),
  };
}

function files(name = 'reports'): Record<string, string> {
  const own = readdirSync(folder).filter((file) => file.startsWith(`${name}.log`));
  const text = (file: string) => readFileSync(path.join(folder, file), 'utf8');
  return Object.fromEntries(own.sort().map((file) => [file.slice(name.length), text(file)]));
}

/** Followed in one go: what all others must come to. */
function straight() {
  journal.append(0, events);
  const service = start('straight');
  work(service);
  const found = { answers: answers(service), files: files('straight') };
  service.close();
  return found;
}

function dayOf(name: string, reportsFile = path.join(folder, 'none.db')): string {
  const source = tail();
  const day = zone.dayNamed(name) ?? { from: 0, to: 0 };
  const kept = findCheckpoint(reportsFile, source, source.firstFrom(day.from) ?? 0);
  const lines: string[] = [];
  regenerate(source, day, kept, (line) => lines.push(`${writeLine(line)}\n`));
  source.close();
  return lines.join('');
}

/** Whose queue it is; of agents' rows, whose it is. */
const isOf = (row: object, scope: { queues: string[]; agents: string[] }): boolean => {
  const { queue, first_queue, last_queue, agent } = row as Record<string, string>;
  const queues = [queue, first_queue, last_queue].filter((name) => name);
  return queues.length > 0
    ? queues.some((name) => scope.queues.includes(name ?? ''))
    : scope.agents.includes(agent ?? '');
};

describe('reports', () => {
  it('for some queues and agents alone have their rows, and no others are counted', () => {
    journal.append(0, events);
    const service = start();
    work(service);
    const scope = { queues: ['help'], agents: ['3'] };
    const all = answers(service);
    const asked = { ...ALL, scope };
    const seen = {
      queues: service.ask({ name: 'queues', asked: { ...asked, interval: 'hour' } }, EIGHT),
      agents: service.ask({ name: 'agents', asked }, EIGHT),
      pauses: service.ask({ name: 'pauses', asked }, EIGHT),
      abandoned: service.ask({ name: 'abandoned', asked }, EIGHT),
      calls: service.ask({ name: 'calls', asked }, EIGHT),
      counters: service.ask({ name: 'counters', scope }, EIGHT + DAY_MS),
    };
    for (const name of Object.keys(seen) as (keyof typeof seen)[]) {
      const rows: readonly object[] = all[name].rows;
      expect(seen[name].rows, name).toEqual(rows.filter((row) => isOf(row, scope)));
      expect(seen[name].rows.length, name).toBeLessThan(rows.length);
    }
    expect(seen.calls.rows.length).toBeGreaterThan(0);
    service.close();
  });

  it('of one queue have its agents, their part in it, and the calls that came through it', () => {
    journal.append(0, events);
    const service = start();
    work(service);
    const asked = { ...ALL, queue: 'help' };
    const all = service.ask({ name: 'agents', asked: ALL }, EIGHT).rows;
    const own = service.ask({ name: 'agents', asked }, EIGHT).rows;
    // 2 is of sales alone. 1 talks for sales alone, and is no less logged in to help.
    expect(all.map(({ agent }) => agent)).toEqual(['1', '2', '3'].slice(0, all.length));
    expect(own.map(({ agent }) => agent)).not.toContain('2');
    const whole = all.find(({ agent }) => agent === '1');
    expect(whole?.talk_seconds).toBeGreaterThan(0);
    const part = own.find(({ agent }) => agent === '1');
    expect(part).toMatchObject({
      ...{ calls: 0, offers: 2, talk_seconds: 0, occupancy: 0 },
      logged_in_seconds: whole?.logged_in_seconds,
    });
    // Paused in help, but not in all, for longer.
    expect(part?.paused_seconds).toBeGreaterThan(whole?.paused_seconds ?? Infinity);
    expect(part?.ready_seconds).toBeLessThan(whole?.ready_seconds ?? 0);

    const pauses = service.ask({ name: 'pauses', asked }, EIGHT).rows;
    expect(pauses.map(({ reason }) => reason)).toEqual(['desk', 'lunch']);
    const sales = service.ask({ name: 'pauses', asked: { ...ALL, queue: 'sales' } }, EIGHT).rows;
    expect(sales.map(({ reason }) => reason)).toEqual(['lunch']);

    const { rows: calls } = service.ask({ name: 'calls', asked }, EIGHT);
    expect(calls.map(({ call }) => call)).toEqual(['c4', 'next-c4']);
    const { rows: counters } = service.ask({ name: 'counters', queue: 'help' }, EIGHT + DAY_MS);
    expect(counters.map(({ queue }) => queue)).toEqual(['help']);
    const scope = { queues: ['sales'], agents: ['1', '2'] };
    expect(service.ask({ name: 'agents', asked: { ...asked, scope } }, EIGHT).rows).toEqual([]);
    service.close();
  });

  it('take other thresholds from one question to the next', () => {
    journal.append(0, events);
    const service = start();
    work(service);
    const sales = () => {
      const { rows } = service.ask({ name: 'queues', asked: { ...ALL, interval: 'none' } }, EIGHT);
      return rows.find(({ queue }) => queue === 'sales');
    };
    const before = sales();
    expect(before?.threshold_seconds).toBe(3);
    const thresholds = new Map([['sales', 60_000]]);
    const levels = { formula: 'offered', shortAbandonMs: 0, standardThresholdMs: 3_000 } as const;
    service.useLevels({ ...levels, thresholds });
    expect(sales()).toMatchObject({ threshold_seconds: 60 });
    expect(sales()?.service_level).toBeGreaterThan(before?.service_level ?? 100);
    service.close();
  });

  it('write queue_log day by day, and any day again, the same', () => {
    const { files: written } = straight();
    const fixture = path.resolve(import.meta.dirname, `../../fixtures/queue_log.${DAY}`);
    expect(Object.keys(written)).toEqual(['.log', `.log.${DAY}`]);
    expect(written[`.log.${DAY}`]).toBe(readFileSync(fixture, 'utf8'));
    expect(dayOf(DAY)).toBe(written[`.log.${DAY}`]);
    expect(dayOf(NEXT)).toBe(written['.log']);
  });

  it('come out the same when they are killed again and again', () => {
    const wanted = straight();
    journal.close();
    rmSync(path.join(folder, 'journal.db'));
    const opened = openSqliteJournal(path.join(folder, 'journal.db'));
    if (!opened.ok) throw new Error(opened.detail);
    ({ journal } = opened);
    let service = start();
    for (let at = 0; at < events.length; at += 17) {
      journal.append(at, events.slice(at, at + 17));
      work(service);
      // Killed: nothing is saved, nothing closed. Every third time its place is saved before.
      if (at % 3 === 0) service.close();
      service = start();
    }
    work(service);
    expect(answers(service)).toEqual(wanted.answers);
    expect(files()).toEqual(wanted.files);
    service.close();
  });

  it('are made again when deleted, and put right a file that was edited', () => {
    const wanted = straight();
    const log = path.join(folder, 'straight.log');
    truncateSync(log, 100);
    work(start('straight'));
    expect(files('straight')).toEqual(wanted.files);
    appendFileSync(log, 'half a li');
    work(start('straight'));
    expect(files('straight')).toEqual(wanted.files);
    writeFileSync(log, 'something else\n');
    rmSync(path.join(folder, 'straight.db'));
    const service = start('straight');
    work(service);
    expect(files('straight')).toEqual(wanted.files);
    expect(answers(service)).toEqual(wanted.answers);
  });

  it('go back where the journal went back', () => {
    straight();
    journal.close();
    for (const end of ['', '-wal', '-shm'])
      rmSync(path.join(folder, `journal.db${end}`), { force: true });
    const opened = openSqliteJournal(path.join(folder, 'journal.db'));
    if (!opened.ok) throw new Error(opened.detail);
    ({ journal } = opened);
    // As after `acd journal repair --drop-after`, and then another day.
    const [few, half] = [events.slice(0, 60), events.slice(0, 60).length];
    journal.append(0, few);
    journal.append(half, [{ kind: 'ServerStarted', at: EIGHT + DAY_MS, by: 'x', version: '2' }]);
    const service = start('straight');
    work(service);
    const text = Object.values(files('straight')).join('');
    expect(text.match(/QUEUESTART/g)).toHaveLength(2);
    expect(text).not.toContain('next-');
  });

  it('keep a day that the journal has forgotten, and write a later one from a checkpoint', () => {
    const { files: written } = straight();
    const reportsFile = path.join(folder, 'straight.db');
    journal.saveSnapshot(events.length - 1, snapshot(initialState()));
    journal.saveSnapshot(events.length, snapshot(initialState()));
    journal.prune(EIGHT + DAY_MS, events.length);
    expect(journal.firstSeq()).toBeGreaterThan(50);
    const day = zone.dayNamed(DAY) ?? { from: 0, to: 0 };
    const kept = keptLines(reportsFile, day).map((line) => `${writeLine(line)}\n`);
    expect(kept.join('')).toBe(written[`.log.${DAY}`]);
    expect(dayOf(NEXT, reportsFile)).toBe(written['.log']);
    const service = start('straight');
    work(service);
    expect(files('straight')).toEqual(written);
    expect(told).toEqual([]);
  });

  it('remove what is older than their limit', () => {
    journal.append(0, events);
    const service = start('reports', DAY_MS);
    while (service.work(EIGHT + 2 * DAY_MS));
    const { calls } = answers(service);
    expect(calls.rows.length).toBeGreaterThan(0);
    expect(calls.rows.every(({ call }) => call.startsWith('next-'))).toBe(true);
  });

  it('go on without queue_log while it cannot be written, and write it when it can', () => {
    const wanted = straight();
    const file = path.join(folder, 'reports.log');
    mkdirSync(file);
    const service = start();
    work(service);
    expect(answers(service)).toEqual(wanted.answers);
    expect(service.ask({ name: 'progress' }, EIGHT).fileFault).toMatch(/EISDIR/);
    rmSync(file, { recursive: true });
    while (service.work(EIGHT + 60_000));
    expect(files()).toEqual(wanted.files);
    expect(told).toEqual([
      expect.stringMatching(/^queue_log cannot be written: EISDIR/),
      'queue_log is written again',
    ]);
  });
});
