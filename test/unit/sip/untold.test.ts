/**
 * Goal: a takeover from a SIP server that tells nothing of what it holds (drachtio-server): whoever
 * may be there is asked, what rang is taken back, and calls are looked at until they are gone.
 * Method: a state as a journal left it, and a stack, media and runtime in memory.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { evolve } from '../../../src/core/evolve.ts';
import { makeAgent } from '../../../src/core/state.ts';
import { LoadGate } from '../../../src/runtime/load.ts';
import { createClient } from '../../../src/sip/client.ts';
import { Dialogs } from '../../../src/sip/context.ts';
import { assemble } from '../../../src/sip/edge.ts';
import { Renewals } from '../../../src/sip/renewal.ts';
import { Trust } from '../../../src/sip/trust.ts';
import { FakeStack } from './fake-stack.ts';
import { acdConfig, FakeMedia, FakeRuntime, quiet } from './fakes.ts';

const base = { at: 1_000_000, by: 'test' } as const;
const device = { uri: 'sip:agent@127.0.0.1:6001', registrar: null };
const entered: CoreEvent = {
  ...{ ...base, kind: 'CallEntered', callId: 'c1', queue: 'queue1', sipCallId: 'c' },
  ...{ dialogId: 'c;from-tag=f', from: 'a@b', fromName: '', to: 'queue1@acd' },
  ...{ entry: 1, position: 1 },
};
const confirmed: CoreEvent = { ...base, kind: 'CallConfirmed', callId: 'c1' };
const offered: CoreEvent = {
  ...{ ...base, kind: 'AgentOffered', offerId: 'o1', callId: 'c1', queue: 'queue1' },
  ...{ agentId: '2771', device, deadline: 1_010_000 },
};
const sent: CoreEvent = { ...base, kind: 'OfferSent', offerId: 'o1', transaction: 't1' };

let stack: FakeStack;
let runtime: FakeRuntime;
let dialogs: Dialogs;

/** A server that starts on a journal with these events. */
function start(...events: readonly CoreEvent[]): Promise<void> {
  for (const event of events) evolve(runtime.state, event);
  const media = new FakeMedia();
  for (const callId of runtime.state.calls.keys()) media.live.add(callId);
  const trust = new Trust(quiet);
  const client = createClient(stack, trust);
  const load = { maxCalls: 10, calls: () => 0, maxDelayMs: 100, onRefused: () => undefined };
  return assemble(
    {
      ...{ config: acdConfig({ presence: 'off' }), runtime, media, log: quiet, dialogs },
      ...{ client, trust },
      load: new LoadGate(load),
      renewals: new Renewals({ media, client, log: quiet, sessionExpiresMs: 0 }),
      addresses: () => stack.addresses(),
    },
    stack,
  ).open();
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  stack = new FakeStack();
  runtime = new FakeRuntime();
  runtime.state.agents.set('2771', { ...makeAgent('2771'), device });
  dialogs = new Dialogs();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a caller whose ACK nobody heard', () => {
  it('keeps his place where he has a dialog', async () => {
    const started = start(entered);
    (await stack.wait('OPTIONS')).answer(405);
    await started;
    expect(runtime.of('ConfirmCall')).toMatchObject([{ callId: 'c1' }]);
  });

  it('is gone where his INVITE was never answered', async () => {
    const started = start(entered);
    (await stack.wait('OPTIONS')).fail('no-dialog');
    await started;
    expect(runtime.of('EndCall')).toMatchObject([{ callId: 'c1', cause: 'failed' }]);
    expect(dialogs.size).toBe(0);
  });
});

describe('a phone that rang', () => {
  it('is cancelled by its transaction, hung up on where it had answered', async () => {
    await start(entered, confirmed, offered, sent);
    expect(stack.transactionsCancelled).toEqual(['t1']);
    expect(runtime.of('FailOffer')).toMatchObject([{ offerId: 'o1', sipStatus: 0 }]);
    vi.advanceTimersByTime(1_000);
    expect(stack.of('BYE')[0]?.request.dialogId).toBe('offer-o1;from-tag=o1');
  });
});

describe('a call that was taken over', () => {
  it('is looked at every five seconds, one question at a time, until it is gone', async () => {
    await start(entered, confirmed);
    const first = await stack.wait('OPTIONS');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(stack.of('OPTIONS')).toEqual([first]);
    first.answer(200);
    await vi.advanceTimersByTimeAsync(5_000);
    (await stack.wait('OPTIONS', 2)).fail('no-dialog');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(runtime.of('EndCall')).toMatchObject([{ callId: 'c1', cause: 'failed' }]);
    expect(stack.of('OPTIONS')).toHaveLength(2);
  });
});

describe('an INVITE of ours', () => {
  it('is noted when it leaves', async () => {
    await start(entered, confirmed);
    runtime.emit(offered);
    (await stack.wait('INVITE')).echo();
    const noted = { offerId: 'o1', transaction: 'transaction' };
    expect(runtime.of('NoteInvite')).toMatchObject([noted]);
  });
});
