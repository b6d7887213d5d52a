/**
 * Callers: INVITE for a queue → place in line → 200 → ACK → welcome and music → connected or gone.
 *
 * Comes in: INVITEs that name no login, and the journal's events. Goes out: ArriveCall,
 * ConfirmCall, EndCall; the caller's media leg bears the call's id. A caller may hang up between
 * any two steps: every step looks whether he is there, and `close` leaves nothing over. What a
 * process before us left is adopted: a dialog, or an INVITE that is given to us again.
 */
import type { AnnouncementDue, CallEnded, CallEntered } from '../core/events.ts';
import type { CallMoved, CoreEvent } from '../core/events.ts';
import type { CallTransferred } from '../core/transfer-events.ts';
import type { Call } from '../core/state.ts';
import type { Transfer } from '../core/transfer-call.ts';
import type { AgentId, CallId, QueueName } from '../core/types.ts';
import { newCaller, type Caller, type Phones } from './caller.ts';
import { dialogIdFor } from './context.ts';
import type { EdgeContext } from './context.ts';
import { goodbyeOf, refusalFor, REFUSALS } from './destination.ts';
import { pressKey } from './exit-keys.ts';
import { clean } from './headers.ts';
import type { Holds } from './holds.ts';
import { arrivalOf, checkInvite } from './invites.ts';
import { playPrompts, soundsOf, startMusic } from './line-sounds.ts';
import type { HeldDialog, IncomingRequest, Response } from './port.ts';
import { credentialsAt } from './routes.ts';
import { okWithSdp, refusalOf, Session } from './session.ts';
import { overloaded } from './shedding.ts';
import { hangUp } from './take-back.ts';
import type { FoundOutside, Transfers } from './transfers.ts';
import { turnAway } from './turn-away.ts';

/** Room for INVITEs on their way beyond the core's own limit, which answers by itself. */
const ARRIVING_MAX = 500;
/** After a lost connection, or a takeover, an unanswered INVITE is given to us again this soon. */
const AGAIN_MAX_MS = 10_000;
/** Name of the last prompt, and the longest it may take. */
const FAREWELL = 'farewell';
const FAREWELL_MAX_MS = 60_000;
const FAILED = 'Q.850;cause=41;text="Temporary failure"';

export class Callers {
  private readonly context: EdgeContext;
  private readonly callers = new Map<CallId, Caller>();
  private readonly byDialog = new Map<string, Caller>();
  private readonly transfers: Transfers;
  private readonly holds: Holds;
  private readonly phones: Phones;
  private stopping = false;

  constructor(context: EdgeContext, transfers: Transfers, holds: Holds, phones: Phones) {
    this.context = context;
    this.transfers = transfers;
    this.holds = holds;
    this.phones = phones;
    context.runtime.react(({ event }) => this.react(event));
  }

  get size(): number {
    return this.callers.size;
  }

  owns(leg: string): boolean {
    return this.callers.has(leg);
  }

  /** Media came back from a fault with these legs; a caller without one hears nothing any more. */
  mediaRestored(restored: ReadonlySet<string>): void {
    for (const caller of this.callers.values()) {
      if (caller.session === null || restored.has(caller.callId)) continue;
      this.context.log.warn({ callId: caller.callId }, 'caller ended: his media leg was lost');
      caller.session.hangUp('Q.850;cause=41;text="Media lost"');
      this.close(caller, 'failed');
    }
  }

  /** No more calls are taken; those that are here go on. */
  stop(): void {
    this.stopping = true;
  }

  /**
   * An INVITE that was not answered is given to us again, after a lost connection or a takeover.
   * False: it is of no call that waits for it. True: it goes on, and was asked all there is before.
   */
  takeAgain(request: IncomingRequest): boolean {
    const former = this.byDialog.get(dialogIdFor(request));
    if (former === undefined) return false;
    if (former.stranded !== null) {
      void this.resume(request, former);
      return true;
    }
    if (former.session !== null || former.via !== request.header('Via')) return false;
    former.again = request;
    return true;
  }

  /** An INVITE for a queue. Never rejects. */
  async arrive(
    request: IncomingRequest,
    queue: QueueName,
    agentId: AgentId | null = null,
  ): Promise<void> {
    const { runtime, dialogs, config } = this.context;
    const dialogId = dialogIdFor(request);
    const former = this.byDialog.get(dialogId);
    // Before anything is looked up, made or written to the log: there may be thousands of these.
    const overload = former === undefined ? overloaded(this.context.load, 'call') : null;
    if (overload !== null) {
      await request.respond(overload);
      return;
    }
    const refusal =
      checkInvite(request) ??
      // RFC 3261 §8.2.2.2: the same request by another way.
      (dialogs.has(dialogId) || former !== undefined
        ? { status: 482, reason: 'Loop Detected' }
        : null) ??
      (this.stopping ? turnAway(request, config.drain.redirect) : null) ??
      (this.callers.size >= config.core.maxCalls + ARRIVING_MAX ? REFUSALS.OVERLOAD : null) ??
      (runtime.state.queues.has(queue) ? null : REFUSALS.UNKNOWNQUEUE);
    if (refusal !== null) {
      this.context.log.info(
        { queue: clean(queue), from: clean(request.header('From')), status: refusal.status },
        `call refused: ${refusal.reason}`,
      );
      await request.respond(refusal);
      return;
    }
    const caller = this.admit(runtime.newId(), dialogId, queue, this.phones.origin(request));
    caller.agentId = agentId;
    caller.lateOffer = request.body === '';
    caller.phoneFreed = this.phones.watch(request);
    await this.serve(request, caller);
  }

  private admit(...who: Parameters<typeof newCaller>): Caller {
    const caller = newCaller(...who);
    this.callers.set(caller.callId, caller);
    this.byDialog.set(caller.dialogId, caller);
    return caller;
  }

  /** A call that a process before us entered, as the SIP server still has it: its dialog, or its
   *  INVITE without an answer, which is given to us again. `lateAnswer`: came with his ACK. */
  adopt(call: Call, held: HeldDialog, lateAnswer: string | null): void {
    const caller = this.admit(call.id, held.dialogId, call.queue, call.registrar);
    caller.entered = true;
    if (held.state === 'early') return this.strand(caller);
    caller.session = this.open(caller, held.state === 'awaiting-ack');
    if (call.confirmedAt === null) {
      // His ACK was given to that process, which did not live to say so.
      caller.lateOffer = lateAnswer === null ? null : true;
      if (held.state === 'confirmed') void this.confirm(caller, lateAnswer ?? '');
    } else if (call.connectedAt === null) {
      // That process may have died while it took his talk apart.
      if (call.talks.length > 0) void this.context.media.disconnect(call.id);
      startMusic(this.context, call.id, call.queue);
    }
  }

  private strand(caller: Caller): void {
    caller.stranded = setTimeout(() => {
      caller.stranded = null;
      this.context.log.warn({ callId: caller.callId }, 'his INVITE was lost before our answer');
      this.close(caller, 'failed');
      // Should it have been answered after all, nobody else would tell him.
      hangUp(this.context, caller.dialogId, credentialsAt(this.context.config, caller.registrar));
    }, AGAIN_MAX_MS);
    caller.stranded.unref();
  }

  private unstrand(caller: Caller): void {
    if (caller.stranded !== null) clearTimeout(caller.stranded);
    caller.stranded = null;
  }

  /**
   * The SIP server had our answer to his INVITE, and he has a dialog: that word was lost. False: it
   * is of no call that waits for it.
   */
  isAnswered(dialogId: string): boolean {
    const caller = this.byDialog.get(dialogId);
    if (caller === undefined || caller.stranded === null) return false;
    this.unstrand(caller);
    caller.session = this.open(caller, true);
    return true;
  }

  /** His INVITE is here again: it is answered with the leg and the place he has. */
  private async resume(request: IncomingRequest, caller: Caller): Promise<void> {
    this.unstrand(caller);
    caller.again = null;
    caller.lateOffer = request.body === '';
    await this.serve(request, caller);
  }

  private async serve(request: IncomingRequest, caller: Caller): Promise<void> {
    caller.via = request.header('Via');
    request.onCancel(() => this.close(caller, 'cancel'));
    await this.answer(request, caller);
  }

  private async answer(request: IncomingRequest, caller: Caller): Promise<void> {
    const { media } = this.context;
    const sdp =
      caller.lateOffer === true
        ? await media.offer(caller.callId, request.sourceHost)
        : await media.accept(caller.callId, request.body);
    // A CANCEL came meanwhile, or his place was given away; the leg may be younger than that.
    if (caller.closed) {
      this.release(caller.callId);
      if (caller.isHungUp === true) await request.respond(REFUSALS.OVERLOAD);
      return;
    }
    if (!sdp.ok) return this.refuse(request, caller, refusalOf(sdp));

    if (!caller.entered) {
      const outcome = await this.context.runtime.submit(
        arrivalOf(request, caller, this.context.config.sip),
      );
      const rejection = refusalFor(outcome);
      if (rejection !== null) {
        if (caller.closed) return;
        if (rejection.prompt !== undefined) {
          caller.farewell = rejection.prompt;
          return this.accept(request, caller, sdp.sdp);
        }
        return this.refuse(request, caller, rejection.response);
      }
      caller.entered = true;
      if (caller.closed) return this.tell(caller, 'cancel');
    }

    await this.accept(request, caller, sdp.sdp);
  }

  private async accept(request: IncomingRequest, caller: Caller, sdp: string): Promise<void> {
    caller.session = this.open(caller, true);
    const responded = await request.respond(okWithSdp(sdp));
    if (responded.ok || caller.closed) return;
    caller.session.forget();
    caller.session = null;
    // CANCEL won: the SIP server has answered 487 by itself, as drachtio-server does.
    if (!responded.isLost) this.close(caller, 'cancel');
    // The server still has his INVITE, and gives it to us again when we are back.
    else if (caller.again === null) this.strand(caller);
    else await this.resume(caller.again, caller);
  }

  private open(caller: Caller, awaitsAck: boolean): Session {
    const { dialogId, callId: leg, registrar } = caller;
    const credentials = credentialsAt(this.context.config, registrar);
    return new Session(
      this.context,
      { dialogId, leg, credentials, awaitsAck },
      {
        acknowledged: (body) => void this.confirm(caller, body),
        ended: (cause) => this.close(caller, cause),
        digit: (digit) => pressKey(this.context, caller, digit, 'info'),
        held: (isHold) => this.holds.told(caller.callId, caller.callId, isHold),
      },
    );
  }

  private async refuse(request: IncomingRequest, caller: Caller, refusal: Response) {
    this.close(caller, 'failed');
    await request.respond(refusal);
  }

  /** His ACK is here: the leg is up. */
  private async confirm(caller: Caller, body: string): Promise<void> {
    const { media, runtime, log } = this.context;
    if (caller.lateOffer ?? body !== '') {
      const result = await media.answered(caller.callId, body);
      if (caller.closed) return;
      if (!result.ok) {
        // RFC 3261 §13.2.1: an answer we cannot use, in the ACK: there is nothing left but BYE.
        log.warn({ callId: caller.callId, detail: result.detail }, 'answer in ACK unusable');
        caller.session?.hangUp('SIP;cause=488;text="Not Acceptable Here"');
        this.close(caller, 'failed');
        return;
      }
    }
    if (caller.farewell !== null) return this.sayGoodbye(caller, caller.farewell);
    const outcome = await runtime.submit({
      kind: 'ConfirmCall',
      by: 'sip',
      callId: caller.callId,
    });
    if (outcome.ok || caller.closed) return;
    caller.session?.hangUp('SIP;cause=500;text="Server Internal Error"');
    this.close(caller, 'failed');
  }

  /** The caller is gone: nothing of him stays. */
  private close(caller: Caller, cause: 'bye' | 'cancel' | 'failed'): void {
    if (caller.closed) return;
    caller.closed = true;
    this.forget(caller);
    this.release(caller.callId);
    if (caller.entered) this.tell(caller, cause);
  }

  private forget(caller: Caller): void {
    this.unstrand(caller);
    if (caller.overdue !== null) clearTimeout(caller.overdue);
    if (this.byDialog.get(caller.dialogId) === caller) this.byDialog.delete(caller.dialogId);
    if (this.callers.delete(caller.callId)) caller.phoneFreed();
    this.transfers.callerLeft(caller.callId);
  }

  private tell(caller: Caller, cause: 'bye' | 'cancel' | 'failed'): void {
    void this.context.runtime.submit({ kind: 'EndCall', by: 'sip', callId: caller.callId, cause });
  }

  private release(leg: string): void {
    void this.context.media.release(leg);
  }

  private react(event: CoreEvent): void {
    if (event.kind === 'CallConfirmed') this.entertain(event.callId);
    else if (event.kind === 'AnnouncementDue') this.announce(event);
    else if (event.kind === 'CallMoved') this.moved(event);
    else if (event.kind === 'CallTransferred') this.transferred(event);
    else if (event.kind === 'CallEntered') this.entered(event);
    else if (event.kind === 'CallEnded') this.ended(event);
  }

  /** Music first, because prompts play over it and it goes on when they end. */
  private entertain(callId: CallId): void {
    const caller = this.callers.get(callId);
    if (caller === undefined) return;
    startMusic(this.context, callId, caller.queue);
    playPrompts(this.context, callId, 'welcome', soundsOf(this.context, caller.queue)?.welcome);
  }

  private announce(event: AnnouncementDue): void {
    const prompts = soundsOf(this.context, event.queue)?.periodicAnnounce;
    if (!this.callers.has(event.callId)) return;
    playPrompts(this.context, event.callId, `announcement-${event.count}`, prompts);
  }

  digit(leg: string, digit: string): void {
    const caller = this.callers.get(leg);
    if (caller !== undefined) pressKey(this.context, caller, digit, 'rtp');
  }

  /** His last prompt is over. */
  playEnded(leg: string, playId: string): void {
    const caller = this.callers.get(leg);
    if (caller?.farewell != null && playId === FAREWELL) this.hangUp(caller, goodbyeOf(undefined));
  }

  /** The queue he asked for may have sent him on before he had a place. */
  private entered(event: CallEntered): void {
    const caller = this.callers.get(event.callId);
    if (caller === undefined) return;
    caller.queue = event.queue;
  }

  /** Another queue has him now: its music, where that is another one. */
  private moved(event: CallMoved): void {
    const caller = this.callers.get(event.callId);
    if (caller === undefined) return;
    const former = soundsOf(this.context, caller.queue)?.musicClass;
    caller.queue = event.queue;
    caller.digits?.forget();
    const { callId, queue } = event;
    if (soundsOf(this.context, queue)?.musicClass !== former)
      startMusic(this.context, callId, queue);
  }

  /** Out of his talk he waits again; before an agent he is welcomed no second time. */
  private transferred({ callId, queue }: CallTransferred): void {
    const caller = this.callers.get(callId);
    if (caller === undefined) return;
    caller.queue = queue;
    caller.digits?.forget();
    void this.context.media.disconnect(callId);
    startMusic(this.context, callId, queue);
  }

  private ended(event: CallEnded): void {
    const { destination, callId } = event;
    const caller = this.callers.get(callId);
    if (caller === undefined) {
      if (destination?.to === 'uri') this.transfers.lost(callId);
      return;
    }
    caller.entered = false;
    if (destination?.to === 'prompt') return this.sayGoodbye(caller, destination.prompt);
    if (destination?.to === 'uri') return this.transfer(caller);
    this.hangUp(caller, event.status === 'FAILED' ? FAILED : goodbyeOf(destination));
  }

  private transfer(caller: Caller): void {
    const { callId, session } = caller;
    const sent = this.context.runtime.state.transfers.get(callId);
    if (session === null || sent === undefined) {
      this.transfers.lost(callId);
      return this.hangUp(caller, goodbyeOf(undefined));
    }
    const settled = this.transfers.send({ callId, session }, sent);
    void settled.then((reason) => this.hangUp(caller, reason));
  }

  /** A caller whom a process before us was sending elsewhere. */
  adoptSent(sent: Transfer, dialogId: string, outside: FoundOutside): void {
    const { callId } = sent;
    const caller = this.admit(callId, dialogId, sent.queue, sent.registrar);
    const session = this.open(caller, false);
    caller.session = session;
    const settled = this.transfers.resume({ callId, session }, sent, outside);
    void settled.then((reason) => this.hangUp(caller, reason));
  }

  /** He hears one prompt more, then we hang up; also where the prompt does not end in time. */
  private sayGoodbye(caller: Caller, prompt: string): void {
    const { media } = this.context;
    caller.farewell = prompt;
    const end = setTimeout(() => this.hangUp(caller, goodbyeOf(undefined)), FAREWELL_MAX_MS);
    end.unref();
    caller.overdue = end;
    void media
      .music(caller.callId, null)
      .then(() => media.play(caller.callId, FAREWELL, [{ prompt }]))
      .then((result) => {
        if (!result.ok) this.hangUp(caller, goodbyeOf(undefined));
      });
  }

  private hangUp(caller: Caller, reason: string): void {
    if (caller.closed) return;
    caller.closed = true;
    caller.isHungUp = true;
    this.forget(caller);
    this.release(caller.callId);
    caller.session?.hangUp(reason);
  }
}
