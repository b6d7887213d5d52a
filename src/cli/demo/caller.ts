/**
 * A simulated caller: calls a queue, listens to the music, perhaps loses patience, talks to the
 * agent who answers, hangs up, and after a while calls again.
 */
import type { Line } from './line.ts';
import type { CallerRole } from './people.ts';
import { QUEUES } from './people.ts';
import type { Play, Talk } from './play.ts';
import type { Random } from '../../sim/random.ts';

/** Share of callers who hang up before the agent does. */
const HANGS_UP_FIRST = 0.4;
/** Share of callers with little patience. */
const IMPATIENT = 0.25;

const ORDINALS = ['', 'next in line', '2nd in line', '3rd in line'];

function placeInWords(position: number): string {
  return ORDINALS[position] ?? `${position}th in line`;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;

export class Caller {
  private readonly play: Play;
  private readonly role: CallerRole;
  private readonly random: Random;

  constructor(play: Play, role: CallerRole, random: Random) {
    this.play = play;
    this.role = role;
    this.random = random;
  }

  /** Until the play closes. */
  async live(): Promise<void> {
    await this.play.pause(this.random.between(100, 6_000));
    while (!this.play.isClosing) {
      await this.callOnce();
      await this.play.pause(this.random.between(500, 5_000));
    }
  }

  private async callOnce(): Promise<void> {
    const { play, random, role } = this;
    const { exchange, score, say } = play;
    const queue = random.pick(QUEUES).name;
    const isImpatient = random.isOneIn(IMPATIENT);
    const patience = isImpatient ? random.between(3_000, 9_000) : random.between(20_000, 60_000);
    score.calls += 1;
    const user = encodeURIComponent(role.number);
    const { closing: givesUp } = play;
    const dialled = await exchange.dial({ user, name: role.name, to: queue, givesUp });
    if (!dialled.ok) {
      if (play.isClosing) score.abandoned += 1;
      else {
        score.failed += 1;
        say(`Caller ${role.name} did not get into ${queue} (${dialled.detail})`);
      }
      return;
    }
    const { line, ackAt, callId } = dialled;
    score.callerReady(callId, ackAt);
    const connected = new Promise<Talk>((resolve) =>
      play.inLine.set(callId, { name: role.name, line, connected: resolve }),
    );
    void this.announce(callId, queue);
    await this.wait(line, connected, patience, queue);
    play.inLine.delete(callId);
    score.callerGone(callId);
  }

  private async announce(callId: string, queue: string): Promise<void> {
    const { play, role } = this;
    const position = await play.watch.positionOf(callId);
    // Position 0: an agent's phone was quicker than our question.
    const place = position === 0 ? '' : `, ${placeInWords(position)}`;
    if (!play.isClosing) play.say(`Caller ${role.name} (${role.number}) enters ${queue}${place}`);
  }

  /** In line: until an agent answers, patience ends, or the ACD hangs up. */
  private async wait(line: Line, connected: Promise<Talk>, patience: number, queue: string) {
    const { play, role } = this;
    const began = performance.now();
    let talk = null as Talk | null;
    const answered = connected.then((found) => (talk = found));
    await play.pause(patience, answered, line.ended);
    if (talk !== null) return this.talk(talk);
    const wasOurs = !line.isEnded;
    line.hangUp();
    line.release();
    const waited = seconds(performance.now() - began);
    if (!wasOurs && !play.isClosing) {
      play.score.failed += 1;
      play.say(`Caller ${role.name} was thrown out of ${queue} after ${waited}`);
      return undefined;
    }
    play.score.abandoned += 1;
    if (!play.isClosing) play.say(`${role.name} gives up after ${waited} in ${queue}`);
    return undefined;
  }

  private async talk(talk: Talk): Promise<void> {
    const { play, random, role } = this;
    const { callerLine, agentLine, agentName } = talk;
    const limit = random.isOneIn(HANGS_UP_FIRST) ? random.between(2_000, 8_000) : 60_000;
    await play.pause(limit, callerLine.ended);
    const isFirst = !callerLine.isEnded;
    callerLine.hangUp();
    const lasted = seconds(performance.now() - talk.since);
    const who = isFirst ? role.name : agentName;
    if (!play.isClosing)
      play.say(`${who} hangs up: ${role.name} and ${agentName} talked for ${lasted}`);
    const heard = await talk.wasHeard();
    callerLine.release();
    agentLine.release();
    if (heard === 'both') {
      play.score.connected += 1;
      return;
    }
    play.score.failed += 1;
    const whom = heard === 'none' ? 'neither' : `only the ${heard}`;
    play.say(`[fault] ${whom} heard the other when ${role.name} and ${agentName} talked`);
  }
}
