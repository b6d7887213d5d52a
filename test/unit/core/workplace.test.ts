/**
 * Goal: static members and pauses with reasons. Method: given-when-then; what the configuration
 * changes is applied to the living state.
 */
import { describe, expect, it } from 'vitest';
import type { AgentConfig } from '../../../src/core/types.ts';
import { agent, config, device, queue, scenario } from './scenario.ts';

const desk = (id: string, at = id): AgentConfig => ({ ...agent(id, 'q'), device: device(at) });
const house = (...agents: AgentConfig[]) => config([queue('q')], agents);

describe('a static member', () => {
  it('is logged in by the configuration, and rung once his phone is idle', () => {
    const s = scenario(house(desk('1')));
    expect(s.kinds).toEqual(['ConfigApplied', 'AgentLoggedIn']);
    s.call('a', 'q');
    s.report('1', 'idle');
    expect(s.rung).toEqual(['1>a']);
  });

  it('neither logs in nor out, and nobody takes his phone', () => {
    const s = scenario(house(desk('1'), agent('2', 'q')));
    const logIn = { kind: 'LogInAgent', device: device('1') } as const;
    expect(s.refusal({ ...logIn, agentId: '1' })).toBe('static-agent');
    expect(s.refusal({ ...logIn, agentId: '2' })).toBe('device-taken');
    expect(s.refusal({ kind: 'LogOutAgent', who: { agentId: '1' } })).toBe('static-agent');
    expect(s.refusal({ kind: 'LogOutAgent', who: { deviceUri: device('1').uri } })).toBe(
      'static-agent',
    );
  });

  it('moves with the configuration: another phone, none, or away', () => {
    const s = scenario(house(desk('1')));
    s.apply(house(desk('1', '9')));
    expect(s.kinds).toEqual(['ConfigApplied', 'AgentLoggedOut', 'AgentLoggedIn']);
    expect(s.state.agents.get('1')?.device?.uri).toBe(device('9').uri);
    s.apply(house(agent('1', 'q')));
    expect(s.kinds).toEqual(['ConfigApplied', 'AgentLoggedOut']);
    s.apply(house(desk('1')));
    s.apply(house());
    expect(s.agentIs('1')).toBe('gone');
  });

  it('who talks moves when his call ends', () => {
    const s = scenario(house(desk('1')));
    s.report('1', 'idle');
    s.call('a', 'q');
    s.talk('1');
    s.apply(house(desk('1', '9')));
    expect(s.kinds).toEqual(['ConfigApplied', 'LogoutDeferred']);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['CallEnded', 'AgentLoggedOut', 'AgentLoggedIn']);
    expect(s.event('AgentLoggedIn').device.uri).toBe(device('9').uri);
  });

  it('takes the phone over when he who is logged in there leaves', () => {
    const s = scenario(house(agent('2', 'q')));
    s.when({ kind: 'LogInAgent', agentId: '2', device: device('1') });
    s.apply(house(desk('1'), agent('2', 'q')));
    expect(s.agentIs('1')).toBe('loggedout');
    s.when({ kind: 'LogOutAgent', who: { agentId: '2' } });
    expect(s.kinds).toEqual(['AgentLoggedOut', 'AgentLoggedIn']);
  });

  it('or logs in on another phone', () => {
    const both = (...agents: AgentConfig[]) =>
      ({ ...house(...agents), secondLogin: 'replace' }) as const;
    const s = scenario(both(agent('2', 'q')));
    s.when({ kind: 'LogInAgent', agentId: '2', device: device('1') });
    s.apply(both(desk('1'), agent('2', 'q')));
    s.when({ kind: 'LogInAgent', agentId: '2', device: device('8') });
    const { devices } = s.state;
    expect([devices.get(device('8').uri), devices.get(device('1').uri)]).toEqual(['2', '1']);
  });
});

describe('a pause with a reason', () => {
  const reasons = {
    pauseReasons: [
      { reason: 'lunch', maxMs: 60_000 },
      { reason: 'mail', maxMs: 0 },
    ],
  };
  const begin = () => {
    const s = scenario(config([queue('q')], [agent('1', 'q')], reasons));
    s.ready('1');
    return s;
  };

  it('is one of those there are', () => {
    const s = begin();
    const pause = { kind: 'PauseAgent', agentId: '1', reason: 'nap' } as const;
    expect(s.refusal(pause)).toBe('unknown-reason');
    s.when({ ...pause, reason: 'mail' });
    s.pass(24 * 3_600_000);
    expect(s.agentIs('1')).toBe('paused');
  });

  it('ends by itself after its longest time, also in one queue', () => {
    for (const where of [{}, { queue: 'q' }]) {
      const s = begin();
      s.call('a', 'q');
      s.fail('1');
      s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch', ...where });
      s.pass(59_999);
      expect(s.callIs('a')).toBe('waiting');
      s.pass(1);
      expect(s.kinds).toEqual(['AgentResumed', 'AgentOffered']);
    }
  });

  it('asked for during a call takes effect after it', () => {
    const s = begin();
    s.call('a', 'q');
    s.talk('1');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'mail' });
    expect(s.agentIs('1')).toBe('busy');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.agentIs('1')).toBe('paused');
  });
});
