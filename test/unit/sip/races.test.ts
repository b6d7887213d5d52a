/**
 * Goal: whoever leaves at whatever moment, nothing of him stays. Method: callers and offers on a
 * stack, media and runtime in memory, each step held open until the test lets it go on.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { AgentOffered, CallEntered } from '../../../src/core/events.ts';
import type { MediaResult } from '../../../src/media/port.ts';
import { LoadGate } from '../../../src/runtime/load.ts';
import { createClient } from '../../../src/sip/client.ts';
import { Dialogs } from '../../../src/sip/context.ts';
import { assemble } from '../../../src/sip/edge.ts';
import { Renewals } from '../../../src/sip/renewal.ts';
import type { SipEdge } from '../../../src/sip/edge.ts';
import { CLEARING_MAX_MS } from '../../../src/sip/phone-clearing.ts';
import { Trust } from '../../../src/sip/trust.ts';
import { FakeStack } from './fake-stack.ts';
import type { Incoming } from './fake-stack.ts';
import { acdConfig, FakeMedia, FakeRuntime, quiet, SDP_OFFER, settle } from './fakes.ts';

let stack: FakeStack;
let media: FakeMedia;
let runtime: FakeRuntime;
let dialogs: Dialogs;
let edge: SipEdge;
let load: LoadGate;
let here: number;

beforeEach(async () => {
  stack = new FakeStack();
  media = new FakeMedia();
  runtime = new FakeRuntime();
  dialogs = new Dialogs();
  const trust = new Trust(quiet);
  const client = createClient(stack, trust);
  here = 0;
  load = new LoadGate({
    maxCalls: 10,
    calls: () => here,
    maxDelayMs: 100,
    onRefused: () => undefined,
  });
  const closed = assemble(
    {
      ...{ config: acdConfig(), runtime, media, log: quiet, load, dialogs, client, trust },
      renewals: new Renewals({ media, client, log: quiet, sessionExpiresMs: 0 }),
      addresses: () => stack.addresses(),
    },
    stack,
  );
  await closed.open();
  edge = closed;
});

const base = { at: 0, by: 'test' } as const;

function entered(callId: string): CallEntered {
  return {
    ...base,
    kind: 'CallEntered',
    callId,
    queue: 'queue1',
    sipCallId: 'c',
    from: 'a@b',
    fromName: '',
    to: 'queue1@acd',
    entry: 1,
    position: 1,
  };
}

const offered: AgentOffered = {
  ...base,
  kind: 'AgentOffered',
  offerId: 'o1',
  callId: 'c1',
  queue: 'queue1',
  agentId: '2771',
  device: { uri: 'sip:agent@127.0.0.1:6001', registrar: null },
  deadline: 1_010_000,
};

/** A promise the test settles. */
function gate<T>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open };
}

type Sdp = MediaResult<{ sdp: string }>;
const good: Sdp = { ok: true, sdp: SDP_OFFER };

function nothingLeft(): void {
  expect([...media.live]).toEqual([]);
  expect(dialogs.size).toBe(0);
  expect(edge.health()).toMatchObject({ callers: 0, offers: 0 });
}

describe('a caller', () => {
  const headers = {
    'Call-ID': 'c',
    From: '<sip:a@b>;tag=f',
    To: '<sip:queue1@acd>',
    'Content-Type': 'application/sdp',
  };
  const arrive = (): Incoming => stack.receive('INVITE', headers, { body: SDP_OFFER });
  const inDialog = (method: string): Incoming =>
    stack.receive(
      method,
      { ...headers, To: '<sip:queue1@acd>;tag=t' },
      {
        dialogId: 'c;from-tag=f',
      },
    );

  beforeEach(() => {
    runtime.answer('ArriveCall', (command) =>
      command.kind === 'ArriveCall' ? [entered(command.callId)] : [],
    );
  });

  it('who cancels while media is being made never arrives', async () => {
    const accept = gate<Sdp>();
    media.result('accept', () => accept.promise);
    const invite = arrive();
    invite.cancel();
    accept.open(good);
    await settle();
    expect(runtime.of('ArriveCall')).toEqual([]);
    expect(invite.answers).toEqual([]);
    nothingLeft();
  });

  it('who cancels while his place is being journalled ends his call', async () => {
    const invite = arrive();
    runtime.answer('ArriveCall', (command) => {
      invite.cancel();
      return command.kind === 'ArriveCall' ? [entered(command.callId)] : [];
    });
    expect((await runtime.wait('EndCall')).cause).toBe('cancel');
    await settle();
    expect(invite.answers).toEqual([]);
    nothingLeft();
  });

  it('whose CANCEL crosses our 200 ends his call', async () => {
    const invite = arrive();
    invite.outcome = { ok: false, detail: 'unknown transaction', isLost: false };
    expect((await runtime.wait('EndCall')).cause).toBe('cancel');
    await settle();
    nothingLeft();
  });

  it('who hangs up before the ACK was seen ends his call', async () => {
    await arrive().answered();
    const bye = inDialog('BYE');
    expect((await bye.answered()).status).toBe(200);
    expect((await runtime.wait('EndCall')).cause).toBe('bye');
    nothingLeft();
  });

  it('ended by us before his ACK gets BYE behind it (RFC 3261 §15)', async () => {
    await arrive().answered();
    const { callId } = runtime.of('ArriveCall')[0]!;
    runtime.emit({
      ...base,
      kind: 'CallEnded',
      callId,
      queue: 'queue1',
      status: 'FAILED',
      endedBy: 'system',
      agentId: null,
      offerId: null,
      waitedMs: 0,
      talkedMs: 0,
      position: 1,
    });
    expect(stack.of('BYE')).toEqual([]);
    inDialog('ACK');
    expect((await stack.wait('BYE')).request.dialogId).toBe('c;from-tag=f');
    nothingLeft();
  });

  it('is answered 503 with Retry-After when the journal is away', async () => {
    runtime.answer('ArriveCall', () => ({ ok: false, refusal: 'unavailable' }));
    const answer = await arrive().answered();
    expect(answer).toMatchObject({ status: 503, headers: { 'Retry-After': '5' } });
    nothingLeft();
  });

  it.each([
    ['queue-full', 486],
    ['overload', 503],
    ['unknown-queue', 404],
  ] as const)('refused as %s is answered %i', async (refusal, status) => {
    runtime.answer('ArriveCall', () => ({ ok: false, refusal }));
    expect((await arrive().answered()).status).toBe(status);
    nothingLeft();
  });

  it('silent, and not answering when asked, has vanished (RFC 3261 §12.2.1.2)', async () => {
    const caller = arrive();
    await caller.answered();
    inDialog('ACK');
    const leg = [...media.live][0] ?? '';
    media.events?.silence(leg, 10_000, true);
    const asked = await stack.wait('OPTIONS');
    // Not twice at once.
    media.events?.silence(leg, 10_000, true);
    expect(stack.of('OPTIONS')).toEqual([asked]);
    asked.answer(200);
    await settle();
    media.events?.silence(leg, 10_000, true);
    expect(runtime.of('EndCall')).toEqual([]);
    (await stack.wait('OPTIONS', 2)).answer(408);
    await settle();
    expect(runtime.of('EndCall')).toMatchObject([{ cause: 'failed' }]);
    // The SIP server keeps a dialog until it hears of its end, and nobody else would tell it.
    expect((await stack.wait('BYE')).header('Reason')).toContain('No longer there');
    expect(stack.of('BYE')).toHaveLength(1);
  });

  it('silent for longer than may be is hung up', async () => {
    await arrive().answered();
    inDialog('ACK');
    media.events?.silence([...media.live][0] ?? '', 20_000, true);
    expect((await stack.wait('BYE')).header('Reason')).toContain('No audio');
    expect(runtime.of('EndCall')).toMatchObject([{ cause: 'failed' }]);
  });

  it('beyond the calls there may be costs no media, no journal; a login comes in', async () => {
    here = 10;
    const answer = await arrive().answered();
    expect(answer).toMatchObject({ status: 503, headers: { 'Retry-After': '10' } });
    expect(runtime.commands).toEqual([]);
    expect(media.of('accept')).toEqual([]);
    nothingLeft();
    const login = stack.receive('INVITE', headers, { body: SDP_OFFER, uri: 'sip:*44@acd' });
    expect((await login.answered()).reason).not.toBe('Overloaded');
  });

  it('while the loop is late is refused; who was taken before goes on', async () => {
    const caller = arrive();
    await caller.answered();
    for (let now = 0; now < 5_000; now += 500) load.measure(now, 500, 450);
    const other = { ...headers, 'Call-ID': 'd' };
    const answer = await stack.receive('INVITE', other, { body: SDP_OFFER }).answered();
    expect(answer).toMatchObject({ status: 503, headers: { 'Retry-After': '5' } });
    const login = stack.receive('INVITE', other, { body: SDP_OFFER, uri: 'sip:*44@acd' });
    expect((await login.answered()).reason).toBe('Overloaded');
    expect((await inDialog('INFO').answered()).status).not.toBe(503);
    expect(runtime.of('ArriveCall')).toHaveLength(1);
  });

  it('arriving twice by two ways is taken once (RFC 3261 §8.2.2.2)', async () => {
    await arrive().answered();
    expect((await arrive().answered()).status).toBe(482);
    expect(runtime.of('ArriveCall')).toHaveLength(1);
  });
});

describe('an offer', () => {
  const withdrawn = { ...base, kind: 'OfferWithdrawn', offerId: 'o1', callId: 'c1' } as const;
  const takeBack = (): void => {
    runtime.emit({ ...withdrawn, agentId: '2771', reason: 'answered-elsewhere' });
  };

  it('taken back while media is being made rings nobody', async () => {
    const offer = gate<Sdp>();
    media.result('offer', () => offer.promise);
    runtime.emit(offered);
    takeBack();
    offer.open(good);
    await settle();
    expect(stack.sent).toEqual([]);
    nothingLeft();
  });

  it('taken back while it rings is cancelled as answered elsewhere', async () => {
    runtime.emit(offered);
    const invite = await stack.wait('INVITE');
    invite.echo();
    invite.answer(180);
    await runtime.wait('RingOffer');
    takeBack();
    expect(invite.cancels[0]?.['Reason']).toContain('cause=200');
    await settle();
    expect(runtime.of('FailOffer')).toEqual([]);
    nothingLeft();
  });

  const next: AgentOffered = { ...offered, offerId: 'o2', callId: 'c2' };

  it('given the former CANCEL waits for a first response, the next one waits for it', async () => {
    runtime.emit(offered);
    const former = await stack.wait('INVITE');
    former.echo();
    takeBack();
    runtime.emit(next);
    await settle();
    expect(stack.of('INVITE')).toHaveLength(1);
    expect([...media.live]).toEqual([]);
    former.answer(487);
    expect((await stack.wait('INVITE', 2)).header('Call-ID')).toBe('offer-o2');
  });

  it('given the former was answered across its CANCEL, the next one waits for BYE', async () => {
    runtime.emit(offered);
    const former = await stack.wait('INVITE');
    former.echo();
    takeBack();
    runtime.emit(next);
    former.answer(200, {}, SDP_OFFER);
    await settle();
    expect(stack.of('INVITE')).toHaveLength(1);
    (await stack.wait('BYE')).answer(200);
    await stack.wait('INVITE', 2);
  });

  it('given a phone that never answers, the next one goes out all the same', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    runtime.emit(offered);
    await stack.wait('INVITE');
    takeBack();
    runtime.emit(next);
    await settle();
    expect(stack.of('INVITE')).toHaveLength(1);
    vi.advanceTimersByTime(CLEARING_MAX_MS);
    await stack.wait('INVITE', 2);
    vi.useRealTimers();
  });

  it('given a call that was up and ended, the next one waits for nothing', async () => {
    runtime.emit(offered);
    const former = await stack.wait('INVITE');
    former.echo();
    former.answer(200, {}, SDP_OFFER);
    await runtime.wait('AnswerOffer');
    stack.receive('BYE', {}, { dialogId: 'offer-o1;from-tag=o1' });
    runtime.emit(next);
    await settle();
    expect(stack.of('INVITE')).toHaveLength(2);
  });

  it('taken back between 200 and its media is hung up', async () => {
    const answered = gate<Sdp>();
    media.result('answered', () => answered.promise);
    runtime.emit(offered);
    const invite = await stack.wait('INVITE');
    invite.echo();
    invite.answer(200, {}, SDP_OFFER);
    await media.wait('answered');
    takeBack();
    await stack.wait('BYE');
    answered.open(good);
    await settle();
    expect(runtime.of('AnswerOffer')).toEqual([]);
    nothingLeft();
  });

  it('whose answer comes too late for the core is hung up', async () => {
    runtime.answer('AnswerOffer', () => ({ ok: false, refusal: 'unknown-offer' }));
    runtime.emit(offered);
    const invite = await stack.wait('INVITE');
    invite.echo();
    invite.answer(200, {}, SDP_OFFER);
    await stack.wait('BYE');
    await settle();
    nothingLeft();
  });

  it('hung up by the agent ends his leg', async () => {
    runtime.emit(offered);
    const invite = await stack.wait('INVITE');
    invite.echo();
    invite.answer(200, {}, SDP_OFFER);
    await runtime.wait('AnswerOffer');
    const bye = stack.receive('BYE', {}, { dialogId: 'offer-o1;from-tag=o1' });
    expect((await bye.answered()).status).toBe(200);
    expect((await runtime.wait('EndAgentLeg')).cause).toBe('bye');
    await settle();
    nothingLeft();
  });

  it('whose bridge fails is hung up and fails as media', async () => {
    runtime.answer('AnswerOffer', () => [
      {
        ...base,
        kind: 'OfferAnswered',
        offerId: 'o1',
        callId: 'c1',
        agentId: '2771',
        deadline: 1_020_000,
      },
    ]);
    media.result('connect', () =>
      Promise.resolve({ ok: false, reason: 'unknown-leg', detail: 'gone' }),
    );
    runtime.emit(offered);
    const invite = await stack.wait('INVITE');
    invite.echo();
    invite.answer(200, {}, SDP_OFFER);
    expect(await runtime.wait('FailOffer')).toMatchObject({ failure: 'media', detail: 'gone' });
    await stack.wait('BYE');
    nothingLeft();
  });

  it('carries no line break of a caller into a header', async () => {
    runtime.state.calls.set('c1', {
      from: '4711@x',
      fromName: 'Eve"\r\nX-Evil: 1',
      sipCallId: 'a\r\nb',
    } as never);
    runtime.emit(offered);
    const invite = await stack.wait('INVITE');
    for (const value of Object.values(invite.request.headers ?? {}))
      expect(value).not.toMatch(/[\r\n]/);
    expect(invite.header('From')).toContain('\\"');
  });
});

describe('media', () => {
  it('legs that nobody owns are released, legs that are lost end their calls', async () => {
    runtime.answer('ArriveCall', (command) =>
      command.kind === 'ArriveCall' ? [entered(command.callId)] : [],
    );
    const headers = { 'Call-ID': 'c', From: '<sip:a@b>;tag=f', To: '<sip:queue1@acd>' };
    const sdp = { 'Content-Type': 'application/sdp' };
    await stack.receive('INVITE', { ...headers, ...sdp }, { body: SDP_OFFER }).answered();
    stack.receive('ACK', { ...headers, To: '<sip:q@a>;tag=t' }, { dialogId: 'c;from-tag=f' });
    const { callId } = await runtime.wait('ConfirmCall');
    media.live.add('stray');
    media.events?.up([callId, 'stray']);
    expect([...media.live]).toEqual([callId]);
    expect(edge.health().callers).toBe(1);
    media.events?.up([]);
    expect((await runtime.wait('EndCall')).cause).toBe('failed');
    await stack.wait('BYE');
    nothingLeft();
  });
});
