/**
 * Skills: what agents can do and how well, and what a call asks of them. A requirement is a
 * boolean expression, `english>=50 & (billing | !trainee)`; a bare name asks for any level. What
 * a call asks may be relaxed step by step while it waits, as the queue's rule says: a function of
 * the rule and of the steps behind it, so an edited rule reaches the calls that wait already.
 */
import { fits } from './rules.ts';
import type { Call } from './state.ts';
import type { QueueRules, SkillNeed, SkillStep, Skills } from './types.ts';

/** Longest text and deepest nesting of a requirement. */
const NEED_MAX = 300;
const DEPTH_MAX = 16;

const TOKEN = /\s*(?:([A-Za-z][A-Za-z0-9_-]{0,31})|(\d{1,3})|(>=|<=|[><=&|!()]))/y;

/** Without any, nothing is asked. */
export function hasSkills(skills: Skills, need: SkillNeed | null): boolean {
  if (need === null) return true;
  switch (need.is) {
    case 'all':
      return need.of.every((each) => hasSkills(skills, each));
    case 'any':
      return need.of.some((each) => hasSkills(skills, each));
    case 'not':
      return !hasSkills(skills, need.of);
    case 'level': {
      // Not to have a skill is to have level 0 of it.
      const level = skills[need.skill] ?? 0;
      return level >= need.least && level <= need.most;
    }
  }
}

/** What the call asks now. What it brought stands in the place of the queue's first word. */
export function needOf(
  call: Pick<Call, 'from' | 'skills' | 'skillSteps'>,
  queue: QueueRules,
): SkillNeed | null {
  if (call.skillSteps === 0) return call.skills ?? ruledNeed(queue, call.from);
  return queue.skillSteps[call.skillSteps - 1]?.need ?? null;
}

/** What the queue asks at first: for callers of that number, else for all. */
function ruledNeed({ callerSkills, skills }: QueueRules, from: string): SkillNeed | null {
  if (callerSkills.length === 0) return skills;
  const rule = callerSkills.find(({ pattern }) => fits(pattern, from));
  return rule === undefined ? skills : rule.need;
}

/** Has he what the call asks now, or will ask later while it waits? */
export function mightHaveSkills(
  skills: Skills,
  call: Pick<Call, 'from' | 'skills' | 'skillSteps'>,
  queue: QueueRules,
): boolean {
  if (hasSkills(skills, needOf(call, queue))) return true;
  return queue.skillSteps.some(
    ({ need }, step) => step >= call.skillSteps && hasSkills(skills, need),
  );
}

/** How many steps are behind a call that has waited so long. */
export function skillStepsAfter(steps: readonly SkillStep[], waitedMs: number): number {
  const next = steps.findIndex((step) => step.atMs > waitedMs);
  return next === -1 ? steps.length : next;
}

class Reader {
  private readonly tokens: string[];
  private at = 0;

  constructor(tokens: string[]) {
    this.tokens = tokens;
  }

  get isOver(): boolean {
    return this.at >= this.tokens.length;
  }

  /** Takes the next token if it is that one. */
  private took(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at += 1;
    return true;
  }

  any(depth: number): SkillNeed | null {
    return this.list('any', '|', () => this.all(depth));
  }

  private all(depth: number): SkillNeed | null {
    return this.list('all', '&', () => this.one(depth));
  }

  private list(is: 'any' | 'all', sign: string, part: () => SkillNeed | null): SkillNeed | null {
    const of: SkillNeed[] = [];
    do {
      const next = part();
      if (next === null) return null;
      of.push(next);
    } while (this.took(sign));
    const [only] = of;
    return of.length === 1 && only !== undefined ? only : { is, of };
  }

  private one(depth: number): SkillNeed | null {
    if (depth >= DEPTH_MAX) return null;
    if (this.took('!')) {
      const of = this.one(depth + 1);
      return of === null ? null : { is: 'not', of };
    }
    if (this.took('(')) {
      const inner = this.any(depth + 1);
      return inner !== null && this.took(')') ? inner : null;
    }
    const skill = this.tokens[this.at] ?? '';
    if (!/^[A-Za-z]/.test(skill)) return null;
    this.at += 1;
    return this.level(skill);
  }

  private level(skill: string): SkillNeed | null {
    const sign = ['>=', '<=', '>', '<', '='].find((each) => this.took(each));
    if (sign === undefined) return { is: 'level', skill, least: 1, most: 100 };
    const written = this.tokens[this.at] ?? '';
    if (!/^\d+$/.test(written)) return null;
    this.at += 1;
    const level = Number(written);
    const least = { '>=': level, '>': level + 1, '=': level, '<': 0, '<=': 0 }[sign] ?? 0;
    const most = { '>=': 100, '>': 100, '=': level, '<': level - 1, '<=': level }[sign] ?? 100;
    return { is: 'level', skill, least, most };
  }
}

/** Reads a requirement; null: it is none. `&` binds closer than `|`, `!` closest. */
export function parseNeed(text: string): SkillNeed | null {
  if (text.length > NEED_MAX) return null;
  const tokens: string[] = [];
  const trimmed = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const [, name, level, sign] = TOKEN.exec(trimmed) ?? [];
    const token = name ?? level ?? sign;
    if (token === undefined) return null;
    tokens.push(token);
  }
  const reader = new Reader(tokens);
  const need = reader.any(0);
  return reader.isOver ? need : null;
}
