/**
 * Goal: queue_log says of a day what Asterisk's would, and says each thing once. Method: a scripted
 * day against a file written by hand; random days of the simulator for what must hold of any.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { ReportFold } from '../../../src/reports/fold.ts';
import { emptyHouse } from '../../../src/reports/house.ts';
import { queueLogOf, writeLine, type QueueLogLine } from '../../../src/reports/queue-log.ts';
import type { ReportRecord } from '../../../src/reports/records.ts';
import { agent, config, device, queue, scenario } from '../core/scenario.ts';
import { simulate } from '../core/simulator.ts';
import { DAY, scriptedDay } from './day.ts';

const EXPECTED = path.resolve(import.meta.dirname, `../../fixtures/queue_log.${DAY}`);
const TERMINAL = new Set([
  'BLINDTRANSFER',
  'ATTENDEDTRANSFER',
  'COMPLETEAGENT',
  'COMPLETECALLER',
  'ABANDON',
  'EXITEMPTY',
  'EXITWITHKEY',
  'EXITWITHTIMEOUT',
  'WITHDRAW',
]);

/** Folds the events, dying and starting again before each event of `restarts`. */
function fold(events: readonly CoreEvent[], restarts = new Set<number>()) {
  let running = new ReportFold();
  const lines: QueueLogLine[] = [];
  const records: ReportRecord[] = [];
  events.forEach((event, index) => {
    if (restarts.has(index)) running = new ReportFold(running.keep(), running.seq);
    const made = running.hear({ seq: index + 1, event });
    lines.push(...made.lines);
    records.push(...made.records);
  });
  return { lines, records, house: running.house };
}

function randomDay(seed: number): CoreEvent[] {
  const events: CoreEvent[] = [];
  const decided = (more: readonly CoreEvent[]) => void events.push(...more);
  const verdict = simulate({ seed, steps: 600, checkEvery: false, decided });
  expect(verdict.faults).toEqual([]);
  return events;
}

describe('a scripted day', () => {
  it('comes out as the file written by hand', () => {
    const text = fold(scriptedDay()).lines.map((line) => `${writeLine(line)}\n`);
    expect(text.join('')).toBe(readFileSync(EXPECTED, 'utf8'));
  });

  it('tells of a start, and of the beginning of a journal older than that event', () => {
    const [started, applied] = scriptedDay();
    expect(started?.kind).toBe('ServerStarted');
    const old = fold(applied === undefined ? [] : [applied]);
    expect(old.lines.map(({ verb }) => verb)).toEqual(['QUEUESTART']);
  });
});

describe('any day', () => {
  const days = Array.from({ length: 12 }, (_, seed) => ({ seed, events: randomDay(seed) }));

  it.each(days)('of seed $seed has one end for each queue that a call entered', ({ events }) => {
    const open = new Map<string, string>();
    for (const { verb, call, queue } of fold(events).lines) {
      if (verb === 'ENTERQUEUE') {
        expect(open.get(call), `${call} enters twice`).toBeUndefined();
        open.set(call, queue);
      } else if (TERMINAL.has(verb)) {
        expect(open.get(call), `${call} ends in ${queue}`).toBe(queue);
        open.delete(call);
      } else if (verb === 'OUTCALL') expect(queue).toBe('NONE');
      else if (call !== 'NONE') expect(open.get(call)).toBe(queue);
    }
    expect([...open.keys()]).toEqual([]);
  });

  it.each(days)('of seed $seed is the same, wherever the fold is stopped', ({ events, seed }) => {
    const straight = fold(events);
    const restarts = new Set(
      events.flatMap((_, index) => ((index * 7 + seed) % 5 === 0 ? [index] : [])),
    );
    const broken = fold(events, restarts);
    expect(broken.lines).toEqual(straight.lines);
    expect(broken.records).toEqual(straight.records);
  });

  it.each(days)('of seed $seed has one record for each call, and leaves nobody', ({ events }) => {
    const { records, house } = fold(events);
    const began = ['CallEntered', 'CallRefused', 'OutboundBegan'];
    const came = events.flatMap((event) =>
      'callId' in event && began.includes(event.kind) ? [event.callId] : [],
    );
    const calls = records.flatMap((record) => (record.kind === 'call' ? [record.callId] : []));
    expect(calls.sort()).toEqual(came.sort());
    // What a veto was asked about counts when the phone may ring.
    const offers = events.flatMap((event) =>
      (event.kind === 'AgentOffered' && event.asks !== true) || event.kind === 'OfferCleared'
        ? [event.offerId]
        : [],
    );
    const told = records.flatMap((record) =>
      record.kind === 'span' && record.what === 'offer' ? [record.offerId] : [],
    );
    expect(told.sort()).toEqual(offers.sort());
    expect([house.calls.size, house.offers.size, house.outbound.size]).toEqual([0, 0, 0]);
  });

  it('passes over what it never heard the beginning of', () => {
    const events = randomDay(3);
    for (const part of [0.1, 0.4, 0.8]) {
      const { lines } = fold(events.slice(events.length * part));
      expect(lines.length).toBeGreaterThan(0);
    }
  });
});

describe('a talk out of which the caller is sent elsewhere', () => {
  const ended = (destination: object) =>
    queueLogOf(emptyHouse(), {
      ...{ kind: 'CallEnded', at: 60_000, by: 'agent:1', callId: 'c', queue: 'q' },
      ...{ status: 'COMPLETED', endedBy: 'system', agentId: '1', offerId: 'o' },
      ...{ waitedMs: 5_000, talkedMs: 20_000, position: 0 },
      destination: { to: 'uri', uri: 'sip:200@pbx', ...destination },
    }).map(writeLine);

  it('is a blind transfer, or an attended one in the place of a talk there', () => {
    expect(ended({})).toEqual(['60|c|q|Agent/1|BLINDTRANSFER|200|pbx|5|20|0']);
    const replaces = 'a;to-tag=b;from-tag=c';
    expect(ended({ replaces })).toEqual(['60|c|q|Agent/1|ATTENDEDTRANSFER|APP|200|5|20|0']);
  });
});

describe('who logs in to and out of single queues', () => {
  it('is added and removed as a member there, and only there', () => {
    const s = scenario(config([queue('q'), queue('r')], [agent('1', 'q', 'r')]));
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('1'), queues: ['q'] });
    s.when({ kind: 'JoinQueue', agentId: '1', queue: 'r' });
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'x' });
    s.when({ kind: 'LeaveQueue', agentId: '1', queue: 'q' });
    s.when({ kind: 'JoinQueue', agentId: '1', queue: 'q' });
    s.when({ kind: 'LeaveQueue', agentId: '1', queue: 'r' });
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    const told = fold(s.history)
      .lines.filter(({ verb }) => verb.endsWith('MEMBER'))
      .map(({ verb, queue: name, data }) => [verb, name, ...data].join(' '));
    expect(told).toEqual([
      ...['ADDMEMBER q ', 'ADDMEMBER r ', 'REMOVEMEMBER q ', 'ADDMEMBER q PAUSED'],
      ...['REMOVEMEMBER r ', 'REMOVEMEMBER q '],
    ]);
  });

  it('given a queue that goes and comes again, is a member of the new one', () => {
    const both = config([queue('q'), queue('r')], [agent('1', 'q', 'r')]);
    const s = scenario(both);
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('1') });
    s.when({ kind: 'LeaveQueue', agentId: '1', queue: 'r' });
    s.apply(config([queue('q')], [agent('1', 'q')]));
    s.apply(both);
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    const told = fold(s.history).lines.flatMap(({ verb, queue: name }) =>
      verb.endsWith('MEMBER') ? [`${verb} ${name}`] : [],
    );
    expect(told).toEqual([
      ...['ADDMEMBER q', 'ADDMEMBER r', 'REMOVEMEMBER r'],
      ...['ADDMEMBER r', 'REMOVEMEMBER q', 'REMOVEMEMBER r'],
    ]);
  });
});
