/**
 * Callers who are sent to an address outside: his side is asked to call there itself (REFER, RFC
 * 3515), and what it tells of that is followed; where it will not, or cannot, we call there and
 * bridge the two. The call has ended for the journal when this begins: what is here lives with
 * this process, and a process that takes over ends both legs, which are nobody's then.
 *
 * The outside leg's media bears the call's id and `.x`. Every wait has its end: RINGS_MAX_MS for
 * the answer, TALK_MAX_MS for the talk.
 */
import type { Call } from '../core/state.ts';
import { TALK_MAX_MS } from '../core/state.ts';
import type { CallId, Destination, QueueName } from '../core/types.ts';
import { dialogIdOf } from './client.ts';
import type { DialogIdentity, InviteHandle } from './client.ts';
import { ALLOW, SDP } from './context.ts';
import type { EdgeContext } from './context.ts';
import { goodbyeOf } from './destination.ts';
import { clean, escapeUser, nameAddr, parseUri } from './headers.ts';
import { startMusic } from './line-sounds.ts';
import { judgeInvite } from './outcome.ts';
import type { OutgoingRequest } from './port.ts';
import type { Route, Routes } from './routes.ts';
import { Session } from './session.ts';

/** Longest that the outside phone rings. */
const RINGS_MAX_MS = 60_000;
/** Outside legs at once; a transfer beyond it ends as if nobody could be reached. */
const OUTSIDE_MAX = 1_000;
const NO_ROUTE = 'Q.850;cause=3;text="No route to destination"';

/** Who is sent on. */
export interface Party {
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly session: Session;
  /** He has hung up meanwhile. */
  gone(): boolean;
}

export type Target = Extract<Destination, { to: 'uri' }>;

interface Outside {
  readonly leg: string;
  invite: InviteHandle | null;
  session: Session | null;
  isUp: boolean;
  /** Settles the transfer with the Reason of the caller's BYE; a second time does nothing. */
  readonly over: (reason: string) => void;
}

interface Goal {
  readonly route: Route;
  readonly to: Target;
  /** Called a second time, as nobody there was to be replaced. */
  readonly isAnew?: boolean;
}

/** Caller as the call told him, kept from before its end. */
type Origin = Pick<Call, 'from' | 'fromName'>;

export function transferIdentity(callId: CallId, isAnew = false): DialogIdentity {
  return { callId: `transfer-${callId}${isAnew ? '.2' : ''}`, fromTag: `${callId}.x` };
}

export class Transfers {
  private readonly context: EdgeContext;
  private readonly routes: Routes;
  private readonly outsides = new Map<CallId, Outside>();

  constructor(context: EdgeContext, routes: Routes) {
    this.context = context;
    this.routes = routes;
  }

  get size(): number {
    return this.outsides.size;
  }

  ownsLeg(leg: string): boolean {
    return leg.endsWith('.x') && this.outsides.has(leg.slice(0, -2));
  }

  /** Media came back from a fault with these legs. */
  mediaRestored(restored: ReadonlySet<string>): void {
    for (const { leg, isUp, over } of [...this.outsides.values()])
      if (isUp && !restored.has(leg)) over('Q.850;cause=41;text="Media lost"');
  }

  /** Everybody is let go: the process ends. */
  stop(): void {
    for (const { over } of [...this.outsides.values()]) over(goodbyeOf(undefined));
  }

  /** The caller has hung up: nothing of his transfer stays. */
  callerLeft(callId: CallId): void {
    this.outsides.get(callId)?.over(goodbyeOf(undefined));
  }

  /**
   * Settles when the caller's leg may go, with the Reason (RFC 3326) of its BYE: his side has
   * called there, or the talk that we bridged is over, or nobody could be reached.
   */
  async send(party: Party, origin: Origin, to: Target): Promise<string> {
    startMusic(this.context, party.callId, party.queue);
    const { uri } = to;
    // The dialog to be replaced is at the agent's PBX: the way there is ours, not the caller's.
    if (to.replaces !== undefined) return this.dial(party, origin, to);
    const referred = await party.session.refer(uri);
    if (party.gone() || referred === 'done') return goodbyeOf(undefined);
    if (referred === 'busy') return goodbyeOf({ to: 'busy' });
    const { log } = this.context;
    log.info(
      { callId: party.callId, uri: clean(uri) },
      'his side does not transfer; we call there',
    );
    return this.dial(party, origin, to);
  }

  private async dial(party: Party, origin: Origin, to: Target): Promise<string> {
    const { callId } = party;
    const route = this.routes.toUri(to.uri);
    if (route === null || this.outsides.size >= OUTSIDE_MAX) return NO_ROUTE;
    return new Promise((resolve) => {
      const limit = setTimeout(() => outside.over(goodbyeOf(undefined)), TALK_MAX_MS);
      limit.unref();
      const outside: Outside = {
        leg: `${callId}.x`,
        invite: null,
        session: null,
        isUp: false,
        over: (reason) => {
          if (this.outsides.get(callId) !== outside) return;
          this.outsides.delete(callId);
          clearTimeout(limit);
          this.let(outside, reason);
          resolve(reason);
        },
      };
      this.outsides.set(callId, outside);
      void this.connect(party, origin, outside, { route, to });
    });
  }

  private async connect(party: Party, origin: Origin, outside: Outside, goal: Goal) {
    const { route, to } = goal;
    const { client, media } = this.context;
    const { leg } = outside;
    const isOver = () => this.outsides.get(party.callId) !== outside;
    const sdp = await media.offer(leg, route.host);
    if (isOver()) return void media.release(leg);
    if (!sdp.ok) return outside.over(NO_ROUTE);
    const identity = transferIdentity(party.callId, goal.isAnew === true);
    const { credentials } = route;
    // The owner is in place before the INVITE leaves: a BYE may come right behind the 200.
    outside.session = new Session(
      this.context,
      { dialogId: dialogIdOf(identity), leg, credentials, awaitsAck: false },
      { ended: () => outside.over(goodbyeOf(undefined)) },
    );
    const plain = invitation(origin, route, identity, sdp.sdp);
    const request = to.replaces === undefined ? plain : replacing(plain, to.replaces);
    const options = { credentials, deadlineMs: RINGS_MAX_MS };
    outside.invite = client.invite(request, identity, options);
    const outcome = await outside.invite.outcome;
    if (isOver()) return;
    if (outcome.kind === 'refused' && to.replaces !== undefined) {
      // RFC 3891 §3: that talk is over, or nobody there can be replaced: then he calls there anew.
      this.context.log.info({ callId: party.callId }, 'nobody was replaced; called without');
      outside.session.forget();
      await media.release(leg);
      const anew: Target = { to: 'uri', uri: to.uri };
      if (!isOver()) await this.connect(party, origin, outside, { route, to: anew, isAnew: true });
      return;
    }
    if (outcome.kind !== 'answered') {
      const verdict = judgeInvite(outcome);
      const { log } = this.context;
      log.info({ callId: party.callId, uri: clean(route.uri), ...verdict }, 'transfer failed');
      return outside.over(verdict?.failure === 'busy' ? goodbyeOf({ to: 'busy' }) : NO_ROUTE);
    }
    outside.isUp = true;
    const answered = await media.answered(leg, outcome.response.body);
    if (isOver()) return;
    const joined = answered.ok ? await media.connect(party.callId, leg) : answered;
    if (!joined.ok) outside.over('Q.850;cause=41;text="Media failed"');
  }

  /** CANCEL before the answer, BYE after it. */
  private let({ leg, invite, session, isUp }: Outside, reason: string): void {
    void this.context.media.release(leg);
    if (isUp) return session?.hangUp(reason);
    session?.forget();
    invite?.cancel({ Reason: 'SIP;cause=487;text="Request Terminated"' });
  }
}

/**
 * RFC 3891 §4. Not required: a phone that does not know Replaces then rings, and nobody is lost.
 */
function replacing(request: OutgoingRequest, replaces: string): OutgoingRequest {
  return {
    ...request,
    headers: { ...request.headers, Supported: '100rel, replaces', Replaces: replaces },
  };
}

/** As in offers: the account stays in From, the caller is in its name and asserted beside it. */
function invitation(
  origin: Origin,
  route: Route,
  identity: DialogIdentity,
  body: string,
): OutgoingRequest {
  const number = parseUri(`sip:${origin.from}`)?.user ?? '';
  const isAnonymous = number === '' || /^anonymous$/i.test(number);
  const name = clean(origin.fromName || number || 'unknown');
  const from = route.account ?? `sip:${escapeUser(isAnonymous ? 'anonymous' : number)}@localhost`;
  const asserted = isAnonymous
    ? {}
    : { 'P-Asserted-Identity': nameAddr(name, `sip:${origin.from}`) };
  return {
    method: 'INVITE',
    uri: route.uri,
    ...(route.nextHop === null ? {} : { nextHop: route.nextHop }),
    headers: {
      'Call-ID': identity.callId,
      From: `${nameAddr(name, from)};tag=${identity.fromTag}`,
      To: nameAddr('', route.uri),
      Allow: ALLOW,
      Supported: '100rel',
      'Content-Type': SDP,
      ...asserted,
    },
    body,
  };
}
