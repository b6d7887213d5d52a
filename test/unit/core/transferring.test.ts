/**
 * Goal: a talk that is transferred into a line of ours ends for the agent and goes on waiting for
 * the caller, and what cannot be leaves the talk as it is. Method: given-when-then; the scenario
 * checks invariants and replay after each command.
 */
import { describe, expect, it } from 'vitest';
import { canonicalHash, restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { TALKS_MAX } from '../../../src/core/state.ts';
import type { QueueConfig } from '../../../src/core/types.ts';
import { agent, config, queue, scenario } from './scenario.ts';

const toQueue = (name: string, callId = 'a') =>
  ({ kind: 'TransferWithin', callId, to: { to: 'queue', queue: name } }) as const;
const toAgent = (agentId: string, callId = 'a') =>
  ({ kind: 'TransferWithin', callId, to: { to: 'agent', agentId } }) as const;

/** Agent 1 of sales talks with caller a, who waited 5 s; 2 is of help, and ready. */
function talking(help: Partial<QueueConfig> = {}, isStaffed = true) {
  const queues = [
    queue('sales', { wrapupMs: 10_000 }),
    queue('help', help),
    queue('direct', { direct: true }),
  ];
  const agents = [agent('1', 'sales', 'direct'), agent('2', 'help', 'direct')];
  const s = scenario(config(queues, agents));
  s.call('a', 'sales');
  s.pass(5_000);
  s.ready('1');
  s.talk('1');
  if (isStaffed) s.ready('2');
  s.pass(20_000);
  return s;
}

describe('to a queue', () => {
  it('ends the agent’s part, with wrap-up, and rings for the caller there', () => {
    const s = talking();
    s.when(toQueue('help'));
    expect(s.kinds).toEqual(['CallTransferred', 'WrapupStarted', 'AgentOffered']);
    expect(s.event('CallTransferred')).toMatchObject({
      ...{ from: 'sales', agentId: '1', waitedMs: 5_000, talkedMs: 20_000 },
      ...{ queue: 'help', entry: 2, position: 1, priority: 0 },
    });
    expect([s.agentIs('1'), s.rung]).toEqual(['wrapup', ['2>a']]);
    expect(s.state.agents.get('1')?.talkedMs).toBe(20_000);
    s.talk('2');
    expect(s.event('CallConnected')).toMatchObject({ callId: 'a', queue: 'help', waitedMs: 0 });
  });

  it('waits anew: behind those who wait there, and its end tells of the last wait alone', () => {
    const s = talking({}, false);
    s.call('b', 'help');
    s.when(toQueue('help'));
    expect(s.line('help')).toEqual(['b', 'a']);
    s.pass(3_000);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.event('CallEnded')).toMatchObject({
      ...{ status: 'ABANDONED', agentId: null, waitedMs: 3_000, talkedMs: 0, position: 2 },
    });
  });

  it('back into its own line, while it was on hold: nobody holds it any more', () => {
    const s = talking();
    s.when({ kind: 'HoldCall', callId: 'a', holder: 'agent' });
    s.when(toQueue('sales'));
    expect(s.callIs('a')).toBe('waiting');
    s.pass(10_000);
    expect(s.rung).toEqual(['1>a']);
    s.talk('1');
    expect(s.state.calls.get('a')?.heldBy).toEqual([]);
  });

  it('keeps its priority, and leaves by the rules of the new queue', () => {
    const s = talking({ maxWaitMs: 30_000, failover: { TIMEOUT: [{ to: 'busy' }] } }, false);
    s.when({ kind: 'HangUpCall', callId: 'a' });
    s.pass(10_000);
    s.call('c', 'sales', { priority: 7 });
    s.talk('1');
    s.call('b', 'help');
    s.when(toQueue('help', 'c'));
    expect(s.line('help')).toEqual(['c', 'b']);
    s.pass(30_000);
    expect(s.callIs('c')).toBe('gone');
  });

  it('is a fact of the snapshot; one of before knows of no talks', () => {
    const s = talking();
    s.when(toQueue('help'));
    const plain = JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot;
    expect(plain.calls[0]?.talks).toEqual([
      { queue: 'sales', agentId: '1', waitedMs: 5_000, talkedMs: 20_000 },
    ]);
    expect(canonicalHash(restore(plain))).toBe(canonicalHash(s.state));
    const older = plain.calls.map((call) => ({ ...call, talks: undefined }));
    const text = JSON.stringify({ ...plain, calls: older });
    expect(restore(JSON.parse(text) as Snapshot).calls.get('a')?.talks).toEqual([]);
  });

  it.each([
    ['full', { maxlen: 1 }, 'queue-full'],
    ['where nobody is', { joinEmpty: ['unavailable'] }, 'queue-empty'],
    ['that is being removed', { draining: true }, 'unknown-queue'],
  ] as const)('%s is refused, and the talk goes on', (_what, more, refusal) => {
    const s = talking(more, false);
    if (refusal === 'queue-full') s.call('b', 'help');
    expect(s.refusal(toQueue('help'))).toBe(refusal);
    expect([s.agentIs('1'), s.callIs('a')]).toEqual(['busy', 'assigned']);
  });

  it('that there is not, or that is for calls to one agent, is refused', () => {
    const s = talking();
    expect(s.refusal(toQueue('nowhere'))).toBe('unknown-queue');
    expect(s.refusal(toQueue('direct'))).toBe('unknown-queue');
    expect(s.refusal(toQueue('help', 'x'))).toBe('unknown-call');
  });

  it('again and again ends some time', () => {
    const s = talking();
    for (let sent = 0; sent < TALKS_MAX; sent += 1) {
      s.when(toQueue('help'));
      s.talk('2');
    }
    expect(s.refusal(toQueue('help'))).toBe('moved-too-often');
    expect(s.callIs('a')).toBe('assigned');
  });
});

describe('to an agent', () => {
  it('waits for him alone, also while he is busy, and rings him first thing', () => {
    const s = talking();
    s.call('b', 'help');
    s.talk('2');
    s.when(toAgent('2'));
    expect(s.event('CallTransferred')).toMatchObject({ queue: 'direct', only: '2' });
    expect(s.rung).toEqual([]);
    s.when({ kind: 'EndCall', callId: 'b', cause: 'bye' });
    expect(s.rung).toEqual(['2>a']);
  });

  it('who is away or unknown is refused, and so is anybody where no queue is for that', () => {
    expect(talking({}, false).refusal(toAgent('2'))).toBe('not-logged-in');
    expect(talking().refusal(toAgent('9'))).toBe('unknown-agent');
    const s = scenario(config([queue('sales')], [agent('1', 'sales')]));
    s.ready('1');
    s.call('a', 'sales');
    s.talk('1');
    expect(s.refusal(toAgent('1'))).toBe('no-direct-queue');
  });
});

describe('of one who waits', () => {
  it('it is a move with his wait, and a gift', () => {
    const s = talking();
    s.call('b', 'sales');
    s.pass(4_000);
    s.when(toQueue('help', 'b'));
    expect(s.event('CallMoved')).toMatchObject({ queue: 'help', waitedMs: 4_000 });
    s.call('c', 'sales');
    s.fail('2');
    s.pass(5_000);
    expect(s.refusal(toAgent('1', 'c'))).toBe('agent-not-free');
  });
});

describe('an agent who wants to leave', () => {
  it('is logged out as soon as his part is over', () => {
    const s = talking();
    s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
    s.when(toQueue('help'));
    expect(s.kinds).toEqual(['CallTransferred', 'AgentLoggedOut', 'AgentOffered']);
    expect(s.agentIs('1')).toBe('loggedout');
  });
});
