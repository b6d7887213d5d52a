/**
 * Goal: a caller's visit from entry to end, and every race on the way. Method: given-when-then;
 * the scenario checks invariants and replay after each command.
 */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/core/commands.ts';
import { decide } from '../../../src/core/decide.ts';
import { checkInvariants } from '../../../src/core/invariants.ts';
import { initialState } from '../../../src/core/state.ts';
import { agent, config, queue, scenario, withAgents } from './scenario.ts';

describe('entering', () => {
  it('gives each call the next entry number and its place in line', () => {
    const s = withAgents();
    s.arrive('a', 'sales');
    expect(s.event('CallEntered')).toMatchObject({ entry: 1, position: 1, sipCallId: 'a@peer' });
    s.arrive('b', 'sales');
    expect(s.event('CallEntered')).toMatchObject({ entry: 2, position: 2 });
    s.when({ kind: 'EndCall', callId: 'a', cause: 'cancel' });
    s.arrive('c', 'sales');
    expect(s.event('CallEntered')).toMatchObject({ entry: 3, position: 2 });
  });

  it('refuses a call for an unknown queue with a fact', () => {
    const s = withAgents();
    s.arrive('a', 'nowhere');
    expect(s.event('CallRefused')).toMatchObject({ callId: 'a', status: 'UNKNOWNQUEUE' });
    expect(s.callIs('a')).toBe('gone');
  });

  it('refuses a call when the queue is full; talking calls do not count', () => {
    const s = scenario(config([queue('sales', { maxlen: 1 })], [agent('1', 'sales')]));
    s.ready('1');
    s.call('a', 'sales');
    s.arrive('b', 'sales');
    expect(s.event('CallRefused').status).toBe('FULL');
    s.talk('1');
    s.arrive('c', 'sales');
    expect(s.kinds).toEqual(['CallEntered']);
  });

  it('refuses a call beyond the product limit as OVERLOAD', () => {
    const s = scenario(config([queue('sales')], [], { maxCalls: 1 }));
    s.call('a', 'sales');
    s.arrive('b', 'sales');
    expect(s.event('CallRefused').status).toBe('OVERLOAD');
  });

  it('at the product limit gives the place of one who never acknowledged, after 4 s', () => {
    const s = scenario(config([queue('sales')], [], { maxCalls: 2 }));
    s.call('there', 'sales');
    s.arrive('mute', 'sales');
    s.pass(3_999);
    s.arrive('early', 'sales');
    expect(s.event('CallRefused')).toMatchObject({ callId: 'early', status: 'OVERLOAD' });
    s.pass(1);
    s.arrive('next', 'sales');
    expect(s.kinds).toEqual(['CallEnded', 'CallEntered']);
    expect(s.event('CallEnded')).toMatchObject({ callId: 'mute', status: 'FAILED' });
    expect(s.callIs('there')).toBe('waiting');
    // Whoever has acknowledged yields to nobody, however long he waits.
    s.when({ kind: 'ConfirmCall', callId: 'next' });
    s.pass(60_000);
    s.arrive('last', 'sales');
    expect(s.event('CallRefused').status).toBe('OVERLOAD');
  });

  it('at the product limit gives no place away for one who gets none himself', () => {
    const s = scenario(config([queue('sales'), queue('full', { maxlen: 1 })], [], { maxCalls: 2 }));
    s.call('there', 'full');
    s.arrive('mute', 'sales');
    s.pass(5_000);
    s.arrive('next', 'full');
    expect(s.kinds).toEqual(['CallRefused']);
    expect(s.event('CallRefused').status).toBe('FULL');
  });

  it('below the product limit lets one who has not acknowledged keep his place', () => {
    const s = scenario(config([queue('sales')], [], { maxCalls: 3 }));
    s.arrive('mute', 'sales');
    s.pass(10_000);
    s.arrive('next', 'sales');
    expect(s.kinds).toEqual(['CallEntered']);
  });

  it('knows a call only once', () => {
    const s = withAgents();
    s.arrive('a', 'sales');
    const again = { kind: 'ArriveCall', callId: 'a', queue: 'sales', sipCallId: 'x' } as const;
    expect(s.refusal({ ...again, from: '', fromName: '', to: '' })).toBe('duplicate-call');
    expect(s.refusal({ kind: 'ConfirmCall', callId: 'b' })).toBe('unknown-call');
  });

  it('rings nobody before the caller’s leg is up', () => {
    const s = withAgents('1');
    s.arrive('a', 'sales');
    expect(s.callIs('a')).toBe('entering');
    expect(s.rung).toEqual([]);
    s.when({ kind: 'ConfirmCall', callId: 'a' });
    expect(s.rung).toEqual(['1>a']);
    expect(s.when({ kind: 'ConfirmCall', callId: 'a' })).toEqual([]);
  });

  it('ends a call that is never confirmed after 40 s', () => {
    const s = withAgents('1');
    s.arrive('a', 'sales');
    expect(s.pass(39_999)).toEqual([]);
    s.pass(1);
    expect(s.event('CallEnded')).toMatchObject({ status: 'FAILED', endedBy: 'system' });
  });

  it('ends a wait of half a day', () => {
    const s = withAgents();
    s.call('a', 'sales');
    s.pass(12 * 3_600_000);
    expect(s.event('CallEnded')).toMatchObject({ status: 'FAILED', endedBy: 'system' });
  });
});

describe('a whole call', () => {
  it('notes each INVITE of its offer until it is answered', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    for (const transaction of ['t1', 't2']) s.when({ kind: 'NoteInvite', offerId, transaction });
    expect(s.state.offers.get(offerId)?.transaction).toBe('t2');
    s.when({ kind: 'RingOffer', offerId });
    s.when({ kind: 'AnswerOffer', offerId });
    expect(s.when({ kind: 'NoteInvite', offerId, transaction: 't3' })).toEqual([]);
  });

  it('goes from ring to answer to bridge to BYE', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    s.when({ kind: 'RingOffer', offerId });
    expect(s.kinds).toEqual(['OfferRang']);
    expect(s.when({ kind: 'RingOffer', offerId })).toEqual([]);
    expect([s.callIs('a'), s.agentIs('1')]).toEqual(['ringing', 'ringing']);
    s.pass(3_000);
    s.when({ kind: 'AnswerOffer', offerId });
    expect(s.event('OfferAnswered').deadline).toBe(s.now + 5_000);
    s.pass(40);
    s.when({ kind: 'ConfirmBridge', offerId });
    expect(s.event('CallConnected')).toMatchObject({ agentId: '1', waitedMs: 3_040 });
    expect([s.callIs('a'), s.agentIs('1')]).toEqual(['assigned', 'busy']);
    expect(s.when({ kind: 'ConfirmBridge', offerId })).toEqual([]);
    s.pass(20_000);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.event('CallEnded')).toMatchObject({
      status: 'COMPLETED',
      endedBy: 'caller',
      agentId: '1',
      offerId,
      waitedMs: 3_040,
      talkedMs: 20_000,
      position: 0,
    });
    expect(s.agentIs('1')).toBe('idle');
  });

  it.each([
    ['bye', 'agent'],
    ['failed', 'system'],
  ] as const)('ends by the agent’s leg: %s', (cause, endedBy) => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'EndAgentLeg', offerId: s.offerOf('1'), cause });
    expect(s.event('CallEnded')).toMatchObject({ status: 'COMPLETED', endedBy });
  });

  it('ends a talk whose caller’s leg failed as COMPLETED by the system', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'failed' });
    expect(s.event('CallEnded')).toMatchObject({ status: 'COMPLETED', endedBy: 'system' });
  });

  it('ends a talk of a whole day', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.talk('1');
    s.pass(24 * 3_600_000);
    expect(s.event('CallEnded')).toMatchObject({ status: 'COMPLETED', endedBy: 'system' });
  });

  it('gives the agent wrap-up in the same batch, and ends it by itself or when he asks', () => {
    const s = scenario(config([queue('sales', { wrapupMs: 9_000 })], [agent('1', 'sales')]));
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    s.call('b', 'sales');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['CallEnded', 'WrapupStarted']);
    expect(s.agentIs('1')).toBe('wrapup');
    s.pass(9_000);
    expect(s.kinds).toEqual(['WrapupEnded', 'AgentOffered']);
    s.talk('1');
    s.when({ kind: 'EndCall', callId: 'b', cause: 'bye' });
    s.when({ kind: 'EndWrapup', agentId: '1' });
    expect(s.agentIs('1')).toBe('idle');
    expect(s.refusal({ kind: 'EndWrapup', agentId: '1' })).toBe('not-in-wrapup');
    expect(s.refusal({ kind: 'EndWrapup', agentId: '9' })).toBe('unknown-agent');
    expect(s.refusal({ kind: 'EndWrapup', agentId: '1' })).toBe('not-in-wrapup');
  });
});

describe('the caller hangs up', () => {
  it('while he waits: his position is told and the line moves up', () => {
    const s = withAgents();
    for (const id of ['a', 'b', 'c']) s.call(id, 'sales');
    s.pass(7_000);
    s.when({ kind: 'EndCall', callId: 'b', cause: 'bye' });
    expect(s.event('CallEnded')).toMatchObject({
      status: 'ABANDONED',
      endedBy: 'caller',
      position: 2,
      waitedMs: 7_000,
      agentId: null,
    });
    s.when({ kind: 'EndCall', callId: 'c', cause: 'failed' });
    expect(s.event('CallEnded')).toMatchObject({
      status: 'FAILED',
      endedBy: 'system',
      position: 2,
    });
  });

  it('before his leg is up', () => {
    const s = withAgents('1');
    s.arrive('a', 'sales');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'cancel' });
    expect(s.kinds).toEqual(['CallEnded']);
    expect(s.refusal({ kind: 'EndCall', callId: 'a', cause: 'bye' })).toBe('unknown-call');
  });

  it('while a phone rings: the offer is taken back and the agent gets the next call', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.call('b', 'sales');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallEnded', 'AgentOffered']);
    expect(s.rung).toEqual(['1>b']);
  });

  it('as the agent answers: the answer that came second finds no offer', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.event('OfferWithdrawn').reason).toBe('caller-left');
    expect(s.refusal({ kind: 'AnswerOffer', offerId })).toBe('unknown-offer');
    expect(s.refusal({ kind: 'RingOffer', offerId })).toBe('unknown-offer');
    expect(s.refusal({ kind: 'ConfirmBridge', offerId })).toBe('unknown-offer');
    expect(s.refusal({ kind: 'EndAgentLeg', offerId, cause: 'bye' })).toBe('unknown-offer');
    const failed = { kind: 'FailOffer', offerId, failure: 'failed', detail: '' } as const;
    expect(s.refusal({ ...failed, sipStatus: 487 })).toBe('unknown-offer');
    expect(s.agentIs('1')).toBe('idle');
  });

  it('between the answer and the bridge: abandoned, and the agent is free', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    s.when({ kind: 'AnswerOffer', offerId });
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallEnded']);
    expect(s.event('CallEnded').status).toBe('ABANDONED');
    expect(s.refusal({ kind: 'ConfirmBridge', offerId })).toBe('unknown-offer');
  });
});

describe('an answer', () => {
  it('wins once: a second answer to the same offer is refused', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    s.when({ kind: 'AnswerOffer', offerId });
    expect(s.refusal({ kind: 'AnswerOffer', offerId })).toBe('unknown-offer');
    s.when({ kind: 'ConfirmBridge', offerId });
    expect(s.refusal({ kind: 'AnswerOffer', offerId })).toBe('unknown-offer');
    const failed = { kind: 'FailOffer', offerId, failure: 'media', detail: '' } as const;
    expect(s.refusal({ ...failed, sipStatus: 0 })).toBe('unknown-offer');
  });

  it('of two agents at once: only the one whose offer stands gets the call', () => {
    const s = withAgents('1', '2');
    s.call('a', 'sales');
    const late = s.offerOf('1');
    s.pass(15_000);
    const standing = s.offerOf('2');
    s.when({ kind: 'AnswerOffer', offerId: standing });
    expect(s.refusal({ kind: 'AnswerOffer', offerId: late })).toBe('unknown-offer');
    s.when({ kind: 'ConfirmBridge', offerId: standing });
    expect(s.state.agents.get('2')?.callId).toBe('a');
    expect(s.state.agents.get('1')?.callId).toBeNull();
  });

  it('crossing the CANCEL after the timeout is refused', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    s.pass(15_000);
    expect(s.refusal({ kind: 'AnswerOffer', offerId })).toBe('unknown-offer');
  });

  it('counts if it comes before the deadline is reached, though its time has passed', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    s.now += 15_001;
    s.talk('1');
    expect(s.callIs('a')).toBe('assigned');
  });

  it('without a bridge within 5 s fails as media; the caller keeps his place', () => {
    const s = withAgents('1', '2');
    s.call('a', 'sales');
    s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
    s.pass(5_000);
    expect(s.event('OfferFailed')).toMatchObject({ failure: 'media', agentId: '1' });
    expect(s.rung).toEqual(['2>a']);
  });

  it.each(['bye', 'failed'] as const)(
    'followed by %s before the bridge costs him nothing',
    (cause) => {
      const s = withAgents('1', '2');
      s.call('a', 'sales');
      const offerId = s.offerOf('1');
      s.when({ kind: 'AnswerOffer', offerId });
      s.when({ kind: 'EndAgentLeg', offerId, cause });
      expect(s.kinds).toEqual(['OfferFailed', 'AgentOffered']);
      expect(s.callIs('a')).toBe('ringing');
      expect(s.refusal({ kind: 'ConfirmBridge', offerId })).toBe('unknown-offer');
    },
  );

  it('must come before the bridge', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    expect(s.refusal({ kind: 'ConfirmBridge', offerId })).toBe('unknown-offer');
  });
});

describe('announcements', () => {
  const announcing = () =>
    scenario(config([queue('sales', { periodicAnnounceMs: 30_000 })], [agent('1', 'sales')]));

  it('come at their interval from the confirmation on', () => {
    const s = announcing();
    s.arrive('a', 'sales');
    s.pass(10_000);
    s.when({ kind: 'ConfirmCall', callId: 'a' });
    expect(s.pass(29_999)).toEqual([]);
    s.pass(1);
    expect(s.event('AnnouncementDue')).toMatchObject({ callId: 'a', queue: 'sales', count: 1 });
    s.pass(30_000);
    expect(s.event('AnnouncementDue').count).toBe(2);
  });

  it('come while a phone rings, but not between answer and bridge, nor after', () => {
    const s = announcing();
    s.ready('1');
    s.call('a', 'sales');
    s.pass(14_999);
    s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
    expect(s.state.timers.has(s.state.calls.get('a')!.announce!)).toBe(false);
    s.when({ kind: 'ConfirmBridge', offerId: s.offerOf('1') });
    expect(s.pass(120_000)).toEqual([]);
  });

  it('go on when the answer came to nothing', () => {
    const s = announcing();
    s.ready('1');
    s.call('a', 'sales');
    s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
    s.pass(29_999);
    expect(s.kinds).not.toContain('AnnouncementDue');
    s.pass(1);
    expect(s.kinds).toContain('AnnouncementDue');
  });

  it('are not said over and over after a pause of the process', () => {
    const s = announcing();
    s.call('a', 'sales');
    s.now += 300_000;
    s.when({ kind: 'ReachDeadline' });
    expect(s.kinds).toEqual(['AnnouncementDue']);
    expect(s.pass(29_999)).toEqual([]);
  });
});

describe('reaching deadlines', () => {
  it('does nothing before time', () => {
    const s = withAgents('1');
    s.call('a', 'sales');
    expect(s.when({ kind: 'ReachDeadline' })).toEqual([]);
  });

  it('handles at most a thousand at once, the rest with the next', () => {
    const state = initialState();
    const send = (command: object) =>
      decide(state, { at: 0, by: 'test', ...command } as unknown as Command);
    send({ kind: 'ApplyConfig', config: config([queue('sales')], [], { maxCalls: 2_000 }) });
    for (let n = 0; n < 1_001; n += 1) {
      send({
        kind: 'ArriveCall',
        callId: `c${n}`,
        queue: 'sales',
        sipCallId: '',
        from: '',
        to: '',
      });
    }
    const first = send({ kind: 'ReachDeadline', at: 40_000 });
    const second = send({ kind: 'ReachDeadline', at: 40_000 });
    expect([first, second].map((decided) => decided.ok && decided.events.length)).toEqual([
      1_000, 1,
    ]);
    expect(checkInvariants(state)).toEqual([]);
  });
});
