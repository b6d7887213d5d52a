/**
 * A house full of life, for tests that kill parts of it: callers waiting with music, pairs talking,
 * phones ringing, agents watched by presence. Tells what of it was heard and lost.
 */
import { readFileSync } from 'node:fs';
import { startAcd, type Acd, type AcdOptions } from './acd.ts';
import type { Call } from './call.ts';
import { childrenOf } from './family.ts';
import { until } from './inbox.ts';
import { Phone } from './phone.ts';
import type { RtpPeer } from './rtp.ts';
import type { Stage } from './stage.ts';
import { enter, logIn, talk } from './stories.ts';

export interface Sizes {
  readonly waiting: number;
  readonly pairs: number;
  readonly ringing: number;
}

export interface Pair {
  readonly caller: Call;
  readonly agent: Call;
  readonly agentId: string;
}

export interface FullHouse {
  readonly acd: Acd;
  /** In the order in which they came. */
  readonly waiting: readonly Call[];
  readonly pairs: readonly Pair[];
  /** Callers whose agent's phone rings, and that phone's call. */
  readonly ringing: readonly Pair[];
  readonly agents: readonly Phone[];
}

/** An agent who is not logged in. */
export const SPARE = '3000';

const agentIds = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(3001 + index));

/** A phone until the end of the file. */
export async function resident(stage: Stage, user: string): Promise<Phone> {
  return stage.add(Phone.open({ user }));
}

/** Everybody is in when this settles. Callers wait in `line`, the others are of `desk`. */
export async function openFullHouse(
  stage: Stage,
  { waiting, pairs, ringing }: Sizes,
  more: Pick<AcdOptions, 'media' | 'more' | 'spare'> = {},
): Promise<FullHouse> {
  const ids = agentIds(pairs + ringing);
  const plain = { welcome: [], retry: 1 };
  const acd = await stage.add(
    startAcd(stage, {
      queues: [
        { ...plain, name: 'line' },
        { ...plain, name: 'desk', timeout: 120 },
      ],
      agents: [SPARE, ...ids].map((id) => ({ id, queues: ['desk'] })),
      ...more,
    }),
  );
  const agents: Phone[] = [];
  const talking: Pair[] = [];
  const rung: Pair[] = [];
  // One after the other, so that each knows whose call is on which phone.
  for (const [index, agentId] of ids.entries()) {
    const desk = await resident(stage, `desk${agentId}`);
    await logIn(acd, desk, agentId);
    agents.push(desk);
    const caller = await enter(acd, await resident(stage, `guest${agentId}`), 'desk');
    const agent = await desk.incoming();
    agent.ring();
    if (index >= pairs) {
      rung.push({ caller, agent, agentId });
      continue;
    }
    agent.answer();
    await agent.acked;
    await talk(caller, agent);
    talking.push({ caller, agent, agentId });
  }
  const line: Call[] = [];
  for (let index = 0; index < waiting; index += 1) {
    line.push(await enter(acd, await resident(stage, `waits${index}`), 'line'));
  }
  await Promise.all(line.map(async ({ rtp }) => rtp.hearAtLeast(1_600)));
  return { acd, waiting: line, pairs: talking, ringing: rung, agents };
}

const programs = {
  server: 'main.js serve ',
  sipd: 'sipd/main.js ',
  mediad: 'mediad/main.js --control',
} as const;

export type Program = keyof typeof programs;

/** The process of this ACD that is the program; null: there is none now. */
export const PROGRAMS: readonly Program[] = ['server', 'sipd', 'mediad'];

export function pidOf(acd: Acd, program: Program): number | null {
  const all = childrenOf(acd.process.pid);
  return all.find(({ command }) => command.includes(programs[program]))?.pid ?? null;
}

/** What a process has in memory, MiB. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) / 1024;
}

/** SIGKILL; gives the pid that is no more. */
export function kill(acd: Acd, program: Program): number {
  const pid = pidOf(acd, program);
  if (pid === null) throw new Error(`no ${program} runs`);
  process.kill(pid, 'SIGKILL');
  return pid;
}

/** Waits until another process of that program serves; gives how long it took, ms. */
export async function isBack(acd: Acd, program: Program, former: number): Promise<number> {
  const since = performance.now();
  await until(
    `${program} to be back`,
    async () => {
      const pid = pidOf(acd, program);
      if (pid === null || pid === former) return false;
      return acd.health().then(
        ({ sip, media }) => sip.up && media.up,
        () => false,
      );
    },
    Boolean,
    20_000,
    20,
  );
  return performance.now() - since;
}

export interface Heard {
  /** Packets that were sent and never came. */
  readonly lost: number;
  /** Longest time without a packet, ms. */
  readonly gapMs: number;
  readonly packets: number;
}

/** What came since the packet number `from`; a new stream (SSRC) counts as a gap, not as loss. */
export function heardSince(rtp: RtpPeer, from: number): Heard {
  const packets = rtp.packets.slice(from);
  let lost = 0;
  let gapMs = 0;
  for (const [index, packet] of packets.entries()) {
    const former = packets[index - 1];
    if (former === undefined) continue;
    gapMs = Math.max(gapMs, packet.at - former.at);
    const step = (packet.seq - former.seq) & 0xffff;
    if (packet.ssrc === former.ssrc && step > 1 && step < 0x8000) lost += step - 1;
  }
  return { lost, gapMs, packets: packets.length };
}

/** What share of the packets was lost on the way, as on a machine at its limits some are. */
export function lossOf({ lost, packets }: Heard): number {
  return lost / Math.max(lost + packets, 1);
}

/** All of them: losses and packets added up, the longest gap. */
export function together(all: readonly Heard[]): Heard {
  return {
    lost: all.reduce((sum, one) => sum + one.lost, 0),
    gapMs: Math.max(...all.map((one) => one.gapMs)),
    packets: all.reduce((sum, one) => sum + one.packets, 0),
  };
}
