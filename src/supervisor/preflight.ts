/**
 * Looks whether the ports of the configuration can be had, before any child is started: one clear
 * message naming the port and what to do is worth more than three processes failing apart. And
 * whether the system lets us have as many files and sockets as calls need.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AcdConfig } from '../config/types.ts';

interface Port {
  readonly protocol: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
}

interface Place extends Port {
  /** Where it stands in acd.yaml. */
  readonly option: string;
}

/** Null: it can be bound; else the system's error code. */
async function tryBind({ protocol, host, port }: Port): Promise<string | null> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message);
    if (protocol === 'udp') {
      const socket = host.includes(':')
        ? createSocket({ type: 'udp6', ipv6Only: true })
        : createSocket('udp4');
      socket.once('error', failed);
      socket.bind({ address: host, port, exclusive: true }, () =>
        socket.close(() => resolve(null)),
      );
      return;
    }
    const server = createServer();
    server.once('error', failed);
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () =>
      server.close(() => resolve(null)),
    );
  });
}

/** Port 0 always can. */
export async function canListen(port: Port): Promise<boolean> {
  return port.port === 0 || (await tryBind(port)) === null;
}

function explain(place: Place, code: string): string {
  const { protocol, host, port, option } = place;
  const what = `${protocol.toUpperCase()} port ${port} on ${host}`;
  const change = `choose another at ${option} in acd.yaml`;
  switch (code) {
    case 'EADDRINUSE':
      return `${what} is in use by another program (another ACD?); stop that, or ${change}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${what} cannot be used: this machine has no such address; ${change}`;
    case 'EACCES':
      return `${what} may not be used by this user; take a port above 1023: ${change}`;
    default:
      return `${what} cannot be used (${code}); ${change}`;
  }
}

/** Every port that cannot be had, in words; empty: all can. */
export async function findPortFaults(
  config: AcdConfig,
  which: { readonly sip: boolean; readonly http: boolean },
): Promise<readonly string[]> {
  const places: Place[] = [
    ...(which.http ? ([{ protocol: 'tcp', ...config.http, option: 'http.listen' }] as const) : []),
    ...(which.sip ? config.sip.listen.map((listen) => ({ ...listen, option: 'sip.listen' })) : []),
  ];
  const faults: string[] = [];
  for (const place of places) {
    if (place.port === 0) continue;
    const code = await tryBind(place);
    if (code !== null) faults.push(explain(place, code));
  }
  return faults;
}

/** Connections of REST, or of SIP over TCP, and what a process has beside. */
const FILES_BESIDE = 1_200;
/** A call has two legs of audio, each with two ports, all in one process. */
const FILES_A_CALL = 4;
/** With fewer the processes do not even come up. */
const FILES_LEAST = 160;

/** How many files the system lets a process of ours have open; null: it does not tell. */
export function fileLimit(read = () => readFileSync('/proc/self/limits', 'utf8')): number | null {
  try {
    // The second one: Node asks for as much as it may have.
    const [, most = ''] = /^Max open files +\S+ +(\S+)/m.exec(read()) ?? [];
    return /^\d+$/.test(most) ? Number(most) : null;
  } catch (error) {
    // Only Linux has it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** `isFatal`: nothing can be started. Null: there are enough. */
export function findFileFault(
  config: Pick<AcdConfig, 'core'>,
  limit = fileLimit(),
): { readonly isFatal: boolean; readonly text: string } | null {
  const { maxCalls } = config.core;
  const wanted = FILES_BESIDE + FILES_A_CALL * maxCalls;
  if (limit === null || limit >= wanted) return null;
  const isFatal = limit < FILES_LEAST;
  const calls = Math.max(0, Math.floor((limit - FILES_LEAST) / FILES_A_CALL));
  const what = isFatal
    ? 'too few for the ACD to start'
    : `enough for about ${Math.min(calls, maxCalls)} calls and few connections`;
  const text =
    `only ${limit} files and sockets may be open in a process (ulimit -n), which is ${what}; ` +
    `for limits.calls (${maxCalls}) allow ${wanted}: ulimit -n ${wanted} in the shell, ` +
    'LimitNOFILE in systemd, ulimits in compose';
  return { isFatal, text };
}
