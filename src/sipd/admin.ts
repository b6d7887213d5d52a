/** The port clients connect to: accepts, cuts frames, watches deadlines, notices who is gone. */
import { createServer, type Server, type Socket } from 'node:net';
import { Client } from './clients.ts';
import { onFrame } from './commands.ts';
import type { Context } from './context.ts';
import { answerFrame, FrameReader } from './drachtio-protocol.ts';
import { newUuid } from './ids.ts';
import { AUTHENTICATE_MS, MAX_CLIENTS } from './limits.ts';
import { bracketed } from './uri.ts';

export class AdminPort {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly ctx: Context;
  private readonly secret: string;

  constructor(ctx: Context, secret: string) {
    this.ctx = ctx;
    this.secret = secret;
    this.server = createServer({ noDelay: true }, (socket) => {
      this.accept(socket);
    });
  }

  /** Rejects with the system's error. */
  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.removeListener('error', reject);
        resolve();
      });
    });
    this.server.on('error', (error) => {
      this.ctx.log.warn(`admin port: ${error.message}`);
    });
    const bound = this.server.address();
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
    return `${bracketed(host)}:${actual}`;
  }

  private accept(socket: Socket): void {
    const { ctx } = this;
    const client = new Client(newUuid(), socket);
    const from = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    socket.on('error', (error) => {
      ctx.log.info(`client ${from}: ${error.message}`);
    });
    if (this.sockets.size >= MAX_CLIENTS) {
      ctx.log.warn(`client ${from} refused: too many`);
      socket.end(answerFrame('', 'NO|too many clients'), 'latin1');
      return;
    }
    this.sockets.add(socket);
    const deadline = setTimeout(() => {
      if (client.isAuthenticated) return;
      ctx.log.warn(`client ${from} did not authenticate in time`);
      socket.destroy();
    }, AUTHENTICATE_MS);
    const reader = new FrameReader();
    socket.on('data', (data) => {
      ctx.guard(() => {
        this.receive(client, reader, data.toString('latin1'), from);
      });
    });
    socket.on('close', () => {
      clearTimeout(deadline);
      this.sockets.delete(socket);
      if (client.isAuthenticated) ctx.log.info(`client ${from} is gone`);
      ctx.guard(() => {
        ctx.clients.leave(client);
      });
    });
  }

  private receive(client: Client, reader: FrameReader, chunk: string, from: string): void {
    if (client.socket.writableEnded) return;
    const read = reader.push(chunk);
    if (!read.ok) {
      this.ctx.log.warn(`client ${from}: ${read.reason}`);
      client.send(answerFrame('', `NO|${read.reason}`));
      this.dismiss(client);
      return;
    }
    const wasKnown = client.isAuthenticated;
    for (const frame of read.frames) {
      let stays = true;
      // One bad frame must not take the next ones with it.
      this.ctx.guard(() => {
        stays = onFrame(this.ctx, client, frame, this.secret);
      });
      if (!stays) {
        this.ctx.log.warn(`client ${from} dismissed after ${frame.kind.slice(0, 20)}`);
        this.dismiss(client);
        return;
      }
    }
    if (!wasKnown && client.isAuthenticated) this.ctx.log.info(`client ${from} authenticated`);
  }

  /** Closes after the last words are out; from here on nothing it says counts. */
  private dismiss(client: Client): void {
    client.flush();
    client.socket.end();
    this.ctx.clients.leave(client);
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
