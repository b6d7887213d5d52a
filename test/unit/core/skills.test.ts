/**
 * Goal: what a call asks of agents, whom it is kept for, and who never meets. Method:
 * given-when-then; requirements against a plain evaluation of the same text.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasSkills, parseNeed } from '../../../src/core/skills.ts';
import type { AgentConfig, QueueConfig, SkillNeed } from '../../../src/core/types.ts';
import { agent, config, queue, scenario } from './scenario.ts';

const need = (text: string): SkillNeed => {
  const parsed = parseNeed(text);
  if (parsed === null) throw new Error(`"${text}" is no requirement`);
  return parsed;
};

describe('a requirement', () => {
  const skills = { english: 60, billing: 1 };

  it.each([
    ['english', true],
    ['french', false],
    ['!french', true],
    ['english>=60', true],
    ['english>60', false],
    ['english=60 & billing<=1', true],
    ['french | english<50 | billing', true],
    ['french & english | billing', true],
    ['french & (english | billing)', false],
    ['!(english & billing)', false],
    ['french<1', true],
  ])('%s', (text, expected) => {
    expect(hasSkills(skills, need(text))).toBe(expected);
  });

  it.each(['', 'english>=', '50', 'a b', '(a', 'a)', 'a &', '| a', 'a >= b', 'a % 3', '!'])(
    '%j is none',
    (text) => {
      expect(parseNeed(text)).toBeNull();
    },
  );

  it('given any text, is read or refused; never more deeply nested than is safe', () => {
    const sign = fc.constantFrom('a', 'b', '5', '>=', '<', '&', '|', '!', '(', ')', ' ', '§');
    fc.assert(
      fc.property(fc.array(sign, { maxLength: 40 }), (signs) => {
        const parsed = parseNeed(signs.join(''));
        if (parsed !== null) expect([true, false]).toContain(hasSkills({ a: 5 }, parsed));
      }),
    );
    expect(parseNeed(`${'('.repeat(100)}a${')'.repeat(100)}`)).toBeNull();
  });
});

const able = (id: string, skills: AgentConfig['skills'], ...never: string[]): AgentConfig => ({
  ...agent(id, 'q'),
  ...(skills === undefined ? {} : { skills }),
  never,
});

function house(options: Partial<QueueConfig>, ...agents: AgentConfig[]) {
  const s = scenario(config([queue('q', { retryMs: 60_000, ...options }), queue('r')], agents));
  for (const { id } of agents) s.ready(id);
  return s;
}

describe('skills', () => {
  const english = need('english>=50');

  it('given the queue asks, then only who has them is rung, others pass him by', () => {
    const s = house({ skills: english }, able('1', { english: 49 }), able('2', { english: 50 }));
    s.call('a', 'q');
    expect(s.rung).toEqual(['2>a']);
    s.call('b', 'q');
    expect(s.why('b', '1')).toBe('skills');
    s.call('c', 'q', { skills: need('!french') });
    expect(s.rung).toEqual(['1>c']);
  });

  it('given steps, then what is asked is relaxed to the millisecond', () => {
    const skillSteps = [
      { atMs: 10_000, need: need('english>=20') },
      { atMs: 20_000, need: null },
    ];
    const s = house({ skills: english, skillSteps }, able('1', { english: 20 }), able('2', {}));
    s.call('a', 'q');
    s.pass(9_999);
    expect(s.callIs('a')).toBe('waiting');
    s.pass(1);
    expect(s.event('CallRelaxed')).toMatchObject({ skillSteps: 1 });
    expect(s.rung).toEqual(['1>a']);
    s.fail('1');
    s.pass(10_000);
    expect(s.rung).toEqual(['2>a']);
  });

  it('given the configuration is changed, then it reaches those who wait', () => {
    const s = house({ skills: english }, able('1', { english: 1 }));
    s.call('a', 'q');
    s.apply(config([queue('q', { skills: english })], [able('1', { english: 90 })]));
    expect(s.rung).toEqual(['1>a']);
  });
});

describe('skills by caller', () => {
  const rules: Partial<QueueConfig> = {
    skills: need('english'),
    callerSkills: [
      { pattern: '49*', need: need('german') },
      { pattern: '1??', need: null },
    ],
    skillSteps: [{ atMs: 10_000, need: need('french') }],
  };

  it('given his number fits, then that is asked; first match, else what the queue asks', () => {
    const s = house(rules, able('d', { german: 1 }), able('e', { english: 1 }), able('x', {}));
    s.call('german', 'q', { from: '4930@pbx' });
    expect(s.rung).toEqual(['d>german']);
    s.call('any', 'q', { from: '110@pbx' });
    expect(s.rung).toEqual(['e>any']);
    s.call('other', 'q', { from: '33@pbx' });
    expect(s.why('other', 'x')).toBe('skills');
  });

  it('given the call brings its own, then that goes before; the steps hold for all', () => {
    const s = house(rules, able('d', { german: 1 }), able('f', { french: 1 }));
    s.report('f', 'inuse');
    s.call('a', 'q', { from: '4930@pbx', skills: need('dutch') });
    expect(s.why('a', 'd')).toBe('skills');
    s.report('f', 'idle');
    expect(s.rung).toEqual([]);
    s.pass(10_000);
    expect(s.rung).toEqual(['f>a']);
  });

  it('given he is moved, then the other queue’s rules ask', () => {
    const agents = [able('x', { german: 1 })].map((one) => ({ ...one, queues: ['q', 'r'] }));
    const s = house(rules, ...agents);
    s.call('a', 'q', { from: '331@pbx' });
    s.when({ kind: 'MoveCall', callId: 'a', queue: 'r' });
    expect(s.rung).toEqual(['x>a']);
  });

  it('given a rule is edited, then it reaches who waits', () => {
    const agents = [able('x', { german: 1 })];
    const s = house(rules, ...agents);
    s.call('b', 'q', { from: '331@pbx' });
    expect(s.why('b', 'x')).toBe('skills');
    const edited = { ...rules, callerSkills: [{ pattern: '33*', need: need('german') }] };
    s.apply(config([queue('q', edited)], agents));
    expect(s.rung).toEqual(['x>b']);
  });
});

describe('an empty queue', () => {
  const empty = ['paused'] as const;
  const german = need('german');

  it('given nobody has the skills, then it is empty for who asks them, and only for him', () => {
    const s = house({ joinEmpty: empty }, able('1', { english: 1 }));
    expect(s.arrive('a', 'q', { skills: german }).map((each) => each.kind)).toEqual([
      'CallRefused',
    ]);
    expect(s.event('CallRefused').status).toBe('JOINUNAVAIL');
    s.call('b', 'q');
    expect(s.rung).toEqual(['1>b']);
  });

  it('given a later step asks for less, then he may enter and wait for that', () => {
    const skillSteps = [{ atMs: 10_000, need: need('english') }];
    const s = house({ joinEmpty: empty, skillSteps }, able('1', { english: 1 }));
    s.call('a', 'q', { skills: german });
    expect(s.callIs('a')).toBe('waiting');
    s.pass(10_000);
    expect(s.rung).toEqual(['1>a']);
  });

  it('given the only one never meets him, then it is empty for him', () => {
    const s = house(
      { joinEmpty: empty, failover: { JOINUNAVAIL: [{ to: 'queue', queue: 'r' }] } },
      able('1', {}, '49*'),
    );
    s.arrive('a', 'q', { from: '491@pbx' });
    expect(s.kinds).toEqual(['CallDiverted', 'CallEntered']);
    s.call('b', 'q', { from: '331@pbx' });
    expect(s.rung).toEqual(['1>b']);
  });

  it('given who could take him leaves, then he must leave, and others stay', () => {
    const s = house({ leaveWhenEmpty: empty }, able('1', { german: 1 }), able('2', {}, '49*'));
    s.report('1', 'inuse');
    s.report('2', 'inuse');
    s.call('a', 'q', { skills: german });
    s.call('b', 'q', { from: '491@pbx' });
    s.call('c', 'q');
    s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
    const gone = s.last.flatMap((each) => (each.kind === 'CallEnded' ? [each.callId] : []));
    expect(gone).toEqual(['a', 'b']);
    expect(s.event('AgentPaused').agentId).toBe('1');
    expect(s.line('q')).toEqual(['c']);
  });

  it('given a failover, then whoever has nobody there is not led there', () => {
    const r = queue('r', { joinEmpty: empty });
    const full = queue('q', { maxlen: 1, failover: { FULL: [{ to: 'queue', queue: 'r' }] } });
    const s = scenario(config([full, r], [{ ...able('1', { english: 1 }), queues: ['r'] }]));
    s.ready('1');
    s.call('a', 'q');
    s.arrive('b', 'q', { skills: german });
    expect(s.event('FailoverSkipped').why).toBe('JOINUNAVAIL');
    s.arrive('c', 'q');
    expect(s.event('CallEntered').queue).toBe('r');
  });

  it('given max-calls-per-agent, then callers whom he is nothing to stand in nobody’s way', () => {
    const s = house({ maxCallsPerAgent: 1 }, able('1', { english: 1 }), able('2', { german: 1 }));
    s.report('1', 'inuse');
    s.report('2', 'inuse');
    s.call('a', 'q', { skills: need('english') });
    s.arrive('b', 'q', { skills: german });
    expect(s.kinds).toEqual(['CallEntered']);
    s.arrive('c', 'q', { skills: german });
    expect(s.event('CallRefused').status).toBe('FULL');
  });

  it('given max-calls-per-agent, then only those who may take him are counted', () => {
    const s = house({ maxCallsPerAgent: 1 }, able('1', { german: 1 }), able('2', {}));
    s.report('1', 'inuse');
    s.report('2', 'inuse');
    s.call('a', 'q');
    s.arrive('b', 'q', { skills: german });
    expect(s.event('CallRefused').status).toBe('FULL');
    s.arrive('c', 'q');
    expect(s.kinds).toEqual(['CallEntered']);
  });
});

describe('a caller an agent never meets', () => {
  it('is for others, and waits for them', () => {
    const s = house({}, able('1', {}, '49*'));
    s.call('a', 'q', { from: '491234@pbx' });
    expect(s.why('a', '1')).toBe('excluded');
    s.call('b', 'q', { from: '331234@pbx' });
    expect(s.rung).toEqual(['1>b']);
  });
});

describe('sticky', () => {
  /** Ann served 4711 a while ago; Bob has been idle for longer. */
  function known() {
    const s = house({ stickyMs: 10_000 }, able('ann', {}), able('bob', {}));
    s.report('bob', 'inuse');
    s.call('before', 'q', { from: '4711@pbx' });
    s.serve('ann');
    s.report('bob', 'idle');
    return s;
  }
  const again = { from: '4711@other' };

  it('given she is free, then she is rung before whoever is idle for longer', () => {
    const s = known();
    s.pass(1_000);
    s.call('a', 'q', again);
    expect(s.event('AgentOffered').agentId).toBe('ann');
    s.call('b', 'q', { from: '4712@pbx' });
    expect(s.rung).toEqual(['bob>b']);
  });

  it('given she talks, then he is kept for her so long, then anybody has him', () => {
    const s = known();
    s.call('other', 'q', again);
    s.talk('ann');
    s.call('a', 'q', again);
    expect(s.why('a', 'bob')).toBe('kept');
    s.pass(9_999);
    expect(s.callIs('a')).toBe('waiting');
    s.pass(1);
    expect(s.event('CallRelaxed').isFree).toBe(true);
    expect(s.rung).toEqual(['bob>a']);
  });

  it.each([
    ['logs out', { kind: 'LogOutAgent', who: { agentId: 'ann' } }],
    ['pauses', { kind: 'PauseAgent', agentId: 'ann', reason: 'lunch' }],
  ] as const)('given she %s meanwhile, then he waits for her no longer', (_what, command) => {
    const s = known();
    s.report('ann', 'inuse');
    s.call('a', 'q', again);
    expect(s.rung).toEqual([]);
    s.when(command);
    expect(s.rung).toEqual(['bob>a']);
  });

  it('given she does not take him, then the next one does at once', () => {
    const s = known();
    s.call('a', 'q', again);
    expect(s.fail('ann')).toEqual(['bob>a']);
  });

  it('given she never meets him, or lacks what he asks now, then he is not kept for her', () => {
    const s = known();
    s.report('ann', 'inuse');
    s.call('a', 'q', { ...again, skills: need('german') });
    expect(s.event('CallConfirmed').callId).toBe('a');
    expect(s.state.calls.get('a')?.keptFor).toBeNull();
    const kept = known();
    kept.report('ann', 'inuse');
    kept.call('b', 'q', again);
    expect(kept.why('b', 'bob')).toBe('kept');
    const { queues } = kept.state.config;
    kept.apply(config([...queues], [able('ann', {}, '4711'), able('bob', {})]));
    expect(kept.rung).toEqual(['bob>b']);
  });

  it('given he spoke with another in another queue since, then she keeps him in this one', () => {
    const s = scenario(
      config(
        [queue('q', { stickyMs: 10_000 }), queue('r', { stickyMs: 10_000 })],
        [agent('ann', 'q'), agent('bob', 'q'), agent('carl', 'r')],
      ),
    );
    for (const id of ['ann', 'bob', 'carl']) s.ready(id);
    for (const [call, name, id] of [
      ['a', 'q', 'ann'],
      ['b', 'r', 'carl'],
    ] as const) {
      s.call(call, name, again);
      s.serve(id, 1_000);
    }
    // Bob is idle for longer.
    s.call('c', 'q', again);
    expect(s.rung).toEqual(['ann>c']);
  });

  it('given he hides his number, or she is gone, then nobody keeps him', () => {
    const s = known();
    s.when({ kind: 'LogOutAgent', who: { agentId: 'ann' } });
    s.call('a', 'q', again);
    expect(s.rung).toEqual(['bob>a']);
    const hidden = house({ stickyMs: 10_000 }, able('ann', {}));
    hidden.call('a', 'q', { from: 'anonymous@anonymous.invalid' });
    hidden.serve('ann');
    expect([...hidden.state.acquainted]).toEqual([]);
  });
});
