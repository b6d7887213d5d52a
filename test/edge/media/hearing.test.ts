/**
 * What parties hear, proved by signal: music and prompts recognised against their files, tones
 * found at the other end, digits both ways.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, decode, locate, rms, toneShare, SAME } from '../../support/audio.ts';
import { until } from '../../support/inbox.ts';
import type { RtpPeer } from '../../support/rtp.ts';
import { openStage } from '../../support/stage.ts';
import {
  good,
  offerSdp,
  portOf,
  recordings,
  startMediad,
  startParty,
  startWorker,
} from './mediad.ts';
import type { Driver } from './mediad.ts';

const stage = openStage('media-hearing');
const second = 8000;
let driver: Driver;

beforeAll(async () => {
  const mediad = await stage.add(startMediad(stage, { pairs: 20 }));
  driver = await stage.add(startWorker(mediad.control));
  // The very first caller would hear silence while the music is being read.
  await until(
    'files are read',
    async () => good(await driver.worker.figures()),
    ({ figures }) => (figures as { cache: { files: number } }).cache.files > 40,
  );
});

const party = (leg: string, codec?: 'ulaw' | 'alaw', formats?: string) =>
  startParty(stage, driver.worker, leg, codec, formats);

/** Sequence numbers without a hole, one SSRC: what a phone's jitter buffer wants to see. */
function expectOneStream(peer: RtpPeer, from = 0): void {
  const packets = peer.packets.slice(from);
  expect(new Set(packets.map(({ ssrc }) => ssrc)).size).toBe(1);
  const steps = packets.slice(1).map((p, i) => (p.seq - (packets[i]?.seq ?? 0)) & 0xffff);
  expect(steps.filter((step) => step !== 1)).toEqual([]);
}

/** What was played, without the silent frame that opens a leg and without gaps of time. */
function played(peer: RtpPeer): Int16Array {
  const frames = peer.packets.slice(1).filter(({ payloadType }) => payloadType !== 101);
  return concat(
    ...frames.map(({ payload, payloadType }) =>
      decode(payload, payloadType === 0 ? 'ulaw' : 'alaw'),
    ),
  );
}

/** Waits until the party has every packet that was sent to it so far. */
async function allArrived(leg: string, peer: RtpPeer): Promise<void> {
  const { stats } = good(await driver.worker.stats(leg)) as unknown as {
    stats: { counters: { sent: number } };
  };
  await until(
    'all packets arrived',
    () => peer.packets.length,
    (count) => count >= stats.counters.sent,
  );
}

describe('given a leg with music', () => {
  it.each(['ulaw', 'alaw'] as const)(
    'when it listens (%s), then it hears the file',
    async (law) => {
      const peer = await party(`music-${law}`, law);
      good(await driver.worker.music(`music-${law}`, 'default'));
      await peer.hearAtLeast(2 * second);
      const { score, at } = locate(played(peer), recordings.music);
      expect(score).toBeGreaterThan(SAME);
      expect(at).toBe(0);
      expect(new Set(peer.packets.map((p) => p.payloadType))).toEqual(
        new Set([law === 'ulaw' ? 0 : 8]),
      );
      good(await driver.worker.release(`music-${law}`));
    },
  );

  it('when an announcement is over, then the music goes on at the very sample', async () => {
    const peer = await party('resume');
    good(await driver.worker.music('resume', 'default'));
    await peer.hearAtLeast(second);
    good(await driver.worker.play('resume', 'thanks', [{ prompt: 'queue-thankyou' }]));
    await driver.told.take('playEnded', ({ leg }) => leg === 'resume');
    await peer.hearAtLeast(second);
    const heard = peer.heard();
    const prompt = locate(recordings.thanks, heard);
    expect(prompt.score).toBeGreaterThan(SAME);
    const before = heard.subarray(prompt.at - second / 2, prompt.at);
    const after = heard.subarray(prompt.at + recordings.thanks.length).subarray(0, second / 2);
    const joined = locate(concat(before, after), recordings.music);
    expect(joined.score).toBeGreaterThan(SAME);
    expectOneStream(peer);
  });

  it('when it is stopped and comes back, then it goes on where it stopped', async () => {
    const peer = await party('pause');
    good(await driver.worker.music('pause', 'default'));
    await peer.hearAtLeast(second);
    good(await driver.worker.music('pause', null));
    const mark = peer.mark();
    good(await driver.worker.music('pause', 'default'));
    await peer.hearAtLeast(second, mark);
    const { score, at } = locate(played(peer), recordings.music);
    expect(score).toBeGreaterThan(SAME);
    expect(at).toBe(0);
  });

  it('when digits and silence are played, then they come in order', async () => {
    const peer = await party('digits');
    const items = [{ prompt: 'queue-thankyou' }, { silenceMs: 300 }, { digits: '2' }];
    good(await driver.worker.play('digits', 'p', items));
    const ended = await driver.told.take('playEnded', ({ leg }) => leg === 'digits');
    expect(ended.detail).toBe('p all');
    const { thanks, two } = recordings;
    await allArrived('digits', peer);
    const first = locate(thanks, peer.heard());
    const last = locate(two, peer.heard());
    expect(Math.min(first.score, last.score)).toBeGreaterThan(SAME);
    expect(last.at - first.at).toBe(thanks.length + 0.3 * second);
  });

  it('when an announcement replaces another, then the first ends as part', async () => {
    await party('replaced');
    const items = [{ prompt: 'queue-thankyou' }];
    good(await driver.worker.play('replaced', 'one', items));
    good(await driver.worker.play('replaced', 'two', items));
    const ends = [];
    for (let index = 0; index < 2; index += 1) {
      ends.push((await driver.told.take('playEnded', ({ leg }) => leg === 'replaced')).detail);
    }
    expect(ends).toEqual(['one part', 'two all']);
  });

  it('when a file is bad, then it is skipped with a warning and the rest is played', async () => {
    const peer = await party('bad');
    const items = [{ prompt: '/nowhere/x.wav' }, { prompt: 'queue-thankyou' }];
    good(await driver.worker.play('bad', 'p', items));
    await driver.told.take('playEnded', ({ leg, detail }) => leg === 'bad' && detail === 'p all');
    await allArrived('bad', peer);
    expect(locate(recordings.thanks, peer.heard()).score).toBeGreaterThan(SAME);
    expect(driver.warnings.join()).toContain('/nowhere/x.wav');
    good(await driver.worker.play('bad', 'q', [{ prompt: 'no-such-key' }]));
    await driver.told.take('playEnded', ({ detail }) => detail === 'q part');
    expect(driver.warnings.join()).toContain('no-such-key');
  });
});

describe('given two connected legs', () => {
  it.each([
    ['ulaw', 'ulaw'],
    ['ulaw', 'alaw'],
    ['alaw', 'ulaw'],
  ] as const)('when both talk (%s and %s), then each hears the other', async (lawA, lawB) => {
    const [idA, idB] = [`a-${lawA}-${lawB}`, `b-${lawA}-${lawB}`];
    const a = await party(idA, lawA);
    const b = await party(idB, lawB);
    a.sendTone(440);
    b.sendTone(1000);
    good(await driver.worker.music(idA, 'default'));
    await a.hearAtLeast(second / 2);
    good(await driver.worker.connect(idA, idB));
    await Promise.all([a.hearTone(1000), b.hearTone(440)]);
    const [atA, atB] = await Promise.all([a.hearAtLeast(second / 2), b.hearAtLeast(second / 2)]);
    expect(toneShare(atA, 1000)).toBeGreaterThan(0.9);
    expect(toneShare(atB, 440)).toBeGreaterThan(0.9);
    expect(toneShare(atA, 440)).toBeLessThan(0.01);
    expectOneStream(a);
    good(await driver.worker.disconnect(idA));
    good(await driver.worker.music(idA, 'default'));
    const music = await a.hearAtLeast(second, a.mark() + second / 4);
    expect(locate(music, recordings.music, true).score).toBeGreaterThan(SAME);
    expectOneStream(a);
    for (const id of [idA, idB]) good(await driver.worker.release(id));
  });

  it('when one keys digits, then the other hears them and they are told once each', async () => {
    const a = await party('keys-a');
    const b = await party('keys-b');
    b.sendSilence();
    good(await driver.worker.connect('keys-a', 'keys-b'));
    await a.key('19#');
    await b.hearDigits('19#');
    for (const digit of '19#') {
      const told = await driver.told.take('dtmf', ({ what }) => what === 'dtmf');
      expect([told.leg, told.detail.split(' ')[0]]).toEqual(['keys-a', digit]);
    }
    await b.key('5');
    const told = await driver.told.take('dtmf', ({ what }) => what === 'dtmf');
    expect([told.leg, told.detail.split(' ')[0]]).toEqual(['keys-b', '5']);
  });

  it('when the other cannot take digits, then the stream shows no hole', async () => {
    const a = await party('deaf-a');
    const b = await party('deaf-b', 'ulaw', '0');
    a.sendTone(440);
    good(await driver.worker.connect('deaf-a', 'deaf-b'));
    await b.hearTone(440);
    await a.key('7');
    await b.hearAtLeast(second / 4);
    expect(b.packets.some(({ payloadType }) => payloadType === 101)).toBe(false);
    expectOneStream(b);
  });

  it('when one is gone, then the other hears his music again', async () => {
    const a = await party('left-a');
    await party('left-b');
    good(await driver.worker.connect('left-a', 'left-b'));
    good(await driver.worker.release('left-b'));
    good(await driver.worker.music('left-a', 'default'));
    const heard = await a.hearAtLeast(second);
    expect(locate(heard, recordings.music).score).toBeGreaterThan(SAME);
  });
});

describe('given a leg we call', () => {
  it('when it answers with A-law, then it hears and is heard', async () => {
    const { sdp } = good(await driver.worker.offer('called', '127.0.0.1'));
    expect(sdp).toMatch(/m=audio \d+ RTP\/AVP 0 8 101\r\n/);
    const agent = await party('answering-caller');
    const { worker } = driver;
    agent.remote = { host: '127.0.0.1', port: portOf(sdp) };
    agent.codec = 'alaw';
    good(await worker.release('answering-caller'));
    good(await worker.answered('called', offerSdp(agent.port, '8 101')));
    agent.sendTone(700);
    await driver.told.take(
      'firstPacket',
      ({ what, leg }) => what === 'firstPacket' && leg === 'called',
    );
    const caller = await party('caller');
    good(await worker.connect('caller', 'called'));
    await caller.hearTone(700);
    expect(portOf(good(await worker.current('called')).sdp)).toBe(portOf(sdp));
  });

  it('when digits are dialled, then the party hears them between the music', async () => {
    const peer = await party('dial');
    good(await driver.worker.music('dial', 'default'));
    await peer.hearAtLeast(second / 4);
    good(await driver.worker.dial('dial', '27*'));
    await peer.hearDigits('27*');
    const heard = await peer.hearAtLeast(second / 2);
    expect(rms(heard)).toBeGreaterThan(0);
    expectOneStream(peer);
    const deaf = await party('dial-deaf', 'ulaw', '0');
    expect(deaf.digitsHeard).toBe('');
    expect(await driver.worker.dial('dial-deaf', '1')).toMatchObject({ reason: 'unavailable' });
  });
});
