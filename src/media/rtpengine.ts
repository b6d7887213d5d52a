/**
 * The media port with an rtpengine in front of every leg. A leg is one plain offer/answer in one
 * engine: the party on one side (tag `party`), its mediad port on the other (tag `mediad`). So
 * SRTP, ICE, NAT and transcoding are the engine's, and playing, bridging and DTMF stay mediad's:
 * what is not about SDP goes to the inner port as it comes.
 *
 * A leg stays on its engine and keeps its ports there. New legs go round the healthy engines; an
 * offer that one does not take is made to the next. Legs of an engine that dies are reported lost
 * (`down`, `onLost`). Such a leg is put on a healthy engine by the party's next re-offer, or by
 * ours: `current` then gives a new SDP for a re-INVITE, whose answer goes to `answered`.
 *
 * Deadlines: each command 2 s, `accept` and `offer` try at most three engines. Requests for one
 * leg run one after another, as the SDP of one depends on the other's.
 */
import { isIPv6 } from 'node:net';
import type { EngineAddress, MediaLog } from './engines.ts';
import type { LegId, MediaEvents, MediaPort, MediaResult } from './port.ts';
import {
  exchange,
  failure,
  MAX_LEGS,
  RtpengineLegs,
  type Leg,
  type Sdp,
} from './rtpengine-legs.ts';
import {
  answerOf,
  answersOffer,
  backTowards,
  offerTowards,
  readParty,
  towardsMediad,
  versioned,
  type Party,
} from './rtpengine-party.ts';

export interface RtpengineOptions {
  /** The port of the audio process; its addresses need only reach the engines. */
  readonly inner: MediaPort;
  readonly engines: readonly EngineAddress[];
  readonly log: MediaLog;
  /** Legs that an engine lost: their parties hear nothing until a re-INVITE. */
  readonly onLost?: (engine: string, legs: readonly LegId[]) => void;
  readonly probeMs?: number;
  readonly deadlineMs?: number;
}

export interface RtpengineMedia extends MediaPort {
  /** Legs that the engine `host:port` has, as far as known. */
  legsOn(engine: string): readonly LegId[];
  /** Asks the engines now, say because a child's end was noticed; else every 5 s. */
  probe(): Promise<void>;
}

/** Requests of one leg waiting for its former one. */
const MAX_WAITING = 16;
/** Legs named in the text of `down`; `onLost` has them all. */
const MAX_NAMED = 50;
const NO_AUDIO = failure('not-acceptable', 'the SDP has no audio stream we could use');
const FOREIGN_CODEC = failure('not-acceptable', 'rtpengine knows none of the codecs offered');
const TOO_MANY = failure('limit', `${MAX_LEGS} legs`);
const PARTY_SPEAKS = { 'from-tag': 'party', 'to-tag': 'mediad' };
const MEDIAD_SPEAKS = { 'from-tag': 'mediad', 'to-tag': 'party' };

/** Runs the requests of a leg one after another. */
function createLines() {
  const lines = new Map<LegId, { tail: Promise<unknown>; waiting: number }>();
  return function inLine<T>(leg: LegId, work: () => Promise<MediaResult<T>>) {
    const line = lines.get(leg) ?? { tail: Promise.resolve(), waiting: 0 };
    if (line.waiting >= MAX_WAITING) {
      return Promise.resolve(failure('limit', `${MAX_WAITING} requests wait for leg ${leg}`));
    }
    line.waiting += 1;
    lines.set(leg, line);
    const done = line.tail.then(work).finally(() => {
      line.waiting -= 1;
      if (line.waiting === 0) lines.delete(leg);
    });
    line.tail = done.catch((error: unknown) => error); // thrown to whoever asked, not to the next
    return done;
  };
}

class Rtpengine {
  readonly legs: RtpengineLegs;
  events: MediaEvents | null = null;
  readonly #inner: MediaPort;

  constructor(options: RtpengineOptions) {
    this.#inner = options.inner;
    this.legs = new RtpengineLegs(options, {
      lost: (engine, legs) => {
        options.log.warn({ engine, legs: legs.length }, 'rtpengine lost legs');
        const named = legs.slice(0, MAX_NAMED).join(' ') + (legs.length > MAX_NAMED ? ' …' : '');
        this.events?.down(`rtpengine ${engine} lost ${legs.length} legs: ${named}`);
        if (legs.length > 0) options.onLost?.(engine, legs);
      },
      back: () => this.events?.up(this.legs.alive()),
    });
  }

  async accept(id: LegId, sdp: string): Promise<MediaResult<Sdp>> {
    const party = readParty(sdp);
    if (party === null) return NO_AUDIO;
    if (this.legs.get(id) !== undefined) return this.reoffered(id, sdp);
    if (this.legs.size >= MAX_LEGS) return TOO_MANY;
    const offer = { 'from-tag': 'party', ...towardsMediad(party, sdp, false) };
    const placed = await this.legs.place(id, offer);
    if (!placed.ok) return placed;
    const { engine } = placed;
    const inside = await this.#inner.accept(id, placed.sdp);
    if (!inside.ok) {
      await this.legs.drop(engine, id);
      return inside;
    }
    const back = { ...PARTY_SPEAKS, ...backTowards(party, inside.sdp, false) };
    const answer = await exchange(engine, 'answer', id, back);
    if (!answer.ok || !answersOffer(party, answer.sdp)) {
      await Promise.all([this.legs.drop(engine, id), this.#inner.release(id)]);
      return answer.ok ? FOREIGN_CODEC : answer;
    }
    const current = versioned(answer.sdp, null);
    const known = { inside: inside.sdp, current, party: { sdp, read: party } };
    this.legs.add({ id, engine, stage: 'up', lost: false, ...known });
    return { ok: true, sdp: current };
  }

  async offer(id: LegId, remoteHost: string): Promise<MediaResult<Sdp>> {
    if (this.legs.get(id) !== undefined) return this.current(id);
    if (this.legs.size >= MAX_LEGS) return TOO_MANY;
    const candidates = this.legs.engines.candidates();
    const [first] = candidates;
    if (first === undefined) return failure('unavailable', 'no rtpengine answers');
    const inside = await this.#inner.offer(id, first.host);
    if (!inside.ok) return inside;
    const family = isIPv6(remoteHost.replace(/^\[|\]$/g, '')) ? { 'address family': 'IP6' } : {};
    const plain = offerTowards(null, inside.sdp, false);
    const offer = { 'from-tag': 'mediad', ...plain, ...family };
    const placed = await this.legs.place(id, offer, candidates);
    if (!placed.ok) {
      await this.#inner.release(id);
      return placed;
    }
    const current = versioned(placed.sdp, null);
    const known = { inside: inside.sdp, current, party: null };
    this.legs.add({ id, engine: placed.engine, stage: 'offered', lost: false, ...known });
    return { ok: true, sdp: current };
  }

  async answered(id: LegId, sdp: string): Promise<MediaResult> {
    const party = readParty(sdp);
    if (party === null) return NO_AUDIO;
    const leg = await this.#known(id);
    if (leg === null) return failure('unknown-leg', id);
    if (leg.lost) return failure('unavailable', `rtpengine ${leg.engine.name} lost leg ${id}`);
    if (leg.stage === 'up') {
      // A session refresh (RFC 4028) or a 200 after a 183 says the same again.
      if (leg.party?.read.essence === party.essence) return { ok: true };
      // To the engine a changed answer is a new offer of the party's: its ng answers are final.
      return this.#renegotiate(leg, sdp, party, async (toward) => {
        const told = await this.#inner.answered(id, toward);
        return told.ok ? { ok: true, sdp: leg.inside } : told;
      });
    }
    const answer = { ...MEDIAD_SPEAKS, ...answerOf(sdp) };
    const toward = await exchange(leg.engine, 'answer', id, answer);
    if (!toward.ok) return toward;
    const told = await this.#inner.answered(id, toward.sdp);
    if (told.ok) Object.assign(leg, { stage: 'up', party: { sdp, read: party } });
    return told;
  }

  async reoffered(id: LegId, sdp: string): Promise<MediaResult<Sdp>> {
    const party = readParty(sdp, true);
    if (party === null) return NO_AUDIO;
    const leg = await this.#known(id);
    if (leg === null) return failure('unknown-leg', id);
    const answer = await this.#renegotiate(leg, sdp, party, (toward) =>
      this.#inner.reoffered(id, toward),
    );
    if (!answer.ok) return answer;
    leg.current = versioned(answer.sdp, leg.current);
    return { ok: true, sdp: leg.current };
  }

  async current(id: LegId): Promise<MediaResult<Sdp>> {
    const leg = await this.#known(id);
    if (leg === null) return failure('unknown-leg', id);
    const offer = (again: boolean) => offerTowards(leg.party?.read ?? null, leg.inside, again);
    if (leg.lost) {
      const placed = await this.legs.place(id, { 'from-tag': 'mediad', ...offer(false) });
      if (!placed.ok) return placed;
      this.legs.move(leg, placed.engine);
      leg.stage = 'offered';
      leg.current = versioned(placed.sdp, leg.current);
    }
    if (leg.current === null) {
      // Found again after a restart: the engine still knows what it once told the party.
      const again = await exchange(leg.engine, 'offer', id, { ...MEDIAD_SPEAKS, ...offer(true) });
      if (!again.ok) return again;
      leg.current = versioned(again.sdp, null);
    }
    return { ok: true, sdp: leg.current };
  }

  async release(id: LegId): Promise<MediaResult> {
    const [released] = await Promise.all([this.#inner.release(id), this.legs.remove(id)]);
    return released;
  }

  /** Takes the inner port's legs over, so that their engines are watched. */
  async adopt(ids: readonly LegId[]): Promise<void> {
    await this.legs.findAll(ids, (id) => this.#inner.current(id));
  }

  async #known(id: LegId): Promise<Leg | null> {
    const leg = this.legs.get(id);
    if (leg !== undefined) return leg;
    await this.adopt([id]);
    return this.legs.get(id) ?? null;
  }

  /** A new SDP of the party's passes through the engine to mediad, and mediad's SDP back. */
  async #renegotiate(
    leg: Leg,
    sdp: string,
    party: Party,
    tellMediad: (sdp: string) => Promise<MediaResult<Sdp>>,
  ): Promise<MediaResult<Sdp>> {
    const toward = await this.#offerAgain(leg, sdp, party);
    if (!toward.ok) return toward;
    const inside = await tellMediad(toward.sdp);
    const back = inside.ok ? { sdp: inside.sdp, party } : null;
    const answer = back === null ? inside : await this.#answerAgain(leg, back.sdp, party);
    if (!inside.ok || !answer.ok || !answersOffer(party, answer.sdp)) {
      await this.#restore(leg);
      return answer.ok ? FOREIGN_CODEC : answer;
    }
    Object.assign(leg, { inside: inside.sdp, party: { sdp, read: party } });
    return answer;
  }

  async #offerAgain(leg: Leg, sdp: string, party: Party): Promise<MediaResult<Sdp>> {
    if (!leg.lost) {
      const again = { ...PARTY_SPEAKS, ...towardsMediad(party, sdp, true) };
      return exchange(leg.engine, 'offer', leg.id, again);
    }
    const anew = { 'from-tag': 'party', ...towardsMediad(party, sdp, false) };
    const placed = await this.legs.place(leg.id, anew);
    if (placed.ok) this.legs.move(leg, placed.engine);
    return placed;
  }

  #answerAgain(leg: Leg, inside: string, party: Party): Promise<MediaResult<Sdp>> {
    const answer = { ...PARTY_SPEAKS, ...backTowards(party, inside, true) };
    return exchange(leg.engine, 'answer', leg.id, answer);
  }

  /** RFC 3261 section 14.2: a re-offer that was refused leaves the session as it was. */
  async #restore(leg: Leg): Promise<void> {
    if (leg.party === null) return;
    const { sdp, read } = leg.party;
    const offered = await this.#offerAgain(leg, sdp, read);
    if (offered.ok) await this.#answerAgain(leg, leg.inside, read);
  }
}

/** Puts rtpengines in front of `inner`; begins to ask them at once. */
export function createRtpengineMedia(options: RtpengineOptions): RtpengineMedia {
  const { inner } = options;
  const media = new Rtpengine(options);
  const { legs } = media;
  const inLine = createLines();
  return {
    accept: (leg, sdp) => inLine(leg, () => media.accept(leg, sdp)),
    offer: (leg, remoteHost) => inLine(leg, () => media.offer(leg, remoteHost)),
    answered: (leg, sdp) => inLine(leg, () => media.answered(leg, sdp)),
    reoffered: (leg, sdp) => inLine(leg, () => media.reoffered(leg, sdp)),
    current: (leg) => inLine(leg, () => media.current(leg)),
    release: (leg) => inLine(leg, () => media.release(leg)),
    play: (leg, playId, items) => inner.play(leg, playId, items),
    stop: (leg) => inner.stop(leg),
    music: (leg, musicClass) => inner.music(leg, musicClass),
    connect: (a, b) => inner.connect(a, b),
    disconnect: (leg) => inner.disconnect(leg),
    dial: (leg, digits) => inner.dial(leg, digits),
    async legs() {
      const there = await inner.legs();
      if (there.ok) await media.adopt(there.legs);
      return there;
    },
    listen(events) {
      media.events = events;
      inner.listen({
        dtmf: (...args) => events.dtmf(...args),
        playEnded: (...args) => events.playEnded(...args),
        firstPacket: (leg) => events.firstPacket(leg),
        silence: (...args) => events.silence(...args),
        down: (detail) => events.down(detail),
        up: (restored) =>
          void media.adopt(restored).then(() => {
            const there = new Set(legs.alive());
            events.up(restored.filter((leg) => there.has(leg)));
          }),
      });
    },
    health() {
      const { up, detail } = inner.health();
      const engines = legs.engines.all.map(
        ({ name, state }) => `rtpengine ${name} ${state}, ${legs.alive(name).length} legs`,
      );
      const someEngine = legs.engines.all.some(({ state }) => state !== 'down');
      const text = [...engines, detail].join('; ');
      return { up: up && someEngine, detail: text, legs: legs.size };
    },
    legsOn: (engine) => legs.alive(engine),
    probe: () => legs.engines.probe(),
    async close() {
      legs.engines.close();
      await inner.close();
    },
  };
}
