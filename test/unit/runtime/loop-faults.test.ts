/**
 * Goal: under a journal that fails now and then, what was heard outside is exactly what is
 * durable, and no fact is lost. Method: random commands and faults, then comparing the three
 * witnesses: the journal, the reactors and the state.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CoreEvent, StoredEvent } from '../../../src/core/events.ts';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { READ_MAX, type AppendResult, type ReadResult } from '../../../src/journal/port.ts';
import { openLoop } from '../../../src/runtime/loop.ts';
import type { NewCommand } from '../../../src/runtime/port.ts';
import { rebuild } from '../../../src/runtime/rebuild.ts';
import { agent, config, device, queue } from '../core/scenario.ts';

/** Fails as a list of booleans says, call by call; past its end it works. */
class FaultyJournal extends MemoryJournal {
  #faults: boolean[] = [];

  /** The next calls fail where the list says so. */
  breakBy(faults: boolean[]): void {
    this.#faults = faults;
  }

  override append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    if (this.#faults.shift() === true) return { ok: false, reason: 'unavailable', detail: 'full' };
    return super.append(expectedSeq, events);
  }

  override read(fromSeq: number, limit: number): ReadResult {
    if (this.#faults.shift() === true) return { ok: false, reason: 'unavailable', detail: 'gone' };
    return super.read(fromSeq, limit);
  }
}

/** The same over a promise, as the journal on its own thread answers. */
class LateJournal extends FaultyJournal {
  override append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    const result = super.append(expectedSeq, events);
    return new Promise((done) => setImmediate(() => done(result))) as unknown as AppendResult;
  }
}

const BY = { by: 'test' };
const callId = fc.constantFrom('a', 'b', 'c');
const anyCommand: fc.Arbitrary<NewCommand> = fc.oneof(
  callId.map((id) => {
    const leg = { sipCallId: id, from: '', fromName: '', to: '' };
    return { kind: 'ArriveCall' as const, callId: id, queue: 'q', ...leg, ...BY };
  }),
  callId.map((id) => ({ kind: 'ConfirmCall' as const, callId: id, ...BY })),
  callId.map((id) => ({ kind: 'EndCall' as const, callId: id, cause: 'bye' as const, ...BY })),
  fc.constant({ kind: 'LogInAgent' as const, agentId: '1', device: device('1'), ...BY }),
  fc.constant({
    kind: 'ReportDevice' as const,
    deviceUri: device('1').uri,
    state: 'idle' as const,
    source: 'presence',
    ...BY,
  }),
);

/** Turns of commands, each submitted together, and the faults that meet them. */
const anyRun = fc.record({
  turns: fc.array(fc.array(anyCommand, { minLength: 1, maxLength: 5 }), {
    maxLength: 15,
    size: 'max',
  }),
  faults: fc.array(fc.boolean(), { maxLength: 40, size: 'max' }),
});

it.each([
  ['at once', FaultyJournal],
  ['later', LateJournal],
])('answering %s, tells outside exactly what is durable, and settles all', async (_, Kind) => {
  await fc.assert(
    fc.asyncProperty(anyRun, async ({ turns, faults }) => {
      const journal = new Kind();
      const clock = { now: () => 1_000, atLeast: () => undefined };
      const fatal: Error[] = [];
      const opened = await openLoop({
        journal,
        clock,
        newId: () => 'id',
        log: () => undefined,
        onFatal: (error) => fatal.push(error),
        snapshotEvery: 7,
        retryMs: 0,
      });
      if (!opened.ok) throw new Error(opened.detail);
      const { loop } = opened;
      const heard: StoredEvent[] = [];
      loop.react((stored) => heard.push(stored));
      const applied = config([queue('q')], [agent('1', 'q')]);
      await loop.submit({ kind: 'ApplyConfig', config: applied, ...BY });
      journal.breakBy(faults);
      const settled: StoredEvent[] = [...heard];
      for (const turn of turns) {
        const outcomes = await Promise.all(turn.map((command) => loop.submit(command)));
        outcomes.forEach((outcome, index) => {
          if (outcome.ok) settled.push(...outcome.events);
          // A fact waits for the journal; it is never turned away.
          else if (turn[index]?.kind === 'EndCall') expect(outcome.refusal).toBe('unknown-call');
        });
      }
      journal.breakBy([]);
      await loop.stop();
      expect(fatal).toEqual([]);
      const read = journal.read(1, READ_MAX);
      expect(read).toEqual({ ok: true, events: heard });
      expect(settled.sort((a, b) => a.seq - b.seq)).toEqual(heard);
      const rebuilt = await rebuild(journal);
      if (!rebuilt.ok) throw new Error(rebuilt.detail);
      expect(canonicalHash(rebuilt.state)).toBe(canonicalHash(loop.state));
    }),
    { numRuns: 100 },
  );
});
