/**
 * Two people talking: each must hear the other's tone, and nothing else, at the beginning, after
 * whatever is done to the call, and until either hangs up; then the other must be told.
 */
import type { Call } from '../support/call.ts';
import { GIVEN_UP_MS, HEARD_MS, hangUp, isOver, rest, type House } from './house.ts';
import { disturb } from './strangers.ts';
import type { Visit } from './visit.ts';

export interface Party {
  readonly name: string;
  readonly call: Call;
}

async function agentHears(call: Call, hertz: number): Promise<boolean | null> {
  const heard = await call.rtp.hearTone(hertz, HEARD_MS).then(
    () => true,
    () => false,
  );
  return heard ? true : isOver(call) ? null : false;
}

/** @returns false: one of them is gone */
async function bothHear(
  house: House,
  visit: Visit,
  agent: Party,
  tones: readonly [number, number],
  when: string,
): Promise<boolean> {
  const [caller, desk] = await Promise.all([
    visit.hears(tones[1]),
    agentHears(agent.call, tones[0]),
  ]);
  if (caller === null || desk === null || !visit.isThere || isOver(agent.call)) return false;
  if (caller && desk) {
    house.book.count('both directions heard');
    return true;
  }
  const who = caller ? agent.name : desk ? visit.name : `neither ${visit.name} nor ${agent.name}`;
  house.book.violation(`${who} hears the other ${when}`.replace(/^(?!neither)/, 'not: '));
  return false;
}

/** Until one of them has hung up, or is gone without a word. */
export async function talk(
  house: House,
  visit: Visit,
  agent: Party,
  vanish: (() => void) | null,
): Promise<void> {
  const caller = visit.call;
  if (caller === null) throw new Error('an offer for a call that was never made');
  const tones = [house.nextTone(), house.nextTone()] as const;
  caller.rtp.sendTone(tones[0]);
  agent.call.rtp.sendTone(tones[1]);
  const { plan } = visit;
  if (await bothHear(house, visit, agent, tones, 'at the beginning')) {
    if (plan.reinvites) await visit.reinvite();
    if (plan.isDisturbed) await disturb([caller.rtp, agent.call.rtp], 2_000);
    await rest(plan.talkMs, caller.ended, agent.call.ended, house.end);
    await bothHear(house, visit, agent, tones, 'in the end');
  }
  if (vanish !== null && !isOver(agent.call)) {
    visit.mayEnd = true;
    vanish();
    return isToldOfEnd(house, visit.name, caller, 2);
  }
  if (plan.hangsUp === 'caller') {
    await visit.leave();
    return isToldOfEnd(house, agent.name, agent.call);
  }
  visit.mayEnd = true;
  await hangUp(house, agent.call);
  return isToldOfEnd(house, visit.name, caller);
}

/** The other one is told, in the time in which SIP gives up. */
export async function isToldOfEnd(
  house: House,
  name: string,
  call: Call,
  times = 1,
): Promise<void> {
  const since = performance.now();
  await rest(times * GIVEN_UP_MS, call.ended);
  if (isOver(call)) return;
  // BYE to a process that is dead is lost where it is not repeated, as over TCP.
  if (house.wasStruck(since)) house.book.count('end found out late');
  else house.book.violation(`${name} was never told that the other has gone`);
  await hangUp(house, call);
}
