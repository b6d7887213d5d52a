/**
 * Notices within a tenth of a second that an rtpengine has died, and that it is back. A question
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
}

const RING_MS = 100;
/** `ping` in bencode, with a cookie; each is a command of its own to the engine. */
const ping = (count: number): string => `acd-bell-${count} d7:command4:pinge`;

/** Rings until it is closed. */
export function createDoorbell(
  { host, port }: EngineAddress,
  listener: DoorbellListener,
): { close(): void } {
  const socket = createSocket('udp4');
  let count = 0;
  let isConnected = false;
  let isClosed = false;
  const failed = (error: Error | null): void => {
    const isRefused = error !== null && 'code' in error && error.code === 'ECONNREFUSED';
    if (isRefused && !isClosed) listener.refused();
  };
  socket.on('error', failed);
  socket.on('message', () => listener.answered());
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
