/**
 * Debian's baresip 1.0.0 as a phone on loopback: sends a tone from a file, keeps what it hears as
 * a WAV (module sndfile), and is steered and watched over its TCP control port. Its Contact has a
 * user of its own making (`bob-0x55…`): the ACD must take that as the device's name.
 *
 * What had to be found out: on loopback it needs `net_interface 127.0.0.1`; its sine source wants
 * 48 kHz stereo, so a file it is; without `audio_player` it still decodes and records.
 * It sends DTMF by RFC 4733 only (this version has no `dtmfmode`).
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { readWav, tone, writeWav } from './audio.ts';
import { Inbox } from './inbox.ts';
import { freePort, freeRange } from './ports.ts';
import { run } from './processes.ts';
import type { Actor, Stage } from './stage.ts';

export interface BaresipOptions {
  readonly user: string;
  /** Registers there; default: no registrar, called directly. */
  readonly registrar?: { readonly uri: string; readonly domain: string; readonly password: string };
  /** Pitch of what it says. */
  readonly hertz: number;
  readonly answers?: 'auto' | 'manual';
  readonly codec?: 'PCMU' | 'PCMA' | 'G722';
  /** Its loopback address; default 127.0.0.1. */
  readonly host?: '127.0.0.1' | '::1';
}

export interface BaresipEvent {
  readonly type: string;
  readonly direction?: string;
  readonly peeruri?: string;
  readonly id?: string;
  readonly param?: string;
}

export interface Baresip extends Actor {
  readonly port: number;
  /** `sip:user@127.0.0.1:port`, or at its registrar's domain. */
  readonly aor: string;
  readonly events: Inbox<BaresipEvent>;
  dial(uri: string): void;
  hangUp(): void;
  accept(): void;
  key(digits: string): void;
  /** REFER in its call. */
  transfer(uri: string): void;
  /** Everything it heard so far in its latest call; complete after the call. */
  heard(): Int16Array;
  /** Waits for an event of that type. */
  event(type: string, ms?: number): Promise<BaresipEvent>;
}

function configText(options: {
  home: string;
  host: string;
  port: number;
  control: number;
  rtp: { min: number; max: number };
}): string {
  const { home, host, port, control, rtp } = options;
  return [
    'poll_method epoll',
    `sip_listen ${host}:${port}`,
    ...(host === '127.0.0.1' ? ['net_interface 127.0.0.1'] : []),
    'call_local_timeout 120',
    'call_max_calls 4',
    `audio_source aufile,${home}/tone.wav`,
    'ausrc_srate 8000',
    'auplay_srate 8000',
    'ausrc_channels 1',
    'auplay_channels 1',
    'audio_txmode thread',
    'jitter_buffer_delay 1-3',
    `rtp_ports ${rtp.min}-${rtp.max}`,
    'module_path /usr/lib/baresip/modules',
    'module g711.so',
    'module g722.so',
    'module aufile.so',
    'module sndfile.so',
    `snd_path ${home}`,
    'module_tmp uuid.so',
    'module_tmp account.so',
    'module_app menu.so',
    'module_app ctrl_tcp.so',
    `ctrl_tcp_listen 127.0.0.1:${control}`,
    '',
  ].join('\n');
}

export async function startBaresip(stage: Stage, options: BaresipOptions): Promise<Baresip> {
  const port = await freePort();
  const control = await freePort();
  const rtp = await freeRange(20);
  const home = path.join(stage.folder, `baresip-${options.user}-${port}`);
  mkdirSync(home, { recursive: true });
  const { registrar } = options;
  const isV6 = options.host === '::1';
  const host = isV6 ? '[::1]' : '127.0.0.1';
  const domain = registrar === undefined ? `${host}:${port}` : registrar.domain;
  const account = [
    `<sip:${options.user}@${domain}>`,
    registrar === undefined ? 'regint=0' : 'regint=300',
    `answermode=${options.answers ?? 'auto'}`,
    `audio_codecs=${options.codec ?? 'PCMU'}`,
    ...(registrar === undefined
      ? []
      : [
          `auth_user=${options.user}`,
          `auth_pass=${registrar.password}`,
          `outbound="${registrar.uri}"`,
        ]),
  ].join(';');
  writeFileSync(path.join(home, 'accounts'), `${account}\n`);
  writeFileSync(path.join(home, 'contacts'), '');
  writeFileSync(path.join(home, 'config'), configText({ home, host, port, control, rtp }));
  writeWav(path.join(home, 'tone.wav'), tone(options.hertz, 120_000, 0.4));
  const running = run({
    name: `baresip:${options.user}`,
    command: 'baresip',
    args: ['-f', home, isV6 ? '-6' : '-4', '-s', '-v'],
    log: path.join(home, 'baresip.log'),
  });
  await running.printed(/baresip is ready\./);
  const events = new Inbox<BaresipEvent>(`baresip ${options.user}`, (event) => event.type);
  const steering = await connect(control, events);
  const command = (name: string, params?: string) => {
    const body = JSON.stringify({ command: name, ...(params === undefined ? {} : { params }) });
    steering.write(`${Buffer.byteLength(body)}:${body},`);
  };
  const event = async (type: string, ms?: number) =>
    events.take(type, (one) => one.type === type, ms);
  if (registrar !== undefined && !/200 OK \(\).*1 binding/.test(running.output())) {
    await running.printed(/\{\d+\/UDP\/v4\} 200 OK/);
  }
  return {
    port,
    aor: `sip:${options.user}@${domain}`,
    events,
    dial: (uri) => command('dial', uri),
    hangUp: () => command('hangup'),
    accept: () => command('accept'),
    key: (digits) => command('sndcode', digits),
    transfer: (uri) => command('transfer', uri),
    heard: () => newest(home),
    event,
    stop: async () => {
      steering.destroy();
      await running.stop();
    },
  };
}

/** The newest recording of what came in. */
function newest(home: string): Int16Array {
  const file = readdirSync(home)
    .filter((name) => name.endsWith('-dec.wav'))
    .sort()
    .at(-1);
  return file === undefined ? new Int16Array(0) : readWav(path.join(home, file));
}

/** Netstrings of JSON, both ways. */
async function connect(port: number, events: Inbox<BaresipEvent>): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  let buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const colon = buffer.indexOf(':');
      const size = Number(buffer.toString('latin1', 0, Math.max(0, colon)));
      if (colon < 0 || buffer.length < colon + 1 + size + 1) return;
      const body = buffer.toString('utf8', colon + 1, colon + 1 + size);
      buffer = buffer.subarray(colon + 1 + size + 1);
      const message = JSON.parse(body) as BaresipEvent & { event?: boolean };
      if (message.event === true) events.put(message);
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', (trouble) => events.put({ type: `control: ${trouble.message}` }));
  return socket;
}
