/**
 * What memory the product takes: resident, as the kernel counts it, and heap, as each process
 * counts it when all garbage is collected (heap-probe.cjs). Both by process, at the time of asking.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Acd } from '../support/acd.ts';
import { childrenOf } from '../support/family.ts';
import { pidOf, PROGRAMS, residentMb } from '../support/full-house.ts';
import { until } from '../support/inbox.ts';

const PROBE = path.join(import.meta.dirname, 'heap-probe.cjs');
/** A busy process comes to it late. */
const PROBED_MS = 20_000;

export interface Memory {
  /** Resident, supervisor and all children, MB. */
  readonly rssMb: number;
  /** Heap in use, MB, by process. */
  readonly heapMb: Readonly<Record<string, number>>;
}

/** What the product's environment must hold for heaps to be read. */
export function probeIn(folder: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--require ${PROBE}`, ACD_HEAP_FOLDER: folder };
}

const asMb = (bytes: number): number => Math.round((bytes / 1024 / 1024) * 10) / 10;

async function heapOf(folder: string, pid: number): Promise<number> {
  const file = path.join(folder, `heap-${pid}`);
  process.kill(pid, 'SIGUSR2');
  await until(`heap of process ${pid}`, async () => existsSync(file), Boolean, PROBED_MS);
  const bytes = Number(readFileSync(file, 'utf8'));
  rmSync(file);
  return asMb(bytes);
}

/** 0 where it is gone. */
const residentOf = (pid: number): number => (existsSync(`/proc/${pid}`) ? residentMb(pid) : 0);

/** Nothing may be killed meanwhile. */
export async function readMemory(acd: Acd, folder: string): Promise<Memory> {
  const { pid } = acd.process;
  const pids = PROGRAMS.map((program) => [program as string, pidOf(acd, program)] as const);
  const heapMb: Record<string, number> = {};
  for (const [name, one] of [...pids, ['supervisor', pid] as const]) {
    if (one !== null) heapMb[name] = await heapOf(folder, one);
  }
  const all = [pid, ...childrenOf(pid).map((child) => child.pid)];
  const rssMb = Math.round(all.reduce((sum, one) => sum + residentOf(one), 0));
  return { rssMb, heapMb };
}

/** All heaps together, MB. */
export function heapSum({ heapMb }: Memory): number {
  return Math.round(Object.values(heapMb).reduce((sum, one) => sum + one, 0));
}

/** More than this is growth: garbage not yet collected, and heaps that were just begun, are not. */
const rssMax = (startMb: number): number => 1.3 * startMb + 80;
/** Nothing but what is in use: everybody has gone at the end, and the code itself takes most. */
const heapMax = (startMb: number): number => 1.15 * startMb + 3;

/** What grew, in words. */
export function growth(start: Memory, end: Memory): string[] {
  const grown = Object.entries(end.heapMb).flatMap(([name, mb]) => {
    const before = start.heapMb[name] ?? mb;
    return mb > heapMax(before) ? [`heap of ${name} grew from ${before} to ${mb} MB`] : [];
  });
  if (end.rssMb <= rssMax(start.rssMb)) return grown;
  return [...grown, `resident memory grew from ${start.rssMb} to ${end.rssMb} MB`];
}
