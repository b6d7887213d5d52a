/**
 * Goal: an agent's own call is in the records and in his time, answers who was called back, and is
 * in no figure of a queue; in queue_log it is an OUTCALL. Method: the core's own events of a
 * scripted day, folded; the database in a file.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ReportFold } from '../../../src/reports/fold.ts';
import { writeLine } from '../../../src/reports/queue-log.ts';
import { askAgents, askQueues, type Sources } from '../../../src/reports/queries.ts';
import { askAbandoned, askCall, askCalls } from '../../../src/reports/queries-calls.ts';
import { openStore } from '../../../src/reports/store.ts';
import { Zone } from '../../../src/reports/zone.ts';
import { withAgents } from '../core/scenario.ts';

let folder = '';
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ALL = { from: 0, to: 10_000_000 };

/** 030123 gives up after 3 s; agent 1 dials it, takes his phone 2 s later, and talks after 5 s. */
function day(talkMs: number, isOver = true, isHungUp = false) {
  const s = withAgents('2');
  s.when({ kind: 'PauseAgent', agentId: '2', reason: 'x' });
  s.call('a', 'sales', { from: '030123@peer' });
  s.pass(3_000);
  s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
  s.ready('1');
  const began = s.now;
  s.when({ kind: 'DialOut', callId: 'o', agentId: '1', uri: 'sip:030123@pbx' });
  s.pass(2_000);
  s.when({ kind: 'PickUpOutbound', callId: 'o' });
  s.pass(3_000);
  if (talkMs > 0) s.when({ kind: 'ConnectOutbound', callId: 'o' });
  s.pass(talkMs);
  const outcome = talkMs > 0 ? 'completed' : 'busy';
  if (isHungUp) s.when({ kind: 'HangUpCall', callId: 'o' });
  else if (isOver) s.when({ kind: 'EndOutbound', callId: 'o', outcome, endedBy: 'callee' });
  folder = mkdtempSync(path.join(tmpdir(), 'acd-reports-'));
  const opened = openStore(path.join(folder, 'reports.db'), String);
  if (!opened.ok) throw new Error(opened.detail);
  const { store } = opened;
  let fold = new ReportFold();
  const lines: string[] = [];
  s.history.forEach((event, index) => {
    // What is kept of the house is enough to go on, anywhere.
    fold = new ReportFold(fold.keep(), index);
    const made = fold.hear({ seq: index + 1, event });
    lines.push(...made.lines.filter(({ at }) => at > began).map(writeLine));
    store.add({ seq: index + 1, ...made });
  });
  const levels = { formula: 'offered', shortAbandonMs: 0, thresholds: new Map() } as const;
  const options = { levels: { ...levels, standardThresholdMs: 20_000 }, zone: 'UTC' };
  const { house } = fold;
  const sources: Sources = { store, house, now: s.now, options, zone: new Zone('UTC') };
  return { sources, lines, began };
}

describe('an outbound call', () => {
  it('is a record with its outcome, and his time on the phone a segment of it', () => {
    const { sources, began } = day(10_000);
    const { rows } = askCalls(sources, ALL);
    expect(rows.map(({ call, outbound, status }) => [call, outbound, status])).toEqual([
      ['a', false, 'ABANDONED'],
      ['o', true, 'COMPLETED'],
    ]);
    const iso = (ms: number) => new Date(began + ms).toISOString();
    expect(askCall(sources, 'outbound-o')).toMatchObject({
      ...{ call: 'o', from: '1@pbx', to: '030123@pbx', agent: '1', ended_by: 'callee' },
      ...{ entered: iso(0), ended: iso(15_000), waited_seconds: 5, talked_seconds: 10 },
      ...{ first_queue: '', last_queue: '', name: 'Agent 1' },
      segments: [{ kind: 'outbound', agent: '1', from: iso(2_000), to: iso(15_000), seconds: 13 }],
    });
  });

  it.each([
    [['1'], ['a', 'o']],
    [['2'], ['a']],
  ])('is seen by a token of some queues that sees agents %j', (agents, seen) => {
    const { sources } = day(10_000);
    const scope = { queues: ['sales'], agents };
    expect(askCalls(sources, { ...ALL, scope }).rows.map(({ call }) => call)).toEqual(seen);
    expect(askCalls(sources, { ...ALL, scope, queue: 'sales' }).rows).toHaveLength(1);
  });

  it.each([
    ['ANSWER|10|13', 10_000, true, false],
    ['ANSWER|10|13', 10_000, false, true],
    ['BUSY|0|3', 0, true, false],
    ['CANCEL|0|3', 0, false, true],
  ] as const)('is an OUTCALL of no queue in queue_log: %s', (said, talkMs, isOver, isHungUp) => {
    const { lines, began } = day(talkMs, isOver, isHungUp);
    const at = Math.floor((began + 5_000 + talkMs) / 1000);
    expect(lines).toEqual([`${at}|o|NONE|Agent/1|OUTCALL|${said}|030123`]);
  });

  it('counts for no queue', () => {
    const { sources } = day(10_000);
    const [sales, ...others] = askQueues(sources, { ...ALL, interval: 'none' }).rows;
    expect(others).toEqual([]);
    expect(sales).toMatchObject({ queue: 'sales', offered: 1, answered: 0, abandoned: 1 });
  });

  it.each([
    [true, 13],
    [false, 13],
  ])('is his busy time, over or not yet (%s)', (isOver, seconds) => {
    const { sources } = day(10_000, isOver);
    expect(askAgents(sources, { ...ALL, agent: '1' }).rows).toMatchObject([
      {
        ...{ calls: 0, offers: 0, talk_seconds: 0, wrapup_seconds: 0 },
        ...{
          outbound_calls: 1,
          outbound_seconds: seconds,
          ready_seconds: 2,
          logged_in_seconds: 15,
        },
      },
    ]);
  });

  it.each([
    ['talked', 10_000, true, 'called-back'],
    ['talk', 10_000, false, 'called-back'],
    ['did not talk', 0, true, 'open'],
  ] as const)('says of the caller who gave up, given they %s', (_what, talkMs, isOver, said) => {
    const { sources, began } = day(talkMs, isOver);
    const at = said === 'open' ? null : new Date(began).toISOString();
    expect(askAbandoned(sources, ALL).rows).toMatchObject([
      { call: 'a', called_back: said, called_back_at: at },
    ]);
  });

  it('has called him back, too, where a supervisor ended their talk', () => {
    const { sources } = day(10_000, true, true);
    expect(askCalls(sources, ALL).rows.at(-1)).toMatchObject({ status: 'HUNG-UP' });
    expect(askAbandoned(sources, ALL).rows).toMatchObject([{ called_back: 'called-back' }]);
  });
});
