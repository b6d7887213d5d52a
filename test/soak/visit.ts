/**
 * A caller, from INVITE to the end: he waits and must hear music, is connected and must be heard,
 * or leaves in one of the ways in which callers leave. Whoever loses his call while he is still
 * there is counted.
 */
import { within } from '../support/inbox.ts';
import { sdpFor, type Call } from '../support/call.ts';
import { Phone } from '../support/phone.ts';
import { header, statusOf, type SipMessage } from '../support/sip-message.ts';
import type { Random } from '../../src/sim/random.ts';
import {
  GIVEN_UP_MS,
  HEARD_MS,
  hangUp,
  hearsOurMusic,
  isOver,
  makeWeather,
  rest,
  type House,
} from './house.ts';
import type { VisitPlan } from './plan.ts';

/** A phone is switched off so long after its last word: what crossed on the way is answered. */
const LINGER_MS = 2_000;

export class Visit {
  readonly plan: VisitPlan;
  call: Call | null = null;
  /** Whatever ends the call from now on is as it should be. */
  mayEnd = false;
  /** An agent hung up on him as soon as he answered: that may be his end, or cost him nothing. */
  mayBeCut = false;
  /** An agent has him. */
  isTaken = false;
  /** Settles when an agent's phone has answered him. */
  readonly taken: Promise<void>;
  private readonly take: () => void;
  private readonly house: House;
  private readonly random: Random;
  private sdpVersion = 1;

  constructor(house: House, plan: VisitPlan, random: Random) {
    this.house = house;
    this.plan = plan;
    this.random = random;
    let take: () => void = () => undefined;
    this.taken = new Promise((resolve) => (take = resolve));
    this.take = take;
  }

  get name(): string {
    return `caller ${this.plan.number} (${this.plan.temper}, ${this.plan.transport})`;
  }

  /** Waits in line, as far as he knows. */
  get isWaiting(): boolean {
    return this.call !== null && this.call.answeredAt > 0 && !this.isTaken && this.isThere;
  }

  get isThere(): boolean {
    return this.call !== null && !this.mayEnd && !isOver(this.call);
  }

  /** The agent's phone has answered. */
  answered(): void {
    this.isTaken = true;
    this.take();
  }

  async live(): Promise<void> {
    const { plan, house } = this;
    const phone = await Phone.open({ user: `guest${plan.number}`, transport: plan.transport });
    try {
      makeWeather(phone, plan.weather, this.random);
      if (plan.temper === 'never-acks') {
        phone.wire.onDialog = () => undefined;
        this.mayEnd = true;
      }
      house.book.calls += 1;
      house.book.count(plan.temper);
      this.call = await phone.dial(house.acd.uri(plan.queue));
      house.visits.set(this.call.callId, this);
      await this.visit(this.call);
      await rest(LINGER_MS);
    } finally {
      house.visits.delete(this.call?.callId ?? '');
      await phone.stop();
      house.keep(phone);
    }
  }

  private async visit(call: Call): Promise<void> {
    if (this.plan.temper === 'cancels') return this.cancel(call);
    if (!(await this.isIn(call))) return undefined;
    call.rtp.sendSilence();
    if (this.plan.temper === 'never-acks') return this.sitOut(call);
    const music = this.listen(call);
    await this.wait(call);
    return music;
  }

  /** The INVITE was accepted. */
  private async isIn(call: Call): Promise<boolean> {
    const since = performance.now();
    const { book } = this.house;
    await rest(60_000, call.final, call.ended);
    if (call.answeredAt > 0 && call.end === null) return true;
    const answer = call.end === 'refused' ? await finalOf(call) : null;
    const status = answer?.start.replace('SIP/2.0 ', '') ?? 'no answer';
    this.mayEnd = true;
    // New calls may be told to come later, as when the disk is slow; whoever is in line may not.
    const isPutOff = answer !== null && header(answer, 'Retry-After') !== '';
    if (isPutOff) book.count(`put off: ${status}`);
    // An INVITE under way through a process that dies comes to a defined end.
    else if (this.house.wasStruck(since)) book.count(`INVITE in a kill: ${status}`);
    else book.lostCall(`${this.name} was not let in: ${status}`);
    return false;
  }

  /** At once, or crossing the answer. */
  private async cancel(call: Call): Promise<void> {
    this.mayEnd = true;
    await rest(this.random.between(0, 60), call.final);
    if (call.answeredAt === 0) {
      await call.cancel().catch(() => this.house.book.count('CANCEL unanswered'));
      await rest(GIVEN_UP_MS, call.final, call.ended);
    }
    call.end = null; // what counts is how the INVITE was answered
    if (call.answeredAt > 0) await hangUp(this.house, call);
    else call.finish('cancel sent');
  }

  /** Nobody acknowledges: the call must be ended by the product (RFC 3261 section 13.3.1.4). */
  private async sitOut(call: Call): Promise<void> {
    const since = performance.now();
    await rest(2 * GIVEN_UP_MS, call.ended);
    if (isOver(call)) return;
    if (!this.house.wasStruck(since)) this.house.book.violation(`${this.name} was never let go`);
    call.finish('bye sent');
  }

  private async listen(call: Call): Promise<void> {
    const { book } = this.house;
    for (let tries = 0; this.isWaiting; tries += 1) {
      const isSearched = this.plan.number % 3 === 0;
      const heard = await (
        isSearched ? hearsOurMusic(call.rtp) : call.rtp.hearAtLeast(4_000).then(() => true)
      ).catch(() => false);
      if (heard) return book.count(isSearched ? 'music recognised' : 'audio heard in line');
      if (tries > 5 && this.isWaiting) return book.violation(`${this.name} hears no music`);
    }
    return undefined;
  }

  private async wait(call: Call): Promise<void> {
    const { plan, house } = this;
    void call.ended.then((end) => {
      if (end !== 'bye received' || this.mayEnd || this.mayBeCut) return;
      house.book.lostCall(`${this.name} ${call.callId} got BYE ${reasonOf(call)}`);
    });
    if (plan.reinvites) await this.reinvite();
    await rest(plan.patienceMs, this.taken, call.ended, house.end);
    if (isOver(call)) return;
    if (this.isTaken) {
      // The agent's side leads; the longest talk, with everything that may come between.
      await rest(10 * GIVEN_UP_MS, call.ended);
      if (!isOver(call)) house.book.violation(`${this.name} talks and never comes to an end`);
    }
    await this.leave(plan.temper === 'vanishes' && !this.isTaken);
  }

  /** Gives up, politely or without a word. */
  async leave(isSilent = false): Promise<void> {
    const { call, house } = this;
    if (call === null || isOver(call)) return;
    this.mayEnd = true;
    if (!isSilent) return hangUp(house, call);
    phoneOf(call).wire.deaf = true;
    call.finish('bye sent');
    // Its socket stays: a phone without power answers nothing, and nobody answers for it.
    await rest(GIVEN_UP_MS);
  }

  /** The same audio again: whoever asks so must be answered, and nothing changes. */
  async reinvite(): Promise<void> {
    const { call, house } = this;
    if (call === null || !this.isThere) return;
    const since = performance.now();
    try {
      const sdp = sdpFor(call.rtp, call.codecs, (this.sdpVersion += 1));
      const answer = await within('answer to a re-INVITE', call.reinvite(sdp), GIVEN_UP_MS);
      house.book.count(`re-INVITE ${statusOf(answer)}`);
      if (statusOf(answer) < 300) call.acknowledge(answer);
    } catch (trouble) {
      if (!house.wasStruck(since) && this.isThere) {
        house.book.violation(`${this.name}: ${(trouble as Error).message}`);
      }
    }
  }

  /** Does he hear a tone? Null: he is no longer there to hear it. */
  async hears(hertz: number): Promise<boolean | null> {
    const { call } = this;
    if (call === null) return null;
    const heard = await call.rtp.hearTone(hertz, HEARD_MS).then(
      () => true,
      () => false,
    );
    return heard ? true : this.isThere ? false : null;
  }
}

function phoneOf(call: Call): Phone {
  return call.owner as Phone;
}

function reasonOf(call: Call): string {
  const reason = call.endedBy?.headers.find(([name]) => /^reason$/i.test(name));
  return reason?.[1] ?? 'without a Reason';
}

/** The final answer, if there was one. */
async function finalOf(call: Call): Promise<SipMessage | null> {
  const none = new Promise<null>((resolve) => setImmediate(() => resolve(null)));
  return Promise.race([call.final, none]);
}
