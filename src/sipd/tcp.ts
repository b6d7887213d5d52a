/**
 * SIP over TCP: listening sockets, and one pool of connections whichever side opened them. A
 * connection is reused for everything that goes to the same peer, and closed when it idles, stalls
 * in the middle of a message, floods, or breaks the framing. Strangers, from whom we take no new
 * request, have few places, apart from all others': they may be users who are asked for a password,
 * or go on with a call from a new address; who is neither is closed soon.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { sourceOf } from '../shared/networks.ts';
import { Framer } from './framer.ts';
import {
  MAX_TCP_ACCEPTED,
  MAX_TCP_BACKLOG_BYTES,
  MAX_TCP_CONNECTIONS,
  MAX_TCP_PER_PEER,
  MAX_TCP_PER_STRANGER,
  MAX_TCP_STRANGERS,
  TCP_CONNECT_MS,
  TCP_FIRST_MS,
  TCP_IDLE_MS,
  TCP_PARTIAL_MS,
  TCP_STRANGER_MS,
} from './limits.ts';
import type { ListenSpec, Path, TransportEvents } from './path.ts';
import type { OwnName } from './udp.ts';
import { bracketed } from './uri.ts';

function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d)/, '');
}

export class TcpPool {
  private readonly connections = new Map<string, TcpConnection>();
  private readonly perPeer = new Map<string, number>();
  /** Oldest first. */
  private readonly strangers = new Set<TcpConnection>();
  private accepted = 0;
  readonly events: TransportEvents;

  constructor(events: TransportEvents) {
    this.events = events;
  }

  get isFull(): boolean {
    return this.connections.size >= MAX_TCP_CONNECTIONS;
  }

  isStranger(address: string): boolean {
    return this.events.isAllowed?.(address) === false;
  }

  /** Is there a place for a connection from there? One host must not take those of all others. */
  makeRoom(address: string): boolean {
    if (this.isFull || (this.perPeer.get(address) ?? 0) >= MAX_TCP_PER_PEER) return false;
    if (!this.isStranger(address)) return this.accepted < MAX_TCP_ACCEPTED;
    const source = sourceOf(address);
    const near = [...this.strangers].filter((one) => sourceOf(one.address) === source);
    if (near.length >= MAX_TCP_PER_STRANGER) return false;
    if (this.strangers.size < MAX_TCP_STRANGERS) return this.accepted < MAX_TCP_ACCEPTED;
    const useless = [...this.strangers].find((one) => !one.isWelcome);
    useless?.close();
    return useless !== undefined;
  }

  find(address: string, port: number): TcpConnection | undefined {
    const found = this.connections.get(`${address}|${port}`);
    return found?.isOpen() === true ? found : undefined;
  }

  add(connection: TcpConnection): void {
    const { address } = connection;
    this.connections.set(`${address}|${connection.port}`, connection);
    this.perPeer.set(address, (this.perPeer.get(address) ?? 0) + 1);
    if (connection.isAccepted) this.accepted += 1;
    if (connection.isStranger) this.strangers.add(connection);
  }

  remove(connection: TcpConnection): void {
    const key = `${connection.address}|${connection.port}`;
    if (this.connections.get(key) === connection) this.connections.delete(key);
    const left = (this.perPeer.get(connection.address) ?? 1) - 1;
    if (left > 0) this.perPeer.set(connection.address, left);
    else this.perPeer.delete(connection.address);
    if (connection.isAccepted) this.accepted -= 1;
    this.strangers.delete(connection);
  }

  closeAll(): void {
    for (const connection of this.connections.values()) connection.close();
  }
}

export class TcpListener {
  readonly proto = 'tcp';
  readonly host: string;
  port = 0;
  private readonly server: Server;
  private readonly pool: TcpPool;
  private readonly ownName: OwnName;

  constructor(spec: ListenSpec, pool: TcpPool, ownName: OwnName) {
    this.host = spec.host;
    this.pool = pool;
    this.ownName = ownName;
    this.server = createServer({ noDelay: true }, (socket) => {
      this.accept(socket);
    });
  }

  get name(): string {
    return `${bracketed(this.host)}:${this.port}`;
  }

  async bind(port: number): Promise<void> {
    const isV6 = this.host.includes(':');
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ port, host: this.host, ipv6Only: isV6 }, () => {
        this.server.removeListener('error', reject);
        resolve();
      });
    });
    const bound = this.server.address();
    this.port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    this.server.on('error', (error) => {
      this.pool.events.onTrouble(`tcp socket ${this.name}: ${error.message}`);
    });
  }

  private accept(socket: Socket): void {
    const address = plain(socket.remoteAddress);
    if (address === '' || !this.pool.makeRoom(address)) {
      socket.destroy();
      this.pool.events.onTrouble(`tcp connection from ${address} refused: too many`);
      return;
    }
    const port = socket.remotePort ?? 0;
    this.pool.add(
      new TcpConnection(this, this.pool, socket, address, port, this.ownName(this.host, address)),
    );
  }

  /** An open connection to the peer, or a new one; null when there are too many. */
  pathTo(address: string, port: number): Path | null {
    const open = this.pool.find(address, port);
    if (open !== undefined) return open;
    if (this.pool.isFull) return null;
    const socket = connect({ host: address, port, noDelay: true });
    const ownHost = this.ownName(this.host, address);
    const connection = new TcpConnection(this, this.pool, socket, address, port, ownHost);
    this.pool.add(connection);
    return connection;
  }

  close(): void {
    this.server.close();
  }
}

interface Unsent {
  text: string;
  onError: ((reason: string) => void) | undefined;
}

export class TcpConnection implements Path {
  readonly proto = 'tcp';
  readonly reliable = true;
  readonly address: string;
  readonly port: number;
  readonly ownHost: string;
  private readonly owner: TcpListener;
  private readonly pool: TcpPool;
  private readonly socket: Socket;
  private readonly framer = new Framer();
  private unsent: Unsent[] = [];
  private isDead = false;
  readonly isAccepted: boolean;
  readonly isStranger: boolean;
  /** It is no stranger's, or brought something that was taken. */
  isWelcome: boolean;
  private partial: NodeJS.Timeout | null = null;
  /** Runs until an accepted peer has brought its first message. */
  private first: NodeJS.Timeout | null = null;
  private readonly connecting: NodeJS.Timeout | null;

  constructor(
    owner: TcpListener,
    pool: TcpPool,
    socket: Socket,
    address: string,
    port: number,
    ownHost: string,
  ) {
    this.owner = owner;
    this.pool = pool;
    this.socket = socket;
    this.address = address;
    this.port = port;
    this.ownHost = ownHost;
    this.connecting = socket.connecting
      ? setTimeout(() => {
          this.end('connect took too long');
        }, TCP_CONNECT_MS)
      : null;
    this.isAccepted = !socket.connecting;
    this.isStranger = this.isAccepted && pool.isStranger(address);
    this.isWelcome = !this.isStranger;
    if (this.isAccepted) {
      const firstMs = this.isStranger ? TCP_STRANGER_MS : TCP_FIRST_MS;
      this.first = setTimeout(() => {
        this.end('no message in time');
      }, firstMs);
    }
    socket.setTimeout(TCP_IDLE_MS, () => {
      this.end('idle');
    });
    socket.on('connect', () => {
      this.flush();
    });
    socket.on('error', (error) => {
      this.end(error.message);
    });
    socket.on('close', () => {
      this.end('closed by peer');
    });
    socket.on('end', () => {
      this.end('closed by peer');
    });
    socket.on('data', (data) => {
      this.receive(data.toString('latin1'));
    });
  }

  get ownPort(): number {
    return this.owner.port;
  }

  get listener(): string {
    return this.owner.name;
  }

  get boundAddress(): string {
    return this.owner.host;
  }

  get boundPort(): number {
    return this.owner.port;
  }

  isOpen(): boolean {
    return !this.isDead;
  }

  close(): void {
    this.end('closing');
  }

  send(text: string, onError?: (reason: string) => void): void {
    if (this.isDead) {
      onError?.('connection closed');
      return;
    }
    this.pool.events.onTraffic?.('out', this, text);
    if (this.socket.writableLength > MAX_TCP_BACKLOG_BYTES) {
      this.end('peer reads too slowly');
      onError?.('peer reads too slowly');
      return;
    }
    if (this.connecting !== null && this.socket.connecting) {
      this.unsent.push({ text, onError });
      if (this.unsent.length > 1_000) this.end('too much waits for the connection');
      return;
    }
    this.socket.write(text, 'latin1');
  }

  private flush(): void {
    if (this.connecting !== null) clearTimeout(this.connecting);
    const waiting = this.unsent;
    this.unsent = [];
    for (const one of waiting) this.socket.write(one.text, 'latin1');
  }

  private receive(chunk: string): void {
    let isPinged = false;
    let isWhole = false;
    for (const framed of this.framer.push(chunk)) {
      if (this.isDead) return;
      if (framed.kind === 'ping') {
        // One pong for all pings of a chunk: who sends many without reading gets no memory of us.
        const isHeard = this.isWelcome && !isPinged && this.socket.writableLength === 0;
        if (isHeard) this.socket.write('\r\n');
        isPinged = true;
        continue;
      }
      if (this.isWelcome) this.settle();
      isWhole = true;
      this.pool.events.onTraffic?.('in', this, framed.text);
      const fault = framed.kind === 'broken' ? framed.reason : null;
      this.pool.events.onMessage(framed.text, this, fault);
      if (fault !== null) {
        // What follows cannot be told from garbage (RFC 3261 section 18.3).
        this.socket.end();
        this.end(fault);
        return;
      }
    }
    this.watchPartial(isWhole);
  }

  welcome(): void {
    this.isWelcome = true;
    this.settle();
  }

  shun(): void {
    if (!this.isWelcome) this.end('nothing that is taken');
  }

  private settle(): void {
    if (this.first !== null) clearTimeout(this.first);
    this.first = null;
  }

  /** `isWhole`: a message was completed; what is begun now is another, with its own time. */
  private watchPartial(isWhole: boolean): void {
    if (isWhole || !this.framer.isPartial) {
      if (this.partial !== null) clearTimeout(this.partial);
      this.partial = null;
    }
    if (!this.framer.isPartial) return;
    this.partial ??= setTimeout(() => {
      this.end('message not completed in time');
    }, TCP_PARTIAL_MS);
  }

  private end(reason: string): void {
    if (this.isDead) return;
    this.isDead = true;
    if (this.connecting !== null) clearTimeout(this.connecting);
    if (this.partial !== null) clearTimeout(this.partial);
    if (this.first !== null) clearTimeout(this.first);
    this.pool.remove(this);
    const waiting = this.unsent;
    this.unsent = [];
    this.socket.destroySoon();
    for (const one of waiting) one.onError?.(reason);
  }
}
