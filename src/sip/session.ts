/**
 * One INVITE dialog with its media leg, whoever is at the other end: caller, agent, or an agent
 * logging in. Answers what the peer asks in the dialog (hold, new port, session refresh, digits,
 * BYE) and ends it. What the end means is the owner's business.
 */
import type { MediaFailure } from '../media/port.ts';
import { isHold } from '../media/sdp.ts';
import { refuseBody, withoutOptional } from './bodies.ts';
import { isGone, isNobodyThere, TRANSACTION_DEADLINE_MS } from './client.ts';
import { ALLOW, SDP } from './context.ts';
import type { EdgeContext } from './context.ts';
import type { Credentials } from './digest.ts';
import { digitOfInfo } from './dtmf.ts';
import { refuseExtensions } from './extensions.ts';
import { Following, type Told } from './following.ts';
import { clean, mediaType } from './headers.ts';
import type { Headers, IncomingRequest, Response } from './port.ts';
import { Referrals } from './referral.ts';
import type { Referral, ReferralAnswer } from './referral.ts';
import type { Renewable } from './renewal.ts';
import { SessionRefresh } from './session-refresh.ts';

export interface SessionHooks {
  /** The first ACK, where we answered the INVITE; `body` answers an offer of ours. */
  acknowledged?(body: string): void;
  /** The peer ended it, or the server found it dead. Not called for `hangUp`. */
  ended(cause: 'bye' | 'failed'): void;
  digit?(digit: string): void;
  /** He has offered or answered his audio anew: does he hold? */
  held?(isHold: boolean): void;
  /** He asks that the one he talks with be sent elsewhere. Absent: that is not offered. */
  referred?(referral: Referral): ReferralAnswer;
}

export interface SessionOptions {
  readonly dialogId: string;
  /** Media leg of the peer. */
  readonly leg: string;
  /** Ours to answer challenges with, in a dialog through a registrar. */
  readonly credentials: Credentials | null;
  /** Set where we answer the INVITE: no BYE of ours before its ACK (RFC 3261 §15). */
  readonly awaitsAck: boolean;
}

/** The final answer to an INVITE or re-INVITE that media could not serve. */
export function refusalOf(failure: MediaFailure): Response {
  if (failure.reason === 'not-acceptable' || failure.reason === 'no-way')
    return {
      status: 488,
      reason: 'Not Acceptable Here',
      headers: { Warning: `305 acd "${clean(failure.detail).replaceAll(/["\\]/g, "'")}"` },
    };
  return { status: 503, reason: 'Media Unavailable', headers: { 'Retry-After': '5' } };
}

/** The server gives up waiting for an ACK after 64·T1 = 32 s; this is for a server gone wrong. */
export const ACK_MAX_MS = 40_000;

/** By then the server has the ACK, or is about to end the dialog (RFC 3261 §13.3.1.4). */
const ACK_LOST_MS = 30_000;

/** A phone that does not answer our NOTIFY gets its BYE this much later. */
const NOTIFY_MAX_MS = 2_000;

/** So often in turn silent and not there: gone. */
const REFUSALS_MAX = 2;

/** The SIP server went down with our REFER: the peer has so long to show that it has it. */
const REFERRED_MS = 3_000;

export class Session implements Renewable {
  readonly dialogId: string;
  readonly leg: string;
  readonly credentials: Credentials | null;
  readonly isOurs: boolean;
  private readonly context: EdgeContext;
  private readonly hooks: SessionHooks;
  private readonly openedAt: number;
  private awaitsAck: boolean;
  /** We offered in a 2xx: the next ACK carries the answer. */
  private offered = false;
  /** An offer of his has no answer yet. */
  private isAsked = false;
  private readonly refreshing: SessionRefresh;
  private closed = false;
  private peerIsGone = false;
  /** He is being asked whether he is still there. */
  private probing = false;
  /** How often in turn nobody took our connection when he was silent. */
  private refusals = 0;
  /** The call that the peer makes at our request; null: none. */
  private referral: Following | null = null;
  /** What he asks us to do by REFER. */
  private readonly referrals = new Referrals((headers, body) =>
    this.context.client.request(
      { method: 'NOTIFY', dialogId: this.dialogId, headers, body },
      { credentials: this.credentials, deadlineMs: NOTIFY_MAX_MS },
    ),
  );
  /** BYE to be sent as soon as the ACK is here. */
  private pendingBye: Headers | null = null;
  /** Settles when our BYE is on its way, where that has to wait; null: it did not. */
  farewell: Promise<void> | null = null;

  constructor(context: EdgeContext, options: SessionOptions, hooks: SessionHooks) {
    this.context = context;
    this.dialogId = options.dialogId;
    this.leg = options.leg;
    this.credentials = options.credentials;
    this.openedAt = context.runtime.now();
    this.awaitsAck = options.awaitsAck;
    this.isOurs = !options.awaitsAck;
    this.hooks = hooks;
    this.refreshing = new SessionRefresh(context, this, (sdp) => this.useAnswer(sdp));
    context.dialogs.add(
      this.dialogId,
      (request) => this.take(request),
      (isSilent) => void this.probe(isSilent),
      {
        ...{ leg: this.leg, lost: () => this.silentTooLong() },
        ...{ awaitsAck: () => this.lacksAck, isAcked: () => void this.learnAck() },
      },
    );
    context.renewals.add(this);
  }

  /** RFC 3261 §14.1: no re-INVITE of ours while one of either side is under way. */
  get isInviting(): boolean {
    return this.awaitsAck || this.offered || this.isAsked || this.refreshing.isOffering;
  }

  /** His audio has moved, and he could not be told: the call cannot go on. */
  failed(): void {
    if (this.closed) return;
    this.hangUp('Q.850;cause=41;text="Media lost"');
    this.hooks.ended('failed');
  }

  /** He sends no audio for longer than may be. */
  private silentTooLong(): void {
    if (this.closed) return;
    this.hangUp('Q.850;cause=41;text="No audio"');
    this.hooks.ended('failed');
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /**
   * Ends the dialog from our side. `reason`: value of the Reason header (RFC 3326). `isReferred`:
   * because the other party is sent to where the peer's REFER says.
   */
  hangUp(reason: string, isReferred = false): void {
    if (this.closed) return;
    this.closed = true;
    this.referral?.final(0);
    this.context.renewals.remove(this);
    const headers = { Reason: reason };
    if (this.awaitsAck) {
      // Kept until ACK or the server's own BYE (ACK timeout) comes.
      this.pendingBye = headers;
      setTimeout(() => this.acknowledged(''), ACK_MAX_MS).unref();
      return;
    }
    if (!this.referrals.isUnderWay) return this.bye(headers);
    // RFC 3515 §2.4.5: he hears how his transfer ended while there is a dialog.
    this.farewell = this.referrals.over(isReferred).then(() => {
      if (!this.peerIsGone) this.bye(headers);
    });
  }

  /**
   * Asks the peer to call somebody else instead of us (RFC 3515 §2.4.1), and follows what it tells
   * of that in NOTIFY. `done`: it got there, hung up, or tells nothing; `busy`: nobody takes the
   * call there; `refused`: it will not, or cannot. `taken`: it has said that it will.
   */
  async refer(uri: string, taken: () => void): Promise<Told> {
    if (this.closed || this.awaitsAck || this.referral !== null) return 'refused';
    // Before the request: the first NOTIFY may overtake the 202.
    const following = new Following(taken);
    this.referral = following;
    const headers = { 'Refer-To': `<${uri}>`, Supported: 'norefersub' };
    const outcome = await this.context.client.request(
      { method: 'REFER', dialogId: this.dialogId, headers },
      { credentials: this.credentials, deadlineMs: TRANSACTION_DEADLINE_MS },
    );
    const isTaken = outcome.kind === 'response' && outcome.response.status < 300;
    // RFC 4488 §4: it will tell nothing.
    const isQuiet = isTaken && /^false$/i.test(outcome.response.header('Refer-Sub').trim());
    if (isQuiet || (!isTaken && outcome.kind !== 'lost')) {
      this.referral = null;
      return isQuiet ? 'done' : 'refused';
    }
    if (isTaken) following.accepted();
    else following.await(REFERRED_MS);
    return this.heard(following);
  }

  /** What he tells of a REFER of a process before us; `untold`: nothing so soon. */
  async referred(maxMs: number, taken: () => void): Promise<Told> {
    const following = new Following(taken);
    this.referral = following;
    following.await(maxMs);
    return this.heard(following);
  }

  private async heard(following: Following): Promise<Told> {
    const told = await following.outcome;
    this.referral = null;
    return told;
  }

  /** RFC 3515 §2.4.5: how far the peer's own call has come, as a status line in the body. */
  private notified(request: IncomingRequest): void {
    void request.respond({ status: 200, reason: 'OK', headers: { Allow: ALLOW } });
    if (!/^refer\b/i.test(request.header('Event').trim())) return;
    const status = Number(/^SIP\/2\.0 (\d{3})/.exec(request.body)?.[1] ?? 0);
    const isLast = /^terminated\b/i.test(request.header('Subscription-State').trim());
    if (status >= 200) this.referral?.final(status);
    else if (isLast) this.referral?.final(0);
    else this.referral?.tries();
  }

  /** The dialog never came to be, or is known to be gone: nothing to say to the peer. */
  forget(): void {
    this.closed = true;
    this.context.renewals.remove(this);
    this.context.dialogs.remove(this.dialogId);
  }

  /**
   * Does the server still know the dialog, and the peer (RFC 3261 §12.2.1.2)? Asked when the server
   * was away, or the peer sends no audio. Who is silent and takes no connections any more is gone,
   * too, if it is so when he is asked again: a phone may be about to connect itself. Who is only
   * not to be reached may be there: it may be our own network that is away.
   */
  private async probe(isSilent: boolean): Promise<void> {
    if (this.closed || this.probing) return;
    if (this.awaitsAck && this.context.runtime.now() - this.openedAt < ACK_LOST_MS) return;
    this.probing = true;
    const outcome = await this.context.client.request(
      { method: 'OPTIONS', dialogId: this.dialogId },
      { credentials: this.credentials, deadlineMs: TRANSACTION_DEADLINE_MS },
    );
    this.probing = false;
    this.refusals = isSilent && isNobodyThere(outcome) ? this.refusals + 1 : 0;
    if (!isGone(outcome) && this.refusals < REFUSALS_MAX) {
      // He is in the dialog: his first ACK was lost. Another may still be on its way.
      const isThere = outcome.kind === 'response' && !outcome.response.local;
      if (isThere && this.awaitsAck) void this.learnAck();
      return;
    }
    // The peer is gone, but the SIP server keeps the dialog until it hears of its end.
    if (!this.closed && outcome.kind !== 'no-dialog') {
      this.bye({ Reason: 'Q.850;cause=102;text="No longer there"' });
    }
    this.peerEnded('failed');
  }

  private get lacksAck(): boolean {
    return this.awaitsAck || this.offered;
  }

  /** His ACK was lost with a SIP server, or with the connection to it, which knows what it said. */
  private async learnAck(): Promise<void> {
    if (!this.lacksAck) return;
    const sdp = await this.context.client.heard(this.dialogId);
    // Not told: at the next look.
    if (sdp !== null && this.lacksAck) this.acknowledged(sdp);
  }

  private bye(headers: Headers): void {
    this.context.dialogs.remove(this.dialogId);
    const bye = { method: 'BYE', dialogId: this.dialogId, headers };
    const options = { credentials: this.credentials, deadlineMs: TRANSACTION_DEADLINE_MS };
    void this.context.client.request(bye, options).then((outcome) => {
      // `no-dialog`: his BYE crossed ours; there is nothing left to end.
      if (outcome.kind === 'response' || outcome.kind === 'no-dialog') return;
      this.context.log.warn({ dialogId: this.dialogId, outcome: outcome.kind }, 'BYE unanswered');
    });
  }

  private take(request: IncomingRequest): void {
    switch (request.method) {
      case 'ACK':
        return this.acknowledged(request.body);
      case 'BYE':
        void request.respond({ status: 200, reason: 'OK' });
        return this.peerEnded(request.source === 'server' ? 'failed' : 'bye');
      case 'INVITE':
      case 'UPDATE':
        if (request.source === 'server') void this.refreshing.begin(request.method === 'INVITE');
        else void this.reoffered(request);
        return;
      case 'INFO':
        return this.informed(request);
      case 'PRACK':
      case 'OPTIONS':
        void request.respond({ status: 200, reason: 'OK', headers: { Allow: ALLOW } });
        return;
      case 'NOTIFY':
        return this.notified(request);
      case 'REFER':
        if (this.closed) return refuseEnded(request);
        void this.referrals.take(request, this.hooks);
        return;
      default:
        void request.respond({
          status: 405,
          reason: 'Method Not Allowed',
          headers: { Allow: ALLOW },
        });
    }
  }

  private acknowledged(body: string): void {
    const first = this.awaitsAck;
    this.awaitsAck = false;
    if (this.pendingBye !== null) {
      this.bye(this.pendingBye);
      this.pendingBye = null;
      return;
    }
    if (this.closed) return;
    if (first) {
      this.hooks.acknowledged?.(body);
      this.context.renewals.settled(this.leg);
      return;
    }
    if (!this.offered) return;
    this.offered = false;
    void this.useAnswer(body).then(() => this.context.renewals.settled(this.leg));
  }

  /** His answer to an offer of ours within the dialog: where his audio goes to may have changed. */
  private async useAnswer(sdp: string): Promise<void> {
    const { media, log } = this.context;
    const result = await media.answered(this.leg, sdp);
    if (result.ok) this.tellHold(sdp);
    else log.warn({ leg: this.leg, detail: result.detail }, 'his answer is unusable');
  }

  private peerEnded(cause: 'bye' | 'failed'): void {
    this.peerIsGone = true;
    this.context.dialogs.remove(this.dialogId);
    this.context.renewals.remove(this);
    this.pendingBye = null;
    this.referral?.final(0);
    if (this.closed) return;
    this.closed = true;
    this.hooks.ended(cause);
  }

  /** RFC 3261 §14.2 and RFC 3311 §5.2: one offer at a time; null: there is none. */
  private crossing(): Response | null {
    if (this.offered || this.refreshing.isOffering || this.context.renewals.isUnderWay(this.leg))
      return { status: 491, reason: 'Request Pending' };
    if (!this.isAsked) return null;
    const headers = { 'Retry-After': String(Math.floor(Math.random() * 10)) };
    return { status: 500, reason: 'Server Internal Error', headers };
  }

  /** re-INVITE (RFC 3261 §14.2) and UPDATE (RFC 3311): with an offer, or to refresh only. */
  private async reoffered(given: IncomingRequest): Promise<void> {
    const request = withoutOptional(given);
    const isInvite = request.method === 'INVITE';
    if (this.closed) return refuseEnded(request);
    const refusal = refuseExtensions(request) ?? refuseBody(request);
    if (refusal !== null) {
      await request.respond(refusal);
      return;
    }
    if (request.body === '' && !isInvite) {
      await request.respond({ status: 200, reason: 'OK', headers: { Allow: ALLOW } });
      return;
    }
    const { media, renewals } = this.context;
    const crossing = this.crossing();
    if (crossing !== null) {
      await request.respond(crossing);
      return;
    }
    this.isAsked = true;
    const result =
      request.body === ''
        ? await media.reoffer(this.leg)
        : await media.reoffered(this.leg, request.body);
    this.isAsked = false;
    this.offered = result.ok && isInvite && request.body === '';
    renewals.settled(this.leg);
    if (!result.ok) {
      await request.respond(refusalOf(result));
      return;
    }
    await request.respond(okWithSdp(result.sdp));
    this.tellHold(request.body);
  }

  /** RFC 3264 §8.4: he holds who wants nothing sent. Without SDP nothing has changed. */
  private tellHold(sdp: string): void {
    const holds = sdp === '' ? null : isHold(sdp);
    if (holds !== null && !this.closed) this.hooks.held?.(holds);
  }

  private informed(request: IncomingRequest): void {
    const type = request.header('Content-Type');
    const digit = digitOfInfo(type, request.body);
    const isDtmf = mediaType(type).startsWith('application/dtmf');
    if (digit === null && request.body !== '' && !isDtmf) {
      // RFC 6086 §4.2.2 and the older INFO alike: a body nobody here understands.
      void request.respond({
        status: 415,
        reason: 'Unsupported Media Type',
        headers: { Accept: 'application/dtmf-relay, application/dtmf' },
      });
      return;
    }
    void request.respond({ status: 200, reason: 'OK' });
    if (digit !== null && !this.closed) this.hooks.digit?.(digit);
  }
}

/** RFC 3261 §12.2.2: our BYE is on its way. */
function refuseEnded(request: IncomingRequest): void {
  void request.respond({ status: 481, reason: 'Call/Transaction Does Not Exist' });
}

export function okWithSdp(sdp: string): Response {
  return {
    status: 200,
    reason: 'OK',
    headers: { Allow: ALLOW, 'Content-Type': SDP },
    body: sdp,
  };
}
