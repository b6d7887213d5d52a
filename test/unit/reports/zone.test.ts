/**
 * Goal: days and intervals are those of the clock on the wall where the reports are read, on the
 * days on which that is set forward and back, too. Method: zones whose rules are known.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { IntervalName } from '../../../src/reports/answers.ts';
import { emptyHouse } from '../../../src/reports/house.ts';
import { askQueues, type Sources } from '../../../src/reports/queries.ts';
import type { VisitRecord } from '../../../src/reports/records.ts';
import { openStore } from '../../../src/reports/store.ts';
import { Zone } from '../../../src/reports/zone.ts';

const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(text);
const hours = ({ from, to }: { from: number; to: number }): number => (to - from) / HOUR;

describe('a day', () => {
  it.each([
    ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00Z', 23],
    ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00Z', 25],
    ['Europe/Berlin', '2026-07-01', '2026-06-30T22:00:00Z', 24],
    ['America/New_York', '2026-11-01', '2026-11-01T04:00:00Z', 25],
    // Set forward at midnight: the day begins at 01:00. Set back at midnight: 23 comes twice.
    ['Asia/Beirut', '2026-03-29', '2026-03-28T22:00:00Z', 23],
    ['Asia/Beirut', '2026-10-24', '2026-10-23T21:00:00Z', 25],
    ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00Z', 24.5],
    ['Pacific/Kiritimati', '2026-01-01', '2025-12-31T10:00:00Z', 24],
    ['Pacific/Pago_Pago', '2026-01-01', '2026-01-01T11:00:00Z', 24],
    ['Asia/Kathmandu', '2026-01-01', '2025-12-31T18:15:00Z', 24],
  ])('of %s, %s begins at %s and has %d hours', (name, day, from, long) => {
    const zone = new Zone(name);
    const found = zone.dayNamed(day);
    if (found === null) throw new Error('no day');
    expect([new Date(found.from).toISOString(), hours(found)]).toEqual([
      new Date(from).toISOString(),
      long,
    ]);
    // From whichever instant of it, in any order; and the days have no hole between them.
    for (const instant of [found.to - 1, found.from, found.from + 2 * HOUR])
      expect(new Zone(name).day(instant)).toEqual(found);
    expect(zone.day(found.from - 1).to).toBe(found.from);
    expect(zone.day(found.to).from).toBe(found.to);
  });

  it.each([
    ['Europe/Berlin', '2026-10-25T00:15:00Z', '2026-10-25T02:15:00+02:00'],
    ['Europe/Berlin', '2026-10-25T01:15:00Z', '2026-10-25T02:15:00+01:00'],
    ['America/St_Johns', '2026-01-01T00:00:00Z', '2025-12-31T20:30:00-03:30'],
    ['UTC', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00+00:00'],
  ])('of %s: %s is %s on its clock', (name, instant, local) => {
    expect(new Zone(name).local(at(instant))).toBe(local);
  });

  it.each(['2026-02-30', '2026-13-01', '26-1-1', 'today'])('%s is none', (name) => {
    expect(new Zone('Europe/Berlin').dayNamed(name)).toBeNull();
  });

  it('that a zone has left out is none: Samoa went over the date line', () => {
    expect(new Zone('Pacific/Apia').dayNamed('2011-12-30')).toBeNull();
  });
});

describe('figures by interval', () => {
  let folder = '';
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** One answered call at each instant. */
  function figures(name: string, interval: IntervalName, day: string, calls: readonly string[]) {
    folder = mkdtempSync(path.join(tmpdir(), 'acd-zone-'));
    const opened = openStore(path.join(folder, 'reports.db'), String);
    if (!opened.ok) throw new Error(opened.detail);
    const { store } = opened;
    calls.forEach((call, n) => {
      const enteredAt = at(call);
      const visit: VisitRecord = {
        ...{ kind: 'visit', callId: `c${n}`, queue: 'q', from: 'a@b', enteredAt },
        ...{ leftAt: enteredAt, outcome: 'ANSWERED', waitMs: 0, totalWaitMs: 0, key: '' },
        ...{ firstPosition: 1, lastPosition: 1, agentId: '1' },
      };
      store.add({ seq: n + 1, lines: [], records: [visit] });
    });
    const levels = { formula: 'offered', shortAbandonMs: 0, thresholds: new Map() } as const;
    const options = { levels: { ...levels, standardThresholdMs: 20_000 }, zone: name };
    const zone = new Zone(name);
    const span = zone.dayNamed(day) ?? { from: 0, to: 0 };
    const sources: Sources = { store, house: emptyHouse(), now: span.to, options, zone };
    const { rows } = askQueues(sources, { ...span, interval });
    store.close();
    return rows.map(
      ({ from, to, offered }) => `${from.slice(11, 16)}-${to.slice(11, 16)} ${offered}`,
    );
  }

  it('on the day that has an hour twice, each of the two is one', () => {
    // 02:15 summer time and 02:15 winter time; 23:59 of the day, and none of the next.
    const calls = [
      '2026-10-25T00:15Z',
      '2026-10-25T01:15Z',
      '2026-10-25T22:59Z',
      '2026-10-25T23:00Z',
    ];
    expect(figures('Europe/Berlin', 'hour', '2026-10-25', calls)).toEqual([
      '00:00-01:00 1',
      '01:00-02:00 1',
      '22:00-23:00 1',
    ]);
    expect(figures('Europe/Berlin', 'day', '2026-10-25', calls)).toEqual(['22:00-23:00 3']);
  });

  it('on the day that lacks an hour nothing lies in it', () => {
    // 01:45 winter time, 03:15 summer time, a quarter of an hour and a half later.
    const calls = [
      '2026-03-29T00:45Z',
      '2026-03-29T01:15Z',
      '2026-03-29T21:59Z',
      '2026-03-29T22:00Z',
    ];
    expect(figures('Europe/Berlin', '30m', '2026-03-29', calls)).toEqual([
      '00:30-01:00 1',
      '01:00-01:30 1',
      '21:30-22:00 1',
    ]);
    expect(figures('Europe/Berlin', 'day', '2026-03-29', calls)).toEqual(['23:00-22:00 3']);
  });

  it('hours begin with the clock where zones are off by a part of one', () => {
    const calls = ['2025-12-31T18:15Z', '2025-12-31T19:14Z', '2025-12-31T19:15Z'];
    expect(figures('Asia/Kathmandu', 'hour', '2026-01-01', calls)).toEqual([
      '18:15-19:15 2',
      '19:15-20:15 1',
    ]);
  });

  it('never overlap, also where the clock is set by half an hour', () => {
    // Lord Howe, 02:00 becomes 01:30: the second half of that hour is there twice.
    const calls = [
      '2026-04-04T14:10Z',
      '2026-04-04T14:50Z',
      '2026-04-04T15:10Z',
      '2026-04-04T15:40Z',
    ];
    expect(figures('Australia/Lord_Howe', 'hour', '2026-04-05', calls)).toEqual([
      '14:00-15:00 2',
      '15:00-15:30 1',
      '15:30-16:30 1',
    ]);
  });
});
