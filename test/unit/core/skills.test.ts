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
