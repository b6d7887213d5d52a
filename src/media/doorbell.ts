/**
 * Notices within a tenth of a second that an rtpengine has died, and that it is back; an answer
 * after a ring that had none may be another process's, started in between. A question
 * that is not answered proves nothing for two seconds; but when a process has ended, the kernel
 * tells whoever sends to its port (ICMP port unreachable), if his socket is connected. So one is,
 * and a ping goes out on it at a steady beat. An engine whose host is gone too, or that answers
 * from another address, is never told dead or alive here: then the questions alone decide.
 */
import { createSocket } from 'node:dgram';
import type { EngineAddress } from './engines.ts';

export interface DoorbellListener {
  /** Nobody has that port. */
  refused(): void;
  /** Somebody answers. */
  answered(): void;
  /** Somebody answers again, and a ring before this one was never answered: is it the same? */
  missed(): void;
}

const RING_MS = 100;
const COOKIE = 'acd-bell-';
/** `ping` in bencode, with a cookie; each is a command of its own to the engine. */
const ping = (count: number): string => `${COOKIE}${count} d7:command4:pinge`;

/** Which ring that answers; NaN: none of ours. */
function ringOf(answer: Buffer): number {
  const [cookie = ''] = answer.toString('latin1', 0, COOKIE.length + 16).split(' ');
  return cookie.startsWith(COOKIE) ? Number(cookie.slice(COOKIE.length)) : NaN;
}

/** Rings until it is closed. */
export function createDoorbell(
  { host, port }: EngineAddress,
  listener: DoorbellListener,
): { close(): void } {
  const socket = createSocket('udp4');
  let count = 0;
  /** The latest that was answered. */
  let last = 0;
  let isConnected = false;
  let isClosed = false;
  const failed = (error: Error | null): void => {
    const isRefused = error !== null && 'code' in error && error.code === 'ECONNREFUSED';
    if (isRefused && !isClosed) listener.refused();
  };
  socket.on('error', failed);
  socket.on('message', (answer) => {
    listener.answered();
    const ring = ringOf(answer);
    if (last > 0 && ring > last + 1) listener.missed();
    if (ring > last) last = ring;
  });
  socket.unref();
  socket.connect(port, host, () => (isConnected = true));
  const timer = setInterval(() => {
    if (isConnected) socket.send(ping((count += 1)), failed);
  }, RING_MS).unref();
  return {
    close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(timer);
      socket.close();
    },
  };
}
