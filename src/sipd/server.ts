/**
 * The SIP server as a whole: sockets, tables and clients tied together. Everything that arrives
 * passes one guard: whatever a defect or a hostile peer does to one message, the next is served.
 */
import { AdminPort, type Certificate } from './admin.ts';
import { systemClock } from './clock.ts';
import type { Context } from './context.ts';
import { createCore, endLapsed, onMessage } from './core.ts';
import { createLog, type Log } from './log.ts';
import { Outbound, type OutboundRule } from './outbound.ts';
import { Names } from './resolve.ts';
import type { ListenSpec } from './path.ts';
import { restore } from './restore.ts';
import { readStore, Store } from './store.ts';
import { endStranded } from './stranded.ts';
import { Trace } from './trace.ts';
import { Transports } from './transports.ts';

const SWEEP_MS = 30_000;

export interface ServerOptions {
  listen: ListenSpec[];
  adminHost: string;
  adminPort: number;
  /** Where clients may come by TLS, beside; null: nowhere. */
  tls?: { host: string; port: number; certificate: Certificate } | null;
  /** Which new requests go to programs that we connect to. */
  outbound?: readonly OutboundRule[];
  /** Who may have signed their certificates, PEM; '': whoever the system trusts. */
  ca?: string;
  secret: string;
  /** Address shown to peers outside our own networks, or ''. */
  externalAddress: string;
  /** From whom new requests are taken; empty: from everybody. */
  allow?: readonly string[];
  /** Trace file, or ''. */
  trace: string;
  /** File of what must outlive the process, or ''. */
  store: string;
  log: (line: string) => void;
}

export interface RunningServer {
  admin: string;
  /** '' if clients cannot come by TLS. */
  adminTls: string;
  listen: string[];
  close(): Promise<void>;
}

interface Parts {
  ctx: Context;
  transports: Transports;
  trace: Trace | null;
  store: Store | null;
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

function createContext(options: ServerOptions): Parts {
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
      isAllowed: (address) => ctx.admission.admits(address),
    },
    options.externalAddress,
  );
  const hasV4 = options.listen.some((spec) => !spec.host.includes(':'));
  const hasV6 = options.listen.some((spec) => spec.host.includes(':'));
  const names = new Names([...(hasV4 ? ([4] as const) : []), ...(hasV6 ? ([6] as const) : [])]);
  const soon = (run: () => void): void => {
    setImmediate(() => {
      guard(run);
    });
  };
  const file = options.store;
  const store = file === '' ? null : new Store({ file, log, clock, soon });
  const kept = store === null ? {} : { keep: store };
  // Known again after a restart: dialogs that go through us name it in their routes.
  const routeKey = `route of ${options.secret}`;
  const { allow = [] } = options;
  const ctx = createCore({ clock, log, transports, names, guard, routeKey, allow, ...kept });
  return { ctx, transports, trace, store };
}

/** Binds everything and serves. Rejects with the system's error if a port cannot be had. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { ctx, transports, trace, store } = createContext(options);
  const records = store === null ? new Map<string, string>() : readStore(options.store, ctx.log);
  const restored = restore(ctx, records);
  const sweep = setInterval(() => {
    ctx.guard(() => {
      endLapsed(ctx);
      ctx.keep.mark('t', () => ctx.clock.now());
    });
  }, SWEEP_MS);
  const adminPort = new AdminPort(ctx, options.secret);
  const { outbound: rules = [], ca = '', secret } = options;
  const outbound = new Outbound(ctx, { secret, rules, ca });
  if (rules.length > 0) ctx.outbound = outbound;
  const close = async (): Promise<void> => {
    clearInterval(sweep);
    ctx.clients.flushAll();
    adminPort.close();
    outbound.close();
    store?.close();
    await transports.close();
    await trace?.close();
  };
  try {
    for (const spec of options.listen) await transports.listen(spec);
    // Only now is it certain that no other process serves these calls.
    ctx.keep.mark('t', () => ctx.clock.now());
    store?.open();
    for (const run of restored.begin) ctx.guard(run);
    ctx.guard(() => {
      endStranded(ctx, transports.names());
    });
    if (records.size > 0) {
      ctx.log.info(`restored ${restored.dialogs} dialogs, ${restored.calls} INVITEs under way`);
    }
    const admin = await adminPort.listen(options.adminHost, options.adminPort);
    const { tls = null } = options;
    const adminTls =
      tls === null ? '' : await adminPort.listen(tls.host, tls.port, tls.certificate);
    return { admin, adminTls, listen: transports.names(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
