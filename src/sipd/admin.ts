/** The ports clients connect to, in the clear or by TLS. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { serveLine } from './client-line.ts';
import { Client } from './clients.ts';
import type { Context } from './context.ts';
import { answerFrame } from './drachtio-protocol.ts';
import { newUuid } from './ids.ts';
import { AUTHENTICATE_MS, MAX_CLIENTS, MAX_TLS_HANDSHAKES } from './limits.ts';
import { bracketed } from './uri.ts';

/** Certificate and key of a port, PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

export class AdminPort {
  private readonly servers: Server[] = [];
  private readonly clients = new Map<Socket, Client>();
  private readonly ctx: Context;
  private readonly secret: string;

  constructor(ctx: Context, secret: string) {
    this.ctx = ctx;
    this.secret = secret;
  }

  /**
   * @param certificate null: in the clear
   * @returns where it listens; rejects with the system's error, or that of a useless certificate
   */
  async listen(
    host: string,
    port: number,
    certificate: Certificate | null = null,
  ): Promise<string> {
    const server = certificate === null ? createServer() : this.createTls(certificate);
    const connected = certificate === null ? 'connection' : 'secureConnection';
    server.on(connected, (socket: Socket) => {
      this.accept(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => {
      this.ctx.log.warn(`admin port: ${error.message}`);
    });
    this.servers.push(server);
    const bound = server.address();
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
    return `${bracketed(host)}:${actual}`;
  }

  private createTls({ cert, key }: Certificate): Server {
    const server = createTlsServer({ cert, key, handshakeTimeout: AUTHENTICATE_MS });
    server.maxConnections = MAX_CLIENTS + MAX_TLS_HANDSHAKES;
    server.on('tlsClientError', (error, socket) => {
      this.ctx.log.info(`client ${nameOf(socket)}: no TLS: ${error.message}`);
    });
    return server;
  }

  private accept(socket: Socket): void {
    const { ctx, secret } = this;
    const name = nameOf(socket);
    if (this.clients.size >= MAX_CLIENTS && !this.makeRoom()) {
      ctx.log.warn(`client ${name} refused: too many`);
      socket.on('error', (error) => {
        ctx.log.info(`client ${name}: ${error.message}`);
      });
      socket.end(answerFrame('', 'NO|too many clients'), 'latin1');
      return;
    }
    const client = new Client(newUuid(), socket);
    this.clients.set(socket, client);
    const onGone = (): void => {
      this.clients.delete(socket);
    };
    serveLine({ ctx, secret, socket, client, name, onGone });
  }

  /** Who has not shown the secret yet gives way, the first first: strangers keep nobody out. */
  private makeRoom(): boolean {
    for (const [socket, { isAuthenticated }] of this.clients) {
      if (isAuthenticated) continue;
      this.clients.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.clients.keys()) socket.destroy();
  }
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
}
