/**
 * Goal: a server that is told to stop waits for whom it still has, and says goodbye to the rest.
 * Method: a loop without calls, and an edge that has one party on his way elsewhere.
 */
import { expect, it } from 'vitest';
import { AppStop } from '../../../src/app/stop.ts';
import { quiet } from '../sip/fakes.ts';

/** Stops it; `limitMs`: how long it may drain. */
function stopping(limitMs: number) {
  const told: string[] = [];
  let outbound = 1;
  const say = (what: string) => () => void told.push(what);
  const edge = {
    health: () => ({ callers: 0, offers: 0, logins: 0, outbound }),
    drain: say('drain'),
    letGo: () => {
      told.push('let go');
      outbound = 0;
    },
  };
  const none = new Map();
  const loop = {
    state: { calls: none, outbound: none },
    drain: () => undefined,
    submit: () => Promise.resolve({ ok: true, events: [] }),
  };
  const log = { ...quiet, warn: say('warn') };
  const close = () => Promise.resolve(told.push('closed'));
  const stop = new AppStop({ loop, edge, log, limitMs, close } as never);
  return {
    ...{ stop, told, ended: stop.stop({ mode: 'drain' }) },
    arrived: () => (outbound = 0),
  };
}

it('given a party on his way elsewhere, then it is waited for', async () => {
  const { stop, told, ended, arrived } = stopping(60_000);
  expect(stop.drain()).toMatchObject({ callsLeft: 1 });
  expect(told).toEqual(['drain']);
  arrived();
  await ended;
  expect(told).toEqual(['drain', 'let go', 'closed']);
});

it('given its limit, then he is let go', async () => {
  const { told, ended } = stopping(0);
  await ended;
  expect(told).toEqual(['drain', 'let go', 'closed']);
});
