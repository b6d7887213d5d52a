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
import type {
  CoreConfig,
  PenaltyLimits,
  SkillNeed,
  WrittenConfig,
} from '../../../src/core/types.ts';
import { COMMAND_KINDS, EVENT_KINDS } from './kinds.ts';
import { agent, config, queue } from './scenario.ts';
import { STRATEGIES } from './strategies.ts';

const CONFIGS: readonly CoreConfig[] = [
  config(
    [queue('q', { wrapupMs: 2_000 }), queue('r', { weight: 1, periodicAnnounceMs: 4_000 })],
    [agent('1', 'q', 'r'), agent('2', 'q'), agent('3', 'r', 'q')],
    { secondLogin: 'replace' },
  ),
  config([queue('q', { maxlen: 2, wrapupMs: 1_000 })], [agent('1', 'q'), agent('2', 'q')], {
    maxCalls: 4,
  }),
  config([queue('r')], [agent('3', 'r')]),
  ...STRATEGIES.map((strategy, n) =>
    config(
      [
        queue('q', {
          strategy,
          priority: n % 3,
          autofill: n % 4 !== 0,
          ringInUse: n % 2 === 0,
          timeoutRestart: n % 3 === 0,
          autopause: n % 3 === 0 ? 'yes' : 'all',
          autopauseBusy: true,
          autopauseMisses: 1 + (n % 2),
          autopauseLengthMs: n % 2 === 0 ? 5_000 : 0,
          progressiveDelayMs: 1_000,
          penaltySteps:
            n % 2 === 0
              ? [
                  { atMs: 0, max: { by: 'set', value: 0 } },
                  { atMs: 1_000, max: { by: 'add', value: 1 }, raise: { by: 'set', value: 1 } },
                ]
              : [],
          penaltyMembersLimit: n % 3,
          skills: n % 3 === 1 ? { is: 'level', skill: 'x', least: 2, most: 100 } : null,
          skillSteps: n % 2 === 0 ? [{ atMs: 2_000, need: null }] : [],
          stickyMs: (n % 4) * 1_000,
          veto:
            n % 4 === 1
              ? { name: 'crm', timeoutMs: 3_000, silence: n % 8 === 1 ? 'ring' : 'refuse' }
              : null,
          maxlen: n % 4 === 1 ? 3 : 0,
          maxEstimatedWaitMs: n % 5 === 1 ? 2_000 : 0,
          leaveWhenEmpty: n % 4 === 2 ? ['wrapup', 'unavailable'] : [],
          failover: {
            LEAVEEMPTY: [{ to: 'queue', queue: 'r' }],
            LEAVEUNAVAIL: [{ to: 'queue', queue: 'r' }],
            WITHDRAW: [{ to: 'queue', queue: 'r' }],
            FULL: [{ to: 'queue', queue: 'r' }],
          },
        }),
        queue('r', {
          strategy,
          weight: n % 2,
          timeoutRestart: false,
          wrapupMs: 1_000,
          maxTalks: n % 3,
          maxlen: n % 2 === 0 ? 2 : 0,
          maxWaitMs: n % 3 === 0 ? 9_000 : 0,
          timeoutPriority: n % 2 === 0 ? 'app' : 'conf',
          joinEmpty: n % 4 === 0 ? ['paused'] : [],
          leaveWhenEmpty: n % 3 === 0 ? ['paused', 'inuse', 'unknown'] : [],
          failover: {
            TIMEOUT: [{ to: 'queue', queue: 'q' }],
            FULL: [{ to: 'queue', queue: 'gone' }, { to: 'queue', queue: 'q' }, { to: 'busy' }],
            JOINEMPTY: [{ to: 'queue', queue: 'q' }],
            LEAVEUNAVAIL: [
              { to: 'queue', queue: 'q' },
              { to: 'hangup', cause: 20 },
            ],
          },
          exitKeys: { '1': [{ to: 'queue', queue: 'q' }], '2': [{ to: 'uri', uri: 'sip:x@y' }] },
        }),
        queue('d', { direct: true, leaveWhenEmpty: ['invalid'], maxWaitMs: 9_000 }),
      ],
      [
        {
          ...agent('1', 'q', 'r', 'd'),
          memberships: [{ queue: 'q', penalty: n % 2, wrapupMs: 500 }],
        },
        {
          ...agent('2', 'q', 'd'),
          memberships: [{ queue: 'q', penalty: 1, share: 2, order: 0 }],
          skills: { x: 1 + (n % 3) },
          never: n % 4 === 3 ? ['f'] : [],
        },
        {
          ...agent('3', 'r', 'q', 'd'),
          memberships: [{ queue: 'r', penalty: -1 }],
          wrapupMs: 3_000,
          noAnswer: [{ to: 'queue', queue: 'q' }],
        },
        n % 3 === 0
          ? { ...agent('4', 'q'), device: { uri: 'sip:z@pbx', registrar: null } }
          : agent('4', 'q'),
      ],
      n % 4 === 0 ? { pauseReasons: [{ reason: 'x', maxMs: 5_000 }] } : {},
    ),
  ),
];

/** How a change of the configuration was asked for. */
const WRITTEN: readonly WrittenConfig[] = [
  { source: 'rest', live: 'one', note: 'a member' },
  { source: 'file', live: 'two', file: 'three', note: '' },
];

/** What calls bring along of penalties and skills. */
const LIMITS: readonly PenaltyLimits[] = [
  { min: null, max: 0, raise: null },
  { min: 1, max: null, raise: 1 },
];
const NEEDS: readonly SkillNeed[] = [
  { is: 'level', skill: 'x', least: 1, most: 100 },
  { is: 'not', of: { is: 'level', skill: 'x', least: 3, most: 100 } },
];

const outboundId = fc.constantFrom('a', 'o');
const callId = fc.constantFrom('a', 'b', 'c', 'd');
const agentId = fc.constantFrom('1', '2', '3', '4');
const queueName = fc.constantFrom('q', 'r');
const uri = fc.constantFrom('sip:x@pbx', 'sip:y@pbx', 'sip:z@pbx');
/** `#n`: the nth offer there is when its turn comes, else one that may have been. */
const offerId = fc.constantFrom('#0', '#0', '#0', '#1', '#1', '#2', 'a.o1', 'b.o2');
/** Before everything, in the course of the run, after it. */
const endedAt = fc.constantFrom(0, 1_003_000, 1_020_000, 9_000_000);
const leg = { sipCallId: 's', from: 'f', fromName: '', to: 't' };

function kind<K extends Command['kind'], T>(
  name: K,
  fields: { [F in keyof T]: fc.Arbitrary<T[F]> },
) {
  return fc.record({ kind: fc.constant(name), ...fields });
}

function often<T>(weight: number, arbitrary: fc.Arbitrary<T>) {
  return { weight, arbitrary };
}

const holder = fc.constant('agent');
const anyCommand = fc.oneof(
  often(1, kind('NoteStart', { version: fc.constant('2') })),
  often(2, kind('ApplyConfig', { config: fc.constantFrom(...CONFIGS) })),
  often(
    1,
    kind('ApplyConfig', {
      config: fc.constantFrom(...CONFIGS),
      written: fc.constantFrom(...WRITTEN),
    }),
  ),
  often(
    4,
    kind('ArriveCall', {
      callId,
      queue: queueName,
      ...{ priority: fc.constantFrom(0, 1), maxWaitMs: fc.constantFrom(0, 2_000) },
      limits: fc.constantFrom(...LIMITS),
      skills: fc.constantFrom(...NEEDS),
    }).map((it) => ({ ...leg, ...it })),
  ),
  often(
    2,
    kind('ArriveCall', { callId, queue: fc.constantFrom('d', 'd', 'd', 'q'), agentId }).map(
      (it) => ({ ...leg, ...it }),
    ),
  ),
  often(
    8,
    kind('ArriveCall', { callId, queue: fc.constantFrom('q', 'r') }).map((it) => ({
      ...it,
      ...leg,
    })),
  ),
  often(16, kind('ConfirmCall', { callId })),
  often(3, kind('EndCall', { callId, cause: fc.constantFrom('bye', 'cancel', 'failed'), endedAt })),
  often(
    8,
    kind('RuleOffer', {
      offerId,
      ruling: fc.constantFrom('allow', 'allow', 'refuse', 'silence'),
      detail: fc.constant(''),
    }),
  ),
  often(4, kind('RingOffer', { offerId })),
  often(2, kind('NoteInvite', { offerId, transaction: fc.constantFrom('t1', 't2') })),
  often(12, kind('AnswerOffer', { offerId })),
  often(12, kind('ConfirmBridge', { offerId })),
  often(
    3,
    kind('FailOffer', {
      offerId,
      failure: fc.constantFrom('busy', 'failed'),
      sipStatus: fc.constant(486),
      detail: fc.constant(''),
    }),
  ),
  often(4, kind('EndAgentLeg', { offerId, cause: fc.constantFrom('bye', 'failed'), endedAt })),
  often(
    4,
    kind('LogInAgent', { agentId, device: uri.map((it) => ({ uri: it, registrar: null })) }),
  ),
  often(2, kind('LeaveQueue', { agentId, queue: queueName })),
  often(2, kind('JoinQueue', { agentId, queue: queueName })),
  often(
    1,
    kind('LogInAgent', {
      agentId,
      device: uri.map((it) => ({ uri: it, registrar: null })),
      queues: fc.constant(['q']),
    }),
  ),
  often(4, kind('LogOutAgent', { who: agentId.map((it) => ({ agentId: it })) })),
  often(
    14,
    kind('ReportDevice', {
      deviceUri: uri,
      state: fc.constantFrom('idle', 'idle', 'idle', 'idle', 'inuse', 'unknown'),
      source: fc.constant('presence'),
    }),
  ),
  often(1, kind('PauseAgent', { agentId, reason: fc.constant('x') })),
  often(1, kind('PauseAgent', { agentId, reason: fc.constant('y'), queue: queueName })),
  often(5, kind('ResumeAgent', { agentId })),
  often(1, kind('ResumeAgent', { agentId, queue: queueName })),
  often(4, kind('EndWrapup', { agentId })),
  often(1, kind('ExitCall', { callId, key: fc.constantFrom('1', '2', '3') })),
  often(1, kind('WithdrawCall', { callId })),
  often(1, kind('HangUpCall', { callId })),
  often(5, kind('HoldCall', { callId, holder })),
  often(5, kind('UnholdCall', { callId, holder })),
  often(1, kind('TransferCall', { callId, uri: fc.constant('sip:x@y') })),
  often(3, kind('ReferTransfer', { callId })),
  often(3, kind('DialTransfer', { callId })),
  often(3, kind('AnswerTransfer', { callId })),
  often(2, kind('EndTransfer', { callId, outcome: fc.constantFrom('busy', 'left'), endedAt })),
  often(
    6,
    kind('TransferWithin', {
      callId,
      to: fc.constantFrom({ to: 'queue', queue: 'r' }, { to: 'agent', agentId: '1' }),
    }),
  ),
  often(3, kind('DialOut', { callId: outboundId, agentId, uri: fc.constant('sip:x@y') })),
  often(4, kind('RingOutbound', { callId: outboundId })),
  often(6, kind('PickUpOutbound', { callId: outboundId })),
  often(6, kind('ConnectOutbound', { callId: outboundId })),
  often(4, kind('RefuseOutbound', { callId: outboundId, outcome: fc.constantFrom('busy') })),
  often(
    2,
    kind('EndOutbound', {
      callId: outboundId,
      outcome: fc.constantFrom('busy', 'completed'),
      endedBy: fc.constant('callee'),
      endedAt,
    }),
  ),
  often(1, kind('HangUpCall', { callId: outboundId })),
  often(2, kind('MoveCall', { callId, queue: fc.constantFrom('q', 'r', 'gone') })),
  often(2, kind('GiveCall', { callId, agentId })),
  often(1, kind('ExtendWrapup', { agentId, forMs: fc.constantFrom(0, 2_000) })),
  often(2, kind('ReorderCall', { callId, priority: fc.integer({ min: 0, max: 2 }) })),
  often(2, kind('ReorderCall', { callId, position: fc.integer({ min: -1, max: 4 }) })),
  often(
    2,
    kind('ArriveCall', { callId, queue: queueName, position: fc.constantFrom(1, 2) }).map((it) => ({
      ...it,
      ...leg,
    })),
  ),
  often(6, kind('ReachDeadline', {})),
  often(
    1,
    kind('Reconcile', { liveCalls: fc.subarray(['a', 'b', 'o']), liveOffers: fc.array(offerId) }),
  ),
);

/** Each command with the time that passed before it. */
const anyHistory = fc.array(fc.tuple(anyCommand, fc.constantFrom(0, 0, 0, 10, 10, 1_000, 16_000)), {
  minLength: 10,
  maxLength: 120,
  // Without it fast-check draws about ten, whatever the maximum says.
  size: 'max',
});

function play(history: readonly (readonly [object, number])[], check: (state: State) => void) {
  const state = initialState();
  const events: CoreEvent[] = [];
  let at = 1_000;
  const resolve = (id: string): string => {
    return id.startsWith('#') ? ([...state.offers.keys()][Number(id.slice(1))] ?? 'none') : id;
  };
  const send = (drawn: object): void => {
    let command = drawn;
    if ('offerId' in drawn) command = { ...drawn, offerId: resolve(String(drawn.offerId)) };
    if ('liveOffers' in drawn) {
      command = { ...drawn, liveOffers: (drawn.liveOffers as string[]).map(resolve) };
    }
    const decided = decide(state, { ...command, at, by: 'test' } as Command);
    if (decided.ok) events.push(...decided.events);
    check(state);
  };
  send({ kind: 'NoteStart', version: '1' });
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

/** Events that take several steps within one talk, or transfer. */
const FAR = [
  'CallUnheld',
  'VetoEnded',
  'TransferAnswered',
  'TransferDialled',
  'TransferReferred',
] as const;

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

  it('is drawn of every kind of command, so that every kind of event happens', () => {
    const kinds = new Set<string>();
    const drawn = new Set<string>();
    const histories = fc.sample(anyHistory, { numRuns: 600, seed: 4 });
    for (const history of histories) {
      for (const [command] of history) drawn.add(command.kind);
      for (const event of play(history, () => undefined).events) kinds.add(event.kind);
    }
    expect(COMMAND_KINDS.filter((each) => !drawn.has(each))).toEqual([]);
    // The simulator reaches these.
    for (const kind of FAR) kinds.add(kind);
    expect(EVENT_KINDS.filter((each) => !kinds.has(each))).toEqual([]);
  });
});
