/** Goal: what is said at once leaves in one write, in order, and nothing of it is lost. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { flushWrites, joinWrites } from '../../../src/shared/one-write.ts';

describe('a socket whose writes are joined', () => {
  let server: ReturnType<typeof createServer>;
  let socket: Socket;
  let text: Promise<string>;

  beforeEach(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    text = new Promise((resolve) => {
      server.once('connection', (peer) => {
        let heard = '';
        peer.on('data', (data) => (heard += String(data)));
        peer.on('close', () => resolve(heard));
      });
    });
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
  });
  afterEach(() => {
    socket.destroy();
    server.close();
  });

  it('sends what is written in one tick as one, in order', async () => {
    const writes = [vi.spyOn(socket, '_write'), vi.spyOn(socket, '_writev')];
    joinWrites(socket);
    for (const word of ['a', 'b', 'c']) socket.write(word);
    await Promise.resolve().then(() => socket.write('d'));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write('e');
    socket.end('f');
    expect(await text).toBe('abcdef');
    expect(writes.reduce((sum, { mock }) => sum + mock.calls.length, 0)).toBe(2);
  });

  it('given it is destroyed in the same tick, sends what was flushed', async () => {
    joinWrites(socket);
    socket.write('a');
    socket.write('b');
    flushWrites(socket);
    socket.destroy();
    expect(await text).toBe('ab');
  });
});
