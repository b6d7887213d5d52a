/**
 * Goal: a call to one agent rings him and nobody else, waits for him, and goes where he wants it
 * when he does not take it. Method: given-when-then.
 */
import { describe, expect, it } from 'vitest';
import type { AgentConfig, QueueConfig } from '../../../src/core/types.ts';
import { agent, config, device, queue, scenario } from './scenario.ts';

const ANN: AgentConfig = { ...agent('ann', 'q', 'd'), noAnswer: [{ to: 'queue', queue: 'q' }] };
const BOB = agent('bob', 'q', 'd');

function house(options: Partial<QueueConfig> = {}) {
  const direct = queue('d', {
    direct: true,
    joinEmpty: ['invalid'],
    leaveWhenEmpty: ['invalid'],
    failover: { TIMEOUT: [{ to: 'busy' }], JOINEMPTY: [{ to: 'prompt', prompt: 'bye' }] },
    ...options,
  });
  const s = scenario(config([queue('q'), direct], [ANN, BOB]));
  s.ready('ann');
  s.ready('bob');
  return s;
}
const toAnn = { agentId: 'ann' };
const toBob = { agentId: 'bob' };

describe('a call to one agent', () => {
  it('rings him, though others are free, on the phone he is logged in on', () => {
    const s = house();
    s.call('a', 'd', toBob);
    expect(s.rung).toEqual(['bob>a']);
    s.fail('bob', 'failed');
    expect(s.why('a', 'ann')).toBe('not-his');
    s.when({ kind: 'LogOutAgent', who: { agentId: 'ann' } });
    s.when({ kind: 'LogInAgent', agentId: 'ann', device: device('hot-desk') });
    s.report('hot-desk', 'idle');
    s.call('b', 'd', toAnn);
    expect(s.event('AgentOffered').device.uri).toBe('sip:hot-desk@pbx');
  });

  it('waits while he talks, and has him next', () => {
    const s = house();
    s.call('a', 'q');
    s.talk('ann');
    s.call('b', 'd', toAnn);
    expect(s.callIs('b')).toBe('waiting');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.rung).toEqual(['ann>b']);
  });

  it.each(['no-answer', 'busy', 'declined', 'unreachable'] as const)(
    'given %s, then it goes where he wants it, for whoever is next there',
    (failure) => {
      const s = house();
      s.call('a', 'd', toAnn);
      expect(s.fail('ann', failure)).toEqual(['bob>a']);
      expect(s.last).toContainEqual(
        expect.objectContaining({ kind: 'CallMoved', from: 'd', queue: 'q', status: 'TIMEOUT' }),
      );
    },
  );

  it('given he wants nothing of his own, then it goes by the failover of the queue', () => {
    const s = house({ maxWaitMs: 8_000 });
    s.report('bob', 'inuse');
    s.call('a', 'd', toBob);
    s.pass(8_000);
    expect(s.event('CallEnded')).toMatchObject({ status: 'TIMEOUT', destination: { to: 'busy' } });
  });

  it('given a fault of ours, then he is rung again when he has rested', () => {
    const s = house();
    s.call('a', 'd', toAnn);
    expect(s.fail('ann', 'media')).toEqual([]);
    s.pass(5_000);
    expect(s.rung).toEqual(['ann>a']);
  });

  it('given he is logged out, or logs out, then nobody waits for him', () => {
    const s = house();
    s.report('bob', 'inuse');
    s.call('a', 'd', toBob);
    s.when({ kind: 'LogOutAgent', who: { agentId: 'bob' } });
    expect(s.event('CallEnded').status).toBe('LEAVEEMPTY');
    s.arrive('b', 'd', toBob);
    expect(s.event('CallRefused')).toMatchObject({
      status: 'JOINEMPTY',
      destination: { to: 'prompt' },
    });
    s.when({ kind: 'LogOutAgent', who: { agentId: 'ann' } });
    s.arrive('c', 'd', toAnn);
    expect(s.event('CallEntered')).not.toHaveProperty('only');
    expect(s.event('CallEntered').queue).toBe('q');
  });

  it('is the only kind in its queue, and stands nowhere else', () => {
    const s = house();
    for (const more of [{}, { agentId: 'nobody' }]) {
      s.arrive('a', 'd', more);
      expect(s.event('CallRefused').status).toBe('UNKNOWNQUEUE');
    }
    s.arrive('a', 'q', toAnn);
    expect(s.event('CallRefused').status).toBe('UNKNOWNQUEUE');
    s.report('ann', 'inuse');
    s.report('bob', 'inuse');
    s.call('b', 'q');
    expect(s.refusal({ kind: 'MoveCall', callId: 'b', queue: 'd' })).toBe('unknown-queue');
    s.call('c', 'd', toAnn);
    s.when({ kind: 'MoveCall', callId: 'c', queue: 'q' });
    s.report('bob', 'idle');
    expect(s.rung).toEqual(['bob>b']);
    expect(s.state.calls.get('c')?.only).toBeNull();
  });
});
