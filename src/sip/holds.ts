/**
 * Talks on hold. A phone holds by offering its audio anew so that it is not to be sent to
 * (`sendonly`, `inactive`, RFC 3264 §8.4; c=0.0.0.0 as of old); a supervisor by command. Comes in:
 * what the sessions read in such offers, and the journal's events. Goes out: HoldCall, UnholdCall;
 * the bridge is taken apart, the party that is made to wait hears the music of the queue, and the
 * bridge is made again when nobody holds any more. All of it follows from the state, so whoever
 * takes a talk over has but to `apply` it once more.
 *
 * A phone may hold before there is a talk: a caller who waits, or one of several phones that answer
 * (ringall). That is no fact of the journal: it is kept with the audio of the leg, for a process
 * that takes it over.
 *
 * A phone that holds with music of its own (`sendonly` of a PBX) is not heard meanwhile: ours is
 * there for certain.
 */
import type { CallConnected, CallEnded } from '../core/events.ts';
import type { Call } from '../core/state.ts';
import type { CallTransferred } from '../core/transfer-events.ts';
import type { CallId } from '../core/types.ts';
import type { LegFacts, LegId, MediaResult } from '../media/port.ts';
import type { EdgeContext } from './context.ts';
import { soundsOf } from './line-sounds.ts';

/** What is kept with a leg whose phone said last that it holds, or does not. */
const KEPT = { holds: 'holds', talks: 'holds not' } as const;

export class Holds {
  private readonly context: EdgeContext;
  /** Legs whose phones hold, also before there is a talk. Bounded by the legs of calls. */
  private readonly holding = new Set<LegId>();
  /** Talks whose audio may not be as the state says: media was away. */
  private readonly amiss = new Set<CallId>();

  constructor(context: EdgeContext) {
    this.context = context;
    context.runtime.react(({ event }) => {
      if (event.kind === 'CallConnected') this.connected(event);
      else if (event.kind === 'CallHeld' || event.kind === 'CallUnheld') this.apply(event.callId);
      else if (event.kind === 'CallEnded') this.forget(event);
      else if (event.kind === 'CallTransferred') this.transferred(event);
      else if (event.kind === 'OfferFailed' || event.kind === 'OfferWithdrawn')
        this.holding.delete(event.offerId);
    });
  }

  /**
   * A phone's newest SDP is here. Said of every one, as a former process may have heard others.
   * @param leg of that phone: the call's id for the caller, an offer's for an agent
   */
  told(callId: CallId, leg: LegId, isHold: boolean): void {
    if (!this.context.runtime.state.calls.has(callId)) return;
    if (isHold !== this.holding.has(leg))
      void this.context.media.remember(leg, isHold ? KEPT.holds : KEPT.talks);
    if (isHold) this.holding.add(leg);
    else this.holding.delete(leg);
    this.submit(callId, leg, isHold);
  }

  /** What a process before us was told, and perhaps did not live to say, or not yet could. */
  recall(legs: readonly LegFacts[]): void {
    const { calls, offers } = this.context.runtime.state;
    for (const { leg, remembered } of legs) {
      if (remembered !== KEPT.holds && remembered !== KEPT.talks) continue;
      const isHold = remembered === KEPT.holds;
      const callId = calls.has(leg) ? leg : offers.get(leg)?.callId;
      if (callId === undefined) continue;
      if (isHold) this.holding.add(leg);
      this.submit(callId, leg, isHold);
    }
  }

  /** Media is back: what it could not carry out is ordered again. */
  again(): void {
    for (const callId of [...this.amiss]) this.apply(callId);
  }

  /** The state of a talk is made true in the audio; changes nothing where it is. */
  apply(callId: CallId): void {
    this.amiss.delete(callId);
    const call = this.context.runtime.state.calls.get(callId);
    if (call === undefined || call.connectedAt === null || call.offerId === null) return;
    const { media } = this.context;
    const { offerId, heldBy } = call;
    if (heldBy.length === 0) return this.note(callId, media.connect(callId, offerId));
    const isCallerWaiting = heldBy.some((holder) => holder !== 'caller');
    this.note(callId, media.disconnect(callId));
    this.note(callId, media.music(callId, isCallerWaiting ? this.musicOf(call) : null));
    const isAgentWaiting = heldBy.includes('caller');
    this.note(callId, media.music(offerId, isAgentWaiting ? this.musicOf(call) : null));
  }

  private musicOf({ queue }: Call): string | null {
    return soundsOf(this.context, queue)?.musicClass ?? null;
  }

  private submit(callId: CallId, leg: LegId, isHold: boolean): void {
    const { runtime } = this.context;
    const call = runtime.state.calls.get(callId);
    if (call === undefined || call.connectedAt === null) return;
    const holder = leg === callId ? 'caller' : leg === call.offerId ? 'agent' : null;
    // One of several phones that ring or were answered: the talk is another's.
    if (holder === null) return;
    void runtime.submit({ kind: isHold ? 'HoldCall' : 'UnholdCall', by: 'sip', callId, holder });
  }

  /** Who held before there was anything to hold does so now. */
  private connected({ callId, offerId }: CallConnected): void {
    for (const leg of [offerId, callId]) if (this.holding.has(leg)) this.submit(callId, leg, true);
  }

  /** What his agent's phone held is over; the caller's may hold, also while he waits. */
  private transferred({ callId, offerId }: CallTransferred): void {
    this.holding.delete(offerId);
    this.amiss.delete(callId);
  }

  private forget({ callId, offerId }: CallEnded): void {
    this.holding.delete(callId);
    if (offerId !== null) this.holding.delete(offerId);
    this.amiss.delete(callId);
  }

  private note(callId: CallId, done: Promise<MediaResult>): void {
    void done.then((result) => {
      // A call that has ended meanwhile is no failure.
      if (result.ok || !this.context.runtime.state.calls.has(callId)) return;
      this.amiss.add(callId);
      this.context.log.warn({ callId, detail: result.detail }, 'hold or its end not carried out');
    });
  }
}
