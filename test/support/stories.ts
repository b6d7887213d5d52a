/**
 * Steps that many end-to-end stories share: an agent logs in, somebody calls a queue, audio is
 * recognised. Each waits for what it says and fails with what it saw instead.
 */
import path from 'node:path';
import { expect } from 'vitest';
import type { Acd } from './acd.ts';
import { concat, locate, RATE, readWav, SAME, type Match } from './audio.ts';
import type { Call } from './call.ts';
import { until } from './inbox.ts';
import { Phone, type DialOptions, type PhoneOptions } from './phone.ts';
import type { RtpPeer } from './rtp.ts';
import type { Stage } from './stage.ts';

const folder = path.resolve(import.meta.dirname, '../../prompts');
/** A recording counts as heard where the last 100 ms were cut off by the end of the call. */
const CUT = new Int16Array(800);
const wavs = new Map<string, Int16Array>();

function wav(file: string): Int16Array {
  const known = wavs.get(file) ?? readWav(path.join(folder, file));
  wavs.set(file, known);
  return known;
}

export const prompt = (key: string): Int16Array => wav(`en/${key}.wav`);
export const music = (): Int16Array => wav('music/default.wav');

/** A phone until the end of the running test. */
export async function phone(stage: Stage, options: PhoneOptions | string): Promise<Phone> {
  return stage.addForTest(Phone.open(typeof options === 'string' ? { user: options } : options));
}

/** Dials `*44<id>`, hangs up as soon as it counts, and waits until the agent is ready. */
export async function logIn(acd: Acd, from: Phone, agent: string): Promise<Call> {
  const call = await (await from.dial(acd.uri(`*44${agent}`))).answered();
  const loggedIn = async () => (await acd.agent(agent)).state !== 'loggedout';
  await until(`agent ${agent} logged in`, loggedIn, Boolean);
  await call.bye();
  await acd.agentIs(agent, 'idle');
  return call;
}

/** Calls a queue and is answered. */
export async function enter(
  acd: Acd,
  from: Phone,
  queue: string,
  options: DialOptions = {},
): Promise<Call> {
  const call = await from.dial(acd.uri(queue), options);
  await call.answered();
  call.rtp.sendSilence();
  return call;
}

/** The agent's phone rings and is answered; both directions of speech are proved by tones. */
export async function talk(
  caller: Call,
  agent: Call,
  tones: readonly [number, number] = [440, 1000],
): Promise<void> {
  const [high, low] = tones;
  caller.rtp.sendTone(high);
  agent.rtp.sendTone(low);
  await Promise.all([agent.rtp.hearTone(high), caller.rtp.hearTone(low)]);
}

/**
 * Where a recording is found in what was heard from `from` on, waiting for it to be said. It looks
 * again whenever something was heard: a line may fall silent, without packets, after a prompt.
 */
export async function hears(
  rtp: RtpPeer,
  sound: Int16Array,
  from = 0,
  ms = 15_000,
): Promise<Match> {
  let looked = 0;
  let best: Match = { at: 0, score: 0 };
  const look = () => {
    const heard = concat(rtp.heard(from), CUT);
    if (heard.length < sound.length || heard.length === looked) return best;
    looked = heard.length;
    const found = locate(sound, heard);
    if (found.score > best.score) best = found;
    return best;
  };
  await until('the recording to be heard', look, ({ score }) => score > SAME, ms, 250);
  return { at: best.at + from, score: best.score };
}

/** Half a second, and how many of them in a row may be torn by a machine that stood still. */
const PIECE = RATE / 2;
const TORN_MAX = 6;

/** Place in the music of half a second that was heard at `at`; fails if it is not our music. */
export function placeInMusic(rtp: RtpPeer, at: number, length = PIECE): number {
  const found = locate(rtp.heard().subarray(at, at + length), music(), true);
  expect(found.score, `music at sample ${at}`).toBeGreaterThan(SAME);
  return found.at;
}

/**
 * Waits for half a second of music from now on; gives where in the piece it was at `from`. mediad
 * makes up for no more than a moment in which the machine stood still and skips the rest, as it
 * must: music torn by that is looked at again half a second later.
 */
export async function hearsMusic(rtp: RtpPeer, from = rtp.mark()): Promise<number> {
  const scores: number[] = [];
  while (scores.length < TORN_MAX) {
    const passed = scores.length * PIECE;
    await rtp.hearAtLeast(PIECE, from + passed);
    const heard = rtp.heard().subarray(from + passed, from + passed + PIECE);
    const { at, score } = locate(heard, music(), true);
    if (score > SAME) return (at - passed + music().length) % music().length;
    scores.push(score);
  }
  expect.fail(`no music from sample ${from} on: ${scores.join(', ')}`);
}

/** Waits until the newest half second that was heard is our music, whatever was before. */
export async function comesToHearMusic(rtp: RtpPeer): Promise<void> {
  const look = () => {
    const newest = rtp.heard().slice(-4_000);
    return newest.length < 4_000 ? 0 : locate(newest, music(), true).score;
  };
  await until('music to be heard', look, (score) => score > SAME, 15_000, 250);
}

/** Counter of offers by outcome, from GET /metrics. */
export async function offers(acd: Acd, outcome: string): Promise<number> {
  const text = await (await fetch(`${acd.rest}/metrics`)).text();
  return Number(
    new RegExp(`^acd_offers_total\\{outcome="${outcome}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
  );
}

/** Nothing is broken inside, and nothing is left over. */
export async function allWell(acd: Acd): Promise<void> {
  await acd.isEmpty();
  expect((await acd.health()).bugs).toBe(0);
}
