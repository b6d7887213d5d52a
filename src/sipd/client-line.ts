/**
 * One connection with a client program, whichever side opened it: frames are cut, deadlines
 * watched, and who is gone is noticed.
 */
import type { Socket } from 'node:net';
import type { Client } from './clients.ts';
import { onFrame } from './commands.ts';
import type { Context } from './context.ts';
import { answerFrame, FrameReader } from './drachtio-protocol.ts';
import { AUTHENTICATE_MS } from './limits.ts';

export interface ClientLine {
  ctx: Context;
  socket: Socket;
  client: Client;
  /** Who it is, for the log. */
  name: string;
  secret: string;
  /** It has shown the secret; what it asked for in the same breath is done. */
  onAuthenticated?: () => void;
  /** Closed, for whatever reason; also if it never was open. */
  onGone: () => void;
}

/** Serves what comes until the connection ends. */
export function serveLine(line: ClientLine): void {
  const { ctx, socket, client, name } = line;
  socket.setNoDelay(true);
  const deadline = setTimeout(() => {
    if (client.isAuthenticated) return;
    ctx.log.warn(`client ${name} did not authenticate in time`);
    socket.destroy();
  }, AUTHENTICATE_MS);
  const reader = new FrameReader();
  socket.on('error', (error) => {
    ctx.log.info(`client ${name}: ${error.message}`);
  });
  socket.on('data', (data) => {
    ctx.guard(() => {
      receive(line, reader, data.toString('latin1'));
    });
  });
  socket.on('close', () => {
    clearTimeout(deadline);
    if (client.isAuthenticated) ctx.log.info(`client ${name} is gone`);
    ctx.guard(() => {
      ctx.clients.leave(client);
      line.onGone();
    });
  });
}

function receive(line: ClientLine, reader: FrameReader, chunk: string): void {
  const { ctx, client, name, secret } = line;
  if (client.socket.writableEnded) return;
  const read = reader.push(chunk);
  if (!read.ok) {
    ctx.log.warn(`client ${name}: ${read.reason}`);
    client.send(answerFrame('', `NO|${read.reason}`));
    dismiss(ctx, client);
    return;
  }
  const wasKnown = client.isAuthenticated;
  for (const frame of read.frames) {
    let stays = true;
    // One bad frame must not take the next ones with it.
    ctx.guard(() => {
      stays = onFrame(ctx, client, frame, secret);
    });
    if (!stays) {
      ctx.log.warn(`client ${name} dismissed after ${frame.kind.slice(0, 20)}`);
      dismiss(ctx, client);
      return;
    }
  }
  if (wasKnown || !client.isAuthenticated) return;
  ctx.log.info(`client ${name} authenticated`);
  line.onAuthenticated?.();
}

/** Closes after the last words are out; from here on nothing it says counts. */
function dismiss(ctx: Context, client: Client): void {
  client.flush();
  client.socket.end();
  ctx.clients.leave(client);
}
