/**
 * Goal: nobody acts on what is not durable, and nothing durable is lost. Method: the loop on a
 * journal in memory and a clock moved by hand. A journal that fails: loop-journal.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { canonicalHash } from '../../../src/core/snapshot.ts';
import { BACKLOG_MAX } from '../../../src/runtime/backlog.ts';
import { device } from '../core/scenario.ts';
import { apply, arrive, BY, bye, CONFIG, confirm, kinds, start, TrialJournal } from './trial.ts';

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
