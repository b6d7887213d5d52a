/**
 * Programs that wait to be connected to (`srf.listen`), what drachtio-server calls outbound
 * connections: a new request of a method that has such an address is given to nobody who routed
 * it. We open a connection for this request alone, the program authenticates on it as if it had
 * come to us, and from then on it is a client like any other. It closes the connection when it
 * needs it no more.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { serveLine } from './client-line.ts';
import { Client } from './clients.ts';
import type { Context, Dialler } from './context.ts';
import { newUuid } from './ids.ts';
import { MAX_OUTBOUND_CLIENTS, OUTBOUND_CONNECT_MS } from './limits.ts';
import { splitHostPort } from './uri.ts';

export interface OutboundPlace {
  /** Upper case, or `*`: every method that has no place of its own. */
  method: string;
  isTls: boolean;
  host: string;
  port: number;
}

/** `INVITE=tcp://127.0.0.1:9021`, `*=tls://apps.example:9021`; null if malformed. */
export function parseOutbound(text: string): OutboundPlace | null {
  const match = /^([A-Za-z]{1,32}|\*)=(tcp|tls):\/\/([^/?#,|]+)\/?$/.exec(text);
  const place = splitHostPort(match?.[3] ?? '');
  if (match === null || place === null || place.port === 0) return null;
  return { method: (match[1] ?? '').toUpperCase(), isTls: match[2] === 'tls', ...place };
}

export class Outbound implements Dialler {
  private readonly sockets = new Set<Socket>();
  private readonly ctx: Context;
  private readonly options: { secret: string; places: readonly OutboundPlace[]; ca: string };

  /** @param options `ca`: who may have signed the certificates of `tls:` places, PEM; '': anybody
   *    the system trusts */
  constructor(ctx: Context, options: Outbound['options']) {
    this.ctx = ctx;
    this.options = options;
  }

  private placeFor(method: string): OutboundPlace | undefined {
    const { places } = this.options;
    return places.find((one) => one.method === method) ?? places.find((one) => one.method === '*');
  }

  dial(method: string, onReady: (client: Client) => void, onFailed: () => void): boolean {
    const place = this.placeFor(method);
    if (place === undefined) return false;
    const { ctx } = this;
    const { secret } = this.options;
    const name = `${place.isTls ? 'tls' : 'tcp'}://${place.host}:${place.port}`;
    if (this.sockets.size >= MAX_OUTBOUND_CLIENTS) {
      ctx.log.warn(`${method} refused: too many connections to ${name}`);
      onFailed();
      return true;
    }
    const socket = this.open(place);
    this.sockets.add(socket);
    const client = new Client(newUuid(), socket, name);
    let isOver = false;
    const finish = (run: () => void): void => {
      clearTimeout(deadline);
      if (!isOver) run();
      isOver = true;
    };
    const deadline = setTimeout(() => {
      socket.destroy(new Error('no connection in time'));
    }, OUTBOUND_CONNECT_MS);
    socket.once(place.isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(deadline);
    });
    serveLine({
      ...{ ctx, secret, socket, client, name },
      onAuthenticated: () => {
        finish(() => {
          onReady(client);
        });
      },
      onGone: () => {
        this.sockets.delete(socket);
        finish(() => {
          ctx.log.warn(`${method} gets 480: no program at ${name} that knows our secret`);
          onFailed();
        });
      },
    });
    return true;
  }

  private open({ host, port, isTls }: OutboundPlace): Socket {
    if (!isTls) return connect({ host, port });
    const { ca } = this.options;
    return connectTls({ host, port, ...(ca === '' ? {} : { ca }) });
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
