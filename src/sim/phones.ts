/**
 * The agents' phones: they ring when they are offered a call, and do with it what the script says;
 * they vanish and come back, are used for calls of their own, and report all that as presence
 * does: a little later. What they do to an offer that is over must have no effect, and that is
 * checked.
 */
import type { AgentOffered, CoreEvent } from '../core/events.ts';
import type { AgentId, DeviceState, OfferId } from '../core/types.ts';
import type { NewCommand } from '../runtime/port.ts';
import type { Cancel } from '../runtime/scheduler.ts';
import type { Fate } from './script.ts';
import { say, type Stage } from './stage.ts';

const BY = 'sim';

interface Ringing {
  readonly offerId: OfferId;
  readonly agentId: AgentId;
  /** `asking`: the veto is; the phone does not know of it yet. */
  phase: 'asking' | 'ringing' | 'answered' | 'talking';
  fate: Fate;
  plan: Cancel | null;
}

interface Phone {
  /** Where it can be reached; null: nobody is logged in on it. */
  uri: string | null;
  /** It is off, or was cut off: nothing reaches it. */
  isGone: boolean;
  /** In use by a call that is none of ours. */
  hasOwnCall: boolean;
  /** By one that the agent has had us make. */
  dials: 'ringing' | 'inuse' | null;
  /** Our offers and calls on it. */
  readonly ours: Set<Ringing>;
  /** What was reported last. */
  told: DeviceState;
}

export class Phones {
  readonly #stage: Stage;
  readonly #phones = new Map<AgentId, Phone>();
  readonly #offers = new Map<OfferId, Ringing>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Offers made, but for those that are over, in order of their making. */
  living(): OfferId[] {
    return [...this.#offers.keys()];
  }

  isLoggedIn(agentId: AgentId): boolean {
    return this.#of(agentId).uri !== null;
  }

  hear(event: CoreEvent): void {
    switch (event.kind) {
      case 'AgentLoggedIn':
        return this.#loggedIn(event.agentId, event.device.uri);
      case 'AgentLoggedOut':
        this.#of(event.agentId).uri = null;
        return;
      case 'AgentOffered':
        return this.#offered(event);
      case 'OfferCleared':
        return this.#cleared(event.offerId);
      case 'OfferAnswered':
        return this.#answered(event.offerId);
      case 'OfferFailed':
      case 'OfferWithdrawn':
        return this.over(event.offerId);
      default:
    }
  }

  connected(offerId: OfferId): void {
    const ringing = this.#offers.get(offerId);
    if (ringing === undefined) return this.#stage.fault(`${offerId} talks and never rang`);
    ringing.phase = 'talking';
    this.#report(ringing.agentId);
  }

  /** The agent ends his call. */
  hangUp(offerId: OfferId): void {
    if (!this.#offers.has(offerId)) return;
    say(this.#stage, { kind: 'EndAgentLeg', offerId, cause: 'bye', by: BY });
  }

  /** The offer or bridge is over, whoever ended it. */
  over(offerId: OfferId): void {
    const ringing = this.#offers.get(offerId);
    if (ringing === undefined) return this.#stage.fault(`${offerId} ended and was not there`);
    ringing.plan?.();
    this.#offers.delete(offerId);
    this.#of(ringing.agentId).ours.delete(ringing);
    this.#report(ringing.agentId);
    const { fate } = ringing;
    if (fate.kind !== 'silent' || fate.lateMs === null || ringing.phase !== 'ringing') return;
    this.#stage.scheduler.after(fate.lateMs, () => this.#answerLate(offerId));
  }

  /** Cut off: what it does is not heard, what it is told does not arrive. */
  vanish(agentId: AgentId): void {
    this.#of(agentId).isGone = true;
    this.#report(agentId);
    for (const { offerId, phase } of this.#of(agentId).ours) {
      if (phase !== 'talking') continue;
      this.#stage.edge.send({ kind: 'EndAgentLeg', offerId, cause: 'failed', by: BY });
    }
  }

  comeBack(agentId: AgentId): void {
    this.#of(agentId).isGone = false;
    this.#report(agentId);
  }

  useForOwnCall(agentId: AgentId, isUsed: boolean): void {
    this.#of(agentId).hasOwnCall = isUsed;
    this.#report(agentId);
  }

  isGone(agentId: AgentId): boolean {
    return this.#of(agentId).isGone;
  }

  /** A call of ours that he asked for rings at his phone, is on it (`inuse`), or is over. */
  dials(agentId: AgentId, what: Phone['dials']): void {
    this.#of(agentId).dials = what;
    this.#report(agentId);
  }

  /** What becomes of a call that rings there now. */
  rings(agentId: AgentId): Fate {
    return this.#now(this.#of(agentId), this.#stage.script.fate(agentId));
  }

  differences(offers: ReadonlyMap<OfferId, unknown>): string[] {
    const faults: string[] = [];
    for (const id of offers.keys()) {
      if (!this.#offers.has(id)) faults.push(`offer ${id} rings no phone`);
    }
    for (const id of this.#offers.keys()) {
      if (!offers.has(id)) faults.push(`a phone rings for ${id}, which is over`);
    }
    return faults;
  }

  #of(agentId: AgentId): Phone {
    const known = this.#phones.get(agentId);
    if (known !== undefined) return known;
    const phone: Phone = {
      uri: null,
      isGone: false,
      hasOwnCall: false,
      dials: null,
      ours: new Set(),
      told: 'unknown',
    };
    this.#phones.set(agentId, phone);
    return phone;
  }

  #loggedIn(agentId: AgentId, uri: string): void {
    const phone = this.#of(agentId);
    if (phone.uri === uri) return;
    phone.uri = uri;
    phone.told = 'unknown';
    this.#report(agentId);
  }

  #stateOf(agentId: AgentId): DeviceState {
    const phone = this.#of(agentId);
    if (this.#stage.script.presence === 'trusted') return 'idle';
    if (phone.isGone) return 'unavailable';
    if (phone.hasOwnCall) return 'inuse';
    const known = [...phone.ours].filter(({ phase }) => phase !== 'asking');
    if (known.length === 0) return phone.dials ?? 'idle';
    return known.some(({ phase }) => phase !== 'ringing') ? 'inuse' : 'ringing';
  }

  /** Tells the phone's state as it is now, after the time presence takes. */
  #report(agentId: AgentId): void {
    if (this.#stage.script.presence === 'scripted') return;
    const phone = this.#of(agentId);
    const state = this.#stateOf(agentId);
    const deviceUri = phone.uri;
    if (deviceUri === null || state === phone.told) return;
    phone.told = state;
    const source = 'presence';
    const tell = () => {
      // Logged out meanwhile, or in on another phone: this subscription has ended.
      if (phone.uri !== deviceUri) return;
      this.#stage.edge.send({ kind: 'ReportDevice', deviceUri, state, source, by: BY });
    };
    const ms = this.#stage.script.presenceMs(agentId);
    if (ms === 0) tell();
    else this.#stage.scheduler.after(ms, tell);
  }

  #offered({ offerId, agentId, asks }: AgentOffered): void {
    const fate = this.#stage.script.fate(agentId);
    const ringing: Ringing = { offerId, agentId, phase: 'asking', fate, plan: null };
    this.#offers.set(offerId, ringing);
    this.#of(agentId).ours.add(ringing);
    if (asks !== true) return this.#ring(ringing);
    const { ruling, afterMs } = this.#stage.script.judge(agentId);
    if (afterMs === null) return;
    // It is heard whatever becomes of the phone.
    const rule = () =>
      say(this.#stage, { kind: 'RuleOffer', offerId, ruling, detail: 'simulated', by: BY });
    ringing.plan = this.#stage.scheduler.after(afterMs, rule);
  }

  #cleared(offerId: OfferId): void {
    const ringing = this.#offers.get(offerId);
    if (ringing === undefined) return this.#stage.fault(`${offerId} may ring and was not asked`);
    ringing.plan?.();
    this.#ring(ringing);
  }

  /** One that is cut off, or in use, does not do what it would. */
  #now(phone: Phone, fate: Fate): Fate {
    if (phone.isGone) return { kind: 'silent', ringsMs: null, lateMs: null };
    if (!phone.hasOwnCall) return fate;
    return { kind: 'fails', afterMs: 100, failure: 'busy', sipStatus: 486 };
  }

  #ring(ringing: Ringing): void {
    const { offerId, agentId } = ringing;
    const fate = this.#now(this.#of(agentId), ringing.fate);
    ringing.phase = 'ringing';
    ringing.fate = fate;
    this.#report(agentId);
    if (fate.kind === 'fails') {
      const { afterMs, failure, sipStatus } = fate;
      ringing.plan = this.#stage.scheduler.after(afterMs, () => {
        const detail = `simulated ${failure}`;
        this.#say(ringing, { kind: 'FailOffer', offerId, failure, sipStatus, detail, by: BY });
      });
      return;
    }
    if (fate.kind === 'answers' && fate.afterMs === 0) return this.#answer(ringing);
    if (fate.ringsMs === null) return;
    const { ringsMs } = fate;
    ringing.plan = this.#stage.scheduler.after(ringsMs, () => {
      this.#say(ringing, { kind: 'RingOffer', offerId, by: BY });
      if (fate.kind !== 'answers') return;
      const left = Math.max(0, fate.afterMs - ringsMs);
      ringing.plan = this.#stage.scheduler.after(left, () => this.#answer(ringing));
    });
  }

  #answer(ringing: Ringing): void {
    this.#say(ringing, { kind: 'AnswerOffer', offerId: ringing.offerId, by: BY });
  }

  #answered(offerId: OfferId): void {
    const ringing = this.#offers.get(offerId);
    if (ringing === undefined) return this.#stage.fault(`${offerId} answered and never rang`);
    ringing.phase = 'answered';
    this.#report(ringing.agentId);
    const { fate } = ringing;
    const bridgeMs = fate.kind === 'answers' ? fate.bridgeMs : 0;
    if (bridgeMs === null) return;
    const confirm = () => this.#say(ringing, { kind: 'ConfirmBridge', offerId, by: BY });
    if (bridgeMs === 0) confirm();
    else ringing.plan = this.#stage.scheduler.after(bridgeMs, confirm);
  }

  /** A phone that is cut off says nothing. */
  #say(ringing: Ringing, command: NewCommand): void {
    if (!this.#of(ringing.agentId).isGone) say(this.#stage, command);
  }

  /** His answer crossed the end of the offer: it must be refused. */
  #answerLate(offerId: OfferId): void {
    this.#stage.edge.send({ kind: 'AnswerOffer', offerId, by: BY }, (outcome) => {
      if (outcome.ok) this.#stage.fault(`${offerId} was over, and its late answer was taken`);
    });
  }
}
