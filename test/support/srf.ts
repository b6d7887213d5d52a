/** drachtio-srf as tests use it: its real behaviour, with types that say so. */
import type { EventEmitter } from 'node:events';
import { once } from 'node:events';
import Srf from 'drachtio-srf';
import { SECRET, type Sipd } from './sipd.ts';

export interface SrfMessage {
  headers: Record<string, string>;
  body: string;
  get(name: string): string;
  has(name: string): boolean;
}

export interface SrfResponse extends SrfMessage {
  status: number;
  reason: string;
  send(
    status: number,
    opts?: object,
    done?: (error: unknown, sent: SrfMessage) => void,
    acknowledged?: (request: SrfRequest) => void,
  ): void;
}

export interface SrfRequest extends SrfMessage, EventEmitter {
  method: string;
  uri: string;
  stackDialogId?: string;
  stackTxnId: string;
  source_address: string;
  source_port: number;
  protocol: string;
  receivedOn?: string;
  cancel(done?: (error: unknown, request: unknown) => void): void;
}

export interface SrfDialog extends EventEmitter {
  id: string;
  sip: { callId: string; localTag: string; remoteTag: string };
  local: { sdp: string; uri: string };
  remote: { sdp: string; uri: string };
  destroy(opts?: object): Promise<SrfRequest>;
  modify(sdp: string): Promise<string>;
  request(opts: object): Promise<SrfResponse>;
}

export type Handler = (req: SrfRequest, res: SrfResponse) => void;

export interface SrfApp extends EventEmitter {
  use(method: string, handler: Handler): void;
  use(handler: (req: SrfRequest, res: SrfResponse, next: () => void) => void): void;
  createUAS(req: SrfRequest, res: SrfResponse, opts: object): Promise<SrfDialog>;
  createUAC(uri: string, opts: object, progress?: object): Promise<SrfDialog>;
  request(uri: string, opts: object): Promise<SrfRequest>;
  request(
    uri: string,
    opts: object,
    sent: (error: Error | null, request: SrfRequest) => void,
  ): void;
  disconnect(): void;
}

/**
 * A program connected to sipd.
 * @param routes its handlers, by method, in place before it connects
 */
export async function connectSrf(
  sipd: Sipd,
  routes: Record<string, Handler> = {},
  tags: string[] = [],
): Promise<SrfApp> {
  const app = new Srf(tags) as unknown as SrfApp & { connect(opts: object): void };
  for (const [method, handler] of Object.entries(routes)) app.use(method, handler);
  app.on('error', () => undefined);
  app.connect({ host: sipd.adminHost, port: sipd.adminPort, secret: SECRET });
  await once(app, 'connect');
  // Routes are sent after the answer that makes it connected; a round trip later they stand.
  await pingOf(app);
  return app;
}

interface Inner {
  app: {
    client: {
      wp: { send(socket: unknown, text: string): string };
      mapServer: Map<unknown, { pendingRequests: Map<string, (tokens: string[]) => void> }>;
    };
  };
}

/** A round trip through the protocol: everything said before has been dealt with. */
export async function pingOf(app: SrfApp): Promise<void> {
  await ask(app, 'ping');
}

/** Says something that srf has no words for; the tokens of the answer. */
export async function ask(app: SrfApp, what: string): Promise<string[]> {
  const { client } = (app as unknown as Inner).app;
  const [socket, state] = client.mapServer.entries().next().value ?? [];
  return await new Promise<string[]>((resolve) => {
    const id = client.wp.send(socket, what);
    state?.pendingRequests.set(id, resolve);
  });
}

/**
 * Sends a request; gives its final response, and what acknowledges that to an INVITE. What sipd
 * answers itself may come together with its word that the request is on its way: who awaits that
 * first would listen too late.
 */
export async function finalAndAck(
  app: SrfApp,
  uri: string,
  opts: object,
): Promise<[SrfResponse, () => void]> {
  return await new Promise((resolve, reject) => {
    app.request(uri, opts, (error, request) => {
      if (error) reject(error);
      else {
        request.on('response', (response: SrfResponse, ack: () => void) => {
          if (response.status >= 200) resolve([response, ack]);
        });
      }
    });
  });
}

export async function finalOf(app: SrfApp, uri: string, opts: object): Promise<SrfResponse> {
  return (await finalAndAck(app, uri, opts))[0];
}

/** Arguments of the next such event. */
export async function eventOf<T extends unknown[]>(from: EventEmitter, name: string): Promise<T> {
  return (await once(from, name)) as T;
}

export function sdp(name: string, version = 1): string {
  return (
    `v=0\r\no=${name} 1 ${version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n` +
    't=0 0\r\nm=audio 20000 RTP/AVP 0\r\na=sendrecv\r\n'
  );
}
