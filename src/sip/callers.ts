/**
 * Callers: INVITE for a queue → place in line → 200 → ACK → welcome and music → connected or gone.
 *
 * Comes in: INVITEs that name no login, and the journal's events. Goes out: ArriveCall,
 * ConfirmCall, EndCall; the caller's media leg bears the call's id. A caller may hang up between
 * any two steps: every step looks whether he is still there, and `close` leaves nothing over.
 */
import type { CallEnded, CoreEvent } from '../core/events.ts';
import type { CallId, ExitStatus, QueueName } from '../core/types.ts';
import type { PlayItem } from '../media/port.ts';
import type { Outcome } from '../runtime/port.ts';
import { dialogIdFor } from './context.ts';
import type { EdgeContext } from './context.ts';
import { address, clean, parseNameAddr, splitList } from './headers.ts';
import type { IncomingRequest, Response } from './port.ts';
import { carriesSdp, okWithSdp, refusalOf, Session, UNSUPPORTED_BODY } from './session.ts';
import { turnAway } from './turn-away.ts';

/** Room for INVITEs on their way beyond the core's own limit, which answers by itself. */
const ARRIVING_MAX = 500;
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
  /** We made the offer (INVITE without SDP): the ACK brings the answer. */
  readonly lateOffer: boolean;
  /** To be told once that his phone is free again. */
  readonly phoneFreed: () => void;
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
    const refusal =
      checkInvite(request) ??
      // RFC 3261 §8.2.2.2: the same request by another way.
      (dialogs.has(dialogId) ? { status: 482, reason: 'Loop Detected' } : null) ??
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
    const caller: Caller = {
      callId: runtime.newId(),
      dialogId,
      queue,
      entered: false,
      closed: false,
      session: null,
      lateOffer: request.body === '',
      phoneFreed: this.watchPhone(request),
    };
    this.callers.set(caller.callId, caller);
    request.onCancel(() => this.close(caller, 'cancel'));
    await this.answer(request, caller);
  }

  private async answer(request: IncomingRequest, caller: Caller): Promise<void> {
    const { media } = this.context;
    const sdp = caller.lateOffer
      ? await media.offer(caller.callId, request.sourceHost)
      : await media.accept(caller.callId, request.body);
    // A CANCEL came meanwhile; the leg may have been made after it was released.
    if (caller.closed) return this.release(caller.callId);
    if (!sdp.ok) return this.refuse(request, caller, refusalOf(sdp));

    const outcome = await this.context.runtime.submit(this.arrival(request, caller));
    const refusal = refusalFor(outcome);
    if (refusal !== null) {
      if (caller.closed) return;
      return this.refuse(request, caller, refusal);
    }
    caller.entered = true;
    if (caller.closed) return this.tell(caller, 'cancel');

    caller.session = new Session(
      this.context,
      { dialogId: caller.dialogId, leg: caller.callId, credentials: null, awaitsAck: true },
      {
        acknowledged: (body) => void this.confirm(caller, body),
        ended: (cause) => this.close(caller, cause),
      },
    );
    const responded = await request.respond(okWithSdp(sdp.sdp));
    if (responded.ok || caller.closed) return;
    // CANCEL won: the server has answered 487 in our place (facts §5).
    caller.session.forget();
    this.close(caller, 'cancel');
  }

  private arrival(request: IncomingRequest, caller: Caller) {
    const from = parseNameAddr(request.header('From'));
    return {
      kind: 'ArriveCall',
      by: 'sip',
      callId: caller.callId,
      queue: caller.queue,
      sipCallId: clean(request.header('Call-ID'), 256),
      from: address(from?.uri ?? ''),
      fromName: clean(from?.display ?? ''),
      to: address(request.uri),
    } as const;
  }

  private async refuse(request: IncomingRequest, caller: Caller, refusal: Response) {
    caller.closed = true;
    this.forget(caller);
    this.release(caller.callId);
    await request.respond(refusal);
  }

  /** His ACK is here: the leg is up. */
  private async confirm(caller: Caller, body: string): Promise<void> {
    const { media, runtime, log } = this.context;
    if (caller.lateOffer) {
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
    const edge = caller === undefined ? undefined : this.queueOf(caller.queue);
    if (caller === undefined || edge === undefined) return;
    void this.context.media.music(callId, edge.musicClass).then((result) => {
      if (!result.ok && !caller.closed)
        this.context.log.warn({ callId, detail: result.detail }, 'music could not be started');
    });
    this.play(caller, 'welcome', edge.welcome);
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
