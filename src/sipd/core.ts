/**
 * The core without its sockets: tables, clients, and what happens to a message that arrived. Tests
 * drive it with a clock and a network of their own.
 */
import { ClientTxs, clientKey } from './client-tx.ts';
import { Clients } from './clients.ts';
import type { Clock } from './clock.ts';
import type { Context, Network } from './context.ts';
import { Dialogs } from './dialogs.ts';
import { onRequest, refuse } from './incoming.ts';
import type { Log } from './log.ts';
import type { Path } from './path.ts';
import { admit } from './received.ts';
import type { Names } from './resolve.ts';
import { ServerTxs } from './server-tx.ts';

export interface CoreParts {
  clock: Clock;
  log: Log;
  transports: Network;
  names: Names;
  guard: (run: () => void) => void;
}

export function createCore(parts: CoreParts): Context {
  const { clock } = parts;
  const clients = new Clients({
    clock,
    moveOwnership: (from, to) => {
      moveOwnership(ctx, from, to);
    },
  });
  const ctx: Context = {
    ...parts,
    clients,
    dialogs: new Dialogs(),
    serverTxs: new ServerTxs(clock),
    clientTxs: new ClientTxs(clock),
    uas: new Map(),
    uac: new Map(),
    unacked: new Map(),
    uasByTx: new WeakMap(),
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
    ctx.log.info(`faulty message from ${from}: ${admission.reason}`);
    if (isRequest && received.message.method !== 'ACK') {
      refuse(ctx, received, admission.status, []);
    }
    return;
  }
  if (isRequest) onRequest(ctx, received);
  // RFC 3261 section 18.1.2: no transaction of ours, not our response.
  else ctx.clientTxs.find(clientKey(received.via.branch, received.cseq.method))?.receive(received);
}

function moveOwnership(ctx: Context, from: string, to: string): void {
  for (const { state } of ctx.dialogs.all()) if (state.owner === from) state.owner = to;
  for (const uas of ctx.uas.values()) if (uas.owner === from) uas.owner = to;
  for (const uac of ctx.uac.values()) if (uac.owner === from) uac.owner = to;
}

/** Subscriptions that nobody renewed are over, whether or not anybody said so (RFC 6665). */
export function endLapsed(ctx: Context): void {
  const now = ctx.clock.now();
  for (const entry of [...ctx.dialogs.all()]) {
    const { expiresAt } = entry.state;
    if (expiresAt > 0 && expiresAt < now) ctx.dialogs.remove(entry);
  }
}
