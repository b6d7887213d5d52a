/**
 * Goal: nobody acts on what is not durable, nothing durable is lost, and a failed journal is
 * lived through. Method: the loop on a journal that fails on demand and a clock moved by hand.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import type { AppendResult, Journal, ReadResult } from '../../../src/journal/port.ts';
import { BACKLOG_MAX } from '../../../src/runtime/backlog.ts';
import { openLoop, type Loop, type LoopOptions } from '../../../src/runtime/loop.ts';
import type { NewCommand, Outcome } from '../../../src/runtime/port.ts';
import { agent, config, device, queue } from '../core/scenario.ts';

/** A memory journal that can be told to fail, to answer later, and that counts. */
class TrialJournal extends MemoryJournal implements Journal {
  failsAppend = false;
  failsRead = false;
  later = false;
  readonly batches: number[] = [];

  override append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    if (this.failsAppend) return { ok: false, reason: 'unavailable', detail: 'disk full' };
    const result = super.append(expectedSeq, events);
    if (result.ok && events.length > 0) this.batches.push(events.length);
    const answer = this.later ? new Promise((done) => setImmediate(() => done(result))) : result;
    return answer as AppendResult;
  }

  override read(fromSeq: number, limit: number): ReadResult {
    if (this.failsRead) return { ok: false, reason: 'unavailable', detail: 'cannot read' };
    return super.read(fromSeq, limit);
  }
}

const CONFIG = config([queue('sales')], [agent('1', 'sales'), agent('2', 'sales')]);
const BY = { by: 'test' };
const apply: NewCommand = { kind: 'ApplyConfig', config: CONFIG, ...BY };
const arrive = (callId: string): NewCommand => ({
  kind: 'ArriveCall',
  callId,
  queue: 'sales',
  sipCallId: callId,
  from: '',
  fromName: '',
  to: '',
  ...BY,
});
const confirm = (callId: string): NewCommand => ({ kind: 'ConfirmCall', callId, ...BY });
const bye = (callId: string): NewCommand => ({ kind: 'EndCall', callId, cause: 'bye', ...BY });

const open: Loop[] = [];
afterEach(async () => {
  for (const loop of open.splice(0)) await loop.stop();
});

async function start(journal: Journal, options: Partial<LoopOptions> = {}) {
  const time = { now: 1_000_000 };
  const told: string[] = [];
  const fatal: Error[] = [];
  const logged: string[] = [];
  const opened = await openLoop({
    journal,
    clock: {
      now: () => time.now,
      atLeast: (instant) => (time.now = Math.max(time.now, instant)),
    },
    newId: () => 'id',
    log: (_level, text) => logged.push(text),
    onFatal: (error) => fatal.push(error),
    retryMs: 1,
    ...options,
  });
  if (!opened.ok) throw new Error(opened.detail);
  const { loop } = opened;
  open.push(loop);
  loop.react(({ seq, event }) => told.push(`${seq} ${event.kind}`));
  return { loop, time, told, fatal, logged };
}

async function kinds(outcome: Promise<Outcome>): Promise<string[] | string> {
  const settled = await outcome;
  return settled.ok ? settled.events.map(({ event }) => event.kind) : settled.refusal;
}

describe('submitting', () => {
  it('gives the stored events of the command, numbered, after reactors heard', async () => {
    const { loop, told } = await start(new TrialJournal());
    await loop.submit(apply);
    const outcome = await loop.submit(arrive('a')).then((settled) => {
      expect(told).toEqual(['1 ConfigApplied', '2 CallEntered']);
      return settled;
    });
    expect(outcome).toMatchObject({ ok: true, events: [{ seq: 2, event: { callId: 'a' } }] });
  });

  it('gives the refusal of the rules', async () => {
    const { loop } = await start(new TrialJournal());
    expect(await loop.submit(bye('x'))).toEqual({ ok: false, refusal: 'unknown-call' });
  });

  it('stamps commands with the clock', async () => {
    const { loop, time } = await start(new TrialJournal());
    time.now = 1_234_567;
    const outcome = await loop.submit(apply);
    expect(outcome).toMatchObject({ events: [{ event: { at: 1_234_567, by: 'test' } }] });
  });

  it('writes the commands of one turn as one batch, each with its own events', async () => {
    const journal = new TrialJournal();
    const { loop } = await start(journal);
    const outcomes = [apply, arrive('a'), bye('x'), confirm('a'), bye('a')].map((command) =>
      kinds(loop.submit(command)),
    );
    expect(await Promise.all(outcomes)).toEqual([
      ['ConfigApplied'],
      ['CallEntered'],
      'unknown-call',
      ['CallConfirmed'],
      ['CallEnded'],
    ]);
    expect(journal.batches).toEqual([4]);
  });

  it('bounds the batch', async () => {
    const journal = new TrialJournal();
    const { loop } = await start(journal);
    await loop.submit({ kind: 'ApplyConfig', config: { ...CONFIG, maxCalls: 9_999 }, ...BY });
    await Promise.all(Array.from({ length: 600 }, (_, n) => loop.submit(arrive(`c${n}`))));
    expect(journal.batches).toEqual([1, 256, 256, 88]);
  });

  it('bounds the backlog', async () => {
    const { loop } = await start(new TrialJournal());
    const outcomes = Array.from({ length: BACKLOG_MAX + 1 }, () => loop.submit(bye('x')));
    const settled = await Promise.all(outcomes);
    expect(settled.filter((one) => !one.ok && one.refusal === 'unavailable').length).toBe(1);
  });

  it('hears commands that reactors submit', async () => {
    const { loop, told } = await start(new TrialJournal());
    loop.react(({ event }) => {
      if (event.kind === 'CallEntered') void loop.submit(confirm(event.callId));
    });
    await loop.submit(apply);
    await loop.submit(arrive('a'));
    await loop.submit(bye('x'));
    expect(told.at(-1)).toBe('3 CallConfirmed');
  });

  it('survives a reactor that throws: others hear, the error is counted', async () => {
    const { loop, told, logged } = await start(new TrialJournal());
    const heard: number[] = [];
    loop.react(() => {
      throw new Error('bad reactor');
    });
    loop.react(({ seq }) => heard.push(seq));
    await loop.submit(apply);
    expect([told.length, heard.length, loop.health().counters.reactorErrors]).toEqual([1, 1, 1]);
    expect(logged[0]).toMatch(/reactor failed at ConfigApplied 1/);
  });

  it('tells nobody before a journal that answers later has answered', async () => {
    const journal = new TrialJournal();
    journal.later = true;
    const { loop, told } = await start(journal);
    const outcome = loop.submit(apply);
    await new Promise((done) => setImmediate(done));
    expect(told).toEqual([]);
    expect(await kinds(outcome)).toEqual(['ConfigApplied']);
    expect(told).toEqual(['1 ConfigApplied']);
  });
});

describe('deadlines', () => {
  it('are reached by themselves once started', async () => {
    const { loop, time } = await start(new TrialJournal());
    await loop.submit(apply);
    await loop.submit(arrive('a'));
    const ended = new Promise((done) =>
      loop.react(({ event }) => {
        if (event.kind === 'CallEnded') done(event.status);
      }),
    );
    time.now += 40_000;
    loop.start();
    expect(await ended).toBe('FAILED');
  });

  it('follow the nearest one, from one to the next', async () => {
    const { loop, time, told } = await start(new TrialJournal());
    loop.start();
    await loop.submit(apply);
    for (const callId of ['a', 'b']) {
      await loop.submit(arrive(callId));
      time.now += 40_000;
    }
    const both = new Promise<void>((done) =>
      loop.react(() => {
        if (told.filter((one) => one.endsWith('CallEnded')).length === 2) done();
      }),
    );
    // Any command makes the loop look at the clock again.
    await loop.submit(bye('x'));
    await both;
  });
});

describe('a start', () => {
  it('replays the journal to the same state, and goes on from its instant', async () => {
    const journal = new TrialJournal();
    const first = await start(journal);
    first.time.now = 5_000_000;
    for (const command of [apply, arrive('a'), confirm('a'), arrive('b')]) {
      await first.loop.submit(command);
    }
    const second = await start(journal);
    expect(canonicalHash(second.loop.state)).toBe(canonicalHash(first.loop.state));
    expect(second.told).toEqual([]);
    expect(second.time.now).toBe(5_000_000);
  });

  it('from a snapshot and the rest equals one from the beginning', async () => {
    const journal = new TrialJournal();
    const first = await start(journal, { snapshotEvery: 4 });
    for (const command of [apply, arrive('a'), confirm('a'), arrive('b'), confirm('b')]) {
      await first.loop.submit(command);
    }
    expect(journal.loadSnapshot()).toMatchObject({ found: { seq: 4 } });
    const second = await start(journal);
    expect(canonicalHash(second.loop.state)).toBe(canonicalHash(first.loop.state));
    expect(await kinds(second.loop.submit(bye('a')))).toEqual(['CallEnded']);
  });

  it('keeps a snapshot at the stop', async () => {
    const journal = new TrialJournal();
    const { loop } = await start(journal);
    await loop.submit(apply);
    await loop.stop();
    expect(journal.loadSnapshot()).toMatchObject({ found: { seq: 1 } });
  });

  it('does not trust a snapshot of another version', async () => {
    const journal = new TrialJournal();
    const first = await start(journal);
    await first.loop.submit(apply);
    await first.loop.stop();
    const loaded = journal.loadSnapshot();
    if (!loaded.ok || loaded.found === null) throw new Error('no snapshot');
    journal.saveSnapshot(1, { ...loaded.found.state, version: 0, entries: 77 });
    const second = await start(journal);
    expect(second.loop.state.entries).toBe(0);
    expect(second.loop.state.queues.size).toBe(1);
  });

  it('on a journal that cannot be read says so', async () => {
    const journal = new TrialJournal();
    await (await start(journal)).loop.submit(apply);
    journal.failsRead = true;
    await expect(start(journal)).rejects.toThrow('cannot read');
  });

  it('on a journal with a hole, or without what its first event needs, says so', async () => {
    const journal = new TrialJournal();
    const first = await start(journal, { snapshotEvery: 2 });
    for (const command of [apply, arrive('a'), confirm('a'), bye('a')]) {
      await first.loop.submit(command);
    }
    expect(journal.prune(Infinity, 1)).toEqual({ ok: true, removed: 1 });
    expect((await start(journal)).loop.state.queues.size).toBe(1);
    const loaded = journal.loadSnapshot();
    if (!loaded.ok || loaded.found === null) throw new Error('no snapshot');
    journal.saveSnapshot(4, { ...loaded.found.state, version: 0 });
    await expect(start(journal)).rejects.toThrow(/begins at event 2 \(journal.keep\)/);
  });
});

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

describe('a broken invariant', () => {
  it('is counted, logged and fatal; whoever asked hears `unavailable`', async () => {
    const { loop, fatal, logged } = await start(new TrialJournal());
    await loop.submit(apply);
    await loop.submit({ kind: 'LogInAgent', agentId: '1', device: device('1'), ...BY });
    loop.state.agents.delete('1');
    loop.state.devices.set('sip:1@pbx', '1');
    loop.state.timers.set({ kind: 'nonsense', id: 'x', at: 0, slot: -1 }, 1);
    expect(await kinds(loop.submit({ kind: 'ReachDeadline', ...BY }))).toBe('unavailable');
    expect(fatal[0]?.message).toMatch(/broken invariant: timer of kind nonsense/);
    expect(loop.health()).toMatchObject({ phase: 'failed', counters: { brokenInvariants: 1 } });
    expect(logged).toEqual(['the ACD cannot go on']);
  });
});

describe('stopping', () => {
  it('drains: no new calls, everything else goes on', async () => {
    const { loop } = await start(new TrialJournal());
    await loop.submit(apply);
    await loop.submit(arrive('a'));
    loop.drain();
    expect(loop.health().phase).toBe('draining');
    expect(await kinds(loop.submit(arrive('b')))).toBe('unavailable');
    expect(await kinds(loop.submit(bye('a')))).toEqual(['CallEnded']);
  });

  it('settles what was submitted before, and takes nothing after', async () => {
    const { loop } = await start(new TrialJournal());
    const before = kinds(loop.submit(apply));
    const stopped = loop.stop();
    const after = kinds(loop.submit(arrive('a')));
    await stopped;
    expect(await before).toEqual(['ConfigApplied']);
    expect(await after).toBe('unavailable');
    expect(loop.health().phase).toBe('stopped');
  });
});
