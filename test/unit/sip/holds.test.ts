/**
 * Goal: a talk on hold, or off it again, is so in the audio, though media was away when it was
 * ordered; and a hold from before the talk counts in it, though the process that heard of it is no
 * more. Method: as in takeover.test.ts; what media answers the test says.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Offer } from '../../../src/core/state.ts';
import { dialogOf, Past } from './past.ts';
import { SDP_OFFER, settle } from './fakes.ts';

const HELD = SDP_OFFER.replace('a=sendrecv', 'a=sendonly');
let past: Past;

beforeEach(async () => {
  past = await Past.make();
});

/** A caller, and an offer that got so far, in the hands of a new process. */
async function offered(phase: Offer['phase']): Promise<Offer> {
  const offer = await past.offered(phase);
  past.holds('c1');
  past.holdsOffer(offer, phase === 'ringing' ? 'early' : 'confirmed');
  await past.takeOver();
  return offer;
}

const order = (kind: 'HoldCall' | 'UnholdCall') =>
  past.runtime.submit({ kind, by: 'test', callId: 'c1', holder: 'command' });

/** A process ends without a word, and the next one begins: on what was kept, nothing else. */
async function takenOver(): Promise<void> {
  const { media, kept } = past;
  const next = await Past.make();
  for (const [leg, text] of media.remembered) next.media.remembered.set(leg, text);
  past = next;
  const offer = await past.offered('ringing');
  past.kept.held.push(...kept.held);
  await past.takeOver();
  // Here the two come together.
  await past.runtime.submit({ kind: 'AnswerOffer', by: 'test', offerId: offer.id });
  await past.runtime.submit({ kind: 'ConfirmBridge', by: 'test', offerId: offer.id });
}

it('given media is away as the hold ends, the two are joined when it is back', async () => {
  await offered('connected');
  await order('HoldCall');
  past.media.result('connect', () =>
    Promise.resolve({ ok: false, reason: 'unavailable', detail: 'mediad: closed' }),
  );
  await order('UnholdCall');
  await settle();
  const tried = past.media.of('connect').length;
  past.media.result('connect', () => Promise.resolve({ ok: true, sdp: SDP_OFFER }));
  past.media.events?.up([...past.media.live]);
  await settle();
  expect(past.media.of('connect')).toHaveLength(tried + 1);
  past.media.events?.up([...past.media.live]);
  await settle();
  expect(past.media.of('connect'), 'once is enough').toHaveLength(tried + 1);
});

describe('a hold from before the talk', () => {
  it('given a caller who held while he waited, he holds as soon as he is connected', async () => {
    await offered('ringing');
    past.reoffers(dialogOf('c1'), HELD);
    await past.media.wait('remember');
    expect(past.runtime.of('HoldCall')).toEqual([]);
    await takenOver();
    expect(await past.runtime.wait('HoldCall')).toMatchObject({ callId: 'c1', holder: 'caller' });
    await settle();
    expect(past.runtime.of('HoldCall')).toHaveLength(1);
  });

  it('given he had ended it by then, he does not', async () => {
    await offered('ringing');
    past.reoffers(dialogOf('c1'), HELD);
    await past.media.wait('remember');
    past.reoffers(dialogOf('c1'), SDP_OFFER);
    await past.media.wait('remember', 2);
    await takenOver();
    await settle();
    expect(past.runtime.of('HoldCall')).toEqual([]);
  });

  it('given a hold of the talk that was not journalled, it is now; and so is its end', async () => {
    const offer = await past.offered('connected');
    past.holds('c1');
    past.holdsOffer(offer);
    past.media.remembered.set(offer.id, 'holds');
    await past.takeOver();
    expect(await past.runtime.wait('HoldCall')).toMatchObject({ callId: 'c1', holder: 'agent' });
    past.media.remembered.set(offer.id, 'holds not');
    await past.takeOver();
    expect(await past.runtime.wait('UnholdCall')).toMatchObject({ callId: 'c1', holder: 'agent' });
  });

  it('given a phone that holds while another has the talk (ringall), it does not', async () => {
    const offer = await offered('connected');
    const other = { ...offer, id: 'o-other' };
    past.runtime.state.offers.set('o-other', other);
    past.media.remembered.set('o-other', 'holds');
    past.holdsOffer(other);
    past.media.live.add('o-other');
    await past.takeOver();
    await settle();
    expect(past.runtime.of('HoldCall')).toEqual([]);
  });
});
