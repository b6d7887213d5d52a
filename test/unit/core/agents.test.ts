/** Goal: login, presence, pause and configuration. Method: given-when-then on the core alone. */
import { describe, expect, it } from 'vitest';
import { idleMs } from '../../../src/core/views.ts';
import { agent, config, device, queue, scenario, type Scenario } from './scenario.ts';

const house = (secondLogin: 'refuse' | 'replace' = 'refuse'): Scenario =>
  scenario(
    config(
      [queue('sales', { wrapupMs: 1_000 })],
      ['1', '2'].map((id) => agent(id, 'sales')),
      { secondLogin },
    ),
  );

describe('login', () => {
  it('makes nobody ready before the phone is reported idle', () => {
    const s = house();
    s.call('a', 'sales');
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('1') });
    expect(s.agentIs('1')).toBe('unavailable');
    s.report('1', 'idle');
    expect(s.rung).toEqual(['1>a']);
    expect(s.state.devices.get('sip:1@pbx')).toBe('1');
  });

  it('refuses an agent that does not exist', () => {
    const s = house();
    expect(s.refusal({ kind: 'LogInAgent', agentId: '9', device: device('9') })).toBe(
      'unknown-agent',
    );
  });

  it('again from the same phone is fine and changes nothing', () => {
    const s = house();
    s.ready('1');
    expect(s.when({ kind: 'LogInAgent', agentId: '1', device: device('1') })).toEqual([]);
    expect(s.agentIs('1')).toBe('idle');
  });

  it('refuses a second phone and a taken phone under `refuse`', () => {
    const s = house();
    s.ready('1');
    expect(s.refusal({ kind: 'LogInAgent', agentId: '1', device: device('5') })).toBe(
      'already-logged-in',
    );
    expect(s.refusal({ kind: 'LogInAgent', agentId: '2', device: device('1') })).toBe(
      'device-taken',
    );
  });

  it('takes the place of the former under `replace`, on both sides at once', () => {
    const s = house('replace');
    s.ready('1');
    s.ready('2');
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('2') });
    expect(s.kinds).toEqual(['AgentLoggedOut', 'AgentLoggedOut', 'AgentLoggedIn']);
    expect(s.last.map((e) => ('reason' in e ? e.reason : ''))).toEqual([
      'replaced',
      'replaced',
      '',
    ]);
    expect([s.agentIs('1'), s.agentIs('2')]).toEqual(['unavailable', 'loggedout']);
  });

  it('takes back what rings at the phone it replaces', () => {
    const s = house('replace');
    s.ready('1');
    s.call('a', 'sales');
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('7') });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'AgentLoggedOut', 'AgentLoggedIn']);
    expect(s.event('OfferWithdrawn').reason).toBe('agent-unavailable');
    expect(s.callIs('a')).toBe('waiting');
  });

  it('never cuts a talk, not even under `replace`', () => {
    const s = house('replace');
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    expect(s.refusal({ kind: 'LogInAgent', agentId: '1', device: device('7') })).toBe(
      'already-logged-in',
    );
    expect(s.refusal({ kind: 'LogInAgent', agentId: '2', device: device('1') })).toBe(
      'device-taken',
    );
  });
});

describe('logout', () => {
  it('by agent or by phone', () => {
    const s = house();
    s.ready('1');
    s.ready('2');
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    expect(s.event('AgentLoggedOut')).toMatchObject({ reason: 'asked', device: device('1') });
    s.when({ kind: 'LogOutAgent', who: { deviceUri: 'sip:2@pbx' }, reason: 'refused' });
    expect(s.event('AgentLoggedOut')).toMatchObject({ agentId: '2', reason: 'refused' });
    expect(s.refusal({ kind: 'LogOutAgent', who: { agentId: '1' } })).toBe('not-logged-in');
    expect(s.refusal({ kind: 'LogOutAgent', who: { agentId: '9' } })).toBe('unknown-agent');
    const who = { deviceUri: 'sip:2@pbx' };
    expect(s.refusal({ kind: 'LogOutAgent', who })).toBe('not-logged-in');
  });

  it('while his phone rings takes the offer back and rings the next', () => {
    const s = house();
    s.ready('1');
    s.ready('2');
    s.call('a', 'sales');
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'AgentLoggedOut', 'AgentOffered']);
  });

  it('while he talks waits for the end of the call, without wrap-up', () => {
    const s = house();
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    expect(s.kinds).toEqual(['LogoutDeferred']);
    expect(s.when({ kind: 'LogOutAgent', who: { agentId: '1' } })).toEqual([]);
    expect(s.agentIs('1')).toBe('busy');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['CallEnded', 'AgentLoggedOut']);
  });

  it('that waits is taken back by a login from the same phone', () => {
    const s = house();
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('1') });
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['CallEnded', 'WrapupStarted']);
  });

  it('forgets pause, wrap-up and rest', () => {
    const s = house();
    s.ready('1');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    s.ready('1');
    expect(s.agentIs('1')).toBe('idle');
  });
});

describe('presence', () => {
  it.each(['inuse', 'ringing', 'unavailable', 'unknown'] as const)(
    'takes availability away: %s',
    (state) => {
      const s = house();
      s.ready('1');
      s.report('1', state);
      expect(s.agentIs('1')).toBe('unavailable');
      s.call('a', 'sales');
      expect(s.rung).toEqual([]);
      s.report('1', 'idle');
      expect(s.rung).toEqual(['1>a']);
    },
  );

  it('repeated changes nothing; of an unknown phone it is refused', () => {
    const s = house();
    s.ready('1');
    expect(s.report('1', 'idle')).toEqual([]);
    const report = { kind: 'ReportDevice', state: 'idle', source: 'presence' } as const;
    expect(s.refusal({ ...report, deviceUri: 'sip:9@pbx' })).toBe('unknown-device');
  });

  it('of our own call is expected, and holds after it until the phone is idle again', () => {
    const s = house();
    s.ready('1');
    s.call('a', 'sales');
    s.call('b', 'sales');
    s.report('1', 'ringing');
    expect(s.agentIs('1')).toBe('ringing');
    s.talk('1');
    s.report('1', 'inuse');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.pass(1_000);
    expect(s.agentIs('1')).toBe('unavailable');
    s.report('1', 'idle');
    expect(s.rung).toEqual(['1>b']);
  });

  it('idle during an offer makes no second offer', () => {
    const s = house();
    s.ready('1');
    s.call('a', 'sales');
    s.call('b', 'sales');
    s.report('1', 'ringing');
    s.report('1', 'idle');
    expect(s.rung).toEqual([]);
  });

  it('of a trusted phone stays idle through our calls', () => {
    const s = house();
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('1') });
    const uri = device('1').uri;
    s.when({ kind: 'ReportDevice', deviceUri: uri, state: 'idle', source: 'trusted' });
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.pass(1_000);
    expect(s.agentIs('1')).toBe('idle');
  });
});

describe('pause', () => {
  it('takes the agent out with a reason and brings him back', () => {
    const s = house();
    expect(s.refusal({ kind: 'PauseAgent', agentId: '1', reason: 'x' })).toBe('not-logged-in');
    s.ready('1');
    expect(s.refusal({ kind: 'ResumeAgent', agentId: '1' })).toBe('not-paused');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
    expect(s.agentIs('1')).toBe('paused');
    expect(s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' })).toEqual([]);
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'training' });
    expect(s.event('AgentPaused').reason).toBe('training');
    s.call('a', 'sales');
    s.when({ kind: 'ResumeAgent', agentId: '1' });
    expect(s.kinds).toEqual(['AgentResumed', 'AgentOffered']);
  });

  it('during a talk counts from its end', () => {
    const s = house();
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
    expect(s.agentIs('1')).toBe('busy');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.pass(1_000);
    expect(s.agentIs('1')).toBe('paused');
  });
});

describe('idle time', () => {
  it('is shown only while he is idle', () => {
    const s = house();
    s.ready('1');
    s.pass(14_000);
    const found = s.state.agents.get('1')!;
    expect(idleMs(found, s.now)).toBe(14_000);
    s.report('1', 'inuse');
    expect(idleMs(found, s.now)).toBe(0);
  });
});

describe('a new configuration', () => {
  const before = () => config([queue('sales'), queue('help')], [agent('1', 'sales'), agent('2')]);

  it('said again is no event', () => {
    const s = scenario(before());
    expect(s.when({ kind: 'ApplyConfig', config: before() })).toEqual([]);
  });

  it('changes memberships at once', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'help');
    s.apply(config([queue('sales'), queue('help')], [agent('1', 'sales', 'help')]));
    expect(s.rung).toEqual(['1>a']);
  });

  it('takes a membership away without touching the offer that rings', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'sales');
    s.apply(config([queue('sales'), queue('help')], [agent('1', 'help'), agent('2')]));
    expect(s.callIs('a')).toBe('ringing');
    s.pass(25_000);
    expect(s.callIs('a')).toBe('waiting');
  });

  it('logs a removed agent out, and takes back what rings for him', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'sales');
    s.apply(config([queue('sales')], []));
    expect(s.kinds).toEqual(['OfferWithdrawn', 'AgentLoggedOut', 'ConfigApplied']);
    expect(s.event('AgentLoggedOut').reason).toBe('removed');
    expect(s.agentIs('1')).toBe('gone');
  });

  it('lets a removed agent finish his call', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.apply(config([queue('sales')], []));
    expect([s.agentIs('1'), s.callIs('a')]).toEqual(['busy', 'assigned']);
    expect(s.state.agents.get('1')).toMatchObject({ queues: [], known: false });
    expect(s.refusal({ kind: 'LogInAgent', agentId: '1', device: device('1') })).toBe(
      'unknown-agent',
    );
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.event('AgentLoggedOut').reason).toBe('removed');
    expect(s.agentIs('1')).toBe('gone');
  });

  it('keeps an agent who is back in it before his call ended', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.apply(config([queue('sales')], []));
    s.apply(before());
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.agentIs('1')).toBe('idle');
  });

  it('serves the calls of a removed queue to the end, and lets nobody else in', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.call('b', 'sales');
    s.apply(config([queue('help')], [agent('1', 'help')]));
    expect(s.kinds).toEqual(['ConfigApplied']);
    s.arrive('c', 'sales');
    expect(s.event('CallRefused').status).toBe('UNKNOWNQUEUE');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.rung).toEqual(['1>b']);
    s.talk('1');
    s.when({ kind: 'EndCall', callId: 'b', cause: 'bye' });
    expect(s.kinds).toContain('QueueDrained');
    expect(s.state.queues.has('sales')).toBe(false);
    expect(s.state.agents.get('1')?.queues).toEqual(['help']);
  });

  it('ends the waiting calls of a removed queue that nobody serves any more', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.call('b', 'sales');
    s.arrive('c', 'sales');
    s.apply(config([queue('help')], []));
    expect(s.kinds).toEqual(['ConfigApplied', 'CallEnded', 'CallEnded']);
    expect([s.callIs('a'), s.callIs('b'), s.callIs('c')]).toEqual(['assigned', 'gone', 'gone']);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['CallEnded', 'AgentLoggedOut', 'QueueDrained']);
  });

  it('gives a queue that comes back its talking calls again', () => {
    const s = scenario(before());
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.apply(config([queue('help')], [agent('1', 'help')]));
    s.apply(before());
    expect([...(s.state.queues.get('sales')?.talking ?? [])].map((c) => c.id)).toEqual(['a']);
  });
});
