/**
 * The SIP server as a whole: sockets, tables and clients tied together. Everything that arrives
 * passes one guard: whatever a defect or a hostile peer does to one message, the next is served.
 */
import { AdminPort } from './admin.ts';
import { ClientTxs, clientKey } from './client-tx.ts';
import { Clients } from './clients.ts';
import { systemClock } from './clock.ts';
import type { Context } from './context.ts';
import { Dialogs } from './dialogs.ts';
import { onRequest, refuse } from './incoming.ts';
import { createLog, type Log } from './log.ts';
import { Names } from './resolve.ts';
import type { ListenSpec, Path } from './path.ts';
import { admit } from './received.ts';
import { ServerTxs } from './server-tx.ts';
import { Trace } from './trace.ts';
import { Transports } from './transports.ts';

const SWEEP_MS = 30_000;

export interface ServerOptions {
  listen: ListenSpec[];
  adminHost: string;
  adminPort: number;
  secret: string;
  /** Address shown to peers outside our own networks, or ''. */
  externalAddress: string;
  /** Trace file, or ''. */
  trace: string;
  log: (line: string) => void;
}

export interface RunningServer {
  admin: string;
  listen: string[];
  close(): Promise<void>;
}

function createGuard(log: Log): (run: () => void) => void {
  return (run) => {
    try {
      run();
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log.warn(`defect: ${what.replaceAll('\n', ' | ')}`);
    }
  };
}

function createContext(options: ServerOptions): { ctx: Context; trace: Trace | null } {
  const log = createLog(options.log, Date.now);
  const guard = createGuard(log);
  const clock = systemClock(guard);
  const trace =
    options.trace === ''
      ? null
      : new Trace(options.trace, (text) => {
          log.warn(text);
        });
  const transports = new Transports(
    {
      onMessage: (text, path, fault) => {
        guard(() => {
          onMessage(ctx, text, path, fault);
        });
      },
      onTraffic:
        trace === null
          ? null
          : (direction, path, text) => {
              trace.add(direction, path, text);
            },
      onTrouble: (text) => {
        log.warn(text);
      },
    },
    options.externalAddress,
  );
  const hasV4 = options.listen.some((spec) => !spec.host.includes(':'));
  const hasV6 = options.listen.some((spec) => spec.host.includes(':'));
  const clients = new Clients({
    clock,
    moveOwnership: (from, to) => {
      moveOwnership(ctx, from, to);
    },
  });
  const ctx: Context = {
    clock,
    log,
    transports,
    clients,
    names: new Names([...(hasV4 ? ([4] as const) : []), ...(hasV6 ? ([6] as const) : [])]),
    dialogs: new Dialogs(),
    serverTxs: new ServerTxs(clock),
    clientTxs: new ClientTxs(clock),
    uas: new Map(),
    uac: new Map(),
    unacked: new Map(),
    uasByTx: new WeakMap(),
    reliables: new WeakMap(),
    guard,
  };
  return { ctx, trace };
}

/** Binds everything and serves. Rejects with the system's error if a port cannot be had. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { ctx, trace } = createContext(options);
  const sweep = setInterval(() => {
    ctx.guard(() => {
      endLapsed(ctx);
    });
  }, SWEEP_MS);
  const adminPort = new AdminPort(ctx, options.secret);
  const close = async (): Promise<void> => {
    clearInterval(sweep);
    ctx.clients.flushAll();
    adminPort.close();
    await ctx.transports.close();
    await trace?.close();
  };
  try {
    for (const spec of options.listen) await ctx.transports.listen(spec);
    const admin = await adminPort.listen(options.adminHost, options.adminPort);
    return { admin, listen: ctx.transports.names(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function onMessage(ctx: Context, text: string, path: Path, fault: string | null): void {
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
function endLapsed(ctx: Context): void {
  const now = ctx.clock.now();
  for (const entry of [...ctx.dialogs.all()]) {
    const { expiresAt } = entry.state;
    if (expiresAt > 0 && expiresAt < now) ctx.dialogs.remove(entry);
  }
}
