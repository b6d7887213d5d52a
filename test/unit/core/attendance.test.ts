/**
 * Goal: an agent logs in to and out of single queues of his; to one that he has left he counts as
 * logged out, everywhere else nothing changes. Method: given, when, then.
 */
import { describe, expect, it } from 'vitest';
import { restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import type { QueueConfig } from '../../../src/core/types.ts';
import { agent, config, device, queue, scenario, type Scenario } from './scenario.ts';

function house(options: Partial<QueueConfig> = {}): Scenario {
  return scenario(
    config(
      [queue('q', options), queue('r'), queue('d', { direct: true })],
      [agent('1', 'q', 'r', 'd'), agent('2', 'q', 'd')],
    ),
  );
}

const leave = { kind: 'LeaveQueue', agentId: '1', queue: 'q' } as const;
const join = { ...leave, kind: 'JoinQueue' } as const;

describe('an agent who leaves a queue', () => {
  it('is offered no call of it, and of his others as before', () => {
    const s = house();
    s.ready('1');
    s.when(leave);
    expect(s.kinds).toEqual(['QueueLeft']);
    s.call('a', 'q');
    expect([s.rung, s.why('a', '1')]).toEqual([[], 'logged-out-here']);
    s.call('b', 'r');
    expect(s.rung).toEqual(['1>b']);
  });

  it('has the call that waits when he joins it again', () => {
    const s = house();
    s.ready('1');
    s.when(leave);
    s.call('a', 'q');
    s.when(join);
    expect(s.kinds).toEqual(['QueueJoined', 'AgentOffered']);
  });

  it('is not rung for it any more, but talks on', () => {
    const s = house();
    s.ready('1');
    s.call('a', 'q');
    s.when(leave);
    expect(s.kinds).toEqual(['OfferWithdrawn', 'QueueLeft']);
    s.when(join);
    s.talk('1');
    s.when(leave);
    expect([s.kinds, s.callIs('a')]).toEqual([['QueueLeft'], 'assigned']);
  });

  it('does not keep it from being empty: joinempty and leavewhenempty', () => {
    const s = house({ joinEmpty: ['paused'], leaveWhenEmpty: ['paused'] });
    s.ready('1');
    s.report('1', 'inuse');
    s.call('a', 'q');
    s.when(leave);
    expect(s.kinds).toEqual(['QueueLeft', 'CallEnded']);
    expect(s.last.at(-1)).toMatchObject({ status: 'LEAVEEMPTY' });
    s.arrive('b', 'q');
    expect(s.event('CallRefused')).toMatchObject({ status: 'JOINEMPTY' });
  });

  it('says it twice, and it is once', () => {
    const s = house();
    s.ready('1');
    s.when(join);
    expect(s.kinds).toEqual([]);
    s.when(leave);
    s.when(leave);
    expect(s.kinds).toEqual([]);
  });

  it('is refused where he cannot', () => {
    const s = house();
    expect(s.refusal(leave)).toBe('not-logged-in');
    expect(s.refusal({ ...leave, agentId: '9' })).toBe('unknown-agent');
    s.ready('2');
    expect(s.refusal({ ...leave, agentId: '2', queue: 'r' })).toBe('not-a-member');
    const fixed = { ...agent('3', 'q'), device: device('3') };
    s.apply(config([queue('q')], [fixed]));
    expect(s.refusal({ ...leave, agentId: '3' })).toBe('static-agent');
  });

  it('is in all of them after a logout and a login anew', () => {
    const s = house();
    s.ready('1');
    s.when(leave);
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    s.ready('1');
    s.call('a', 'q');
    expect(s.rung).toEqual(['1>a']);
  });

  it('has left it still in a state that was stored', () => {
    const s = house();
    s.ready('1');
    s.when(leave);
    const stored = JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot;
    expect([...(restore(stored).agents.get('1')?.away ?? [])]).toEqual(['q']);
  });
});

describe('a login to one queue', () => {
  const logIn = { kind: 'LogInAgent', agentId: '1', device: device('1'), queues: ['q'] } as const;

  it('is to no other, but calls to him alone reach him', () => {
    const s = house();
    s.when(logIn);
    expect(s.event('AgentLoggedIn')).toMatchObject({ away: ['r'] });
    s.report('1', 'idle');
    s.call('a', 'r');
    expect(s.why('a', '1')).toBe('logged-out-here');
    s.call('b', 'd', { agentId: '1' });
    expect(s.rung).toEqual(['1>b']);
  });

  it('adds it, if he is on that phone already', () => {
    const s = house();
    s.when(logIn);
    s.when({ ...logIn, queues: ['r'] });
    expect(s.kinds).toEqual(['QueueJoined']);
    expect(s.state.agents.get('1')?.away.size).toBe(0);
  });

  it('is to all again, from the same phone, where it names none', () => {
    const s = house();
    s.when(logIn);
    s.when(leave);
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('1') });
    expect(s.kinds).toContain('QueueJoined');
    expect(s.state.agents.get('1')?.away.size).toBe(0);
  });

  it('cannot leave calls to him alone', () => {
    const s = house();
    s.when(logIn);
    expect(s.refusal({ ...leave, queue: 'd' })).toBe('not-a-member');
  });

  it('is refused where he is no member', () => {
    const s = house();
    expect(s.refusal({ ...logIn, queues: ['gone'] })).toBe('not-a-member');
  });
});
