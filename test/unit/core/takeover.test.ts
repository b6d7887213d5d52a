/**
 * Goal: what is learned of calls only after their end: by a process that took over, or that found
 * them without a leg. Method: given-when-then; the scenario checks invariants and replay.
 */
import { describe, expect, it } from 'vitest';
import { withAgents } from './scenario.ts';

describe('reconcile', () => {
  it('ends what has no leg any more and leaves the rest as it is', () => {
    const s = withAgents('1', '2');
    for (const id of ['a', 'b', 'c']) s.call(id, 'sales');
    s.talk('1');
    s.when({ kind: 'Reconcile', liveCalls: ['b', 'c'], liveOffers: [s.offerOf('2')] });
    expect(s.kinds).toEqual(['CallEnded', 'AgentOffered']);
    expect(s.event('CallEnded')).toMatchObject({ callId: 'a', status: 'COMPLETED' });
    expect(s.callIs('b')).toBe('ringing');
  });

  it('takes back an offer whose leg is lost without rest for the agent, and offers anew', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.when({ kind: 'Reconcile', liveCalls: ['a'], liveOffers: [] });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'AgentOffered']);
    expect(s.event('OfferWithdrawn').reason).toBe('shutdown');
  });

  it('ends a talk whose agent’s leg is lost', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'Reconcile', liveCalls: ['a'], liveOffers: [] });
    expect(s.event('CallEnded')).toMatchObject({ status: 'COMPLETED', endedBy: 'system' });
  });

  it('ends a waiting caller whose leg is lost as FAILED', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.when({ kind: 'Reconcile', liveCalls: [], liveOffers: [] });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallEnded']);
    expect(s.event('CallEnded').status).toBe('FAILED');
  });
});

describe('an end that is learned later', () => {
  it('given a caller who left a minute ago, then he waited until then', () => {
    const s = withAgents();
    s.call('a', 'sales');
    s.now += 90_000;
    const endedAt = s.now - 60_000;
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye', endedAt });
    expect(s.event('CallEnded')).toMatchObject({
      status: 'ABANDONED',
      waitedMs: 30_000,
      leftAt: endedAt,
      at: s.now,
    });
  });

  it('given an agent who hung up meanwhile, then talk and idle clock count from then', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.now += 40_000;
    const endedAt = s.now - 10_000;
    s.when({ kind: 'EndAgentLeg', offerId: s.offerOf('1'), cause: 'bye', endedAt });
    expect(s.event('CallEnded')).toMatchObject({ endedBy: 'agent', talkedMs: 30_000 });
    expect(s.state.agents.get('1')?.idleSince).toBe(endedAt);
  });

  it('given a time before he came, or one to come, then the nearest possible counts', () => {
    const s = withAgents();
    s.call('a', 'sales');
    s.call('b', 'sales');
    s.now += 1_000;
    s.when({ kind: 'EndCall', callId: 'a', cause: 'cancel', endedAt: 5 });
    expect(s.event('CallEnded').waitedMs).toBe(0);
    s.when({ kind: 'EndCall', callId: 'b', cause: 'cancel', endedAt: s.now + 99 });
    expect(s.event('CallEnded').waitedMs).toBe(1_000);
    expect(s.event('CallEnded').leftAt).toBeUndefined();
  });
});
