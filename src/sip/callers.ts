/**
 * Callers: INVITE for a queue → place in line → 200 → ACK → welcome and music → connected or gone.
 *
 * Comes in: INVITEs that name no login, and the journal's events. Goes out: ArriveCall,
 * ConfirmCall, EndCall; the caller's media leg bears the call's id. A caller may hang up between
 * any two steps: every step looks whether he is still there, and `close` leaves nothing over. What
 * a process before us left is adopted: a dialog, or an INVITE that is given to us again.
 */
import type { CallEnded, CoreEvent } from '../core/events.ts';
import type { Call } from '../core/state.ts';
import type { CallId, ExitStatus, QueueName } from '../core/types.ts';
import type { PlayItem } from '../media/port.ts';
import type { Outcome } from '../runtime/port.ts';
import { dialogIdFor } from './context.ts';
import type { EdgeContext } from './context.ts';
import { address, clean, parseNameAddr, splitList } from './headers.ts';
import type { HeldDialog, IncomingRequest, Response } from './port.ts';
import { carriesSdp, okWithSdp, refusalOf, Session, UNSUPPORTED_BODY } from './session.ts';
import { overloaded } from './shedding.ts';
import { turnAway } from './turn-away.ts';

/** Room for INVITEs on their way beyond the core's own limit, which answers by itself. */
const ARRIVING_MAX = 500;
/** After a lost connection, or a takeover, an unanswered INVITE is given to us again this soon. */
const AGAIN_MAX_MS = 10_000;
/** Extensions a peer may demand of us in Require (RFC 3261 §8.2.2.3). */
const SUPPORTED = new Set(['timer', '100rel']);

interface Caller {
  readonly callId: CallId;
  readonly dialogId: string;
  readonly queue: QueueName;
  /** The core knows the call. */
  entered: boolean;
  /** Gone, for whatever reason: every step that finds this stops. */
  closed: boolean;
  session: Session | null;
  /** We made the offer (INVITE without SDP): the ACK brings the answer. null: it will tell. */
  lateOffer: boolean | null;
  /** Waits for his INVITE to be given to us again; ends him if it is not. */
  stranded: NodeJS.Timeout | null;
  /** Via of his INVITE: tells the same one given again from one that came another way. */
  via: string;
  /** It was, before we knew that our answer to the first was lost. */
  again: IncomingRequest | null;
  /** To be told once that his phone is free again. */
  phoneFreed: () => void;
}

/** Told of every caller's phone: an agent's phone that calls a queue is not idle meanwhile. */
export type PhoneWatch = (request: IncomingRequest) => () => void;

/** Final answer for a call that gets no place. 486 and 503 as Asterisk's FULL and congestion. */
const REFUSALS: Readonly<Record<ExitStatus, Response>> = {
  UNKNOWNQUEUE: { status: 404, reason: 'No Such Queue' },
  FULL: { status: 486, reason: 'Queue Full' },
  OVERLOAD: { status: 503, reason: 'Overload', headers: { 'Retry-After': '10' } },
  FAILED: { status: 500, reason: 'Server Internal Error' },
  ABANDONED: { status: 487, reason: 'Request Terminated' },
  COMPLETED: { status: 500, reason: 'Server Internal Error' },
};

const UNAVAILABLE: Response = {
  status: 503,
  reason: 'Service Unavailable',
  headers: { 'Retry-After': '5' },
};

/** null: he has a place; else what to answer him. */
function refusalFor(outcome: Outcome): Response | null {
  if (!outcome.ok) {
    if (outcome.refusal === 'unknown-queue') return REFUSALS.UNKNOWNQUEUE;
    if (outcome.refusal === 'queue-full') return REFUSALS.FULL;
    return outcome.refusal === 'overload' ? REFUSALS.OVERLOAD : UNAVAILABLE;
  }
  for (const { event } of outcome.events)
    if (event.kind === 'CallRefused') return REFUSALS[event.status];
  return null;
}

/** What to answer before anything is tried, or null. */
export function checkInvite(request: IncomingRequest): Response | null {
  const unsupported = splitList(request.header('Require')).filter(
    (each) => !SUPPORTED.has(each.toLowerCase()),
  );
  if (unsupported.length > 0)
    return {
      status: 420,
      reason: 'Bad Extension',
      headers: { Unsupported: clean(unsupported.join(', ')) },
    };
  const hasBody = request.body !== '' || request.header('Content-Type') !== '';
  return hasBody && !carriesSdp(request) ? UNSUPPORTED_BODY : null;
}

export class Callers {
  private readonly context: EdgeContext;
  private readonly callers = new Map<CallId, Caller>();
  private readonly byDialog = new Map<string, Caller>();
  private readonly watchPhone: PhoneWatch;
  private stopping = false;

  constructor(context: EdgeContext, watchPhone: PhoneWatch = () => () => undefined) {
    this.context = context;
    this.watchPhone = watchPhone;
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

  /** An INVITE for a queue. Never rejects. */
  async arrive(request: IncomingRequest, queue: QueueName): Promise<void> {
    const { runtime, dialogs, config } = this.context;
    const dialogId = dialogIdFor(request);
    const former = this.byDialog.get(dialogId);
    if (former !== undefined && former.stranded !== null) return this.resume(request, former);
    if (former?.session === null && former.via === request.header('Via')) {
      former.again = request;
      return;
    }
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
    const caller = this.admit(runtime.newId(), dialogId, queue);
    caller.lateOffer = request.body === '';
    caller.phoneFreed = this.watchPhone(request);
    await this.serve(request, caller);
  }

  private admit(callId: CallId, dialogId: string, queue: QueueName): Caller {
    const caller: Caller = {
      callId,
      dialogId,
      queue,
      entered: false,
      closed: false,
      session: null,
      lateOffer: null,
      stranded: null,
      via: '',
      again: null,
      phoneFreed: () => undefined,
    };
    this.callers.set(callId, caller);
    this.byDialog.set(dialogId, caller);
    return caller;
  }

  /**
   * A call that a process before us entered, as the SIP server still has it: its dialog, or its
   * INVITE without an answer, which is given to us again.
   */
  adopt(call: Call, held: HeldDialog): void {
    const caller = this.admit(call.id, held.dialogId, call.queue);
    caller.entered = true;
    if (held.state === 'early') return this.strand(caller);
    caller.session = this.open(caller, held.state === 'awaiting-ack');
    if (call.confirmedAt === null) {
      // His ACK was given to that process, which did not live to say so.
      if (held.state === 'confirmed') void this.confirm(caller, '');
    } else if (call.connectedAt === null) this.startMusic(caller);
  }

  private strand(caller: Caller): void {
    caller.stranded = setTimeout(() => {
      caller.stranded = null;
      this.context.log.warn({ callId: caller.callId }, 'his INVITE was lost before our answer');
      this.close(caller, 'failed');
    }, AGAIN_MAX_MS);
    caller.stranded.unref();
  }

  /** His INVITE is here again: it is answered with the leg and the place he has. */
  private async resume(request: IncomingRequest, caller: Caller): Promise<void> {
    if (caller.stranded !== null) clearTimeout(caller.stranded);
    caller.stranded = null;
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
    // A CANCEL came meanwhile; the leg may have been made after it was released.
    if (caller.closed) return this.release(caller.callId);
    if (!sdp.ok) return this.refuse(request, caller, refusalOf(sdp));

    if (!caller.entered) {
      const outcome = await this.context.runtime.submit(this.arrival(request, caller));
      const refusal = refusalFor(outcome);
      if (refusal !== null) {
        if (caller.closed) return;
        return this.refuse(request, caller, refusal);
      }
      caller.entered = true;
      if (caller.closed) return this.tell(caller, 'cancel');
    }

    caller.session = this.open(caller, true);
    const responded = await request.respond(okWithSdp(sdp.sdp));
    if (responded.ok || caller.closed) return;
    caller.session.forget();
    caller.session = null;
    // CANCEL won: the server has answered 487 in our place (facts §5).
    if (!responded.isLost) this.close(caller, 'cancel');
    // The server still has his INVITE, and gives it to us again when we are back.
    else if (caller.again === null) this.strand(caller);
    else await this.resume(caller.again, caller);
  }

  private open(caller: Caller, awaitsAck: boolean): Session {
    return new Session(
      this.context,
      { dialogId: caller.dialogId, leg: caller.callId, credentials: null, awaitsAck },
      {
        acknowledged: (body) => void this.confirm(caller, body),
        ended: (cause) => this.close(caller, cause),
      },
    );
  }

  private arrival(request: IncomingRequest, caller: Caller) {
    const from = parseNameAddr(request.header('From'));
    return {
      kind: 'ArriveCall',
      by: 'sip',
      callId: caller.callId,
      queue: caller.queue,
      sipCallId: clean(request.header('Call-ID'), 256),
      dialogId: caller.dialogId,
      from: address(from?.uri ?? ''),
      fromName: clean(from?.display ?? ''),
      to: address(request.uri),
    } as const;
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
    if (caller.stranded !== null) clearTimeout(caller.stranded);
    if (this.byDialog.get(caller.dialogId) === caller) this.byDialog.delete(caller.dialogId);
    if (this.callers.delete(caller.callId)) caller.phoneFreed();
  }

  private tell(caller: Caller, cause: 'bye' | 'cancel' | 'failed'): void {
    void this.context.runtime.submit({ kind: 'EndCall', by: 'sip', callId: caller.callId, cause });
  }

  private release(leg: string): void {
    void this.context.media.release(leg);
  }

  private react(event: CoreEvent): void {
    if (event.kind === 'CallConfirmed') this.entertain(event.callId);
    else if (event.kind === 'AnnouncementDue') {
      const caller = this.callers.get(event.callId);
      const edge = this.queueOf(event.queue);
      if (caller !== undefined && edge !== undefined)
        this.play(caller, `announcement-${event.count}`, edge.periodicAnnounce);
    } else if (event.kind === 'CallEnded') this.ended(event);
  }

  private queueOf(name: QueueName) {
    return this.context.config.queues.find((queue) => queue.name === name);
  }

  /** Music first, because prompts play over it and it goes on when they end. */
  private entertain(callId: CallId): void {
    const caller = this.callers.get(callId);
    if (caller === undefined) return;
    this.startMusic(caller);
    this.play(caller, 'welcome', this.queueOf(caller.queue)?.welcome ?? []);
  }

  /** Harmless where it plays already: it goes on where it is. */
  private startMusic(caller: Caller): void {
    const { callId, queue } = caller;
    const edge = this.queueOf(queue);
    if (edge === undefined) return;
    void this.context.media.music(callId, edge.musicClass).then((result) => {
      if (!result.ok && !caller.closed)
        this.context.log.warn({ callId, detail: result.detail }, 'music could not be started');
    });
  }

  private play(caller: Caller, playId: string, keys: readonly string[]): void {
    if (keys.length === 0) return;
    const items: PlayItem[] = keys.map((prompt) => ({ prompt }));
    void this.context.media.play(caller.callId, playId, items).then((result) => {
      if (!result.ok && !caller.closed)
        this.context.log.warn(
          { callId: caller.callId, detail: result.detail },
          'prompt not played',
        );
    });
  }

  private ended(event: CallEnded): void {
    const caller = this.callers.get(event.callId);
    if (caller === undefined) return;
    caller.closed = true;
    this.forget(caller);
    this.release(caller.callId);
    caller.session?.hangUp(
      event.status === 'FAILED'
        ? 'Q.850;cause=41;text="Temporary failure"'
        : 'Q.850;cause=16;text="Normal call clearing"',
    );
  }
}
