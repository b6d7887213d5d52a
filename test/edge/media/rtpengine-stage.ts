/**
 * Actors for the rtpengine tests: rtpengines and mediad on free loopback ports, the media port over
 * both, and phones. A phone that speaks G.722, Opus or SRTP is a plain G.711 phone behind an
 * rtpengine of its own (`Gateway`), which has the codecs, keys and ICE that the tests have not.
 */
import path from 'node:path';
import type { MediaEvents } from '../../../src/media/port.ts';
import { createNgClient, type NgClient, type NgParams } from '../../../src/media/ng.ts';
import { createRtpengineMedia, type RtpengineMedia } from '../../../src/media/rtpengine.ts';
import { startRtpengine } from '../../../src/media/rtpengine-process.ts';
import { loadPlaylist } from '../../../src/media/playlist.ts';
import { MediaWorker } from '../../../src/media/worker.ts';
import { Inbox, within } from '../../support/inbox.ts';
import { freeRange } from '../../support/ports.ts';
import { run } from '../../support/processes.ts';
import { RtpPeer } from '../../support/rtp.ts';
import type { Actor, Stage } from '../../support/stage.ts';
import { MEDIAD } from '../../support/programs.ts';

const root = path.resolve(import.meta.dirname, '../../..');

export interface EngineActor extends Actor {
  readonly engine: { readonly host: string; readonly port: number };
  readonly name: string;
  readonly pid: number;
  readonly ended: Promise<string>;
  /** Its RTP ports. */
  readonly min: number;
  readonly max: number;
}

export async function startEngine(ngPort?: number, ports = 160): Promise<EngineActor> {
  const { min, max } = await freeRange(ports);
  const started = await startRtpengine({
    addresses: ['127.0.0.1'],
    externalAddress: null,
    portMin: min,
    portMax: max,
    ...(ngPort === undefined ? {} : { ngPort }),
  });
  if (!started.ok) throw new Error(started.detail);
  const { rtpengine } = started;
  const { host, port } = rtpengine.engine;
  return { ...rtpengine, name: `${host}:${port}`, min, max };
}

export async function startMediad(stage: Stage): Promise<Actor & { readonly control: string }> {
  const { min, max } = await freeRange(100);
  const control = path.join(stage.folder, `mediad-${min}.sock`);
  const options = ['--control', control, '--rtp', '127.0.0.1', '--ports', `${min}-${max}`];
  const mediad = run({
    name: 'mediad',
    command: process.execPath,
    args: [MEDIAD, ...options],
    cwd: root,
  });
  await mediad.printed(/"ready":true/);
  return { control, stop: () => mediad.stop() };
}

/** What the port told, in words: `firstPacket a`, `dtmf a 5`, `down …`, `up a b`. */
export type Told = Inbox<string>;

export interface MediaActor extends Actor {
  readonly media: RtpengineMedia;
  readonly told: Told;
  readonly lost: { readonly engine: string; readonly legs: readonly string[] }[];
}

export async function startMedia(
  control: string,
  engines: readonly EngineActor[],
  timing: { readonly probeMs?: number; readonly deadlineMs?: number } = {},
): Promise<MediaActor> {
  const loaded = loadPlaylist('builtin', path.join(root, 'prompts'));
  if (!loaded.ok) throw new Error(loaded.detail);
  const inner = new MediaWorker({ control, playlist: loaded.playlist });
  const told: Told = new Inbox('media', (text) => text);
  const lost: { engine: string; legs: readonly string[] }[] = [];
  const media = createRtpengineMedia({
    inner,
    engines: engines.map(({ engine }) => engine),
    log: { info: () => undefined, warn: () => undefined },
    onLost: (engine, legs) => lost.push({ engine, legs }),
    ...timing,
  });
  media.listen(intoInbox(told));
  inner.start();
  await told.take('up of mediad', (text) => text.startsWith('up'));
  await within('engines asked', media.probe());
  return { media, told, lost, stop: () => media.close() };
}

function intoInbox(told: Told): MediaEvents {
  return {
    dtmf: (leg, digit) => told.put(`dtmf ${leg} ${digit}`),
    playEnded: (leg, playId) => told.put(`playEnded ${leg} ${playId}`),
    firstPacket: (leg) => told.put(`firstPacket ${leg}`),
    silence: (leg) => told.put(`silence ${leg}`),
    down: (detail) => told.put(`down ${detail}`),
    up: (restored) => told.put(['up', ...restored].join(' ')),
    moved: (legs) => told.put(['moved', ...legs].join(' ')),
  };
}

export function sdpOf(peer: RtpPeer, formats = '0 8 101', extra: readonly string[] = []): string {
  return [
    'v=0',
    `o=- ${peer.port} 1 IN IP4 127.0.0.1`,
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${peer.port} RTP/AVP ${formats}`,
    'a=rtpmap:101 telephone-event/8000',
    ...extra,
    '',
  ].join('\r\n');
}

/** Where an SDP wants its audio. */
export function placeOf(sdp: string): { host: string; port: number } {
  const host = /^c=IN IP4 (\S+)/m.exec(sdp)?.[1];
  const port = /^m=audio (\d+)/m.exec(sdp)?.[1];
  if (host === undefined || port === undefined) throw new Error(`no audio in ${sdp}`);
  return { host, port: Number(port) };
}

export async function openPhone(): Promise<RtpPeer & Actor> {
  const peer = await RtpPeer.open();
  return Object.assign(peer, {
    stop: () => {
      peer.close();
      return Promise.resolve();
    },
  });
}

/** Both send a tone, and each hears the other's. */
export async function hearEachOther(a: RtpPeer, b: RtpPeer): Promise<void> {
  a.sendTone(440);
  b.sendTone(1000);
  await Promise.all([a.hearTone(1000), b.hearTone(440)]);
}

/** Ends every leg, so that ports are not used up by the tests before. */
export async function releaseAll(media: RtpengineMedia): Promise<void> {
  const { legs } = must(await media.legs());
  await Promise.all(legs.map((leg) => media.release(leg)));
}

/** A media result that must be one. */
export function must<T extends { readonly ok: boolean }>(result: T): T & { readonly ok: true } {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result as T & { readonly ok: true };
}

const GATEWAY = { 'from-tag': 'phone', 'to-tag': 'acd' };
const KINDS = {
  G722: { codec: { mask: ['all'], transcode: ['G722'], offer: ['telephone-event'] } },
  G729: { codec: { mask: ['all'], transcode: ['G729'], offer: ['telephone-event'] } },
  opus: { codec: { mask: ['all'], transcode: ['opus'], offer: ['telephone-event'] } },
  SDES: { 'transport protocol': 'RTP/SAVP', SDES: ['only-AES_CM_128_HMAC_SHA1_80'] },
  WebRTC: {
    'transport protocol': 'UDP/TLS/RTP/SAVPF',
    ICE: 'force',
    SDES: ['off'],
    'rtcp-mux': ['offer', 'require'],
    flags: ['generate mid'],
  },
} as const satisfies Record<string, NgParams>;
export type Kind = keyof typeof KINDS;
export const kinds = Object.keys(KINDS) as Kind[];

/** Makes a plain phone a phone of another kind. */
export class Gateway {
  private readonly ng: NgClient;
  constructor(engine: EngineActor) {
    this.ng = createNgClient(engine.engine);
  }

  async offerOf(id: string, peer: RtpPeer, kind: Kind): Promise<string> {
    const sdp = sdpOf(peer, '0 101');
    return this.exchange('offer', { 'call-id': id, 'from-tag': 'phone', sdp, ...KINDS[kind] });
  }

  /** Takes the answer, and has the phone send where it must. */
  async answer(id: string, peer: RtpPeer, sdp: string): Promise<void> {
    const plain = { ICE: 'remove', DTLS: 'off', SDES: ['off'] };
    const back = await this.exchange('answer', { 'call-id': id, ...GATEWAY, sdp, ...plain });
    peer.remote = placeOf(back);
  }

  close(): void {
    this.ng.close();
  }

  private async exchange(command: 'offer' | 'answer', params: NgParams): Promise<string> {
    const result = must(await this.ng.request(command, { replace: ['origin'], ...params }));
    return String(result.reply['sdp']);
  }
}

/** Does the engine have a call of this id? */
export async function hasCall(engine: EngineActor, id: string): Promise<boolean> {
  const ng = createNgClient(engine.engine);
  const result = await ng.request('query', { 'call-id': id });
  ng.close();
  return result.ok;
}

interface Tag {
  readonly medias: readonly { readonly streams: readonly Record<string, unknown>[] }[];
}

/** The engine's own RTP ports of a call: towards the party, and towards mediad. */
export async function portsOf(engine: EngineActor, id: string): Promise<unknown[]> {
  const ng = createNgClient(engine.engine);
  const { reply } = must(await ng.request('query', { 'call-id': id }));
  ng.close();
  const tags = reply['tags'] as Record<string, Tag>;
  return ['party', 'mediad'].map((tag) => tags[tag]?.medias[0]?.streams[0]?.['local port']);
}
