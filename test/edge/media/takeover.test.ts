/**
 * Goal: a leg outlives whoever drives it and whatever carries it, and is none the worse for it.
 * Method: real mediad, workers that leave and come, SIGKILL; everything is judged by what the
 * parties hear and by what the port tells.
 */
import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { locate, SAME } from '../../support/audio.ts';
import { openStage } from '../../support/stage.ts';
import {
  good,
  offerSdp,
  openWorker,
  portOf,
  recordings,
  startMediad,
  startParty,
  startWorker,
} from './mediad.ts';
import type { Driver, Mediad, Told } from './mediad.ts';
import { RtpPeer } from '../../support/rtp.ts';

const stage = openStage('media-takeover');
const second = 8000;

async function kill(mediad: Mediad): Promise<void> {
  mediad.process.signal('SIGKILL');
  await mediad.process.ended;
}

/** Kills it and starts it again; the driver has its legs back. */
async function killAndRestart(mediad: Mediad, driver: Driver): Promise<void> {
  await kill(mediad);
  await driver.told.take('down', ({ what }) => what === 'down');
  await mediad.again();
  await driver.told.take('up', ({ what }) => what === 'up');
}

/** Settles when a second of what is heard is music; before that the file has to be read. */
async function hearMusic(peer: RtpPeer): Promise<void> {
  let best = 0;
  for (let tries = 0; tries < 8 && best < SAME; tries += 1) {
    const heard = await peer.hearAtLeast(second);
    best = Math.max(best, locate(heard, recordings.music, true).score);
  }
  expect(best).toBeGreaterThan(SAME);
}

describe('given a server that was killed', () => {
  it('when another adopts its legs, then it is told all, and all works for it', async () => {
    const mediad = await stage.addForTest(startMediad(stage));
    const first = await startWorker(mediad.control);
    const a = await startParty(stage, first.worker, 'a');
    const b = await startParty(stage, first.worker, 'b', 'alaw');
    const c = await startParty(stage, first.worker, 'c');
    a.sendTone(440);
    b.sendTone(700);
    good(await first.worker.connect('a', 'b'));
    good(await first.worker.music('c', 'default'));
    good(await first.worker.play('c', 'long', [{ silenceMs: 60_000 }]));
    await Promise.all([a.hearTone(700), b.hearTone(440), c.hearAtLeast(second / 4)]);
    const sdp = good(await first.worker.current('a')).sdp;
    good(await first.worker.offer('d', '127.0.0.1'));
    good(await first.worker.remember('d', 'whose it is'));
    expect(await first.worker.remember('d', 'x'.repeat(17_000))).toMatchObject({ ok: false });
    await first.stop();

    const next = await stage.addForTest(startWorker(mediad.control));
    const { legs } = good(await next.worker.adopt());
    expect(legs).toMatchObject([
      { leg: 'a', sdp, partner: 'b', music: null, playing: null, isHeard: true },
      { leg: 'b', partner: 'a', isHeard: true, isAnswered: true, remembered: '' },
      { leg: 'c', partner: null, music: 'default', playing: 'long', isHeard: false },
      { leg: 'd', isAnswered: false, remembered: 'whose it is' },
    ]);
    // What is ordered once more changes nothing: not a packet is missing.
    const from = b.packets.length;
    good(await next.worker.connect('a', 'b'));
    await b.hearAtLeast(second / 2);
    const steps = b.packets.slice(from + 1).map((p, i) => p.seq - (b.packets[from + i]?.seq ?? 0));
    expect(new Set(steps.map((step) => step & 0xffff))).toEqual(new Set([1]));

    // And what it never made itself, it can make again.
    await killAndRestart(mediad, next);
    const ended = await next.told.take('playEnded', ({ what }) => what === 'playEnded');
    expect(ended).toMatchObject({ leg: 'c', detail: 'long part' });
    await Promise.all([a.hearTone(700), b.hearTone(440), hearMusic(c)]);
    good(await next.worker.release('a'));
    good(await next.worker.music('b', 'default'));
    await hearMusic(b);
  });

  it('when digits are keyed meanwhile, then they wait for who has adopted', async () => {
    const mediad = await stage.addForTest(startMediad(stage));
    const first = await startWorker(mediad.control);
    const a = await startParty(stage, first.worker, 'keys');
    a.sendSilence();
    await first.told.take('firstPacket', ({ what }) => what === 'firstPacket');
    good(await first.worker.play('keys', 'short', [{ silenceMs: 200 }]));
    await first.stop();
    await a.key('42');
    // A client that only looks around and goes has heard of nothing.
    const passing = openWorker(mediad.control);
    passing.start();
    expect(await passing.whenUp(5_000)).toBeNull();
    await a.key('7');
    good(await passing.adopt());
    await passing.close();
    const next = await stage.addForTest(startWorker(mediad.control));
    const keyed: string[] = [];
    while (keyed.length < 3) {
      keyed.push((await next.told.take('dtmf', ({ what }) => what === 'dtmf')).detail.slice(0, 1));
    }
    expect(keyed.join('')).toBe('427');
    await next.told.take('playEnded', ({ detail }) => detail === 'short all');
  });

  it('when legs fall silent or speak again meanwhile, then the next is told', async () => {
    const mediad = await stage.addForTest(startMediad(stage, { silenceMs: 300 }));
    const first = await startWorker(mediad.control);
    const a = await startParty(stage, first.worker, 'a');
    await startParty(stage, first.worker, 'b');
    a.sendSilence();
    await first.told.take('b silent', ({ what, leg }) => what === 'silence' && leg === 'b');
    await first.stop();
    const second = await startWorker(mediad.control);
    await second.told.take('b silent', ({ what, leg }) => what === 'silence' && leg === 'b');
    await second.told.take('a heard', ({ what, leg }) => what === 'heard' && leg === 'a');
    await second.stop();
  });

  it('when mediad was killed as well, then legs are made again from their dialogs', async () => {
    const mediad = await stage.addForTest(startMediad(stage));
    const first = await startWorker(mediad.control);
    const caller = await startParty(stage, first.worker, 'caller', 'alaw', '8 96');
    const agent = await RtpPeer.open();
    await stage.addForTest({ stop: () => Promise.resolve(agent.close()) });
    const offered = good(await first.worker.offer('agent', '127.0.0.1')).sdp;
    good(await first.worker.answered('agent', offerSdp(agent.port)));
    agent.remote = { host: '127.0.0.1', port: portOf(offered) };
    const dialogs = {
      caller: {
        localSdp: good(await first.worker.current('caller')).sdp,
        remoteSdp: offerSdp(caller.port, '8 96'),
      },
      agent: { localSdp: offered, remoteSdp: offerSdp(agent.port) },
    };
    await first.stop();
    await kill(mediad);
    await mediad.again();

    const next = await stage.addForTest(startWorker(mediad.control));
    expect(good(await next.worker.adopt()).legs).toEqual([]);
    for (const leg of ['caller', 'agent'] as const) {
      good(await next.worker.restore(leg, dialogs[leg]));
      expect(good(await next.worker.current(leg)).sdp).toBe(dialogs[leg].localSdp);
      expect(good(await next.worker.renew(leg)).sdp).toBeNull();
    }
    good(await next.worker.connect('caller', 'agent'));
    caller.sendTone(440);
    agent.sendTone(700);
    await Promise.all([caller.hearTone(700), agent.hearTone(440)]);
    // The version goes on from where the dialog was.
    const held = good(
      await next.worker.reoffered('caller', offerSdp(caller.port, '8 96', 'a=sendonly')),
    );
    expect(held.sdp).toMatch(/^o=acd \d+ 2 /m);
    expect(portOf(held.sdp)).toBe(portOf(dialogs.caller.localSdp));
    expect(await next.worker.restore('bad', { localSdp: 'x', remoteSdp: 'y' })).toMatchObject({
      ok: false,
      reason: 'not-acceptable',
    });
  });
});

describe('given a mediad that was killed', () => {
  it('when it is back, then the music goes on near where it was', async () => {
    const mediad = await stage.addForTest(startMediad(stage));
    const driver = await stage.addForTest(startWorker(mediad.control));
    const a = await startParty(stage, driver.worker, 'where');
    good(await driver.worker.music('where', 'default'));
    await a.hearAtLeast(2 * second);
    // An announcement is no music: that time does not count.
    good(await driver.worker.play('where', 'pause', [{ silenceMs: 1_500 }]));
    await driver.told.take('playEnded', ({ what }) => what === 'playEnded');
    // Both are heard first and recognised afterwards, which takes its time.
    const from = a.mark();
    const first = await a.hearAtLeast(second, from);
    await killAndRestart(mediad, driver);
    const later = a.mark() + second / 2;
    const last = await a.hearAtLeast(second, later);
    const [was, is] = [first, last].map((heard) => locate(heard, recordings.music, true));
    expect([was?.score, is?.score].every((score) => Number(score) > SAME)).toBe(true);
    const missed = ((is?.at ?? 0) - (was?.at ?? 0) - (later - from)) / second;
    expect(Math.abs(missed)).toBeLessThan(1);
  });

  it('when somebody falls silent meanwhile, then he is not one who was never heard', async () => {
    const mediad = await stage.addForTest(startMediad(stage, { silenceMs: 300 }));
    const first = await startWorker(mediad.control);
    const spoke = await startParty(stage, first.worker, 'spoke');
    await startParty(stage, first.worker, 'never');
    spoke.sendSilence();
    await first.told.take('firstPacket', ({ what }) => what === 'firstPacket');
    // Who takes over has it from mediad, and the next mediad from him.
    await first.stop();
    const next = await stage.addForTest(startWorker(mediad.control));
    spoke.mute();
    await killAndRestart(mediad, next);
    const { told } = next;
    while (told.pending.length > 0) await told.take('word of the former', () => true);
    for (const [leg, detail] of Object.entries({
      spoke: 'after speech',
      never: 'from the first',
    })) {
      const silence = ({ what, leg: whose }: Told) => what === 'silence' && whose === leg;
      expect(await told.take(`${leg} silent`, silence)).toMatchObject({ detail });
    }
    expect(good(await next.worker.adopt()).legs).toMatchObject([
      { leg: 'spoke', isHeard: true },
      { leg: 'never', isHeard: false },
    ]);
  });

  it('when a port was taken, then the leg is told moved until its party knows', async () => {
    const mediad = await stage.addForTest(startMediad(stage));
    const driver = await stage.addForTest(startWorker(mediad.control));
    const a = await startParty(stage, driver.worker, 'evicted');
    good(await driver.worker.offer('ringing', '127.0.0.1'));
    const { sdp } = good(await driver.worker.current('evicted'));
    const ringing = good(await driver.worker.current('ringing'));
    good(await driver.worker.music('evicted', 'default'));
    await a.hearAtLeast(second / 4);
    await kill(mediad);
    for (const taken of [sdp, ringing.sdp]) {
      const thief = createSocket('udp4');
      await new Promise<void>((resolve) => thief.bind(portOf(taken), '127.0.0.1', resolve));
      await stage.addForTest({ stop: () => Promise.resolve(void thief.close()) });
    }
    await mediad.again();
    const up = await driver.told.take('up', ({ what, detail }) => what === 'up' && detail !== '');
    expect(up.detail).toBe('evicted ringing');
    // Who has not answered yet cannot be told; he is when he has.
    const moved = await driver.told.take('moved', ({ what }) => what === 'moved');
    expect(moved.detail).toBe('evicted');
    // Nor does that get lost with the server.
    await driver.stop();
    const next = await stage.addForTest(startWorker(mediad.control));
    const again = await next.told.take('moved', ({ what }) => what === 'moved');
    expect(again.detail).toBe('evicted');
    const { worker, told } = next;
    const renewed = good(await worker.renew('evicted')).sdp ?? '';
    expect(portOf(renewed)).not.toBe(portOf(sdp));
    expect(renewed).toMatch(/^o=acd \d+ 2 /m);
    good(await worker.answered('evicted', offerSdp(a.port)));
    expect(good(await worker.renew('evicted')).sdp).toBeNull();
    await hearMusic(a);
    good(await worker.answered('ringing', offerSdp(4_000)));
    const late = await told.take('moved', ({ what }) => what === 'moved');
    expect(late.detail).toBe('ringing');
  });

  it('when a party is behind NAT, then it hears at once, and no stranger does', async () => {
    const mediad = await stage.addForTest(startMediad(stage, { args: ['--log', 'debug'] }));
    const driver = await stage.addForTest(startWorker(mediad.control));
    const { worker } = driver;
    const inside = await RtpPeer.open();
    const nat = await RtpPeer.open();
    const thief = await RtpPeer.open();
    for (const peer of [inside, nat, thief]) {
      await stage.addForTest({ stop: () => Promise.resolve(peer.close()) });
    }
    // His SDP names a place where he is not.
    const { sdp } = good(await worker.accept('nat', offerSdp(inside.port)));
    for (const peer of [nat, thief]) peer.remote = { host: '127.0.0.1', port: portOf(sdp) };
    good(await worker.music('nat', 'default'));
    nat.sendSilence();
    await nat.hearAtLeast(second / 4);
    nat.mute();
    await kill(mediad);
    const { length } = inside.packets;
    await mediad.again();
    thief.sendTone(2_000);
    // He says nothing himself, and is found all the same.
    await nat.hearAtLeast(second / 2);
    expect(inside.packets.length).toBe(length);
    expect(thief.packets).toEqual([]);
  });
});
