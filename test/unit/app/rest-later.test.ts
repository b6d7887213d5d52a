/**
 * Goal: who has taken the port of REST costs no calls: a server that follows another goes on
 * without it and listens when it can; one that is started anew says what is wrong. Method: a
 * server of somebody else's on that port; the pause between attempts passes when told.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openHttp } from '../../../src/app/http.ts';
import { Prompts } from '../../../src/app/prompts.ts';
import type { HttpDeps } from '../../../src/http/server.ts';
import { createLog } from '../../../src/observe/log.ts';
import { FILE, House } from './stage.ts';

let other: Server;
let port = 0;
let told = '';

beforeEach(async () => {
  told = '';
  other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  ({ port } = other.address() as AddressInfo);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
  other.close();
});

async function open(takesOver: boolean) {
  const house = new House();
  house.write(FILE.replace('8242', String(port)));
  const { configuration } = await house.begin();
  const write = (line: string) => (told += line);
  const deps = {
    configuration,
    prompts: new Prompts({ configuration, journal: ':memory:' }),
    log: createLog({ level: 'info', format: 'json', name: 'http', write }),
    version: '0',
    steering: {},
  } as unknown as HttpDeps;
  return openHttp(configuration, deps, takesOver);
}

it('given a start, it is refused', async () => {
  const opening = await open(false);
  expect(opening.ok ? '' : opening.detail).toContain(`TCP port ${port} on 127.0.0.1 is in use`);
});

it('given a takeover, it goes on, and listens when the port is free', async () => {
  const opening = await open(true);
  if (!opening.ok) throw new Error(opening.detail);
  expect(opening.place).toBe(`127.0.0.1:${port}`);
  expect(told).toMatch(/is in use .*; calls go on without REST/);
  await vi.advanceTimersByTimeAsync(5_000);
  await once(other.close(), 'close');
  await vi.waitFor(async () => {
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told).toContain(`REST at 127.0.0.1:${port}`);
  });
  const answer = await fetch(`http://127.0.0.1:${port}/config`, {
    headers: { connection: 'close' },
  });
  expect(answer.status).toBe(200);
  await opening.close();
  await expect(fetch(`http://127.0.0.1:${port}/config`)).rejects.toThrow();
});

it('given it is stopped before that, it never listens', async () => {
  const opening = await open(true);
  if (!opening.ok) throw new Error(opening.detail);
  await opening.close();
  await once(other.close(), 'close');
  await vi.advanceTimersByTimeAsync(20_000);
  await expect(fetch(`http://127.0.0.1:${port}/config`)).rejects.toThrow();
});
