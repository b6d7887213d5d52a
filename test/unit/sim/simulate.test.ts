/**
 * Goal: the engine keeps its promises over whole days with faults, meets queueing theory in the
 * plain case, and a simulator that would let a defect pass is found out. Method: seeded days on
 * the real core and loop; then the same with one thing spoiled.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Command } from '../../../src/core/commands.ts';
import type { Decided } from '../../../src/core/decide.ts';
import type { CoreEvent } from '../../../src/core/events.ts';
import type { State } from '../../../src/core/state.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import type { AppendResult, ReadResult } from '../../../src/journal/port.ts';
import { strategies } from '../../../src/sim/config.ts';
import { APART_MAX, compareWith } from '../../../src/sim/figures.ts';
import { erlangA } from '../../../src/sim/erlang.ts';
import { faultOfOptions, settle, writeCommand, type SimOptions } from '../../../src/sim/options.ts';
import { writeJson, writeReport, writeViolations } from '../../../src/sim/report.ts';
import { simulate, type SimResult } from '../../../src/sim/simulate.ts';
import { Tally } from '../../../src/sim/tally.ts';

type Spoil = (decide: () => Decided, command: Command) => Decided;
const core: { spoil: Spoil | null } = vi.hoisted(() => ({ spoil: null }));
vi.mock('../../../src/core/decide.ts', async (importOriginal) => {
  const original = await importOriginal<{ decide: (s: State, c: Command) => Decided }>();
  const decide = (state: State, command: Command): Decided => {
    const right = () => original.decide(state, command);
    return core.spoil === null ? right() : core.spoil(right, command);
  };
  return { ...original, decide };
});
afterEach(() => {
  core.spoil = null;
});

const SMALL = { hours: 0.5, agents: 12, queues: 3, callsPerHour: 600, handle: 60, patience: 60 };

async function day(asked: Partial<SimOptions>, journal?: MemoryJournal): Promise<SimResult> {
  const simulated = await simulate(settle({ ...SMALL, ...asked }), journal);
  if (!simulated.ok) throw new Error(simulated.fault);
  return simulated.result;
}

describe('a simulated day', () => {
  it.each([1, 2, 3, 4, 5, 6])('keeps every promise, seed %i', async (seed) => {
    const result = await day({ seed, veto: seed % 3 === 0 ? 0.2 : 0 });
    expect(result.violations).toEqual([]);
    const { offered, answered, abandoned, refused, failed } = result.figures;
    expect(answered + abandoned + refused + failed).toBe(offered);
    expect(answered).toBeGreaterThan(100);
    const { refusals, slow, restarts } = result.struck ?? { refusals: 0, slow: 0, restarts: 0 };
    expect([refusals, slow, restarts].every((count) => count > 0)).toBe(true);
  });

  it.each(strategies())('keeps every promise with strategy %s', async (strategy) => {
    const result = await day({ seed: 12, hours: 0.2, strategy });
    expect(result.violations).toEqual([]);
    expect(result.figures.answered).toBeGreaterThan(30);
  });

  it('has agents make calls of their own, of which some are answered', async () => {
    const made: CoreEvent[] = [];
    core.spoil = (right) => {
      const answer = right();
      if (answer.ok) made.push(...answer.events);
      return answer;
    };
    await day({ seed: 3, agents: 40 });
    const count = (kind: CoreEvent['kind']) => made.filter((event) => event.kind === kind).length;
    expect(count('OutboundConnected')).toBeGreaterThan(2);
    expect(count('OutboundEnded')).toBe(count('OutboundBegan'));
  });

  it('keeps every promise after every single event', async () => {
    const result = await day({ seed: 11, hours: 0.2, checkEvery: 1 });
    expect(result.violations).toEqual([]);
  });

  it('is the same day for the same seed, and another for another', async () => {
    const [first, second, other] = [await day({ seed: 7 }), await day({ seed: 7 }), await day({})];
    expect(second).toEqual(first);
    expect(other.hash).not.toBe(first.hash);
  });

  it('says what it found, to people and to programs', async () => {
    const result = await day({ seed: 7, hours: 0.1 });
    expect(writeReport(result)).toMatch(/answered within 20 s[^]*no promise was broken/);
    const told = JSON.parse(writeJson(result)) as Record<string, unknown>;
    expect(Object.keys(told).join(' ')).toBe(
      'seed hash events offered answered abandoned service_level violations',
    );
    expect(told).toMatchObject({ seed: 7, hash: result.hash, violations: 0 });
  });
});

describe('options', () => {
  it('name the command that runs the same again', () => {
    expect(writeCommand(settle({ seed: 9, faults: false, handle: 60 }))).toBe(
      'npm run sim -- --seed 9 --hours 8 --agents 200 --calls-per-hour 1500 ' +
        '--handle 60 --no-faults',
    );
  });

  it('are refused where they cannot be meant', () => {
    expect(faultOfOptions(settle({ agents: 0 }))).toBe('--agents: from 1 to 100000');
    expect(faultOfOptions(settle({ seed: 1.5 }))).toBe('--seed must be a whole number');
    expect(faultOfOptions(settle({ callsPerHour: Number.NaN }))).toMatch(/--calls-per-hour/);
    const endless = settle({ erlang: true, patience: 0, agents: 2 });
    expect(faultOfOptions(endless)).toMatch(/no balance/);
  });

  it('with a strategy nobody knows are refused in words', async () => {
    const simulated = await simulate(settle({ strategy: 'fastest-finger' }));
    expect(simulated.ok ? '' : simulated.fault).toMatch(/strategy/);
  });
});

describe('the plain case', () => {
  const plain = { erlang: true, hours: 3, agents: 20, callsPerHour: 300, handle: 216 };

  it.each([
    { ...plain, seed: 1, patience: 120 },
    { ...plain, seed: 2, callsPerHour: 400, patience: 60 },
    { ...plain, seed: 3, callsPerHour: 260, patience: 0 },
  ])('is what queueing theory says: $callsPerHour calls, patience $patience', async (asked) => {
    const result = await day(asked);
    expect(result.violations).toEqual([]);
    expect(result.theory?.length).toBe(5);
    expect(writeReport(result)).toContain(asked.patience === 0 ? 'Erlang-C' : 'Erlang-A');
  });

  it('does not agree with the theory of another house', async () => {
    // Figures of 18 occupied of 20 agents cannot be taken for those of 15 agents.
    const tally = new Tally({ from: 0, to: 1_000, parts: 4, thresholdMs: 20 });
    for (const part of tally.parts) {
      Object.assign(part, { offered: 100, quick: 90 + (part === tally.parts[0] ? 1 : 0) });
      Object.assign(part, { waited: 20, waitMs: 4e5, abandoned: 3, talkMs: 900, staffedMs: 1e3 });
    }
    const line = { arrivalRate: 300 / 3.6e6, handleMs: 216_000, agents: 15, patienceMs: 120_000 };
    const apart = compareWith(erlangA(line, 20_000), tally).map((beside) => beside.apart);
    expect(Math.max(...apart)).toBeGreaterThan(APART_MAX);
  });
});

/** Something is wrong, and the run must say so. */
async function found(spoil: Spoil | null, journal?: MemoryJournal): Promise<string> {
  core.spoil = spoil;
  const result = await day({ seed: 5, hours: 0.5 }, journal);
  core.spoil = null;
  expect(result.violations.length).toBeGreaterThan(0);
  return writeViolations(result);
}

const ok = (events: readonly CoreEvent[] = []): Decided => ({ ok: true, events });

describe('a defect is found, with the command that shows it again:', () => {
  it('an event that changed the state and was never written', async () => {
    let decisions = 0;
    const told = await found((right) => {
      const answer = right();
      if (!answer.ok || answer.events.at(-1)?.kind !== 'AgentOffered') return answer;
      decisions += 1;
      return decisions === 50 ? ok(answer.events.slice(0, -1)) : answer;
    });
    expect(told).toMatch(/npm run sim -- --seed 5 --hours 0.5 --agents 12/);
  });

  it('a call that ends twice', async () => {
    const told = await found((right, command) => {
      const answer = right();
      if (!answer.ok || command.kind !== 'EndCall') return answer;
      return ok(
        answer.events.flatMap((event): CoreEvent[] =>
          event.kind === 'CallEnded' ? [event, event] : [event],
        ),
      );
    });
    expect(told).toMatch(/CallEnded: .* has ended before/);
  });

  it('a caller who hung up and keeps his place', async () => {
    const told = await found((right, command) => (command.kind === 'EndCall' ? ok() : right()));
    expect(told).toMatch(/has hung up and is still there/);
  });

  it('an answer that comes too late and counts', async () => {
    const told = await found((right, command) => {
      const answer = right();
      return !answer.ok && command.kind === 'AnswerOffer' ? ok() : answer;
    });
    expect(told).toMatch(/its late answer was taken/);
  });

  it('an agent who is rung while he talks', async () => {
    let talks: CoreEvent | null = null;
    const told = await found((right) => {
      const answer = right();
      if (!answer.ok) return answer;
      const again = answer.events.find((event) => event.kind === 'AgentOffered');
      const second = talks !== null && again ? [{ ...again, ...talks }] : [];
      talks ??= answer.events.find((event) => event.kind === 'AgentOffered') ?? null;
      return ok([...answer.events, ...second]);
    });
    expect(told).toMatch(/has .* already/);
  });

  it('a call of an agent that ends for him alone', async () => {
    const told = await found((right, { kind }) => (kind === 'EndOutbound' ? ok() : right()));
    expect(told).toMatch(/outbound call o\d+ has ended and is still there/);
  });

  it('deadlines that never come', async () => {
    const told = await found((right, command) =>
      command.kind === 'ReachDeadline' ? ok() : right(),
    );
    expect(told).toMatch(/time stands still/);
  });

  it('a core that breaks down', async () => {
    let decisions = 0;
    const told = await found((right) => {
      decisions += 1;
      if (decisions === 500) throw new Error('broken invariant: a test');
      return right();
    });
    expect(told).toMatch(/the loop has ended: broken invariant: a test/);
  });

  it('a journal that loses what it said it kept', async () => {
    class Forgetful extends MemoryJournal {
      override append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
        if (expectedSeq < 500 || events.length < 2) return super.append(expectedSeq, events);
        super.append(expectedSeq, events.slice(1));
        return { ok: true, lastSeq: expectedSeq + events.length };
      }
    }
    const told = await found(null, new Forgetful());
    expect(told).toMatch(/another process writes this journal/);
  });

  it('a journal that gives back something else', async () => {
    class Liar extends MemoryJournal {
      override read(fromSeq: number, limit: number): ReadResult {
        const read = super.read(fromSeq, limit);
        if (!read.ok) return read;
        const events = read.events.map(({ seq, event }) => ({
          seq,
          event: event.kind === 'AgentLoggedIn' ? { ...event, at: event.at - 1 } : event,
        }));
        return { ok: true, events };
      }
    }
    expect(await found(null, new Liar())).toMatch(/is not what the events up to/);
  });
});
