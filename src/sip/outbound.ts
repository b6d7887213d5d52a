/**
 * Outbound calls: OutboundBegan → INVITE to the agent's phone → he takes it → OutboundPickedUp →
 * INVITE to the number → its answer → both are bridged (third-party call control, RFC 3725 §4.4
 * with our own audio between, so that neither side is re-invited).
 *
 * Comes in: the journal's events. Goes out: RingOutbound, PickUpOutbound, RefuseOutbound,
 * ConnectOutbound, EndOutbound. While the number rings the agent hears what its side sends (early
 * media), else the ring tone of ours; a tone, too, when it was not reached. Every wait has its end:
 * the core's limit of each phase, and a little later the INVITE's own.
 */
import { mayTransferTo } from '../config/transfer-rules.ts';
import type { CoreEvent } from '../core/events.ts';
import { sipCallIdOf, type Outbound } from '../core/outbound-call.ts';
import type { EndOutbound } from '../core/outbound-commands.ts';
import type { NotReached, OutboundOutcome } from '../core/outbound-events.ts';
import { outboundLimits } from '../core/rules.ts';
import type { CallId, OfferFailure } from '../core/types.ts';
import type { InviteOutcome } from './client.ts';
import { sessionTimer } from './context.ts';
import type { EdgeContext } from './context.ts';
import { DialledLeg, type LegHooks } from './dialled-leg.ts';
import { clean } from './headers.ts';
import { judgeEnded, judgeInvite } from './outcome.ts';
import type { Verdict } from './outcome.ts';
import type { Offers } from './offers.ts';
import { dialling, invitation, legOf, outboundIdentity, type Side } from './outbound-names.ts';
import { insideOf } from './own-lines.ts';
import type { EndedDialog, KnownDialog } from './port.ts';
import type { Referral, ReferralAnswer } from './referral.ts';
import type { Routes } from './routes.ts';
import { repeated, RINGS, TONES, type Cadence } from './tones.ts';

/** The core ends each phase at its limit; this much later the INVITE ends by itself. */
const GRACE_MS = 5_000;
/** It is of no queue, whose music that would be. */
const HOLD_MUSIC = 'default';
const CANCELLED = 'SIP;cause=487;text="Request Terminated"';

type Ending = Omit<EndOutbound, 'kind' | 'at' | 'by' | 'callId'>;

/** Reason (RFC 3326) of what we send to a leg that is left, by what came of the call. */
const REASONS: Readonly<Record<OutboundOutcome, string>> = {
  completed: 'Q.850;cause=16;text="Normal call clearing"',
  'agent-missed': CANCELLED,
  cancelled: CANCELLED,
  busy: 'Q.850;cause=17;text="User busy"',
  declined: 'Q.850;cause=21;text="Call rejected"',
  'no-answer': 'Q.850;cause=19;text="No answer"',
  unreachable: 'Q.850;cause=3;text="No route to destination"',
  failed: 'Q.850;cause=41;text="Temporary failure"',
  'hung-up': 'Q.850;cause=16;text="Normal call clearing"',
};

/** What it is to the whole call that the number did not take it. */
const OUTCOMES: Readonly<Record<OfferFailure, NotReached>> = {
  'no-answer': 'no-answer',
  busy: 'busy',
  declined: 'declined',
  unreachable: 'unreachable',
  failed: 'failed',
  media: 'failed',
  vetoed: 'failed',
};

/** What the SIP server has of a leg's dialog; undefined: nothing. */
type FoundLeg = KnownDialog | undefined;

/** What is known of agents' phones; of offers, too, as a phone knows no difference. */
type Phones = Pick<Offers, 'clearing' | 'note'>;

/** One outbound call under way. */
interface Way {
  readonly id: CallId;
  readonly outbound: Outbound;
  readonly agent: DialledLeg;
  readonly callee: DialledLeg;
  /** The agent's phone holds. Known here alone: a process that takes over hears it talk again. */
  isHeld: boolean;
  /** The number's side is asked to call elsewhere: its leg stays until it has told of that. */
  isSent: boolean;
  isClosed: boolean;
}

export class Outbounds {
  private readonly context: EdgeContext;
  private readonly routes: Routes;
  private readonly phones: Phones;
  private readonly ways = new Map<CallId, Way>();
  /** Agents' calls that are over but for the number's side, which still calls elsewhere. */
  private readonly sent = new Map<CallId, Way>();

  constructor(context: EdgeContext, routes: Routes, phones: Phones) {
    this.context = context;
    this.routes = routes;
    this.phones = phones;
    context.runtime.react(({ event }) => this.react(event));
  }

  get size(): number {
    return this.ways.size + this.sent.size;
  }

  ownsLeg(leg: string): boolean {
    const id = leg.slice(0, -2);
    return (/\.[ac]$/.test(leg) && this.ways.has(id)) || leg === this.sent.get(id)?.callee.name;
  }

  /** The process ends: who still calls elsewhere is let go, too. The core ends the rest. */
  stop(): void {
    for (const way of [...this.sent.values()]) this.letGo(way);
  }

  /** Media came back from a fault with these legs; a call without one of its own is over. */
  mediaRestored(restored: ReadonlySet<string>): void {
    for (const way of [...this.ways.values()]) {
      const isLost = ({ isUp, name }: DialledLeg) => isUp && !restored.has(name);
      if (isLost(way.agent) || isLost(way.callee))
        this.over(way, { outcome: 'failed', endedBy: 'system', detail: 'audio was lost' });
      else if (way.agent.isUp && way.callee.isUp) this.join(way);
    }
  }

  /** The two hear each other; or he whom the agent's phone holds hears music, as any caller. */
  private join({ id, agent, callee, isHeld }: Way): void {
    const { media, log } = this.context;
    const done = isHeld
      ? [media.disconnect(callee.name), media.music(callee.name, HOLD_MUSIC)]
      : [media.connect(agent.name, callee.name)];
    void Promise.all(done).then((all) => {
      const failed = all.find((one) => !one.ok);
      if (failed !== undefined && this.ways.has(id))
        log.warn({ callId: id, ...failed }, 'hold or its end not carried out');
    });
  }

  private react(event: CoreEvent): void {
    if (event.kind === 'OutboundBegan') {
      const outbound = this.context.runtime.state.outbound.get(event.callId);
      // Over already: what ended it comes behind.
      if (outbound !== undefined) void this.callAgent(this.begin(outbound));
    } else if (event.kind === 'OutboundPickedUp') {
      const way = this.ways.get(event.callId);
      if (way !== undefined) void this.callNumber(way);
    } else if (event.kind === 'OutboundConnected') {
      const way = this.ways.get(event.callId);
      if (way?.isHeld === true) this.join(way);
    } else if (event.kind === 'OutboundRefused') {
      const way = this.ways.get(event.callId);
      if (way !== undefined) this.tellRefused(way, event.outcome);
    } else if (event.kind === 'OutboundEnded') {
      const way = this.ways.get(event.callId);
      if (way !== undefined) this.close(way, REASONS[event.outcome]);
    }
  }

  private leg(id: CallId, side: Side, hooks: LegHooks): DialledLeg {
    return new DialledLeg(this.context, legOf(id, side), outboundIdentity(id, side), hooks);
  }

  private begin(outbound: Outbound): Way {
    const { id } = outbound;
    const agent = this.leg(id, 'agent', {
      ended: (cause) => this.agentLeft(way, cause),
      progressed: (status) => {
        if (status >= 180 && !way.isClosed)
          void this.context.runtime.submit({ kind: 'RingOutbound', by: 'sip', callId: id });
      },
      held: (isHold) => {
        if (isHold === way.isHeld) return;
        way.isHeld = isHold;
        if (this.talks(way)) this.join(way);
      },
      referred: (referral) => this.referred(way, referral),
    });
    const callee = this.leg(id, 'callee', {
      ended: (cause) => this.calleeLeft(way, cause),
      progressed: (_status, sdp) => void this.earlyMedia(way, sdp),
    });
    const flags = { isHeld: false, isSent: false, isClosed: false };
    const way: Way = { id, outbound, agent, callee, ...flags };
    this.ways.set(id, way);
    this.phones.note(sipCallIdOf(id));
    return way;
  }

  private async callAgent(way: Way): Promise<void> {
    const { outbound, agent } = way;
    const route = this.routes.to(outbound.device);
    if (route === null) {
      const registrar = outbound.device.registrar ?? '';
      const detail = `registrar ${registrar} is not configured any more`;
      return this.missed(way, { failure: 'unreachable', sipStatus: 0, detail });
    }
    await this.phones.clearing.clear(outbound.device.uri);
    if (way.isClosed) return;
    const sdp = await agent.make(route);
    if (way.isClosed) return void this.context.media.release(agent.name);
    if (!sdp.ok)
      return this.missed(way, { failure: 'media', sipStatus: 0, detail: clean(sdp.detail) });
    const headers = { ...sessionTimer(this.context.config.sip), ...invitation(outbound, route) };
    const answer = agent.call(route, headers, sdp.sdp, this.limits.ringMs + GRACE_MS);
    await this.awaitAgent(way, await answer);
  }

  private async awaitAgent(way: Way, outcome: InviteOutcome): Promise<void> {
    if (way.isClosed) return;
    const verdict = judgeInvite(outcome);
    if (verdict !== null) return this.missed(way, verdict);
    if (outcome.kind !== 'answered') return;
    const answered = await this.context.media.answered(way.agent.name, outcome.sdp);
    if (way.isClosed) return;
    if (!answered.ok)
      return this.missed(way, { failure: 'media', sipStatus: 200, detail: clean(answered.detail) });
    const { id: callId } = way;
    const picked = await this.context.runtime.submit({ kind: 'PickUpOutbound', by: 'sip', callId });
    // Refused: it ended while his answer was under way; the event of that may already be here.
    if (!picked.ok) this.close(way, REASONS['hung-up']);
  }

  /** Ends when the two are connected. Without it the call goes on, and he hears nothing. */
  private async tone({ id, agent }: Way, cadence: Cadence, forMs: number): Promise<void> {
    const { media, log } = this.context;
    const { prompt } = cadence;
    const played = await media.play(agent.name, `${id}.${prompt}`, repeated(cadence, forMs));
    if (!played.ok) log.warn({ callId: id, prompt, detail: played.detail }, 'no tone');
  }

  private ringTone(way: Way): void {
    void this.tone(way, RINGS, this.limits.dialMs);
  }

  /** Nobody is called any more; what he has heard of that side (early media) is over. */
  private tellRefused(way: Way, outcome: NotReached): void {
    way.callee.end(way.callee.isUp ? REASONS[outcome] : CANCELLED);
    // Made by a server before us it is none of ours to end, but its audio is there.
    void this.context.media.release(way.callee.name);
    void this.tone(way, TONES[outcome], this.limits.toneMs);
  }

  private async callNumber(way: Way): Promise<void> {
    const { outbound, callee } = way;
    this.ringTone(way);
    const route = this.routes.toNumber(outbound);
    if (route === null)
      return this.refused(way, { failure: 'unreachable', sipStatus: 0, detail: 'no SIP address' });
    const sdp = await callee.make(route);
    if (isSettled(way)) return void this.context.media.release(callee.name);
    if (!sdp.ok)
      return this.refused(way, { failure: 'media', sipStatus: 0, detail: clean(sdp.detail) });
    const timer = sessionTimer(this.context.config.sip);
    const headers = { ...timer, ...dialling(outbound, route, this.nameOf(way)) };
    const answer = callee.call(route, headers, sdp.sdp, this.limits.dialMs + GRACE_MS);
    await this.awaitNumber(way, await answer);
  }

  /** RFC 3261 §13.2.1: an answer in a provisional response: he hears what is said there already. */
  private async earlyMedia(way: Way, sdp: string): Promise<void> {
    if (sdp === '' || isSettled(way) || way.callee.isUp) return;
    const { media } = this.context;
    const answered = await media.answered(way.callee.name, sdp);
    if (!answered.ok || isSettled(way)) return;
    // Where that fails he hears nothing of it, and the answer is waited for.
    const joined = await media.connect(way.agent.name, way.callee.name);
    if (!joined.ok) this.context.log.warn({ callId: way.id, ...joined }, 'early media not heard');
  }

  private async awaitNumber(way: Way, outcome: InviteOutcome): Promise<void> {
    if (isSettled(way)) return;
    const verdict = judgeInvite(outcome);
    if (verdict !== null) return this.refused(way, verdict);
    if (outcome.kind !== 'answered') return;
    const { media, runtime } = this.context;
    const answered = await media.answered(way.callee.name, outcome.sdp);
    if (isSettled(way)) return;
    const joined = answered.ok ? await media.connect(way.agent.name, way.callee.name) : answered;
    if (isSettled(way)) return;
    if (!joined.ok)
      return this.refused(way, { failure: 'media', sipStatus: 200, detail: clean(joined.detail) });
    void runtime.submit({ kind: 'ConnectOutbound', by: 'sip', callId: way.id });
  }

  /** His own phone does not take it: nobody is dialled. */
  private missed(way: Way, verdict: Verdict): void {
    const { agentId } = way.outbound;
    this.context.log.info(
      { callId: way.id, agentId, ...verdict },
      'agent did not take his own call',
    );
    this.over(way, { outcome: 'agent-missed', endedBy: 'agent', ...verdict });
  }

  private refused(way: Way, { failure, sipStatus, detail }: Verdict): void {
    const uri = clean(way.outbound.uri);
    this.context.log.info(
      { callId: way.id, uri, failure, sipStatus, detail },
      'number not reached',
    );
    const { id: callId } = way;
    const why = { outcome: OUTCOMES[failure], sipStatus, detail };
    void this.context.runtime.submit({ kind: 'RefuseOutbound', by: 'sip', callId, ...why });
  }

  private agentLeft(way: Way, cause: 'bye' | 'failed'): void {
    const hasTalked = this.talks(way);
    const outcome = hasTalked ? 'completed' : cause === 'bye' ? 'cancelled' : 'failed';
    this.over(way, { outcome, endedBy: cause === 'bye' ? 'agent' : 'system' });
  }

  private calleeLeft(way: Way, cause: 'bye' | 'failed'): void {
    const outcome = cause === 'bye' || this.talks(way) ? 'completed' : 'failed';
    this.over(way, { outcome, endedBy: cause === 'bye' ? 'callee' : 'system' });
  }

  private get limits() {
    return outboundLimits(this.context.runtime.state.config);
  }

  /**
   * The agent's phone asks that whom he talks with be sent elsewhere. No line of ours has him: his
   * side is asked to call there itself (RFC 5589 §6 and §7), or nothing is done.
   */
  private referred(way: Way, { uri, replaces }: Referral): ReferralAnswer {
    if (!this.talks(way) || way.isSent) return { status: 603, reason: 'No Talk To Transfer' };
    const isOurs = insideOf(this.context, uri, way.id) !== null;
    // Against toll fraud: a phone, or who pretends to be one, may not send calls anywhere.
    if (!isOurs && !mayTransferTo(this.context.config, uri))
      return { status: 403, reason: 'Not In transfers.allow' };
    const dialog = replaces === null ? '' : `?Replaces=${encodeURIComponent(replaces)}`;
    return async () => {
      way.isSent = true;
      const told = await way.callee.refer(`${uri}${dialog}`);
      if (told === 'done') this.over(way, { outcome: 'completed', endedBy: 'agent' });
      way.isSent = false;
      if (way.isClosed) this.letGo(way);
      if (told === 'done') return null;
      return told === 'busy' ? '486 Busy Here' : '603 Decline';
    };
  }

  private talks({ id }: Way): boolean {
    return this.context.runtime.state.outbound.get(id)?.connectedAt != null;
  }

  private nameOf({ outbound }: Way): string {
    return this.context.runtime.state.agents.get(outbound.agentId)?.name ?? '';
  }

  /** Ends it here and tells the core, once; a second time does nothing. */
  private over(way: Way, ending: Ending): void {
    if (way.isClosed) return;
    this.close(way, REASONS[ending.outcome], way.isSent);
    const { id: callId } = way;
    void this.context.runtime.submit({ kind: 'EndOutbound', by: 'sip', callId, ...ending });
  }

  /** BYE or CANCEL to whoever is still there; who is being sent elsewhere is let go later. */
  private close(way: Way, reason: string, isSent = false): void {
    if (way.isClosed) return;
    way.isClosed = true;
    this.ways.delete(way.id);
    way.agent.end(reason, isSent);
    if (isSent) this.keepSent(way);
    else way.callee.end(way.callee.isUp ? reason : CANCELLED);
    const { over } = way.agent;
    if (over !== null) this.phones.clearing.add(way.outbound.device.uri, over);
  }

  private keepSent(way: Way): void {
    this.sent.set(way.id, way);
    void this.context.media.music(way.callee.name, HOLD_MUSIC);
  }

  private letGo(way: Way): void {
    this.sent.delete(way.id);
    way.callee.end(REASONS.completed);
  }

  /** One that a process before us began; `agent`, `callee`: what there is of its dialogs. */
  adopt(outbound: Outbound, agent: FoundLeg, callee: FoundLeg): void {
    const way = this.begin(outbound);
    if (agent !== undefined && 'why' in agent) return this.agentLeftBefore(way, agent);
    if (agent === undefined) {
      if (outbound.pickedUpAt === null && !outbound.hasRung) return void this.callAgent(way);
      return this.over(way, { outcome: 'failed', endedBy: 'system', detail: 'his leg was lost' });
    }
    const credentials = this.routes.to(outbound.device)?.credentials ?? null;
    if (outbound.pickedUpAt === null) {
      const answer = way.agent.resume(
        credentials,
        this.left(outbound.begunAt + this.limits.ringMs),
      );
      return void answer.then((outcome) => this.awaitAgent(way, outcome));
    }
    way.agent.adopt(credentials);
    this.adoptCallee(way, outbound.pickedUpAt, callee);
  }

  private adoptCallee(way: Way, pickedUpAt: number, callee: FoundLeg): void {
    const { refused } = way.outbound;
    if (refused !== null) return this.tellRefused(way, refused.outcome);
    const isConnected = way.outbound.connectedAt !== null;
    if (callee === undefined) {
      if (!isConnected) return void this.callNumber(way);
      return this.over(way, { outcome: 'completed', endedBy: 'system', detail: 'leg lost' });
    }
    if ('why' in callee) {
      const { why, at: endedAt } = callee;
      const endedBy = why === 'BYE' ? 'callee' : 'system';
      if (isConnected || why === 'BYE')
        return this.over(way, { outcome: 'completed', endedBy, endedAt });
      return this.refused(way, judgeEnded(why));
    }
    const credentials = this.routes.toNumber(way.outbound)?.credentials ?? null;
    if (!isConnected) {
      this.ringTone(way);
      const answer = way.callee.resume(credentials, this.left(pickedUpAt + this.limits.dialMs));
      return void answer.then((outcome) => this.awaitNumber(way, outcome));
    }
    way.callee.adopt(credentials);
    void this.context.media.connect(way.agent.name, way.callee.name).then((joined) => {
      if (!joined.ok)
        this.over(way, { outcome: 'failed', endedBy: 'system', detail: joined.detail });
    });
  }

  private agentLeftBefore(way: Way, { why, at: endedAt }: EndedDialog): void {
    if (way.outbound.pickedUpAt === null) {
      return this.missed(way, judgeEnded(why));
    }
    const hasLeft = why === 'BYE';
    const outcome = this.talks(way) ? 'completed' : hasLeft ? 'cancelled' : 'failed';
    this.over(way, { outcome, endedBy: hasLeft ? 'agent' : 'system', endedAt });
  }

  private left(until: number): number {
    return Math.max(0, until - this.context.runtime.now()) + GRACE_MS;
  }
}

/** Whatever is still heard of the number changes nothing. */
function isSettled({ isClosed, outbound }: Way): boolean {
  return isClosed || outbound.refused !== null;
}
