/**
 * The SIP edge as a whole: connects to the SIP server, gives every incoming request to the part
 * that owns it, and tells its health. `app.ts` starts and stops it; nothing else does.
 */
import type { AcdConfig } from '../config/types.ts';
import type { MediaPort } from '../media/port.ts';
import type { Runtime } from '../runtime/port.ts';
import { Callers } from './callers.ts';
import { createClient } from './client.ts';
import { ALLOW, Dialogs, SDP } from './context.ts';
import type { EdgeContext } from './context.ts';
import { connectStack } from './drachtio.ts';
import { clean, parseUri } from './headers.ts';
import { Offers } from './offers.ts';
import type { IncomingRequest, SipLog, Stack } from './port.ts';
import { Routes } from './routes.ts';

export interface EdgeOptions {
  readonly config: AcdConfig;
  readonly runtime: Runtime;
  readonly media: MediaPort;
  /** Where the SIP server (sipd or drachtio-server) listens for us. */
  readonly drachtio: { readonly host: string; readonly port: number; readonly secret: string };
  readonly log: SipLog;
}

export interface EdgeHealth {
  /** The SIP server is connected. */
  readonly up: boolean;
  readonly detail: string;
  /** `udp/192.168.0.5:5071` … as the SIP server told. */
  readonly addresses: readonly string[];
  readonly callers: number;
  readonly offers: number;
}

export interface SipEdge {
  health(): EdgeHealth;
  /** Takes no more calls, and leaves the SIP server; calls and dialogs stay with it. */
  stop(): Promise<void>;
}

export type EdgeStart =
  { readonly ok: true; readonly edge: SipEdge } | { readonly ok: false; readonly detail: string };

/** Connects and serves. `ok: false` with one clear text where the SIP server cannot be used. */
export async function startEdge(options: EdgeOptions): Promise<EdgeStart> {
  const { config, runtime, media, log } = options;
  const connected = await connectStack({ ...options.drachtio, log });
  if (!connected.ok) return connected;
  const { stack } = connected;
  const context: EdgeContext = {
    config,
    runtime,
    media,
    log,
    client: createClient(stack),
    dialogs: new Dialogs(),
  };
  return { ok: true, edge: assemble(context, stack) };
}

/** Puts the parts on a connected stack; tests do so on one in memory. */
export function assemble(context: EdgeContext, stack: Stack): SipEdge {
  const routes = new Routes(context);
  const callers = new Callers(context);
  const offers = new Offers(context, routes);
  stack.onRequest((request) => route(context, callers, request));
  return {
    health: () => ({
      ...stack.health(),
      addresses: stack.addresses(),
      callers: callers.size,
      offers: offers.size,
    }),
    stop: async () => {
      callers.stop();
      await stack.close();
    },
  };
}

function route(context: EdgeContext, callers: Callers, request: IncomingRequest): void {
  const owner = context.dialogs.ownerOf(request);
  if (owner !== null && !isNewInvite(request)) return owner(request);
  switch (request.method) {
    case 'INVITE':
      if (!isNewInvite(request)) return refuse(request, 481, 'Call/Transaction Does Not Exist');
      void callers.arrive(request, parseUri(request.uri)?.user ?? '');
      return;
    case 'OPTIONS':
      void request.respond({
        status: 200,
        reason: 'OK',
        headers: { Allow: ALLOW, Accept: SDP, 'Accept-Language': 'en', Supported: 'timer, 100rel' },
      });
      return;
    case 'ACK':
      return;
    case 'SUBSCRIBE':
    case 'PUBLISH':
      return refuse(request, 489, 'Bad Event');
    case 'BYE':
    case 'UPDATE':
    case 'INFO':
    case 'PRACK':
    case 'NOTIFY':
      context.log.debug(
        { method: request.method, callId: clean(request.header('Call-ID')) },
        'request for no dialog of ours',
      );
      return refuse(request, 481, 'Call/Transaction Does Not Exist');
    default:
      // REGISTER, MESSAGE, REFER and what is yet to be invented (RFC 3261 §8.2.1).
      void request.respond({
        status: 405,
        reason: 'Method Not Allowed',
        headers: { Allow: ALLOW },
      });
  }
}

/** Without To tag: outside of any dialog (RFC 3261 §12.2.2). */
function isNewInvite(request: IncomingRequest): boolean {
  return request.method === 'INVITE' && !/;\s*tag=/i.test(request.header('To'));
}

function refuse(request: IncomingRequest, status: number, reason: string): void {
  void request.respond({ status, reason });
}
