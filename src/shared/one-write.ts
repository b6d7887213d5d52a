/**
 * One write for all that is said at once. A message between two processes of the product is small,
 * and what it costs is the system call: several that are written to a socket before the event loop
 * goes on leave as one. Nothing waits longer than for the work that is being done just then.
 */
import type { Socket } from 'node:net';

/** From now on, writes to this socket within one tick leave together. Ask once for a socket. */
export function joinWrites(socket: Pick<Socket, 'write' | 'cork' | 'uncork' | 'destroyed'>): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isHeld = false;
  const release = (): void => {
    isHeld = false;
    socket.uncork();
  };
  socket.write = (...args: unknown[]) => {
    if (!isHeld && !socket.destroyed) {
      isHeld = true;
      socket.cork();
      process.nextTick(release);
    }
    return write(...args);
  };
}

/** Before it is destroyed: what was said already goes out. */
export function flushWrites(socket: Socket): void {
  while (socket.writableCorked > 0) socket.uncork();
}
