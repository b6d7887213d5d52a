/** Goal: PINs cannot be gone through. Method: the locks by themselves, time moved by hand. */
import { describe, expect, it } from 'vitest';
import { Locks, LOCKS_MAX } from '../../../src/sip/locks.ts';
import type { SipLog } from '../../../src/sip/port.ts';

function open(after = 3) {
  const told: object[] = [];
  const note = (fields: object) => void told.push(fields);
  const log: SipLog = { debug: note, info: note, warn: note, error: note };
  const time = { now: 0 };
  return { locks: new Locks({ after, forMs: 10_000 }, () => time.now, log), told, time };
}

const fail = (locks: Locks, times: number, name = '2771') => {
  for (let i = 0; i < times; i += 1) locks.failed('agent', name);
};

describe('a lock', () => {
  it('comes with the last try that may be, is told once, and ends by itself', () => {
    const { locks, told, time } = open();
    fail(locks, 2);
    expect(locks.isLocked('agent', '2771')).toBe(false);
    fail(locks, 2);
    expect(locks.isLocked('agent', '2771')).toBe(true);
    expect(locks.isLocked('phone', '2771')).toBe(false);
    expect(told).toEqual([{ agent: '2771', tries: 3, forSeconds: 10 }]);
    time.now = 4_000;
    expect(locks.list()).toEqual([{ kind: 'agent', name: '2771', endsInMs: 6_000 }]);
    time.now = 10_000;
    expect(locks.isLocked('agent', '2771')).toBe(false);
    expect(locks.list()).toEqual([]);
  });

  it('is lifted, and the count with it; tries long ago do not count', () => {
    const { locks, time } = open();
    fail(locks, 3);
    expect(locks.lift('agent', '2771')).toBe(true);
    expect(locks.lift('agent', '2771')).toBe(false);
    fail(locks, 2);
    time.now = 20_000;
    fail(locks, 2);
    expect(locks.isLocked('agent', '2771')).toBe(false);
  });

  it('given 0, never comes', () => {
    const { locks } = open(0);
    fail(locks, 100);
    expect(locks.isLocked('agent', '2771')).toBe(false);
    expect(locks.list()).toEqual([]);
  });

  it('given more than can be remembered, the one that failed longest ago is forgotten', () => {
    const { locks } = open(1);
    for (let i = 0; i <= LOCKS_MAX; i += 1) locks.failed('phone', String(i));
    expect(locks.isLocked('phone', '0')).toBe(false);
    expect(locks.isLocked('phone', String(LOCKS_MAX))).toBe(true);
    expect(locks.list()).toHaveLength(LOCKS_MAX);
  });
});
