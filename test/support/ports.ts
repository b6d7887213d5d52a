/**
 * Free ports on loopback, below the kernel's ephemeral range (32768) so that nothing that binds
 * port 0 can take them between our look and their use. A port is never given out twice by one
 * process; several test processes start at different places, and lanes of `npm test` that run side
 * by side have a part of the range each (ACD_TEST_PORTS=low-high).
 */
import dgram from 'node:dgram';
import net from 'node:net';

const [LOWEST = 12_000, HIGHEST = 32_000] = (process.env['ACD_TEST_PORTS'] ?? '12000-32000')
  .split('-')
  .map(Number);

let next = LOWEST + ((process.pid * 397) % (HIGHEST - LOWEST - 2_000));

/** One number, free for UDP and TCP. */
export async function freePort(): Promise<number> {
  return (await freeRange(1)).min;
}

/** `count` numbers in a row, the first one even, all free for UDP and TCP. */
export async function freeRange(count: number): Promise<{ min: number; max: number }> {
  for (let tries = 0; tries < 500; tries += 1) {
    next += next % 2;
    if (next + count > HIGHEST) next = LOWEST;
    const min = next;
    next += count;
    const all = Array.from({ length: count }, (_, i) => min + i);
    const free = await Promise.all(all.map(async (port) => isFree(port)));
    if (free.every(Boolean)) return { min, max: min + count - 1 };
  }
  throw new Error(`no ${count} free ports in ${LOWEST}-${HIGHEST}`);
}

/** Nobody has the number on loopback, neither for UDP nor for TCP. */
export async function isFree(port: number): Promise<boolean> {
  return (await udpFree(port)) && (await tcpFree(port));
}

async function udpFree(port: number): Promise<boolean> {
  const socket = dgram.createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => socket.close(() => resolve(false)));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () =>
      socket.close(() => resolve(true)),
    );
  });
}

async function tcpFree(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}
