/**
 * Goal: whoever is rung is whom a look at every pair would find, whatever `max-talks`, `autofill`
 * and `direct` keep back and however a reload turns them; and what is kept back costs nothing.
 * Method: property tests against a slow reference that knows no lists, and a count of looks.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Command } from '../../../src/core/commands.ts';
import { decide } from '../../../src/core/decide.ts';
import { obstacle } from '../../../src/core/eligible.ts';
import { evolve } from '../../../src/core/evolve.ts';
import { compareInLine } from '../../../src/core/orders.ts';
import { initialState, type Call, type Queue, type State } from '../../../src/core/state.ts';
import { chooseMember } from '../../../src/core/strategies.ts';
import type { CoreConfig, QueueConfig, Strategy } from '../../../src/core/types.ts';
import { agent, config, device, queue, scenario, type Scenario } from './scenario.ts';
import { STRATEGIES } from './strategies.ts';

const SKILL = { is: 'level', skill: 'x', least: 1, most: 9 } as const;

const house = fc.record({
  strategy: fc.constantFrom(...STRATEGIES),
  maxTalks: fc.constantFrom(0, 1, 2),
  autofill: fc.boolean(),
  isDirect: fc.boolean(),
  weight: fc.constantFrom(0, 1),
});

type House = typeof house extends fc.Arbitrary<infer T> ? T : never;

function houseOf(drawn: House): CoreConfig {
  const { isDirect, weight, ...rules } = drawn;
  const options: Partial<QueueConfig> = { ...rules, retryMs: 0, progressiveDelayMs: 1_000 };
  const q = { ...options, weight, ...(isDirect ? ({ direct: true } as const) : {}) };
  return config(
    [queue('q', q), queue('r', options)],
    ['1', '2', '3', '4'].map((id, n) => ({
      ...agent(id, ...(n === 3 ? ['r'] : ['q', 'r'])),
      memberships: [{ queue: 'q', penalty: n % 2 }],
      skills: { x: n % 2 },
    })),
  );
}

const callId = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const agentId = fc.constantFrom('1', '2', '3', '4');
const isChoosy = fc.boolean();

/** One step of a house, as the commands of the scenario. */
const step = fc.oneof(
  { weight: 1, arbitrary: house.map((drawn) => (s: Scenario) => void s.apply(houseOf(drawn))) },
  {
    weight: 8,
    arbitrary: fc
      .record({ callId, agentId, isChoosy, isUp: fc.boolean(), name: fc.constantFrom('q', 'r') })
      .map((drawn) => (s: Scenario) => {
        const isHis = s.state.queues.get(drawn.name)?.config.direct === true;
        s.send({
          ...{ kind: 'ArriveCall', callId: drawn.callId, queue: drawn.name, sipCallId: 's' },
          ...{ from: 'f', fromName: '', to: 't' },
          ...(isHis ? { agentId: drawn.agentId } : {}),
          ...(drawn.isChoosy ? { skills: SKILL } : {}),
        });
        if (drawn.isUp) s.send({ kind: 'ConfirmCall', callId: drawn.callId });
      }),
  },
  {
    weight: 4,
    arbitrary: callId.map(
      (id) => (s: Scenario) => void s.send({ kind: 'ConfirmCall', callId: id }),
    ),
  },
  {
    weight: 2,
    arbitrary: callId.map(
      (id) => (s: Scenario) => void s.send({ kind: 'EndCall', callId: id, cause: 'bye' }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(callId, fc.constantFrom(1, 2, 3)).map(([id, position]) => (s: Scenario) => {
      s.send({ kind: 'ReorderCall', callId: id, position });
    }),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(agentId, fc.constantFrom('idle', 'inuse')).map(
      ([id, state]) =>
        (s: Scenario) =>
          void s.report(id, state),
    ),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(agentId, fc.constantFrom('talk', 'fail', 'bye'))
      .map(([id, what]) => (s: Scenario) => {
        const [offer] = [...s.state.offers.values()].filter((one) => one.agentId === id);
        if (offer === undefined) return;
        if (what === 'bye') s.send({ kind: 'EndAgentLeg', offerId: offer.id, cause: 'bye' });
        else if (offer.phase === 'connected') return;
        else if (what === 'talk') s.talk(id);
        else s.fail(id);
      }),
  },
  { weight: 3, arbitrary: fc.constant((s: Scenario) => void s.pass(1_000)) },
);

/** By a look at every call, in order, and every member: `<agent>><call>`; null: nobody. */
function slowly(state: State): string | null {
  const calls: { readonly call: Call; readonly of: Queue }[] = [];
  for (const call of state.calls.values()) {
    const of = state.queues.get(call.queue);
    if (of !== undefined) calls.push({ call, of });
  }
  calls.sort((a, b) => b.of.config.weight - a.of.config.weight || compareInLine(a.call, b.call));
  for (const { call, of } of calls) {
    if (of.members.every((member) => obstacle(state, call, member) !== null)) continue;
    return `${chooseMember(state, call, of)?.agent.id ?? 'nobody'}>${call.id}`;
  }
  return null;
}

describe('who is rung', () => {
  it('is whom a look at every pair finds', () => {
    fc.assert(
      fc.property(
        house,
        fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
        (of, steps) => {
          const s = scenario(houseOf(of));
          for (const id of ['1', '2', '3', '4']) s.ready(id);
          for (const each of steps) each(s);
          const replica = initialState();
          for (const event of s.history) {
            if (event.kind === 'AgentOffered')
              expect(`${event.agentId}>${event.callId}`).toBe(slowly(replica));
            evolve(replica, event);
          }
          expect(slowly(replica)).toBeNull();
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([
    ['to `direct`', {}, { direct: true }],
    ['from `direct`', { direct: true }, {}],
  ] as const)('given a queue without autofill is turned %s, then nobody is stuck', (_, was, is) => {
    const of = (options: Partial<QueueConfig>) =>
      config([queue('q', { autofill: false, ...options })], [agent('1', 'q'), agent('2', 'q')]);
    const s = scenario(of(was));
    const forHim = (id: string) => ('direct' in was ? { agentId: id } : {});
    s.ready('1');
    s.report('1', 'inuse');
    s.call('a', 'q', { ...forHim('1'), skills: SKILL });
    s.call('b', 'q', forHim('2'));
    s.apply(of(is));
    s.ready('2');
    s.when({ kind: 'EndCall', callId: 'a', cause: 'bye' });
    expect(s.callIs('b')).toBe('ringing');
  });
});

/** How many calls are parked in a talk and what follows it, where so many wait. */
function looksOf(options: Partial<QueueConfig>, waiting: number): number {
  const state = initialState();
  const send = (command: object): void => {
    decide(state, { ...command, at: 1_000, by: 'test' } as Command);
  };
  const of = config([queue('q', options)], [agent('1', 'q'), agent('2', 'q')]);
  send({ kind: 'ApplyConfig', config: of });
  for (let n = 0; n < waiting; n += 1) {
    const leg = { sipCallId: 's', from: 'f', fromName: '', to: 't' };
    send({ kind: 'ArriveCall', callId: `c${n}`, queue: 'q', ...leg });
    send({ kind: 'ConfirmCall', callId: `c${n}` });
  }
  const { parked } = state.queues.get('q') ?? { parked: new Set<Call>() };
  const add = vi.spyOn(parked, 'add');
  for (const id of ['1', '2']) {
    send({ kind: 'LogInAgent', agentId: id, device: device(id) });
    send({ kind: 'ReportDevice', deviceUri: device(id).uri, state: 'idle', source: 'presence' });
  }
  const { offerId } = state.agents.get('1') ?? {};
  for (const kind of ['AnswerOffer', 'ConfirmBridge'] as const) send({ kind, offerId });
  send({ kind: 'EndAgentLeg', offerId, cause: 'bye' });
  expect(state.calls.size).toBe(waiting - 1);
  return add.mock.calls.length;
}

describe('what is kept back', () => {
  it.each<readonly [Strategy, Partial<QueueConfig>]>([
    ['most-idle', { maxTalks: 1 }],
    ['ringall', { maxTalks: 1 }],
    ['ring-progressively', { maxTalks: 1 }],
    ['most-idle', { autofill: false }],
    ['ring-progressively', { autofill: false }],
  ])('is not looked at: %s, %o', (strategy, options) => {
    const [few, many] = [10, 500].map((waiting) => looksOf({ strategy, ...options }, waiting));
    expect(many).toBe(few);
  });
});
