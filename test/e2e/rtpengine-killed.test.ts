/**
 * Issue 3, point 3, with Debian's rtpengine: SIGKILL while callers wait with music and pairs talk.
 * With its redis it is back on the same ports, and nobody is sent a re-INVITE. Without, each party
 * is told where its audio is now: 491 is tried again (RFC 3261 §14.1), a refusal ends that one
 * call, nobody else is disconnected. Of several engines, a dead one's legs move to another. Server
 * and mediad may die in the same moment.
 */
import { describe, expect, it } from 'vitest';
import { startEngine, type EngineActor } from '../edge/media/rtpengine-stage.ts';
import { startAcd, type Acd, type Section } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { killChild } from '../support/family.ts';
import { gapAround, spread } from '../support/gap.ts';
import { until, within } from '../support/inbox.ts';
import { freeRange } from '../support/ports.ts';
import { startRedis } from '../support/redis.ts';
import { header } from '../support/sip-message.ts';
import { openStage } from '../support/stage.ts';
import { allWell, enter, logIn, phone, talk } from '../support/stories.ts';

const stage = openStage('rtpengine-killed');
const RTPENGINE = /(^|\/)rtpengine /;
const SERVER = /main\.js serve /;
const MEDIAD = /mediad\/main\.js/;
const waiting = 10;
const pairs = 5;
/** The requirement is a second on a quiet machine (docs say what was measured). */
const LONGEST_GAP_MS = 5_000;
let acd: Acd;

async function start(media: Section): Promise<void> {
  const { min, max } = await freeRange(400);
  acd = await stage.addForTest(
    startAcd(stage, {
      queues: [
        { name: 'talk', welcome: [], timeout: 20, retry: 0.5 },
        { name: 'wait', welcome: [] },
      ],
      agents: Array.from({ length: pairs }, (_, index) => ({
        id: `${2000 + index}`,
        queues: ['talk'],
      })),
      media: { engine: 'rtpengine', ports: `${min}-${max}`, ...media },
    }),
  );
}

interface Scene {
  readonly waiters: Call[];
  readonly talkers: { readonly call: Call; readonly rung: Call }[];
  readonly all: Call[];
}

/** Callers with music and pairs that hear each other. */
async function play(): Promise<Scene> {
  const crowd = await phone(stage, 'crowd');
  const waiters = await Promise.all(
    Array.from({ length: waiting }, () => enter(acd, crowd, 'wait')),
  );
  const talkers: { call: Call; rung: Call }[] = [];
  for (let index = 0; index < pairs; index += 1) {
    const desk = await phone(stage, `desk${index}`);
    await logIn(acd, desk, `${2000 + index}`);
    const call = await enter(acd, crowd, 'talk');
    const rung = await desk.incoming();
    rung.answer();
    await talk(call, rung);
    talkers.push({ call, rung });
  }
  await Promise.all(waiters.map(({ rtp }) => rtp.hearAtLeast(4_000)));
  const all = [...waiters, ...talkers.flatMap(({ call, rung }) => [call, rung])];
  return { waiters, talkers, all };
}

/** Everybody hears what he heard before; gives the gaps since `at`. */
async function goesOn(
  { waiters, talkers }: Scene,
  at: number,
  longest = LONGEST_GAP_MS,
): Promise<string> {
  for (const { rtp } of waiters) {
    const again = () => rtp.packets.some((packet) => packet.at > at + 100);
    await until('packets after the kill', again, Boolean);
  }
  await Promise.all(waiters.map(({ rtp }) => rtp.hearAtLeast(4_000)));
  const live = talkers.filter(({ call }) => call.end === null);
  await Promise.all(
    live.map(({ call, rung }) => Promise.all([call.rtp.hearTone(1000), rung.rtp.hearTone(440)])),
  );
  const parties = [...waiters, ...live.flatMap(({ call, rung }) => [call, rung])];
  const gaps = parties.map(({ rtp }) => gapAround(rtp, at));
  expect(Math.max(...gaps), spread(gaps)).toBeLessThan(longest);
  return spread(gaps);
}

/** In one moment; gives when, as soon as there is a server again. */
async function killAll(one: Acd, programs: readonly RegExp[]): Promise<number> {
  const [at = 0] = programs.map((program) => killChild(one.process.pid, program));
  const isUp = async () => {
    const shown = await one.health().catch(() => null);
    return shown?.sip.up === true && shown.media.up;
  };
  await until('the server to be back', isUp, Boolean, 20_000);
  return at;
}

const say = (text: string) => process.stdout.write(`rtpengine killed, ${text}\n`);

async function endAll({ all }: Scene): Promise<void> {
  const mine = all.filter(({ isIncoming, end }) => !isIncoming && end === null);
  await Promise.all(mine.map((call) => call.bye()));
  await allWell(acd);
}

describe('rtpengine is killed', () => {
  it('without redis: every party is told by re-INVITE, and nobody is disconnected', async () => {
    await start({});
    const scene = await play();
    const { all, waiters } = scene;
    const places = all.map(({ rtp }) => rtp.remote?.port);
    const order = (await acd.calls('wait')).map(({ id }) => id);
    const [busy] = waiters as [Call];
    // Another re-INVITE is under way there: ours is to be tried again.
    busy.onReoffer = () => {
      busy.onReoffer = null;
      return { status: 491, reason: 'Request Pending' };
    };
    const at = killChild(acd.process.pid, RTPENGINE);
    await until(
      'a re-INVITE for everybody',
      () => all.map(({ reoffers }) => reoffers.length),
      (counts) => counts.every((count, index) => count === (index === 0 ? 2 : 1)),
      20_000,
    );
    say(`no redis: gap ${await goesOn(scene, at)}`);
    expect(all.map(({ end }) => end)).toEqual(all.map(() => null));
    expect(all.map(({ rtp }) => rtp.remote?.port)).not.toEqual(places);
    expect((await acd.calls('wait')).map(({ id }) => id)).toEqual(order);
    await endAll(scene);
  });

  it('without redis, one caller and one agent refuse: those two calls end alone', async () => {
    await start({});
    const scene = await play();
    const { all, waiters, talkers } = scene;
    const refusal = () => ({ status: 488, reason: 'Not Acceptable Here' });
    const [waiter, talker] = [waiters[0] as Call, talkers[0] as { call: Call; rung: Call }];
    waiter.onReoffer = refusal;
    talker.rung.onReoffer = refusal;
    const at = killChild(acd.process.pid, RTPENGINE);
    for (const call of [waiter, talker.rung, talker.call]) {
      expect(await within('the end of a call', call.ended)).toBe('bye received');
    }
    expect(header(waiter.endedBy ?? waiter.invite, 'Reason')).toContain('Media lost');
    const others = { all, talkers, waiters: waiters.slice(1) };
    await goesOn(others, at);
    expect(all.filter(({ end }) => end !== null)).toHaveLength(3);
    expect(await acd.callsAre('wait', waiting - 1)).toHaveLength(waiting - 1);
    await endAll(scene);
  });

  it('with redis: it is back on the same ports, and nobody is told anything', async () => {
    const redis = await stage.addForTest(startRedis(stage));
    await start({ redis: redis.address });
    const scene = await play();
    const at = killChild(acd.process.pid, RTPENGINE);
    say(`with redis: gap ${await goesOn(scene, at)}`);
    expect(scene.all.flatMap(({ reoffers }) => reoffers)).toEqual([]);
    expect(scene.all.map(({ end }) => end)).toEqual(scene.all.map(() => null));
    await endAll(scene);
  });

  it('with server and mediad, first these two, then all three: nobody is cut off', async () => {
    await start({});
    const scene = await play();
    const { all } = scene;
    const order = (await acd.calls('wait')).map(({ id }) => id);
    const toldEach = (times: number) =>
      until(
        `${times} re-INVITEs for everybody`,
        () => all.map(({ reoffers }) => reoffers.length),
        (counts) => counts.every((count) => count === times),
        20_000,
      );
    for (const [what, programs, times] of [
      ['server and mediad, not it', [SERVER, MEDIAD], 0],
      ['server and mediad, too', [SERVER, MEDIAD, RTPENGINE], 1],
    ] as const) {
      const at = await killAll(acd, programs);
      await toldEach(times);
      say(`${what}: gap ${await goesOn(scene, at, Infinity)}`);
      // Behind the same rtpengine audio is where it was; another one is told of, once.
      await toldEach(times);
      expect(all.map(({ end }) => end)).toEqual(all.map(() => null));
      expect((await acd.calls('wait')).map(({ id }) => id)).toEqual(order);
    }
    await endAll(scene);
  });

  it('one of two: its legs move to the other by re-INVITE, and only they', async () => {
    const engine = () => stage.addForTest(startEngine(undefined, 200));
    const engines = [await engine(), await engine()];
    await start({ rtpengine: engines.map(({ name }) => name) });
    const scene = await play();
    const ports = scene.all.map(({ rtp }) => rtp.remote?.port ?? 0);
    const [dead, alive] = engines as [EngineActor, EngineActor];
    const isOn = ({ min, max }: EngineActor, port = 0) => port >= min && port <= max;
    const moving = scene.all.filter((_call, index) => isOn(dead, ports[index]));
    expect(moving.length).toBeGreaterThan(3);
    expect(moving.length).toBeLessThan(scene.all.length);
    process.kill(dead.pid, 'SIGKILL');
    const at = Date.now();
    await until(
      'a re-INVITE for its legs',
      () => moving.every(({ reoffers }) => reoffers.length === 1),
      Boolean,
    );
    say(`one of two: gap ${await goesOn(scene, at)}`);
    expect(scene.all.filter(({ reoffers }) => reoffers.length > 0)).toEqual(moving);
    expect(scene.all.every(({ rtp }) => isOn(alive, rtp.remote?.port))).toBe(true);
    expect(scene.all.map(({ end }) => end)).toEqual(scene.all.map(() => null));
    await endAll(scene);
  });
});
