/**
 * Goal: whoever adds up one report comes to what another says: outcomes to the calls offered,
 * intervals to the span, queues to agents, classes of waits and lists of calls to their counts.
 * Method: random days of the core's simulator, asked for in each way that there is.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { emptyHouse, follow } from '../../../src/reports/house.ts';
import { memorySource } from '../../../src/reports/local.ts';
import { recordsOf } from '../../../src/reports/records.ts';
import { openService, type ReportService } from '../../../src/reports/service.ts';
import { simulate } from '../core/simulator.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'acd-sums-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COUNTS = [
  ...['offered', 'answered', 'abandoned', 'short_abandoned', 'left', 'refused', 'failed'],
] as const;
type Figures = Readonly<Record<string, number>> & { queue: string; from: string; waits: number[] };

function open(seed: number): { service: ReportService; span: { from: number; to: number } } {
  const events: CoreEvent[] = [];
  simulate({ seed, steps: 3_000, checkEvery: false, decided: (some) => events.push(...some) });
  const journal = new MemoryJournal();
  journal.append(0, events);
  const opened = openService(
    memorySource(journal),
    {
      file: path.join(folder, `${seed}.db`),
      queueLog: null,
      keepMs: 0,
      zone: 'Europe/Berlin',
      levels: {
        ...{ formula: 'offered', shortAbandonMs: 2_000, thresholds: new Map() },
        standardThresholdMs: 3_000,
      },
    },
    () => undefined,
  );
  if (!opened.ok) throw new Error(opened.detail);
  const { service } = opened;
  const last = events.at(-1)?.at ?? 0;
  while (service.work(last));
  return { service, span: { from: 0, to: last + 1 } };
}

/** What is made of a day on which everybody has gone home at the end. */
function recordsOfDay(seed: number) {
  const events: CoreEvent[] = [];
  simulate({ seed, steps: 3_000, checkEvery: false, decided: (some) => events.push(...some) });
  const house = emptyHouse();
  const records = events.flatMap((event) => {
    const made = recordsOf(house, event);
    follow(house, event);
    return made;
  });
  return { events, records };
}

/** The queue that the event sends the call to, or turns it away from. */
function comesTo(event: CoreEvent): string[] {
  switch (event.kind) {
    case 'CallRefused':
      return event.status === 'UNKNOWNQUEUE' ? [] : [`${event.callId} in ${event.queue}`];
    case 'CallEntered':
    case 'CallDiverted':
    case 'CallMoved':
    case 'CallTransferred':
      return [`${event.callId} in ${event.queue}`];
    default:
      return [];
  }
}

const total = (rows: readonly Figures[], key: string): number =>
  rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);

describe('reports of one day', () => {
  it.each([3, 11])('agree with each other, seed %i', (seed) => {
    const { service, span } = open(seed);
    const queues = (interval: 'none' | '15m' | '30m' | 'hour' | 'day') =>
      service.ask({ name: 'queues', asked: { ...span, interval } }, span.to)
        .rows as unknown as Figures[];
    const whole = queues('none');
    expect(total(whole, 'answered')).toBeGreaterThan(10);
    for (const row of whole) {
      const ended = COUNTS.slice(1).reduce((sum, key) => sum + (row[key] ?? 0), 0);
      expect(ended, row.queue).toBe(row['offered']);
      expect(row.waits.reduce((sum, one) => sum + one)).toBe(row['answered']);
      for (const interval of ['15m', '30m', 'hour', 'day'] as const) {
        const parts = queues(interval).filter(({ queue }) => queue === row.queue);
        for (const key of COUNTS) expect(total(parts, key), `${interval} ${key}`).toBe(row[key]);
      }
    }
    const agents = service.ask({ name: 'agents', asked: span }, span.to)
      .rows as unknown as Figures[];
    expect(total(agents, 'calls')).toBe(total(whole, 'answered'));
    const gaveUp = service.ask({ name: 'abandoned', asked: span }, span.to);
    expect(gaveUp.more).toBe(false);
    expect(gaveUp.rows).toHaveLength(total(whole, 'abandoned') + total(whole, 'short_abandoned'));
    service.close();
  });

  it.each([5, 12])('have each call once, and in the queues it came to, seed %i', (seed) => {
    const { events, records } = recordsOfDay(seed);
    const came = (one: CoreEvent): boolean =>
      one.kind === 'CallEntered' || one.kind === 'CallRefused';
    const calls = records.flatMap((one) =>
      one.kind === 'call' && one.outbound !== true ? [one] : [],
    );
    const ids = events.filter(came).map((one) => ('callId' in one ? one.callId : ''));
    expect(calls.map(({ callId }) => callId).sort()).toEqual(ids.sort());
    const visits = records.flatMap((one) =>
      one.kind === 'visit' ? [`${one.callId} in ${one.queue}`] : [],
    );
    expect(visits.sort()).toEqual(events.flatMap(comesTo).sort());
    for (const { callId, firstQueue, lastQueue, moves } of calls) {
      const his = records.filter((one) => one.kind === 'visit' && one.callId === callId);
      const [first] = his;
      if (first?.kind !== 'visit') continue;
      expect(firstQueue, callId).toBe(first.queue);
      expect(his.map((one) => one.kind === 'visit' && one.queue)).toContain(lastQueue);
      expect(moves, callId).toBeLessThan(his.length);
    }
  });
});
