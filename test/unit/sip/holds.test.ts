/**
 * Goal: a talk on hold, or off it again, is so in the audio, though media was away when it was
 * ordered. Method: as in takeover.test.ts; what media answers the test says.
 */
import { beforeEach, expect, it } from 'vitest';
import { Past } from './past.ts';
import { SDP_OFFER } from './fakes.ts';

let past: Past;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  past = await Past.make();
  const offer = await past.offered('connected');
  past.holds('c1');
  past.holdsOffer(offer);
  await past.takeOver();
});

const order = (kind: 'HoldCall' | 'UnholdCall') =>
  past.runtime.submit({ kind, by: 'test', callId: 'c1', holder: 'command' });

it('given media is away as the hold ends, the two are joined when it is back', async () => {
  await order('HoldCall');
  past.media.result('connect', () =>
    Promise.resolve({ ok: false, reason: 'unavailable', detail: 'mediad: closed' }),
  );
  await order('UnholdCall');
  await settled();
  const tried = past.media.of('connect').length;
  past.media.result('connect', () => Promise.resolve({ ok: true, sdp: SDP_OFFER }));
  past.media.events?.up([...past.media.live]);
  await settled();
  expect(past.media.of('connect')).toHaveLength(tried + 1);
  past.media.events?.up([...past.media.live]);
  await settled();
  expect(past.media.of('connect'), 'once is enough').toHaveLength(tried + 1);
});
