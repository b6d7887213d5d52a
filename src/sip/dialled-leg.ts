/**
 * A leg that we have dialled, from its INVITE to its end: its audio, its dialog, and the INVITE
 * while that is open. Both legs of an outbound call are such, and the outside leg of a transfer.
 */
import type { MediaResult } from '../media/port.ts';
import { dialogIdOf } from './client.ts';
import type { DialogIdentity, InviteHandle, InviteOptions, InviteOutcome } from './client.ts';
import { ALLOW, SDP } from './context.ts';
import type { EdgeContext } from './context.ts';
import type { Headers, OutgoingRequest } from './port.ts';
import type { Route } from './routes.ts';
import type { Referral, ReferralAnswer } from './referral.ts';
import { Session } from './session.ts';

export interface LegHooks {
  /** The peer hung up, or was found to be gone. */
  ended(cause: 'bye' | 'failed'): void;
  /** It rings, or tells how far the call has come; `sdp` '': without audio of its own. */
  progressed?(status: number, sdp: string): void;
  /** It has offered or answered its audio anew: does it hold? */
  held?(isHold: boolean): void;
  /** It asks that the one it talks with be sent elsewhere. Absent: that is not offered. */
  referred?(referral: Referral): ReferralAnswer;
}

export class DialledLeg {
  /** Its leg of audio. */
  readonly name: string;
  private readonly identity: DialogIdentity;
  private readonly context: EdgeContext;
  private readonly hooks: LegHooks;
  private invite: InviteHandle | null = null;
  private session: Session | null = null;
  private isMade = false;
  private isAdopted = false;

  /** `identity`: nothing that only this process knows, so that the next one finds the dialog. */
  constructor(context: EdgeContext, name: string, identity: DialogIdentity, hooks: LegHooks) {
    this.context = context;
    this.name = name;
    this.identity = identity;
    this.hooks = hooks;
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

  /** Sends its INVITE; the outcome is the one end of that. `headers`: From and To among them. */
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

  /**
   * Ends whatever there is of it, and its audio. Harmless if repeated. `isReferred`: because what
   * its REFER asked for is done.
   */
  end(reason: string, isReferred = false): void {
    if (this.isMade) void this.context.media.release(this.name);
    this.isMade = false;
    this.leave(reason, isReferred);
  }

  /** Asks its side to call there itself, and follows what it tells of that; nothing: refused. */
  async refer(uri: string): Promise<'done' | 'busy' | 'refused'> {
    const told = await this.session?.refer(uri, () => undefined);
    return told === undefined || told === 'untold' ? 'refused' : told;
  }

  /** CANCEL before the answer, BYE after it. */
  leave(reason: string, isReferred = false): void {
    if (this.isUp) return this.session?.hangUp(reason, isReferred);
    this.forget();
    this.invite?.cancel({ Reason: reason });
  }

  /** Nothing that its dialog still tells is heard. */
  forget(): void {
    this.session?.forget();
  }

  /** Settles when nothing of a cancelled INVITE is under way any more; null: it is not, now. */
  get over(): Promise<void> | null {
    return this.isUp ? null : (this.invite?.over ?? null);
  }

  private options(credentials: Route['credentials'], deadlineMs: number): InviteOptions {
    return {
      credentials,
      deadlineMs,
      onProvisional: (status, sdp) => this.hooks.progressed?.(status, sdp),
    };
  }

  private open(credentials: Route['credentials']): Session {
    return new Session(
      this.context,
      { dialogId: dialogIdOf(this.identity), leg: this.name, credentials, awaitsAck: false },
      this.hooks,
    );
  }
}
