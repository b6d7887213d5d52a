/**
 * Goal: a talk on hold stays a talk, whoever holds it, and goes on when nobody does any more.
 * Method: given-when-then.
 */
import { describe, expect, it } from 'vitest';
import { restore, snapshot, canonicalHash, type Snapshot } from '../../../src/core/snapshot.ts';
import { withAgents } from './scenario.ts';

const hold = (holder: 'agent' | 'caller' | 'command') =>
  ({ kind: 'HoldCall', callId: 'a', holder }) as const;
const unhold = (holder: 'agent' | 'caller' | 'command') =>
  ({ kind: 'UnholdCall', callId: 'a', holder }) as const;

function talking() {
  const s = withAgents('1');
  s.call('a', 'sales');
  s.talk('1');
  return s;
}

describe('hold', () => {
  it('is a fact of the talk until its last holder is gone', () => {
    const s = talking();
    s.when(hold('agent'));
    expect(s.event('CallHeld')).toMatchObject({ callId: 'a', agentId: '1', holder: 'agent' });
    s.when(hold('caller'));
    expect(s.state.calls.get('a')?.heldBy).toEqual(['agent', 'caller']);
    s.when(unhold('agent'));
    expect(s.state.calls.get('a')?.heldBy).toEqual(['caller']);
    s.when(unhold('caller'));
    expect(s.kinds).toEqual(['CallUnheld']);
    expect(s.state.calls.get('a')?.heldBy).toEqual([]);
    expect(s.agentIs('1')).toBe('busy');
  });

  it('said again changes nothing, and neither does the end of what is not', () => {
    const s = talking();
    s.when(hold('command'));
    expect(s.when(hold('command'))).toEqual([]);
    expect(s.when(unhold('agent'))).toEqual([]);
  });

  it('counts as talk: either may end it, and the time is the agent’s', () => {
    const s = talking();
    s.when(hold('agent'));
    s.pass(7_000);
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.event('CallEnded')).toMatchObject({ status: 'COMPLETED', talkedMs: 7_000 });
    expect(s.agentIs('1')).toBe('idle');
  });

  it('of who waits, or is not there, is refused', () => {
    const s = withAgents('1');
    expect(s.refusal(hold('agent'))).toBe('unknown-call');
    s.call('a', 'sales');
    expect(s.refusal(hold('caller'))).toBe('not-talking');
    expect(s.refusal(unhold('caller'))).toBe('not-talking');
  });

  it('is in a snapshot; one of before holds were known has none', () => {
    const s = talking();
    s.when(hold('agent'));
    const plain = JSON.parse(JSON.stringify(snapshot(s.state))) as Snapshot;
    expect(canonicalHash(restore(plain))).toBe(canonicalHash(s.state));
    const older = { ...plain, calls: plain.calls.map(({ heldBy: _heldBy, ...call }) => call) };
    expect(restore(older).calls.get('a')?.heldBy).toEqual([]);
  });
});
