/**
 * Goal: a caller who is sent to an address outside is known until he is there, whoever restarts,
 * and ends once, by itself if nobody says so. Method: given-when-then; the scenario checks
 * invariants and replay after each command.
 */
import { DIALS_MAX } from '../../../src/core/sending.ts';
import { describe, expect, it } from 'vitest';
import { canonicalHash, restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { withAgents } from './scenario.ts';

/** Caller a, out of a talk of 2 s with agent 1, to the desk. */
function sent() {
  const s = withAgents('1');
  s.call('a', 'sales');
  s.talk('1');
  s.pass(2_000);
  s.when({ kind: 'TransferCall', callId: 'a', uri: 'sip:desk@pbx' });
  return s;
}

const dial = { kind: 'DialTransfer', callId: 'a' } as const;
const answer = { kind: 'AnswerTransfer', callId: 'a' } as const;
const end = (outcome: 'left' | 'busy' | 'abandoned' | 'hung-up') =>
  ({ kind: 'EndTransfer', callId: 'a', outcome }) as const;

describe('a transfer', () => {
  it('begins with the end of the visit; the agent is free', () => {
    const s = sent();
    expect(s.kinds).toEqual(['CallEnded', 'TransferBegan']);
    expect(s.event('TransferBegan')).toMatchObject({ uri: 'sip:desk@pbx', queue: 'sales' });
    expect([s.callIs('a'), s.agentIs('1')]).toEqual(['gone', 'idle']);
    s.when(end('left'));
    expect(s.event('TransferEnded')).toMatchObject({ outcome: 'left', talkedMs: 0 });
    expect(s.state.transfers.size).toBe(0);
    expect(s.refusal(end('left'))).toBe('unknown-transfer');
  });

  it('is dialled, talks, and has then been a talk, whoever hangs up', () => {
    const s = sent();
    expect(s.refusal(answer)).toBe('unknown-transfer');
    s.when(dial);
    expect(s.event('TransferDialled').attempt).toBe(1);
    s.when(dial);
    expect(s.event('TransferDialled').attempt).toBe(2);
    s.when(answer);
    expect(s.when(answer)).toEqual([]);
    expect(s.refusal(dial)).toBe('unknown-transfer');
    s.pass(9_000);
    s.when({ ...end('abandoned'), endedAt: s.now - 1_000 });
    expect(s.event('TransferEnded')).toMatchObject({ outcome: 'completed', talkedMs: 8_000 });
    expect(s.event('TransferEnded').leftAt).toBe(s.now - 1_000);
  });

  it('remembers that his own side has promised to call, once, and not when we call', () => {
    const s = sent();
    const refer = { kind: 'ReferTransfer', callId: 'a' } as const;
    s.when(refer);
    expect(s.event('TransferReferred').callId).toBe('a');
    expect(s.when(refer)).toEqual([]);
    expect(s.state.transfers.get('a')?.isReferred).toBe(true);
    s.when(dial);
    expect(s.refusal(refer)).toBe('unknown-transfer');
  });

  it('has failed when it was dialled as often as may be', () => {
    const s = sent();
    for (let attempt = 1; attempt <= DIALS_MAX; attempt += 1) s.when(dial);
    expect(s.event('TransferDialled').attempt).toBe(DIALS_MAX);
    s.when(dial);
    expect(s.kinds).toEqual(['TransferEnded']);
    expect(s.event('TransferEnded').outcome).toBe('failed');
    expect(s.state.transfers.size).toBe(0);
  });

  it('has a place among the calls that there may be, as its leg has', () => {
    const s = sent();
    s.apply({ ...s.state.config, maxCalls: 1 });
    s.arrive('b', 'sales');
    expect(s.event('CallRefused').status).toBe('OVERLOAD');
    s.when(end('left'));
    s.arrive('c', 'sales');
    expect(s.kinds).toEqual(['CallEntered']);
  });

  it('is ended by command', () => {
    const s = sent();
    s.when(dial);
    s.when(answer);
    s.when({ kind: 'HangUpCall', callId: 'a' });
    expect(s.event('TransferEnded')).toMatchObject({ outcome: 'hung-up' });
  });

  it.each([
    ['asked for', [], 100_000],
    ['rung for', [dial], 70_000],
    ['talking', [dial, answer], 24 * 3_600_000],
  ] as const)('that is %s ends by itself', (_what, steps, limit) => {
    const s = sent();
    for (const step of steps) s.when(step);
    s.pass(limit - 1);
    expect(s.state.transfers.size).toBe(1);
    s.pass(1);
    expect(s.event('TransferEnded').outcome).toBe('hung-up');
  });

  it('is in a snapshot; the caller does not come a second time meanwhile', () => {
    const s = sent();
    s.when(dial);
    const plain = JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot;
    expect(canonicalHash(restore(plain))).toBe(canonicalHash(s.state));
    expect(restore(plain).transfers.get('a')).toMatchObject({ attempt: 1, uri: 'sip:desk@pbx' });
    const again = { kind: 'ArriveCall', callId: 'a', queue: 'sales', sipCallId: 'x' } as const;
    expect(s.refusal({ ...again, from: '', fromName: '', to: '' })).toBe('duplicate-call');
  });

  it('of whom nobody has a leg is ended at a takeover', () => {
    const s = sent();
    s.when({ kind: 'Reconcile', liveCalls: [], liveOffers: [] });
    expect(s.event('TransferEnded').outcome).toBe('failed');
  });
});
