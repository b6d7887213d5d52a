/**
 * Connections of REST, which are bounded. Where all places are taken, one that asks nothing gives
 * way: of the address that has most such (IPv6: of its /64), the one that has asked nothing for
 * longest. So who opens a thousand of them keeps out nobody but himself. A request whose body has
 * not come asks nothing yet. Where all wait for an answer of ours the new one is closed.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { sourceOf } from '../shared/networks.ts';

/** Beyond the places, so that it is us who choose; more in one turn of the loop are refused. */
const WAITING_MAX = 100;

interface Connection {
  readonly socket: Socket;
  readonly source: string;
  /** Requests of it that have no answer yet. */
  readonly asked: Set<IncomingMessage>;
}

/** Something is here, as a whole, that we owe an answer. */
function isAsking({ asked }: Connection): boolean {
  for (const request of asked) if (request.complete) return true;
  return false;
}

/** TLS wraps the socket in another one: both have the same far end. */
function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''}|${remotePort ?? 0}`;
}

/** Of the address with most that ask nothing, the first, which is the one idle longest. */
function leastOf(all: Iterable<Connection>): Connection | null {
  const idle = new Map<string, Connection[]>();
  for (const one of all) {
    if (isAsking(one)) continue;
    const near = idle.get(one.source) ?? [];
    near.push(one);
    idle.set(one.source, near);
  }
  let most: readonly Connection[] = [];
  for (const near of idle.values()) if (near.length > most.length) most = near;
  return most[0] ?? null;
}

/** Holds `server` to so many connections. */
export function boundConnections(server: Server, places: number): void {
  // In the order in which they last asked something.
  const all = new Map<string, Connection>();
  server.maxConnections = places + WAITING_MAX;
  server.on('connection', (socket: Socket) => {
    const end = endOf(socket);
    const source = sourceOf(socket.remoteAddress ?? '');
    const one: Connection = { socket, source, asked: new Set() };
    const victim = all.size < places ? null : (leastOf(all.values()) ?? one);
    all.set(end, one);
    socket.once('close', () => {
      if (all.get(end) === one) all.delete(end);
    });
    if (victim === null) return;
    all.delete(endOf(victim.socket));
    victim.socket.destroy();
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const end = endOf(request.socket);
    const one = all.get(end);
    if (one === undefined) return;
    one.asked.add(request);
    response.once('close', () => {
      one.asked.delete(request);
      if (all.get(end) !== one) return;
      all.delete(end);
      all.set(end, one);
    });
  });
}
