/**
 * Issue 3, point 4: SIGKILL of the supervisor, alone and with its children; `npm start` afterwards.
 * Whoever is there keeps his place: processes of the same version and configuration are taken
 * over as they are, others are replaced; never two of a kind, never an orphan for ever. Method:
 * the product with simulated phones, real kills, processes by number.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import {
  onDrachtio,
  runAcd,
  spareIsReady,
  startAcd,
  startAgain,
  type Acd,
  type Section,
} from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { allGone, childNamed, childrenOf, isAlive } from '../support/family.ts';
import { openStage } from '../support/stage.ts';
import { allWell, enter, hearsMusic, logIn, phone, talk } from '../support/stories.ts';

const stage = openStage('supervisor-killed');
const queues = [
  { name: 'queue1', welcome: [], timeout: 60 },
  { name: 'queue2', welcome: [] },
];
const agents = ['2771', '2772'].map((id) => ({ id, queues: ['queue1'] }));
const programs = ['sipd/main', 'mediad/main', 'main.js serve'] as const;

async function start(wait: number, sip: Section = {}, spare = false): Promise<Acd> {
  const takeover = { wait, spare: spare ? 'yes' : 'no' };
  const more = { takeover, drain: { limit: 0 } };
  return stage.addForTest(startAcd(stage, { queues, agents, sip, more }));
}

const pidsOf = (acd: Acd) => programs.map((name) => childNamed(acd, name).pid);

/** The supervisor is gone; gives the processes it leaves. */
async function killSupervisor(acd: Acd): Promise<number[]> {
  const pids = childrenOf(acd.process.pid).map(({ pid }) => pid);
  process.kill(acd.process.pid, 'SIGKILL');
  await acd.process.ended;
  return pids;
}

/** Processes of a former start are nobody's children here: what tells is the server's word. */
async function taken(acd: Acd): Promise<void> {
  for (const name of ['sipd', 'mediad', 'server']) {
    await acd.process.printed(new RegExp(`${name} went on without a supervisor`));
  }
}

/** Streams of audio that came: one process, without a break, makes one. */
const streams = ({ rtp }: Call) => new Set(rtp.packets.map(({ ssrc }) => ssrc)).size;

function change(acd: Acd, section: string, values: object): void {
  const config = parse(readFileSync(acd.file, 'utf8')) as Record<string, object>;
  writeFileSync(acd.file, stringify({ ...config, [section]: { ...config[section], ...values } }));
}

describe.skipIf(onDrachtio)('the supervisor killed', () => {
  it('costs those who wait, talk and ring nothing; the next takes all over', async () => {
    const first = await start(60);
    const [one, two] = [await phone(stage, 'one'), await phone(stage, 'two')];
    await logIn(first, one, '2771');
    const talking = await enter(first, await phone(stage, 'alice'), 'queue1');
    const agent = await one.incoming();
    agent.answer();
    agent.rtp.sendSilence();
    await talk(talking, agent);
    await logIn(first, two, '2772');
    const ringing = await enter(first, await phone(stage, 'carol'), 'queue1');
    const offer = await two.incoming();
    const waiting = await enter(first, await phone(stage, 'bob'), 'queue2');
    await hearsMusic(waiting.rtp);

    const left = await killSupervisor(first);
    await hearsMusic(waiting.rtp);
    await talk(talking, agent);
    expect(left.filter((pid) => isAlive(pid))).toHaveLength(3);

    const next = await stage.addForTest(startAgain(first));
    await taken(next);
    expect(left.filter((pid) => isAlive(pid))).toHaveLength(3);
    expect(childrenOf(next.process.pid)).toEqual([]);
    await next.callsAre('queue1', 2);
    expect(await next.calls('queue2')).toMatchObject([{ position: 1, state: 'queued' }]);
    offer.answer();
    offer.rtp.sendSilence();
    await talk(ringing, offer);
    await hearsMusic(waiting.rtp);
    for (const call of [waiting, talking]) expect(streams(call)).toBe(1);
    for (const call of [waiting, talking, ringing]) await call.bye();
    await allWell(next);

    // What it took over it restarts and stops like its own.
    const [sipd = 0] = left;
    const named = left.find((pid) => commandOf(pid).includes('sipd/main')) ?? sipd;
    process.kill(named, 'SIGKILL');
    await next.process.printed(/sipd is back/);
    next.process.signal('SIGTERM');
    expect(await next.process.ended).toEqual({ code: 0, signal: null });
    await allGone(left);
  });

  it('and not started again: its processes end by themselves, its spares at once', async () => {
    const acd = await start(1, {}, true);
    await spareIsReady(acd);
    await spareIsReady(acd, 'mediad');
    const left = await killSupervisor(acd);
    expect(left).toHaveLength(5);
    await allGone(left);
  });

  it.each(programs)('together with %s: the others are taken over', async (program) => {
    const first = await start(60);
    const pids = pidsOf(first);
    const victim = childNamed(first, program).pid;
    // First the supervisor, else it would mend it.
    await killSupervisor(first);
    process.kill(victim, 'SIGKILL');
    const next = await stage.addForTest(startAgain(first));
    expect(childrenOf(next.process.pid)).toMatchObject([
      { command: expect.stringContaining(program) as string },
    ]);
    expect(pids.filter((pid) => isAlive(pid))).toHaveLength(2);
    const caller = await phone(stage, 'alice');
    const call = await enter(next, caller, 'queue2');
    await call.rtp.hearAtLeast(4_000);
    await call.bye();
    await allWell(next);
    await next.stop();
    await allGone(pids);
  });

  it('and all but mediad with it: who is there keeps his place, who talks talks on', async () => {
    const first = await start(60);
    const [one, two] = [await phone(stage, 'one'), await phone(stage, 'two')];
    await logIn(first, one, '2771');
    const talking = await enter(first, await phone(stage, 'alice'), 'queue1');
    const agent = await one.incoming();
    agent.answer();
    agent.rtp.sendSilence();
    await talk(talking, agent);
    await logIn(first, two, '2772');
    const waiting = await enter(first, await phone(stage, 'bob'), 'queue2');
    const behind = await enter(first, await phone(stage, 'carol'), 'queue2');
    const [sipd = 0, , server = 0] = pidsOf(first);
    await killSupervisor(first);
    for (const pid of [sipd, server]) process.kill(pid, 'SIGKILL');
    await allGone([sipd, server]);
    const next = await stage.addForTest(startAgain(first));
    const places = [waiting, behind].map(({ callId: id }, at) => ({ id, position: at + 1 }));
    expect(await next.calls('queue2')).toMatchObject(places);
    expect(await next.calls('queue1')).toMatchObject([{ id: talking.callId, state: 'assigned' }]);
    expect((await next.agent('2772')).state).toBe('idle');
    await hearsMusic(waiting.rtp);
    await talk(talking, agent);
    for (const call of [waiting, behind, talking]) await call.bye();
    await agent.ended;
    await allWell(next);
  });

  it('and everything with it: all is started anew, on the same ports', async () => {
    const first = await start(60, { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'] });
    const { addresses } = (await first.health()).sip;
    const pids = await killSupervisor(first);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await allGone(pids);
    const next = await stage.addForTest(startAgain(first));
    expect(childrenOf(next.process.pid)).toHaveLength(3);
    expect((await next.health()).sip.addresses).toEqual(addresses);
  });

  it('and started with another configuration: what it concerns is replaced', async () => {
    const first = await start(60);
    const [sipd, mediad, server] = pidsOf(first);
    await killSupervisor(first);
    change(first, 'http', { listen: new URL(first.rest).host });
    change(first, 'limits', { calls: 17 });
    const next = await stage.addForTest(startAgain(first));
    await next.process.printed(/server of the former start is of another version or config/);
    expect(childrenOf(next.process.pid)).toHaveLength(1);
    await allGone([server ?? 0]);
    expect([sipd, mediad].filter((pid) => isAlive(pid ?? 0))).toHaveLength(2);
    expect(await next.health()).toMatchObject({ status: 'ok', bugs: 0 });
    await next.stop();
    await allGone([sipd ?? 0, mediad ?? 0]);
  });

  it('and started with a mistake in the configuration: they wait for the next one', async () => {
    const first = await start(60);
    const pids = await killSupervisor(first);
    const good = readFileSync(first.file, 'utf8');
    change(first, 'limits', { calls: 'many' });
    const bad = await stage.addForTest(runAcd(first.folder, ['start', '--config', first.file]));
    expect((await bad.ended).code).toBe(1);
    writeFileSync(first.file, good);
    const next = await stage.addForTest(startAgain(first));
    await taken(next);
    expect(pids.filter((pid) => isAlive(pid))).toHaveLength(3);
    await next.stop();
    await allGone(pids);
  });
});

describe('a second acd start with the same journal', () => {
  it('is refused, names the first, and disturbs nothing', async () => {
    const first = await start(60);
    const second = await stage.addForTest(runAcd(first.folder, ['start', '--config', first.file]));
    expect((await second.ended).code).toBe(1);
    expect(second.output()).toContain(
      `another ACD (process ${first.process.pid}) runs with the same journal`,
    );
    expect(await first.health()).toMatchObject({ status: 'ok', bugs: 0 });
  });
});

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
}
