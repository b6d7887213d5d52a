/**
 * Goal: `acd top` fits any screen, says what it leaves out, and no caller can move its cursor.
 * Method: the picture of a large house, without a terminal.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOf, cutTo, padTo } from '../../../src/cli/columns.ts';
import { writeTable } from '../../../src/cli/table.ts';
import { frameOf, type Health, type Scene } from '../../../src/cli/live/top-frame.ts';
import type { AgentAnswer, CallAnswer, HealthAnswer } from '../../../src/http/schemas.ts';

const call = (n: number): CallAnswer => ({
  ...{ id: `c${n}`, call: `c${n}`, state: 'queued', from: `caller${n}@pbx`, to: 'sales@acd' },
  ...{ queue: 'sales', name: '', position: n, waited_seconds: n, talked_seconds: 0, agent: '' },
});
const agent = (n: number, more: Partial<AgentAnswer> = {}): AgentAnswer => ({
  ...{ id: String(n), state: 'idle', idletime: '61', device: 'sip:1@pbx', memberof: ['sales'] },
  ...{ away_from: [] },
  ...{ name: `Agent ${n}`, device_state: 'idle', registrar: '', pause_reason: null, call: '' },
  ...{ logged_in_seconds: 100, ...more },
});
const up = { up: true, detail: '' };
const health = {
  ...{ status: 'ok', version: '1.0.0', uptime_seconds: 5, registrars: [], drain: null, bugs: 0 },
  ...{ sip: { ...up, addresses: [] }, media: { ...up, legs: 0 }, journal: { ...up, seq: 1 } },
  reports: { ...up, seq: 1 },
  configuration: { ...up, version: 1 },
  load: { overload: null, loop_delay_ms: 0, calls: 3, max_calls: 9, refused: 0 },
} as HealthAnswer;

function house(agents: readonly AgentAnswer[], calls: readonly CallAnswer[]): Scene {
  const figures = { waiting: calls.length, talking: 0, longest_wait_seconds: 1 };
  const logged = { agents_logged_in: agents.length, agents_ready: 0 };
  const queue = { name: 'sales', strategy: 'most-idle', calls: [...calls], ...figures, ...logged };
  return { health, queues: [queue], agents, time: '12:00:00' };
}
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
const large = house(
  numbers(200).map((n) => agent(n)),
  numbers(500).map(call),
);

describe('the picture', () => {
  it.each([
    [24, 80],
    [10, 40],
    [3, 20],
    [60, 200],
  ])('fits %d rows of %d columns', (rows, columns) => {
    const lines = frameOf(large, { rows, columns, isColoured: false });
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  it('says how many it leaves out, and shows who waits longest first', () => {
    const lines = frameOf(large, { rows: 30, columns: 100, isColoured: false });
    expect(lines.filter((line) => /… and \d+ more/.test(line))).toHaveLength(2);
    const callers = lines.filter((line) => line.includes('caller'));
    expect(callers[0]).toMatch(/8:20 +500 sales +caller500@pbx/);
  });

  it('given an ACD of another version, shows what that one tells', () => {
    const unknown = ['load', 'drain', 'reports', 'configuration'];
    const told = Object.fromEntries(
      Object.entries(health).filter(([name]) => !unknown.includes(name)),
    ) as unknown as Health;
    const screen = { rows: 30, columns: 100, isColoured: false };
    const [head] = frameOf({ ...house([], []), health: told }, screen);
    expect(head).toBe('acd 1.0.0  ok  up 0:05  12:00:00');
  });

  it('shows all where there is room', () => {
    const lines = frameOf(large, { rows: 10_000, columns: 100, isColoured: false });
    expect(lines.filter((line) => line.includes('caller'))).toHaveLength(500);
    expect(lines.join('\n')).not.toContain('more');
  });

  it('given an agent who talks, tells with whom and how long; logged out ones come last', () => {
    const talk: CallAnswer = { ...call(1), state: 'assigned', talked_seconds: 75 };
    const agents = [agent(1, { state: 'loggedout' }), agent(2, { state: 'busy', call: 'c1' })];
    const lines = frameOf(house(agents, [talk]), { rows: 30, columns: 100, isColoured: false });
    const [first, second] = lines.filter((line) => line.includes('Agent'));
    expect(first).toMatch(/^2 +Agent 2 +busy +1:15 caller1@pbx +sales$/);
    expect(second).toMatch(/^1 +Agent 1 +loggedout/);
  });

  it('given a name with control characters, takes them out', () => {
    const evil = { ...call(1), from: 'a\u001b[2J\u0007b@pbx' };
    const lines = frameOf(house([], [evil]), { rows: 30, columns: 100, isColoured: true });
    expect(lines.join('')).not.toContain('\u001b[2J');
    expect(lines.join('')).toContain('a [2J b@pbx');
  });

  it('given names that take two columns a character, runs over no edge', () => {
    const wide = { ...call(1), from: '\u4f60\u597d\u4e16\u754c'.repeat(20) };
    const who = agent(1, {
      name: '\u5f20\u4f1f'.repeat(12),
      memberof: ['\ud83d\ude00'.repeat(40)],
    });
    for (const columns of [79, 80]) {
      const lines = frameOf(house([who], [wide]), { rows: 24, columns, isColoured: false });
      expect(Math.max(...lines.map(columnsOf))).toBeLessThanOrEqual(columns);
      // Cut where a character ends, and what stands behind is where it is for others.
      expect(lines.join('')).not.toMatch(/\p{Cs}/u);
      const line = lines.find((one) => one.startsWith('1 '));
      expect(columnsOf(line?.split(' idle ')[0] ?? '')).toBe(8 + 1 + 14);
    }
  });

  it('has room for the queues of an agent on 80 columns', () => {
    const who = agent(1, { name: 'Alexandra Winterbottom', memberof: ['sales', 'support'] });
    const lines = frameOf(house([who], []), { rows: 24, columns: 80, isColoured: false });
    expect(lines.find((one) => one.startsWith('1 '))).toMatch(/ sales,support$/);
  });
});

describe('columns of a text', () => {
  it.each([
    ['abc', 3],
    ['\u4f60\u597d', 4],
    ['e\u0301', 1],
    ['\ud83d\ude00!', 3],
    ['\uff21', 2],
    ['a\u200bb', 2],
    ['\u00fc\u00df', 2],
  ])('%s', (text, columns) => {
    expect(columnsOf(text)).toBe(columns);
    expect(columnsOf(padTo(text, 9))).toBe(9);
    expect(padTo(text, -9).endsWith(text)).toBe(true);
  });

  it('are never more than were asked for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(20), (text, columns) => {
        const cut = cutTo(text, columns);
        expect(columnsOf(cut)).toBeLessThanOrEqual(columns);
        expect(text.startsWith(cut)).toBe(true);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('are kept in tables, too; a text that turns its direction does not turn the line', () => {
    const rows = [
      { from: '\u4f60\u597d', n: 1 },
      { from: 'ab\u202ecd', n: 22 },
    ];
    const text = writeTable(rows, [
      ['from', 'from'],
      ['n', 'n'],
    ]);
    expect(text.split('\n')).toEqual(['from    n', '\u4f60\u597d    1', 'ab cd  22']);
  });
});
