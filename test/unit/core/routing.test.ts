/** Goal: who rings for whom. Method: given-when-then on the core alone. */
import { describe, expect, it } from 'vitest';
import { agent, config, queue, scenario } from './scenario.ts';

const twoAgents = () =>
  scenario(config([queue('sales')], [agent('1', 'sales'), agent('2', 'sales')]));

describe('most-idle', () => {
  it('rings the agent idle longest, whoever logged in first', () => {
    const s = twoAgents();
    s.ready('2');
    s.pass(1_000);
    s.ready('1');
    s.call('a', 'sales');
    expect(s.rung).toEqual(['2>a']);
  });

  it('breaks a tie by agent id', () => {
    const s = twoAgents();
    s.ready('2');
    s.ready('1');
    s.call('a', 'sales');
    expect(s.rung).toEqual(['1>a']);
  });

  it('counts idle time over all queues of the agent', () => {
    const s = scenario(
      config([queue('sales'), queue('help')], [agent('1', 'sales', 'help'), agent('2', 'sales')]),
    );
    s.ready('1');
    s.pass(1);
    s.ready('2');
    s.call('a', 'help');
    s.talk('1');
    s.pass(60_000);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.pass(5);
    s.call('b', 'sales');
    expect(s.rung).toEqual(['2>b']);
  });

  it('counts idle from login, not from the first presence', () => {
    const s = twoAgents();
    s.when({ kind: 'LogInAgent', agentId: '2', device: { uri: 'sip:2@pbx', registrar: 'pbx' } });
    s.pass(1_000);
    s.ready('1');
    s.pass(1_000);
    s.report('2', 'idle');
    s.call('a', 'sales');
    expect(s.rung).toEqual(['2>a']);
  });

  it('does not count a pause, a missed offer or an own call against the agent', () => {
    const s = twoAgents();
    s.ready('2');
    s.pass(1_000);
    s.ready('1');
    s.when({ kind: 'PauseAgent', agentId: '2', reason: 'lunch' });
    s.pass(1_000);
    s.when({ kind: 'ResumeAgent', agentId: '2' });
    s.report('2', 'inuse');
    s.pass(1_000);
    s.report('2', 'idle');
    s.call('a', 'sales');
    expect(s.rung).toEqual(['2>a']);
    s.pass(15_000);
    expect(s.rung).toEqual(['1>a']);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'cancel' });
    s.pass(5_000);
    s.call('b', 'sales');
    expect(s.rung).toEqual(['2>b']);
  });

  it('starts idle time at the end of wrap-up', () => {
    const s = scenario(
      config([queue('sales', { wrapupMs: 10_000 })], [agent('1', 'sales'), agent('2', 'sales')]),
    );
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.pass(5_000);
    s.ready('2');
    s.pass(5_000);
    expect(s.agentIs('1')).toBe('idle');
    s.call('b', 'sales');
    expect(s.rung).toEqual(['2>b']);
  });
});

describe('the order of calls', () => {
  it('serves by entry when an agent frees up', () => {
    const s = twoAgents();
    s.call('a', 'sales');
    s.call('b', 'sales');
    s.ready('1');
    expect(s.rung).toEqual(['1>a']);
  });

  it('serves by entry, not by confirmation', () => {
    const s = twoAgents();
    s.arrive('a', 'sales');
    s.call('b', 'sales');
    s.when({ kind: 'ConfirmCall', callId: 'a' });
    s.ready('1');
    expect(s.rung).toEqual(['1>a']);
  });

  it('gives an agent of many queues the oldest call over all of them', () => {
    const s = scenario(config([queue('sales'), queue('help')], [agent('1', 'sales', 'help')]));
    s.call('a', 'help');
    s.call('b', 'sales');
    s.ready('1');
    expect(s.rung).toEqual(['1>a']);
  });

  it('serves the heavier queue first, but only where the agent is a member', () => {
    const queues = [queue('sales'), queue('vip', { weight: 5 }), queue('top', { weight: 9 })];
    const s = scenario(config(queues, [agent('1', 'sales', 'vip')]));
    s.call('a', 'sales');
    s.call('b', 'top');
    s.call('c', 'vip');
    s.ready('1');
    expect(s.rung).toEqual(['1>c']);
  });

  it('gives two callers arriving and two agents freed in one moment one call each', () => {
    const s = twoAgents();
    s.ready('1');
    s.ready('2');
    s.call('a', 'sales');
    s.call('b', 'sales');
    s.talk('1');
    s.talk('2');
    s.call('c', 'sales');
    s.when({ kind: 'EndCall', callId: 'b', cause: 'bye' });
    expect(s.rung).toEqual(['2>c']);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.call('d', 'sales');
    expect(s.rung).toEqual(['1>d']);
  });

  it('matches all at once when many deadlines fall together', () => {
    const s = scenario(
      config([queue('sales', { wrapupMs: 1_000 })], [agent('1', 'sales'), agent('2', 'sales')]),
    );
    s.ready('1');
    s.ready('2');
    for (const id of ['a', 'b', 'c', 'd']) s.call(id, 'sales');
    s.talk('1');
    s.talk('2');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    s.when({ kind: 'EndCall', callId: 'b', cause: 'bye' });
    s.pass(1_000);
    expect(s.rung).toEqual(['1>c', '2>d']);
  });
});

describe('an offer that comes to nothing', () => {
  it('rings the next most idle at the timeout, while the caller keeps his place', () => {
    const s = twoAgents();
    s.ready('1');
    s.ready('2');
    s.call('a', 'sales');
    s.call('z', 'sales');
    s.when({ kind: 'PauseAgent', agentId: '2', reason: 'x' });
    expect(s.agentIs('2')).toBe('ringing');
    s.pass(14_999);
    expect(s.kinds).toEqual([]);
    s.pass(1);
    expect(s.kinds).toEqual(['OfferFailed', 'OfferFailed']);
    expect(s.agentIs('1')).toBe('unavailable');
    s.when({ kind: 'ResumeAgent', agentId: '2' });
    s.pass(5_000);
    expect(s.rung).toEqual(['2>a', '1>z']);
  });

  it.each(['busy', 'declined', 'unreachable', 'failed', 'media'] as const)(
    'rings the next at once after %s, and says so',
    (failure) => {
      const s = twoAgents();
      s.ready('1');
      s.ready('2');
      s.call('a', 'sales');
      const offerId = s.offerOf('1');
      s.when({ kind: 'FailOffer', offerId, failure, sipStatus: 486, detail: 'Busy Here' });
      expect(s.kinds).toEqual(['OfferFailed', 'AgentOffered']);
      expect(s.event('OfferFailed')).toMatchObject({ failure, sipStatus: 486, agentId: '1' });
      expect(s.rung).toEqual(['2>a']);
    },
  );

  it('gives the agent a rest of `retry`, then offers him calls again', () => {
    const s = scenario(config([queue('sales')], [agent('1', 'sales')]));
    s.ready('1');
    s.call('a', 'sales');
    s.pass(15_000);
    expect(s.agentIs('1')).toBe('unavailable');
    s.pass(4_999);
    expect(s.kinds).toEqual([]);
    s.pass(1);
    expect(s.kinds).toEqual(['RestEnded', 'AgentOffered']);
  });

  it('offers the call to every untried agent before it comes back to a tried one', () => {
    const s = scenario(
      config(
        [queue('sales', { retryMs: 1_000, timeoutMs: 5_000 })],
        [agent('1', 'sales'), agent('2', 'sales'), agent('3', 'sales')],
      ),
    );
    for (const id of ['1', '2', '3']) s.ready(id);
    s.call('a', 'sales');
    const order = [s.rung, s.pass(5_000) && s.rung, s.pass(5_000) && s.rung];
    order.push(s.pass(5_000) && s.rung, s.pass(5_000) && s.rung);
    expect(order.flat()).toEqual(['1>a', '2>a', '3>a', '1>a', '2>a']);
  });

  it('numbers offers so that no id ever comes twice', () => {
    const s = twoAgents();
    s.ready('1');
    s.call('a', 'sales');
    for (let round = 0; round < 5; round += 1) s.pass(20_000);
    const ids = s.history.flatMap((e) => (e.kind === 'AgentOffered' ? [e.offerId] : []));
    expect(ids.length).toBeGreaterThan(4);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('never hammers a phone, whatever `timeout` and `retry` say', () => {
    const s = scenario(
      config([queue('sales', { timeoutMs: 0, retryMs: 0 })], [agent('1', 'sales')]),
    );
    s.ready('1');
    s.call('a', 'sales');
    expect(s.event('AgentOffered').deadline).toBe(s.now + 500);
    s.pass(500);
    expect(s.event('OfferFailed').restUntil).toBe(s.now + 100);
    expect(s.rung).toEqual([]);
  });
});
