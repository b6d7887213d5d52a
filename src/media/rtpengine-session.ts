/**
 * What each request for a leg means where an rtpengine stands in front of it: SDP of the party goes
 * through the engine to mediad, and mediad's back through the engine to the party. Here is also
 * how a leg outlives its engine, its mediad port, or this process: it is placed anew, told of, and
 * the party learns of it by a re-INVITE (`renew`, then `answered`).
 */
import type { Engine, EngineAddress, MediaLog } from './engines.ts';
import type {
  DialogSdp,
  InnerMedia,
  LegId,
  MediaEvents,
  MediaFailure,
  MediaResult,
} from './port.ts';
import { failure } from './failure.ts';
import { exchange, MAX_LEGS, RtpengineLegs, type Leg, type Sdp } from './rtpengine-legs.ts';
import { innerDialog, noteOf, placesOf, readNote } from './rtpengine-memory.ts';
import {
  answerOf,
  answersOffer,
  backTowards,
  familyOf,
  offerTowards,
  readParty,
  towardsMediad,
  versioned,
  type Party,
} from './rtpengine-party.ts';

export interface RtpengineOptions {
  /** The port of the audio process; its addresses need only reach the engines. */
  readonly inner: InnerMedia;
  readonly engines: readonly EngineAddress[];
  readonly log: MediaLog;
  /** Legs that an engine lost: their parties hear nothing until a re-INVITE. */
  readonly onLost?: (engine: string, legs: readonly LegId[]) => void;
  readonly probeMs?: number;
  readonly deadlineMs?: number;
}

/** Legs named in the text of `down`; `onLost` has them all. */
const MAX_NAMED = 50;
const NO_AUDIO = failure('not-acceptable', 'the SDP has no audio stream we could use');
const FOREIGN_CODEC = failure('not-acceptable', 'rtpengine knows none of the codecs offered');
const TOO_MANY = failure('limit', `${MAX_LEGS} legs`);
const PARTY_SPEAKS = { 'from-tag': 'party', 'to-tag': 'mediad' };
const MEDIAD_SPEAKS = { 'from-tag': 'mediad', 'to-tag': 'party' };

/** mediad was told the engine's address: that is not the party's to mend, nor his to read. */
function ofInside<T extends MediaResult<object>>(engine: Engine, result: T): T | MediaFailure {
  if (result.ok || result.reason !== 'no-way') return result;
  return failure('unavailable', `rtpengine ${engine.name}: ${result.detail}`);
}

export class Rtpengine {
  readonly legs: RtpengineLegs;
  events: MediaEvents | null = null;
  readonly #inner: InnerMedia;

  constructor(options: RtpengineOptions) {
    this.#inner = options.inner;
    this.legs = new RtpengineLegs(options, {
      lost: (engine, legs) => {
        options.log.warn({ engine, legs: legs.length }, 'rtpengine lost legs');
        const named = legs.slice(0, MAX_NAMED).join(' ') + (legs.length > MAX_NAMED ? ' …' : '');
        this.events?.down(`rtpengine ${engine} lost ${legs.length} legs: ${named}`);
        if (legs.length > 0) options.onLost?.(engine, legs);
      },
      homeless: (legs) => this.events?.moved(legs),
      back: () => this.events?.up(this.legs.ids()),
    });
  }

  async accept(id: LegId, sdp: string): Promise<MediaResult<Sdp>> {
    const party = readParty(sdp);
    if (party === null) return NO_AUDIO;
    if (this.legs.get(id) !== undefined) return this.reoffered(id, sdp);
    if (this.legs.size >= MAX_LEGS) return TOO_MANY;
    const candidates = this.legs.engines.candidates();
    // A party of IPv6 is no reason for IPv6 inside: mediad is where the engine's control is.
    const family = familyOf(candidates[0]?.host ?? '');
    const offer = { 'from-tag': 'party', ...towardsMediad(party, sdp, false), ...family };
    const placed = await this.legs.place(id, offer, candidates);
    if (!placed.ok) return placed;
    const { engine } = placed;
    const inside = await this.#inner.accept(id, placed.sdp);
    if (!inside.ok) {
      await this.legs.drop(engine, id);
      return ofInside(engine, inside);
    }
    const back = { ...PARTY_SPEAKS, ...backTowards(party, inside.sdp, false) };
    const answer = await exchange(engine, 'answer', id, back);
    if (!answer.ok || !answersOffer(party, answer.sdp)) {
      await Promise.all([this.legs.drop(engine, id), this.#inner.release(id)]);
      return answer.ok ? FOREIGN_CODEC : answer;
    }
    const current = versioned(answer.sdp, null);
    const known = { inside: inside.sdp, current, party: { sdp, read: party } };
    const leg = { id, engine, ...known, stage: 'up', lost: false, isUntold: false } as const;
    this.#keep(this.legs.add({ ...leg }));
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
    const plain = offerTowards(null, inside.sdp, false);
    const offer = { 'from-tag': 'mediad', ...plain, ...familyOf(remoteHost) };
    const placed = await this.legs.place(id, offer, candidates);
    if (!placed.ok) {
      await this.#inner.release(id);
      return placed;
    }
    const current = versioned(placed.sdp, null);
    const known = { inside: inside.sdp, current, party: null, lost: false, isUntold: false };
    this.#keep(this.legs.add({ id, engine: placed.engine, stage: 'offered', ...known }));
    return { ok: true, sdp: current };
  }

  async answered(id: LegId, sdp: string): Promise<MediaResult> {
    const party = readParty(sdp);
    if (party === null) return NO_AUDIO;
    const leg = await this.#known(id);
    if (leg === null) return failure('unknown-leg', id);
    if (leg.lost) {
      // It answers to an engine that died meanwhile. We know now where it is, and tell it anew.
      this.#keep(Object.assign(leg, { stage: 'up', party: { sdp, read: party } }));
      setImmediate(() => this.legs.tellHomeless());
      return { ok: true };
    }
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
    if (!told.ok) return told;
    const agreed = { stage: 'up', party: { sdp, read: party }, isUntold: false } as const;
    this.#keep(Object.assign(leg, agreed));
    return told;
  }

  async reoffered(id: LegId, sdp: string): Promise<MediaResult<Sdp>> {
    const party = readParty(sdp, true);
    if (party === null) return NO_AUDIO;
    const leg = await this.#known(id);
    if (leg === null) return failure('unknown-leg', id);
    const answer = await this.#renegotiate(leg, sdp, party, async (toward) =>
      ofInside(leg.engine, await this.#inner.reoffered(id, toward)),
    );
    if (!answer.ok) return answer;
    const current = versioned(answer.sdp, leg.current);
    this.#keep(Object.assign(leg, { stage: 'up', isUntold: false, current } as const));
    return { ok: true, sdp: current };
  }

  async renew(id: LegId): Promise<MediaResult<{ readonly sdp: string | null }>> {
    const leg = await this.#known(id);
    if (leg === null) return failure('unknown-leg', id);
    const placed: MediaResult = leg.lost ? await this.#placeAnew(leg) : { ok: true };
    return placed.ok ? { ok: true, sdp: leg.isUntold ? leg.current : null } : placed;
  }

  async current(id: LegId): Promise<MediaResult<Sdp>> {
    const leg = await this.#known(id);
    if (leg === null) return failure('unknown-leg', id);
    const placed: MediaResult = leg.lost ? await this.#placeAnew(leg) : { ok: true };
    if (!placed.ok) return placed;
    if (leg.current === null) {
      // Found again after a restart: the engine still knows what it once told the party.
      const again = await this.#offerParty(leg, leg.inside);
      if (!again.ok) return again;
      leg.current = versioned(again.sdp, null);
    }
    return { ok: true, sdp: leg.current };
  }

  /** Our next answer will be the party's to what mediad offers anew. */
  async reoffer(id: LegId): Promise<MediaResult<Sdp>> {
    const current = await this.current(id);
    const leg = this.legs.get(id);
    if (!current.ok || leg === undefined) return current;
    const inside = await this.#inner.reoffer(id);
    if (!inside.ok) return inside;
    if (inside.sdp === leg.inside) return current;
    const again = await this.#offerParty(leg, inside.sdp);
    if (!again.ok) return again;
    const sdp = versioned(again.sdp, leg.current);
    this.#keep(Object.assign(leg, { stage: 'offered', inside: inside.sdp, current: sdp } as const));
    return { ok: true, sdp };
  }

  /** A leg without an engine gets one; the party is to be told. */
  async #placeAnew(leg: Leg): Promise<MediaResult> {
    const offer = offerTowards(leg.party?.read ?? null, leg.inside, false);
    const placed = await this.legs.place(leg.id, { 'from-tag': 'mediad', ...offer });
    if (!placed.ok) return placed;
    this.legs.move(leg, placed.engine);
    const current = versioned(placed.sdp, leg.current);
    this.#keep(Object.assign(leg, { stage: 'offered', isUntold: true, current } as const));
    return { ok: true };
  }

  async release(id: LegId): Promise<MediaResult> {
    const [released] = await Promise.all([this.#inner.release(id), this.legs.remove(id)]);
    return released;
  }

  /** Takes the inner port's legs over, with what was noted of them, so that they are watched. */
  async adopt(ids: readonly LegId[]): Promise<void> {
    await this.legs.forUnknown(ids, async (id) => {
      const inside = await this.#inner.current(id);
      if (!inside.ok) return;
      const noted = readNote(this.#inner.noted(id));
      if (noted === null) await this.legs.find(id, inside.sdp);
      else await this.legs.recall(id, inside.sdp, noted);
    });
  }

  /** Our last SDP for the party, where a leg that is to be placed anew still waits for it. */
  async lastSdp(id: LegId): Promise<string | null> {
    const leg = await this.#known(id);
    if (leg === null || leg.lost) return leg?.current ?? null;
    const current = await this.current(id);
    return current.ok ? current.sdp : null;
  }

  /** A leg of which mediad knows nothing any more, either. */
  async restore(id: LegId, dialog: DialogSdp): Promise<MediaResult> {
    if ((await this.#known(id)) !== null) return { ok: true };
    const read = readParty(dialog.remoteSdp, true);
    if (read === null) return NO_AUDIO;
    const party = { sdp: dialog.remoteSdp, read };
    const common = { id, stage: 'up', current: dialog.localSdp, party, isUntold: false } as const;
    const found = await this.legs.seek(id);
    const places = found === null ? null : placesOf(found.reply);
    if (found !== null && places !== null) {
      const known = innerDialog(places, read);
      const made = await this.#inner.restore(id, known);
      if (!made.ok) return made;
      const leg = { ...common, engine: found.engine, inside: known.localSdp, lost: false };
      this.#keep(this.legs.add(leg));
      await this.follow(id);
      return { ok: true };
    }
    const [engine] = this.legs.engines.candidates();
    if (engine === undefined) return failure('unavailable', 'no rtpengine answers');
    const inside = await this.#inner.offer(id, engine.host);
    if (!inside.ok) return inside;
    this.#keep(this.legs.add({ ...common, engine, inside: inside.sdp, lost: true }));
    setImmediate(() => this.legs.tellHomeless());
    return { ok: true };
  }

  /** mediad has the leg on another port: the engine is told, and the party need not be. */
  async follow(id: LegId): Promise<MediaResult> {
    const leg = this.legs.get(id);
    const inside = await this.#inner.renew(id);
    if (leg === undefined || !inside.ok || inside.sdp === null) return { ok: true };
    leg.inside = inside.sdp;
    if (leg.lost) return { ok: true };
    const done = leg.party === null ? NO_AUDIO : await this.#tellEngine(leg, leg.party);
    if (done.ok) return done;
    leg.lost = true;
    this.legs.tellHomeless();
    return done;
  }

  /** mediad's SDP as the engine offers it to the party. */
  #offerParty({ engine, id, party }: Leg, inside: string) {
    const offer = offerTowards(party?.read ?? null, inside, true);
    return exchange(engine, 'offer', id, { ...MEDIAD_SPEAKS, ...offer });
  }

  /** The leg's SDP inside has changed, and the party's has not. */
  async #tellEngine(leg: Leg, { sdp }: NonNullable<Leg['party']>): Promise<MediaResult> {
    const offered = await this.#offerParty(leg, leg.inside);
    if (!offered.ok) return offered;
    const answer = { ...MEDIAD_SPEAKS, ...answerOf(sdp, true) };
    const answered = await exchange(leg.engine, 'answer', leg.id, answer);
    return answered.ok ? this.#inner.answered(leg.id, answered.sdp) : answered;
  }

  /** What is known of the leg, for a process that comes after this one. */
  #keep(leg: Leg): void {
    void this.#inner.note(leg.id, noteOf(leg));
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
    const inside = ofInside(leg.engine, await tellMediad(toward.sdp));
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
    const family = familyOf(leg.engine.host);
    if (!leg.lost) {
      const again = { ...PARTY_SPEAKS, ...towardsMediad(party, sdp, true), ...family };
      return exchange(leg.engine, 'offer', leg.id, again);
    }
    const anew = { 'from-tag': 'party', ...towardsMediad(party, sdp, false), ...family };
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
