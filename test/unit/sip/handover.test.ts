/**
 * Goal: whatever is in our hands when the server is handed over is the next one's to say: no
 * refusal reaches a phone. Method: as in takeover.test.ts, each step held open by the test.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { MediaResult } from '../../../src/media/port.ts';
import { Past } from './past.ts';
import { SDP_OFFER, settle } from './fakes.ts';

let past: Past;
let mediaIsDone: (result: MediaResult<{ sdp: string }>) => void;

/** The next order of that kind is under way until `mediaIsDone`. */
function holdMedia(verb: string): void {
  past.media.result(verb, () => new Promise((settle) => (mediaIsDone = settle)));
}

/** The loop is closing: it takes nothing any more. */
function closeLoop(): void {
  past.runtime.isClosed = true;
}

/** A caller whose leg is being made as everything is handed over. */
async function arrives() {
  holdMedia('accept');
  const invite = past.invites('c1');
  await past.media.wait('accept');
  await past.edge?.handOver();
  closeLoop();
  mediaIsDone({ ok: true, sdp: SDP_OFFER });
  return invite;
}

beforeEach(async () => {
  past = await Past.make();
});

describe('handing over', () => {
  it('given a caller who has no place yet, then he is told nothing', async () => {
    await past.takeOver();
    const invite = await arrives();
    await settle();
    expect(invite.answers).toEqual([]);
    expect(past.runtime.of('ArriveCall')).toEqual([]);
  });

  it('given an ACK whose answer is being taken, then its caller keeps call and leg', async () => {
    await past.called('c1', false);
    past.holds('c1', 'awaiting-ack');
    await past.takeOver();
    holdMedia('answered');
    past.stack.receive('ACK', {}, { dialogId: 'c1;from-tag=f', body: SDP_OFFER });
    await past.media.wait('answered');
    await past.edge?.handOver();
    closeLoop();
    mediaIsDone({ ok: true, sdp: SDP_OFFER });
    await settle();
    expect(past.byes()).toEqual([]);
    expect(past.media.of('release')).toEqual([]);
  });

  it('given a drachtio-server, which has no next process for it, then he is refused', async () => {
    past.stack.kept = null;
    await past.takeOver();
    const invite = await arrives();
    expect(await invite.answered()).toMatchObject({ status: 503 });
  });
});
