/**
 * Goal: with an rtpengine in front of it, the media port is the same port. Method: real rtpengine,
 * real mediad, phones that send tones; what arrives is judged by its pitch, and by its codec where
 * the phone can say.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { within } from '../../support/inbox.ts';
import { DTMF_PAYLOAD, type RtpPeer } from '../../support/rtp.ts';
import { openStage } from '../../support/stage.ts';
import {
  Gateway,
  hasCall,
  hearEachOther,
  kinds,
  must,
  openPhone,
  placeOf,
  portsOf,
  releaseAll,
  sdpOf,
  startEngine,
  startMedia,
  startMediad,
  type Kind,
} from './rtpengine-stage.ts';

const stage = openStage('media-rtpengine');
const engine = await stage.add(startEngine());
const phonesEngine = await stage.add(startEngine());
const mediad = await stage.add(startMediad(stage));
const { media, told } = await stage.add(startMedia(mediad.control, [engine]));
const gateway = new Gateway(phonesEngine);
await stage.add({ stop: () => Promise.resolve(gateway.close()) });

let count = 0;
const fresh = (name: string) => `${name}-${(count += 1)}`;
const phone = () => stage.addForTest(openPhone());
const formats = (sdp: string) => /^m=audio \d+ \S+ (.*?)\r?$/m.exec(sdp)?.[1];

/** A plain caller who is accepted on a leg of his own. */
async function caller(list = '0 8 101'): Promise<{ peer: RtpPeer; leg: string; sdp: string }> {
  const peer = await phone();
  if (list.startsWith('8')) peer.codec = 'alaw';
  const leg = fresh('caller');
  const { sdp } = must(await media.accept(leg, sdpOf(peer, list)));
  peer.remote = placeOf(sdp);
  return { peer, leg, sdp };
}

/** A caller who speaks only what `kind` says. */
async function behindGateway(kind: Kind) {
  const peer = await phone();
  const leg = fresh(kind);
  const offer = await gateway.offerOf(leg, peer, kind);
  const { sdp } = must(await media.accept(leg, offer));
  await gateway.answer(leg, peer, sdp);
  return { peer, leg, offer, sdp };
}

/** An agent who answers our offer. */
async function agent(): Promise<{ peer: RtpPeer; leg: string; sdp: string }> {
  const peer = await phone();
  const leg = fresh('agent');
  const { sdp } = must(await media.offer(leg, '127.0.0.1'));
  must(await media.answered(leg, sdpOf(peer)));
  peer.remote = placeOf(sdp);
  return { peer, leg, sdp };
}

afterEach(() => releaseAll(media));

describe('a leg behind rtpengine', () => {
  for (const list of ['0 8 101', '8 101', '9 0 101']) {
    it(`given a caller offering ${list}, he and an agent hear each other`, async () => {
      const a = await caller(list);
      const b = await agent();
      must(await media.connect(a.leg, b.leg));
      await hearEachOther(a.peer, b.peer);
      expect(a.peer.packets.at(-1)?.payloadType).toBe(list.startsWith('8') ? 8 : 0);
    });
  }

  for (const kind of kinds) {
    it(`given a caller with ${kind} only, he and a plain agent hear each other`, async () => {
      const { peer, leg, offer, sdp } = await behindGateway(kind);
      const protocol = / (\S*RTP\S*) /.exec(/^m=audio .*$/m.exec(sdp)?.[0] ?? '')?.[1];
      expect(offer).toContain(`${protocol} `);
      expect(formats(sdp)?.split(' ')[0]).toBe(formats(offer)?.split(' ')[0]);
      const other = await agent();
      must(await media.connect(leg, other.leg));
      await hearEachOther(peer, other.peer);
    });
  }

  for (const kind of ['G722', 'opus'] as const) {
    it(`given digits keyed by a caller with ${kind} only, they are told`, async () => {
      const { peer, leg } = await behindGateway(kind);
      peer.sendSilence();
      await peer.key('4#');
      await told.take('4', (text) => text === `dtmf ${leg} 4`);
      await told.take('#', (text) => text === `dtmf ${leg} #`);
    });
  }

  it('given browsers one after another, each is heard: no handshake gets stuck', async () => {
    for (let i = 0; i < 20; i += 1) {
      const { peer, leg } = await behindGateway('WebRTC');
      peer.sendTone(440);
      await told.take('first packet', (text) => text === `firstPacket ${leg}`);
      must(await media.release(leg));
    }
  });

  it('given music, when the caller is connected, his ports stay', async () => {
    const a = await caller();
    must(await media.music(a.leg, 'default'));
    a.peer.sendTone(440);
    await told.take('first packet', (text) => text === `firstPacket ${a.leg}`);
    await a.peer.hearAtLeast(1600);
    const b = await agent();
    must(await media.connect(a.leg, b.leg));
    await hearEachOther(a.peer, b.peer);
    expect(must(await media.current(a.leg)).sdp).toBe(a.sdp);
    expect(must(await media.current(b.leg)).sdp).toBe(b.sdp);
  });

  it('given digits keyed, they are told; given digits dialled, he hears them', async () => {
    const a = await caller();
    a.peer.sendSilence();
    await a.peer.key('27#');
    for (const digit of '27#') {
      await told.take(digit, (text) => text === `dtmf ${a.leg} ${digit}`);
    }
    must(await media.dial(a.leg, '59'));
    await a.peer.hearDigits('59');
    expect(a.peer.packets.some(({ payloadType }) => payloadType === DTMF_PAYLOAD)).toBe(true);
  });

  it('given a phone that moves to another port, ours stay and the talk goes on', async () => {
    const a = await caller();
    const b = await agent();
    must(await media.connect(a.leg, b.leg));
    await hearEachOther(a.peer, b.peer);
    const before = await portsOf(engine, a.leg);
    const moved = await phone();
    const { sdp } = must(await media.reoffered(a.leg, sdpOf(moved)));
    expect(placeOf(sdp)).toEqual(placeOf(a.sdp));
    moved.remote = placeOf(sdp);
    a.peer.mute();
    await hearEachOther(moved, b.peer);
    const agentMoved = await phone();
    const again = must(await media.reoffered(b.leg, sdpOf(agentMoved)));
    expect(placeOf(again.sdp)).toEqual(placeOf(b.sdp));
    agentMoved.remote = placeOf(again.sdp);
    b.peer.mute();
    await hearEachOther(moved, agentMoved);
    expect(await portsOf(engine, a.leg)).toEqual(before);
  });

  it('given a 183 and a 200 that differ, the 200 counts', async () => {
    const a = await caller();
    const leg = fresh('agent');
    const [early, final] = [await phone(), await phone()];
    final.codec = 'alaw';
    const { sdp } = must(await media.offer(leg, '127.0.0.1'));
    must(await media.answered(leg, sdpOf(early, '0 101')));
    must(await media.answered(leg, sdpOf(final, '8 101')));
    final.remote = placeOf(sdp);
    must(await media.connect(a.leg, leg));
    await hearEachOther(a.peer, final);
    expect(final.packets.at(-1)?.payloadType).toBe(8);
  });

  it('given a stranger who sends to our ports, the talk goes on without him', async () => {
    const a = await caller();
    const b = await agent();
    must(await media.connect(a.leg, b.leg));
    // Before anybody has spoken, when the engine would still learn who is who.
    const ports = [...(await portsOf(engine, a.leg)), ...(await portsOf(engine, b.leg))];
    for (const port of ports) {
      const stranger = await phone();
      stranger.remote = { host: '127.0.0.1', port: Number(port) };
      stranger.sendTone(2500);
    }
    await hearEachOther(a.peer, b.peer);
    for (const hertz of [500, 600, 700]) {
      a.peer.sendTone(hertz);
      await b.peer.hearTone(hertz);
      b.peer.sendTone(hertz + 250);
      await a.peer.hearTone(hertz + 250);
    }
  });

  it('given a hold and its end, the answers mirror it, the version grows', async () => {
    const a = await caller();
    const hold = must(await media.reoffered(a.leg, sdpOf(a.peer, '0 101', ['a=sendonly'])));
    expect(hold.sdp).toContain('a=recvonly');
    const back = must(await media.reoffered(a.leg, sdpOf(a.peer, '0 101', ['a=sendrecv'])));
    expect(back.sdp).toContain('a=sendrecv');
    expect(placeOf(back.sdp)).toEqual(placeOf(a.sdp));
    const version = (sdp: string) => Number(/^o=\S+ \S+ (\d+)/m.exec(sdp)?.[1]);
    expect(version(hold.sdp)).toBeGreaterThan(version(a.sdp));
    expect(version(back.sdp)).toBeGreaterThan(version(hold.sdp));
  });

  it('given a hold, a re-INVITE without SDP is offered a talk, and ends the hold', async () => {
    const a = await caller();
    const b = await agent();
    must(await media.connect(a.leg, b.leg));
    must(await media.reoffered(a.leg, sdpOf(a.peer, '0 101', ['a=inactive'])));
    const offer = must(await media.reoffer(a.leg)).sdp;
    expect(offer).toContain('a=sendrecv');
    expect(placeOf(offer)).toEqual(placeOf(a.sdp));
    must(await media.answered(a.leg, sdpOf(a.peer)));
    expect(must(await media.reoffer(a.leg)).sdp).toBe(offer);
    await hearEachOther(a.peer, b.peer);
    must(await media.reoffered(a.leg, sdpOf(a.peer, '0 101', ['a=sendrecv'])));
    await hearEachOther(a.peer, b.peer);
  });

  it('given a session refresh that says the same, nothing changes', async () => {
    const a = await caller();
    must(await media.answered(a.leg, sdpOf(a.peer)));
    expect(must(await media.current(a.leg)).sdp).toBe(a.sdp);
    const b = await agent();
    must(await media.connect(a.leg, b.leg));
    await hearEachOther(a.peer, b.peer);
  });

  it('given a re-offer without usable audio, it is refused and the talk goes on', async () => {
    const a = await caller();
    const b = await agent();
    must(await media.connect(a.leg, b.leg));
    await hearEachOther(a.peer, b.peer);
    a.peer.mute(); // so that the engine cannot learn his address anew from what he sends
    const foreign = sdpOf(await phone(), '120', ['a=rtpmap:120 FOO/8000']);
    expect(await media.reoffered(a.leg, foreign)).toMatchObject({ reason: 'not-acceptable' });
    b.peer.sendTone(700);
    await a.peer.hearTone(700);
  });

  for (const [what, sdp] of [
    ['is not SDP', 'hello'],
    ['is empty', ''],
    ['has no audio', 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n'],
    ['has only video', 'v=0\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n'],
    [
      'names only an unknown codec',
      'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n' +
        'c=IN IP4 127.0.0.1\r\nm=audio 9000 RTP/AVP 120\r\na=rtpmap:120 FOO/8000\r\n',
    ],
  ] as const) {
    it(`given an offer that ${what}, it is not acceptable and leaves no leg`, async () => {
      const leg = fresh('bad');
      expect(await media.accept(leg, sdp)).toMatchObject({ ok: false, reason: 'not-acceptable' });
      expect(must(await media.legs()).legs).not.toContain(leg);
      expect(media.legsOn(engine.name)).not.toContain(leg);
    });
  }

  it('given a video stream beside the audio, the answer has a line for each', async () => {
    const peer = await phone();
    const video = ['m=video 9002 RTP/AVP 96', 'a=rtpmap:96 H264/90000'];
    const { sdp } = must(await media.accept(fresh('video'), sdpOf(peer, '0 101', video)));
    expect(sdp).toMatch(/^m=video 0 /m);
  });

  it('given a leg released while it is being accepted, nothing is left of it', async () => {
    const peer = await phone();
    const leg = fresh('hasty');
    const accepted = media.accept(leg, sdpOf(peer));
    must(await within('release', media.release(leg)));
    must(await accepted);
    expect(must(await media.legs()).legs).not.toContain(leg);
    expect(media.legsOn(engine.name)).not.toContain(leg);
    expect(await hasCall(engine, leg)).toBe(false);
    expect(await media.current(leg)).toMatchObject({ ok: false, reason: 'unknown-leg' });
  });

  it('given several agents rung, the first to answer talks', async () => {
    const a = await caller();
    const rung = await Promise.all(
      ['x', 'y', 'z'].map(async (name) => {
        const leg = fresh(name);
        return { leg, sdp: must(await media.offer(leg, '127.0.0.1')).sdp };
      }),
    );
    expect(new Set(rung.map(({ sdp }) => placeOf(sdp).port)).size).toBe(3);
    const [first, ...rest] = rung;
    if (first === undefined) throw new Error('nobody was rung');
    const peer = await phone();
    must(await media.answered(first.leg, sdpOf(peer)));
    peer.remote = placeOf(first.sdp);
    await Promise.all(rest.map(({ leg }) => media.release(leg)));
    must(await media.connect(a.leg, first.leg));
    await hearEachOther(a.peer, peer);
    expect(formats(first.sdp)).toMatch(/^(0 8|8 0) \d+$/);
  });
});
