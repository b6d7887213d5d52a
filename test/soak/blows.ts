/**
 * SIGKILL of server, sipd and mediad, and `acd restart`, with whatever goes on at that moment; then
 * the process must be back, everybody who was there must be there and hear something again.
 */
import { runAcd } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { heardSince, isBack, pidOf, type Program } from '../support/full-house.ts';
import { HEARD_MS, rest, type House } from './house.ts';
import type { Blow, BlowPlan } from './plan.ts';
import type { Visit } from './visit.ts';

/** Bugs are counted by a process that may be killed next: asked often, and told once each. */
export class Bugs {
  private readonly house: House;
  private told = 0;

  constructor(house: House) {
    this.house = house;
  }

  /** Until the end. */
  async live(): Promise<void> {
    while (!this.house.end.aborted) {
      await this.look();
      await rest(2_000, this.house.end);
    }
  }

  async look(): Promise<void> {
    const health = await this.house.acd.health().catch(() => null);
    if (health === null) return; // it has just been killed
    if (health.bugs > this.told) this.house.book.violation(`${health.bugs} bugs in GET /health`);
    this.told = health.bugs;
  }
}

async function restart(house: House): Promise<void> {
  const { acd, book } = house;
  const running = runAcd(acd.folder, ['restart', '--config', acd.file]);
  const { code } = await running.ended;
  if (code !== 0) book.violation(`acd restart: ${running.output()}`);
}

/** Everybody with audio who has not gone meanwhile hears something after the blow. */
async function hearAgain(house: House, what: Blow, ears: readonly Ear[]): Promise<string> {
  let gap = { ms: 0, of: 'nobody' };
  await Promise.all(
    ears.map(async ({ visit, call, from }) => {
      const heard = await Promise.race([
        call.rtp.hearAtLeast(1_600, undefined, HEARD_MS).then(
          () => true,
          () => false,
        ),
        call.ended.then(() => true),
      ]);
      if (!visit.isThere) return;
      if (!heard) house.book.violation(`${visit.name} hears nothing after ${what}`);
      const { gapMs: ms } = heardSince(call.rtp, from);
      if (ms > gap.ms) gap = { ms, of: `${visit.name}${visit.isTaken ? ', talking' : ''}` };
    }),
  );
  return `${gap.ms} ms (${gap.of})`;
}

interface Ear {
  readonly visit: Visit;
  readonly call: Call;
  /** Packets heard before the blow, the last of them included in what comes after. */
  readonly from: number;
}

function earsOf(house: House): Ear[] {
  return [...house.visits.values()].flatMap((visit) => {
    const { call } = visit;
    if (call === null || call.answeredAt === 0 || !visit.isThere) return [];
    const { rtp } = call;
    return [{ visit, call, from: Math.max(0, rtp.packets.length - 1) }];
  });
}

async function strike(house: House, what: Blow): Promise<void> {
  const { acd, book } = house;
  const ears = earsOf(house);
  const program: Program = what === 'restart' ? 'server' : what;
  const former = pidOf(acd, program);
  if (former === null) return book.violation(`no ${program} runs`);
  house.struck(what);
  const since = performance.now();
  if (what === 'restart') await restart(house);
  else process.kill(former, 'SIGKILL');
  const isHere = await isBack(acd, program, former).catch(() => null);
  if (isHere === null) return book.violation(`${program} is not back after ${what}`);
  const backMs = performance.now() - since;
  house.struck(what);
  const gap = await hearAgain(house, what, ears);
  book.count(`killed or restarted: ${what}`);
  const there = ears.filter(({ visit }) => visit.isThere).length;
  const figures = `back after ${backMs.toFixed(0)} ms, longest gap in audio ${gap}`;
  return book.note(`${what}: ${figures}; ${there} of ${ears.length} calls still there`);
}

/** All of the plan, one after the other; its times count from `began` (performance.now()). */
export async function strikeAll(
  house: House,
  bugs: Bugs,
  blows: readonly BlowPlan[],
  began: number,
): Promise<void> {
  for (const { atMs, what } of blows) {
    await rest(began + atMs - performance.now());
    await bugs.look();
    await strike(house, what);
  }
}
