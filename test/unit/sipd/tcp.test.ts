/**
 * Goal: a connection that stalls in the midst of a message is closed, one that is only busy is not.
 * Method: a socket of paper; time passes only when told.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TCP_PARTIAL_MS } from '../../../src/sipd/limits.ts';
import { TcpConnection, TcpPool, type TcpListener } from '../../../src/sipd/tcp.ts';

const MESSAGE = 'OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n';
const owner = { port: 5071, name: '127.0.0.1:5071', host: '127.0.0.1' } as TcpListener;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open() {
  const heard: string[] = [];
  const pool = new TcpPool({
    onMessage: (text) => heard.push(text),
    onTraffic: null,
    onTrouble: () => undefined,
  });
  const socket = Object.assign(new EventEmitter(), {
    ...{ connecting: false, writableLength: 0 },
    ...{ setTimeout: () => undefined, destroySoon: () => undefined, write: () => true },
  });
  const of = [owner, pool, socket as unknown as Socket] as const;
  const connection = new TcpConnection(...of, '127.0.0.1', 40_000, '127.0.0.1');
  pool.add(connection);
  const say = (text: string): void => void socket.emit('data', Buffer.from(text, 'latin1'));
  return { connection, heard, say };
}

it('given a message that is never completed, is closed in time', () => {
  const { connection, say } = open();
  say(`${MESSAGE}${MESSAGE.slice(0, 20)}`);
  vi.advanceTimersByTime(TCP_PARTIAL_MS - 1);
  say(MESSAGE.slice(20, 25));
  expect(connection.isOpen()).toBe(true);
  vi.advanceTimersByTime(1);
  expect(connection.isOpen()).toBe(false);
});

it('given a busy one whose every chunk ends within a message, goes on', () => {
  const { connection, heard, say } = open();
  say(MESSAGE.slice(0, 20));
  for (let second = 0; second < 120; second += 1) {
    vi.advanceTimersByTime(1_000);
    say(`${MESSAGE.slice(20)}${MESSAGE.slice(0, 20)}`);
  }
  expect(connection.isOpen()).toBe(true);
  expect(heard).toHaveLength(120);
  vi.advanceTimersByTime(TCP_PARTIAL_MS);
  expect(connection.isOpen()).toBe(false);
});
