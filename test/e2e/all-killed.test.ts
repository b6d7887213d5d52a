/**
 * Issue 3, points 2 and 4: SIGKILL of sipd, and of everything at once, with callers waiting, pairs
 * talking and phones ringing. Dialogs come back from sipd's store with their tags and CSeqs, audio
 * on its old ports, places from the journal; who left meanwhile is found out and journalled.
 */
import { describe, expect, it } from 'vitest';
import { onDrachtio, startAgain, type Acd } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { allGone, childrenOf } from '../support/family.ts';
import { isBack, kill, openFullHouse, type FullHouse, type Pair } from '../support/full-house.ts';
import { openStage } from '../support/stage.ts';
import { allWell, enter, hearsMusic, phone } from '../support/stories.ts';

const stage = openStage('all-killed');
const sizes = { waiting: 6, pairs: 4, ringing: 2 };

async function hearEachOther({ caller, agent }: Pair, tones: readonly [number, number]) {
  caller.rtp.sendTone(tones[0]);
  agent.rtp.sendTone(tones[1]);
  await Promise.all([agent.rtp.hearTone(tones[0]), caller.rtp.hearTone(tones[1])]);
}

/** A re-INVITE of the caller is answered with SDP. */
async function canReinvite(call: Call): Promise<void> {
  const answer = await call.reinvite(call.invite.body);
  expect(answer.start).toContain('200');
  call.acknowledge(answer);
}

const idsOf = async (acd: Acd) => (await acd.calls('line')).map(({ id }) => id);

/** Everything works in every call that was there, and nothing is left when all have hung up. */
async function goesOn(acd: Acd, { waiting, pairs, ringing }: FullHouse, gone: readonly Call[]) {
  const there = waiting.filter((call) => !gone.includes(call));
  expect(await idsOf(acd)).toEqual(there.map((call) => call.callId));
  for (const call of there) await hearsMusic(call.rtp);
  for (const [index, pair] of pairs.entries()) {
    if (gone.includes(pair.caller)) continue;
    await hearEachOther(pair, [500 + 40 * index, 900 + 40 * index]);
  }
  for (const pair of ringing) {
    pair.agent.answer();
    await pair.agent.acked;
    await hearEachOther(pair, [700, 1_300]);
  }
  const [first] = there;
  if (first !== undefined) await canReinvite(first);
  const up = [...pairs, ...ringing].filter(({ caller }) => !gone.includes(caller));
  for (const [index, { caller, agent }] of up.entries()) {
    const [leaves, stays] = index % 2 === 0 ? [agent, caller] : [caller, agent];
    await leaves.bye();
    expect(await stays.ended).toBe('bye received');
  }
  for (const call of there) await call.bye();
  for (const { agentId } of [...pairs, ...ringing]) await acd.agentIs(agentId, 'idle');
  await allWell(acd);
}

describe.skipIf(onDrachtio)('SIGKILL', () => {
  it('of sipd: requests meanwhile find it again, and every call goes on', async () => {
    const house = await openFullHouse(stage, sizes);
    const { acd, waiting } = house;
    const former = kill(acd, 'sipd');
    const leaver = waiting[1] as Call;
    // Repeated by the phone until somebody answers.
    await leaver.bye();
    await isBack(acd, 'sipd', former);
    await acd.callsAre('line', sizes.waiting - 1);
    await goesOn(acd, house, [leaver]);
  });

  it('of all at once: the next start has everybody in his place', async () => {
    const house = await openFullHouse(stage, sizes);
    const { acd, pairs } = house;
    const dead = await phone(stage, 'dead');
    await enter(acd, dead, 'line');
    const pids = [acd.process.pid, ...childrenOf(acd.process.pid).map(({ pid }) => pid)];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await allGone(pids);
    // One phone is switched off: it says nothing, now or later.
    dead.wire.deaf = true;
    const talker = (pairs[0] as Pair).caller;
    const goodbye = talker.bye();
    const next = await stage.add(startAgain(acd));
    await goodbye;
    expect(await (pairs[0] as Pair).agent.ended).toBe('bye received');
    // Asked whether it still lives it says nothing for 32 s (RFC 3261 timer F).
    await next.callsAre('line', sizes.waiting, 60_000);
    await goesOn(next, { ...house, acd: next }, [talker]);
  });
});
