/**
 * Issue 3, point 7: SIGKILL of the server in front of a real drachtio-server, which keeps the
 * dialogs but answers for us, and tells the next server nothing. Every dialog is used or ended.
 * Runs with ACD_DRACHTIO only.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { onDrachtio } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import {
  heardSince,
  isBack,
  kill,
  lossOf,
  openFullHouse,
  resident,
  together,
  type FullHouse,
  type Pair,
} from '../support/full-house.ts';
import { until } from '../support/inbox.ts';
import { header, statusOf } from '../support/sip-message.ts';
import { openStage } from '../support/stage.ts';
import { enter, hearsMusic, phone, talk } from '../support/stories.ts';

/** A hang-up is noticed when its dialog is looked at, each 5 s; a busy machine is later. */
const NOTICED_MS = 15_000;

const stage = openStage('server-killed-drachtio');
let house: FullHouse;
let order: readonly string[];
/** Hung up while no server was there. */
let leaver: Call;
/** Answered while no server was there. */
let answered: Pair;
let from: ReadonlyMap<Call, number>;

function nth<T>(all: readonly T[], index: number): T {
  const one = all[index];
  if (one === undefined) throw new Error(`no number ${index}`);
  return one;
}

const staying = () =>
  [...house.waiting, ...house.pairs.flatMap(({ caller, agent }) => [caller, agent])].filter(
    (call) => call !== leaver,
  );

/** This phone rings once more, for whichever caller, and they talk. */
async function offeredAgain(pair: Pair): Promise<void> {
  const desk = nth(house.agents, house.pairs.length + house.ringing.indexOf(pair));
  const again = await desk.incoming(20_000);
  const callId = header(again.invite, 'X-Call-Id');
  const caller = house.ringing.find((one) => one.caller.callId === callId)?.caller;
  if (caller === undefined) throw new Error(`nobody calls by ${callId}`);
  again.answer();
  await again.acked;
  await talk(caller, again);
}

describe.runIf(onDrachtio)('a server that was killed beside a drachtio-server', () => {
  beforeAll(async () => {
    house = await openFullHouse(stage, { waiting: 6, pairs: 4, ringing: 3 });
    const { acd, waiting, ringing } = house;
    order = (await acd.calls('line')).map((call) => call.id);
    leaver = nth(waiting, 2);
    from = new Map(staying().map((call) => [call, call.rtp.packets.length]));
    const late = await resident(stage, 'late');
    // Held, so that everything below is said while there is no server.
    process.kill(acd.process.pid, 'SIGSTOP');
    const former = kill(acd, 'server');
    const turnedAway = async () => {
      const newcomer = await late.dial(acd.uri('line'));
      return newcomer.status(500).catch(() => 0);
    };
    // Until the drachtio-server knows; what it gave to the dead process nobody answers.
    await until('calls to be turned away', turnedAway, (status) => status === 503);
    // It answers for us, and forgets the dialog.
    expect(statusOf(await leaver.bye())).toBe(481);
    answered = nth(ringing, 0);
    answered.agent.answer();
    process.kill(acd.process.pid, 'SIGCONT');
    const tookMs = await isBack(acd, 'server', former);
    process.stdout.write(`server killed: another served after ${tookMs.toFixed(0)} ms\n`);
  }, 120_000);

  it('leaves music and talk as they were', async () => {
    await Promise.all(staying().map(async (call) => call.rtp.hearAtLeast(1_600)));
    const all = together(staying().map((call) => heardSince(call.rtp, from.get(call) ?? 0)));
    process.stdout.write(`longest gap ${all.gapMs} ms, ${all.lost} of ${all.packets} lost\n`);
    expect(lossOf(all)).toBeLessThanOrEqual(0.02);
    for (const call of staying()) {
      const packets = call.rtp.packets.slice(from.get(call));
      expect(new Set(packets.map(({ ssrc }) => ssrc)).size).toBe(1);
      expect(call.end).toBeNull();
    }
    for (const { caller, agent } of house.pairs) await talk(caller, agent, [500, 1200]);
  });

  it('finds the caller gone who hung up meanwhile; the others keep their order', async () => {
    const left = order.filter((id) => id !== leaver.callId);
    const calls = await house.acd.callsAre('line', left.length, NOTICED_MS);
    expect(calls.map(({ id }) => id)).toEqual(left);
    await hearsMusic(nth(house.waiting, 0).rtp);
  });

  it('cancels a phone that rang, and offers the call again', async () => {
    for (const pair of house.ringing.slice(1)) {
      expect(await pair.agent.ended).toBe('cancel received');
      await offeredAgain(pair);
    }
  });

  it('ends a phone that answered meanwhile, and offers its call again', async () => {
    expect(await answered.agent.ended).toBe('bye received');
    await offeredAgain(answered);
  });

  it('ends the other side of a pair soon after either hangs up', async () => {
    for (const [index, pair] of house.pairs.slice(0, 2).entries()) {
      const [leaves, stays] = index === 0 ? [pair.agent, pair.caller] : [pair.caller, pair.agent];
      await leaves.bye();
      const since = performance.now();
      expect(await stays.ended).toBe('bye received');
      const ms = performance.now() - since;
      process.stdout.write(`${index === 0 ? 'agent' : 'caller'} hung up: BYE after ${ms | 0} ms\n`);
      await house.acd.agentIs(pair.agentId, 'idle');
    }
  });

  it('watches its agents’ phones by new subscriptions', async () => {
    const [desk, pair] = [nth(house.agents, 0), nth(house.pairs, 0)];
    await desk.watched.show('unavailable');
    await house.acd.agentIs(pair.agentId, 'unavailable');
    await desk.watched.show('idle');
    await house.acd.agentIs(pair.agentId, 'idle');
    // The old ones have ended: the drachtio-server answers their NOTIFYs by 481.
    await desk.watched.show('idle');
    const refreshes = desk.watched.subscribes.pending.length;
    const caller = await enter(house.acd, await phone(stage, 'next'), 'desk');
    const ring = await desk.incoming();
    ring.answer();
    await ring.acked;
    await talk(caller, ring);
    await caller.bye();
    expect(await ring.ended).toBe('bye received');
    // They are not looked at each few seconds, as calls are.
    expect(desk.watched.subscribes.pending.length).toBe(refreshes);
  });

  it('keeps nothing when all have left', async () => {
    const calls = [...house.waiting, ...house.pairs, ...house.ringing].map((one) =>
      'caller' in one ? one.caller : one,
    );
    await Promise.all(calls.filter((call) => call.end === null).map(async (call) => call.bye()));
    await house.acd.isEmpty(30_000);
    const bugs = async () => (await house.acd.health()).bugs;
    await until('no bugs', bugs, (count) => count === 0);
  });
});
