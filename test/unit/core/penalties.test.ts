/**
 * Goal: who may take a call by penalty, and how that changes while it waits. Method:
 * given-when-then after the rules of queuerules.conf.
 */
import { describe, expect, it } from 'vitest';
import type { PenaltyLimits, PenaltyStep, QueueConfig } from '../../../src/core/types.ts';
import { agent, config, queue, scenario } from './scenario.ts';

const NONE: PenaltyLimits = { min: null, max: null, raise: null };

/** Agent 1 has penalty 1, agent 5 has 5, agent 9 has 9. */
function house(options: Partial<QueueConfig> = {}) {
  const agents = ['1', '5', '9'].map((id) => ({
    ...agent(id, 'q'),
    memberships: [{ queue: 'q', penalty: Number(id) }],
  }));
  return config([queue('q', options)], agents);
}

function begin(options: Partial<QueueConfig> = {}, ready = ['1', '5', '9']) {
  const s = scenario(house(options));
  for (const id of ready) s.ready(id);
  return s;
}

describe('limits of a call', () => {
  it.each([
    [{ max: 4 }, ['1']],
    [{ min: 2 }, ['5', '9']],
    [{ min: 2, max: 6 }, ['5']],
    [{ raise: 6, min: 6 }, ['1', '5', '9']],
    [{ min: 20 }, []],
    [{ raise: 6, min: 3, max: 8, keepsMin: true }, ['5']],
    [{ raise: 6, min: 3, max: 8 }, ['1', '5']],
    [{ raise: 6, max: 8, keepsMin: true }, ['1', '5']],
  ] as const)('%o lets %o take it', (limits, expected) => {
    const s = begin();
    const rung: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      s.call(`c${n}`, 'q', { limits: { ...NONE, ...limits } });
      rung.push(...s.rung.map((pair) => pair.split('>')[0] ?? ''));
    }
    expect(rung).toEqual(expected);
  });

  it('raise makes of several tiers one, ordered by the strategy', () => {
    const s = scenario(house());
    for (const id of ['5', '1', '9']) {
      s.ready(id);
      s.pass(1_000);
    }
    // 5 is idle longer than 1: of one tier he is first.
    s.call('a', 'q', { limits: { ...NONE, raise: 6 } });
    expect(s.rung).toEqual(['5>a']);
  });

  it('stand back behind callers whom others may take', () => {
    const s = begin({}, ['9']);
    s.call('low', 'q', { limits: { ...NONE, max: 4 } });
    s.call('any', 'q');
    expect(s.rung).toEqual(['9>any']);
    s.ready('1');
    expect(s.rung).toEqual(['1>low']);
  });

  it('do not count where few are logged in: penaltymemberslimit', () => {
    const s = begin({ penaltyMembersLimit: 1 }, ['9', '5']);
    s.call('low', 'q', { limits: { ...NONE, max: 4 } });
    expect(s.rung).toEqual([]);
    s.when({ kind: 'LogOutAgent', who: { agentId: '5' } });
    expect(s.rung).toEqual(['9>low']);
  });

  it('nor do tiers then: given two of different penalties, ringall rings both', () => {
    const few = { penaltyMembersLimit: 2, strategy: 'ringall', retryMs: 1_000 } as const;
    const s = begin(few, ['5', '9']);
    s.call('a', 'q');
    expect(s.rung).toEqual(['5>a', '9>a']);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.ready('1');
    s.call('b', 'q');
    expect(s.rung).toEqual(['1>b']);
  });

  it('nor is a queue empty by penalty then', () => {
    const limits = { ...NONE, max: 4 };
    const s = begin({ penaltyMembersLimit: 1, joinEmpty: ['penalty'] }, ['9']);
    s.call('a', 'q', { limits });
    expect(s.rung).toEqual(['9>a']);
  });

  it('count again when one more logs in: who waits where nobody may take him leaves', () => {
    const s = begin({ penaltyMembersLimit: 1, leaveWhenEmpty: ['penalty'] }, ['9']);
    s.report('9', 'inuse');
    s.call('low', 'q', { limits: { ...NONE, max: 4 } });
    expect(s.callIs('low')).toBe('waiting');
    s.ready('5');
    expect(s.state.calls.has('low')).toBe(false);
  });

  it('count for joinempty and leavewhenempty by penalty', () => {
    const limits = { ...NONE, max: 4 };
    const s = begin({ joinEmpty: ['penalty'], leaveWhenEmpty: ['penalty'] }, ['9']);
    s.arrive('a', 'q', { limits });
    expect(s.event('CallRefused').status).toBe('JOINUNAVAIL');
    s.ready('1');
    s.report('1', 'inuse');
    s.call('a', 'q', { limits });
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    expect(s.event('CallEnded')).toMatchObject({ callId: 'a', status: 'LEAVEUNAVAIL' });
  });
});

describe('a penalty rule', () => {
  const set = (value: number) => ({ by: 'set', value }) as const;
  const add = (value: number) => ({ by: 'add', value }) as const;
  const widen: PenaltyStep[] = [
    { atMs: 0, max: set(2) },
    { atMs: 10_000, max: add(4) },
    { atMs: 20_000, max: set(9), min: set(7) },
  ];

  it('given `rN`, leaves out who is below min, until a later one says how to raise anew', () => {
    const steps: PenaltyStep[] = [
      { atMs: 0, min: set(3), raise: set(6), keepsMin: true },
      { atMs: 10_000, max: set(8) },
      { atMs: 20_000, raise: add(0) },
    ];
    const s = begin({ penaltySteps: steps }, ['1']);
    s.call('a', 'q');
    s.pass(10_000);
    expect(s.event('CallRelaxed').limits).toEqual({ min: 3, max: 8, raise: 6, keepsMin: true });
    expect([s.callIs('a'), s.why('a', '1')]).toEqual(['waiting', 'penalty']);
    s.pass(10_000);
    expect(s.event('CallRelaxed').limits).toEqual({ min: 3, max: 8, raise: 6 });
    expect(s.rung).toEqual(['1>a']);
  });

  it('widens the circle to the millisecond, absolute and relative', () => {
    const s = begin({ penaltySteps: widen, retryMs: 60_000 }, []);
    s.call('a', 'q');
    s.ready('5');
    s.ready('9');
    expect(s.rung).toEqual([]);
    s.pass(9_999);
    expect(s.callIs('a')).toBe('waiting');
    s.pass(1);
    expect(s.event('CallRelaxed').limits).toEqual({ ...NONE, max: 6 });
    expect(s.rung).toEqual(['5>a']);
    s.fail('5');
    s.pass(10_000);
    expect(s.rung).toEqual(['9>a']);
  });

  it('counts from what the call came with', () => {
    const s = begin({ penaltySteps: [{ atMs: 5_000, max: add(4) }] }, ['5']);
    s.call('a', 'q', { limits: { ...NONE, max: 1 } });
    s.pass(5_000);
    expect(s.rung).toEqual(['5>a']);
  });

  it.each([
    ['a relative change below 0 stays at 0', [{ atMs: 1_000, max: add(-5) }], { max: 0 }],
    ['of raise, too', [{ atMs: 1_000, raise: add(-1) }], { max: 2, raise: 0 }],
    ['min stays at max', [{ atMs: 1_000, min: set(5) }], { min: 2, max: 2 }],
    ['min follows max down', [{ atMs: 1_000, min: set(1), max: set(0) }], { min: 0, max: 0 }],
    ['raise stays at max', [{ atMs: 1_000, raise: set(5) }], { max: 2, raise: 2 }],
  ] as const)('leaves somebody who may take it: %s', (_what, penaltySteps, limits) => {
    const s = begin({ penaltySteps }, []);
    s.call('a', 'q', { limits: { ...NONE, max: 2 } });
    s.pass(1_000);
    expect(s.event('CallRelaxed').limits).toEqual({ ...NONE, ...limits });
  });

  it('that is edited reaches those who wait', () => {
    const s = begin({ penaltySteps: [{ atMs: 0, max: set(2) }] }, ['9']);
    s.call('a', 'q');
    s.pass(3_000);
    expect(s.callIs('a')).toBe('waiting');
    s.apply(house({ penaltySteps: [{ atMs: 2_000, max: set(9) }] }));
    expect(s.kinds).toEqual(['ConfigApplied', 'CallRelaxed', 'AgentOffered']);
  });
});
