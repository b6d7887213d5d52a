/**
 * The audio process under test, from source, with the worker that drives it and parties made of
 * test RTP peers. What the worker reports is kept in an inbox.
 */
import path from 'node:path';
import { loadPlaylist } from '../../../src/media/playlist.ts';
import type { MediaResult } from '../../../src/media/port.ts';
import { MediaWorker } from '../../../src/media/worker.ts';
import { readWav } from '../../support/audio.ts';
import { Inbox } from '../../support/inbox.ts';
import { freeRange } from '../../support/ports.ts';
import { run, type Running } from '../../support/processes.ts';
import { RtpPeer } from '../../support/rtp.ts';
import type { Actor, Stage } from '../../support/stage.ts';
import { MEDIAD } from '../../support/programs.ts';

const root = path.resolve(import.meta.dirname, '../../..');
export const prompts = path.join(root, 'prompts');

/** The recordings behind prompts and music, to recognise them by. */
export const recordings = {
  music: readWav(path.join(prompts, 'music/default.wav')),
  thanks: readWav(path.join(prompts, 'en/queue-thankyou.wav')),
  two: readWav(path.join(prompts, 'en/digit-2.wav')),
};

export interface Mediad extends Actor {
  readonly control: string;
  readonly ports: { readonly min: number; readonly max: number };
  process: Running;
  /** Starts it again after it was killed, on the same socket and ports. */
  again(): Promise<void>;
}

export async function startMediad(
  stage: Stage,
  options: { readonly silenceMs?: number; readonly pairs?: number; readonly args?: string[] } = {},
): Promise<Mediad> {
  const ports = await freeRange((options.pairs ?? 10) * 2);
  const control = path.join(stage.folder, `mediad-${ports.min}.sock`);
  const launch = async (): Promise<Running> => {
    const child = run({
      name: 'mediad',
      command: process.execPath,
      args: [
        ...[MEDIAD, '--control', control],
        ...['--rtp', '127.0.0.1', '--ports', `${ports.min}-${ports.max}`],
        ...['--silence-ms', String(options.silenceMs ?? 10_000), ...(options.args ?? [])],
      ],
      cwd: root,
    });
    await child.printed(/"ready":true/);
    return child;
  };
  const mediad: Mediad = {
    control,
    ports,
    process: await launch(),
    again: async () => {
      mediad.process = await launch();
    },
    stop: () => mediad.process.stop(),
    trace: () => ({ name: 'mediad.log', text: mediad.process.output() }),
  };
  return mediad;
}

export interface Told {
  readonly what: string;
  readonly leg: string;
  readonly detail: string;
}

export interface Driver extends Actor {
  readonly worker: MediaWorker;
  readonly told: Inbox<Told>;
  readonly warnings: string[];
}

/** A worker to which nobody listens yet. */
export function openWorker(control: string, warn?: (detail: string) => void): MediaWorker {
  const loaded = loadPlaylist('builtin', prompts);
  if (!loaded.ok) throw new Error(loaded.detail);
  return new MediaWorker({
    control,
    playlist: loaded.playlist,
    ...(warn === undefined ? {} : { warn }),
  });
}

/** A worker that is connected. */
export async function startWorker(control: string): Promise<Driver> {
  const warnings: string[] = [];
  const worker = openWorker(control, (detail) => void warnings.push(detail));
  const told = new Inbox<Told>(
    'media events',
    ({ what, leg, detail }) => `${what} ${leg} ${detail}`,
  );
  const tell = (what: string, leg: string, detail = ''): void => told.put({ what, leg, detail });
  worker.listen({
    dtmf: (leg, digit, ms) => tell('dtmf', leg, `${digit} ${ms}`),
    playEnded: (leg, playId, played) => tell('playEnded', leg, `${playId} ${played}`),
    firstPacket: (leg) => tell('firstPacket', leg),
    silence: (leg, ms, wasHeard) =>
      tell(ms === 0 ? 'heard' : 'silence', leg, wasHeard ? 'after speech' : 'from the first'),
    down: (detail) => tell('down', '', detail),
    up: (restored) => tell('up', '', [...restored].sort().join(' ')),
    moved: (legs) => tell('moved', '', [...legs].sort().join(' ')),
  });
  worker.start();
  await told.take('up', ({ what }) => what === 'up');
  return { worker, told, warnings, stop: () => worker.close() };
}

export function offerSdp(port: number, formats = '0 101', ...lines: string[]): string {
  const head = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  const dtmf = formats.includes('101') ? ['a=rtpmap:101 telephone-event/8000'] : [];
  const all = [...head, `m=audio ${port} RTP/AVP ${formats}`, ...dtmf, ...lines];
  return `${all.join('\r\n')}\r\n`;
}

/** The value, or a failed test that says why not. */
export function good<T extends object>(result: MediaResult<T>): T {
  if (!result.ok) throw new Error(`${result.reason}: ${result.detail}`);
  return result;
}

/** A party with a leg of its own, talking G.711 as named; it has heard nothing yet. */
export async function startParty(
  stage: Stage,
  worker: MediaWorker,
  leg: string,
  codec: 'ulaw' | 'alaw' = 'ulaw',
  formats = codec === 'ulaw' ? '0 101' : '8 101',
): Promise<RtpPeer> {
  const peer = await RtpPeer.open();
  await stage.addForTest({
    stop: () => {
      peer.close();
      return Promise.resolve();
    },
  });
  peer.codec = codec;
  const { sdp } = good(await worker.accept(leg, offerSdp(peer.port, formats)));
  peer.remote = { host: '127.0.0.1', port: portOf(sdp) };
  return peer;
}

export function portOf(sdp: string): number {
  return Number(/^m=audio (\d+)/m.exec(sdp)?.[1]);
}
