/**
 * Goal: who leaves so many questions open hangs; who answers, however late, does not, nor one who
 * could not be asked. Method: time by hand.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Pulse, watchPulse } from '../../../src/supervisor/pulse.ts';

let asked: string[];
let hung: number;
let end: (why: string) => void;
let pulse: Pulse;

function watch(): () => void {
  const ended = new Promise<string>((resolve) => (end = resolve));
  const life = { pulse, ended, order: (word: string) => void asked.push(word) };
  return watchPulse(life, { limitMs: 3_000, hung: () => (hung += 1) });
}

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  hung = 0;
  pulse = new Pulse();
});

afterEach(() => {
  vi.useRealTimers();
});

it('given no answer to as many questions as the limit has seconds, then it hangs, once', () => {
  watch();
  vi.advanceTimersByTime(3_999);
  expect({ asked, hung }).toEqual({ asked: ['alive?', 'alive?', 'alive?'], hung: 0 });
  vi.advanceTimersByTime(60_000);
  expect({ asked: asked.length, hung }).toEqual({ asked: 3, hung: 1 });
  expect(vi.getTimerCount()).toBe(0);
});

it('given answers that come late, then it does not', () => {
  watch();
  for (let turn = 0; turn < 20; turn += 1) {
    vi.advanceTimersByTime(2_900);
    pulse.heard();
  }
  expect(hung).toBe(0);
});

it('given a machine that stood still for an hour, then it does not', () => {
  watch();
  vi.advanceTimersByTime(1_000);
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(1_000);
  expect(hung).toBe(0);
});

it('given its end, then nobody is asked any more', async () => {
  watch();
  end('SIGKILL');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
