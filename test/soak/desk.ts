/**
 * An agent with his phone: logs in and out, takes offers as agents do (or does not), makes calls
 * of his own, has a phone whose presence flickers, or that loses power in the middle of a talk.
 * Two offers on one phone at once are counted here, where they would ring.
 */
import { within } from '../support/inbox.ts';
import { Phone } from '../support/phone.ts';
import type { Call } from '../support/call.ts';
import { header } from '../support/sip-message.ts';
import type { Shown } from '../support/watched.ts';
import type { Random } from '../../src/sim/random.ts';
import { GIVEN_UP_MS, hangUp, isOver, makeWeather, rest, type House } from './house.ts';
import { draw, drawWeather } from './plan.ts';
import { isToldOfEnd, talk } from './talk.ts';

type OnTime = 'answers' | 'late' | 'vanishes' | 'blinks';
type Mood = OnTime | 'declines' | 'busy' | 'silent' | 'misses' | 'crosses';

/**
 * `silent`: not even 180. `crosses`: 200 in the moment of the CANCEL. `blinks`: hangs up again.
 */
const MOODS: readonly (readonly [Mood, number])[] = [
  ['answers', 0.58],
  ['late', 0.12],
  ['declines', 0.06],
  ['busy', 0.06],
  ['silent', 0.03],
  ['misses', 0.05],
  ['crosses', 0.04],
  ['vanishes', 0.02],
  ['blinks', 0.04],
];
/** A CANCEL that waits for a response to a repeated INVITE, on a slow machine, has come by then. */
const CROSSING_MS = 5_000;
/** How long a phone without power stays so. */
const DARK_MS = 20_000;

export class Desk {
  readonly id: string;
  readonly phone: Phone;
  private readonly house: House;
  private readonly random: Random;
  private readonly outside: Phone;
  private isDark = false;
  /** He is in a call of his own, or logging in or out. */
  private isOccupied = false;
  private readonly offers = new Set<Promise<void>>();

  private constructor(house: House, id: string, phone: Phone, outside: Phone, random: Random) {
    Object.assign(phone, { onCall: (call: Call) => this.follow(call) });
    this.house = house;
    this.id = id;
    this.phone = phone;
    this.outside = outside;
    this.random = random;
  }

  /** @param outside whom he calls on his own */
  static async open(house: House, id: string, outside: Phone, random: Random): Promise<Desk> {
    const phone = await Phone.open({ user: `desk${id}` });
    makeWeather(phone, drawWeather(random), random);
    return new Desk(house, id, phone, outside, random);
  }

  /** Until the end; then he logs out when his last call is over. */
  async live(): Promise<void> {
    const { house, random } = this;
    await this.logIn();
    while (!house.end.aborted) {
      await rest(random.between(1_000, 12_000), house.end);
      if (house.end.aborted || this.isDark) continue;
      const errand = random.pick(['own call', 'flickers', 'flickers', 'off and on', 'nothing']);
      house.book.count(`agent: ${errand}`);
      if (errand === 'own call') await this.ownCall();
      if (errand === 'flickers') await this.flicker();
      if (errand === 'off and on') await this.logOffAndOn();
    }
    await Promise.all(this.offers);
    while (this.isDark) await rest(500);
    await this.phone.watched.show('idle');
    await this.logOut();
  }

  private get liveCalls(): Call[] {
    return this.phone.history.filter((call) => !isOver(call));
  }

  // --- logging in and out --------------------------------------------------------------------

  private async logIn(): Promise<void> {
    await this.key(`*44${this.id}`, (state) => state !== 'loggedout');
  }

  private async logOut(): Promise<void> {
    await this.key('*45', (state) => state === 'loggedout');
  }

  /** Dials a code until it has worked: processes are killed meanwhile. */
  private async key(code: string, isDone: (state: string) => boolean): Promise<void> {
    const { house, phone } = this;
    const since = performance.now();
    this.isOccupied = true;
    for (let tries = 0; ; tries += 1) {
      const call = await phone.dial(house.acd.uri(code));
      await rest(30_000, call.final, call.ended);
      if (call.answeredAt > 0) call.rtp.sendSilence();
      for (let looks = 0; looks < 40 && !(await this.is(isDone)); looks += 1) await rest(250);
      await hangUp(house, call);
      if (await this.is(isDone)) break;
      if (tries < 5) continue;
      if (!house.wasStruck(since)) house.book.violation(`${code} of ${this.id} does not work`);
      break;
    }
    this.isOccupied = false;
  }

  private async is(isDone: (state: string) => boolean): Promise<boolean> {
    return this.house.acd.agent(this.id).then(
      ({ state }) => isDone(state),
      () => false, // the server has just been killed
    );
  }

  private async logOffAndOn(): Promise<void> {
    if (this.liveCalls.length > 0) return;
    await this.logOut();
    await rest(this.random.between(0, 3_000), this.house.end);
    await this.logIn();
  }

  // --- the phone -----------------------------------------------------------------------------

  private async ownCall(): Promise<void> {
    if (this.liveCalls.length > 0) return;
    this.isOccupied = true;
    const call = await this.phone.dial(this.outside.contact);
    await rest(GIVEN_UP_MS, call.final, call.ended);
    await rest(this.random.between(500, 4_000), call.ended, this.house.end);
    await call.drop().catch((trouble: Error) => this.house.book.count(`own call: ${trouble.name}`));
    call.finish('bye sent');
    this.isOccupied = false;
  }

  private async flicker(): Promise<void> {
    const shows: Promise<void>[] = [];
    for (let times = 0; times < 6; times += 1) {
      const shown = this.random.pick<Shown>(['unavailable', 'inuse', 'ringing', 'idle']);
      shows.push(this.phone.watched.show(shown));
      await rest(this.random.between(0, 300));
    }
    await Promise.all([...shows, this.phone.watched.show(this.shownNow())]);
  }

  private shownNow(): 'idle' | 'inuse' {
    return this.liveCalls.length > 0 ? 'inuse' : 'idle';
  }

  /** No power in mid-call: then all its calls and subscriptions are forgotten, and he logs in. */
  private vanish(): void {
    const { phone } = this;
    this.isDark = true;
    phone.wire.deaf = true;
    for (const call of this.liveCalls) call.rtp.mute();
    void rest(DARK_MS).then(async () => {
      for (const call of this.liveCalls) call.finish('bye sent');
      phone.watched.forget();
      phone.watched.shown = 'idle';
      phone.wire.deaf = false;
      // Another telephone at the same desk, to the ACD the same: known there as logged in.
      await this.logOut();
      await this.logIn();
      this.isDark = false;
    });
  }

  // --- offers --------------------------------------------------------------------------------

  private follow(call: Call): void {
    const { house } = this;
    for (const other of this.liveCalls) {
      if (other !== call && other.isIncoming) void this.mustCross(other, call);
    }
    house.book.count('offers');
    const done = this.take(call)
      .catch((trouble: Error) => house.book.violation(`agent ${this.id}: ${trouble.stack ?? ''}`))
      .finally(() => {
        this.offers.delete(done);
        this.release(call);
      });
    this.offers.add(done);
  }

  /**
   * An offer beside another. CANCEL has to wait for a first response (RFC 3261 section 9.1), which
   * may be under way or lost, so a former offer may end a moment later than the next comes.
   */
  private async mustCross(former: Call, next: Call): Promise<void> {
    const { book } = this.house;
    await rest(CROSSING_MS, former.ended);
    if (isOver(former)) return book.count('an offer crossed the CANCEL of the former');
    const [one, other] = [former, next].map((call) => header(call.invite, 'X-Call-Id'));
    return book.doubleOffer(`the phone of ${this.id} rings for ${one} and for ${other}`);
  }

  /** A call that is over leaves nothing behind on a phone of hours. */
  private release(call: Call): void {
    call.rtp.close();
    const at = this.phone.history.indexOf(call);
    if (at >= 0) this.phone.history.splice(at, 1);
    for (const own of this.phone.history.filter((one) => !one.isIncoming && isOver(one))) {
      own.rtp.close();
      this.phone.history.splice(this.phone.history.indexOf(own), 1);
    }
  }

  private async take(call: Call): Promise<void> {
    const { random, house } = this;
    const mood = this.isOccupied ? 'busy' : draw(random, MOODS);
    house.book.count(`offer: ${mood}`);
    if (mood === 'busy') return call.busy();
    if (mood !== 'silent') call.ring();
    if (mood === 'crosses') call.crossesCancel = true;
    if (mood === 'misses' || mood === 'silent' || mood === 'crosses') return this.sitOut(call);
    await rest(
      mood === 'late' ? random.between(3_000, 9_000) : random.between(50, 900),
      call.ended,
    );
    if (isOver(call)) return undefined;
    const isRungTwice = this.liveCalls.some((other) => other !== call && other.isIncoming);
    if (mood === 'declines' || isRungTwice) return call.decline();
    return this.answer(call, mood);
  }

  /** Rings until it is taken back. */
  private async sitOut(call: Call): Promise<void> {
    const since = performance.now();
    await rest(2 * GIVEN_UP_MS, call.ended, call.acked);
    if (call.answeredAt > 0) return isToldOfEnd(this.house, `agent ${this.id}`, call);
    if (isOver(call)) return undefined;
    if (!this.house.wasStruck(since)) {
      this.house.book.violation(`the phone of ${this.id} rings for ever`);
    }
    return call.busy();
  }

  private async answer(call: Call, mood: Mood): Promise<void> {
    const { house } = this;
    const since = performance.now();
    const visit = house.visits.get(header(call.invite, 'X-Call-Id'));
    call.answer();
    call.rtp.sendSilence();
    if (visit?.plan.temper === 'flees') void visit.leave();
    const acked = await within(
      'ACK',
      call.acked.then(() => true),
      GIVEN_UP_MS,
    ).catch(() => false);
    if (!acked) {
      if (!isOver(call) && !house.wasStruck(since)) {
        house.book.violation(`the 200 of ${this.id} was never acknowledged`);
      }
      return hangUp(house, call);
    }
    if (visit === undefined || !visit.isThere) {
      return isToldOfEnd(house, `agent ${this.id}`, call);
    }
    if (mood === 'blinks') {
      // Before anybody was heard this costs the caller nothing; afterwards it is the end.
      visit.mayBeCut = true;
      return hangUp(house, call);
    }
    visit.answered();
    const vanish = mood === 'vanishes' ? () => this.vanish() : null;
    return talk(house, visit, { name: `agent ${this.id}`, call }, vanish);
  }

  /** What of him is left in the end, in words. */
  left(): string[] {
    const { phone } = this;
    return [
      ...this.liveCalls.map((call) => `call ${call.callId} on the phone of ${this.id}`),
      ...phone.watched.watchedBy.map((event) => `subscription to ${event} of ${this.id}`),
    ];
  }
}

/** Whoever agents call on their own: answers at once. */
export async function openOutside(): Promise<Phone> {
  const phone = await Phone.open({ user: 'outside' });
  phone.onCall = (call) => {
    call.answer();
    void call.ended.then(() => {
      call.rtp.close();
      phone.history.splice(phone.history.indexOf(call), 1);
    });
  };
  return phone;
}
