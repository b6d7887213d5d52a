/**
 * The product as a user starts it, with everybody who is in it now: callers by their Call-ID,
 * and when what was killed last. Everything here is on loopback and in a temporary folder.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises';
import { startAcd, type Acd } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { concat, locate, readWav } from '../support/audio.ts';
import type { Phone } from '../support/phone.ts';
import type { RtpPeer } from '../support/rtp.ts';
import type { Weather, Blow } from './plan.ts';
import { probeIn } from './memory.ts';
import { QUEUES } from './plan.ts';
import type { Book } from './book.ts';
import type { Random } from '../../src/sim/random.ts';
import type { Visit } from './visit.ts';

/** Everything SIP gives up is given up by then (RFC 3261 timers B, F, H: 32 s), with a margin. */
export const GIVEN_UP_MS = 45_000;
/** Audio may take so long to be heard, whatever is killed meanwhile, on a slow machine. */
export const HEARD_MS = 30_000;
/** Other audio scores below 0.5; a few lost packets cost little. */
const SAME = 0.8;
const MUSIC = new URL('../../prompts/music/default.wav', import.meta.url).pathname;

export interface House {
  readonly acd: Acd;
  readonly book: Book;
  /** Callers by Call-ID, from their INVITE to their end. */
  readonly visits: Map<string, Visit>;
  /** Another number each time. */
  nextTone(): number;
  /** Its SIP trace, beside journal and log. */
  keep(phone: Phone): void;
  struck(what: Blow): void;
  /** Was that (or anything) struck since then, or shortly before? Times of performance.now(). */
  wasStruck(since: number, what?: Blow): boolean;
  readonly end: AbortSignal;
}

/** So long before a moment a blow may still be felt in it: what is under way is begun anew. */
const FELT_MS = 20_000;

export function agentIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(4001 + index));
}

export async function startProduct(folder: string, agents: number): Promise<Acd> {
  const queue = { welcome: [], retry: 1, timeout: 8, 'periodic-announce-frequency': 20 };
  return startAcd(
    { folder },
    {
      queues: QUEUES.map((name) => ({ ...queue, name })),
      // All serve both: then who must be offered whom is known without the product's rules.
      agents: agentIds(agents).map((id) => ({ id, queues: [...QUEUES] })),
      media: { silence: 4 },
      more: { log: { level: 'info', format: 'json' }, limits: { 'loop-delay': 10_000 } },
      env: probeIn(folder),
      spare: true,
    },
  );
}

export function openHouse(acd: Acd, book: Book, end: AbortSignal): House {
  const struck: { readonly at: number; readonly what: Blow }[] = [];
  let tones = 0;
  return {
    acd,
    book,
    end,
    visits: new Map(),
    // Far enough apart to be told apart within 60 ms.
    nextTone: () => 400 + 50 * ((tones += 1) % 29),
    keep: (phone) => {
      const { name, text } = phone.trace();
      writeFileSync(path.join(acd.folder, name), text);
    },
    struck: (what) => struck.push({ at: performance.now(), what }),
    wasStruck: (since, what) =>
      struck.some((one) => one.at > since - FELT_MS && (what === undefined || one.what === what)),
  };
}

/** Ends early, without a word, when the signal comes. */
export async function rest(ms: number, ...ends: (Promise<unknown> | AbortSignal)[]): Promise<void> {
  const stop = new AbortController();
  const signals = ends.filter((end) => end instanceof AbortSignal);
  const signal = AbortSignal.any([...signals, stop.signal]);
  const timer = pause(ms, undefined, { signal }).catch((trouble: Error) => {
    if (trouble.name !== 'AbortError') throw trouble;
  });
  await Promise.race([timer, ...ends.filter((end) => end instanceof Promise)]);
  stop.abort();
}

/** Loses and doubles SIP messages; those that tell a phone that an offer is over always arrive. */
export function makeWeather(phone: Phone, { lost, doubled }: Weather, random: Random): void {
  if (lost === 0 && doubled === 0) return;
  phone.wire.weather = (way, text) => {
    if (way === 'in' && /^(?:CANCEL|BYE) /.test(text)) return 1;
    const drawn = random.next();
    if (drawn < lost) return 0;
    return drawn < lost + doubled ? 2 : 1;
  };
}

/** The end of a call as far as the phone knows: it hung up, or was told so. */
export function isOver(call: Call): boolean {
  return call.end !== null || call.endedBy !== null;
}

/** Hangs up. Whether the other side knows of it is another question: it may have been killed. */
export async function hangUp(house: House, call: Call): Promise<void> {
  const since = performance.now();
  if (isOver(call)) return;
  try {
    await call.bye();
  } catch (trouble) {
    call.finish('bye sent');
    if (house.wasStruck(since)) house.book.count('BYE unanswered in a kill');
    else house.book.violation(`BYE of ${call.callId}: ${(trouble as Error).message}`);
  }
}

let music: Int16Array | null = null;
/** Searching is much work: one at a time, in pieces, so that no phone of ours is late by it. */
let searching: Promise<unknown> = Promise.resolve();
const PIECE = 12_000;

async function isInMusic(heard: Int16Array): Promise<boolean> {
  music ??= readWav(MUSIC);
  const ring = concat(music, music.subarray(0, heard.length));
  for (let at = 0; at < music.length; at += PIECE) {
    const piece = ring.subarray(at, at + PIECE + heard.length);
    if (locate(heard, piece).score > SAME) return true;
    await immediate();
  }
  return false;
}

/** Half a second of our music from now on? */
export async function hearsOurMusic(rtp: RtpPeer): Promise<boolean> {
  const heard = await rtp.hearAtLeast(4_000, undefined, HEARD_MS);
  const found = searching.then(async () => isInMusic(heard));
  searching = found;
  return found;
}
