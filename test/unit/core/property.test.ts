/**
 * Goal: no sequence of commands, however senseless, breaks a promise. Method: fast-check draws
 * commands over a handful of ids, so that they meet, and shrinks what fails to a few lines.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/core/commands.ts';
import { decide } from '../../../src/core/decide.ts';
import type { CoreEvent } from '../../../src/core/events.ts';
import { evolve } from '../../../src/core/evolve.ts';
import { checkDispatched, checkInvariants } from '../../../src/core/invariants.ts';
import { canonicalHash, restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { initialState, type State } from '../../../src/core/state.ts';
import type { CoreConfig } from '../../../src/core/types.ts';
import { agent, config, queue } from './scenario.ts';

const CONFIGS: readonly CoreConfig[] = [
  config(
    [queue('q', { wrapupMs: 2_000 }), queue('r', { weight: 1, periodicAnnounceMs: 4_000 })],
    [agent('1', 'q', 'r'), agent('2', 'q'), agent('3', 'r', 'q')],
    { secondLogin: 'replace' },
  ),
  config([queue('q', { maxlen: 2 })], [agent('1', 'q'), agent('2', 'q')], { maxCalls: 4 }),
  config([queue('r')], [agent('3', 'r')]),
];

const callId = fc.constantFrom('a', 'b', 'c', 'd');
const agentId = fc.constantFrom('1', '2', '3', '4');
const uri = fc.constantFrom('sip:x@pbx', 'sip:y@pbx', 'sip:z@pbx');
const number = fc.integer({ min: 1, max: 12 });
const offerId = fc.tuple(callId, number).map(([call, n]) => `${call}.o${n}`);
const leg = { sipCallId: 's', from: 'f', fromName: '', to: 't' };

function kind<K extends Command['kind'], T>(
  name: K,
  fields: { [F in keyof T]: fc.Arbitrary<T[F]> },
) {
  return fc.record({ kind: fc.constant(name), ...fields });
}

const anyCommand = fc.oneof(
  kind('ApplyConfig', { config: fc.constantFrom(...CONFIGS) }),
  kind('ArriveCall', { callId, queue: fc.constantFrom('q', 'r') }).map((it) => ({ ...it, ...leg })),
  kind('ConfirmCall', { callId }),
  kind('EndCall', { callId, cause: fc.constantFrom('bye', 'cancel', 'failed') }),
  kind('RingOffer', { offerId }),
  kind('AnswerOffer', { offerId }),
  kind('ConfirmBridge', { offerId }),
  kind('FailOffer', {
    offerId,
    failure: fc.constantFrom('busy', 'failed'),
    sipStatus: fc.constant(486),
    detail: fc.constant(''),
  }),
  kind('EndAgentLeg', { offerId, cause: fc.constantFrom('bye', 'failed') }),
  kind('LogInAgent', { agentId, device: uri.map((it) => ({ uri: it, registrar: null })) }),
  kind('LogOutAgent', { who: agentId.map((it) => ({ agentId: it })) }),
  kind('ReportDevice', {
    deviceUri: uri,
    state: fc.constantFrom('idle', 'idle', 'inuse', 'unknown'),
    source: fc.constant('presence'),
  }),
  kind('PauseAgent', { agentId, reason: fc.constant('x') }),
  kind('ResumeAgent', { agentId }),
  kind('EndWrapup', { agentId }),
  kind('ReachDeadline', {}),
  kind('Reconcile', { liveCalls: fc.subarray(['a', 'b']), liveOffers: fc.array(offerId) }),
);

/** Each command with the time that passed before it. */
const anyHistory = fc.array(fc.tuple(anyCommand, fc.constantFrom(0, 0, 10, 1_000, 16_000)), {
  minLength: 10,
  maxLength: 120,
});

function play(history: readonly (readonly [object, number])[], check: (state: State) => void) {
  const state = initialState();
  const events: CoreEvent[] = [];
  let at = 1_000;
  const send = (command: object): void => {
    const decided = decide(state, { ...command, at, by: 'test' } as Command);
    if (decided.ok) events.push(...decided.events);
    check(state);
  };
  send({ kind: 'ApplyConfig', config: CONFIGS[0] });
  for (const id of ['1', '2']) {
    const deviceUri = id === '1' ? 'sip:x@pbx' : 'sip:y@pbx';
    send({ kind: 'LogInAgent', agentId: id, device: { uri: deviceUri, registrar: null } });
    send({ kind: 'ReportDevice', deviceUri, state: 'idle', source: 'presence' });
  }
  for (const [command, passed] of history) {
    at += passed;
    send(command);
  }
  return { state, events };
}

describe('any sequence of commands', () => {
  it('keeps the invariants, and dispatches whoever can be dispatched', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        play(history, (state) => {
          expect([...checkInvariants(state), ...checkDispatched(state)]).toEqual([]);
        });
      }),
      { numRuns: 150 },
    );
  });

  it('replays to the same state, and restores to the same state', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const { state, events } = play(history, () => undefined);
        const replayed = initialState();
        const stored = JSON.parse(JSON.stringify(events)) as CoreEvent[];
        for (const event of stored) evolve(replayed, event);
        const plain = JSON.parse(JSON.stringify(snapshot(state))) as Snapshot;
        const restored = restore(plain);
        expect(canonicalHash(replayed)).toBe(canonicalHash(state));
        expect(canonicalHash(restored)).toBe(canonicalHash(state));
        expect(checkInvariants(restored)).toEqual([]);
        expect([...restored.agents.keys()]).toEqual([...state.agents.keys()]);
      }),
      { numRuns: 150 },
    );
  });

  it('ends every call that entered at most once, and those that are left are there', () => {
    fc.assert(
      fc.property(anyHistory, (history) => {
        const { state, events } = play(history, () => undefined);
        const open: string[] = [];
        for (const event of events) {
          if (event.kind === 'CallEntered') open.push(event.callId);
          if (event.kind !== 'CallEnded') continue;
          expect(open).toContain(event.callId);
          open.splice(open.indexOf(event.callId), 1);
        }
        expect(open.sort()).toEqual([...state.calls.keys()].sort());
      }),
      { numRuns: 150 },
    );
  });
});
