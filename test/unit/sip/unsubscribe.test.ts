/**
 * Goal: a subscription nobody wants any more is ended at the phone, though the connection to the
 * SIP server is lost in that moment: else it would stay in its table until it expires. Method: as
 * in takeover.test.ts, timers in the test's hands.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { callIdPrefix } from '../../../src/sip/packages.ts';
import { AGENT, Past } from './past.ts';
import type { Transaction } from './fake-stack.ts';

let past: Past;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  past = await Past.make();
  await past.takeOver();
});
afterEach(() => vi.useRealTimers());

const subscribes = (): Transaction[] => past.stack.of('SUBSCRIBE');
const ends = (): Transaction[] => subscribes().filter((one) => one.header('Expires') === '0');
const logOut = () =>
  past.runtime.submit({ kind: 'LogOutAgent', by: 'test', who: { agentId: '2771' } });

/** Both packages are watched. */
async function watched(): Promise<void> {
  await past.loggedIn();
  await past.stack.wait('SUBSCRIBE', 2);
  for (const one of subscribes()) one.answer(200, { Expires: '600' });
  await vi.advanceTimersByTimeAsync(0);
}

it('given the connection is lost, asks again until it is answered', async () => {
  await watched();
  await logOut();
  await past.stack.wait('SUBSCRIBE', 4);
  expect(ends()).toHaveLength(2);
  for (const one of ends()) one.fail('connection-lost');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ends()).toHaveLength(4);
  for (const one of ends().slice(2)) one.answer(200);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ends()).toHaveLength(4);
});

it('given it stays lost, gives up', async () => {
  await watched();
  await logOut();
  for (let second = 0; second < 30; second += 1) {
    for (const one of ends()) one.fail('connection-lost');
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(ends()).toHaveLength(2 * 5);
});

/** A server that took both watches over, and refreshes them. */
async function refreshed(): Promise<void> {
  const later = await Past.make();
  await later.loggedIn();
  for (const event of ['presence', 'dialog'] as const) {
    const callId = `${callIdPrefix(AGENT, event)}1`;
    later.held({ dialogId: `${callId};from-tag=f`, callId, method: 'SUBSCRIBE', role: 'uac' });
  }
  await later.takeOver();
  past = later;
  expect(subscribes().map((one) => one.header('Expires'))).toEqual(['600', '600']);
}

it('given a refresh is lost and he stays, refreshes its dialog, which is there', async () => {
  await refreshed();
  for (let tries = 0; tries < 3; tries += 1) {
    for (const one of subscribes().slice(-2)) one.fail('connection-lost');
    await vi.advanceTimersByTimeAsync(1_000 * 2 ** tries);
  }
  expect(subscribes()).toHaveLength(8);
  const [first] = subscribes();
  for (const one of subscribes().filter((each) => each.header('Event') === 'presence'))
    expect(one.request.dialogId).toBe(first?.request.dialogId);
  for (const one of subscribes().slice(-2)) one.answer(200, { Expires: '600' });
  await logOut();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends()).toHaveLength(2);
});

it('given it is lost again and again, begins anew', async () => {
  await refreshed();
  for (let second = 0; second < 120; second += 1) {
    for (const one of subscribes().slice(-2)) one.fail('connection-lost');
    await vi.advanceTimersByTimeAsync(1_000);
  }
  const last = subscribes().at(-1);
  expect(last?.request.dialogId).toBeUndefined();
});

it('given a refresh is under way and is lost, ends it all the same', async () => {
  await refreshed();
  const refreshes = subscribes();
  await logOut();
  await vi.advanceTimersByTimeAsync(0);
  for (const one of refreshes) one.fail('connection-lost');
  await vi.advanceTimersByTimeAsync(0);
  expect(ends()).toHaveLength(2);
});
