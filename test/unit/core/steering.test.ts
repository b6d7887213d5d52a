/**
 * Goal: what a supervisor orders for one call happens, costs nobody his place, and what cannot be
 * is refused without a change. Method: given-when-then.
 */
import { describe, expect, it } from 'vitest';
import { restore, snapshot, canonicalHash, type Snapshot } from '../../../src/core/snapshot.ts';
import { agent, config, queue, scenario, withAgents } from './scenario.ts';

function twoQueues(more: Parameters<typeof queue>[1] = {}) {
  return scenario(
    config(
      [queue('sales'), queue('help', more)],
      [agent('1', 'sales'), agent('2', 'help'), agent('3')],
    ),
  );
}

describe('hang up', () => {
  it('ends a waiting call as withdrawn, and takes back what rings for it', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.when({ kind: 'HangUpCall', callId: 'a' });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallEnded']);
    expect(s.event('CallEnded')).toMatchObject({ status: 'WITHDRAW', endedBy: 'system' });
    expect(s.agentIs('1')).toBe('idle');
  });

  it('ends a talk as completed by the system', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.pass(3_000);
    s.when({ kind: 'HangUpCall', callId: 'a' });
    expect(s.event('CallEnded')).toMatchObject({
      status: 'COMPLETED',
      endedBy: 'system',
      agentId: '1',
      talkedMs: 3_000,
    });
  });

  it('of nobody is refused', () => {
    expect(withAgents().refusal({ kind: 'HangUpCall', callId: 'x' })).toBe('unknown-call');
  });
});

describe('transfer', () => {
  const order = { kind: 'TransferCall', callId: 'a', uri: 'sip:desk@pbx' } as const;
  const destination = { to: 'uri', uri: 'sip:desk@pbx' };

  it('of a waiting call ends its visit as withdrawn, with where it goes', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.when(order);
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallEnded', 'TransferBegan']);
    expect(s.event('CallEnded')).toMatchObject({ status: 'WITHDRAW', destination, agentId: null });
  });

  it('of a talk ends the agent’s part: he is free for the next', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.pass(2_000);
    s.call('b', 'sales');
    s.when(order);
    expect(s.event('CallEnded')).toMatchObject({
      ...{ status: 'COMPLETED', destination, agentId: '1', talkedMs: 2_000 },
    });
    expect(s.rung).toEqual(['1>b']);
  });

  it('of one who just enters, is being connected, or is not there is refused', () => {
    const s = withAgents('1');
    expect(s.refusal(order)).toBe('unknown-call');
    s.arrive('a', 'sales');
    expect(s.refusal(order)).toBe('not-waiting');
    s.when({ kind: 'ConfirmCall', callId: 'a' });
    s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
    expect(s.refusal(order)).toBe('not-waiting');
  });
});

describe('move', () => {
  it('keeps the wait: he stands before those who came later', () => {
    const s = twoQueues();
    s.call('a', 'sales');
    s.pass(10_000);
    s.call('b', 'help');
    s.when({ kind: 'MoveCall', callId: 'a', queue: 'help' });
    expect(s.event('CallMoved')).toMatchObject({
      from: 'sales',
      queue: 'help',
      status: 'WITHDRAW',
      waitedMs: 10_000,
    });
    expect(s.line('help')).toEqual(['a', 'b']);
    s.pass(5_000);
    s.ready('2');
    s.talk('2');
    expect(s.history.at(-1)).toMatchObject({ kind: 'CallConnected', waitedMs: 15_000 });
  });

  it('takes back what rings, and rings in the new queue at once', () => {
    const s = twoQueues();
    s.ready('1');
    s.ready('2');
    s.call('a', 'sales');
    s.when({ kind: 'MoveCall', callId: 'a', queue: 'help' });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallMoved', 'AgentOffered']);
    expect(s.rung).toEqual(['2>a']);
  });

  it('is refused where there is no such queue, no room, or no waiting call', () => {
    const s = twoQueues({ maxlen: 1 });
    s.call('a', 'sales');
    s.call('b', 'help');
    const move = (callId: string, to: string) => s.refusal({ kind: 'MoveCall', callId, queue: to });
    expect(move('a', 'nowhere')).toBe('unknown-queue');
    expect(move('a', 'help')).toBe('queue-full');
    expect(move('x', 'help')).toBe('unknown-call');
    s.ready('1');
    s.talk('1');
    expect(move('a', 'help')).toBe('not-waiting');
  });

  it('to where he is changes nothing; to and fro ends at a limit', () => {
    const s = twoQueues();
    s.call('a', 'sales');
    expect(s.when({ kind: 'MoveCall', callId: 'a', queue: 'sales' })).toEqual([]);
    for (let n = 0; n < 10; n += 1) {
      s.when({ kind: 'MoveCall', callId: 'a', queue: n % 2 === 0 ? 'help' : 'sales' });
    }
    const again = s.refusal({ kind: 'MoveCall', callId: 'a', queue: 'help' });
    expect(again).toBe('moved-too-often');
    expect(s.line('sales')).toEqual(['a']);
  });
});

describe('give', () => {
  it('rings an agent who is no member, and nobody else meanwhile', () => {
    const s = scenario(
      config([queue('sales', { strategy: 'ringall' })], [agent('1', 'sales'), agent('3')]),
    );
    s.ready('1');
    s.ready('3');
    s.call('a', 'sales');
    expect(s.rung).toEqual(['1>a']);
    s.when({ kind: 'GiveCall', callId: 'a', agentId: '3' });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'AgentOffered']);
    expect(s.rung).toEqual(['3>a']);
    s.talk('3');
    expect(s.callIs('a')).toBe('assigned');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.agentIs('3')).toBe('idle');
  });

  it('is followed by the wrap-up of whoever took it, before that of the queue', () => {
    const people = [{ ...agent('3'), wrapupMs: 20_000 }, agent('4')];
    const s = scenario(config([queue('sales', { wrapupMs: 10_000 })], people));
    for (const [id, wrapupMs] of [
      ['3', 20_000],
      ['4', 10_000],
    ] as const) {
      s.ready(id);
      s.call('a', 'sales');
      s.when({ kind: 'GiveCall', callId: 'a', agentId: id });
      s.serve(id);
      expect(s.event('WrapupStarted').until).toBe(s.now + wrapupMs);
    }
  });

  it('goes out of turn: who stands before it waits on', () => {
    const s = scenario(config([queue('sales')], [agent('1', 'sales'), agent('3')]));
    s.call('a', 'sales');
    s.call('b', 'sales');
    s.ready('3');
    s.when({ kind: 'GiveCall', callId: 'b', agentId: '3' });
    expect(s.rung).toEqual(['3>b']);
    expect(s.line('sales')).toEqual(['a', 'b']);
    s.ready('1');
    expect(s.rung).toEqual(['1>a']);
  });

  it('that he does not take leaves the call in its place', () => {
    const s = withAgents('1', '2');
    s.call('a', 'sales');
    const other = s.rung[0] === '1>a' ? '2' : '1';
    s.when({ kind: 'GiveCall', callId: 'a', agentId: other });
    expect(s.fail(other)).toEqual([`${other === '1' ? '2' : '1'}>a`]);
  });

  it('to one who is not free, not there, or unknown is refused', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.call('b', 'sales');
    const give = (agentId: string) => s.refusal({ kind: 'GiveCall', callId: 'b', agentId });
    expect(give('1')).toBe('agent-not-free');
    expect(give('2')).toBe('not-logged-in');
    expect(give('9')).toBe('unknown-agent');
    expect(s.refusal({ kind: 'GiveCall', callId: 'a', agentId: '2' })).toBe('not-waiting');
    s.ready('2');
    s.report('2', 'inuse');
    expect(s.agentIs('2')).toBe('ringing');
  });

  it('survives a restart: still nobody else is rung', () => {
    const s = scenario(
      config([queue('sales', { strategy: 'ringall' })], [agent('1', 'sales'), agent('3')]),
    );
    s.ready('3');
    s.call('a', 'sales');
    s.when({ kind: 'GiveCall', callId: 'a', agentId: '3' });
    const restored = restore(JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot);
    expect(canonicalHash(restored)).toBe(canonicalHash(s.state));
    s.ready('1');
    expect(s.rung).toEqual([]);
  });
});
