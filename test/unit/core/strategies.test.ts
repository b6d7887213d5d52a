/**
 * Goal: each strategy rings whom it should. Method: given-when-then for each order and its ties;
 * for those that draw, the distribution over many calls against what it must be (chi-square).
 */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/core/commands.ts';
import { decide } from '../../../src/core/decide.ts';
import type { MembershipConfig, QueueConfig, Strategy } from '../../../src/core/types.ts';
import { agent, config, queue, scenario, type Scenario } from './scenario.ts';
import { STRATEGIES } from './strategies.ts';

interface Person extends Omit<MembershipConfig, 'queue'> {
  readonly id: string;
}

const person = (id: string, more: Omit<MembershipConfig, 'queue'> = {}): Person => ({
  id,
  ...more,
});
const ABC = [person('1'), person('2'), person('3')];

function house(strategy: Strategy, people: Person[], options: Partial<QueueConfig> = {}) {
  const members = people.map(({ id, ...own }) => ({
    ...agent(id, 'q'),
    memberships: [{ queue: 'q', ...own }],
  }));
  const s = scenario(config([queue('q', { strategy, ...options })], members));
  for (const { id } of people) {
    s.ready(id);
    s.pass(1_000);
  }
  return s;
}

let calls = 0;

/** A caller comes; gives whom that rings. */
function come(s: Scenario): string[] {
  calls += 1;
  s.call(`c${calls}`, 'q');
  return s.rung.map((pair) => pair.split('>')[0] ?? '');
}

/** One caller after the other, each served at once; gives who served them. */
function serveAll(s: Scenario, count: number, talkMs = 1_000): string[] {
  return Array.from({ length: count }, () => {
    const [first = ''] = come(s);
    s.serve(first, talkMs);
    return first;
  });
}

/** Who serves how many of so many calls; without the checks after each command, for speed. */
function spread(s: Scenario, count: number): Map<string, number> {
  const counts = new Map<string, number>();
  const send = (command: object) => {
    const decided = decide(s.state, { ...command, at: s.now, by: 'test' } as Command);
    return decided.ok ? decided.events : [];
  };
  for (let n = 0; n < count; n += 1) {
    const callId = `n${n}`;
    const leg = { sipCallId: callId, from: 'a@peer', fromName: '', to: 'q@acd' };
    send({ kind: 'ArriveCall', callId, queue: 'q', ...leg });
    for (const event of send({ kind: 'ConfirmCall', callId })) {
      if (event.kind !== 'AgentOffered') continue;
      counts.set(event.agentId, (counts.get(event.agentId) ?? 0) + 1);
      const { offerId } = event;
      send({ kind: 'AnswerOffer', offerId });
      send({ kind: 'ConfirmBridge', offerId });
      s.now += 1_000;
      send({ kind: 'EndAgentLeg', offerId, cause: 'bye' });
    }
  }
  return counts;
}

describe('strategy', () => {
  it.each([
    ['most-idle', ['1', '2', '3', '1', '2', '3']],
    ['leastrecent', ['1', '2', '3', '1', '2', '3']],
    ['fewestcalls', ['1', '2', '3', '1', '2', '3']],
    ['rrmemory', ['1', '2', '3', '1', '2', '3']],
    ['rrordered', ['1', '2', '3', '1', '2', '3']],
    ['linear', ['1', '1', '1', '1', '1', '1']],
    ['ring-progressively', ['1', '1', '1', '1', '1', '1']],
    ['percent', ['1', '2', '3', '1', '2', '3']],
  ] as const)('%s serves one caller after the other so', (strategy, expected) => {
    expect(serveAll(house(strategy, ABC), 6)).toEqual(expected);
  });

  it('most-idle counts idle time over all queues, leastrecent in this one only', () => {
    for (const [strategy, expected] of [
      ['most-idle', '2'],
      ['leastrecent', '1'],
    ] as const) {
      const s = scenario(
        config([queue('q', { strategy }), queue('r')], [agent('1', 'q', 'r'), agent('2', 'q')]),
      );
      s.ready('1');
      s.pass(10);
      s.ready('2');
      s.call(`r-${strategy}`, 'r');
      s.serve('1', 5_000);
      expect(come(s)).toEqual([expected]);
    }
  });

  it('fewestcalls gives a newcomer the calls until he has as many', () => {
    const s = house('fewestcalls', ABC.slice(0, 2));
    serveAll(s, 4);
    s.apply(
      config(
        [queue('q', { strategy: 'fewestcalls' })],
        ['1', '2', '3'].map((id) => agent(id, 'q')),
      ),
    );
    s.ready('3');
    expect(serveAll(s, 4)).toEqual(['3', '3', '1', '2']);
  });

  it('least-talk-time is fair to who had the long call', () => {
    const s = house('least-talk-time', ABC);
    serveAll(s, 1, 60_000);
    expect(serveAll(s, 4, 20_000)).toEqual(['2', '3', '2', '3']);
  });

  it('rrmemory goes on after who was rung last, answered or not; rrordered by its list', () => {
    for (const strategy of ['rrmemory', 'rrordered'] as const) {
      const s = house(strategy, ABC);
      expect(come(s)).toEqual(['1']);
      expect(s.fail('1')).toEqual([`2>c${calls}`]);
      s.serve('2');
      s.pass(10_000);
      expect(serveAll(s, 2)).toEqual(['3', '1']);
    }
    // 3 was away for a round: memory gives him his turn first, the list only in his place.
    for (const [strategy, expected] of [
      ['rrmemory', ['3', '2']],
      ['rrordered', ['2', '3']],
    ] as const) {
      const s = house(strategy, ABC);
      s.when({ kind: 'PauseAgent', agentId: '3', reason: '' });
      serveAll(s, 3);
      s.when({ kind: 'ResumeAgent', agentId: '3' });
      expect(serveAll(s, 2)).toEqual(expected);
    }
  });

  it('linear and rrordered take the own order of members before that of the agents', () => {
    const s = house('linear', [person('1'), person('2', { order: 1 }), person('3', { order: 0 })]);
    expect(come(s)).toEqual(['3']);
    expect(come(s)).toEqual(['2']);
    expect(come(s)).toEqual(['1']);
  });

  it('ringall rings everybody of the lowest penalty; the first answer wins', () => {
    const s = house('ringall', [person('1'), person('2'), person('3', { penalty: 1 })]);
    expect(come(s)).toEqual(['1', '2']);
    const [first, second] = [s.offerOf('1'), s.offerOf('2')];
    s.when({ kind: 'AnswerOffer', offerId: second });
    expect(s.kinds).toEqual(['OfferAnswered']);
    expect(s.agentIs('1')).toBe('ringing');
    s.when({ kind: 'ConfirmBridge', offerId: second });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallConnected']);
    expect(s.event('OfferWithdrawn')).toMatchObject({
      offerId: first,
      reason: 'answered-elsewhere',
    });
    expect([s.agentIs('1'), s.agentIs('2'), s.agentIs('3')]).toEqual(['idle', 'busy', 'idle']);
  });

  it('ringall ends a second answer at once, and rings on where the first comes to nothing', () => {
    const s = house('ringall', ABC);
    come(s);
    const [one, two, three] = ['1', '2', '3'].map((id) => s.offerOf(id));
    s.when({ kind: 'AnswerOffer', offerId: one ?? '' });
    s.when({ kind: 'AnswerOffer', offerId: two ?? '' });
    expect(s.event('OfferWithdrawn')).toMatchObject({
      offerId: two,
      reason: 'answered-elsewhere',
    });
    s.fail('1', 'media');
    // 2 is free again and joins 3, who rings on.
    expect(s.rung).toEqual([`2>c${calls}`]);
    expect(s.state.offers.get(three ?? '')?.phase).toBe('calling');
    s.serve('3');
  });

  it('ringall lets who becomes free join, and serves a second caller with the others', () => {
    const s = house('ringall', [person('1'), person('2')]);
    s.when({ kind: 'PauseAgent', agentId: '2', reason: '' });
    expect(come(s)).toEqual(['1']);
    s.when({ kind: 'ResumeAgent', agentId: '2' });
    expect(s.rung).toEqual([`2>c${calls}`]);
    expect(come(s)).toEqual([]);
    s.talk('1');
    expect(s.rung).toEqual([`2>c${calls}`]);
  });

  it('ringall rings the next tier when the first does not answer', () => {
    const s = house('ringall', [person('1'), person('2', { penalty: 5 })], { retryMs: 60_000 });
    expect(come(s)).toEqual(['1']);
    s.pass(15_000);
    expect(s.rung).toEqual([`2>c${calls}`]);
  });

  it('ring-progressively lets one more phone join after each delay', () => {
    const s = house('ring-progressively', ABC, { progressiveDelayMs: 4_000 });
    expect(come(s)).toEqual(['1']);
    s.pass(3_999);
    expect(s.rung).toEqual([]);
    s.pass(1);
    expect(s.kinds).toEqual(['RingWidened', 'AgentOffered']);
    s.pass(4_000);
    expect(s.rung).toEqual([`3>c${calls}`]);
    expect(['1', '2', '3'].map((id) => s.agentIs(id))).toEqual(['ringing', 'ringing', 'ringing']);
  });

  it('percent gives each his share, and a late comer no arrears', () => {
    const s = house('percent', [person('1', { share: 3 }), person('2', { share: 1 })]);
    const first = serveAll(s, 40);
    expect(first.filter((id) => id === '1')).toHaveLength(30);
    s.when({ kind: 'LogOutAgent', who: { agentId: '2' } });
    serveAll(s, 40);
    s.ready('2');
    expect(serveAll(s, 8).filter((id) => id === '2')).toHaveLength(2);
  });

  it('percent owes nothing to whoever had left the queue meanwhile', () => {
    const s = house('percent', ABC.slice(0, 2));
    s.when({ kind: 'LeaveQueue', agentId: '2', queue: 'q' });
    expect(new Set(serveAll(s, 10))).toEqual(new Set(['1']));
    s.when({ kind: 'JoinQueue', agentId: '2', queue: 'q' });
    expect(serveAll(s, 4).sort()).toEqual(['1', '1', '2', '2']);
  });

  it('percent: given a new agent first at work, then who comes after him is not left out', () => {
    const s = house('percent', ABC.slice(0, 2));
    serveAll(s, 6);
    for (const agentId of ['1', '2']) s.when({ kind: 'LogOutAgent', who: { agentId } });
    s.apply(
      config(
        [queue('q', { strategy: 'percent' })],
        ABC.map(({ id }) => agent(id, 'q')),
      ),
    );
    for (const id of ['3', '1']) s.ready(id);
    expect(serveAll(s, 4).sort()).toEqual(['1', '1', '3', '3']);
  });

  it('percent begins when the queue is changed to it: nothing from before is owed', () => {
    const s = house('linear', ABC.slice(0, 2));
    expect(new Set(serveAll(s, 10))).toEqual(new Set(['1']));
    const people = ['1', '2'].map((id) => agent(id, 'q'));
    s.apply(config([queue('q', { strategy: 'percent' })], people));
    expect(serveAll(s, 4)).toEqual(['1', '2', '1', '2']);
  });

  it.each(['random', 'wrandom', 'most-idle', 'rrmemory', 'percent', 'fewestcalls'] as const)(
    '%s spreads 3,000 calls as it should (chi-square, p > 0.001)',
    (strategy) => {
      const people = [person('1'), person('2'), person('3'), person('4', { penalty: 1 })];
      // With a penalty only wrandom may take 4 as long as others are free.
      const s = house(strategy, strategy === 'wrandom' ? people : people.slice(0, 3));
      const counts = spread(s, 3_000);
      const expected = new Map([...counts.keys()].map((id) => [id, 1_000]));
      if (strategy === 'wrandom') {
        // Least of three draws below 1 and one below 2: the last wins with 1/8, the rest share.
        for (const id of ['1', '2', '3']) expected.set(id, (3_000 * 7) / 24);
        expected.set('4', 3_000 / 8);
      }
      expect([...counts.keys()].sort()).toEqual([...expected.keys()].sort());
      const chi = [...expected].reduce((sum, [id, count]) => {
        return sum + ((counts.get(id) ?? 0) - count) ** 2 / count;
      }, 0);
      expect(chi).toBeLessThan(strategy === 'wrandom' ? 16.27 : 13.82);
    },
  );

  it.each(STRATEGIES)(
    '%s can be changed on a live queue; waiting calls keep their places',
    (to) => {
      const s = house('most-idle', ABC);
      for (let n = 0; n < 5; n += 1) come(s);
      const waiting = s.line('q');
      const rang = s.state.offers.size;
      s.apply(
        config(
          [queue('q', { strategy: to })],
          ABC.map(({ id }) => agent(id, 'q')),
        ),
      );
      expect(s.kinds).toEqual(['ConfigApplied']);
      expect([s.line('q'), s.state.offers.size]).toEqual([waiting, rang]);
      s.serve('1');
      // With ringall he joins those who ring for the first in line.
      expect(s.rung).toEqual([`1>${waiting[to === 'ringall' ? 1 : 3] ?? ''}`]);
    },
  );

  it.each(STRATEGIES)(
    '%s passes by who was tried, for the untried of this and the next tier',
    (by) => {
      const s = house(by, [person('1'), person('2', { penalty: 1 })], { retryMs: 1_000 });
      if (by === 'wrandom') return;
      expect(come(s)).toEqual(['1']);
      expect(s.fail('1')).toEqual([`2>c${calls}`]);
      s.pass(1_000);
      if (by === 'ringall') {
        expect(s.agentIs('1')).toBe('ringing');
        return;
      }
      // 1 is free again, but was tried: 2, once free, has his turn before him only if untried.
      expect(s.fail('2')).toEqual([`1>c${calls}`]);
    },
  );
});

describe('the memory of a call', () => {
  it('puts a tried one behind the untried of his own and the next tier, not the one after', () => {
    const people = [person('1'), person('2', { penalty: 3 }), person('3', { penalty: 7 })];
    const s = house('linear', people, { retryMs: 100 });
    s.when({ kind: 'PauseAgent', agentId: '2', reason: '' });
    s.when({ kind: 'PauseAgent', agentId: '3', reason: '' });
    expect(come(s)).toEqual(['1']);
    s.fail('1');
    s.when({ kind: 'ResumeAgent', agentId: '2' });
    expect(s.rung).toEqual([`2>c${calls}`]);
    s.when({ kind: 'ResumeAgent', agentId: '3' });
    s.pass(100);
    // Of 1 (tried, tier 1) and 3 (untried, next tier after it): 3 first.
    expect(s.fail('2')).toEqual([`3>c${calls}`]);
    s.pass(100);
    expect(s.fail('3')).toEqual([`1>c${calls}`]);
  });
});
