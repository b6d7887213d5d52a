/** Starts the SIP server as its own process on free loopback ports, and ends it after the test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseStore } from '../../src/sipd/store.ts';
import { SIPD } from './programs.ts';

export const SECRET = 'cymru';

export interface Sipd {
  process: ChildProcess;
  adminHost: string;
  adminPort: number;
  /** `127.0.0.1:40123`; '' if nothing listens for TLS. */
  adminTls: string;
  /** By protocol: `127.0.0.1:40123`. */
  listen: Record<string, string>;
  udpPort: number;
  tcpPort: number;
  log(): string;
  /** SIGKILL, and the same again on the same ports. */
  restart(): Promise<Sipd>;
  stop(): Promise<void>;
}

export interface SipdOptions {
  listen?: string[];
  args?: string[];
  admin?: string;
  secret?: string;
}

interface FirstLine {
  ready: boolean;
  error?: string;
  admin: string;
  adminTls: string;
  listen: string[];
}

export interface Launched {
  child: ChildProcess;
  first: FirstLine;
  stderr: () => string;
}

/** Runs the program until it has said its first line. */
export async function launchSipd(args: string[], secret: string): Promise<Launched> {
  const child = spawn(process.execPath, [SIPD, ...args], {
    env: { ...process.env, ACD_SIPD_SECRET: secret },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    child.once('exit', (code) => {
      reject(new Error(`sipd ended with ${code}: ${stderr}`));
    });
  });
  return { child, first: JSON.parse(line) as FirstLine, stderr: () => stderr };
}

export async function startSipd(options: SipdOptions = {}): Promise<Sipd> {
  const listen = options.listen ?? ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'];
  const args = [
    ...listen.flatMap((one) => ['--listen', one]),
    '--admin',
    options.admin ?? '127.0.0.1:0',
    ...(options.args ?? []),
  ];
  const { child, first, stderr } = await launchSipd(args, options.secret ?? SECRET);
  if (!first.ready) throw new Error(`sipd not ready: ${first.error}`);
  const [adminHost = '', adminPort = ''] = first.admin.split(':');
  const byProto: Record<string, string> = {};
  for (const one of first.listen) byProto[one.slice(0, 3)] = one.slice(4);
  const portOf = (proto: string): number => Number(byProto[proto]?.split(':').pop() ?? 0);
  return {
    process: child,
    adminHost,
    adminPort: Number(adminPort),
    adminTls: first.adminTls,
    listen: byProto,
    udpPort: portOf('udp'),
    tcpPort: portOf('tcp'),
    log: stderr,
    restart: async () => {
      await ended(child, 'SIGKILL');
      const again = first.listen;
      return await startSipd({ ...options, listen: again, admin: first.admin });
    },
    stop: async () => {
      await ended(child, 'SIGTERM');
    },
  };
}

async function ended(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.kill(signal);
  });
}

/** What sipd's store has of calls: keys and records, and what is wrong with the file or null. */
export function storedCalls(file: string): { calls: [string, string][]; fault: string | null } {
  const { records, fault } = parseStore(readFileSync(file, 'latin1'));
  // Dialogs, INVITEs in and out, answers without ACK (sipd/records.ts); the rest is no call.
  return { calls: [...records].filter(([key]) => /^[diao]\|/.test(key)), fault };
}
