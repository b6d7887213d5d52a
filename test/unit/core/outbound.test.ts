/**
 * Goal: an agent's own call takes him and nobody else, rings each phone once, and has one end,
 * which leaves queues and their figures as they were. Method: given-when-then; the scenario checks
 * invariants and replay after each command.
 */
import { describe, expect, it } from 'vitest';
import { canonicalHash, restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { STANDARD_IDLE_CLOCK, STANDARD_OUTBOUND } from '../../../src/core/rules.ts';
import { device, withAgents, type Scenario } from './scenario.ts';

const URI = 'sip:030123@pbx';
const dial = { kind: 'DialOut', callId: 'o', agentId: '1', uri: URI } as const;
const rings = { kind: 'RingOutbound', callId: 'o' } as const;
const takes = { kind: 'PickUpOutbound', callId: 'o' } as const;
const answers = { kind: 'ConnectOutbound', callId: 'o' } as const;
const refuses = { kind: 'RefuseOutbound', callId: 'o', outcome: 'busy' } as const;
const end = (outcome: 'completed' | 'cancelled' | 'busy', endedBy: 'agent' | 'callee' = 'agent') =>
  ({ kind: 'EndOutbound', callId: 'o', outcome, endedBy }) as const;

/** Agent 1 is ready, has dialled, and it has got so far. */
function dialled(...steps: readonly Parameters<Scenario['when']>[0][]): Scenario {
  const s = withAgents('1');
  s.when(dial);
  for (const step of steps) s.when(step);
  return s;
}

describe('an outbound call', () => {
  it('rings the agent, then the number, and is a talk until one hangs up', () => {
    const s = withAgents('1');
    s.when(dial);
    expect(s.event('OutboundBegan')).toMatchObject({ agentId: '1', device: device('1'), uri: URI });
    expect(s.agentIs('1')).toBe('busy');
    s.when(rings);
    expect(s.when(rings)).toEqual([]);
    s.when(takes);
    expect(s.kinds).toEqual(['OutboundPickedUp']);
    s.pass(3_000);
    s.when(answers);
    expect([s.when(answers), s.when(takes), s.when(rings)]).toEqual([[], [], []]);
    s.pass(9_000);
    s.when({ ...end('cancelled'), endedAt: s.now - 1_000 });
    expect(s.event('OutboundEnded')).toMatchObject({
      ...{ agentId: '1', outcome: 'completed', endedBy: 'agent' },
      ...{ talkedMs: 8_000, leftAt: s.now - 1_000 },
    });
    expect([s.agentIs('1'), s.state.outbound.size]).toEqual(['idle', 0]);
    expect(s.refusal(end('busy'))).toBe('unknown-call');
  });

  it('keeps a caller waiting for this agent alone, and gives him the agent at its end', () => {
    const s = dialled();
    s.call('a', 'sales');
    expect([s.callIs('a'), s.why('a', '1')]).toEqual(['waiting', 'talking']);
    s.when(takes);
    s.when(end('busy', 'callee'));
    expect(s.rung).toEqual(['1>a']);
    expect(s.history.filter(({ kind }) => kind === 'CallEnded')).toEqual([]);
  });

  it('of which nobody hears the end was no talk, whoever says so', () => {
    const s = dialled(takes);
    s.when(end('completed', 'callee'));
    expect(s.event('OutboundEnded')).toMatchObject({ outcome: 'failed', talkedMs: 0 });
  });

  it.each([
    ['his own phone', [], 30_000, 'agent-missed'],
    // He hears that nobody answers for the last five of them.
    ['the number', [takes], 65_000, 'no-answer'],
    ['a talk', [takes, answers], 24 * 3_600_000, 'completed'],
  ] as const)('ends by itself when %s takes too long', (_what, steps, limit, outcome) => {
    const s = dialled(...steps);
    s.pass(limit - 1);
    expect(s.state.outbound.size).toBe(1);
    s.pass(1);
    expect(s.event('OutboundEnded')).toMatchObject({ outcome, endedBy: 'system' });
    expect(s.agentIs('1')).toBe('idle');
  });

  it('of which the number is busy lets the agent hear it, and is over when he hangs up', () => {
    const s = dialled(takes);
    expect(dialled().refusal(refuses)).toBe('unknown-call');
    s.when({ ...refuses, sipStatus: 486, detail: 'Busy Here' });
    expect(s.event('OutboundRefused')).toMatchObject({ outcome: 'busy', sipStatus: 486 });
    expect([s.agentIs('1'), s.when({ ...refuses, outcome: 'failed' })]).toEqual(['busy', []]);
    expect([s.refusal(answers), s.when(takes)]).toEqual(['unknown-call', []]);
    s.pass(2_000);
    s.when(end('cancelled'));
    // What became of it is what the number said, whoever hangs up.
    expect(s.event('OutboundEnded')).toMatchObject({
      ...{ outcome: 'busy', endedBy: 'callee', sipStatus: 486, detail: 'Busy Here', talkedMs: 0 },
    });
    expect(dialled(takes, answers).refusal(refuses)).toBe('unknown-call');
  });

  it.each([
    ['he does not hang up', 5_000, undefined],
    ['the configuration gives it less time', 1_000, { toneMs: 1_000 }],
  ] as const)('ends by itself after the tone where %s', (_what, limit, more) => {
    const s = dialled(takes, refuses);
    if (more !== undefined)
      s.apply({ ...s.state.config, outbound: { ...STANDARD_OUTBOUND, ...more } });
    s.pass(limit - 1);
    expect(s.state.outbound.size).toBe(1);
    s.pass(1);
    expect(s.event('OutboundEnded')).toMatchObject({ outcome: 'busy', endedBy: 'callee' });
  });

  it('is over at once where there is to be no tone', () => {
    const s = withAgents('1');
    s.apply({ ...s.state.config, outbound: { ringMs: 10_000, dialMs: 20_000, toneMs: 0 } });
    for (const step of [dial, takes, refuses] as const) s.when(step);
    expect(s.kinds).toEqual(['OutboundEnded']);
    s.when({ ...dial, callId: 'p' });
    s.pass(10_000);
    expect(s.event('OutboundEnded')).toMatchObject({ callId: 'p', outcome: 'agent-missed' });
    s.when({ ...dial, callId: 'q' });
    s.when({ ...takes, callId: 'q' });
    s.pass(20_000);
    expect(s.event('OutboundEnded')).toMatchObject({ outcome: 'no-answer', endedBy: 'system' });
  });

  it.each([
    ['taken out by command', { kind: 'HangUpCall', callId: 'o' }],
    ['without a leg after a restart', { kind: 'Reconcile', liveCalls: [], liveOffers: [] }],
  ] as const)('that hears the tone and is %s was busy', (_what, command) => {
    const s = dialled(takes, refuses);
    s.when(command);
    expect(s.event('OutboundEnded')).toMatchObject({ outcome: 'busy', endedBy: 'callee' });
  });

  it('is ended by command in each phase', () => {
    for (const steps of [[], [takes], [takes, answers]]) {
      const s = dialled(...steps);
      s.when({ kind: 'HangUpCall', callId: 'o' });
      expect(s.event('OutboundEnded')).toMatchObject({ outcome: 'hung-up', endedBy: 'system' });
    }
  });

  it('is refused where the agent or his phone cannot take it', () => {
    const s = withAgents();
    expect(s.refusal(dial)).toBe('not-logged-in');
    expect(s.refusal({ ...dial, agentId: '9' })).toBe('unknown-agent');
    s.when({ kind: 'LogInAgent', agentId: '1', device: device('1') });
    for (const state of ['inuse', 'ringing', 'unavailable', 'unknown'] as const) {
      if (state !== 'unknown') s.report('1', state);
      expect(s.refusal(dial), state).toBe('agent-not-free');
    }
    s.report('1', 'idle');
    s.call('a', 'sales');
    expect(s.rung).toEqual(['1>a']);
    expect(s.refusal(dial)).toBe('agent-not-free');
    s.talk('1');
    expect(s.refusal(dial)).toBe('agent-not-free');
    expect(s.refusal({ ...dial, callId: 'a' })).toBe('duplicate-call');
  });

  it('has a place among the calls that there may be', () => {
    const s = withAgents('1', '2');
    s.apply({ ...s.state.config, maxCalls: 1 });
    s.when(dial);
    expect(s.refusal(dial)).toBe('duplicate-call');
    expect(s.refusal({ ...dial, callId: 'p', agentId: '2' })).toBe('overload');
    s.arrive('a', 'sales');
    expect(s.event('CallRefused').status).toBe('OVERLOAD');
  });

  it('of an agent who is paused or in wrap-up is his own affair; both go on', () => {
    const s = withAgents('1');
    s.apply({
      ...s.state.config,
      queues: s.state.config.queues.map((q) => ({ ...q, wrapupMs: 9_000 })),
    });
    s.call('a', 'sales');
    s.serve('1', 1_000);
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
    expect(s.agentIs('1')).toBe('wrapup');
    s.when(dial);
    s.when(takes);
    s.pass(9_000);
    expect(s.kinds).toEqual(['WrapupEnded']);
    s.when(end('cancelled'));
    expect([s.kinds, s.agentIs('1')]).toEqual([['OutboundEnded'], 'paused']);
  });

  it.each([
    [true, 0],
    [false, 5_000],
  ])('starts the idle clock anew if own-call is %s', (ownCall, idleMs) => {
    const s = withAgents('1');
    s.apply({ ...s.state.config, idleClock: { ...STANDARD_IDLE_CLOCK, ownCall } });
    const idle = () => s.now - (s.state.agents.get('1')?.idleSince ?? 0);
    s.when(dial);
    s.pass(5_000);
    s.when(end('cancelled'));
    // His phone did not even take it.
    expect(idle()).toBe(5_000);
    s.when(dial);
    s.when(takes);
    s.when(end('cancelled'));
    expect(idle()).toBe(idleMs);
  });

  it('is over before he is logged out, whoever asks for that', () => {
    const s = dialled(takes);
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    expect(s.kinds).toEqual(['LogoutDeferred']);
    const [queues, agents] = [s.state.config.queues, []];
    s.apply({ ...s.state.config, queues, agents });
    expect(s.state.outbound.size).toBe(1);
    s.when(end('cancelled'));
    expect(s.kinds).toEqual(['OutboundEnded', 'AgentLoggedOut']);
    expect(s.agentIs('1')).toBe('gone');
  });

  it.each([[[]], [[refuses]]] as const)('is in a snapshot, with its limit %#', (more) => {
    const s = dialled(rings, takes, ...more);
    const plain = JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot;
    const restored = restore(plain);
    expect(canonicalHash(restored)).toBe(canonicalHash(s.state));
    expect(restored.outbound.get('o')).toMatchObject({ hasRung: true, pickedUpAt: s.now });
    expect(restored.timers.first()?.at).toBe(s.state.timers.first()?.at);
  });

  it('of a former version’s snapshot was not refused', () => {
    const s = dialled(takes);
    const plain = JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot;
    for (const own of plain.outbound ?? []) delete (own as { refused?: unknown }).refused;
    expect(restore(plain).outbound.get('o')?.refused).toBeNull();
  });

  it.each([
    ['rings', [takes], 'hung-up'],
    ['talks', [takes, answers], 'completed'],
  ] as const)('that %s and has no leg any more is ended by a stop', (_what, steps, outcome) => {
    const s = dialled(...steps);
    s.when({ kind: 'Reconcile', liveCalls: ['o'], liveOffers: [] });
    expect(s.kinds).toEqual([]);
    s.when({ kind: 'Reconcile', liveCalls: [], liveOffers: [] });
    expect(s.event('OutboundEnded')).toMatchObject({ outcome, endedBy: 'system' });
  });
});
