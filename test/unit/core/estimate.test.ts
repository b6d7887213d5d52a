/**
 * Goal: the estimated wait is right in kind: 0 for whom an agent is free, never below 0, never
 * rising while nothing but time passes, lower where callers give up; and it keeps callers out
 * who would wait too long. Method: small situations whose waits can be reckoned by hand.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimatedWait, waitOf } from '../../../src/core/estimate.ts';
import { NO_LIMITS } from '../../../src/core/state.ts';
import type { QueueConfig } from '../../../src/core/types.ts';
import { WaitEstimates } from '../../../src/app/estimates.ts';
import { agent, config, queue, scenario, type Scenario } from './scenario.ts';

function house(options: Partial<QueueConfig> = {}, ids: readonly string[] = ['1']): Scenario {
  const agents = ids.map((id) => agent(id, 'q'));
  const s = scenario(config([queue('q', options), queue('other')], agents));
  for (const id of ids) s.ready(id);
  return s;
}

function waitOfCall(s: Scenario, id: string): number | null {
  const call = s.state.calls.get(id);
  if (call === undefined) throw new Error(`no call ${id}`);
  return waitOf(s.state, call);
}

/** One call was served for so long. */
function served(s: Scenario, talkMs: number): void {
  s.call('before', 'q');
  s.serve('1', talkMs);
}

describe('the estimated wait', () => {
  it('is unknown before the first call was served, and without anybody who serves', () => {
    const s = house();
    s.call('a', 'q');
    s.talk('1');
    s.call('b', 'q');
    expect(waitOfCall(s, 'b')).toBeNull();
    s.call('c', 'other');
    expect(waitOfCall(s, 'c')).toBeNull();
  });

  it('is a handling time for each before him, divided among who can serve him', () => {
    const s = house();
    served(s, 60_000);
    s.call('a', 'q');
    expect(waitOfCall(s, 'a')).toBe(0);
    s.talk('1');
    s.call('b', 'q');
    s.call('c', 'q');
    expect(waitOfCall(s, 'b')).toBe(60_000);
    expect(waitOfCall(s, 'c')).toBe(120_000);
  });

  it('counts wrap-up, priority before entry, and nobody who is paused', () => {
    const s = house({ wrapupMs: 10_000 }, ['1', '2']);
    s.when({ kind: 'PauseAgent', agentId: '2', reason: 'lunch' });
    served(s, 50_000);
    s.pass(10_000);
    s.call('a', 'q');
    s.talk('1');
    s.call('b', 'q');
    s.call('c', 'q', { priority: 1 });
    expect([waitOfCall(s, 'b'), waitOfCall(s, 'c')]).toEqual([120_000, 60_000]);
  });

  it('counts an agent whole who has left the other queue in which callers wait', () => {
    const both = [agent('1', 'q', 'other')];
    const s = scenario(config([queue('q'), queue('other')], both));
    s.ready('1');
    served(s, 60_000);
    s.call('a', 'q');
    s.talk('1');
    for (const [id, where] of [
      ['b', 'q'],
      ['c', 'q'],
      ['x', 'other'],
    ] as const)
      s.call(id, where);
    expect(waitOfCall(s, 'c')).toBe(240_000);
    s.when({ kind: 'LeaveQueue', agentId: '1', queue: 'other' });
    expect(waitOfCall(s, 'c')).toBe(120_000);
  });

  it('does not count an agent who lacks the skill', () => {
    const s = house({ skills: { is: 'level', skill: 'german', least: 1, most: 100 } });
    const q = s.state.queues.get('q');
    if (q === undefined) throw new Error('no queue');
    const order = { priority: 0, order: 1, entry: 1, from: 'x', limits: NO_LIMITS };
    expect(
      estimatedWait(s.state, q, { ...order, skills: null, only: null, skillSteps: 0 }),
    ).toBeNull();
  });

  it('is shorter where callers give up', () => {
    const s = house();
    served(s, 60_000);
    s.call('a', 'q');
    s.talk('1');
    for (const id of ['b', 'c', 'd']) s.call(id, 'q');
    const before = waitOfCall(s, 'd') ?? 0;
    s.pass(5_000);
    s.call('gone', 'q');
    s.pass(5_000);
    s.when({ kind: 'EndCall', callId: 'gone', cause: 'bye' });
    expect(waitOfCall(s, 'd')).toBeLessThan(before);
    expect(waitOfCall(s, 'd')).toBeGreaterThan(0);
  });

  it('never rises while time passes, others come behind him, or those before him give up', () => {
    const doing = fc.constantFrom('pass', 'come', 'give up');
    fc.assert(
      fc.property(fc.array(doing, { maxLength: 12 }), (history) => {
        const s = house();
        served(s, 60_000);
        s.call('talks', 'q');
        s.talk('1');
        const before = Array.from({ length: 5 }, (_, n) => `before${n}`);
        for (const id of before) s.call(id, 'q');
        s.call('he', 'q');
        let last = waitOfCall(s, 'he') ?? NaN;
        history.forEach((what, n) => {
          if (what === 'pass') s.pass(1_000);
          else if (what === 'come') s.call(`behind${n}`, 'q');
          else {
            const callId = before.pop();
            if (callId !== undefined) s.when({ kind: 'EndCall', callId, cause: 'bye' });
          }
          const now = waitOfCall(s, 'he') ?? NaN;
          expect(now).toBeLessThanOrEqual(last);
          expect(now).toBeGreaterThanOrEqual(0);
          last = now;
        });
      }),
      { numRuns: 12 },
    );
  });

  it('is not kept of a queue that is gone while its last call talks', () => {
    const s = house();
    s.call('a', 'q');
    s.talk('1');
    s.apply(config([queue('other')], [agent('1', 'other')]));
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect([...s.state.paces.keys()]).toEqual([]);
  });

  it('is compared with the wait that it was', () => {
    const s = house();
    served(s, 60_000);
    s.call('a', 'q');
    s.talk('1');
    const told: [string, number][] = [];
    const estimates = new WaitEstimates(
      () => s.state,
      (name, errorMs) => told.push([name, errorMs]),
    );
    for (const event of s.arrive('b', 'q')) estimates.follow(event);
    s.when({ kind: 'ConfirmCall', callId: 'b' });
    s.pass(40_000);
    s.when({ kind: 'EndAgentLeg', offerId: s.offerOf('1'), cause: 'bye' });
    s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
    for (const event of s.when({ kind: 'ConfirmBridge', offerId: s.offerOf('1') })) {
      estimates.follow(event);
    }
    expect(told).toEqual([['q', 20_000]]);
  });
});

describe('max-estimated-wait', () => {
  it('lets nobody in who would wait longer, and him who goes before others', () => {
    const s = house({ maxEstimatedWaitMs: 90_000, failover: { FULL: [{ to: 'busy' }] } });
    served(s, 60_000);
    s.call('a', 'q');
    s.talk('1');
    s.call('b', 'q');
    s.arrive('c', 'q');
    expect(s.event('CallRefused')).toMatchObject({ status: 'FULL', destination: { to: 'busy' } });
    s.arrive('d', 'q', { priority: 5 });
    expect(s.kinds).toEqual(['CallEntered']);
  });

  it('lets everybody in while nothing is known', () => {
    const s = house({ maxEstimatedWaitMs: 1_000 });
    s.call('a', 'q');
    s.talk('1');
    s.arrive('b', 'q');
    expect(s.kinds).toEqual(['CallEntered']);
  });
});
