/**
 * Goal: `eligible` gives the one right reason for every pair, and dispatch obeys it. Method: a
 * truth table: for each reason a situation that differs from an eligible pair in that one thing.
 */
import { describe, expect, it } from 'vitest';
import { eligible } from '../../../src/core/eligible.ts';
import { explainAgent, explainCall, waitsFor } from '../../../src/core/explain.ts';
import type { MembershipConfig, QueueConfig } from '../../../src/core/types.ts';
import { agent, config, queue, scenario, type Scenario } from './scenario.ts';

interface Row {
  readonly reason: string | null;
  readonly when: string;
  readonly queue?: Partial<QueueConfig>;
  readonly member?: Omit<MembershipConfig, 'queue'>;
  readonly given: (s: Scenario) => void;
  /** How long it lasts at most, ms; absent: until something happens. */
  readonly forMs?: number;
}

/** Call `a` waits in q; agent 1 is a member, logged in and ready, unless a row says otherwise. */
const login = (s: Scenario): void => void s.ready('1');
const wait = (s: Scenario): void => void s.call('a', 'q');
const ready = (s: Scenario): void => {
  wait(s);
  login(s);
};

const ROWS: readonly Row[] = [
  { reason: null, when: 'both are free', given: (s) => (login(s), wait(s)) },
  { reason: 'entering', when: 'his leg is not up', given: (s) => (login(s), s.arrive('a', 'q')) },
  { reason: 'connected', when: 'it talks', given: (s) => (ready(s), s.talk('1')) },
  {
    reason: 'answered',
    when: 'an agent answered it',
    given: (s) => {
      ready(s);
      s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
    },
  },
  { reason: 'rings', when: 'a phone rings for it', given: ready },
  { reason: 'logged-out', when: 'he is logged out', given: wait },
  {
    reason: 'talking',
    when: 'he talks with another',
    given: (s) => {
      login(s);
      s.call('other', 'q');
      s.talk('1');
      wait(s);
    },
  },
  {
    reason: 'ringing',
    when: 'he is rung for another',
    given: (s) => {
      login(s);
      s.call('other', 'q');
      wait(s);
    },
  },
  {
    reason: 'paused',
    when: 'he is paused',
    given: (s) => {
      login(s);
      s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
      wait(s);
    },
  },
  {
    reason: 'paused-here',
    when: 'he is paused in this queue',
    given: (s) => {
      login(s);
      s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch', queue: 'q' });
      wait(s);
    },
  },
  {
    reason: 'wrapup',
    when: 'he is in wrap-up',
    queue: { wrapupMs: 7_000 },
    forMs: 7_000,
    given: (s) => {
      login(s);
      s.call('other', 'q');
      s.serve('1');
      wait(s);
    },
  },
  {
    reason: 'resting',
    when: 'he declined one',
    queue: { retryMs: 3_000 },
    forMs: 3_000,
    given: (s) => {
      login(s);
      s.call('other', 'q');
      s.fail('1');
      s.when({ kind: 'EndCall', callId: 'other', cause: 'bye' });
      wait(s);
    },
  },
  {
    reason: 'phone-inuse',
    when: 'his phone is in use',
    given: (s) => {
      login(s);
      s.report('1', 'inuse');
      wait(s);
    },
  },
  {
    reason: null,
    when: 'his phone is in use, and ringinuse lets it ring',
    member: { ringInUse: true },
    given: (s) => {
      login(s);
      s.report('1', 'inuse');
      wait(s);
    },
  },
  {
    reason: 'phone-unavailable',
    when: 'his phone is away, whatever ringinuse says',
    member: { ringInUse: true },
    given: (s) => {
      login(s);
      s.report('1', 'unavailable');
      wait(s);
    },
  },
  {
    reason: 'phone-unknown',
    when: 'nothing is known of his phone',
    given: (s) => {
      login(s);
      s.report('1', 'unknown');
      wait(s);
    },
  },
  {
    reason: 'penalty-negative',
    when: 'his penalty is negative',
    member: { penalty: -1 },
    given: (s) => (login(s), wait(s)),
  },
  {
    reason: 'no-member',
    when: 'he is no member',
    given: (s) => (login(s), s.call('a', 'r')),
  },
  {
    reason: 'not-first',
    when: 'autofill=no and another is first, whom he may not take',
    queue: { autofill: false },
    given: (s) => {
      login(s);
      s.call('first', 'q', { limits: { min: 9, max: null, raise: null } });
      wait(s);
    },
  },
];

describe('eligible', () => {
  it.each(ROWS)('$reason: $when', ({ reason, queue: options, member, given, forMs }) => {
    const own = { ...agent('1', 'q'), memberships: [{ queue: 'q', ...member }] };
    const s = scenario(config([queue('q', options), queue('r')], [own, agent('2', 'q')]));
    // Dispatch acts at once; what was eligible is known by the offer it made.
    given(s);
    const call = s.state.calls.get('a');
    const asked = s.state.agents.get('1');
    if (call === undefined || asked === undefined) throw new Error('the row lacks its pair');
    if (reason === null) {
      expect(s.agentIs('1')).toBe('ringing');
      return;
    }
    const found = eligible(s.state, call, asked, s.now);
    expect(found).toEqual({ reason, forMs: forMs ?? null });
  });

  it('says of ringall who may not join: a higher tier', () => {
    const high = { ...agent('2', 'q'), memberships: [{ queue: 'q', penalty: 1 }] };
    const s = scenario(config([queue('q', { strategy: 'ringall' })], [agent('1', 'q'), high]));
    s.ready('1');
    s.ready('2');
    s.call('a', 'q');
    const call = s.state.calls.get('a');
    const second = s.state.agents.get('2');
    if (call === undefined || second === undefined) throw new Error('no pair');
    expect(eligible(s.state, call, second, s.now)?.reason).toBe('higher-tier');
  });

  it('says how long a pause that ends by itself goes on', () => {
    const options = { autopause: 'all', autopauseLengthMs: 9_000 } as const;
    const s = scenario(config([queue('q', options)], [agent('1', 'q')]));
    ready(s);
    s.pass(15_000);
    s.pass(2_000);
    const call = s.state.calls.get('a');
    const one = s.state.agents.get('1');
    if (call === undefined || one === undefined) throw new Error('no pair');
    expect(eligible(s.state, call, one, s.now)).toEqual({ reason: 'paused', forMs: 7_000 });
  });
});

describe('why', () => {
  const begin = () => {
    const s = scenario(
      config(
        [queue('q')],
        ['1', '2', '3', '4'].map((id) => agent(id, 'q')),
      ),
    );
    for (const id of ['1', '2', '3']) s.ready(id);
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
    s.report('2', 'inuse');
    s.report('3', 'inuse');
    s.call('a', 'q');
    s.call('b', 'q');
    const call = s.state.calls.get('a');
    const second = s.state.agents.get('2');
    if (call === undefined || second === undefined) throw new Error('no pair');
    return { s, call, second };
  };

  it('is told of every member for a call, and of every call for an agent', () => {
    const { s, call, second } = begin();
    const reasons = explainCall(s.state, call, s.now).map((one) => [one.agentId, one.why?.reason]);
    expect(reasons).toEqual([
      ['1', 'paused'],
      ['2', 'phone-inuse'],
      ['3', 'phone-inuse'],
      ['4', 'logged-out'],
    ]);
    const calls = explainAgent(s.state, second, s.now).map((one) => [one.callId, one.why?.reason]);
    expect(calls).toEqual([
      ['a', 'phone-inuse'],
      ['b', 'phone-inuse'],
    ]);
  });

  it('is one word for a waiting call', () => {
    const { s, call } = begin();
    expect(waitsFor(s.state, call, s.now)).toBe('phone-inuse');
    for (const id of ['1', '2', '3']) s.when({ kind: 'LogOutAgent', who: { agentId: id } });
    expect(waitsFor(s.state, call, s.now)).toBe('nobody');
    s.ready('4');
    expect(waitsFor(s.state, call, s.now)).toBe('rings');
    s.talk('4');
    expect(waitsFor(s.state, call, s.now)).toBeNull();
  });

  it('is what keeps the call from him who is free, however many are busy', () => {
    const agents = ['1', '2', '3', '4'].map((id) => agent(id, 'q'));
    const s = scenario(config([{ ...queue('q'), maxTalks: 3 }], agents));
    for (const id of ['1', '2', '3', '4']) s.ready(id);
    for (const id of ['a', 'b', 'c']) s.call(id, 'q');
    for (const id of ['1', '2', '3']) s.talk(id);
    s.call('d', 'q');
    const call = s.state.calls.get('d');
    if (call === undefined) throw new Error('no call');
    expect(waitsFor(s.state, call, s.now)).toBe('talks-limit');
    s.when({ kind: 'LogOutAgent', who: { agentId: '4' } });
    expect(waitsFor(s.state, call, s.now)).toBe('talking');
  });
});
