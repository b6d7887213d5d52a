/**
 * Goal: a call that is transferred is one journey: one record with the sums of all its waits and
 * talks, a line for each queue, offer and talk, and queue_log's words for each. Method: the core's
 * own events of a scripted call, folded; the database in a file.
 */
import { Database } from '../../../src/journal/database.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ReportFold } from '../../../src/reports/fold.ts';
import { takeHouse } from '../../../src/reports/house.ts';
import { writeLine, type QueueLogLine } from '../../../src/reports/queue-log.ts';
import type { ReportRecord } from '../../../src/reports/records.ts';
import { openStore } from '../../../src/reports/store.ts';
import { agent, config, queue, scenario } from '../core/scenario.ts';

let folder: string | null = null;
afterEach(() => {
  if (folder !== null) rmSync(folder, { recursive: true });
  folder = null;
});

/** Waits 2 s, talks 30 s with 1, waits 4 s in help, and gives up; or talks 10 s there with 2. */
function journey(isServed: boolean) {
  const agents = [agent('1', 'sales'), agent('2', 'help')];
  const s = scenario(config([queue('sales'), queue('help')], agents));
  s.now = 60_000;
  s.apply(s.state.config);
  s.call('a', 'sales');
  s.pass(2_000);
  s.ready('1');
  s.talk('1');
  s.pass(30_000);
  s.when({ kind: 'TransferWithin', callId: 'a', to: { to: 'queue', queue: 'help' } });
  s.pass(4_000);
  if (isServed) {
    s.ready('2');
    s.talk('2');
    s.pass(10_000);
  }
  s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
  const fold = new ReportFold();
  const lines: QueueLogLine[] = [];
  const records: ReportRecord[] = [];
  s.history.forEach((event, index) => {
    const made = fold.hear({ seq: index + 1, event });
    lines.push(...made.lines);
    records.push(...made.records);
  });
  return { lines: lines.filter(({ call }) => call === 'a').map(writeLine), records, fold };
}

describe('a transferred talk', () => {
  it('given another agent takes it, is two talks of one call', () => {
    const { lines, records } = journey(true);
    expect(lines).toEqual([
      '60|a|sales|NONE|ENTERQUEUE||a|1',
      '62|a|sales|Agent/1|CONNECT|2|a.o1|0',
      '92|a|sales|Agent/1|BLINDTRANSFER|help|acd|2|30|1',
      '92|a|help|NONE|ENTERQUEUE||a|1',
      '96|a|help|Agent/2|CONNECT|4|a.o2|0',
      '106|a|help|Agent/2|COMPLETECALLER|4|10|1',
    ]);
    const calls = records.filter(({ kind }) => kind === 'call');
    expect(calls).toMatchObject([
      {
        ...{ callId: 'a', firstQueue: 'sales', lastQueue: 'help', transfers: 1, moves: 0 },
        ...{ status: 'COMPLETED', agentId: '2', waitedMs: 6_000, talkedMs: 40_000 },
        ...{ enteredAt: 60_000, endedAt: 106_000 },
      },
    ]);
    const talks = records.filter((record) => record.kind === 'span' && record.what === 'talk');
    expect(talks).toMatchObject([
      { agentId: '1', queue: 'sales', from: 62_000, to: 92_000, detail: 'transferred' },
      { agentId: '2', queue: 'help', from: 96_000, to: 106_000, detail: 'caller' },
    ]);
    expect(records.filter(({ kind }) => kind === 'visit')).toMatchObject([
      { queue: 'sales', outcome: 'ANSWERED', waitMs: 2_000 },
      { queue: 'help', outcome: 'ANSWERED', waitMs: 4_000 },
    ]);
  });

  it('given he gives up in the second line, has been served and was lost', () => {
    const { lines, records } = journey(false);
    expect(lines.at(-1)).toBe('96|a|help|NONE|ABANDON|1|1|4');
    expect(records.filter(({ kind }) => kind === 'call')).toMatchObject([
      { status: 'ABANDONED', agentId: '1', waitedMs: 6_000, talkedMs: 30_000, transfers: 1 },
    ]);
    expect(records.filter(({ kind }) => kind === 'visit')).toMatchObject([
      { outcome: 'ANSWERED' },
      { outcome: 'ABANDONED', waitMs: 4_000, totalWaitMs: 4_000 },
    ]);
  });
});

describe('a caller who is sent to an address outside', () => {
  it('has a line for his time there, and one record; his agents are no more for it', () => {
    const s = scenario(config([queue('sales')], [agent('1', 'sales')]));
    s.now = 60_000;
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.pass(10_000);
    s.when({ kind: 'TransferCall', callId: 'a', uri: 'sip:200@pbx' });
    s.when({ kind: 'DialTransfer', callId: 'a' });
    s.pass(3_000);
    s.when({ kind: 'AnswerTransfer', callId: 'a' });
    s.pass(20_000);
    const before = [...s.history];
    s.when({ kind: 'EndTransfer', callId: 'a', outcome: 'completed' });
    const first = new ReportFold();
    before.forEach((event, index) => first.hear({ seq: index + 1, event }));
    // The reports are stopped and taken up again meanwhile.
    const fold = new ReportFold(first.keep(), first.seq);
    const [event] = s.last;
    const { records } = fold.hear({ seq: first.seq + 1, event: event ?? expect.fail() });
    expect(records).toEqual([
      {
        ...{ kind: 'span', what: 'transfer', agentId: '', queue: 'sales', callId: 'a' },
        ...{ offerId: '', from: 73_000, to: 93_000, detail: 'completed sip:200@pbx' },
      },
    ]);
    expect(fold.house.sent.size).toBe(0);
  });
});

describe('what was kept before transfers were known', () => {
  it('is taken up: calls have none, and wait since they entered', () => {
    const call = { id: 'a', enteredAt: 5, moves: 0 } as never;
    const kept = { version: 1, isStarted: true, config: null, calls: [call] } as const;
    const house = takeHouse({ ...kept, calls: [call], offers: [], people: [] });
    expect(house.calls.get('a')).toMatchObject({ waitsSince: 5, transfers: 0, talkedMs: 0 });
  });

  it('stays in the database, with none for each call', () => {
    folder = mkdtempSync(path.join(tmpdir(), 'acd-reports-'));
    const file = path.join(folder, 'reports.db');
    const first = openStore(file, String);
    if (!first.ok) expect.fail(first.detail);
    const { records } = journey(true);
    first.store.add({ seq: 1, lines: [], records });
    first.store.close();
    // As it was: without the columns.
    const db = new Database(file);
    for (const column of ['transfers', 'outbound'])
      db.exec(`ALTER TABLE call DROP COLUMN ${column}`);
    db.pragma('user_version = 1');
    db.close();
    const again = openStore(file, String);
    if (!again.ok) expect.fail(again.detail);
    const rows = again.store.db.prepare('SELECT call_id, transfers, outbound FROM call').all();
    again.store.add({ seq: 2, lines: [], records });
    expect(rows).toEqual([{ call_id: 'a', transfers: 0, outbound: 0 }]);
    again.store.close();
  });
});

it('a call that its queue sends on at once is a visit of each, and one call of the first', () => {
  const on = { maxlen: 1, failover: { FULL: [{ to: 'queue', queue: 'help' }] } } as const;
  const s = scenario(config([queue('sales', on), queue('help')], []));
  s.call('a', 'sales');
  s.call('b', 'sales', { from: '030@peer' });
  s.pass(3_000);
  s.when({ kind: 'EndCall', callId: 'b', cause: 'bye' });
  const fold = new ReportFold();
  const records = s.history.flatMap((event, at) => fold.hear({ seq: at + 1, event }).records);
  expect(records).toMatchObject([
    { kind: 'visit', queue: 'sales', outcome: 'FULL', waitMs: 0, from: '030@peer' },
    { kind: 'visit', queue: 'help', outcome: 'ABANDONED', waitMs: 3_000, from: '030@peer' },
    { kind: 'call', firstQueue: 'sales', lastQueue: 'help', moves: 1, waitedMs: 3_000 },
  ]);
});
