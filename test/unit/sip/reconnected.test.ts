/**
 * Goal: when the connection to the SIP server is back, what it lost is found out, and what begins
 * in that moment is left alone. Method: as in takeover.test.ts.
 */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { dialogOf, offerDialog, Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  past = await Past.make();
  await past.called('c1');
  past.holds('c1');
  await past.takeOver();
});

const asked = (): (string | undefined)[] =>
  past.stack.of('OPTIONS').map(({ request }) => request.dialogId);

async function ring(isSent = true) {
  await past.loggedIn();
  const invite = await past.stack.wait('INVITE');
  if (isSent) invite.echo();
  const [offer] = past.runtime.state.offers.values();
  if (offer === undefined) throw new Error('no offer was made');
  return { invite, offer };
}

it('given a process died before its ACK left, then the next one sends it', async () => {
  past = await Past.make();
  const offer = await past.offered('connected');
  past.holds('c1');
  past.holdsOffer(offer, 'awaiting-ack');
  await past.takeOver();
  const [resumed] = past.kept.resumed;
  expect(resumed?.request.dialogId).toBe(offerDialog(offer.id));
  resumed?.answer(200);
  expect(resumed?.acks).toBe(1);
});

it('given the line breaks while calls are taken over, then they are first', async () => {
  past = await Past.make();
  await past.called('c1');
  past.holds('c1');
  let arrive: () => void = () => undefined;
  past.kept.arrives = new Promise((resolve) => (arrive = resolve));
  const asked = vi.spyOn(past.kept, 'inventory');
  const tookOver = past.takeOver();
  await expect.poll(() => asked.mock.calls.length).toBe(1);
  past.stack.reconnected(100);
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toHaveBeenCalledTimes(1);
  arrive();
  await tookOver;
  await expect.poll(() => asked.mock.calls.length).toBe(2);
  expect(past.dialogs.has(dialogOf('c1'))).toBe(true);
});

describe('the SIP server is back', () => {
  it('given it lost a dialog, then that is asked for, and its call ends', async () => {
    past.kept.held.length = 0;
    past.stack.reconnected(100);
    (await past.stack.wait('OPTIONS')).fail('no-dialog');
    await expect.poll(() => past.runtime.of('EndCall')).toMatchObject([{ callId: 'c1' }]);
    expect(asked()).toEqual([dialogOf('c1')]);
  });

  it('given a phone is called while it tells what it has, then it rings on', async () => {
    let arrive: () => void = () => undefined;
    past.kept.arrives = new Promise((resolve) => (arrive = resolve));
    past.stack.reconnected(100);
    const { offer } = await ring();
    arrive();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked()).toEqual([]);
    expect(past.runtime.state.offers.has(offer.id)).toBe(true);
  });

  it('given it has no ACK for a phone that talks, then that gets one', async () => {
    const { invite, offer } = await ring();
    invite.answer(200);
    await expect.poll(() => past.runtime.of('AnswerOffer')).toHaveLength(1);
    past.holdsOffer(offer, 'awaiting-ack');
    past.holds('stranger', 'awaiting-ack');
    past.stack.reconnected(100);
    await expect.poll(() => past.kept.resumed).toHaveLength(1);
    const [resumed] = past.kept.resumed;
    expect(resumed?.request.dialogId).toBe(offerDialog(offer.id));
    resumed?.answer(200);
    expect(resumed?.acks).toBe(1);
    expect(past.byes()).toEqual([]);
  });

  it('given it has none for a phone whose answer is under way, then that gets one', async () => {
    const { invite, offer } = await ring();
    invite.echo();
    invite.fail('connection-lost');
    past.holdsOffer(offer, 'awaiting-ack');
    past.stack.reconnected(100);
    await expect.poll(() => past.kept.resumed).toHaveLength(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(past.kept.resumed).toHaveLength(1);
  });

  it('given it never had an INVITE, then that leaves; nobody was unreachable', async () => {
    const { invite } = await ring(false);
    invite.fail('connection-lost');
    past.stack.reconnected(100);
    await expect.poll(() => past.kept.resumed).toHaveLength(1);
    past.kept.resumed[0]?.fail('no-dialog', 'nothing');
    const again = await past.stack.wait('INVITE', 2);
    expect(again.header('Call-ID')).toBe(invite.header('Call-ID'));
    expect(past.runtime.of('FailOffer')).toEqual([]);
  });

  it('given the phone declined meanwhile, then it is not rung again', async () => {
    const { invite } = await ring(false);
    invite.fail('connection-lost');
    past.stack.reconnected(100);
    await expect.poll(() => past.kept.resumed).toHaveLength(1);
    past.kept.resumed[0]?.fail('no-dialog', 'ended');
    await expect.poll(() => past.runtime.of('FailOffer')).toHaveLength(1);
    expect(past.stack.of('INVITE')).toHaveLength(1);
  });

  it('given a phone is taken for dead that rings, then its answer is hung up on', async () => {
    const { invite, offer } = await ring();
    past.dialogs.probe([offerDialog(offer.id)]);
    (await past.stack.wait('OPTIONS')).fail('no-dialog');
    await expect.poll(() => past.runtime.of('FailOffer')).toHaveLength(1);
    expect(invite.cancels).toHaveLength(1);
    invite.answer(200);
    await past.stack.wait('BYE');
    expect(past.byes()).toEqual([offerDialog(offer.id)]);
  });
});
