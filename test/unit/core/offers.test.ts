/**
 * Goal: how offers are made and what a failed one leads to. Method: given-when-then for each
 * option: order, ringinuse, autofill, timeoutrestart, delays, autopause, wrap-up, idle clock.
 */
import { describe, expect, it } from 'vitest';
import { restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import type { AgentConfig, QueueConfig } from '../../../src/core/types.ts';
import { agent, config, queue, scenario } from './scenario.ts';

function house(options: Partial<QueueConfig> = {}, agents: AgentConfig[] = [agent('1', 'q')]) {
  return scenario(config([queue('q', options), queue('r')], agents));
}

describe('order of callers', () => {
  it('is by priority, then entry; rules give priorities by caller, a call brings its own', () => {
    const callers = [
      { pattern: '49*', priority: 5 },
      { pattern: '??', priority: 2 },
    ];
    const s = house({ priority: 1, callers });
    for (const id of ['100', '4930', '10', '4931']) s.call(id, 'q');
    s.call('vip', 'q', { priority: 9 });
    expect(s.line('q')).toEqual(['vip', '4930', '4931', '10', '100']);
    const entered = s.history.flatMap((e) => (e.kind === 'CallEntered' ? [e.position] : []));
    expect(entered).toEqual([1, 1, 2, 2, 1]);
  });

  it('lets a call in at a place, behind nobody of lower priority', () => {
    const s = house();
    for (const id of ['a', 'b', 'c']) s.call(id, 'q');
    s.call('first', 'q', { position: 1 });
    s.call('third', 'q', { position: 3 });
    s.call('last', 'q', { position: 99 });
    expect(s.line('q')).toEqual(['first', 'a', 'third', 'b', 'c', 'last']);
    s.call('vip', 'q', { priority: 1 });
    s.call('second', 'q', { position: 2 });
    expect(s.line('q').slice(0, 3)).toEqual(['vip', 'second', 'first']);
  });

  it('bears a hundred who all want to be second', () => {
    const s = house();
    for (const id of ['a', 'b']) s.call(id, 'q');
    for (let n = 0; n < 100; n += 1) s.call(`n${n}`, 'q', { position: 2 });
    const line = s.line('q');
    expect([line[0], line.length]).toEqual(['a', 102]);
    expect(new Set(line).size).toBe(102);
  });

  it('changes while they wait, and says the new place', () => {
    const s = house();
    for (const id of ['a', 'b', 'c', 'd']) s.call(id, 'q');
    s.when({ kind: 'ReorderCall', callId: 'd', priority: 3 });
    expect(s.event('CallReordered')).toMatchObject({ priority: 3, position: 1 });
    s.when({ kind: 'ReorderCall', callId: 'a', position: 3 });
    expect(s.event('CallReordered').position).toBe(3);
    expect(s.line('q')).toEqual(['d', 'b', 'a', 'c']);
    s.when({ kind: 'ReorderCall', callId: 'c', position: 1 });
    s.when({ kind: 'ReorderCall', callId: 'b', position: 99 });
    expect(s.event('CallReordered').position).toBe(4);
    expect(s.line('q')).toEqual(['c', 'd', 'a', 'b']);
    expect(s.when({ kind: 'ReorderCall', callId: 'c', position: 1 })).toEqual([]);
  });

  it('does not change for who talks or is unknown', () => {
    const s = house();
    s.ready('1');
    s.call('a', 'q');
    s.talk('1');
    expect(s.refusal({ kind: 'ReorderCall', callId: 'a', priority: 1 })).toBe('not-waiting');
    expect(s.refusal({ kind: 'ReorderCall', callId: 'x', priority: 1 })).toBe('unknown-call');
  });

  it('goes by weight, then priority, over all queues of an agent', () => {
    const both = [agent('1', 'q', 'r')];
    const s = scenario(config([queue('q', { weight: 1 }), queue('r')], both));
    s.call('high', 'r', { priority: 9 });
    s.call('heavy', 'q');
    s.ready('1');
    expect(s.rung).toEqual(['1>heavy']);
  });
});

describe('autofill', () => {
  it('no: rings for the first in line only', () => {
    const s = house({ autofill: false }, [agent('1', 'q'), agent('2', 'q')]);
    for (const id of ['1', '2']) s.ready(id);
    s.call('a', 'q');
    s.call('b', 'q');
    expect([s.callIs('a'), s.callIs('b')]).toEqual(['ringing', 'waiting']);
    s.talk('1');
    expect(s.rung).toEqual(['2>b']);
  });

  it('no: given a caller whose ACK never comes, then those behind him do not wait for it', () => {
    const s = house({ autofill: false }, [agent('1', 'q'), agent('2', 'q')]);
    s.ready('1');
    s.arrive('mute', 'q');
    s.call('a', 'q');
    expect(s.rung).toEqual(['1>a']);
    s.ready('2');
    // He is first once he is there.
    s.call('b', 'q');
    s.when({ kind: 'ConfirmCall', callId: 'mute' });
    expect(s.rung).toEqual(['2>mute']);
  });

  it('yes: rings for several at once', () => {
    const s = house({}, [agent('1', 'q'), agent('2', 'q')]);
    for (const id of ['1', '2']) s.ready(id);
    s.call('a', 'q');
    s.call('b', 'q');
    expect([s.callIs('a'), s.callIs('b')]).toEqual(['ringing', 'ringing']);
  });
});

describe('ringinuse', () => {
  it('of the queue, or of a membership, rings a phone that has a call of its own', () => {
    const own = { ...agent('1', 'q', 'r'), memberships: [{ queue: 'r', ringInUse: true }] };
    const s = house({}, [own]);
    s.ready('1');
    s.report('1', 'inuse');
    s.call('a', 'q');
    expect(s.callIs('a')).toBe('waiting');
    s.call('b', 'r');
    expect(s.rung).toEqual(['1>b']);
    // Never a second call of ours.
    s.call('c', 'r');
    expect(s.rung).toEqual([]);
  });
});

describe('ring time', () => {
  it('timeoutrestart=no: who is busy takes his time out of the next one’s', () => {
    const s = house({ timeoutRestart: false }, [agent('1', 'q'), agent('2', 'q')]);
    for (const id of ['1', '2']) s.ready(id);
    s.call('a', 'q');
    const { deadline } = s.event('AgentOffered');
    s.pass(5_000);
    s.fail('1', 'busy');
    expect(s.event('AgentOffered').deadline).toBe(deadline);
  });

  it('yes, or after one who did not want: it begins anew', () => {
    for (const [timeoutRestart, failure] of [
      [true, 'busy'],
      [false, 'declined'],
    ] as const) {
      const s = house({ timeoutRestart }, [agent('1', 'q'), agent('2', 'q')]);
      for (const id of ['1', '2']) s.ready(id);
      s.call('a', 'q');
      s.pass(5_000);
      s.fail('1', failure);
      expect(s.event('AgentOffered').deadline).toBe(s.now + 15_000);
    }
  });

  it.each([
    ['declined', 1_000],
    ['busy', 2_000],
    ['no-answer', 3_000],
    ['unreachable', 5_000],
  ] as const)('after %s the agent rests for %i ms', (failure, rest) => {
    const s = house({ rejectDelayMs: 1_000, busyDelayMs: 2_000, noAnswerDelayMs: 3_000 });
    s.ready('1');
    s.call('a', 'q');
    s.fail('1', failure);
    expect(s.event('OfferFailed').restUntil).toBe(s.now + rest);
  });
});

describe('autopause', () => {
  it('yes pauses in this queue, all in all; the agent is told by the event', () => {
    for (const autopause of ['yes', 'all'] as const) {
      const s = house({ autopause }, [agent('1', 'q', 'r')]);
      s.ready('1');
      s.call('a', 'q');
      s.pass(15_000);
      const paused = s.event('AgentPaused');
      expect(paused).toMatchObject({ auto: true, reason: 'auto: no-answer' });
      expect(paused.queue).toBe(autopause === 'yes' ? 'q' : undefined);
      s.pass(10_000);
      s.call('b', 'r');
      expect(s.rung).toEqual(autopause === 'yes' ? ['1>b'] : []);
    }
  });

  it('counts misses in a row, and an answer ends the row', () => {
    const s = house({ autopause: 'yes', autopauseMisses: 2 });
    s.ready('1');
    s.call('a', 'q');
    s.pass(15_000);
    expect(s.kinds).not.toContain('AgentPaused');
    s.pass(5_000);
    s.serve('1');
    s.call('b', 'q');
    s.pass(15_000);
    expect(s.kinds).not.toContain('AgentPaused');
    s.pass(20_000);
    expect(s.kinds).toContain('AgentPaused');
  });

  it.each([
    ['busy', {}, false],
    ['busy', { autopauseBusy: true }, true],
    ['declined', { autopauseBusy: true }, true],
    ['unreachable', { autopauseBusy: true }, false],
    ['unreachable', { autopauseUnavail: true }, true],
    ['media', { autopauseBusy: true, autopauseUnavail: true }, false],
  ] as const)('%s with %o: %s', (failure, options, expected) => {
    const s = house({ autopause: 'all', ...options });
    s.ready('1');
    s.call('a', 'q');
    s.fail('1', failure);
    expect(s.kinds.includes('AgentPaused')).toBe(expected);
  });

  it('waits for autopausedelay after his last call', () => {
    const s = house({ autopause: 'all', autopauseDelayMs: 60_000 });
    s.ready('1');
    s.call('a', 'q');
    s.serve('1');
    s.call('b', 'q');
    s.pass(15_000);
    expect(s.agentIs('1')).not.toBe('paused');
    s.pass(60_000);
    expect(s.agentIs('1')).toBe('paused');
  });

  it('ends by itself where it has a length', () => {
    const s = house({ autopause: 'all', autopauseLengthMs: 30_000 });
    s.ready('1');
    s.call('a', 'q');
    s.pass(15_000);
    expect(s.agentIs('1')).toBe('paused');
    s.pass(30_000);
    expect(s.rung).toEqual(['1>a']);
  });
});

describe('pause in one queue', () => {
  it('keeps him from that queue only, and resuming everywhere ends it', () => {
    const s = house({}, [agent('1', 'q', 'r')]);
    s.ready('1');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'mail', queue: 'q' });
    s.call('a', 'q');
    expect(s.rung).toEqual([]);
    s.call('b', 'r');
    expect(s.rung).toEqual(['1>b']);
    s.serve('1');
    s.when({ kind: 'ResumeAgent', agentId: '1' });
    expect(s.rung).toEqual(['1>a']);
  });

  it('is refused where he is no member, or not paused', () => {
    const s = house();
    s.ready('1');
    const pause = { kind: 'PauseAgent', agentId: '1', reason: '', queue: 'r' } as const;
    expect(s.refusal(pause)).toBe('not-a-member');
    expect(s.refusal({ kind: 'ResumeAgent', agentId: '1', queue: 'q' })).toBe('not-paused');
  });
});

describe('wrap-up', () => {
  it('is the membership’s, else the agent’s, else the queue’s', () => {
    for (const [more, expected] of [
      [{}, 1_000],
      [{ wrapupMs: 2_000 }, 2_000],
      [{ wrapupMs: 2_000, memberships: [{ queue: 'q', wrapupMs: 3_000 }] }, 3_000],
    ] as const) {
      const s = house({ wrapupMs: 1_000 }, [{ ...agent('1', 'q'), ...more }]);
      s.ready('1');
      s.call('a', 'q');
      s.serve('1');
      expect(s.event('WrapupStarted').until).toBe(s.now + expected);
    }
  });

  it('is made longer, or ended, by the agent', () => {
    const s = house({ wrapupMs: 1_000 });
    s.ready('1');
    expect(s.refusal({ kind: 'ExtendWrapup', agentId: '1', forMs: 1 })).toBe('not-in-wrapup');
    s.call('a', 'q');
    s.serve('1');
    s.when({ kind: 'ExtendWrapup', agentId: '1', forMs: 9_000 });
    s.pass(8_999);
    expect(s.agentIs('1')).toBe('wrapup');
    s.pass(1);
    expect(s.agentIs('1')).toBe('idle');
  });
});

describe('the idle clock', () => {
  const NOTHING = { login: false, wrapup: false, pause: false, ownCall: false, missed: false };
  const begin = (more: Partial<typeof NOTHING>) => {
    const s = scenario(
      config([queue('q', { wrapupMs: 1_000 })], [agent('1', 'q')], {
        idleClock: { ...NOTHING, ...more },
      }),
    );
    s.ready('1');
    s.pass(1_000);
    return { s, idleSince: () => s.state.agents.get('1')?.idleSince, start: s.now };
  };

  it.each([true, false])('wrap-up resets it: %s', (wrapup) => {
    const { s, idleSince } = begin({ wrapup });
    s.call('a', 'q');
    s.serve('1');
    const ended = s.now;
    s.pass(1_000);
    expect(idleSince()).toBe(wrapup ? s.now : ended);
  });

  it.each([true, false])('a pause resets it: %s', (pause) => {
    const { s, idleSince } = begin({ pause });
    const before = idleSince();
    s.when({ kind: 'PauseAgent', agentId: '1', reason: '' });
    s.pass(10);
    s.when({ kind: 'ResumeAgent', agentId: '1' });
    expect(idleSince()).toBe(pause ? s.now : before);
  });

  it.each([true, false])('a call of his own resets it: %s', (ownCall) => {
    const { s, idleSince } = begin({ ownCall });
    const before = idleSince();
    s.report('1', 'inuse');
    s.pass(10);
    s.report('1', 'idle');
    expect(idleSince()).toBe(ownCall ? s.now : before);
  });

  it.each([true, false])('a missed offer resets it: %s', (missed) => {
    const { s, idleSince } = begin({ missed });
    const before = idleSince();
    s.call('a', 'q');
    s.pass(15_000);
    expect(idleSince()).toBe(missed ? s.now : before);
  });

  it.each([true, false])('a login resets it: %s', (login) => {
    const { s, idleSince } = begin({ login });
    const before = idleSince();
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    s.pass(10);
    s.ready('1');
    expect(idleSince()).toBe(login ? s.now : before);
  });

  it('survives transfer, reload and restart: it counts from when he was free', () => {
    const { s, idleSince } = begin({});
    s.call('a', 'q');
    s.talk('1');
    s.pass(5_000);
    s.when({ kind: 'TransferCall', callId: 'a', uri: 'sip:9@pbx' });
    const free = s.now;
    s.pass(20_000);
    const { queues, agents, ...rest } = s.state.config;
    s.apply({ ...rest, queues: [...queues, queue('r')], agents: [...agents, agent('2', 'r')] });
    const stored = JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot;
    expect([idleSince(), restore(stored).agents.get('1')?.idleSince]).toEqual([free, free]);
  });
});
