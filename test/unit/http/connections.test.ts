/**
 * Goal: whoever opens all connections there are keeps out nobody but himself. Method: a server with
 * few places, its clients at several addresses of this machine.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { boundConnections } from '../../../src/http/connections.ts';

const PLACES = 4;
let server: Server;
let port = 0;
/** Requests that are kept waiting. */
let asked: ServerResponse[] = [];
const clients: Socket[] = [];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    if (request.url === '/slow') asked.push(response);
    else response.end('here');
  });
  boundConnections(server, PLACES);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.close();
});

/** Known to the server when this settles. */
async function open(localAddress: string): Promise<Socket> {
  const known = once(server, 'connection');
  const client = connect({ port, host: '127.0.0.1', localAddress });
  client.on('error', () => client.destroy());
  clients.push(client);
  await Promise.all([once(client, 'connect'), known]);
  return client;
}

async function ask(client: Socket, path = '/'): Promise<void> {
  const heard = path === '/slow' ? once(server, 'request') : once(client, 'data');
  client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await heard;
}

const isOpen = (client: Socket): boolean => !client.destroyed;
const closed = async (client: Socket): Promise<unknown> => {
  client.resume();
  // Not `once` of events: that minds the reset.
  return client.destroyed ? null : new Promise((resolve) => client.once('close', resolve));
};

it('given all places are held by one who asks nothing, lets others in', async () => {
  const other = await open('127.0.0.2');
  const idle = [await open('127.0.0.1'), await open('127.0.0.1'), await open('127.0.0.1')];
  idle[0]?.write('GET / HTTP/1.1\r\nX: never ends');
  const fresh = await open('127.0.0.3');
  await closed(idle[0] as Socket);
  await ask(fresh);
  await ask(other);
  expect([other, fresh, ...idle].map(isOpen)).toEqual([true, true, false, true, true]);
});

it('takes the one that has asked nothing for longest', async () => {
  const idle = [await open('127.0.0.1'), await open('127.0.0.1'), await open('127.0.0.1')];
  await ask(idle[0] as Socket);
  await open('127.0.0.1');
  await open('127.0.0.1');
  await closed(idle[1] as Socket);
  expect(idle.map(isOpen)).toEqual([true, false, true]);
});

it('given bodies that do not come, lets others in, and takes nobody who waits for us', async () => {
  const waits = await open('127.0.0.1');
  await ask(waits, '/slow');
  const halves = [await open('127.0.0.1'), await open('127.0.0.1')];
  for (const half of halves) {
    const heard = once(server, 'request');
    half.write('POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{');
    await heard;
  }
  await ask(await open('127.0.0.2'), '/slow');
  await ask(await open('127.0.0.3'));
  await closed(halves[0] as Socket);
  expect([waits, ...halves].map(isOpen)).toEqual([true, false, true]);
});

it('given all are asking, lets nobody in, and each have its answer', async () => {
  const busy: Socket[] = [];
  for (let place = 0; place < PLACES; place += 1) {
    const client = await open('127.0.0.1');
    await ask(client, '/slow');
    busy.push(client);
  }
  await closed(await open('127.0.0.2'));
  expect(busy.map(isOpen)).toEqual(Array(PLACES).fill(true));
  const answers = busy.map(async (client) => once(client, 'data'));
  const done = asked.map(async (response) => once(response, 'close'));
  for (const response of asked) response.end('late');
  await Promise.all([...answers, ...done]);
  await ask(await open('127.0.0.2'));
});
