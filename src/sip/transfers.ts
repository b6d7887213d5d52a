/**
 * Callers who are sent to an address outside: his side is asked to call there itself (REFER, RFC
 * 3515), and what it tells of that is followed; where it will not, or cannot, we call there and
 * bridge the two. What comes in: a caller and the core's record of his transfer. Goes out:
 * DialTransfer, AnswerTransfer, EndTransfer. All of it is in the state, and the outside dialog
 * bears the call's id and the number of the attempt, so a process that takes over goes on.
 *
 * The outside leg's media bears the call's id and `.x`. Every wait has its end: RINGS_MAX_MS for
 * the answer, RESUMED_MS after a takeover for a word on a REFER that nobody is known to have taken,
 * the core's limits for the whole.
 */
import type { CoreEvent } from '../core/events.ts';
import type { Transfer } from '../core/transfer-call.ts';
import type { TransferOutcome } from '../core/transfer-events.ts';
import type { CallId } from '../core/types.ts';
import type { DialogIdentity, InviteOutcome } from './client.ts';
import type { EdgeContext } from './context.ts';
import { goodbyeOf } from './destination.ts';
import { DialledLeg } from './dialled-leg.ts';
import type { Credentials } from './digest.ts';
import { REFERRAL_MAX_MS, type Told } from './following.ts';
import { clean, escapeUser, nameAddr, parseUri } from './headers.ts';
import { startMusic } from './line-sounds.ts';
import { judgeEnded, judgeInvite } from './outcome.ts';
import type { Headers, KnownDialog } from './port.ts';
import type { Route, Routes } from './routes.ts';
import type { Session } from './session.ts';

/** Longest that the outside phone rings. */
const RINGS_MAX_MS = 60_000;
/** Outside legs at once; a transfer beyond it ends as if nobody could be reached. */
const OUTSIDE_MAX = 1_000;
/** After a takeover his side's word on a REFER of the former server is waited for so long. */
const RESUMED_MS = 3_000;
const NORMAL = goodbyeOf(undefined);
const BUSY = goodbyeOf({ to: 'busy' });
const NO_ROUTE = 'Q.850;cause=3;text="No route to destination"';
const CANCELLED = 'SIP;cause=487;text="Request Terminated"';
const NO_MEDIA = 'Q.850;cause=41;text="Media lost"';

/** Who is sent on. */
export interface Party {
  readonly callId: CallId;
  readonly session: Session;
}

/** What the SIP server has of the outside dialog; undefined: nothing; `unknown`: it tells none. */
export type FoundOutside = KnownDialog | undefined | 'unknown';

/** One transfer under way. */
interface Way {
  readonly party: Party;
  readonly sent: Transfer;
  readonly leg: string;
  /** We call there, or have called. */
  isOutside: boolean;
  /** Of the last attempt; null: none was made here. */
  outside: DialledLeg | null;
  readonly settle: (reason: string) => void;
}

export function transferIdentity(callId: CallId, attempt = 1): DialogIdentity {
  const again = attempt === 1 ? '' : `.${attempt}`;
  return { callId: `transfer-${callId}${again}`, fromTag: `${callId}.x` };
}

export class Transfers {
  private readonly context: EdgeContext;
  private readonly routes: Routes;
  private readonly ways = new Map<CallId, Way>();

  constructor(context: EdgeContext, routes: Routes) {
    this.context = context;
    this.routes = routes;
    context.runtime.react(({ event }) => this.react(event));
  }

  ownsLeg(leg: string): boolean {
    return leg.endsWith('.x') && this.ways.has(leg.slice(0, -2));
  }

  /** Media came back from a fault with these legs. */
  mediaRestored(restored: ReadonlySet<string>): void {
    for (const way of [...this.ways.values()])
      if (way.outside?.isUp === true && !restored.has(way.leg)) this.over(way, NO_MEDIA, 'failed');
  }

  /** Everybody is let go: the process ends. */
  stop(): void {
    for (const way of [...this.ways.values()]) this.over(way, NORMAL, 'hung-up');
  }

  /** The caller has hung up: nothing of his transfer stays. */
  callerLeft(callId: CallId): void {
    const way = this.ways.get(callId);
    // Many phones hang up by themselves once they have called where REFER says.
    if (way !== undefined) this.over(way, NORMAL, way.isOutside ? 'abandoned' : 'left');
  }

  /** He is not there to be sent. */
  lost(callId: CallId, endedAt?: number): void {
    this.tell(callId, 'abandoned', endedAt);
  }

  /**
   * Settles when the caller's leg may go, with the Reason (RFC 3326) of its BYE: his side has
   * called there, or the talk that we bridged is over, or nobody could be reached.
   */
  send(party: Party, sent: Transfer): Promise<string> {
    startMusic(this.context, party.callId, sent.queue);
    return this.begin(party, sent, (way) => void this.ask(way));
  }

  /** One that a process before us began; `found`: of its last outside dialog. */
  resume(party: Party, sent: Transfer, found: FoundOutside): Promise<string> {
    if (sent.answeredAt === null) startMusic(this.context, party.callId, sent.queue);
    return this.begin(party, sent, (way) => void this.goOn(way, found));
  }

  private begin(party: Party, sent: Transfer, go: (way: Way) => void): Promise<string> {
    return new Promise((settle) => {
      const way: Way = {
        ...{ party, sent, leg: `${party.callId}.x`, settle },
        ...{ isOutside: sent.attempt > 0, outside: null },
      };
      this.ways.set(party.callId, way);
      go(way);
    });
  }

  private isOver(way: Way): boolean {
    return this.ways.get(way.party.callId) !== way;
  }

  /** Settles it, once; a second time does nothing. */
  private over(way: Way, reason: string, outcome: TransferOutcome | null, endedAt?: number): void {
    if (this.isOver(way)) return;
    const { callId } = way.party;
    this.ways.delete(callId);
    this.let(way, reason);
    if (outcome !== null) this.tell(callId, outcome, endedAt);
    way.settle(reason);
  }

  private tell(callId: CallId, outcome: TransferOutcome, endedAt?: number): void {
    const when = endedAt === undefined ? {} : { endedAt };
    const { runtime } = this.context;
    void runtime.submit({ kind: 'EndTransfer', by: 'sip', callId, outcome, ...when });
  }

  /** By command, or at its limit. */
  private react(event: CoreEvent): void {
    if (event.kind !== 'TransferEnded') return;
    const way = this.ways.get(event.callId);
    if (way !== undefined) this.over(way, NORMAL, null);
  }

  private async ask(way: Way): Promise<void> {
    const { uri, replaces } = way.sent;
    // The dialog to be replaced is at the agent's PBX: the way there is ours, not the caller's.
    if (replaces !== null) return this.dial(way);
    this.followed(way, await way.party.session.refer(uri, () => this.taken(way)));
  }

  /** His side has promised to call there. */
  private taken({ party: { callId } }: Way): void {
    void this.context.runtime.submit({ kind: 'ReferTransfer', by: 'sip', callId });
  }

  private followed(way: Way, told: Told): void {
    if (this.isOver(way)) return;
    if (told === 'done') return this.over(way, NORMAL, 'left');
    if (told === 'busy') return this.over(way, BUSY, 'busy');
    const { callId } = way.party;
    const fields = { callId, uri: clean(way.sent.uri) };
    this.context.log.info(fields, 'his side does not transfer; we call there');
    void this.dial(way);
  }

  /**
   * A REFER of the process before us. Where his side took it, it calls there itself: a call of ours
   * beside it would ring that phone twice, so its word is waited for as long as ever.
   */
  private async hearOn(way: Way): Promise<void> {
    const { isReferred } = way.sent;
    const taken = () => void (isReferred || this.taken(way));
    const maxMs = isReferred ? REFERRAL_MAX_MS : RESUMED_MS;
    const told = await way.party.session.referred(maxMs, taken);
    this.followed(way, isReferred && told === 'untold' ? 'done' : told);
  }

  private async goOn(way: Way, found: FoundOutside): Promise<void> {
    const { sent, party } = way;
    if (sent.attempt === 0) return this.hearOn(way);
    // Whether that phone rings nobody tells: it was taken back (take-back.ts), as far as can be.
    if (found === 'unknown' && sent.answeredAt === null) return this.dial(way);
    if (found !== undefined && found !== 'unknown' && 'why' in found) {
      const { why, at } = found;
      if (sent.answeredAt !== null) return this.over(way, NORMAL, 'completed', at);
      const { failure, sipStatus } = judgeEnded(why);
      if (sipStatus >= 300 && this.replaces(way) !== null) return this.dialAnew(way);
      return failure === 'busy' ? this.over(way, BUSY, 'busy') : this.over(way, NO_ROUTE, 'failed');
    }
    if (sent.answeredAt === null)
      return found === undefined ? this.connect(way) : this.resumeInvite(way);
    if (found === undefined) return this.over(way, NORMAL, 'completed');
    this.open(way).adopt(this.credentials(way));
    const joined = await this.context.media.connect(party.callId, way.leg);
    if (!joined.ok) this.over(way, NO_MEDIA, 'failed');
  }

  private async dial(way: Way): Promise<void> {
    const outside = [...this.ways.values()].filter(({ isOutside }) => isOutside);
    if (!way.isOutside && outside.length >= OUTSIDE_MAX) return this.over(way, NO_ROUTE, 'failed');
    const { callId } = way.party;
    way.isOutside = true;
    const outcome = await this.context.runtime.submit({ kind: 'DialTransfer', by: 'sip', callId });
    if (this.isOver(way)) return;
    if (!outcome.ok) return this.over(way, NO_ROUTE, 'failed');
    await this.connect(way);
  }

  private attempt({ party, sent }: Way): number {
    return (this.context.runtime.state.transfers.get(party.callId) ?? sent).attempt;
  }

  /** The leg of the last attempt that is in the journal. */
  private open(way: Way): DialledLeg {
    const identity = transferIdentity(way.party.callId, this.attempt(way));
    way.outside = new DialledLeg(this.context, way.leg, identity, {
      ended: (cause) => this.over(way, NORMAL, cause === 'bye' ? 'completed' : 'failed'),
    });
    return way.outside;
  }

  private credentials({ sent }: Way): Credentials | null {
    return this.routes.toUri(sent.uri)?.credentials ?? null;
  }

  private async connect(way: Way): Promise<void> {
    const { sent, party } = way;
    const route = this.routes.toUri(sent.uri);
    if (route === null) return this.over(way, NO_ROUTE, 'failed');
    const outside = this.open(way);
    const sdp = await outside.make(route);
    if (this.isOver(way)) return void this.context.media.release(way.leg);
    if (!sdp.ok) return this.over(way, NO_ROUTE, 'failed');
    const { fromTag } = transferIdentity(party.callId, this.attempt(way));
    const headers = { ...invitation(sent, route, fromTag), ...replacing(this.replaces(way)) };
    await this.await(way, outside.call(route, headers, sdp.sdp, RINGS_MAX_MS));
  }

  private async resumeInvite(way: Way): Promise<void> {
    await this.await(way, this.open(way).resume(this.credentials(way), RINGS_MAX_MS));
  }

  /** Only the first call is in the place of another dialog. */
  private replaces(way: Way): string | null {
    return this.attempt(way) === 1 ? way.sent.replaces : null;
  }

  private async await(way: Way, invited: Promise<InviteOutcome>): Promise<void> {
    const outcome = await invited;
    if (this.isOver(way)) return;
    const { media, log, runtime } = this.context;
    const { leg, sent } = way;
    const { callId } = way.party;
    if (outcome.kind === 'refused' && this.replaces(way) !== null) return this.dialAnew(way);
    if (outcome.kind !== 'answered') {
      const verdict = judgeInvite(outcome);
      log.info({ callId, uri: clean(sent.uri), ...verdict }, 'transfer failed');
      const isBusy = verdict?.failure === 'busy';
      return isBusy ? this.over(way, BUSY, 'busy') : this.over(way, NO_ROUTE, 'failed');
    }
    const answered = await media.answered(leg, outcome.sdp);
    if (this.isOver(way)) return;
    const joined = answered.ok ? await media.connect(callId, leg) : answered;
    if (!joined.ok) return this.over(way, NO_MEDIA, 'failed');
    void runtime.submit({ kind: 'AnswerTransfer', by: 'sip', callId });
  }

  /** RFC 3891 §3: that talk is over, or nobody there can be replaced: then he calls there anew. */
  private async dialAnew(way: Way): Promise<void> {
    const { media, log } = this.context;
    log.info({ callId: way.party.callId }, 'nobody was replaced; called without');
    way.outside?.forget();
    way.outside = null;
    await media.release(way.leg);
    if (!this.isOver(way)) await this.dial(way);
  }

  /** CANCEL before the answer, BYE after it. */
  private let(way: Way, reason: string): void {
    const { leg, outside, isOutside } = way;
    if (isOutside) void this.context.media.release(leg);
    outside?.leave(outside.isUp ? reason : CANCELLED);
  }
}

/** The caller as his call told him. */
type Origin = Pick<Transfer, 'from' | 'fromName'>;

/**
 * RFC 3891 §4. Not required: a phone that does not know Replaces then rings, and nobody is lost.
 */
function replacing(replaces: string | null): Headers {
  return replaces === null ? {} : { Supported: '100rel, replaces', Replaces: replaces };
}

/** As in offers: the account stays in From, the caller is in its name and asserted beside it. */
function invitation(origin: Origin, route: Route, fromTag: string): Headers {
  const number = parseUri(`sip:${origin.from}`)?.user ?? '';
  const isAnonymous = number === '' || /^anonymous$/i.test(number);
  const name = clean(origin.fromName || number || 'unknown');
  const from = route.account ?? `sip:${escapeUser(isAnonymous ? 'anonymous' : number)}@localhost`;
  const asserted = isAnonymous
    ? {}
    : { 'P-Asserted-Identity': nameAddr(name, `sip:${origin.from}`) };
  return {
    From: `${nameAddr(name, from)};tag=${fromTag}`,
    To: nameAddr('', route.uri),
    Supported: '100rel',
    ...asserted,
  };
}
