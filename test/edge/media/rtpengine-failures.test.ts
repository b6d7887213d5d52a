/**
 * Goal: what happens to an rtpengine costs no more than it must. Method: two real engines, killed,
 * stopped and started again under legs with tones; a short deadline, and the engines are asked when
 * the test says so.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { within } from '../../support/inbox.ts';
import { halt } from '../../support/processes.ts';
import type { RtpPeer } from '../../support/rtp.ts';
import { openStage } from '../../support/stage.ts';
import {
  hasCall,
  hearEachOther,
  must,
  openPhone,
  placeOf,
  releaseAll,
  sdpOf,
  startEngine,
  startMedia,
  startMediad,
  type EngineActor,
  type MediaActor,
} from './rtpengine-stage.ts';

const stage = openStage('media-rtpengine-failures');
const mediad = await stage.add(startMediad(stage));
const phone = () => stage.addForTest(openPhone());
/** A healthy one answers within that on a busy machine, too. */
const TIMING = { deadlineMs: 1_500, probeMs: 60_000 };

async function twoEngines(): Promise<{ one: EngineActor; two: EngineActor; acd: MediaActor }> {
  const one = await stage.addForTest(startEngine());
  const two = await stage.addForTest(startEngine());
  const acd = await stage.addForTest(startMedia(mediad.control, [one, two], TIMING));
  current = acd;
  return { one, two, acd };
}
let current: MediaActor | null = null;
afterEach(async () => {
  if (current !== null) await releaseAll(current.media);
  current = null;
});

interface Talker {
  readonly leg: string;
  readonly peer: RtpPeer;
  readonly sdp: string;
}

let count = 0;
async function caller({ media }: MediaActor): Promise<Talker> {
  const peer = await phone();
  const leg = `caller-${(count += 1)}`;
  const { sdp } = must(await media.accept(leg, sdpOf(peer)));
  peer.remote = placeOf(sdp);
  return { leg, peer, sdp };
}

async function agent({ media }: MediaActor): Promise<Talker> {
  const peer = await phone();
  const leg = `agent-${(count += 1)}`;
  const { sdp } = must(await media.offer(leg, '127.0.0.1'));
  must(await media.answered(leg, sdpOf(peer)));
  peer.remote = placeOf(sdp);
  return { leg, peer, sdp };
}

/** Two talkers, each on an engine of his own. */
async function talk(acd: MediaActor): Promise<{ a: Talker; b: Talker }> {
  const a = await caller(acd);
  const b = await agent(acd);
  must(await acd.media.connect(a.leg, b.leg));
  await hearEachOther(a.peer, b.peer);
  return { a, b };
}

const engineOf = (acd: MediaActor, engines: EngineActor[], { leg }: Talker): EngineActor => {
  const found = engines.find(({ name }) => acd.media.legsOn(name).includes(leg));
  if (found === undefined) throw new Error(`${leg} is on no engine`);
  return found;
};

async function kill(engine: EngineActor): Promise<void> {
  process.kill(engine.pid, 'SIGKILL');
  await engine.ended;
}

describe('several rtpengines', () => {
  it('given healthy ones, legs go round; legs on different ones can be connected', async () => {
    const { one, two, acd } = await twoEngines();
    await talk(acd);
    expect(acd.media.legsOn(one.name)).toHaveLength(1);
    expect(acd.media.legsOn(two.name)).toHaveLength(1);
  });

  it('given one that is killed, its legs are told, and both ways bring them back', async () => {
    const { one, two, acd } = await twoEngines();
    const { a, b } = await talk(acd);
    for (const [victim, talker] of [
      ['caller', a],
      ['agent', b],
    ] as const) {
      const dead = engineOf(acd, [one, two], talker);
      await kill(dead);
      await within('asked', acd.media.probe());
      await acd.told.take('down', (text) => text.startsWith('down') && text.includes(talker.leg));
      expect(acd.lost.at(-1)).toMatchObject({ engine: dead.name });
      expect(acd.lost.at(-1)?.legs).toContain(talker.leg);
      if (victim === 'caller') {
        // The party re-offers.
        const { sdp } = must(await acd.media.reoffered(a.leg, sdpOf(a.peer)));
        expect(sdp).not.toBe(a.sdp);
        a.peer.remote = placeOf(sdp);
      } else {
        // We re-offer: to the engine that was started again in the meantime.
        await stage.addForTest(startEngine(dead.engine.port));
        await within('asked', acd.media.probe());
        for (const { leg, peer } of [a, b]) {
          const { sdp } = must(await acd.media.current(leg));
          must(await acd.media.answered(leg, sdpOf(peer)));
          peer.remote = placeOf(sdp);
        }
      }
      await hearEachOther(a.peer, b.peer);
      if (victim === 'caller') await stage.addForTest(startEngine(dead.engine.port));
      await within('asked', acd.media.probe());
    }
  });

  it('given one restarted before anybody noticed, its legs are found out', async () => {
    const { one, acd } = await twoEngines();
    await talk(acd);
    const [leg] = acd.media.legsOn(one.name);
    await kill(one);
    await stage.addForTest(startEngine(one.engine.port));
    await within('asked', acd.media.probe());
    await acd.told.take('down', (text) => text.startsWith('down') && text.includes(String(leg)));
    expect(acd.lost).toEqual([{ engine: one.name, legs: [leg] }]);
    expect(acd.media.legsOn(one.name)).toEqual([]);
    expect(acd.media.health()).toMatchObject({ up: true });
  });

  it('given one that hangs, new legs go to the other; awake, it has its legs', async () => {
    const { one, two, acd } = await twoEngines();
    const { a, b } = await talk(acd);
    const before = acd.media.legsOn(one.name);
    await halt(one.pid);
    const newcomers = [await caller(acd), await caller(acd)];
    for (const { leg } of newcomers) expect(acd.media.legsOn(two.name)).toContain(leg);
    await acd.told.take('down', (text) => text.includes(one.name));
    process.kill(one.pid, 'SIGCONT');
    await within('asked', acd.media.probe());
    const up = await acd.told.take('up', (text) => text.startsWith('up'));
    expect(up.split(' ').slice(1).sort()).toEqual([a, b, ...newcomers].map((x) => x.leg).sort());
    expect(acd.media.legsOn(one.name)).toEqual(before);
    await hearEachOther(a.peer, b.peer);
    // The offer it had no time to answer was carried out late, and has been taken back.
    for (const { leg } of newcomers) expect(await hasCall(one, leg)).toBe(false);
  });

  it('given one without ports, the other takes the leg; alone, it is a limit', async () => {
    const small = await stage.addForTest(startEngine(undefined, 4));
    const large = await stage.addForTest(startEngine());
    const both = await stage.addForTest(startMedia(mediad.control, [small, large], TIMING));
    current = both;
    for (let i = 0; i < 6; i += 1) await caller(both);
    expect(both.media.legsOn(large.name).length).toBeGreaterThan(3);
    const alone = await stage.addForTest(startMedia(mediad.control, [small], TIMING));
    const offers = await Promise.all(
      [1, 2, 3].map(async (i) => alone.media.accept(`tight-${i}`, sdpOf(await phone()))),
    );
    expect(offers).toContainEqual(expect.objectContaining({ ok: false, reason: 'limit' }));
  });

  it('given all dead, the port says so at once', async () => {
    const { one, two, acd } = await twoEngines();
    await Promise.all([kill(one), kill(two)]);
    await within('asked', acd.media.probe());
    const offered = await acd.media.accept('nobody', sdpOf(await phone()));
    expect(offered).toMatchObject({ ok: false, reason: 'unavailable' });
    expect(await acd.media.offer('nobody', '127.0.0.1')).toMatchObject({ reason: 'unavailable' });
    expect(acd.media.health()).toMatchObject({ up: false });
    expect(must(await acd.media.legs()).legs).not.toContain('nobody');
  });

  it('given a restart of the server, the talk goes on and the legs are its own again', async () => {
    const { one, two, acd } = await twoEngines();
    const { a, b } = await talk(acd);
    await acd.stop();
    const next = await stage.addForTest(startMedia(mediad.control, [one, two], TIMING));
    current = next;
    await hearEachOther(a.peer, b.peer);
    const found = [...next.media.legsOn(one.name), ...next.media.legsOn(two.name)];
    expect(found.sort()).toEqual([a.leg, b.leg].sort());
    for (const { leg, sdp } of [a, b]) {
      expect(placeOf(must(await next.media.current(leg)).sdp)).toEqual(placeOf(sdp));
    }
    const moved = await phone();
    const again = must(await next.media.reoffered(a.leg, sdpOf(moved)));
    expect(placeOf(again.sdp)).toEqual(placeOf(a.sdp));
    a.peer.mute();
    moved.remote = placeOf(again.sdp);
    await hearEachOther(moved, b.peer);
    const home = engineOf(next, [one, two], a);
    must(await next.media.release(a.leg));
    expect(await hasCall(home, a.leg)).toBe(false);
  });
});
