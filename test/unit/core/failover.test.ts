/**
 * Goal: who may enter a queue, who must leave it, with which status, and where he goes. Method:
 * given-when-then for each status and destination; a table for the conditions of an empty queue.
 */
import { describe, expect, it } from 'vitest';
import type { EmptyCondition, QueueConfig } from '../../../src/core/types.ts';
import { agent, config, queue, scenario, type Scenario } from './scenario.ts';

const TO_R = { to: 'queue', queue: 'r' } as const;
const TO_Q = { to: 'queue', queue: 'q' } as const;

function house(options: Partial<QueueConfig>, other: Partial<QueueConfig> = {}) {
  const own = { ...agent('1', 'q'), memberships: [{ queue: 'q', penalty: 0 }] };
  return scenario(config([queue('q', options), queue('r', other)], [own, agent('2', 'q')]));
}

/** What takes the only member out of account, and what he is in then. */
const CONDITIONS: readonly [EmptyCondition, (s: Scenario) => void][] = [
  ['paused', (s) => s.when({ kind: 'PauseAgent', agentId: '1', reason: '' })],
  ['paused', (s) => s.when({ kind: 'PauseAgent', agentId: '1', reason: '', queue: 'q' })],
  ['inuse', (s) => s.report('1', 'inuse')],
  ['ringing', (s) => s.report('1', 'ringing')],
  ['unavailable', (s) => s.report('1', 'unavailable')],
  ['unknown', (s) => s.report('1', 'unknown')],
  [
    'inuse',
    (s) => {
      s.call('x', 'q');
      s.talk('1');
    },
  ],
  ['ringing', (s) => s.call('x', 'q')],
  [
    'wrapup',
    (s) => {
      s.call('x', 'q');
      s.serve('1');
    },
  ],
];
const ALL = [
  'paused',
  'penalty',
  'inuse',
  'ringing',
  'unavailable',
  'invalid',
  'unknown',
  'wrapup',
];

describe('joinempty', () => {
  it.each(CONDITIONS)('%s: takes that member out of account, the others do not', (name, given) => {
    const rest = ALL.filter((each) => each !== name) as EmptyCondition[];
    for (const [joinEmpty, expected] of [
      [[name], 'CallRefused'],
      [rest, 'CallEntered'],
    ] as const) {
      const s = house({ joinEmpty, wrapupMs: 1_000 });
      s.ready('1');
      given(s);
      s.arrive('a', 'q');
      expect(s.kinds).toEqual([expected]);
    }
  });

  it('penalty and invalid: a negative penalty is nobody', () => {
    for (const condition of ['penalty', 'invalid'] as const) {
      const own = { ...agent('1', 'q'), memberships: [{ queue: 'q', penalty: -1 }] };
      const s = scenario(config([queue('q', { joinEmpty: [condition] })], [own]));
      s.ready('1');
      s.arrive('a', 'q');
      expect(s.event('CallRefused').status).toBe('JOINUNAVAIL');
    }
  });

  it('tells nobody logged in from nobody able', () => {
    const s = house({ joinEmpty: ['paused'] });
    s.arrive('a', 'q');
    expect(s.event('CallRefused').status).toBe('JOINEMPTY');
    s.ready('1');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: '' });
    s.arrive('a', 'q');
    expect(s.event('CallRefused').status).toBe('JOINUNAVAIL');
    s.ready('2');
    s.arrive('a', 'q');
    expect(s.kinds).toEqual(['CallEntered']);
  });

  it('without conditions lets anybody in', () => {
    const s = house({});
    s.arrive('a', 'q');
    expect(s.kinds).toEqual(['CallEntered']);
  });
});

describe('leavewhenempty', () => {
  it.each(CONDITIONS.filter(([name]) => name !== 'ringing' && name !== 'wrapup'))(
    '%s: all who wait leave when the last member is that',
    (name, given) => {
      const s = house({ leaveWhenEmpty: [name], autofill: true });
      s.ready('1');
      s.ready('2');
      s.when({ kind: 'PauseAgent', agentId: '2', reason: '' });
      s.report('2', 'inuse');
      if (name !== 'paused' && name !== 'inuse') {
        s.when({ kind: 'LogOutAgent', who: { agentId: '2' } });
      }
      const before = s.history.length;
      given(s);
      s.call('a', 'q');
      const left = s.history.slice(before).filter((event) => event.kind === 'CallEnded');
      expect(left).toMatchObject([{ callId: 'a', status: 'LEAVEUNAVAIL' }]);
    },
  );

  it('sends everybody away when the last one logs out, with place and time', () => {
    const s = house({ leaveWhenEmpty: ['unavailable'] });
    s.ready('1');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: '' });
    s.call('a', 'q');
    s.pass(1_000);
    s.call('b', 'q');
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    expect(s.last.filter((event) => event.kind === 'CallEnded')).toMatchObject([
      { callId: 'a', status: 'LEAVEEMPTY', position: 1, waitedMs: 1_000 },
      { callId: 'b', status: 'LEAVEEMPTY', position: 1, waitedMs: 0 },
    ]);
  });

  it('does not take a caller from an agent who has answered', () => {
    const s = house({ leaveWhenEmpty: ['inuse', 'ringing'] });
    s.ready('1');
    s.ready('2');
    s.when({ kind: 'PauseAgent', agentId: '2', reason: '' });
    s.call('a', 'q');
    const offerId = s.offerOf('1');
    s.when({ kind: 'AnswerOffer', offerId });
    s.report('2', 'inuse');
    expect(s.callIs('a')).toBe('ringing');
    s.when({ kind: 'ConfirmBridge', offerId });
    expect(s.callIs('a')).toBe('assigned');
  });
});

describe('entry', () => {
  it('is refused with so many in line for each agent', () => {
    const s = house({ maxCallsPerAgent: 1 });
    s.ready('1');
    s.report('1', 'inuse');
    s.call('a', 'q');
    s.arrive('b', 'q');
    expect(s.event('CallRefused')).toMatchObject({ callId: 'b', status: 'FULL' });
  });

  it('given a full line and nobody who can answer, then it is empty, as in Asterisk', () => {
    const s = house({ maxlen: 1, joinEmpty: ['paused'] });
    s.ready('1');
    s.report('1', 'inuse');
    s.call('a', 'q');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'home' });
    s.arrive('b', 'q');
    expect(s.event('CallRefused')).toMatchObject({ callId: 'b', status: 'JOINUNAVAIL' });
  });

  it('goes on by failover, to a queue or with a destination for the edge', () => {
    const s = house(
      { maxlen: 1, failover: { FULL: [TO_R, { to: 'hangup', cause: 17 }] } },
      { maxlen: 1 },
    );
    s.call('a', 'q');
    s.arrive('b', 'q');
    expect(s.kinds).toEqual(['CallDiverted', 'CallEntered']);
    expect(s.event('CallEntered')).toMatchObject({ queue: 'r', position: 1 });
    s.arrive('c', 'q');
    expect(s.kinds).toEqual(['FailoverSkipped', 'CallRefused']);
    expect(s.event('FailoverSkipped')).toMatchObject({ destination: TO_R, why: 'FULL' });
    expect(s.event('CallRefused')).toMatchObject({
      queue: 'q',
      status: 'FULL',
      position: 2,
      waitedMs: 0,
      destination: { to: 'hangup', cause: 17 },
    });
  });
});

describe('given a full queue sends a new caller on', () => {
  it('then his place and longest wait, asked of the first, count in no other', () => {
    const s = house({ maxlen: 1, failover: { FULL: [TO_R] } }, { maxWaitMs: 60_000 });
    s.call('a', 'q');
    s.call('b', 'r');
    s.call('c', 'q', { position: 1, maxWaitMs: 5_000 });
    expect(s.line('r')).toEqual(['b', 'c']);
    s.pass(5_000);
    expect(s.callIs('c')).toBe('waiting');
  });

  it('then the first tells who it was; failover asks each before, and the last says no', () => {
    const s = house({ maxlen: 1, failover: { FULL: [TO_R] } }, { maxlen: 1 });
    s.call('a', 'q');
    s.call('b', 'q', { from: '030@peer' });
    const stood = { queue: 'q', from: '030@peer', status: 'FULL', position: 2, waitedMs: 0 };
    expect(s.history.find(({ kind }) => kind === 'CallDiverted')).toMatchObject(stood);
    s.arrive('c', 'q');
    expect(s.kinds).toEqual(['FailoverSkipped', 'CallRefused']);
    expect(s.event('CallRefused')).toMatchObject({ queue: 'q', status: 'FULL', position: 2 });
  });
});

describe('the longest wait', () => {
  it('ends in TIMEOUT, to the millisecond', () => {
    const s = house({ maxWaitMs: 30_000 });
    s.call('a', 'q');
    s.pass(29_999);
    expect(s.callIs('a')).toBe('waiting');
    s.pass(1);
    expect(s.event('CallEnded')).toMatchObject({ status: 'TIMEOUT', waitedMs: 30_000 });
  });

  it('is what the call brings along, where it brings one', () => {
    const s = house({ maxWaitMs: 30_000 });
    s.call('a', 'q', { maxWaitMs: 5_000 });
    s.pass(5_000);
    expect(s.event('CallEnded').status).toBe('TIMEOUT');
  });

  it.each([
    ['app', 20_000],
    ['conf', 28_000],
  ] as const)(
    'timeoutpriority=%s: a phone that rings is cut, or rings out',
    (timeoutPriority, end) => {
      const s = house({ maxWaitMs: 20_000, timeoutPriority });
      s.call('a', 'q');
      s.pass(13_000);
      s.ready('1');
      s.pass(end - 13_000 - 1);
      expect(s.callIs('a')).toBe('ringing');
      s.pass(1);
      expect(s.event('CallEnded')).toMatchObject({ status: 'TIMEOUT', waitedMs: end });
    },
  );

  it('never cuts the connection that is being made', () => {
    const s = house({ maxWaitMs: 20_000 });
    s.ready('1');
    s.call('a', 'q');
    s.pass(14_000);
    const offerId = s.offerOf('1');
    s.fail('1');
    s.pass(5_999);
    s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
    expect(offerId).not.toBe(s.offerOf('1'));
    s.pass(2_000);
    s.when({ kind: 'ConfirmBridge', offerId: s.offerOf('1') });
    expect(s.callIs('a')).toBe('assigned');
  });
});

describe('failover to another queue', () => {
  it('keeps entry number and wait; the longest wait counts anew', () => {
    const s = house({ maxWaitMs: 10_000, failover: { TIMEOUT: [TO_R] } }, { maxWaitMs: 10_000 });
    s.call('a', 'q');
    s.pass(5_000);
    s.call('late', 'r');
    s.pass(5_000);
    expect(s.event('CallMoved')).toMatchObject({ from: 'q', queue: 'r', status: 'TIMEOUT' });
    expect(s.event('CallMoved')).toMatchObject({ position: 1, waitedMs: 10_000 });
    expect(s.line('r')).toEqual(['a', 'late']);
    s.pass(10_000);
    const ended = s.history.filter((event) => event.kind === 'CallEnded');
    expect(ended).toMatchObject([
      { callId: 'late', waitedMs: 10_000 },
      { callId: 'a', waitedMs: 20_000, queue: 'r' },
    ]);
  });

  it('is not to a queue it left for a reason that holds; the attempt is journalled', () => {
    const s = house(
      { maxWaitMs: 10_000, failover: { TIMEOUT: [TO_R] } },
      { maxWaitMs: 10_000, failover: { TIMEOUT: [TO_Q, { to: 'busy' }] } },
    );
    s.call('a', 'q');
    s.pass(20_000);
    expect(s.event('FailoverSkipped')).toMatchObject({ destination: TO_Q, why: 'loop' });
    expect(s.event('CallEnded')).toMatchObject({ status: 'TIMEOUT', destination: { to: 'busy' } });
  });

  it('is to a queue it left as empty, once that is not so any more', () => {
    const s = house(
      { leaveWhenEmpty: ['paused'], failover: { LEAVEEMPTY: [TO_R] } },
      { maxWaitMs: 10_000, failover: { TIMEOUT: [TO_Q] } },
    );
    s.call('a', 'q');
    expect(s.event('CallMoved').queue).toBe('r');
    s.ready('1');
    s.report('1', 'inuse');
    s.pass(10_000);
    expect(s.event('CallMoved')).toMatchObject({ queue: 'q', status: 'TIMEOUT' });
    // And back it does not go: it has left r by TIMEOUT.
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    expect(s.event('FailoverSkipped').why).toBe('loop');
    expect(s.event('CallEnded').status).toBe('LEAVEEMPTY');
  });

  it('around a ring of three goes once: each line is left for time at most once', () => {
    const queues = ['q', 'r', 's'].map((name, n) => {
      const next = { to: 'queue', queue: ['r', 's', 'q'][n]! } as const;
      return queue(name, { maxWaitMs: 1_000, failover: { TIMEOUT: [next] } });
    });
    const s = scenario(config(queues, []));
    s.call('a', 'q');
    s.pass(60_000);
    const moves = s.history.flatMap((one) => (one.kind === 'CallMoved' ? [one.queue] : []));
    expect(moves).toEqual(['r', 's']);
    expect(s.event('FailoverSkipped')).toMatchObject({ queue: 's', why: 'loop' });
    const place = { status: 'TIMEOUT', queue: 's', position: 1, waitedMs: 3_000 };
    expect(s.event('CallEnded')).toMatchObject(place);
  });

  it('has a maximum of moves', () => {
    const names = Array.from({ length: 15 }, (_, n) => `q${n}`);
    const queues = names.map((name, n) => {
      const failover = { TIMEOUT: [{ to: 'queue', queue: `q${n + 1}` } as const] };
      return queue(name, { maxWaitMs: 1_000, failover });
    });
    const s = scenario(config(queues, []));
    s.call('a', 'q0');
    s.pass(15_000);
    expect(s.history.filter((event) => event.kind === 'CallMoved')).toHaveLength(10);
    const skipped = s.history.find((event) => event.kind === 'FailoverSkipped');
    expect(skipped).toMatchObject({ why: 'too-many', queue: 'q10' });
  });
});

describe('leaving by key or by command', () => {
  it('a key leads where the queue says, another key nowhere', () => {
    const s = house({ exitKeys: { '0': [TO_R], '9': [{ to: 'prompt', prompt: 'bye' }] } });
    s.call('a', 'q');
    expect(s.refusal({ kind: 'ExitCall', callId: 'a', key: '5' })).toBe('no-exit-key');
    expect(s.refusal({ kind: 'ExitCall', callId: 'x', key: '0' })).toBe('unknown-call');
    s.when({ kind: 'ExitCall', callId: 'a', key: '0' });
    expect(s.event('CallMoved')).toMatchObject({ status: 'CONTINUE', queue: 'r' });
    s.call('b', 'q');
    s.when({ kind: 'ExitCall', callId: 'b', key: '9' });
    expect(s.event('CallEnded')).toMatchObject({
      status: 'CONTINUE',
      key: '9',
      destination: { to: 'prompt', prompt: 'bye' },
    });
  });

  it('takes back what rings for him', () => {
    const s = house({ exitKeys: { '0': [TO_R] } });
    s.ready('1');
    s.call('a', 'q');
    s.when({ kind: 'ExitCall', callId: 'a', key: '0' });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallMoved']);
    expect(s.agentIs('1')).toBe('idle');
  });

  it('a command takes him out, to where it says or the failover', () => {
    const s = house({ failover: { WITHDRAW: [TO_R] } });
    s.call('a', 'q');
    s.when({ kind: 'WithdrawCall', callId: 'a' });
    expect(s.event('CallMoved').status).toBe('WITHDRAW');
    const destination = { to: 'uri', uri: 'sip:desk@pbx' } as const;
    s.when({ kind: 'WithdrawCall', callId: 'a', destination });
    expect(s.event('CallEnded')).toMatchObject({ status: 'WITHDRAW', destination });
  });

  it('does not touch who talks', () => {
    const s = house({});
    s.ready('1');
    s.call('a', 'q');
    s.talk('1');
    expect(s.refusal({ kind: 'WithdrawCall', callId: 'a' })).toBe('not-waiting');
  });
});

describe('the cap on conversations', () => {
  it('lets so many ring or talk at once, and the next when one ends', () => {
    const s = house({ maxTalks: 1 });
    s.ready('1');
    s.ready('2');
    s.call('a', 'q');
    s.call('b', 'q');
    expect([s.callIs('a'), s.callIs('b')]).toEqual(['ringing', 'waiting']);
    s.serve('1', 1_000);
    expect(s.rung).toEqual(['2>b']);
  });

  it.each([{ maxTalks: 1 }, { autofill: false }])(
    '%j: given it is reached, then those who wait are not looked at one by one',
    (options) => {
      const s = house(options);
      for (const id of ['1', '2']) s.ready(id);
      for (const id of ['a', 'b', 'c']) s.call(id, 'q');
      const { isMatchable, eligible, parked } = s.state.queues.get('q') ?? expect.fail();
      expect([isMatchable, eligible.size, parked.size]).toEqual([false, 2, 0]);
    },
  );

  it.each([
    ['most-idle', {}],
    ['ring-progressively', {}],
    ['most-idle', { maxTalks: 0, autofill: false }],
  ] as const)(
    '%s %j: given who can take a passed-over call comes, then it has its turn',
    (strategy, more) => {
      const french = { is: 'level', skill: 'french', least: 1, most: 100 } as const;
      const s = scenario(
        config(
          [queue('q', { maxTalks: 1, strategy, ...more }), queue('r')],
          [agent('2', 'q', 'r'), { ...agent('3', 'q'), skills: { french: 9 } }],
        ),
      );
      s.ready('2');
      s.call('b', 'q', { skills: french });
      s.call('a', 'q', { priority: 1 });
      expect([s.rung, s.why('b', '3')]).toEqual([['2>a'], 'logged-out']);
      s.ready('3');
      expect(s.why('b', '3')).toBe('autofill' in more ? 'not-first' : 'talks-limit');
      s.serve('2');
      expect(s.agentIs('3')).toBe('ringing');
      // What the cap keeps from this queue is free for another.
      s.call('c', 'q');
      s.call('d', 'r');
      expect(s.rung).toEqual(['2>d']);
    },
  );
});
