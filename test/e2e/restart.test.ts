/**
 * Issue 3, point 5: `acd restart` swaps the server for a new version. The old one says nothing to
 * anybody, sipd and mediad stay, who calls meanwhile is answered; a new version that cannot begin
 * costs nothing. Method: the product with simulated phones, the command as an administrator gives
 * it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { onDrachtio, runAcd, spareIsReady, startAcd, type Acd } from '../support/acd.ts';
import { allGone, childNamed } from '../support/family.ts';
import { account, registrarIs } from '../support/pbx.ts';
import { openStage } from '../support/stage.ts';
import {
  allWell,
  comesToHearMusic,
  enter,
  hears,
  hearsMusic,
  logIn,
  phone,
  prompt,
  talk,
} from '../support/stories.ts';

const stage = openStage('restart');
const queues = [
  { name: 'queue1', welcome: [], timeout: 60 },
  { name: 'queue2', welcome: [] },
];
const agents = ['2771', '2772', '2773'].map((id) => ({ id, queues: ['queue1'] }));

async function restart(acd: Acd): Promise<{ readonly code: number | null; readonly said: string }> {
  const running = await stage.addForTest(runAcd(acd.folder, ['restart', '--config', acd.file]));
  const { code } = await running.ended;
  return { code, said: running.output() };
}

const pids = (acd: Acd) => ({
  sipd: onDrachtio ? 0 : childNamed(acd, 'sipd/main').pid,
  mediad: childNamed(acd, 'mediad/main').pid,
  server: childNamed(acd, 'main.js serve').pid,
});

describe('acd restart', () => {
  it('swaps the server alone; calls stay, nothing is said to phones and PBX', async () => {
    const pbx = await phone(stage, 'pbx');
    const register = [account({ uri: `sip:127.0.0.1:${pbx.wire.port}` })];
    const spare = !onDrachtio;
    const sip = { register };
    const acd = await stage.addForTest(startAcd(stage, { queues, agents, sip, spare }));
    await registrarIs(acd, 'pbx', 'registered');
    const [one, two] = [await phone(stage, 'one'), await phone(stage, 'two')];
    await logIn(acd, one, '2771');
    const talking = await enter(acd, await phone(stage, 'alice'), 'queue1');
    const agent = await one.incoming();
    agent.answer();
    agent.rtp.sendSilence();
    await talk(talking, agent);
    expect((await agent.offerAnew('sendonly')).start).toContain('200');
    await comesToHearMusic(talking.rtp);
    await logIn(acd, two, '2772');
    const waiting = await enter(acd, await phone(stage, 'bob'), 'queue2');
    await hearsMusic(waiting.rtp);
    const old = spare ? [await spareIsReady(acd)] : [];
    const keying = await (await phone(stage, 'three')).dial(acd.uri('*44'));
    await keying.answered();
    await keying.rtp.hearAtLeast(1_600);
    const before = pids(acd);

    const { code, said } = await restart(acd);
    expect(said).toMatch(/the server was restarted within [\d.]+ s/);
    expect(code).toBe(0);
    const after = pids(acd);
    expect(after.server).not.toBe(before.server);
    expect({ ...after, server: 0 }).toEqual({ ...before, server: 0 });
    await acd.process.printed(/handed over/);
    // It had loaded the former version.
    await allGone(old);
    expect(await acd.calls('queue1')).toMatchObject([{ id: talking.callId, state: 'assigned' }]);
    expect(await acd.calls('queue2')).toMatchObject([{ id: waiting.callId, position: 1 }]);
    expect((await acd.agent('2772')).state).toBe('idle');
    await hearsMusic(waiting.rtp);
    // On hold through all of it; the next server ends the hold that the former one began.
    await comesToHearMusic(talking.rtp);
    expect((await agent.offerAnew('sendrecv')).start).toContain('200');
    await talk(talking, agent);
    for (const call of [talking, agent, waiting]) {
      expect(call.end).toBeNull();
      expect(call.reoffers).toEqual([]);
    }
    // Who was logging in is asked again, and goes on.
    await keying.rtp.key('2773#');
    await hears(keying.rtp, prompt('agent-login-ok'));
    await acd.agentIs('2773', 'idle');
    // No SUBSCRIBE and no REGISTER was taken back.
    for (const desk of [one, two, pbx]) {
      expect(desk.wire.trace.join('\n')).not.toMatch(/^Expires: 0\r?$/m);
    }
    await talking.bye();
    await agent.ended;
    await waiting.bye();
    await allWell(acd);
  });

  // A drachtio-server answers by itself while no server is there, and gives a phone that rings to
  // nobody else: 503, and the phone is cancelled and rung again (docs/OPERATION.md).
  it.skipIf(onDrachtio)('given calls and holds that come meanwhile, answers them all', async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues, agents }));
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const talking = await enter(acd, await phone(stage, 'alice'), 'queue1');
    const agent = await desk.incoming();
    agent.answer();
    await talk(talking, agent);
    const swapped = restart(acd);
    let isOver = false;
    void swapped.then(() => (isOver = true));
    const callers = [];
    while (!isOver) {
      const caller = await phone(stage, `caller${callers.length}`);
      callers.push(await (await caller.dial(acd.uri('queue2'))).answered());
      for (const how of ['sendonly', 'sendrecv'] as const)
        expect((await talking.offerAnew(how)).start).toContain('200');
    }
    expect((await swapped).code).toBe(0);
    expect(callers.length).toBeGreaterThan(0);
    await acd.callsAre('queue2', callers.length);
    await Promise.all([talking.rtp.hearTone(1000), agent.rtp.hearTone(440)]);
    for (const call of [...callers, talking]) await call.bye();
    await allWell(acd);
  });

  it.skipIf(onDrachtio)('given a phone that rings, has it ring on and be connected', async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues, agents }));
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const call = await enter(acd, await phone(stage, 'alice'), 'queue1');
    const offer = await desk.incoming();
    offer.ring();
    await acd.agentIs('2771', 'ringing');
    expect((await restart(acd)).code).toBe(0);
    expect(offer.end).toBeNull();
    offer.answer();
    offer.rtp.sendSilence();
    await talk(call, offer);
    await call.bye();
    await allWell(acd);
  });

  it('given a new version that cannot begin, keeps the old one, and says why', async () => {
    const acd = await stage.addForTest(startAcd(stage, { queues, agents }));
    const call = await enter(acd, await phone(stage, 'alice'), 'queue2');
    const before = pids(acd);
    const good = readFileSync(acd.file, 'utf8');
    writeFileSync(acd.file, `${good}\nnonsense: 1\n`);
    // The command reads the configuration itself, to find the ACD: with one that is sound.
    const other = `${acd.file}.sound.yaml`;
    writeFileSync(other, good);
    const running = await stage.addForTest(runAcd(acd.folder, ['restart', '--config', other]));
    expect((await running.ended).code).toBe(2);
    expect(running.output()).toContain('the new server cannot start, so the old one goes on');
    expect(running.output()).toMatch(/has mistakes: .*nonsense/);
    expect(pids(acd)).toEqual(before);
    await hearsMusic(call.rtp);
    await call.bye();
    await acd.isEmpty();
  });

  it('given no ACD, says so', async () => {
    const acd = await startAcd(stage, { queues });
    await acd.stop();
    const { code, said } = await restart(acd);
    expect(code).toBe(4);
    expect(said).toContain('no ACD runs with the journal');
  });
});
