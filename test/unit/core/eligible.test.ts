/**
 * Goal: `eligible` gives the one right reason for every pair, and dispatch obeys it. Method: a
 * truth table: for each reason a situation that differs from an eligible pair in that one thing.
 */
import { describe, expect, it } from 'vitest';
import { eligible, type Reason } from '../../../src/core/eligible.ts';
import { explainAgent, explainCall, waitsFor } from '../../../src/core/explain.ts';
import { REST_MIN_MS, RINGING_MAX } from '../../../src/core/state.ts';
import type { AgentConfig, MembershipConfig, QueueConfig } from '../../../src/core/types.ts';
import { agent, config, queue, scenario, type Scenario } from './scenario.ts';

interface Row {
  readonly reason: Reason | null;
  readonly when: string;
  readonly queue?: Partial<QueueConfig>;
  readonly member?: Omit<MembershipConfig, 'queue'>;
  /** What else agent 1 is, and what agent 2 is in the queue. */
  readonly his?: Partial<AgentConfig>;
  readonly other?: Omit<MembershipConfig, 'queue'>;
  readonly given: (s: Scenario) => void;
  /** How long it lasts at most, ms; absent: until something happens. */
  readonly forMs?: number;
}

const VETO = { name: 'crm', timeoutMs: 2_000, silence: 'ring' } as const;

/** That each has its name here, the compiler sees to. */
const REASONS = Object.keys({
  ...{ entering: 1, connected: 1, answered: 1, asking: 1, rings: 1 },
  ...{ 'logged-out': 1, leaving: 1, talking: 1, ringing: 1, paused: 1, wrapup: 1, resting: 1 },
  ...{ 'phone-unknown': 1, 'phone-inuse': 1, 'phone-unavailable': 1, 'no-member': 1 },
  ...{ 'logged-out-here': 1, 'paused-here': 1, 'penalty-negative': 1 },
  ...{ 'not-his': 1, 'not-first': 1, penalty: 1, skills: 1, excluded: 1, vetoed: 1, kept: 1 },
  ...{ 'talks-limit': 1, 'higher-tier': 1, 'rings-enough': 1 },
} satisfies Readonly<Record<Reason, 1>>) as Reason[];

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
  {
    reason: 'asking',
    when: 'the veto is asked',
    queue: { veto: VETO },
    given: ready,
  },
  {
    reason: 'vetoed',
    when: 'the veto said no',
    queue: { veto: VETO, retryMs: 4_000 },
    forMs: 4_000 - REST_MIN_MS,
    given: (s) => {
      ready(s);
      s.when({ kind: 'RuleOffer', offerId: s.offerOf('1'), ruling: 'refuse', detail: '' });
      s.pass(REST_MIN_MS);
    },
  },
  {
    reason: 'leaving',
    when: 'he logs out when his call ends',
    given: (s) => {
      login(s);
      s.call('other', 'q');
      s.talk('1');
      s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
      wait(s);
    },
  },
  {
    reason: 'logged-out-here',
    when: 'he has left this queue',
    given: (s) => {
      login(s);
      s.when({ kind: 'LeaveQueue', agentId: '1', queue: 'q' });
      wait(s);
    },
  },
  {
    reason: 'not-his',
    when: 'it is for another alone',
    queue: { direct: true },
    given: (s) => (login(s), s.call('a', 'q', { agentId: '2' })),
  },
  {
    reason: 'penalty',
    when: 'his penalty is out of its limits',
    member: { penalty: 3 },
    given: (s) => (login(s), s.call('a', 'q', { limits: { min: null, max: 2, raise: null } })),
  },
  {
    reason: null,
    when: 'his penalty is its limit',
    member: { penalty: 2 },
    given: (s) => (login(s), s.call('a', 'q', { limits: { min: null, max: 2, raise: null } })),
  },
  {
    reason: 'skills',
    when: 'he lacks what it asks',
    his: { skills: { english: 49 } },
    queue: { skills: { is: 'level', skill: 'english', least: 50, most: 100 } },
    given: (s) => (login(s), wait(s)),
  },
  {
    reason: null,
    when: 'he has just what it asks',
    his: { skills: { english: 50 } },
    queue: { skills: { is: 'level', skill: 'english', least: 50, most: 100 } },
    given: (s) => (login(s), wait(s)),
  },
  {
    reason: 'excluded',
    when: 'he never meets its caller',
    his: { never: ['a*'] },
    given: (s) => (login(s), wait(s)),
  },
  {
    reason: 'kept',
    when: 'it is kept for whom its caller last spoke with',
    queue: { stickyMs: 60_000 },
    given: (s) => {
      s.ready('2');
      s.call('before', 'q', { from: 'a@peer' });
      s.serve('2');
      s.report('2', 'inuse');
      login(s);
      wait(s);
    },
  },
  {
    reason: 'talks-limit',
    when: 'as many as may talk already',
    queue: { maxTalks: 1 },
    given: (s) => {
      s.ready('2');
      s.call('other', 'q');
      s.talk('2');
      login(s);
      wait(s);
    },
  },
  {
    reason: 'higher-tier',
    when: 'ringall rings those of a lower penalty',
    queue: { strategy: 'ringall' },
    member: { penalty: 1 },
    given: (s) => (s.ready('2'), login(s), wait(s)),
  },
  {
    reason: null,
    when: 'ringall rings those of his penalty',
    queue: { strategy: 'ringall' },
    member: { penalty: 1 },
    other: { penalty: 1 },
    given: (s) => (s.ready('2'), login(s), wait(s)),
  },
  {
    reason: 'rings-enough',
    when: 'ringall rings as many as may be',
    queue: { strategy: 'ringall' },
    given: (s) => {
      for (let n = 0; n < RINGING_MAX; n += 1) s.ready(`x${n}`);
      login(s);
      wait(s);
    },
  },
];

describe('eligible', () => {
  it.each(ROWS)(
    '$reason: $when',
    ({ reason, queue: options, member, his, other, given, forMs }) => {
      const own = { ...agent('1', 'q'), memberships: [{ queue: 'q', ...member }], ...his };
      const second = { ...agent('2', 'q'), memberships: [{ queue: 'q', ...other }] };
      const more = Array.from({ length: RINGING_MAX }, (_, n) => agent(`x${n}`, 'q'));
      const queues = [queue('q', options), queue('r')];
      const agents = reason === 'rings-enough' ? [...more, own] : [own, second];
      const s = scenario(config(queues, agents));
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
    },
  );

  it('has a row for every reason there is', () => {
    const told = new Set(ROWS.map(({ reason }) => reason));
    expect(REASONS.filter((reason) => !told.has(reason))).toEqual([]);
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
