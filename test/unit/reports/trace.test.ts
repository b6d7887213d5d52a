/**
 * Goal: a trace tells everything of a call and nothing of others, and of each offer why him.
 * Method: the scripted day, in a journal in memory and in a file.
 */
import { describe, expect, it } from 'vitest';
import { writeTrace } from '../../../src/cli/trace.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { memorySource } from '../../../src/reports/local.ts';
import { traceCall } from '../../../src/reports/trace.ts';
import { agent, config, queue, scenario } from '../core/scenario.ts';
import { scriptedDay } from './day.ts';

function journalOf(events: ReturnType<typeof scriptedDay>) {
  const journal = new MemoryJournal();
  journal.append(0, events);
  return memorySource(journal);
}

describe('a trace', () => {
  it('has every event of the call, found by either id, and none of another', () => {
    const events = scriptedDay();
    const trace = traceCall(journalOf(events), 'c4');
    expect(traceCall(journalOf(events), 'c4@peer')).toEqual(trace);
    const own = events.filter((event) => JSON.stringify(event).includes('"c4'));
    expect(trace?.steps.map(({ event }) => event)).toEqual(own);
    expect(trace?.steps.at(-1)?.event.kind).toBe('CallEnded');
    expect(traceCall(journalOf(events), 'nobody')).toBeNull();
  });

  it('says why him, who else could, and why others could not', () => {
    const s = scenario(
      config(
        [queue('sales')],
        ['1', '2', '3', '4'].map((id) => agent(id, 'sales')),
      ),
    );
    s.ready('1');
    s.pass(10_000);
    s.ready('2');
    s.ready('3');
    s.when({ kind: 'PauseAgent', agentId: '3', reason: 'lunch' });
    s.pass(5_000);
    s.call('c', 'sales');
    s.fail('1');
    const trace = traceCall(journalOf(s.history), 'c');
    const [first, second] = trace?.steps.flatMap(({ why }) => (why === null ? [] : [why])) ?? [];
    expect(first).toEqual({
      strategy: 'most-idle',
      chosen: { agent: '1', penalty: 0, idle_seconds: 15, calls: 0 },
      ready: [{ agent: '2', penalty: 0, idle_seconds: 5, calls: 0 }],
      others: [
        { agent: '3', reason: 'paused' },
        { agent: '4', reason: 'logged-out' },
      ],
    });
    expect(second).toMatchObject({
      chosen: { agent: '2' },
      ready: [],
      others: [
        { agent: '1', reason: 'resting' },
        { agent: '3', reason: 'paused' },
        { agent: '4', reason: 'logged-out' },
      ],
    });
    const text = trace === null ? '' : writeTrace(trace);
    expect(text).toContain('why 1 (idle 15 s, 0 calls, penalty 0): most-idle');
    expect(text).toMatch(/OfferFailed .*failure=declined.*\[agent -> 486\]/);
  });
});
