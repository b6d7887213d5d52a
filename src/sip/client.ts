/**
 * Requests of our own with everything a caller of them should not have to think about: digest
 * challenges on any method (RFC 3261 §22), stale nonces, a session interval too small (RFC 4028
 * §6), a deadline, and CANCEL with all its crossings. Each request has exactly one outcome.
 */
import { randomBytes } from 'node:crypto';
import { Attempts } from './attempts.ts';
import type { DigestMemory } from './attempts.ts';
import type { Credentials } from './digest.ts';
import { HangUps } from './hang-ups.ts';
import { carriesSdp } from './headers.ts';
import type {
  Headers,
  IncomingResponse,
  OutgoingRequest,
  SentRequest,
  Stack,
  TransactionEvents,
} from './port.ts';
import type { Trust } from './trust.ts';

/** What came of a request. `no-answer`: our deadline passed; `lost`: it could not be sent. */
export type RequestOutcome =
  | { readonly kind: 'response'; readonly response: IncomingResponse }
  | { readonly kind: 'no-answer' }
  | { readonly kind: 'rejected-credentials'; readonly response: IncomingResponse }
  | { readonly kind: 'no-dialog' }
  | { readonly kind: 'lost'; readonly detail: string };

/** Of a request within a dialog: it is no more, or its peer (RFC 3261 §12.2.1.2). */
export function isGone(outcome: RequestOutcome): boolean {
  const status = outcome.kind === 'response' ? outcome.response.status : 0;
  return outcome.kind === 'no-dialog' || status === 481 || status === 408;
}

/** sipd's word for a destination that takes no connection by TCP (RFC 3261 §8.1.3.1). */
export function isNobodyThere(outcome: RequestOutcome): boolean {
  if (outcome.kind !== 'response') return false;
  const { local, status, reason } = outcome.response;
  return local && status === 503 && reason === 'Connection Refused';
}

export interface RequestOptions {
  readonly credentials?: Credentials | null;
  /** Remembers the server's challenge from request to request. */
  readonly memory?: DigestMemory;
  /** Longest wait for the outcome, challenges included, ms. */
  readonly deadlineMs: number;
}

/** The transaction layer gives 408 after 64·T1 = 32 s; this only catches a server gone wrong. */
export const TRANSACTION_DEADLINE_MS = 35_000;

export interface InviteOptions {
  readonly credentials: Credentials | null;
  /** The phone rings (180, 183 …); `sdp` '': without audio of its own. */
  readonly onProvisional?: (status: number, sdp: string) => void;
  /**
   * It left. Told only where the server lets nobody resume it, with the name by which another
   * process can take it back.
   */
  readonly onSent?: (transaction: string) => void;
  /** Safety net above the core's own deadline, ms. */
  readonly deadlineMs: number;
}

export type InviteOutcome =
  | {
      readonly kind: 'answered';
      readonly dialogId: string;
      /** The answer to our offer: of the 200, or of a provisional response before it. */
      readonly sdp: string;
    }
  | { readonly kind: 'refused'; readonly response: IncomingResponse }
  | { readonly kind: 'cancelled' }
  | Exclude<RequestOutcome, { readonly kind: 'response' }>;

export interface InviteHandle {
  readonly dialogId: string;
  readonly outcome: Promise<InviteOutcome>;
  /** Its 200 is here, maybe a moment before `outcome` tells it: what ends it now is a BYE. */
  readonly isAnswered: boolean;
  /**
   * Nothing of the INVITE is under way any more, cancelled or not: its final answer is here, or it
   * is lost; where a 200 crossed our CANCEL, the BYE has an outcome, too.
   */
  readonly over: Promise<void>;
  /** Takes the INVITE back; whatever crosses it is ended. Harmless when repeated or too late. */
  cancel(headers?: Headers): void;
}

/** Identity of a dialog of ours: both known before anything is sent. */
export interface DialogIdentity {
  readonly callId: string;
  readonly fromTag: string;
}

export function newTag(): string {
  return randomBytes(8).toString('hex');
}

/** The SIP server's name for the dialog that such a request begins: Call-ID and From tag. */
export function dialogIdOf(identity: DialogIdentity): string {
  return `${identity.callId};from-tag=${identity.fromTag}`;
}

function sdpOf(response: IncomingResponse): string {
  return carriesSdp(response) ? response.body : '';
}

export interface SipClient {
  /** Any request but INVITE. */
  request(request: OutgoingRequest, options: RequestOptions): Promise<RequestOutcome>;
  invite(request: OutgoingRequest, identity: DialogIdentity, options: InviteOptions): InviteHandle;
  /** An INVITE within a dialog; a refusal leaves the dialog as it was. */
  reinvite(request: OutgoingRequest, options: InviteOptions): Promise<InviteOutcome>;
  /** Goes on with one that a process before us sent; where the server cannot, `no-dialog`. */
  resume(identity: DialogIdentity, options: InviteOptions): InviteHandle;
  /** The SIP server came back: goes on with INVITEs that were under way, sends lost BYEs again. */
  reconnected(): void;
  /**
   * The SIP server says that an INVITE of ours was answered and that it has no ACK to send: it
   * died with a process. It goes out now; nothing happens where the INVITE is under way.
   */
  acknowledge(dialogId: string): void;
  /** An INVITE comes that will be this dialog: a BYE kept for a former try is not sent. */
  begins(dialogId: string): void;
  /** Is an INVITE or a BYE of ours in that dialog under way? */
  isBusyWith(dialogId: string): boolean;
  /** What the peer last said of its audio in a dialog; '': no more is known; null: not told now. */
  heard(dialogId: string): Promise<string | null>;
  /** Settles when no BYE is under way any more, or after so long. */
  farewell(maxMs: number): Promise<void>;
}

/**
 * sipd's word for a dialog of which it knows neither an INVITE nor an end. Those of before an
 * upgrade in place have another word, as they do not know all ends.
 */
const NOTHING = 'nothing';
/** INVITEs under way when the connection was lost, kept to go on with; beyond it, forgotten. */
const ORPHANS_MAX = 1_000;
/** Its 200 comes again, and is acknowledged; or the server has had the ACK by then, and says so. */
const ACKNOWLEDGING: TransactionEvents = {
  sent: () => undefined,
  provisional: () => undefined,
  final: (response) => response.acknowledge(),
  failed: () => undefined,
};
/** From the CANCEL of such an INVITE to the BYE, for the case that it had been answered. */
const ORPHAN_BYE_MS = 1_000;

export function createClient(stack: Stack, trust: Pick<Trust, 'has'>): SipClient {
  const send = (request: OutgoingRequest, options: RequestOptions): Promise<RequestOutcome> =>
    sendRequest({ stack, trust }, request, options);
  const hangUps = new HangUps(send);
  const orphans = new Set<Invitation>();
  const keep = (orphan: Invitation): boolean => {
    if (orphans.size >= ORPHANS_MAX) return false;
    orphans.add(orphan);
    return true;
  };
  const parts = { stack, trust, hangUps, keep };
  const inviting = new Set<string>();
  const follow = (invitation: Invitation): Invitation => {
    inviting.add(invitation.dialogId);
    void invitation.over.then(() => inviting.delete(invitation.dialogId));
    return invitation;
  };
  return {
    request: (request, options) =>
      request.method === 'BYE' ? hangUps.send(request, options) : send(request, options),
    invite: (request, identity, options) =>
      follow(new Invitation(parts, request, identity, options)),
    resume: (identity, options) => follow(new Invitation(parts, null, identity, options)),
    reinvite: (request, options) => {
      const [callId = '', fromTag = ''] = (request.dialogId ?? '').split(';from-tag=');
      const within = { ...parts, keep: null };
      return new Invitation(within, request, { callId, fromTag }, options).outcome;
    },
    reconnected: () => {
      const returning = [...orphans];
      orphans.clear();
      for (const orphan of returning) orphan.returned();
      hangUps.again();
    },
    acknowledge: (dialogId) => {
      if (!inviting.has(dialogId)) stack.sipd()?.resume(dialogId, ACKNOWLEDGING);
    },
    begins: (dialogId) => hangUps.drop(dialogId),
    isBusyWith: (dialogId) => inviting.has(dialogId) || hangUps.has(dialogId),
    heard: async (dialogId) => {
      const sipd = stack.sipd();
      return sipd === null ? '' : ((await sipd.sdp(dialogId))?.remoteSdp ?? null);
    },
    farewell: (maxMs) => hangUps.over(maxMs),
  };
}

function sendRequest(
  { stack, trust }: Pick<InvitationParts, 'stack' | 'trust'>,
  first: OutgoingRequest,
  options: RequestOptions,
): Promise<RequestOutcome> {
  return new Promise((resolve) => {
    const attempts = new Attempts(trust, options.credentials ?? null, options.memory);
    let done = false;
    const settle = (outcome: RequestOutcome): void => {
      done = true;
      clearTimeout(deadline);
      resolve(outcome);
    };
    const deadline = setTimeout(() => settle({ kind: 'no-answer' }), options.deadlineMs);
    const launch = (request: OutgoingRequest): void => {
      let sent: SentRequest | null = null;
      stack.send(request, {
        sent: (echo) => (sent = echo),
        provisional: () => undefined,
        final: (response) => {
          if (done) return;
          const next = attempts.next(request, sent, response);
          if (next === null) settle({ kind: 'response', response });
          else if (next === 'rejected') settle({ kind: 'rejected-credentials', response });
          else launch(next);
        },
        failed: (code, detail) => {
          if (!done) settle(code === 'no-dialog' ? { kind: code } : { kind: 'lost', detail });
        },
      });
    };
    launch(attempts.first(first));
  });
}

interface InvitationParts {
  readonly stack: Stack;
  readonly trust: Pick<Trust, 'has'>;
  readonly hangUps: HangUps;
  /** Has it go on when the connection is back; null, or false: its loss is the end. */
  readonly keep: ((self: Invitation) => boolean) | null;
}

/** One INVITE of ours from its first sending to its one outcome. */
class Invitation implements InviteHandle {
  readonly dialogId: string;
  readonly outcome: Promise<InviteOutcome>;
  private readonly parts: InvitationParts;
  private readonly options: InviteOptions;
  private readonly attempts: Attempts;
  private readonly deadline: NodeJS.Timeout;
  readonly over: Promise<void>;
  private resolve: (outcome: InviteOutcome) => void = () => undefined;
  private end: () => void = () => undefined;
  private settled = false;
  private earlySdp = '';
  isAnswered = false;
  private cancelled: { readonly headers: Headers } | null = null;
  private sent: SentRequest | null = null;
  /** There was no connection, or it was lost before the echo: to be sent, unless it has been. */
  private unsent: OutgoingRequest | null = null;

  constructor(
    parts: InvitationParts,
    request: OutgoingRequest | null,
    identity: DialogIdentity,
    options: InviteOptions,
  ) {
    this.parts = parts;
    this.options = options;
    this.dialogId = dialogIdOf(identity);
    this.attempts = new Attempts(parts.trust, options.credentials);
    this.outcome = new Promise((resolve) => (this.resolve = resolve));
    this.over = new Promise((resolve) => (this.end = resolve));
    this.deadline = setTimeout(() => {
      this.takeBack({});
      this.settle({ kind: 'no-answer' });
    }, options.deadlineMs);
    if (request !== null) this.launch(request);
    else this.resume();
  }

  cancel(headers: Headers = {}): void {
    this.takeBack(headers);
    // Whoever cancels is done with it: what still comes is dealt with here, unseen.
    this.settle({ kind: 'cancelled' });
  }

  private takeBack(headers: Headers): void {
    if (this.settled || this.cancelled !== null) return;
    this.cancelled = { headers };
    this.sent?.cancel(headers);
  }

  private settle(outcome: InviteOutcome): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.deadline);
    this.resolve(outcome);
  }

  private launch(request: OutgoingRequest): void {
    // `sent` stays on the former transaction until this one's echo is here; a CANCEL in between
    // is kept and sent then.
    this.sent = null;
    this.parts.stack.send(request, this.events(request));
  }

  private resume(): void {
    const sipd = this.parts.stack.sipd();
    if (sipd === null) this.settle({ kind: 'no-dialog' });
    else sipd.resume(this.dialogId, this.events(null));
  }

  /**
   * There is no such INVITE any more. Whoever was there before us may have had its 200 a moment
   * before he was no more: then there is a dialog, with its answer. Else, or where nobody wants it
   * now, it is hung up; a BYE to none is harmless.
   */
  private async adopt(): Promise<void> {
    const dialog = await this.parts.stack.sipd()?.sdp(this.dialogId);
    const { dialogId } = this;
    const sdp = dialog?.remoteSdp ?? '';
    if (this.settled || sdp === '') {
      this.settle({ kind: 'no-dialog' });
      return this.hangUp(dialogId);
    }
    this.isAnswered = true;
    this.settle({ kind: 'answered', dialogId, sdp });
    this.end();
  }

  /** `request`: to be sent again with an answer, if it is challenged. */
  private events(request: OutgoingRequest | null): TransactionEvents {
    let echo: SentRequest | null = null;
    return {
      sent: (message) => {
        echo = message;
        this.unsent = null;
        this.sent = message;
        if (this.cancelled !== null) message.cancel(this.cancelled.headers);
        else if (this.parts.stack.sipd() === null) this.options.onSent?.(message.transaction);
      },
      provisional: (response) => {
        // RFC 3262 §4: a reliable provisional response is acknowledged by PRACK.
        if (response.header('RSeq') !== '') response.acknowledge();
        const sdp = sdpOf(response);
        if (sdp !== '') this.earlySdp = sdp;
        if (!this.settled) this.options.onProvisional?.(response.status, sdp);
      },
      final: (response) => this.final(request, echo, response),
      failed: (code, detail) => {
        const { stack, keep } = this.parts;
        const hasSipd = stack.sipd() !== null;
        const isAway =
          code === 'connection-lost' || (hasSipd && code === 'not-sent' && !stack.health().up);
        // The server goes on without us: the phone rings, and may even be answered.
        const isKept = isAway && keep?.(this) === true;
        if (isKept && echo === null) this.unsent = request ?? this.unsent;
        // sipd tells us more of it when we are back, or that there is nothing.
        if (isKept && hasSipd) return;
        if (request === null && code === 'no-dialog') return this.missing(detail);
        this.end();
        this.settle(code === 'no-dialog' ? { kind: code } : { kind: 'lost', detail });
      },
    };
  }

  /** There is no such INVITE: it never left, or what became of it is to be found out. */
  private missing(detail: string): void {
    const { unsent } = this;
    this.unsent = null;
    if (unsent !== null && detail === NOTHING && !this.settled) this.launch(unsent);
    else void this.adopt();
  }

  /** The connection is back: goes on with it, or ends what it left at the server. */
  returned(): void {
    if (this.settled) this.bury();
    else this.resume();
  }

  private bury(): void {
    const headers = { Reason: 'SIP;cause=503;text="Connection lost"' };
    const sipd = this.parts.stack.sipd();
    // It may have sent what it had no time to tell us of.
    if (sipd === null) this.sent?.cancel(headers);
    else sipd.cancel(this.dialogId, headers);
    setTimeout(() => this.hangUp(this.dialogId), ORPHAN_BYE_MS).unref();
  }

  private final(
    request: OutgoingRequest | null,
    echo: SentRequest | null,
    response: IncomingResponse,
  ): void {
    if (response.status < 300) {
      response.acknowledge();
      // RFC 3261 §9.1: the 200 crossed our CANCEL, or nobody waits any more: BYE.
      const dialogId = response.dialogId || this.dialogId;
      if (this.settled) return this.hangUp(dialogId);
      this.isAnswered = true;
      // RFC 3262 §5: where a reliable response gave the answer, the 200 need not repeat it.
      const sdp = response.body || this.earlySdp;
      this.settle({ kind: 'answered', dialogId, sdp });
      return this.end();
    }
    if (this.settled) return this.end();
    const next = request === null ? null : this.attempts.next(request, echo, response);
    if (next === null) this.settle({ kind: 'refused', response });
    else if (next === 'rejected') this.settle({ kind: 'rejected-credentials', response });
    else return this.launch(next);
    this.end();
  }

  private hangUp(dialogId: string): void {
    // What the CANCEL said why: a phone that answered across it notes no missed call.
    const bye = { method: 'BYE', dialogId, headers: this.cancelled?.headers ?? {} };
    const { credentials } = this.options;
    const sent = this.parts.hangUps.send(bye, { credentials, deadlineMs: TRANSACTION_DEADLINE_MS });
    void sent.then(() => this.end());
  }
}
