/**
 * Goal: where a queue has a veto no phone rings before it was asked; what it refuses is remembered
 * for this call and costs the agent nothing else; and neither refusal nor silence makes the core
 * ask in a circle. Method: given, when, then, with the answers in the test's hands.
 */
import { describe, expect, it } from 'vitest';
import { VETO_REST_MAX_MS } from '../../../src/core/state.ts';
import type { QueueConfig, Ruling } from '../../../src/core/types.ts';
import { vetoRestMs } from '../../../src/core/veto.ts';
import { agent, config, device, queue, scenario, type Scenario } from './scenario.ts';

const ASKED = { name: 'crm', timeoutMs: 2_000, silence: 'ring' } as const;

/** Queue `sales` with a veto, and members 1 and 2, of whom these are ready. */
function asked(options: Partial<QueueConfig> = {}, ...ids: string[]): Scenario {
  const s = scenario(
    config(
      [queue('sales', { veto: ASKED, ...options }), queue('plain')],
      ['1', '2'].map((id) => agent(id, 'sales', 'plain')),
    ),
  );
  for (const id of ids) s.ready(id);
  return s;
}

function rule(s: Scenario, id: string, ruling: Ruling): readonly string[] {
  s.when({ kind: 'RuleOffer', offerId: s.offerOf(id), ruling, detail: 'says the CRM' });
  return s.kinds;
}

const phaseOf = (s: Scenario, id: string) => s.state.offers.get(s.offerOf(id))?.phase;

describe('an offer of a queue with a veto', () => {
  it('reserves the agent and asks, and no answer of a phone means anything yet', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    expect(s.event('AgentOffered')).toMatchObject({ asks: true, deadline: s.now + 2_000 });
    const offerId = s.offerOf('1');
    for (const kind of ['RingOffer', 'AnswerOffer', 'ConfirmBridge'] as const)
      expect(s.refusal({ kind, offerId })).toBe('unknown-offer');
    expect(s.why('a', '1')).toBe('asking');
    expect(s.agentIs('1')).toBe('ringing');
  });

  it('when it is allowed, rings for the whole ring time from then', () => {
    const s = asked({ timeoutRestart: false }, '1');
    s.call('a', 'sales');
    s.pass(1_500);
    rule(s, '1', 'allow');
    expect(s.event('OfferCleared')).toMatchObject({ ruling: 'allow', deadline: s.now + 15_000 });
    expect(s.why('a', '1')).toBe('rings');
    s.talk('1');
    expect(s.callIs('a')).toBe('assigned');
  });

  it('when it is refused, the next is asked at once, and he is free for other calls', () => {
    const s = asked({}, '1', '2');
    s.call('a', 'sales');
    expect(rule(s, '1', 'refuse')).toEqual(['OfferFailed', 'AgentOffered']);
    expect(s.last[0]).toMatchObject({ failure: 'vetoed', ruling: 'refuse', agentId: '1' });
    expect(s.rung).toEqual(['2>a']);
    s.pass(100);
    s.call('b', 'plain');
    expect(s.rung).toEqual(['1>b']);
  });

  it('given all are refused, asks again only after back-offs that double', () => {
    const s = asked({ retryMs: 1_000 }, '1');
    s.call('a', 'sales');
    const begun = s.now;
    const offeredAt: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      rule(s, '1', 'refuse');
      expect(s.why('a', '1')).toBe('resting');
      s.pass(100);
      expect(s.why('a', '1')).toBe('vetoed');
      while (s.agentIs('1') !== 'ringing') s.pass(100);
      offeredAt.push(s.now - begun);
    }
    expect(offeredAt).toEqual([1_000, 3_000, 7_000, 15_000]);
  });

  it('no back-off is longer than its limit, or shorter than a rest', () => {
    expect(vetoRestMs(0, 0)).toBe(100);
    expect(vetoRestMs(5_000, 50)).toBe(VETO_REST_MAX_MS);
  });

  it('after the back-off he ranks behind whoever was not tried', () => {
    const s = asked({ retryMs: 1_000 }, '1');
    s.call('a', 'sales');
    rule(s, '1', 'refuse');
    s.pass(950);
    s.call('b', 'plain');
    s.ready('2');
    expect(s.state.agents.get('2')?.offerId).not.toBeNull();
  });

  it('a refusal is no miss and leaves the idle clock alone', () => {
    const s = asked({ autopause: 'all', autopauseBusy: true }, '1');
    const before = s.state.agents.get('1')?.idleSince;
    s.pass(5_000);
    s.call('a', 'sales');
    expect(rule(s, '1', 'refuse')).toEqual(['OfferFailed']);
    expect(s.state.agents.get('1')).toMatchObject({ idleSince: before, paused: null });
  });
});

describe('silence', () => {
  it('rings after the deadline, where the queue says so', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    s.pass(1_999);
    expect(phaseOf(s, '1')).toBe('asking');
    s.pass(1);
    expect(s.event('OfferCleared')).toMatchObject({ ruling: 'silence' });
    expect(phaseOf(s, '1')).toBe('calling');
  });

  it('refuses, where the queue says so, with the same back-off', () => {
    const s = asked({ veto: { name: 'crm', timeoutMs: 2_000, silence: 'refuse' } }, '1');
    s.call('a', 'sales');
    s.pass(2_000);
    expect(s.event('OfferFailed')).toMatchObject({
      ...{ failure: 'vetoed', ruling: 'silence', detail: 'no answer in time' },
      ...{ restUntil: s.now + 100, vetoedUntil: s.now + 5_000 },
    });
  });

  it('is told at once, where the edge knows that nobody answers', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    expect(rule(s, '1', 'silence')).toEqual(['OfferCleared']);
  });

  it('a ruling that comes late, or twice, is refused', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    const offerId = s.offerOf('1');
    rule(s, '1', 'allow');
    const again = { kind: 'RuleOffer', offerId, ruling: 'refuse', detail: '' } as const;
    expect(s.refusal(again)).toBe('unknown-offer');
    expect(s.refusal({ ...again, offerId: 'none' })).toBe('unknown-offer');
  });
});

describe('while it is asked', () => {
  it('the caller hangs up: the offer is taken back', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.kinds).toEqual(['OfferWithdrawn', 'CallEnded']);
    expect(s.agentIs('1')).toBe('idle');
  });

  it.each([
    ['pauses', { kind: 'PauseAgent', agentId: '1', reason: 'x' }],
    ['pauses in this queue', { kind: 'PauseAgent', agentId: '1', reason: 'x', queue: 'sales' }],
    ['logs out', { kind: 'LogOutAgent', who: { agentId: '1' } }],
    [
      'has a call of his own',
      { kind: 'ReportDevice', deviceUri: device('1').uri, state: 'inuse', source: 'presence' },
    ],
  ] as const)('the agent %s: nobody rings him, and the next is asked', (_what, command) => {
    const s = asked({}, '1', '2');
    s.call('a', 'sales');
    s.when(command);
    expect(s.kinds).toContain('OfferWithdrawn');
    expect(s.rung).toEqual(['2>a']);
  });

  it('he pauses in another queue: it goes on', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'x', queue: 'plain' });
    expect(phaseOf(s, '1')).toBe('asking');
  });

  it('another process takes over: there is no leg, and yet the offer stands', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    s.when({ kind: 'Reconcile', liveCalls: ['a'], liveOffers: [] });
    expect(s.kinds).toEqual([]);
    expect(phaseOf(s, '1')).toBe('asking');
  });

  it('the queue loses its veto: the answer still decides, and silence rings', () => {
    const s = asked({ veto: { name: 'crm', timeoutMs: 2_000, silence: 'refuse' } }, '1');
    s.call('a', 'sales');
    s.apply(config([queue('sales')], [agent('1', 'sales')]));
    s.pass(2_000);
    expect(s.event('OfferCleared')).toMatchObject({ ruling: 'silence' });
  });

  it('the call goes to another queue: what this one refused does not go along', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    rule(s, '1', 'refuse');
    s.pass(100);
    s.when({ kind: 'MoveCall', callId: 'a', queue: 'plain' });
    expect(s.rung).toEqual(['1>a']);
  });

  it('nor does it where he is transferred out of a talk', () => {
    const s = asked({}, '1', '2');
    s.call('a', 'sales');
    rule(s, '1', 'refuse');
    rule(s, '2', 'allow');
    s.talk('2');
    s.pass(100);
    s.when({ kind: 'TransferWithin', callId: 'a', to: { to: 'queue', queue: 'plain' } });
    expect(s.state.calls.get('a')?.vetoes).toBeNull();
    expect(s.rung).toEqual(['1>a']);
  });
});

describe('other rules beside it', () => {
  it('ringall: all are asked at once, each rings when it may, the first answer wins', () => {
    const s = asked({ strategy: 'ringall' }, '1', '2');
    s.call('a', 'sales');
    expect(s.rung).toEqual(['1>a', '2>a']);
    rule(s, '2', 'allow');
    s.talk('2');
    expect(s.callIs('a')).toBe('assigned');
    expect(s.agentIs('1')).toBe('idle');
  });

  it('ring-progressively: nobody joins one who is only asked about', () => {
    const progressive = { strategy: 'ring-progressively', progressiveDelayMs: 1_000 } as const;
    const s = asked({ ...progressive, veto: { ...ASKED, timeoutMs: 5_000 } }, '1', '2');
    s.call('a', 'sales');
    s.pass(3_000);
    expect(s.agentIs('2')).toBe('idle');
    rule(s, '1', 'allow');
    s.pass(1_000);
    expect(s.rung).toEqual(['2>a']);
  });

  it('a call given by a supervisor is asked about, too, though he was refused before', () => {
    const s = asked({}, '1');
    s.call('a', 'sales');
    rule(s, '1', 'refuse');
    s.pass(100);
    s.when({ kind: 'GiveCall', callId: 'a', agentId: '1' });
    expect(s.event('AgentOffered')).toMatchObject({ asks: true, given: true });
  });

  it('max-wait passes while it is asked: `app` ends the wait, `conf` waits for the outcome', () => {
    const app = asked({ maxWaitMs: 1_000 }, '1');
    app.call('a', 'sales');
    app.pass(1_000);
    expect(app.callIs('a')).toBe('gone');
    const conf = asked({ maxWaitMs: 1_000, timeoutPriority: 'conf' }, '1');
    conf.call('a', 'sales');
    conf.pass(1_000);
    expect(conf.callIs('a')).toBe('ringing');
    rule(conf, '1', 'refuse');
    expect(conf.callIs('a')).toBe('gone');
  });

  it('a call to one agent alone goes where he has such calls sent', () => {
    const s = scenario(
      config([queue('direct', { direct: true, veto: ASKED })], [agent('1', 'direct')]),
    );
    s.ready('1');
    s.call('a', 'direct', { agentId: '1' });
    rule(s, '1', 'refuse');
    expect(s.event('CallEnded')).toMatchObject({ status: 'TIMEOUT' });
  });
});
