/**
 * The whole product as `acd start` runs it, for the benchmarks: built program, journal on disk,
 * free loopback ports; and what its processes cost, out of /proc.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../support/inbox.ts';
import { freePort } from '../support/ports.ts';
import { run, type Running } from '../support/processes.ts';

export const root = path.resolve(import.meta.dirname, '../..');
/** `ACD_DIST`: another build in the place of dist/. */
const dist = path.resolve(process.env['ACD_DIST'] ?? path.join(root, 'dist'));
export const QUEUE = 'bench';
/** Program in the command line -> process, as the tables name it. */
const PROCESSES = { 'sipd/main': 'sipd', 'mediad/main': 'mediad', ' serve ': 'server' } as const;
export type Part = (typeof PROCESSES)[keyof typeof PROCESSES];
export const PARTS: readonly Part[] = ['sipd', 'mediad', 'server'];
export type ByPart = Readonly<Record<Part, number>>;
/** Kernel's unit in /proc/PID/stat (USER_HZ, 100 on every Linux of today). */
const TICK_MS = 10;
/** Two ports a leg, thousands of legs, and ports of calls just ended rest; above our SIP ports. */
export const RTP_PORTS = '33000-59999';

export interface AgentSeen {
  readonly id: string;
  readonly state: string;
}

export interface Product {
  readonly host: string;
  readonly port: number;
  /** `http://host:port` of REST. */
  readonly rest: string;
  /** Accounts and temporary files; gone with the product. */
  readonly folder: string;
  /** CPU (user and system) used so far, ms. */
  cpu(): ByPart;
  /** Resident memory, kB. */
  memory(): ByPart;
  agents(): Promise<readonly AgentSeen[]>;
  /** Makes these, on phones at that port; null: agents log in by a call. */
  readonly addAgents: ((ids: readonly string[], phones: number) => Promise<void>) | null;
  /** Calls in line and talking. */
  calls(): Promise<{ readonly waiting: number; readonly talking: number }>;
  /** Broken invariants the product has counted, and legs of audio there are. */
  health(): Promise<{ readonly bugs: number; readonly legs: number }>;
  stop(): Promise<void>;
}

export const agentIds = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(1001 + index));

function configuration(agents: number, sip: number, http: number): string {
  const queue = { name: QUEUE, timeout: 15, retry: 1, wrapuptime: 0, welcome: [] };
  return JSON.stringify({
    queues: [queue],
    agents: agentIds(agents).map((id) => ({ id, queues: [QUEUE] })),
    sip: { listen: [`udp:127.0.0.1:${sip}`] },
    media: { address: '127.0.0.1', ports: RTP_PORTS },
    http: { listen: `127.0.0.1:${http}` },
    journal: { path: 'journal.db' },
    log: { level: 'warn', format: 'json' },
    limits: { calls: 10_000 },
    // A stop does not wait for calls whose phones are gone.
    drain: { limit: 0 },
  });
}

/** Children of the supervisor by what they run. */
function findParts(supervisor: number): Record<Part, number> {
  const found: Partial<Record<Part, number>> = {};
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'latin1'));
      if (Number(parent?.[1]) !== supervisor) continue;
      const line = readFileSync(`/proc/${entry}/cmdline`, 'latin1').replaceAll('\0', ' ');
      for (const [mark, part] of Object.entries(PROCESSES))
        if (line.includes(mark)) found[part] = Number(entry);
    } catch (trouble) {
      // It ended between the listing and the look.
      if (!['ENOENT', 'ESRCH'].includes((trouble as NodeJS.ErrnoException).code ?? ''))
        throw trouble;
    }
  }
  const { sipd, mediad, server } = found;
  if (sipd === undefined || mediad === undefined || server === undefined)
    throw new Error(`not all processes found: ${JSON.stringify(found)}`);
  return { sipd, mediad, server };
}

export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // Fields are counted behind the command name, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}

const byPart = (pids: ByPart, measure: (pid: number) => number): ByPart => ({
  sipd: measure(pids.sipd),
  mediad: measure(pids.mediad),
  server: measure(pids.server),
});

export const minus = (later: ByPart, earlier: ByPart): ByPart => ({
  sipd: later.sipd - earlier.sipd,
  mediad: later.mediad - earlier.mediad,
  server: later.server - earlier.server,
});

export const total = (costs: ByPart): number => costs.sipd + costs.mediad + costs.server;

async function get<T>(url: string): Promise<T> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  return (await answer.json()) as T;
}

interface QueueSeen {
  readonly waiting: number;
  readonly talking: number;
}

interface HealthSeen {
  readonly bugs: number;
  readonly media: { readonly legs: number };
}

/** `ACD_BENCH_PROFILE=folder`: each process leaves a CPU profile there at its end; the supervisor
 *  hands its own options of node on to its children. */
function profiling(): string[] {
  const folder = process.env['ACD_BENCH_PROFILE'];
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

/** The supervisor's children: a process that restarted would be another one. */
export async function startProduct(agents: number): Promise<Product> {
  const folder = mkdtempSync(path.join(tmpdir(), 'acd-bench-'));
  const [sip, http] = [await freePort(), await freePort()];
  const file = path.join(folder, 'acd.yaml');
  writeFileSync(file, configuration(agents, sip, http));
  const supervisor: Running = run({
    name: 'acd',
    command: process.execPath,
    args: [...profiling(), path.join(dist, 'main.js'), 'start', '--config', file],
    graceMs: 20_000,
  });
  const rest = `http://127.0.0.1:${http}`;
  const stop = async () => {
    await supervisor.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  let isOver = false;
  void supervisor.ended.then(() => (isOver = true));
  try {
    const look = async () => get<{ status: string }>(`${rest}/health`).catch(() => null);
    await until('the product', look, (health) => isOver || health?.status === 'ok', 30_000);
    if (isOver) throw new Error('it ended at once');
  } catch (trouble) {
    await stop();
    throw new Error(`the product did not start:\n${supervisor.output()}`, { cause: trouble });
  }
  const pids = findParts(supervisor.pid);
  return {
    host: '127.0.0.1',
    port: sip,
    rest,
    folder,
    cpu: () => byPart(pids, cpuOf),
    memory: () => byPart(pids, memoryOf),
    addAgents: null,
    agents: async () => (await get<{ agents: AgentSeen[] }>(`${rest}/agents`)).agents,
    calls: async () => {
      const { queues } = await get<{ queues: QueueSeen[] }>(`${rest}/queues`);
      return { waiting: queues[0]?.waiting ?? 0, talking: queues[0]?.talking ?? 0 };
    },
    health: async () => {
      const { bugs, media } = await get<HealthSeen>(`${rest}/health`);
      return { bugs, legs: media.legs };
    },
    stop,
  };
}
