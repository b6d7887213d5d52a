/**
 * Goal: with an rtpengine in front, a leg outlives the server, mediad and the engine, alone and
 * together. Method: real processes, killed; servers are worker and port, closed and made anew; a
 * party that must be told is told by the test, as by a re-INVITE, and all are judged by tones.
 */
import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { createNgClient } from '../../../src/media/ng.ts';
import { placesOf } from '../../../src/media/rtpengine-memory.ts';
import { within } from '../../support/inbox.ts';
import type { RtpPeer } from '../../support/rtp.ts';
import { openStage } from '../../support/stage.ts';
import { startMediad, type Mediad } from './mediad.ts';
import {
  Gateway,
  hearEachOther,
  must,
  openPhone,
  placeOf,
  portsOf,
  sdpOf,
  startEngine,
  startMedia,
  type EngineActor,
  type MediaActor,
} from './rtpengine-stage.ts';

const stage = openStage('media-rtpengine-takeover');
const TIMING = { deadlineMs: 1_000 };

interface Talker {
  readonly leg: string;
  readonly peer: RtpPeer;
  readonly sdp: string;
}

interface Scene {
  readonly mediad: Mediad;
  readonly engine: EngineActor;
  readonly first: MediaActor;
  readonly a: Talker;
  readonly b: Talker;
}

const serve = (mediad: Mediad, engine: EngineActor) =>
  stage.addForTest(startMedia(mediad.control, [engine], TIMING));

/** A caller and an agent who hear each other. */
async function talk(): Promise<Scene> {
  const mediad = await stage.addForTest(startMediad(stage));
  const engine = await stage.addForTest(startEngine());
  const first = await serve(mediad, engine);
  const [caller, agent] = [await phone(), await phone()];
  const { sdp } = must(await first.media.accept('caller', sdpOf(caller)));
  const offer = must(await first.media.offer('agent', '127.0.0.1')).sdp;
  must(await first.media.answered('agent', sdpOf(agent)));
  caller.remote = placeOf(sdp);
  agent.remote = placeOf(offer);
  must(await first.media.connect('caller', 'agent'));
  await hearEachOther(caller, agent);
  const a = { leg: 'caller', peer: caller, sdp };
  const b = { leg: 'agent', peer: agent, sdp: offer };
  return { mediad, engine, first, a, b };
}

const phone = () => stage.addForTest(openPhone());

async function killEngine(engine: EngineActor): Promise<void> {
  process.kill(engine.pid, 'SIGKILL');
  await engine.ended;
}

async function killMediad(mediad: Mediad): Promise<void> {
  mediad.process.signal('SIGKILL');
  await mediad.process.ended;
}

/** What a re-INVITE would do: the party learns where its audio is, and answers. */
async function tell({ media }: MediaActor, { leg, peer }: Talker): Promise<string> {
  const { sdp } = must(await media.renew(leg));
  if (sdp === null) throw new Error(`${leg} need not be told`);
  must(await media.answered(leg, sdpOf(peer)));
  peer.remote = placeOf(sdp);
  return sdp;
}

const movedOf = ({ told }: MediaActor) => told.take('moved', (text) => text.startsWith('moved'));

describe('a leg behind rtpengine', () => {
  it('given the server and then the engine are killed, the next renews it in kind', async () => {
    const { mediad, engine, first, a, b } = await talk();
    const own = await stage.addForTest(startEngine());
    const gateway = new Gateway(own);
    await stage.addForTest({ stop: () => Promise.resolve(gateway.close()) });
    const offer = await gateway.offerOf('wide', await phone(), 'G722');
    must(await first.media.accept('wide', offer));
    await first.stop();
    const next = await serve(mediad, engine);
    const { legs } = must(await next.media.adopt());
    expect(legs).toMatchObject([
      { leg: 'caller', sdp: a.sdp, partner: 'agent', isHeard: true },
      { leg: 'agent', sdp: b.sdp, partner: 'caller', isHeard: true },
      { leg: 'wide', partner: null },
    ]);
    await killEngine(engine);
    await next.told.take('down', (text) => text.startsWith('down'));
    await stage.addForTest(startEngine(engine.engine.port));
    const moved = await movedOf(next);
    expect(moved.split(' ').slice(1).sort()).toEqual(['agent', 'caller', 'wide']);
    const told = await tell(next, a);
    expect(told).toMatch(/^o=/m);
    // The same session, a later version (RFC 3264 section 8).
    const [was, is] = [a.sdp, told].map((text) => /^o=(\S+ \S+) (\d+) (.*)$/m.exec(text));
    expect([is?.[1], is?.[3]]).toEqual([was?.[1], was?.[3]]);
    expect(Number(is?.[2])).toBeGreaterThan(Number(was?.[2]));
    await tell(next, b);
    await hearEachOther(a.peer, b.peer);
    expect(must(await next.media.renew('wide')).sdp).toMatch(/^m=audio \d+ RTP\/AVP 9 /m);
    expect(must(await next.media.renew('caller')).sdp).toBeNull();
  });

  it('given server and mediad are killed, the engine tells where mediad was', async () => {
    const { mediad, engine, first, a, b } = await talk();
    const ports = await Promise.all([a, b].map(({ leg }) => portsOf(engine, leg)));
    await first.stop();
    await killMediad(mediad);
    await mediad.again();
    const next = await serve(mediad, engine);
    expect(must(await next.media.adopt()).legs).toEqual([]);
    for (const { leg, peer, sdp } of [a, b]) {
      must(await next.media.restore(leg, { localSdp: sdp, remoteSdp: sdpOf(peer) }));
      expect(must(await next.media.renew(leg)).sdp).toBeNull();
      expect(must(await next.media.current(leg)).sdp).toBe(sdp);
    }
    expect(await Promise.all([a, b].map(({ leg }) => portsOf(engine, leg)))).toEqual(ports);
    must(await next.media.connect(a.leg, b.leg));
    await hearEachOther(a.peer, b.peer);
    // All of the port works for it: a hold, for one.
    const held = must(await next.media.reoffered(a.leg, sdpOf(a.peer, '0 8 101', ['a=sendonly'])));
    expect(held.sdp).toContain('a=recvonly');
    expect(placeOf(held.sdp)).toEqual(placeOf(a.sdp));
  });

  it('given all are killed, the dialog is enough, and the party is told', async () => {
    const { mediad, engine, first, a, b } = await talk();
    await first.stop();
    await Promise.all([killMediad(mediad), killEngine(engine)]);
    await mediad.again();
    const next = await serve(mediad, await stage.addForTest(startEngine(engine.engine.port)));
    for (const { leg, peer, sdp } of [a, b]) {
      must(await next.media.restore(leg, { localSdp: sdp, remoteSdp: sdpOf(peer) }));
      await next.told.take(leg, (text) => text.startsWith('moved') && text.includes(leg));
    }
    must(await next.media.connect(a.leg, b.leg));
    for (const talker of [a, b]) await tell(next, talker);
    await hearEachOther(a.peer, b.peer);
  });

  it('given mediad is killed and its ports are taken, the engine alone is told', async () => {
    const { mediad, engine, first, a, b } = await talk();
    const { legs } = must(await first.media.legs());
    expect(legs).toEqual(['caller', 'agent']);
    const inside = await insidePorts(engine);
    await killMediad(mediad);
    for (const port of inside) {
      const thief = createSocket('udp4');
      await new Promise<void>((resolve) => thief.bind(port, '127.0.0.1', resolve));
      await stage.addForTest({ stop: () => Promise.resolve(void thief.close()) });
    }
    await mediad.again();
    await first.told.take('up', (text) => text.startsWith('up') && text.includes('caller'));
    await hearEachOther(a.peer, b.peer);
    for (const { leg } of [a, b]) expect(must(await first.media.renew(leg)).sdp).toBeNull();
    expect(first.told.pending.filter((text) => text.startsWith('moved'))).toEqual([]);
  });

  it('given its engine dies before the phone has answered, it is told when it has', async () => {
    const { mediad, engine, first, a, b } = await talk();
    const late = await phone();
    const { sdp } = must(await first.media.offer('late', '127.0.0.1'));
    await killEngine(engine);
    await stage.addForTest(startEngine(engine.engine.port));
    expect((await movedOf(first)).split(' ').sort()).toEqual(['agent', 'caller', 'moved']);
    late.remote = placeOf(sdp);
    must(await first.media.answered('late', sdpOf(late)));
    await first.told.take('late', (text) => text.startsWith('moved') && text.includes('late'));
    for (const talker of [a, b]) await tell(first, talker);
    await tell(first, { leg: 'late', peer: late, sdp });
    must(await first.media.connect(a.leg, 'late'));
    await hearEachOther(a.peer, late);
    expect(mediad.process.output()).not.toContain('"level":"error"');
  });

  it('given no engine answers, it is told moved only when one does', async () => {
    const { engine, first, a, b } = await talk();
    await killEngine(engine);
    await first.told.take('down', (text) => text.startsWith('down'));
    expect(await first.media.renew(a.leg)).toMatchObject({ ok: false, reason: 'unavailable' });
    expect(first.told.pending.filter((text) => text.startsWith('moved'))).toEqual([]);
    await stage.addForTest(startEngine(engine.engine.port));
    await within('it to be noticed', movedOf(first));
    for (const talker of [a, b]) await tell(first, talker);
    await hearEachOther(a.peer, b.peer);
  });
});

/** mediad's ports, as the engine knows them. */
async function insidePorts(engine: EngineActor): Promise<number[]> {
  const ng = createNgClient(engine.engine);
  const ports: number[] = [];
  for (const leg of ['caller', 'agent']) {
    const { reply } = must(await ng.request('query', { 'call-id': leg }));
    ports.push(placesOf(reply)?.mediad.port ?? 0);
  }
  ng.close();
  return ports;
}
