/**
 * One of the two legs of an outbound call, from its INVITE to its end: its audio, its dialog, and
 * the INVITE while that is open. Both bear the call's id, so a process that takes over finds them.
 */
import { sipCallIdOf } from '../core/outbound-call.ts';
import type { CallId } from '../core/types.ts';
import type { MediaResult } from '../media/port.ts';
import { dialogIdOf } from './client.ts';
import type { DialogIdentity, InviteHandle, InviteOptions, InviteOutcome } from './client.ts';
import { ALLOW, SDP, sessionTimer } from './context.ts';
import type { EdgeContext } from './context.ts';
import type { Headers, OutgoingRequest } from './port.ts';
import type { Route } from './routes.ts';
import { Session } from './session.ts';

/** Whose leg: the agent's, or that of whom he has dialled. */
export type Side = 'agent' | 'callee';

const SUFFIXES = { agent: 'a', callee: 'c' } as const;

/** Media leg. */
export function legOf(id: CallId, side: Side): string {
  return `${id}.${SUFFIXES[side]}`;
}

/** Its dialog; a function of the call's id alone. */
export function outboundIdentity(id: CallId, side: Side): DialogIdentity {
  const callId = side === 'agent' ? sipCallIdOf(id) : `dialled-${id}`;
  return { callId, fromTag: legOf(id, side) };
}

export interface LegHooks {
  /** The peer hung up, or was found to be gone. */
  ended(cause: 'bye' | 'failed'): void;
  /** It rings, or tells how far the call has come; `sdp` '': without audio of its own. */
  progressed(status: number, sdp: string): void;
}

export class OutboundLeg {
  readonly name: string;
  readonly identity: DialogIdentity;
  private readonly context: EdgeContext;
  private readonly hooks: LegHooks;
  private invite: InviteHandle | null = null;
  private session: Session | null = null;
  private isMade = false;
  private isAdopted = false;

  constructor(context: EdgeContext, id: CallId, side: Side, hooks: LegHooks) {
    this.context = context;
    this.hooks = hooks;
    this.name = legOf(id, side);
    this.identity = outboundIdentity(id, side);
  }

  get dialogId(): string {
    return dialogIdOf(this.identity);
  }

  /**
   * Its 200 is here: it is ended by BYE. Known as soon as the 200 is read: the other's BYE may
   * stand right behind it in what the SIP server has sent.
   */
  get isUp(): boolean {
    return this.isAdopted || this.invite?.isAnswered === true;
  }

  /** The audio for our offer. */
  async make(route: Route): Promise<MediaResult<{ readonly sdp: string }>> {
    this.isMade = true;
    return this.context.media.offer(this.name, route.host);
  }

  /** Sends its INVITE; the outcome is the one end of that. */
  call(route: Route, headers: Headers, sdp: string, deadlineMs: number): Promise<InviteOutcome> {
    const { credentials } = route;
    // The owner is in place before the INVITE leaves: a BYE may come right behind the 200.
    this.session = this.open(credentials);
    const request: OutgoingRequest = {
      method: 'INVITE',
      uri: route.uri,
      ...(route.nextHop === null ? {} : { nextHop: route.nextHop }),
      headers: {
        'Call-ID': this.identity.callId,
        Allow: ALLOW,
        'Content-Type': SDP,
        ...sessionTimer(this.context.config.sip),
        ...headers,
      },
      body: sdp,
    };
    const options = this.options(credentials, deadlineMs);
    this.invite = this.context.client.invite(request, this.identity, options);
    return this.invite.outcome;
  }

  /** Goes on with the INVITE of a process before us. */
  resume(credentials: Route['credentials'], deadlineMs: number): Promise<InviteOutcome> {
    this.isMade = true;
    this.session = this.open(credentials);
    this.invite = this.context.client.resume(this.identity, this.options(credentials, deadlineMs));
    return this.invite.outcome;
  }

  /** Goes on with a dialog of a process before us. */
  adopt(credentials: Route['credentials']): void {
    this.isMade = true;
    this.isAdopted = true;
    this.session = this.open(credentials);
  }

  /** Ends whatever there is of it: CANCEL before the answer, BYE after it. Harmless if repeated. */
  end(reason: string): void {
    if (this.isMade) void this.context.media.release(this.name);
    this.isMade = false;
    if (this.isUp) return this.session?.hangUp(reason);
    this.session?.forget();
    this.invite?.cancel({ Reason: reason });
  }

  /** Settles when nothing of a cancelled INVITE is under way any more; null: it is not, now. */
  get over(): Promise<void> | null {
    return this.isUp ? null : (this.invite?.over ?? null);
  }

  private options(credentials: Route['credentials'], deadlineMs: number): InviteOptions {
    return {
      credentials,
      deadlineMs,
      onProvisional: (status, sdp) => this.hooks.progressed(status, sdp),
    };
  }

  private open(credentials: Route['credentials']): Session {
    return new Session(
      this.context,
      { dialogId: this.dialogId, leg: this.name, credentials, awaitsAck: false },
      { ended: (cause) => this.hooks.ended(cause) },
    );
  }
}
