/**
 * Goal: a journal that fails, or takes its time, is lived through: no fact is lost, no request is
 * kept waiting, health says why. Method: the loop on a journal that fails on demand.
 */
import { describe, expect, it } from 'vitest';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import type { AppendResult } from '../../../src/journal/port.ts';
import type { NewCommand } from '../../../src/runtime/port.ts';
import { device } from '../core/scenario.ts';
import { apply, arrive, BY, bye, CONFIG, confirm, kinds, start, TrialJournal } from './trial.ts';

describe('a journal that fails', () => {
  async function failing() {
    const journal = new TrialJournal();
    const started = await start(journal);
    for (const command of [apply, arrive('a'), confirm('a')]) await started.loop.submit(command);
    journal.failsAppend = true;
    return { journal, ...started };
  }

  it('refuses requests, shows no undurable state, and says why', async () => {
    const { loop, told } = await failing();
    const before = canonicalHash(loop.state);
    const heard = told.length;
    expect(await kinds(loop.submit(arrive('b')))).toBe('unavailable');
    expect(await kinds(loop.submit(arrive('c')))).toBe('unavailable');
    expect(canonicalHash(loop.state)).toBe(before);
    expect(told.length).toBe(heard);
    expect(loop.health()).toMatchObject({ phase: 'journal-down', detail: 'disk full' });
  });

  it.each<NewCommand>([
    { kind: 'HangUpCall', callId: 'a', ...BY },
    { kind: 'TransferCall', callId: 'a', uri: 'sip:x@y', ...BY },
    { kind: 'MoveCall', callId: 'a', queue: 'sales', ...BY },
    { kind: 'GiveCall', callId: 'a', agentId: '1', ...BY },
    { kind: 'WithdrawCall', callId: 'a', ...BY },
    { kind: 'ReorderCall', callId: 'a', priority: 1, ...BY },
    { kind: 'ExitCall', callId: 'a', key: '0', ...BY },
    { kind: 'ExtendWrapup', agentId: '1', forMs: 1, ...BY },
  ])('refuses $kind at once: whoever asked can ask again', async (command) => {
    const { loop } = await failing();
    await loop.submit(arrive('b'));
    expect(loop.health().phase).toBe('journal-down');
    expect(await kinds(loop.submit(command))).toBe('unavailable');
  });

  it('keeps facts until it is back, in order, and decides them then', async () => {
    const { loop, journal } = await failing();
    const facts = [kinds(loop.submit(bye('a'))), kinds(loop.submit(bye('a')))];
    expect(await kinds(loop.submit(arrive('b')))).toBe('unavailable');
    expect(loop.state.calls.has('a')).toBe(true);
    journal.failsAppend = false;
    expect(await Promise.all(facts)).toEqual([['CallEnded'], 'unknown-call']);
    expect(loop.health()).toMatchObject({ phase: 'running', detail: '' });
    expect(await kinds(loop.submit(arrive('b')))).toEqual(['CallEntered']);
  });

  it('keeps the order of facts beyond one batch, too', async () => {
    const { loop, journal } = await failing();
    const filler = Array.from({ length: 300 }, () => confirm('a'));
    const outcomes = [bye('a'), ...filler, bye('a')].map((fact) => kinds(loop.submit(fact)));
    await loop.submit(arrive('b'));
    journal.failsAppend = false;
    const settled = await Promise.all(outcomes);
    expect([settled[0], settled.at(-1)]).toEqual([['CallEnded'], 'unknown-call']);
  });

  it('comes back by itself when nobody asks anything', async () => {
    const { loop, journal, logged } = await failing();
    await loop.submit(arrive('b'));
    journal.failsAppend = false;
    await expect.poll(() => loop.health().phase).toBe('running');
    expect(logged.at(-1)).toBe('journal can be written again');
  });

  it('and cannot be read either is lived through, too', async () => {
    const { loop, journal } = await failing();
    journal.failsRead = true;
    const fact = kinds(loop.submit(bye('a')));
    await expect.poll(() => loop.health().detail).toBe('cannot read');
    journal.failsRead = false;
    await expect.poll(() => loop.health().phase).toBe('journal-down');
    journal.failsAppend = false;
    expect(await fact).toEqual(['CallEnded']);
    expect(loop.state.calls.size).toBe(0);
  });

  it('at a stop gives up what waits', async () => {
    const { loop } = await failing();
    const fact = kinds(loop.submit(bye('a')));
    await loop.submit(arrive('b'));
    await loop.stop();
    expect(await fact).toBe('unavailable');
    expect(loop.health().phase).toBe('stopped');
  });

  it('during a stop gives up what it could not write', async () => {
    const { loop } = await failing();
    const fact = kinds(loop.submit(bye('a')));
    await loop.stop();
    expect(await fact).toBe('unavailable');
  });

  it.each([
    ['cannot be read keeps no snapshot of what never was', true, null],
    ['can be read again keeps one of what is written', false, { seq: 3 }],
  ])('and at a stop %s', async (_, failsRead, found) => {
    const { loop, journal } = await failing();
    journal.failsRead = true;
    void loop.submit(bye('a'));
    await expect.poll(() => loop.health().detail).toBe('cannot read');
    expect(loop.state.calls.size).toBe(0);
    journal.failsRead = failsRead;
    await loop.stop();
    expect(journal.loadSnapshot()).toMatchObject({ found });
    expect(loop.state.calls.size).toBe(failsRead ? 0 : 1);
  });

  it('with another writer ends the loop for good', async () => {
    const { loop, journal, fatal } = await failing();
    journal.failsAppend = false;
    journal.append(journal.lastSeq(), [{ kind: 'AgentResumed', agentId: '1', at: 1, by: 'other' }]);
    expect(await kinds(loop.submit(arrive('b')))).toBe('unavailable');
    expect(fatal.map((error) => error.message)).toEqual([
      expect.stringContaining('another process writes this journal'),
    ]);
    expect(loop.health().phase).toBe('failed');
    expect(await kinds(loop.submit(bye('a')))).toBe('unavailable');
  });
});

describe('an outage of any length', () => {
  it('keeps of the reports about one phone only the last, in its place', async () => {
    const journal = new TrialJournal();
    const { loop, told } = await start(journal);
    await loop.submit(apply);
    await loop.submit({ kind: 'LogInAgent', agentId: '1', device: device('1'), ...BY });
    journal.failsAppend = true;
    const report = (state: 'idle' | 'inuse'): NewCommand => ({
      kind: 'ReportDevice',
      deviceUri: device('1').uri,
      state,
      source: 'presence',
      ...BY,
    });
    await loop.submit(arrive('a'));
    const reports = ['inuse', 'idle', 'inuse', 'idle'] as const;
    const settled = reports.map((state) => kinds(loop.submit(report(state))));
    expect(loop.health().backlog).toBe(1);
    journal.failsAppend = false;
    expect(await Promise.all(settled)).toEqual([[], [], [], ['DeviceReported']]);
    expect(told.at(-1)).toMatch(/DeviceReported/);
  });

  it('does not ask for a snapshot at every turn where none can be kept', async () => {
    const journal = new TrialJournal();
    let asked = 0;
    journal.saveSnapshot = () => {
      asked += 1;
      return { ok: false, reason: 'unavailable', detail: 'full' };
    };
    const { loop } = await start(journal, { snapshotEvery: 20 });
    for (let maxCalls = 1; maxCalls <= 40; maxCalls += 1) {
      await loop.submit({ kind: 'ApplyConfig', config: { ...CONFIG, maxCalls }, ...BY });
    }
    expect(asked).toBe(11);
  });
});

describe('a slow journal', () => {
  /** Appends wait for `release`; reactors and health are looked at meanwhile. */
  async function slow() {
    const journal = new TrialJournal();
    const held: (() => void)[] = [];
    let holds = false;
    const append = journal.append.bind(journal);
    journal.append = (expectedSeq, events) => {
      if (!holds) return append(expectedSeq, events);
      const answer = new Promise((done) =>
        held.push(() => done(append(expectedSeq, events))),
      ) as unknown;
      return answer as AppendResult;
    };
    const started = await start(journal, { slowMs: 30, retryMs: 5 });
    for (const command of [apply, arrive('a'), confirm('a')]) await started.loop.submit(command);
    const hold = (value: boolean) => {
      holds = value;
      if (!value) for (const release of held.splice(0)) release();
    };
    return { journal, hold, ...started };
  }

  it('takes facts but no requests, says so, and is well again by itself', async () => {
    const { loop, hold, logged } = await slow();
    hold(true);
    const first = kinds(loop.submit(bye('a')));
    await expect.poll(() => loop.health().phase).toBe('journal-slow');
    expect(loop.health().detail).toMatch(/its disk is slow: a write has taken 0\.\d s/);
    expect(loop.health().since).toBe(1_000_000 - 30);
    expect(await kinds(loop.submit(arrive('b')))).toBe('unavailable');
    const fact = kinds(loop.submit(bye('a')));
    hold(false);
    expect([await first, await fact]).toEqual([['CallEnded'], 'unknown-call']);
    await expect.poll(() => loop.health()).toMatchObject({ phase: 'running', since: null });
    expect(await kinds(loop.submit(arrive('b')))).toEqual(['CallEntered']);
    expect(logged.filter((text) => /slow|fast/.test(text))).toHaveLength(2);
  });

  it('that has answered while we ourselves were held up is not slow', async () => {
    const journal = new TrialJournal();
    const { loop, logged } = await start(journal, { slowMs: 30, retryMs: 5 });
    await loop.submit(apply);
    journal.later = true;
    const append = journal.append.bind(journal);
    journal.append = (...what) => {
      const answer = append(...what);
      for (const end = performance.now() + 80; performance.now() < end;);
      return answer;
    };
    expect(await kinds(loop.submit(arrive('a')))).toEqual(['CallEntered']);
    await new Promise((settled) => setImmediate(settled));
    expect(loop.health().phase).toBe('running');
    expect(logged.filter((text) => text.includes('slow'))).toEqual([]);
  });

  it('writes what came meanwhile as one batch', async () => {
    const { loop, hold, journal } = await slow();
    hold(true);
    const first = loop.submit(confirm('a'));
    const ended = loop.submit(bye('a'));
    await new Promise((done) => setImmediate(done));
    const rest = Array.from({ length: 50 }, (_, n) => loop.submit(arrive(`n${n}`)));
    journal.batches.length = 0;
    hold(false);
    await Promise.all([first, ended, ...rest]);
    expect(journal.batches).toEqual([1, 50]);
  });

  it('that then fails is down, and comes back', async () => {
    const { loop, hold, journal } = await slow();
    hold(true);
    const fact = kinds(loop.submit(bye('a')));
    await expect.poll(() => loop.health().phase).toBe('journal-slow');
    journal.failsAppend = true;
    hold(false);
    await expect
      .poll(() => loop.health())
      .toMatchObject({
        phase: 'journal-down',
        detail: 'disk full',
      });
    journal.failsAppend = false;
    expect(await fact).toEqual(['CallEnded']);
    await expect.poll(() => loop.health().phase).toBe('running');
  });
});
