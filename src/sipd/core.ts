/**
 * The core without its sockets: tables, clients, and what happens to a message that arrived. Tests
 * drive it with a clock and a network of their own.
 */
import { Admission } from './admission.ts';
import { Bindings } from './bindings.ts';
import { ClientTxs, clientKey } from './client-tx.ts';
import { Clients } from './clients.ts';
import type { Clock } from './clock.ts';
import type { Context, Network } from './context.ts';
import { Dialogs } from './dialogs.ts';
import { Endings } from './endings.ts';
import { newUuid } from './ids.ts';
import { onRequest } from './incoming.ts';
import type { Log } from './log.ts';
import { Unheard } from './overload.ts';
import type { Path } from './path.ts';
import { Peers } from './peers.ts';
import { endDialog, noteEnding } from './outgoing.ts';
import { admit } from './received.ts';
import { refuse } from './refusal.ts';
import { keepDialog } from './records.ts';
import type { Names } from './resolve.ts';
import { ServerTxs } from './server-tx.ts';
import { keepNothing, type Keep } from './store.ts';
import { abandon, owns, takeOver } from './takeover.ts';
import { repeatAck } from './uac-ack.ts';
import { UnprovenCalls } from './unproven.ts';

export interface CoreParts {
  clock: Clock;
  log: Log;
  transports: Network;
  names: Names;
  guard: (run: () => void) => void;
  /** From whom new requests are taken; everybody's, if missing. */
  allow?: readonly string[];
  /** Where to keep what must outlive us. */
  keep?: Keep;
  /** What routes of dialogs we passed on are known by; made up if missing. */
  routeKey?: string;
}

export function createCore(parts: CoreParts): Context {
  const { clock, log, allow = [], keep = keepNothing } = parts;
  const clients = new Clients({
    clock,
    moveOwnership: (from, to, next) => {
      takeOver(ctx, from, to, next);
    },
    abandon: (owner) => {
      abandon(ctx, owner);
    },
    owns: (owner) => owns(ctx, owner),
  });
  const ctx: Context = {
    ...parts,
    keep,
    endings: new Endings(clock, keep),
    restoredAt: 0,
    clients,
    outbound: null,
    dialogs: new Dialogs({
      changed: (key, entry) => {
        keepDialog(ctx, key, entry);
      },
      gone: (key) => {
        keep.drop(`d|${key}`);
      },
      removed: (entry) => {
        ctx.unproven.settle(entry);
      },
    }),
    serverTxs: new ServerTxs(clock),
    clientTxs: new ClientTxs(clock),
    uas: new Map(),
    uac: new Map(),
    unacked: new Map(),
    unheard: new Unheard(),
    peers: new Peers(clock),
    bindings: new Bindings(clock),
    admission: new Admission(allow, log, undefined, clock),
    unproven: new UnprovenCalls(clock, (entry) => {
      endDialog(ctx, entry, 'never acknowledged, and others want its place');
    }),
    uasByTx: new WeakMap(),
    proxied: new WeakMap(),
    routeKey: parts.routeKey ?? newUuid(),
    reliables: new WeakMap(),
  };
  return ctx;
}

/** @param fault what the transport found wrong already */
export function onMessage(ctx: Context, text: string, path: Path, fault: string | null): void {
  const start = /^(\r\n)+/.exec(text)?.[0].length ?? 0;
  const trimmed = start === 0 ? text : text.slice(start);
  // Keep-alives of many kinds: empty lines, a lone zero byte.
  if (trimmed.length < 12) return;
  const admission = admit(trimmed, path, fault);
  const from = `${path.address}:${path.port}`;
  if (admission.kind === 'hopeless') {
    ctx.log.info(`ignored from ${from}: ${admission.reason}`);
    return;
  }
  const { received } = admission;
  const isRequest = received.message.status === 0;
  if (admission.kind === 'faulty') {
    if (!ctx.admission.admits(path.address)) {
      ctx.admission.silence(path.address, 'a faulty message');
      path.shun?.();
      return;
    }
    ctx.log.info(`faulty message from ${from}: ${admission.reason}`);
    if (isRequest && received.message.method !== 'ACK') {
      refuse(ctx, received, admission.status, []);
    }
    return;
  }
  if (isRequest) {
    onRequest(ctx, received);
    return;
  }
  const tx = ctx.clientTxs.find(clientKey(received.via.branch, received.cseq.method));
  // RFC 3261 section 18.1.2: no transaction of ours, not our response; but it may have been.
  if (tx === undefined) {
    repeatAck(ctx, received);
    return;
  }
  const { status } = received.message;
  if (status >= 200 && status < 300) {
    ctx.peers.note(path);
    if (received.cseq.method === 'REGISTER') {
      // It may call from any address that its name has.
      const all = [path.address, ...ctx.names.siblingsOf(path.address)];
      for (const address of all) ctx.admission.noteRegistrar(address);
    }
  }
  tx.receive(received);
}

/** Subscriptions that nobody renewed are over, whether or not anybody said so (RFC 6665). */
export function endLapsed(ctx: Context): void {
  const now = ctx.clock.now();
  for (const entry of [...ctx.dialogs.all()]) {
    const { expiresAt } = entry.state;
    if (expiresAt <= 0 || expiresAt >= now) continue;
    ctx.dialogs.remove(entry);
    noteEnding(ctx, entry.state.owner, entry.state.id, 'expired');
  }
}
