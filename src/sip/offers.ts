/**
 * Offers: AgentOffered → INVITE to his phone → rings → answers → bridge, or a verdict why not. One
 * that asks the queue's veto first is none of ours before OfferCleared.
 *
 * Comes in: the journal's events. Goes out: NoteInvite, RingOffer, AnswerOffer, ConfirmBridge,
 * FailOffer, EndAgentLeg; the agent's media leg bears the offer's id, and so does the SIP dialog
 * (Call-ID and tag), so that a process that takes over finds both and goes on: an INVITE that rings
 * is resumed, one that was never sent is sent, an answered one is bridged. Early media of the phone
 * is not passed on: the caller has his music until the bridge stands.
 */
import { mayTransferTo } from '../config/transfer-rules.ts';
import type {
  AgentOffered,
  CallEnded,
  CoreEvent,
  OfferAnswered,
  OfferWithdrawn,
} from '../core/events.ts';
import type { Offer } from '../core/state.ts';
import type { OfferId } from '../core/types.ts';
import { addNewest } from '../shared/newest.ts';
import type { NewCommand } from '../runtime/port.ts';
import { dialogIdOf } from './client.ts';
import type { DialogIdentity, InviteHandle, InviteOptions } from './client.ts';
import { ALLOW, SDP, sessionTimer } from './context.ts';
import type { EdgeContext } from './context.ts';
import { goodbyeOf, sipfragOf } from './destination.ts';
import type { Credentials } from './digest.ts';
import { clean, escapeUser, nameAddr, parseUri } from './headers.ts';
import type { Holds } from './holds.ts';
import { judgeEnded, judgeInvite } from './outcome.ts';
import type { Verdict } from './outcome.ts';
import { insideOf } from './own-lines.ts';
import type { EndedDialog, KnownDialog, OutgoingRequest } from './port.ts';
import type { Referral, ReferralAnswer } from './referral.ts';
import { PhoneClearing } from './phone-clearing.ts';
import type { Route, Routes } from './routes.ts';
import { Session } from './session.ts';

/** The core ends an offer at its deadline; this much later the INVITE ends by itself. */
const GRACE_MS = 5_000;
/** Own Call-IDs remembered. */
const RECENT_MAX = 10_000;

type TransferOrder = Extract<NewCommand, { kind: 'TransferCall' | 'TransferWithin' }>;

interface OfferLeg {
  readonly offer: AgentOffered;
  phase: 'calling' | 'ringing' | 'answering' | 'answered' | 'closed';
  invite: InviteHandle | null;
  session: Session | null;
}

/** Reason header of CANCEL or BYE (RFC 3326): cause 200 keeps a phone from noting a missed call. */
const WITHDRAWN: Readonly<Record<OfferWithdrawn['reason'], string>> = {
  'caller-left': 'SIP;cause=487;text="Caller left"',
  'answered-elsewhere': 'SIP;cause=200;text="Call completed elsewhere"',
  'agent-unavailable': 'SIP;cause=480;text="Logged out"',
  'device-busy': 'SIP;cause=486;text="Phone in use"',
  given: 'SIP;cause=200;text="Call completed elsewhere"',
  shutdown: 'SIP;cause=503;text="Shutting down"',
};

/** Identity of the dialog of an offer; a function of its id alone. */
export function identityOf(offerId: OfferId): DialogIdentity {
  return { callId: `offer-${offerId}`, fromTag: offerId };
}

export class Offers {
  private readonly context: EdgeContext;
  private readonly routes: Routes;
  private readonly holds: Holds;
  private readonly legs = new Map<OfferId, OfferLeg>();
  /** Phones from which an INVITE of ours is being taken back. */
  readonly clearing = new PhoneClearing();
  /** Call-IDs of recent calls to phones, oldest first: one may be named a moment after its end. */
  private readonly recent = new Set<string>();

  constructor(context: EdgeContext, routes: Routes, holds: Holds) {
    this.context = context;
    this.routes = routes;
    this.holds = holds;
    context.runtime.react(({ event }) => this.react(event));
  }

  get size(): number {
    return this.legs.size;
  }

  ownsLeg(leg: string): boolean {
    return this.legs.has(leg);
  }

  /** Media came back from a fault with these legs; an agent without one is ended. */
  mediaRestored(restored: ReadonlySet<string>): void {
    for (const leg of this.legs.values()) {
      if (leg.phase !== 'answered' || restored.has(leg.offer.offerId)) continue;
      leg.session?.hangUp('Q.850;cause=41;text="Media lost"');
      this.agentLeft(leg, 'failed');
    }
  }

  /** Is this Call-ID one of a call of ours? Phones tell it in dialog-info. */
  owns(sipCallId: string): boolean {
    return this.recent.has(sipCallId);
  }

  /** From now on it is. */
  note(sipCallId: string): void {
    addNewest(this.recent, sipCallId, RECENT_MAX);
  }

  private react(event: CoreEvent): void {
    if (event.kind === 'AgentOffered' && event.asks !== true) void this.ring(event);
    else if (event.kind === 'OfferCleared') this.cleared(event.offerId);
    else if (event.kind === 'OfferAnswered') void this.bridge(event);
    else if (event.kind === 'OfferWithdrawn') this.end(event.offerId, WITHDRAWN[event.reason]);
    else if (event.kind === 'OfferFailed')
      this.end(event.offerId, 'SIP;cause=487;text="Request Terminated"');
    else if (event.kind === 'CallTransferred') this.end(event.offerId, goodbyeOf(undefined), true);
    else if (event.kind === 'CallEnded') this.callEnded(event);
  }

  /** Gone already: what ended it comes behind. */
  private cleared(offerId: OfferId): void {
    const offer = this.context.runtime.state.offers.get(offerId);
    if (offer !== undefined) void this.ring(offeredAgain(offer));
  }

  private async ring(offer: AgentOffered): Promise<void> {
    const leg: OfferLeg = { offer, phase: 'calling', invite: null, session: null };
    this.legs.set(offer.offerId, leg);
    await this.call(leg);
  }

  private async call(leg: OfferLeg): Promise<void> {
    const { client, media } = this.context;
    const { offer } = leg;
    const route = this.routes.to(offer.device);
    if (route === null) {
      const detail = `registrar ${offer.device.registrar ?? ''} is not configured any more`;
      return this.fail(leg, { failure: 'unreachable', sipStatus: 0, detail });
    }
    const isClear = await this.clearing.clear(offer.device.uri);
    if (isClosed(leg)) return;
    if (!isClear) this.context.log.info({ offerId: offer.offerId }, 'the former offer is not over');
    const sdp = await media.offer(offer.offerId, route.host);
    if (isClosed(leg)) return void media.release(offer.offerId);
    if (!sdp.ok)
      return this.fail(leg, { failure: 'media', sipStatus: 0, detail: clean(sdp.detail) });

    const identity = identityOf(offer.offerId);
    // The owner is in place before the INVITE leaves: his BYE may come right behind his 200.
    leg.session = this.open(leg, route.credentials);
    const request = this.invitation(offer, route, identity, sdp.sdp);
    leg.invite = client.invite(request, identity, this.inviteOptions(leg, route.credentials));
    await this.await(leg, leg.invite);
  }

  private open(leg: OfferLeg, credentials: Credentials | null): Session {
    const { offerId } = leg.offer;
    const identity = identityOf(offerId);
    this.note(identity.callId);
    return new Session(
      this.context,
      { dialogId: dialogIdOf(identity), leg: offerId, credentials, awaitsAck: false },
      {
        ended: (cause) => this.agentLeft(leg, cause),
        held: (isHold) => this.holds.told(leg.offer.callId, offerId, isHold),
        referred: (referral) => this.referred(leg, referral),
      },
    );
  }

  private inviteOptions(leg: OfferLeg, credentials: Credentials | null): InviteOptions {
    const left = Math.max(leg.offer.deadline - this.context.runtime.now(), 0);
    return {
      credentials,
      deadlineMs: left + GRACE_MS,
      onProvisional: (status) => this.rang(leg, status),
      onSent: (transaction) => this.sent(leg, transaction),
    };
  }

  private async await(leg: OfferLeg, invite: InviteHandle): Promise<void> {
    const outcome = await invite.outcome;
    if (isClosed(leg)) return;
    const verdict = judgeInvite(outcome);
    if (verdict !== null) return this.fail(leg, verdict);
    if (outcome.kind === 'answered') await this.answered(leg, outcome.sdp);
  }

  /**
   * An offer that a process before us made. `found`: what the SIP server has of it, or how it
   * ended meanwhile; undefined: nothing, so its INVITE was never sent.
   */
  adopt(offer: Offer, found: KnownDialog | undefined): void {
    const leg: OfferLeg = {
      offer: offeredAgain(offer),
      phase: 'calling',
      invite: null,
      session: null,
    };
    const route = this.routes.to(offer.device);
    const credentials = route?.credentials ?? null;
    this.legs.set(offer.id, leg);
    const isUp = offer.phase === 'answered' || offer.phase === 'connected';
    if (isUp) leg.phase = 'answered';
    if (found !== undefined && 'why' in found) return this.endedMeanwhile(leg, found);
    if (found === undefined) {
      if (offer.phase === 'calling') void this.call(leg);
      else if (isUp) this.agentLeft(leg, 'failed');
      else this.fail(leg, { failure: 'failed', sipStatus: 0, detail: 'lost while it rang' });
      return;
    }
    leg.session = this.open(leg, credentials);
    if (offer.phase === 'connected') return this.holds.apply(offer.callId);
    if (isUp) return void this.bridge({ offerId: offer.id, callId: offer.callId });
    if (offer.phase === 'ringing') leg.phase = 'ringing';
    leg.invite = this.context.client.resume(
      identityOf(offer.id),
      this.inviteOptions(leg, credentials),
    );
    void this.await(leg, leg.invite);
  }

  private endedMeanwhile(leg: OfferLeg, { at, why }: EndedDialog): void {
    const { offerId } = leg.offer;
    if (leg.phase === 'answered') {
      this.drop(leg);
      const cause = why === 'BYE' ? 'bye' : 'failed';
      const ended = { kind: 'EndAgentLeg', by: 'sip', offerId, cause, endedAt: at } as const;
      void this.context.runtime.submit(ended);
      return;
    }
    this.fail(leg, judgeEnded(why));
  }

  private invitation(
    offer: AgentOffered,
    route: Route,
    identity: DialogIdentity,
    sdp: string,
  ): OutgoingRequest {
    const call = this.context.runtime.state.calls.get(offer.callId);
    const caller = call?.from ?? '';
    const number = parseUri(`sip:${caller}`)?.user ?? '';
    const name = clean(call?.fromName || number || 'unknown');
    const isAnonymous = /^anonymous$/i.test(number) || number === '';
    // The account stays in From, because PBXs authenticate it; the caller is in its display name
    // and in P-Asserted-Identity (RFC 3325), which trusted PBXs show instead.
    const from = route.account ?? `sip:${escapeUser(isAnonymous ? 'anonymous' : number)}@localhost`;
    const headers: Record<string, string> = {
      'Call-ID': identity.callId,
      From: `${nameAddr(`${name} (${offer.queue})`, from)};tag=${identity.fromTag}`,
      To: nameAddr('', offer.device.uri),
      Allow: ALLOW,
      'Content-Type': SDP,
      'X-Queue': clean(offer.queue),
      'X-Call-Id': clean(call?.sipCallId ?? offer.callId),
      ...sessionTimer(this.context.config.sip),
    };
    if (!isAnonymous) headers['P-Asserted-Identity'] = nameAddr(name, `sip:${caller}`);
    return {
      method: 'INVITE',
      uri: route.uri,
      ...(route.nextHop === null ? {} : { nextHop: route.nextHop }),
      headers,
      body: sdp,
    };
  }

  private rang(leg: OfferLeg, status: number): void {
    if (status < 180 || leg.phase !== 'calling') return;
    leg.phase = 'ringing';
    const { offerId } = leg.offer;
    void this.context.runtime.submit({ kind: 'RingOffer', by: 'sip', offerId });
  }

  private sent(leg: OfferLeg, transaction: string): void {
    if (isClosed(leg)) return;
    const { offerId } = leg.offer;
    void this.context.runtime.submit({ kind: 'NoteInvite', by: 'sip', offerId, transaction });
  }

  /** His 200 is here and has been ACKed. */
  private async answered(leg: OfferLeg, sdp: string): Promise<void> {
    const { media, runtime } = this.context;
    const { offerId } = leg.offer;
    leg.phase = 'answering';
    const result = await media.answered(offerId, sdp);
    if (isClosed(leg)) return;
    if (!result.ok)
      return this.fail(leg, { failure: 'media', sipStatus: 200, detail: clean(result.detail) });
    leg.phase = 'answered';
    const outcome = await runtime.submit({ kind: 'AnswerOffer', by: 'sip', offerId });
    // Refused: the offer ended while his answer was under way; its event may already be here.
    if (!outcome.ok) this.end(offerId, WITHDRAWN['answered-elsewhere']);
  }

  private async bridge(event: Pick<OfferAnswered, 'offerId' | 'callId'>): Promise<void> {
    const { media, runtime } = this.context;
    const leg = this.legs.get(event.offerId);
    if (leg === undefined) return;
    const { offerId } = event;
    const result = await media.connect(event.callId, offerId);
    if (isClosed(leg)) return;
    if (!result.ok)
      return this.fail(leg, { failure: 'media', sipStatus: 200, detail: clean(result.detail) });
    await runtime.submit({ kind: 'ConfirmBridge', by: 'sip', offerId });
  }

  /** The phone's side came to nothing: the leg ends, the core decides what is next. */
  private fail(leg: OfferLeg, verdict: Verdict): void {
    const { offerId, agentId } = leg.offer;
    this.context.log.info({ offerId, agentId, ...verdict }, 'offer failed');
    this.end(offerId, 'SIP;cause=500;text="Media failed"');
    void this.context.runtime.submit({ kind: 'FailOffer', by: 'sip', offerId, ...verdict });
  }

  /** The agent's phone asks that his caller be sent elsewhere: his part of the call ends then. */
  private referred(leg: OfferLeg, { uri, replaces }: Referral): ReferralAnswer {
    const { config, runtime } = this.context;
    const { offerId, callId, agentId } = leg.offer;
    if (runtime.state.offers.get(offerId)?.phase !== 'connected')
      return { status: 603, reason: 'No Talk To Transfer' };
    const by = `agent:${agentId}`;
    const inside = insideOf(this.context, uri, callId);
    if (inside !== null)
      return () => this.transfer({ kind: 'TransferWithin', by, callId, to: inside });
    // Against toll fraud: a phone, or who pretends to be one, may not send calls anywhere.
    if (!mayTransferTo(config, uri)) return { status: 403, reason: 'Not In transfers.allow' };
    const attended = replaces === null ? {} : { replaces };
    return () => this.transfer({ kind: 'TransferCall', by, callId, uri, ...attended });
  }

  /** Null: it is done; else what his phone is told, while the talk goes on. */
  private async transfer(order: TransferOrder): Promise<string | null> {
    const outcome = await this.context.runtime.submit(order);
    return outcome.ok ? null : sipfragOf(outcome.refusal);
  }

  /** The agent hung up, or the server found his leg dead. */
  private agentLeft(leg: OfferLeg, cause: 'bye' | 'failed'): void {
    const { offerId } = leg.offer;
    const wasAnswered = leg.phase === 'answered';
    this.drop(leg);
    // In doubt his phone still rings, or is answered in a moment: the INVITE sees to that.
    this.takeBack(leg, 'SIP;cause=487;text="Request Terminated"');
    void this.context.runtime.submit(
      wasAnswered
        ? { kind: 'EndAgentLeg', by: 'sip', offerId, cause }
        : {
            kind: 'FailOffer',
            by: 'sip',
            offerId,
            failure: 'failed',
            sipStatus: 200,
            detail: 'hung up before he was connected',
          },
    );
  }

  private callEnded(event: CallEnded): void {
    if (event.offerId === null) return;
    this.end(event.offerId, goodbyeOf(undefined), event.destination?.to === 'uri');
  }

  /** Ends whatever there is of the leg: CANCEL before the answer, BYE after it. */
  private end(offerId: OfferId, reason: string, isSentOn = false): void {
    const leg = this.legs.get(offerId);
    if (leg === undefined) return;
    const { phase, session } = leg;
    this.drop(leg);
    if (phase === 'answering' || phase === 'answered') {
      session?.hangUp(reason, isSentOn);
      // A phone of one line would refuse the next INVITE as long as it has this talk.
      if (session?.farewell != null) this.clearing.add(leg.offer.device.uri, session.farewell);
    } else {
      session?.forget();
      this.takeBack(leg, reason);
    }
  }

  private takeBack({ invite, offer }: OfferLeg, reason: string): void {
    if (invite === null) return;
    invite.cancel({ Reason: reason });
    this.clearing.add(offer.device.uri, invite.over);
  }

  private drop(leg: OfferLeg): void {
    leg.phase = 'closed';
    this.legs.delete(leg.offer.offerId);
    void this.context.media.release(leg.offer.offerId);
  }
}

/** As it was ordered, from what the state knows of it. */
function offeredAgain(offer: Offer): AgentOffered {
  const { id: offerId, callId, queue, agentId, device, deadline, offeredAt: at } = offer;
  return {
    ...{ kind: 'AgentOffered', at, by: 'takeover' },
    ...{ offerId, callId, queue, agentId, device, deadline },
  };
}

/** A function, because the phase may have changed across an await, which narrowing forgets. */
function isClosed(leg: OfferLeg): boolean {
  return leg.phase === 'closed';
}
