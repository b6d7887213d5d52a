/**
 * A simulated agent: logs in with *44 and his id, answers when his phone rings (mostly), talks,
 * hangs up, and now and then makes a call of his own. Every second one has a phone that can be
 * watched; the others refuse subscriptions and are trusted.
 */
import type { Extension, Ring } from './exchange.ts';
import type { AgentRole } from './people.ts';
import { QUEUES } from './people.ts';
import type { CallerInLine, Play } from './play.ts';
import { Talk } from './play.ts';
import { Watched } from './presence.ts';
import type { Random } from '../../sim/random.ts';
import type { IncomingRequest } from '../../sip/port.ts';

const LOGIN_MS = 20_000;
const LOGIN_PAUSE_MS = 1_000;
/** Shares of offers that are declined, found busy, or left ringing. */
const DECLINES = 0.06;
const BUSY = 0.05;
const AWAY = 0.06;
/** Share of his free moments in which a watched agent makes a call of his own. */
const OWN_CALL = 0.3;

export class Agent implements Extension {
  private readonly play: Play;
  private readonly role: AgentRole;
  private readonly random: Random;
  private readonly user: string;
  private readonly watched: Watched | null;
  private isOnPhone = false;

  constructor(play: Play, role: AgentRole, random: Random) {
    this.play = play;
    this.role = role;
    this.random = random;
    this.user = `phone-${role.id}`;
    const { exchange } = play;
    this.watched = role.isWatched
      ? new Watched(exchange.client, exchange.addressOf(this.user))
      : null;
    exchange.plug(this.user, this);
  }

  /** Until the play closes. */
  async live(): Promise<void> {
    const { play, random } = this;
    while (!play.isClosing && !(await this.logIn())) await play.pause(LOGIN_PAUSE_MS);
    while (!play.isClosing) {
      await play.pause(random.between(8_000, 20_000));
      if (!this.isOnPhone && this.watched !== null && random.isOneIn(OWN_CALL))
        await this.ownCall();
    }
  }

  private async logIn(): Promise<boolean> {
    const { play, role } = this;
    // His phone is in use meanwhile, and says so to whoever watches it.
    this.isOnPhone = true;
    this.watched?.publish(true);
    const isDone = await this.dialLogin();
    const told = this.leaveLine();
    if (isDone && told !== null) play.score.agentFree(role.id, told);
    if (play.isClosing) return true;
    if (!isDone) return false;
    await play.watch.look();
    const state = play.watch.agent(role.id)?.state ?? 'loggedout';
    if (state === 'loggedout') return false;
    play.say(`Agent ${role.name} has logged in (serves ${role.queues.join(' and ')})`);
    return true;
  }

  private async dialLogin(): Promise<boolean> {
    const { play, role, user } = this;
    const dialled = await play.exchange.dial({ user, name: role.name, to: `*44${role.id}` });
    if (!dialled.ok) return false;
    await play.pause(LOGIN_MS, dialled.line.ended);
    dialled.line.hangUp();
    dialled.line.release();
    return true;
  }

  private async ownCall(): Promise<void> {
    const { play, role, random, watched } = this;
    this.isOnPhone = true;
    watched?.publish(true);
    play.score.agentBusy(role.id);
    play.say(`Agent ${role.name} makes a call of his own; presence says busy`);
    await play.pause(random.between(3_000, 7_000));
    this.isOnPhone = false;
    const at = watched?.publish(false) ?? performance.now();
    play.score.agentFree(role.id, at);
    if (!play.isClosing) play.say(`Agent ${role.name} is back from the call`);
  }

  subscribe(request: IncomingRequest): boolean {
    return this.watched?.subscribe(request) ?? false;
  }

  ring(ring: Ring): void {
    this.play.score.offered(this.role.id, ring.caller, ring.at);
    void this.attend(ring);
  }

  private async attend(ring: Ring): Promise<void> {
    const { play, random, role } = this;
    const { invite, line } = ring;
    const caller = play.inLine.get(ring.caller);
    const name = caller?.name ?? 'a caller';
    if (play.isClosing) return this.refuse(ring, 480, 'Temporarily Unavailable');
    if (this.isOnPhone || random.isOneIn(BUSY)) {
      play.say(`Agent ${role.name} is busy and cannot take ${name}`);
      return this.refuse(ring, 486, 'Busy Here');
    }
    const idle = play.watch.agent(role.id)?.idletime ?? '0';
    // The last look was before he was free.
    const why = idle === '0' ? 'just free' : `most idle: ${idle} s`;
    play.say(`Agent ${role.name}’s phone rings for ${name} (${why})`);
    this.isOnPhone = true;
    this.watched?.publish(true);
    await invite.respond({ status: 180, reason: 'Ringing' });
    if (random.isOneIn(AWAY)) await line.ended;
    else await play.pause(random.between(1_000, 4_000), line.ended);
    if (line.isEnded) return this.missed(ring, name);
    if (random.isOneIn(DECLINES) || play.isClosing) {
      if (!play.isClosing) play.say(`Agent ${role.name} declines ${name}`);
      return this.refuse(ring, 603, 'Decline');
    }
    return this.answer(ring, name, caller);
  }

  private refuse({ invite, line, caller }: Ring, status: number, reason: string): void {
    void invite.respond({ status, reason });
    // From now on another agent may be offered the call.
    this.play.score.callerReady(caller, performance.now());
    line.finish('we');
    this.leaveLine();
  }

  private missed({ caller }: Ring, name: string): void {
    const { play, role } = this;
    if (play.inLine.has(caller)) {
      // The ACD's own deadline: nobody here knows its moment exactly.
      play.score.callerReady(caller, performance.now(), false);
      if (!play.isClosing) play.say(`Agent ${role.name} does not answer; ${name} keeps the place`);
    } else if (!play.isClosing) play.say(`Agent ${role.name}’s phone stops ringing`);
    this.leaveLine();
  }

  /** Free again; gives the moment in which watchers were told, if there are any. */
  private leaveLine(): number | null {
    this.isOnPhone = false;
    return this.watched?.publish(false) ?? null;
  }

  private async answer(ring: Ring, name: string, caller: CallerInLine | undefined): Promise<void> {
    const { play, role, random } = this;
    const { line, invite, at } = ring;
    const picked = await line.pickUp(invite);
    if (picked.ok) await play.pause(LOGIN_MS, line.acknowledged);
    if (line.isEnded || caller === undefined) {
      line.hangUp();
      line.release();
      return this.missed(ring, name);
    }
    const took = ((performance.now() - at) / 1000).toFixed(1);
    play.say(`${role.name} answers ${name} after ${took} s`);
    caller.connected(new Talk(role.name, line, caller.line, play.audio));
    let freeAt = null as number | null;
    void caller.line.ended.then((end) => (freeAt ??= end === 'we' ? performance.now() : null));
    await play.pause(random.between(4_000, 12_000), line.ended);
    if (!line.isEnded) freeAt = line.hangUp();
    this.freed(invite.header('X-Queue'), freeAt);
    return undefined;
  }

  private freed(queue: string, freeAt: number | null): void {
    const { play, role } = this;
    const told = this.leaveLine();
    const rests = (QUEUES.find(({ name }) => name === queue)?.wrapupSeconds ?? 0) > 0;
    if (rests || freeAt === null) play.score.agentBusy(role.id);
    else play.score.agentFree(role.id, told ?? freeAt);
  }
}
