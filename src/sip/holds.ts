/**
 * Talks on hold. A phone holds by offering its audio anew so that it is not to be sent to
 * (`sendonly`, `inactive`, RFC 3264 §8.4; c=0.0.0.0 as of old); a supervisor by command. Comes in:
 * what the sessions read in such offers, and the journal's events. Goes out: HoldCall, UnholdCall;
 * the bridge is taken apart, the party that is made to wait hears the music of the queue, and the
 * bridge is made again when nobody holds any more. All of it follows from the state, so whoever
 * takes a talk over has but to `apply` it once more.
 *
 * A phone that holds with music of its own (`sendonly` of a PBX) is not heard meanwhile: ours is
 * there for certain.
 */
import type { Call } from '../core/state.ts';
import type { CallId, Holder } from '../core/types.ts';
import type { MediaResult } from '../media/port.ts';
import type { EdgeContext } from './context.ts';
import { soundsOf } from './line-sounds.ts';

type Phone = Exclude<Holder, 'command'>;
const PHONES: readonly Phone[] = ['agent', 'caller'];

export class Holds {
  private readonly context: EdgeContext;
  /** Phones that hold, also before there is a talk. Bounded by the legs of calls. */
  private readonly holding = new Set<string>();
  /** Talks whose audio may not be as the state says: media was away. */
  private readonly amiss = new Set<CallId>();

  constructor(context: EdgeContext) {
    this.context = context;
    context.runtime.react(({ event }) => {
      if (event.kind === 'CallConnected') this.connected(event.callId);
      else if (event.kind === 'CallHeld' || event.kind === 'CallUnheld') this.apply(event.callId);
      else if (event.kind === 'CallEnded') this.forget(event.callId);
      else if (event.kind === 'CallTransferred') this.transferred(event.callId);
      else if (event.kind === 'OfferFailed' || event.kind === 'OfferWithdrawn')
        this.holding.delete(keyOf(event.callId, 'agent'));
    });
  }

  /** A phone's newest SDP is here. Said of every one, as a former process may have heard others. */
  told(callId: CallId, holder: Phone, isHold: boolean): void {
    const { runtime } = this.context;
    const call = runtime.state.calls.get(callId);
    if (call === undefined) return;
    if (isHold) this.holding.add(keyOf(callId, holder));
    else this.holding.delete(keyOf(callId, holder));
    if (call.connectedAt === null) return;
    void runtime.submit({ kind: isHold ? 'HoldCall' : 'UnholdCall', by: 'sip', callId, holder });
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

  /** Who held before there was anything to hold does so now. */
  private connected(callId: CallId): void {
    for (const holder of PHONES)
      if (this.holding.has(keyOf(callId, holder))) this.told(callId, holder, true);
  }

  /** What his agent's phone held is over; the caller's may hold, also while he waits. */
  private transferred(callId: CallId): void {
    this.holding.delete(keyOf(callId, 'agent'));
    this.amiss.delete(callId);
  }

  private forget(callId: CallId): void {
    for (const holder of PHONES) this.holding.delete(keyOf(callId, holder));
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

function keyOf(callId: CallId, holder: Phone): string {
  return `${callId} ${holder}`;
}
