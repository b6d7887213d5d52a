/**
 * What the SIP edge needs of a SIP stack, in our own words. `drachtio.ts` provides it on
 * drachtio-srf; unit tests provide it in memory. Everything above this file speaks of dialogs by
 * id only: the id is `<Call-ID>;from-tag=<tag of the initiator>`, so a process that took over from
 * another can go on with a dialog it never saw begin.
 */

import type { DialogSdp } from '../media/port.ts';

/** Header names are case-insensitive to read; several of one name are joined by a comma. */
export type Headers = Readonly<Record<string, string>>;

/** Of an answer; several values stand in header lines of their own, in this order. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** What a SIP message shows to a reader. */
export interface Message {
  /** First value of that name, or ''. */
  header(name: string): string;
  readonly body: string;
}

export interface Response {
  readonly status: number;
  readonly reason: string;
  readonly headers?: ResponseHeaders;
  readonly body?: string;
}

/** `ok: false`: not sent, as its transaction is gone (cancelled), or the connection (`isLost`). */
export type Responded =
  | { readonly ok: true; readonly dialogId: string }
  | { readonly ok: false; readonly detail: string; readonly isLost: boolean };

/** A request from the network, or one that the SIP server made itself (its BYE on a timeout). */
export interface IncomingRequest extends Message {
  readonly method: string;
  readonly uri: string;
  /** Dialog it belongs to; '' outside of any. */
  readonly dialogId: string;
  readonly source: 'network' | 'server';
  readonly sourceHost: string;
  readonly sourcePort: number;
  readonly protocol: string;
  /** The SIP server says: from an address of who accepted a REGISTER of ours. */
  readonly isOfRegistrar?: boolean;
  /** Who proved by his password that he is it (`sip.users`); absent: nobody was asked. */
  readonly user?: string;
  /** Sends a response. Settles when the stack has sent it; never rejects. */
  respond(response: Response): Promise<Responded>;
  /** The peer cancelled this INVITE; the server has answered 487 by itself. */
  onCancel(listener: (cancel: Message) => void): void;
}

export interface OutgoingRequest {
  readonly method: string;
  /** Request-URI; left out in a dialog. */
  readonly uri?: string;
  /** Where to send it, if not where the Request-URI says: `sip:host[:port][;transport=]`. */
  readonly nextHop?: string;
  /** Within this dialog. */
  readonly dialogId?: string;
  readonly headers?: Headers;
  readonly body?: string;
}

export interface IncomingResponse extends Message {
  readonly status: number;
  readonly reason: string;
  /** Made by the server itself: timeout, no route, DNS. */
  readonly local: boolean;
  readonly sourceHost: string;
  readonly sourcePort: number;
  readonly dialogId: string;
  /** ACK of a 2xx to INVITE, PRACK of a reliable 1xx; nothing for others. */
  acknowledge(body?: string): void;
}

/** The request as the server sent it. */
export interface SentRequest extends Message {
  readonly uri: string;
  /** The server's name of the transaction; outlives us. */
  readonly transaction: string;
  /** CANCELs it (RFC 3261 §9.1); the INVITE's own final answer still follows. */
  cancel(headers?: Headers): void;
}

/** One transaction of ours; exactly one of `final` and `failed` ends it, unless it is CANCEL. */
export interface TransactionEvents {
  sent(request: SentRequest): void;
  provisional(response: IncomingResponse): void;
  final(response: IncomingResponse): void;
  /** Not sent, or the connection to the server was lost. */
  failed(code: 'no-dialog' | 'not-sent' | 'connection-lost', detail: string): void;
}

export interface StackHealth {
  readonly up: boolean;
  readonly detail: string;
}

/** A dialog, or an INVITE that will make one, that the SIP server held while we were not there. */
export interface HeldDialog {
  readonly dialogId: string;
  readonly state: 'early' | 'confirmed' | 'awaiting-ack';
  /** `uas`: the peer began it. */
  readonly role: 'uas' | 'uac';
  /** `INVITE` or `SUBSCRIBE`. */
  readonly method: string;
  readonly callId: string;
  /** The peer's From or To value; left out where the server does not tell. */
  readonly peer?: string;
}

/** One that ended meanwhile: when (ms since the epoch) and by what: `BYE`, `CANCEL`, `486` … */
export interface EndedDialog {
  readonly dialogId: string;
  readonly at: number;
  readonly why: string;
}

/** A dialog as the SIP server tells of it: it holds it, or it has ended. */
export type KnownDialog = HeldDialog | EndedDialog;

export interface Inventory {
  readonly held: readonly HeldDialog[];
  readonly ended: readonly EndedDialog[];
  /** When the SIP server itself came back from its store, ms since the epoch; 0: it did not. */
  readonly restoredAt: number;
}

/** What sipd does for its clients, and a drachtio-server does not: for a takeover, and beyond. */
export interface Sipd {
  /** null, with the reason in the log: it could not be told in time. */
  inventory(): Promise<Inventory | null>;
  /** What both sides last said of their media in a dialog; null: not told. */
  sdp(dialogId: string): Promise<DialogSdp | null>;
  /** Ends an outgoing INVITE of a process before us, whatever becomes of it meanwhile. */
  cancel(dialogId: string, headers: Headers): void;
  /**
   * Has new calls refused (503, Retry-After) before they reach us, for so long; 0: no longer.
   * Gives how many were since the last time.
   */
  refuseCalls(ms: number): Promise<number>;
  /** INVITEs whose From names one of these are given to us from anywhere. */
  tellUsers(users: readonly string[]): Promise<void>;
  /** What is new from there gets no answer for so long; 0: it may again. `*`, 0: from all. */
  ban(address: string, ms: number): Promise<void>;
  /** Requests of strangers and banned addresses that it left unanswered; null: not told. */
  silences(): Promise<number | null>;
  /** Goes on with one: its last response comes again, then what follows. */
  resume(dialogId: string, events: TransactionEvents): void;
}

export interface Stack {
  send(request: OutgoingRequest, events: TransactionEvents): void;
  /** Takes back an INVITE of a process before us by its transaction; best effort. */
  cancelTransaction(transaction: string, headers: Headers): void;
  /** null: a drachtio-server, which keeps dialogs but tells the next client nothing of them. */
  sipd(): Sipd | null;
  /** One listener for every request that comes in; those that came before are given to it now. */
  onRequest(listener: (request: IncomingRequest) => void): void;
  /** The connection to the SIP server came up again after it was lost for so long. */
  onReconnected(listener: (awayMs: number) => void): void;
  /** `udp/127.0.0.1:5071`, as the server told at the connection; external address if it has one. */
  addresses(): readonly string[];
  health(): StackHealth;
  /**
   * From now on hears nothing and tells nothing: requests and answers that come are left to the
   * next process on this server. `close` then leaves it everything that waits.
   */
  freeze(): void;
  close(): Promise<void>;
}

/** Structured log; pino fits. */
export interface SipLog {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}
