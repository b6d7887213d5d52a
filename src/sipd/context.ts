/** What the parts of the core share: tables, sockets, clients, and time. */
import type { Admission } from './admission.ts';
import type { Bindings } from './bindings.ts';
import type { ClientTx, ClientTxs } from './client-tx.ts';
import type { Client, Clients } from './clients.ts';
import type { Clock, Timer } from './clock.ts';
import type { RequestParts } from './compose.ts';
import type { DialogEntry, Dialogs } from './dialogs.ts';
import type { Log } from './log.ts';
import type { Header } from './message.ts';
import type { Unheard } from './overload.ts';
import type { Path, Proto } from './path.ts';
import type { Peers } from './peers.ts';
import type { Proxying } from './proxy.ts';
import type { Received } from './received.ts';
import type { Endings } from './endings.ts';
import type { Names } from './resolve.ts';
import type { Keep } from './store.ts';
import type { ServerTx, ServerTxs } from './server-tx.ts';
import type { UnprovenCalls } from './unproven.ts';

/** The sockets as the core sees them. */
export interface Network {
  /** Null if no socket speaks that protocol and family, or too many connections are open. */
  pathTo(proto: Proto, address: string, port: number, preferred?: string): Path | null;
  openTcp(address: string, port: number): Path | null;
  isOwn(proto: Proto, address: string, port: number): boolean;
  speaks(proto: Proto): boolean;
  hostPorts(withExternal: boolean): string[];
}

/** A reliable provisional response on its way (RFC 3262 section 3). */
export interface ReliableSending {
  rseq: number;
  text: string;
  hasBody: boolean;
  resend: Timer;
  giveUp: Timer;
}

/** A request from the network, from its arrival to its final response. */
export interface UasTx {
  id: string;
  received: Received;
  tx: ServerTx;
  owner: string;
  since: number;
  /** Was it given to a client, as against held for one? */
  isGiven: boolean;
  /** Our tag in To. */
  toTag: string;
  dialogId: string;
  dialog: DialogEntry | null;
  /** Did the request come inside a dialog? */
  isInDialog: boolean;
  watch: Timer | null;
  lastRseq: number;
  reliable: ReliableSending | null;
  /** Responses that must wait for the PRACK of an earlier one. */
  queued: (() => void)[];
}

/** A request of a client, from its sending to its end. */
export interface UacTx {
  id: string;
  owner: string;
  since: number;
  /** Who asked for it is gone: an answer to a re-INVITE is acknowledged by us. */
  isOrphaned: boolean;
  /** The last response the client was given. */
  last: string;
  parts: RequestParts;
  branch: string;
  /** Null if there was nowhere to send it. */
  path: Path | null;
  tx: ClientTx | null;
  dialogId: string;
  /** The dialog it was sent in, or null. */
  dialog: DialogEntry | null;
  /** Dialogs it brought forth, by remote tag. */
  forks: Map<string, DialogEntry>;
  /** The fork that answered first, or the dialog a re-INVITE belongs to. */
  confirmed: DialogEntry | null;
  /** What to send again when a 2xx comes again, by remote tag. */
  acks: Map<string, { text: string; path: Path }>;
  hasProvisional: boolean;
  hasFinal: boolean;
  cancel: { extra: Header[]; isSent: boolean } | null;
  /** A CANCEL was sent and nothing came of it. */
  onCancelTimeout: (() => void) | null;
  echoedAt: number;
  /** Responses that came too soon after the echo. */
  late: { text: string; path: Path | null }[];
  watch: Timer | null;
}

/** Sees to new requests that are for programs which wait to be connected to. */
export interface Dialler {
  /** Are new requests of this method for them? Then whoever routed it has no say. */
  takes(method: string): boolean;
  /**
   * The request is given to a client, or answered in another way.
   * @returns false: it is none of those
   */
  take(received: Received, tx: ServerTx, give: (client: Client) => void): boolean;
}

export interface Context {
  clock: Clock;
  log: Log;
  transports: Network;
  names: Names;
  dialogs: Dialogs;
  keep: Keep;
  /** What ended while its client was away. */
  endings: Endings;
  /** When this process took up calls of one before it, ms since 1970; 0: there were none. */
  restoredAt: number;
  clients: Clients;
  /** Null: all programs come to us. */
  outbound: Dialler | null;
  serverTxs: ServerTxs;
  clientTxs: ClientTxs;
  uas: Map<string, UasTx>;
  uac: Map<string, UacTx>;
  /** INVITEs of clients that were accepted and wait for the client's ACK, by dialog id. */
  unacked: Map<string, UacTx>;
  /** New requests that no client has reacted to so far. */
  unheard: Unheard;
  peers: Peers;
  /** Phones that registered over a connection. */
  bindings: Bindings;
  /** From whom new requests are taken. */
  admission: Admission;
  /** Calls we accepted whose ACK has not come. */
  unproven: UnprovenCalls;
  /** INVITEs from the network, for their CANCEL. */
  uasByTx: WeakMap<ServerTx, UasTx>;
  /** INVITEs that we pass on as a proxy, for their CANCEL. */
  proxied: WeakMap<ServerTx, Proxying>;
  /** Makes the mark in our Record-Routes. */
  routeKey: string;
  /** Which INVITE of a dialog sent reliable provisionals, for the PRACKs to come. */
  reliables: WeakMap<DialogEntry, UasTx>;
  /** Transports bind asynchronously; runs what must not end the process. */
  guard(run: () => void): void;
}
