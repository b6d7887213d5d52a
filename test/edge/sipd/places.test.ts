/**
 * Goal: connections of strangers take nobody's place, and are gone soon. Method: the transports and
 * the core on real sockets, in this process; strangers are those who come from 127.0.0.2 and .3.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  MAX_TCP_PER_STRANGER,
  MAX_TCP_STRANGERS,
  TCP_STRANGER_MS,
} from '../../../src/sipd/limits.ts';
import type { Path } from '../../../src/sipd/path.ts';
import { Transports } from '../../../src/sipd/transports.ts';
import { until } from '../../support/inbox.ts';

let transports: Transports;
let port = 0;
let sockets: Socket[] = [];
let refused = 0;
/** What is done with what comes: taken, or not answered. */
let deal: (path: Path) => void = () => undefined;

beforeEach(async () => {
  [sockets, refused] = [[], 0];
  deal = (path) => path.shun?.();
  transports = new Transports(
    {
      onMessage: (_text, path) => deal(path),
      onTraffic: null,
      onTrouble: () => (refused += 1),
      isAllowed: (address) => address === '127.0.0.1',
    },
    '',
  );
  await transports.listen({ proto: 'tcp', host: '0.0.0.0', port: 0 });
  port = Number(transports.names()[0]?.split(':').at(-1));
});

afterEach(async () => {
  vi.useRealTimers();
  for (const socket of sockets) socket.destroy();
  await transports.close();
});

async function come(from: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from });
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

const open = () => sockets.filter((one) => !one.destroyed).length;
const OPTIONS = 'OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n';

/** Does it answer a keep-alive? Then it is served. */
async function isServed(socket: Socket): Promise<boolean> {
  socket.write('\r\n\r\n');
  const [what] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as unknown[];
  return Buffer.isBuffer(what);
}

it('are few of one address, and of all no more than theirs; others find places', async () => {
  for (let index = 0; index < MAX_TCP_PER_STRANGER + 5; index += 1) await come('127.0.0.2');
  await until(
    'those too many are refused',
    () => refused,
    (count) => count === 5,
  );
  for (let host = 3; host < 15; host += 1)
    for (let index = 0; index < MAX_TCP_PER_STRANGER; index += 1) await come(`127.0.0.${host}`);
  await until('the oldest make room', open, (count) => count === MAX_TCP_STRANGERS);
  const friends = await Promise.all(Array.from({ length: 150 }, () => come('127.0.0.1')));
  expect(await Promise.all(friends.map(isServed))).not.toContain(false);
  expect(refused).toBe(5);
});

it('given nothing that we take, are closed; given something, are served and stay', async () => {
  const [useless, user] = [await come('127.0.0.2'), await come('127.0.0.3')];
  const closed = once(useless, 'close');
  useless.write(OPTIONS);
  await closed;
  deal = (path) => path.welcome?.();
  user.write(OPTIONS);
  expect(await isServed(user)).toBe(true);
  deal = (path) => path.shun?.();
  user.write(OPTIONS);
  expect(await isServed(user)).toBe(true);
});

it('given only keep-alives, hear nothing and are closed in time', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const idle = await come('127.0.0.2');
  let heard = 0;
  idle.on('data', () => (heard += 1));
  const closed = once(idle, 'close');
  idle.write('\r\n\r\n');
  // Whoever came later is served: so the one before has his place.
  expect(await isServed(await come('127.0.0.1'))).toBe(true);
  vi.advanceTimersByTime(TCP_STRANGER_MS);
  await closed;
  expect(heard).toBe(0);
});
