/**
 * Goal: no packet ends the audio process, takes a leg from its party, is mixed into what somebody
 * hears, or keeps the others waiting. Method: the real process on loopback, packets by seed.
 */
import { createSocket } from 'node:dgram';
import { beforeAll, describe, expect, it } from 'vitest';
import { relatchMs } from '../../../src/mediad/latch.ts';
import { limits } from '../../../src/mediad/limits.ts';
import { toneShare } from '../../support/audio.ts';
import { seeded } from '../../support/seeded.ts';
import { until } from '../../support/inbox.ts';
import { buildRtp, DTMF_PAYLOAD, RtpPeer } from '../../support/rtp.ts';
import { openStage } from '../../support/stage.ts';
import { good, offerSdp, portOf, startMediad, startParty, startWorker } from './mediad.ts';
import type { Driver, Mediad } from './mediad.ts';

const stage = openStage('media-hostile');
const second = 8000;
let mediad: Mediad;
let driver: Driver;

beforeAll(async () => {
  mediad = await stage.add(startMediad(stage, { pairs: 30, silenceMs: 400 }));
  driver = await stage.add(startWorker(mediad.control));
});

async function stranger(): Promise<RtpPeer> {
  const peer = await RtpPeer.open();
  await stage.addForTest({ stop: () => Promise.resolve(peer.close()) });
  return peer;
}

/** Two parties that hear each other: a's tone of 440 Hz at b, nothing from b. */
async function talkingPair(name: string): Promise<[RtpPeer, RtpPeer]> {
  const a = await startParty(stage, driver.worker, `${name}-a`);
  const b = await startParty(stage, driver.worker, `${name}-b`);
  a.sendTone(440);
  b.sendSilence();
  good(await driver.worker.connect(`${name}-a`, `${name}-b`));
  await b.hearTone(440);
  return [a, b];
}

async function counters(leg: string): Promise<Record<string, unknown>> {
  const { stats } = good(await driver.worker.stats(leg)) as { stats?: unknown };
  return (stats as { counters: Record<string, unknown> }).counters;
}

/** Alive, no fault told, and a pair of its own can talk. */
async function expectHealthy(name: string): Promise<void> {
  await talkingPair(`${name}-after`);
  expect(driver.worker.health().up).toBe(true);
  expect(mediad.process.output()).not.toMatch(/"level":"error"|request failed|Error:/);
}

/** Long enough for the next stream of the same source to be taken for a new one. */
async function silence(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 150));
}

/** The numbers of what `peer` was sent in a row: nothing lost, doubled or out of order. */
function steps(peer: RtpPeer, from: number): Set<number> {
  const heard = peer.packets.slice(from);
  return new Set(heard.slice(1).map((p, i) => (p.seq - (heard[i]?.seq ?? 0)) & 0xffff));
}

describe('given a talking pair', () => {
  it('when packets have payload types nobody agreed, then none is passed on', async () => {
    const [a, b] = await talkingPair('types');
    for (let payloadType = 0; payloadType < 128; payloadType += 1) {
      if ([0, 8, DTMF_PAYLOAD].includes(payloadType)) continue;
      const packet = { payloadType, marker: false, seq: payloadType, timestamp: 9, ssrc: 9 };
      a.sendRaw(buildRtp({ ...packet, payload: Buffer.alloc(160, 0x55) }));
      if (payloadType % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const heard = await b.hearAtLeast(second);
    expect(toneShare(heard, 440)).toBeGreaterThan(0.9);
    expect(new Set(b.packets.map((p) => p.payloadType))).toEqual(new Set([0]));
    expect(Number((await counters('types-a'))['unexpected'])).toBeGreaterThan(50);
  });

  it('when sequence and time leap, then the listener gets one stream without a leap', async () => {
    const [a, b] = await talkingPair('leaps');
    a.mute();
    await silence();
    const from = b.packets.length;
    const random = seeded(3);
    let [seq, timestamp, ssrc] = [65_500, 0xffff_ff00, 1];
    for (let index = 0; index < 100; index += 1) {
      seq += 1;
      timestamp += 160;
      if (index % 25 === 10) timestamp += Math.floor(random() * 2 ** 32);
      if (index % 25 === 15) seq += 10_000 + Math.floor(random() * 40_000);
      // A source may begin a new stream when it has been silent for a moment.
      if (index % 25 === 20) {
        ssrc += 1;
        await silence();
      }
      const payload = Buffer.alloc(160, 0x20 + (index % 2) * 0x80);
      a.sendRaw(
        buildRtp({ payloadType: 0, marker: false, seq, timestamp: timestamp >>> 0, ssrc, payload }),
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until(
      'nearly all came through',
      () => b.packets.length - from,
      (count) => count > 90,
    );
    expect(new Set(b.packets.map((p) => p.ssrc)).size).toBe(1);
    expect(steps(b, from)).toEqual(new Set([1]));
    const times = b.packets.slice(from).map((p) => p.timestamp);
    const widest = Math.max(...times.slice(1).map((t, i) => (t - (times[i] ?? 0)) | 0));
    expect(widest).toBeLessThan(second);
  });

  it('when packets of any kind come by seed, then the talk goes on', async () => {
    const [a, b] = await talkingPair('any');
    const thief = await stranger();
    thief.remote = a.remote;
    const seed = Date.now() % 1_000_000;
    const random = seeded(seed);
    const control = { host: '127.0.0.1', port: (a.remote?.port ?? 0) + 1 };
    for (let index = 0; index < 1_500; index += 1) {
      const packet = oddPacket(random);
      thief.sendRaw(packet);
      // From the party's own socket, but not as its audio: that would be its own affair.
      if (!isAudio(packet)) a.sendRaw(packet);
      a.sendRaw(packet, control);
      thief.sendRaw(packet, control);
      if (index % 30 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const heard = await b.hearAtLeast(second);
    expect([seed, toneShare(heard, 440) > 0.8]).toEqual([seed, true]);
    expect(thief.packets).toEqual([]);
    await expectHealthy('any');
  });

  it('when one keys thousands of digits, then few are told, others’ at once', async () => {
    const [a, b] = await talkingPair('keys');
    a.mute();
    await silence();
    for (let index = 0; index < 1_000; index += 1) {
      const payload = Buffer.from([index % 10, 0x8a, 0x03, 0x20]);
      const packet = { payloadType: DTMF_PAYLOAD, marker: true, ssrc: 77, payload };
      a.sendRaw(buildRtp({ ...packet, seq: index, timestamp: index * 800 }));
      if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await b.key('7');
    await driver.told.take('dtmf', ({ what, leg }) => what === 'dtmf' && leg === 'keys-b');
    const count = driver.told.pending.filter(
      ({ what, leg }) => what === 'dtmf' && leg === 'keys-a',
    ).length;
    expect(count).toBeGreaterThan(5);
    expect(count).toBeLessThan(100);
    await expectHealthy('keys');
  });
});

describe('given a stranger who is quicker than the party', () => {
  it('when the party comes, then it has the leg, and he is not heard', async () => {
    const b = await startParty(stage, driver.worker, 'quick-b');
    b.sendSilence();
    const a = await startParty(stage, driver.worker, 'quick-a');
    good(await driver.worker.connect('quick-a', 'quick-b'));
    const thief = await stranger();
    thief.remote = a.remote;
    thief.sendTone(2000);
    await b.hearTone(2000);
    a.sendTone(440);
    await b.hearTone(440);
    const heard = await b.hearAtLeast(second);
    expect(toneShare(heard, 2000)).toBeLessThan(0.01);
    expect(toneShare(heard, 440)).toBeGreaterThan(0.9);
  });

  it('when he floods the port, then the party is heard all the same', async () => {
    const { sdp } = good(await driver.worker.accept('flood-a', offerSdp(4_000)));
    const b = await startParty(stage, driver.worker, 'flood-b');
    b.sendSilence();
    good(await driver.worker.connect('flood-a', 'flood-b'));
    const a = await stranger();
    a.remote = { host: '127.0.0.1', port: portOf(sdp) };
    good(await driver.worker.reoffered('flood-a', offerSdp(a.port)));
    const thief = await stranger();
    thief.remote = a.remote;
    a.sendTone(440);
    const packet = { payloadType: 0, marker: false, timestamp: 1, ssrc: 666 };
    const payload = Buffer.alloc(160, 0x80);
    const flood = setInterval(() => {
      for (let seq = 0; seq < 300; seq += 1) thief.sendRaw(buildRtp({ ...packet, seq, payload }));
    }, 10);
    await stage.addForTest({ stop: () => Promise.resolve(clearInterval(flood)) });
    await b.hearTone(440);
    const heard = await b.hearAtLeast(second);
    clearInterval(flood);
    expect(toneShare(heard, 440)).toBeGreaterThan(0.8);
    await expectHealthy('flood');
  });
});

describe('given a party that was heard', () => {
  it('when it falls silent and a stranger comes, then he gets neither leg nor ear', async () => {
    const [a, b] = await talkingPair('orphan');
    a.mute();
    // From another address; a new port of the party's own would be the party, started again.
    const thief = createSocket('udp4');
    await stage.addForTest({ stop: () => Promise.resolve(void thief.close()) });
    const stolen: Buffer[] = [];
    thief.on('message', (packet) => stolen.push(packet));
    await new Promise<void>((resolve) => thief.bind(0, '127.0.0.2', resolve));
    const port = a.remote?.port ?? 0;
    const before = a.packets.length;
    const heardBefore = b.packets.length;
    let seq = 0;
    const sending = setInterval(() => {
      const packet = { payloadType: 0, marker: false, seq: (seq += 1), timestamp: seq * 160 };
      const payload = Buffer.alloc(160, 0x20);
      thief.send(buildRtp({ ...packet, ssrc: 666, payload }), port, '127.0.0.1');
    }, 20);
    await stage.addForTest({ stop: () => Promise.resolve(clearInterval(sending)) });
    // As long as a leg waits before it would take a new port of the same party, and more.
    const wait = relatchMs + 1_000;
    await until(
      'as many of his packets as that takes',
      () => counters('orphan-a'),
      ({ strangers }) => Number(strangers) * 20 > wait,
    );
    expect(stolen).toEqual([]);
    expect(b.packets.slice(heardBefore + 5).filter(({ payload }) => payload[0] === 0x20)).toEqual(
      [],
    );
    // What is sent to the leg still goes to its party.
    good(await driver.worker.disconnect('orphan-a'));
    good(await driver.worker.music('orphan-a', 'default'));
    await a.hearAtLeast(second / 4);
    expect(a.packets.length).toBeGreaterThan(before);
    a.sendTone(440);
    good(await driver.worker.connect('orphan-a', 'orphan-b'));
    await b.hearTone(440);
    clearInterval(sending);
  });

  it('when it floods its own leg, then its partner gets no flood and others hear all', async () => {
    const [a, b] = await talkingPair('greedy');
    const [, d] = await talkingPair('beside');
    const payload = Buffer.alloc(160, 0x20);
    const from = b.packets.length;
    const beside = d.packets.length;
    const started = performance.now();
    let seq = 0;
    a.mute();
    await silence();
    const flood = setInterval(() => {
      for (let count = 0; count < 100; count += 1) {
        seq += 1;
        const packet = { payloadType: 0, marker: false, seq, timestamp: seq * 160, ssrc: 31 };
        a.sendRaw(buildRtp({ ...packet, payload }));
      }
    }, 10);
    await stage.addForTest({ stop: () => Promise.resolve(clearInterval(flood)) });
    await d.hearAtLeast(2 * second);
    clearInterval(flood);
    const seconds = (performance.now() - started) / 1000;
    expect(seq).toBeGreaterThan(2_000);
    expect(Number((await counters('greedy-a'))['flooded'])).toBeGreaterThan(1_000);
    const { packetsAtOnce, packetsPerSecond } = limits;
    expect(b.packets.length - from).toBeLessThan(packetsAtOnce + packetsPerSecond * (seconds + 1));
    expect(steps(d, beside)).toEqual(new Set([1]));
    expect(toneShare(d.heard(d.mark() - second), 440)).toBeGreaterThan(0.8);
  });
});

/** Would the leg take it as audio of its party? */
function isAudio(packet: Buffer): boolean {
  const type = (packet[1] ?? 0) & 0x7f;
  const isRtcp = (packet[1] ?? 0) >= 192 && (packet[1] ?? 0) <= 223;
  return !isRtcp && [0, 8, DTMF_PAYLOAD].includes(type);
}

/** RTP, RTCP and telephone-events, sound or with something wrong, and bytes without sense. */
function oddPacket(random: () => number): Buffer {
  const upTo = (count: number): number => Math.floor(random() * count);
  const kind = upTo(5);
  const size = [0, 1, 11, 12, 13, 28, 172, 1_400, 1_501, 9_000, 60_000][upTo(11)] ?? 0;
  const packet = Buffer.alloc(Math.max(size, 0));
  for (let i = 0; i < Math.min(packet.length, 64); i += 1) packet[i] = upTo(256);
  if (kind === 0 || packet.length < 12) return packet;
  packet[0] = 0x80 | upTo(64);
  packet[1] = kind === 1 ? 200 + upTo(8) : ([0, 8, DTMF_PAYLOAD, 96, 13][upTo(5)] ?? 0);
  const words = [0, 1, 6, 12, 0xffff, Math.floor(packet.length / 4) - 1][upTo(6)] ?? 0;
  if (kind === 1) packet.writeUInt16BE(words, 2);
  if (kind === 2) packet[packet.length - 1] = [0, 1, 255, packet.length & 0xff][upTo(4)] ?? 0;
  return packet;
}
