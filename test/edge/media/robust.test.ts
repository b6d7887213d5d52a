/**
 * What must not disturb anybody: strangers, hostile packets, hold, dead clients, a killed mediad,
 * full port ranges, nonsense on the control socket.
 */
import { createSocket } from 'node:dgram';
import { existsSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { locate, toneShare, SAME } from '../../support/audio.ts';
import { Inbox, until } from '../../support/inbox.ts';
import { run } from '../../support/processes.ts';
import { buildRtp, RtpPeer } from '../../support/rtp.ts';
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
import type { Driver, Mediad } from './mediad.ts';
import { MEDIAD } from '../../support/programs.ts';

const stage = openStage('media-robust');
const second = 8000;
let mediad: Mediad;
let driver: Driver;

beforeAll(async () => {
  mediad = await stage.add(startMediad(stage, { pairs: 20, silenceMs: 400 }));
  driver = await stage.add(startWorker(mediad.control));
});

const party = (leg: string, codec?: 'ulaw' | 'alaw') =>
  startParty(stage, driver.worker, leg, codec);

async function counters(leg: string): Promise<Record<string, unknown>> {
  const { stats } = good(await driver.worker.stats(leg)) as { stats?: unknown };
  return (stats as { counters: Record<string, unknown> }).counters;
}

async function stranger(): Promise<RtpPeer> {
  const peer = await RtpPeer.open();
  await stage.addForTest({ stop: () => Promise.resolve(peer.close()) });
  return peer;
}

describe('given a talking pair', () => {
  it('when a stranger sends to a leg, then nobody hears him and he gets nothing', async () => {
    const a = await party('safe-a');
    const b = await party('safe-b');
    a.sendTone(440);
    b.sendSilence();
    good(await driver.worker.connect('safe-a', 'safe-b'));
    await b.hearTone(440);
    const thief = await stranger();
    thief.remote = a.remote;
    thief.sendTone(2000);
    const heard = await b.hearAtLeast(second);
    expect(toneShare(heard, 2000)).toBeLessThan(0.01);
    expect(toneShare(heard, 440)).toBeGreaterThan(0.9);
    expect(thief.packets).toEqual([]);
  });

  it('when packets are garbage, huge or a flood, then the talk goes on', async () => {
    const a = await party('noise-a');
    const b = await party('noise-b');
    a.sendTone(440);
    b.sendSilence();
    good(await driver.worker.connect('noise-a', 'noise-b'));
    await b.hearTone(440);
    const rtp = buildRtp({
      ...{ payloadType: 0, marker: false, seq: 1, timestamp: 1, ssrc: 1 },
      payload: Buffer.alloc(9000),
    });
    const wrongVersion = Buffer.concat([Buffer.from([0x00]), rtp.subarray(1, 172)]);
    const badRtcp = Buffer.from([0x8f, 200, 0xff, 0xff]);
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(1), rtp, wrongVersion, badRtcp]) {
      a.sendRaw(bytes);
    }
    for (let index = 0; index < 500; index += 1) a.sendRaw(wrongVersion);
    await until(
      'counted, the flood beyond its budget apart',
      () => counters('noise-a'),
      (c) => Number(c['invalid']) > 3 && Number(c['flooded']) > 0,
    );
    await b.hearTone(440);
  });

  it('when mediad is held up for longer than a burst lasts, then no packet is lost', async () => {
    const [a, b] = [await party('held-up-a'), await party('held-up-b')];
    a.sendTone(440);
    b.sendSilence();
    good(await driver.worker.connect('held-up-a', 'held-up-b'));
    await b.hearTone(440);
    const from = b.packets.length;
    process.kill(mediad.process.pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 1_700));
    process.kill(mediad.process.pid, 'SIGCONT');
    await b.hearAtLeast(2 * second);
    const seqs = b.packets.slice(from).map(({ seq }) => seq);
    const steps = seqs.slice(1).map((seq, index) => (seq - (seqs[index] ?? 0)) & 0xffff);
    expect(new Set(steps)).toEqual(new Set([1]));
    expect((await counters('held-up-a'))['flooded']).toBe(0);
  });

  it('when one holds, then he gets nothing, and music again after the hold', async () => {
    const a = await party('hold');
    good(await driver.worker.music('hold', 'default'));
    await a.hearAtLeast(second / 4);
    const before = portOf(good(await driver.worker.current('hold')).sdp);
    const held = good(await driver.worker.reoffered('hold', offerSdp(a.port, '0', 'a=sendonly')));
    expect(held.sdp).toContain('a=recvonly');
    expect(held.sdp).toMatch(/^o=acd \d+ 2 /m);
    expect(portOf(held.sdp)).toBe(before);
    const count = a.packets.length;
    const same = good(await driver.worker.reoffered('hold', offerSdp(a.port, '0', 'a=sendonly')));
    expect(same.sdp).toBe(held.sdp);
    const sent = Number((await counters('hold'))['sent']);
    expect(Number((await counters('hold'))['sent'])).toBe(sent);
    // A re-INVITE without SDP: what we offer then must not keep the hold alive (RFC 6337 §5.3).
    const whole = good(await driver.worker.reoffer('hold')).sdp;
    expect(whole).toContain('a=sendrecv');
    expect(whole).toMatch(/^o=acd \d+ 3 /m);
    expect(portOf(whole)).toBe(before);
    expect(good(await driver.worker.reoffer('hold')).sdp).toBe(whole);
    good(await driver.worker.answered('hold', offerSdp(a.port, '0')));
    await until(
      'music is back',
      () => a.packets.length,
      (n) => n > count + 10,
    );
    expect(new Set(a.packets.map(({ ssrc }) => ssrc)).size).toBe(1);
  });

  it('when a party moves by re-offer, then it is heard and hears at the new place', async () => {
    const a = await party('moved-a');
    const b = await party('moved-b');
    a.sendTone(440);
    b.sendTone(700);
    good(await driver.worker.connect('moved-a', 'moved-b'));
    await b.hearTone(440);
    a.mute();
    const moved = await stranger();
    moved.remote = a.remote;
    good(await driver.worker.reoffered('moved-a', offerSdp(moved.port)));
    moved.sendTone(1200);
    await Promise.all([b.hearTone(1200), moved.hearTone(700)]);
  });

  it('when a phone’s port is closed for a moment, then it is served again', async () => {
    const a = await RtpPeer.open();
    const { sdp } = good(await driver.worker.accept('closed-a', offerSdp(a.port)));
    a.remote = { host: '127.0.0.1', port: portOf(sdp) };
    const b = await party('closed-b');
    a.sendTone(440);
    b.sendTone(700);
    good(await driver.worker.connect('closed-a', 'closed-b'));
    // A second: by then mediad's socket is connected and meets the refusals of the closed port.
    await Promise.all([a.hearTone(700), b.hearAtLeast(second)]);
    const { port } = a;
    a.close();
    await driver.told.take('silence', ({ what, leg }) => what === 'silence' && leg === 'closed-a');
    const reopened = createSocket('udp4');
    await stage.addForTest({ stop: () => Promise.resolve(void reopened.close()) });
    const heard = new Inbox<Buffer>('packets', (packet) => String(packet.length));
    reopened.on('message', (packet) => heard.put(packet));
    await new Promise<void>((resolve) => reopened.bind(port, '127.0.0.1', resolve));
    for (let index = 0; index < 10; index += 1) await heard.take('audio', (p) => p.length === 172);
  });

  it('when a party falls silent, then that is told, and that it is back', async () => {
    const a = await party('quiet');
    a.sendTone(440);
    await driver.told.take(
      'firstPacket',
      ({ what, leg }) => what === 'firstPacket' && leg === 'quiet',
    );
    a.mute();
    await driver.told.take('silence', ({ what, leg }) => what === 'silence' && leg === 'quiet');
    a.sendTone(440);
    await driver.told.take('heard', ({ what, leg }) => what === 'heard' && leg === 'quiet');
  });
});

describe('given offers', () => {
  it('when an SDP has no usable audio, then it is refused and leaves nothing behind', async () => {
    const { worker } = driver;
    for (const sdp of ['hello', offerSdp(4000, '9'), offerSdp(0, '0')]) {
      expect(await worker.accept('bad-sdp', sdp)).toMatchObject({ reason: 'not-acceptable' });
    }
    const { legs } = good(await worker.legs());
    expect(legs).not.toContain('bad-sdp');
  });

  it('when ports run out, then `limit`; a released port rests first', async () => {
    const small = await stage.addForTest(startMediad(stage, { pairs: 2 }));
    const { worker } = await stage.addForTest(startWorker(small.control));
    const first = good(await worker.accept('one', offerSdp(4000)));
    const other = good(await worker.accept('two', offerSdp(4000)));
    expect(portOf(first.sdp)).not.toBe(portOf(other.sdp));
    expect(await worker.accept('three', offerSdp(4000))).toMatchObject({ reason: 'limit' });
    good(await worker.release('one'));
    expect(await worker.accept('three', offerSdp(4000))).toMatchObject({ reason: 'limit' });
    const rested = await until(
      'the port has rested',
      () => worker.accept('three', offerSdp(4000)),
      (result) => result.ok,
    );
    expect(rested.ok && portOf(rested.sdp)).toBe(portOf(first.sdp));
  });

  it('when a leg is unknown, then that is said; releasing it is fine', async () => {
    const { worker } = driver;
    const unknown = { ok: false, reason: 'unknown-leg' };
    expect(await worker.reoffered('nobody', offerSdp(4000))).toMatchObject(unknown);
    expect(await worker.music('nobody', 'default')).toMatchObject(unknown);
    expect(await worker.connect('nobody', 'none')).toMatchObject(unknown);
    expect(await worker.stop('nobody')).toMatchObject(unknown);
    expect(await worker.release('nobody')).toEqual({ ok: true });
  });
});

describe('given IPv6', () => {
  it('when a party is there, then its leg is there too, music included', async () => {
    const any = await stage.addForTest(startMediad(stage, { args: ['--rtp', '0.0.0.0'] }));
    const { worker } = await stage.addForTest(startWorker(any.control));
    const socket = createSocket('udp6');
    await stage.addForTest({ stop: () => Promise.resolve(void socket.close()) });
    const heard = new Inbox<Buffer>('IPv6 packets', (packet) => String(packet.length));
    socket.on('message', (packet) => heard.put(packet));
    await new Promise<void>((resolve) => socket.bind(0, '::1', resolve));
    const sdp = offerSdp(socket.address().port).replaceAll('IP4 127.0.0.1', 'IP6 0:0:0:0:0:0:0:1');
    const answer = good(await worker.accept('six', sdp));
    expect(answer.sdp).toContain('c=IN IP6 ::1\r\n');
    good(await worker.music('six', 'default'));
    for (let index = 0; index < 5; index += 1) await heard.take('frame', (p) => p.length === 172);
    const four = await worker.reoffered('six', offerSdp(4000));
    expect(four).toMatchObject({ ok: false, reason: 'no-way' });
  });
});

describe('given a client that dies', () => {
  it('when another comes, then no packet was lost and digits are told', async () => {
    const own = await stage.addForTest(startMediad(stage));
    const first = await startWorker(own.control);
    const a = await startParty(stage, first.worker, 'kept-a');
    const b = await startParty(stage, first.worker, 'kept-b');
    const c = await startParty(stage, first.worker, 'kept-c');
    const { sdp } = good(await first.worker.current('kept-a'));
    a.sendTone(440);
    b.sendTone(700);
    good(await first.worker.connect('kept-a', 'kept-b'));
    good(await first.worker.music('kept-c', 'default'));
    await Promise.all([b.hearTone(440), c.hearAtLeast(second / 2)]);
    await first.stop();
    await own.process.printed(/client gone/);
    await a.key('4');
    await Promise.all([b.hearDigits('4'), c.hearAtLeast(second / 2)]);
    const next = await stage.addForTest(startWorker(own.control));
    expect(good(await next.worker.legs()).legs).toEqual(['kept-a', 'kept-b', 'kept-c']);
    expect(good(await next.worker.current('kept-a')).sdp).toBe(sdp);
    const told = await next.told.take('dtmf', ({ what }) => what === 'dtmf');
    expect(told).toMatchObject({ leg: 'kept-a', detail: expect.stringMatching(/^4 /) as string });
    for (const peer of [b, c]) {
      const steps = peer.packets
        .slice(1)
        .map((p, i) => (p.seq - (peer.packets[i]?.seq ?? 0)) & 0xffff);
      expect(steps.filter((step) => step !== 1)).toEqual([]);
    }
    good(await next.worker.disconnect('kept-a'));
    good(await next.worker.music('kept-a', 'default'));
    const music = await a.hearAtLeast(second, a.mark() + second / 4);
    expect(locate(music, recordings.music).score).toBeGreaterThan(SAME);
  });

  it('when mediad is killed, then legs are back on their ports, playing', async () => {
    const own = await stage.addForTest(startMediad(stage));
    const { worker, told } = await stage.addForTest(startWorker(own.control));
    const a = await startParty(stage, worker, 'again-a');
    const b = await startParty(stage, worker, 'again-b', 'alaw');
    const c = await startParty(stage, worker, 'again-c');
    a.sendTone(440);
    b.sendTone(700);
    good(await worker.connect('again-a', 'again-b'));
    good(await worker.music('again-c', 'default'));
    good(await worker.play('again-c', 'cut', [{ silenceMs: 60_000 }]));
    await b.hearTone(440);
    own.process.signal('SIGKILL');
    await own.process.ended;
    await told.take('down', ({ what }) => what === 'down');
    expect(worker.health().up).toBe(false);
    const mark = c.mark();
    await own.again();
    const up = await told.take('up', ({ what }) => what === 'up');
    expect(up.detail).toBe('again-a again-b again-c');
    await told.take('playEnded', ({ detail }) => detail === 'cut part');
    await Promise.all([a.hearTone(700), b.hearTone(440)]);
    // A process that has just started may be held up in its first second, and skip what it owes.
    let score = 0;
    for (let from = mark + second / 4; score <= SAME && from < mark + 8 * second; from += second) {
      ({ score } = locate(await c.hearAtLeast(second, from), recordings.music));
    }
    expect(score).toBeGreaterThan(SAME);
  });

  it('when mediad stays away, then requests end as a value and not as a wait', async () => {
    const own = await startMediad(stage);
    const { worker } = await stage.addForTest(startWorker(own.control));
    await own.stop();
    const result = await worker.accept('none', offerSdp(4000));
    expect(result).toMatchObject({ ok: false });
    expect(['timeout', 'unavailable']).toContain(result.ok ? '' : result.reason);
  });
});

describe('given the control socket', () => {
  it('when nonsense is sent, then each line is answered and the process lives', async () => {
    const socket = net.connect(mediad.control);
    let text = '';
    // The line that is too long may meet a socket that is closed already.
    socket.on('error', () => socket.destroy());
    socket.setEncoding('utf8').on('data', (data) => (text += String(data)));
    await stage.addForTest({ stop: () => Promise.resolve(void socket.destroy()) });
    const lines = [
      ...['nonsense', 'null', '[]', '{"id":1}', '{"id":2,"do":"fly"}', '{"id":3,"do":"create"}'],
      ...['{"id":4,"do":"toString"}', '{"id":5,"do":"dial","leg":"x","digits":"abc!"}'],
      '{"id":6,"do":"play","leg":"x","playId":"p","items":[{"silenceMs":-1}]}',
      '{"id":7,"do":"remote","leg":"x","remote":{"address":"x","port":0}}',
    ];
    socket.write(`${lines.join('\n')}\n`);
    const answers = await until(
      'answers',
      () => text.trim().split('\n'),
      (a) => a.length >= 10,
    );
    expect(answers.map((a) => (JSON.parse(a) as { reason: string }).reason)).toEqual(
      lines.map(() => 'bad-request'),
    );
    socket.write('x'.repeat(600_000));
    await until('too long a line ends it', () => socket.destroyed, Boolean);
    expect(driver.worker.health().up).toBe(true);
    good(await driver.worker.figures());
  });

  it('when another mediad owns it, then it says so; a dead one’s is taken over', async () => {
    const start = (control: string, ...more: string[]) =>
      run({
        name: 'mediad-2',
        command: process.execPath,
        args: [MEDIAD, '--control', control, ...more],
      });
    const second = start(mediad.control);
    expect((await second.printed(/"ready":false.*/))[0]).toContain('in use by another process');
    expect((await second.ended).code).toBe(1);
    const left = path.join(stage.folder, 'left.sock');
    writeFileSync(left, '');
    const third = start(left, '--ports', 'abc');
    expect((await third.printed(/"ready":false.*/))[0]).toContain('--ports abc');
    expect((await third.ended).code).toBe(1);
    const nowhere = start(left, '--rtp', '192.0.2.77');
    expect((await nowhere.printed(/"ready":false.*/))[0]).toContain('192.0.2.77: cannot be bound');
    const fourth = start(left, '--stop-with-parent');
    await fourth.printed(/"ready":true/);
    fourth.signal('SIGTERM');
    expect((await fourth.ended).code).toBe(0);
    expect(existsSync(left)).toBe(false);
  });
});
