/**
 * Issue 2, "rtpengine mode": the ACD with `media.engine: rtpengine` starts Debian's rtpengine as a
 * child of its own, serves a queue through it, callers with G.722 or Opus alone included, and takes
 * it along when it ends. Those callers are plain phones behind a second rtpengine, which has the
 * codecs; so they are judged by signal, like everybody else. Always in rtpengine mode, whatever
 * ACD_MEDIA_ENGINE says; an ACD for each test, as one of them ends it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Gateway, openPhone, startEngine } from '../edge/media/rtpengine-stage.ts';
import { startAcd, type Acd } from '../support/acd.ts';
import { locate, SAME } from '../support/audio.ts';
import type { Call } from '../support/call.ts';
import { within } from '../support/inbox.ts';
import type { Phone } from '../support/phone.ts';
import type { RtpPeer } from '../support/rtp.ts';
import { openStage } from '../support/stage.ts';
import { allWell, hears, music, phone, prompt } from '../support/stories.ts';

const stage = openStage('rtpengine');
const options = {
  queues: [{ name: 'queue1', timeout: 20, retry: 0.5 }],
  agents: [{ id: '2771', queues: ['queue1'] }],
  media: { engine: 'rtpengine' },
};
let acd: Acd;
let gateway: Gateway;

beforeAll(async () => {
  gateway = new Gateway(await stage.add(startEngine()));
  await stage.add({ stop: () => Promise.resolve(gateway.close()) });
});

beforeEach(async () => {
  acd = await stage.addForTest(startAcd(stage, options));
});

/** rtpengines that a process has started, by their ids. */
function rtpenginesOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const stat = statOf(pid);
      const [, name, , of] = /^\d+ \((.*)\) (\S) (\d+)/.exec(stat) ?? [];
      return name === 'rtpengine' && Number(of) === parent;
    });
}

/** `/proc/<pid>/stat`; empty where no such process is, or only its remains. */
function statOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /\) [ZX] /.test(stat) ? '' : stat;
  } catch (trouble) {
    if (['ENOENT', 'ESRCH'].includes((trouble as NodeJS.ErrnoException).code ?? '')) return '';
    throw trouble;
  }
}

/** The agent keys his id by RFC 4733 and hears that he is logged in. */
async function logInByKeys(desk: Phone): Promise<void> {
  const call = await (await desk.dial(acd.uri('acdlogin'))).answered();
  call.rtp.sendSilence();
  await hears(call.rtp, prompt('agent-id'));
  await call.rtp.key('2771#');
  await hears(call.rtp, prompt('agent-login-ok'));
  expect(await within('to be hung up on', call.ended, 15_000)).toBe('bye received');
}

/** Half a second of our music somewhere: a packet late at a transcoder costs the one it is in. */
async function hearsWelcomeAndMusic(rtp: RtpPeer): Promise<void> {
  // Its first second may be over before the second rtpengine has been told the answer.
  const welcome = prompt('queue-welcome').subarray(8_000);
  const { at } = await hears(rtp, welcome);
  const start = at + welcome.length + 800;
  const scores: number[] = [];
  while (scores.length < 10 && !scores.some((score) => score > SAME)) {
    const heard = await rtp.hearAtLeast(4_000, start + scores.length * 4_000);
    scores.push(locate(heard, music(), true).score);
  }
  expect(Math.max(...scores), `music: ${scores.join(' ')}`).toBeGreaterThan(SAME);
}

/** Calls the queue with that codec alone: the call, and where its audio is heard and spoken. */
async function enterWith(codec: 'PCMU' | 'G722' | 'opus'): Promise<{ call: Call; rtp: RtpPeer }> {
  const caller = await phone(stage, `caller-${codec}`);
  if (codec === 'PCMU') {
    const call = await (await caller.dial(acd.uri('queue1'))).answered();
    call.rtp.sendSilence();
    return { call, rtp: call.rtp };
  }
  const rtp = await stage.addForTest(openPhone());
  const id = caller.wire.newId();
  const text = await gateway.offerOf(id, rtp, codec);
  const body = { type: 'application/sdp', text };
  const call = await (await caller.dial(acd.uri('queue1'), { body })).answered();
  const answer = (await call.final).body;
  expect(rtpmapOf(answer)).toMatch(new RegExp(`^${codec}/`, 'i'));
  await gateway.answer(id, rtp, answer);
  rtp.sendSilence();
  return { call, rtp };
}

/** Name and rate of the first codec of an SDP. */
function rtpmapOf(sdp: string): string {
  const first = /^m=audio \d+ \S+ (\d+)/m.exec(sdp)?.[1] ?? '';
  const named = new RegExp(`^a=rtpmap:${first} (\\S+)`, 'm').exec(sdp)?.[1];
  // Payload type 9 needs no rtpmap (RFC 3551 section 6).
  return named ?? (first === '9' ? 'G722/8000' : '');
}

describe('with rtpengine in front of the audio process', () => {
  it.each(['PCMU', 'G722', 'opus'] as const)(
    'a caller offering only %s hears welcome and music, and speaks with an agent',
    async (codec) => {
      const desk = await phone(stage, 'desk');
      const { call, rtp } = await enterWith(codec);
      await Promise.all([hearsWelcomeAndMusic(rtp), logInByKeys(desk)]);
      const rung = await desk.incoming();
      rung.ring();
      rung.answer();
      rtp.sendTone(440);
      rung.rtp.sendTone(1000);
      await Promise.all([rung.rtp.hearTone(440), rtp.hearTone(1000)]);
      expect((await acd.calls('queue1'))[0]).toMatchObject({ state: 'assigned', agent: '2771' });
      expect(call.reoffers).toEqual([]);
      await (codec === 'G722' ? rung.bye() : call.bye());
      const other = codec === 'G722' ? call : rung;
      expect(await within('BYE', other.ended)).toBe('bye received');
      await allWell(acd);
    },
  );

  it('SIGTERM amid a call ends the call and leaves no rtpengine behind', async () => {
    const pids = rtpenginesOf(acd.process.pid);
    expect(pids).toHaveLength(1);
    const caller = await phone(stage, 'caller');
    const call = await (await caller.dial(acd.uri('queue1'))).answered();
    await call.rtp.hearAtLeast(800);
    process.kill(acd.process.pid, 'SIGTERM');
    expect(await within('BYE', call.ended)).toBe('bye received');
    const ended = await within('acd to end', acd.process.ended, 20_000);
    expect(ended).toMatchObject({ code: 0 });
    expect(pids.map(statOf)).toEqual(['']);
  });
});
