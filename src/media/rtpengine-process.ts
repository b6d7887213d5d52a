/**
 * Debian's rtpengine-daemon as a child of ours: one process with free control ports of its own,
 * in userspace, on the addresses it is given. Started with what was found out about it:
 *
 * - A second rtpengine binds the same ng port without an error and takes half the commands. The
 *   TCP port of its CLI it cannot share, so with `--listen-cli` the second one dies. Until then
 *   the first one's pong would pass for the second's, so the port is seen to be free before.
 * - A child of a parent that was killed would go on; `setpriv --pdeathsig` ends it with the thread
 *   that started it, so call this from the main thread.
 * - By default it deletes calls whose party is silent for a minute, as on hold: a day here.
 * - A wrong address is no error to it until the first offer: addresses are checked here.
 *
 * It needs no root, no kernel module and no capability.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { accessSync, constants } from 'node:fs';
import { createServer, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { createNgClient } from './ng.ts';

export interface RtpengineProcessOptions {
  /** Addresses for RTP; `0.0.0.0` stands for all IPv4 addresses of the machine. */
  readonly addresses: readonly string[];
  /** Told in SDP instead of the first address (NAT); null: the addresses themselves. */
  readonly externalAddress: string | null;
  /** RTP ports, both included: not mediad's, and below the ephemeral ones (32768). */
  readonly portMin: number;
  readonly portMax: number;
  /** Control port on 127.0.0.1 (UDP, and TCP for the CLI); default: a free one. */
  readonly ngPort?: number;
  /** `host:port` of a redis; with it, the calls are there again when it is started again. */
  readonly redis?: string;
  /** Name or path of the program. */
  readonly program?: string;
}

export type RtpengineStart =
  | { readonly ok: true; readonly rtpengine: RtpengineProcess }
  | {
      readonly ok: false;
      /** `missing`: the program is not installed. `failed`: it ended, or never answered. */
      readonly reason: 'missing' | 'address' | 'failed';
      /** One line that says what to do. */
      readonly detail: string;
    };

export interface RtpengineProcess {
  /** For `createRtpengineMedia`. */
  readonly engine: { readonly host: string; readonly port: number };
  readonly pid: number;
  /** Resolves with one line when the process has ended, for whatever reason. */
  readonly ended: Promise<string>;
  /** SIGTERM, after 2 s SIGKILL; resolves when it has ended. */
  readonly stop: () => Promise<void>;
}

export const INSTALL_RTPENGINE = 'apt-get install --no-install-recommends rtpengine-daemon';
const READY_WITHIN_MS = 5000;
const READY_ASK_MS = [20, 40, 60, 100, 150, 200, 300, 500, 800, 1200, 2000, 3000, 4000];
const STOP_WITHIN_MS = 2000;
const PORT_TRIES = 20;
const DAY_S = 86_400;
/** Kept of what it says, for the line about its end. */
const MAX_STDERR = 2000;

/** Full path of a program, or null. */
function whereIs(program: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/bin'];
  const places = program.includes('/') ? [program] : folders.map((at) => path.join(at, program));
  return places.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Binds a port of 127.0.0.1 in UDP and TCP for a moment; null: one of them is taken. */
async function tryPort(wanted: number): Promise<number | null> {
  const udp = createSocket('udp4');
  const port = await new Promise<number | null>((resolve) => {
    udp.once('error', () => resolve(null));
    udp.bind(wanted, '127.0.0.1', () => resolve(udp.address().port));
  });
  const tcp = createServer();
  const free = await new Promise<boolean>((resolve) => {
    if (port === null) return resolve(false);
    tcp.once('error', () => resolve(false));
    tcp.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (port !== null) await new Promise<void>((closed) => udp.close(closed));
  if (free) await new Promise((closed) => tcp.close(closed));
  return free ? port : null;
}

/** A free port for control: the wanted one, else any; null: none. */
async function controlPort(wanted: number | undefined): Promise<number | null> {
  if (wanted !== undefined) return tryPort(wanted);
  for (let attempt = 0; attempt < PORT_TRIES; attempt += 1) {
    const port = await tryPort(0);
    if (port !== null) return port;
  }
  return null;
}

/** Values of `--interface`, or the address this machine does not have. */
function interfacesOf(options: RtpengineProcessOptions): string[] | { readonly wrong: string } {
  const mine = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    // Link-local ones need a zone, which SDP cannot tell.
    .filter(({ scopeid = 0 }) => scopeid === 0)
    .map(({ address }) => address);
  // As for mediad: any address of either family.
  const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';
  const addresses = options.addresses.flatMap((address) => (isAny(address) ? mine : [address]));
  const wrong = addresses.find((address) => !mine.includes(address));
  if (wrong !== undefined || addresses.length === 0) return { wrong: wrong ?? 'none' };
  // Addresses that others can reach come first: the first of a family is the one told in SDP.
  const far = addresses.filter((address) => !/^(127\.|::1$)/.test(address));
  const inOrder = [...far, ...addresses.filter((address) => !far.includes(address))];
  const { externalAddress } = options;
  if (externalAddress === null) return inOrder;
  const first = inOrder.findIndex((address) => isIPv6(address) === isIPv6(externalAddress));
  const told = Math.max(first, 0);
  return inOrder.map((address, at) => (at === told ? `${address}!${externalAddress}` : address));
}

function daemonArguments(
  options: RtpengineProcessOptions,
  interfaces: readonly string[],
  ngPort: number,
): string[] {
  return [
    '--config-file=none',
    '--foreground',
    '--log-stderr',
    '--table=-1', // no kernel module
    ...interfaces.map((value) => `--interface=${value}`),
    `--listen-ng=127.0.0.1:${ngPort}`,
    `--listen-cli=127.0.0.1:${ngPort}`,
    `--port-min=${options.portMin}`,
    `--port-max=${options.portMax}`,
    '--log-level=4',
    '--endpoint-learning=heuristic', // whoever is where his SDP says goes before any stranger
    '--media-num-threads=1', // it plays nothing: mediad does
    `--timeout=${DAY_S}`,
    `--silent-timeout=${DAY_S}`,
    // A redis that is away must not keep the calls from their audio.
    ...(options.redis === undefined ? [] : [`--redis=${options.redis}/0`, '--no-redis-required']),
  ];
}

function watch(child: ChildProcess): Pick<RtpengineProcess, 'ended' | 'stop'> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-MAX_STDERR);
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`rtpengine could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      const last = said.trim().split('\n').at(-1) ?? '';
      resolve(`rtpengine ended with ${signal ?? `status ${code ?? '?'}`}: ${last}`);
    });
  });
  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(kill);
  }
  return { ended, stop };
}

/** Starts an rtpengine and waits, at most 5 s, until it answers. */
export async function startRtpengine(options: RtpengineProcessOptions): Promise<RtpengineStart> {
  const program = whereIs(options.program ?? 'rtpengine');
  if (program === null) {
    const detail = `rtpengine is not installed: ${INSTALL_RTPENGINE}`;
    return { ok: false, reason: 'missing', detail };
  }
  const interfaces = interfacesOf(options);
  if (!Array.isArray(interfaces)) {
    const detail = `media.address: this machine has no address ${interfaces.wrong}`;
    return { ok: false, reason: 'address', detail };
  }
  const ngPort = await controlPort(options.ngPort);
  if (ngPort === null) {
    const detail = `control port ${options.ngPort ?? 'of rtpengine'} on 127.0.0.1 is taken`;
    return { ok: false, reason: 'failed', detail };
  }
  const setpriv = whereIs('setpriv');
  const command = [program, ...daemonArguments(options, interfaces, ngPort)];
  if (setpriv !== null) command.unshift(setpriv, '--pdeathsig', 'SIGKILL');
  const [file = program, ...args] = command;
  // A group of its own: Ctrl-C in the terminal is the supervisor's alone to hear.
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const { ended, stop } = watch(child);
  const engine = { host: '127.0.0.1', port: ngPort };
  const ng = createNgClient({ ...engine, deadlineMs: READY_WITHIN_MS, repeatAtMs: READY_ASK_MS });
  const first = await Promise.race([ended, ng.request('ping', {})]);
  ng.close();
  if (typeof first === 'string') return { ok: false, reason: 'failed', detail: first };
  if (!first.ok || child.pid === undefined) {
    await stop();
    return { ok: false, reason: 'failed', detail: 'rtpengine did not answer within 5 s' };
  }
  return { ok: true, rtpengine: { engine, pid: child.pid, ended, stop } };
}
