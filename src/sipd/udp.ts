/** One bound UDP socket: datagrams in, datagrams out, each one a SIP message. */
import { createSocket, type Socket } from 'node:dgram';
import { MAX_MESSAGE_BYTES, UDP_RECEIVE_BUFFER_BYTES } from './limits.ts';
import type { ListenSpec, Path, TransportEvents } from './path.ts';
import { bracketed } from './uri.ts';

/** Names the address under which we appear to `remote`, given what the socket is bound to. */
export type OwnName = (boundHost: string, remote: string) => string;

export class UdpListener {
  readonly proto = 'udp';
  readonly host: string;
  port = 0;
  private readonly socket: Socket;
  private readonly events: TransportEvents;
  private readonly ownName: OwnName;

  constructor(spec: ListenSpec, events: TransportEvents, ownName: OwnName) {
    this.host = spec.host;
    this.events = events;
    this.ownName = ownName;
    const isV6 = spec.host.includes(':');
    this.socket = createSocket({
      type: isV6 ? 'udp6' : 'udp4',
      ipv6Only: isV6,
      // Addresses are always literals here; the system resolver has no part in sending.
      lookup: (host, _options, done) => {
        done(null, host, isV6 ? 6 : 4);
      },
    });
  }

  get name(): string {
    return `${bracketed(this.host)}:${this.port}`;
  }

  async bind(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.once('error', reject);
      this.socket.bind({ port, address: this.host }, () => {
        this.socket.removeListener('error', reject);
        resolve();
      });
    });
    this.port = this.socket.address().port;
    try {
      this.socket.setRecvBufferSize(UDP_RECEIVE_BUFFER_BYTES);
    } catch (error) {
      this.events.onTrouble(`receive buffer of ${this.name} not enlarged: ${String(error)}`);
    }
    this.socket.on('error', (error) => {
      this.events.onTrouble(`udp socket ${this.name}: ${error.message}`);
    });
    this.socket.on('message', (data, from) => {
      // Nobody can be answered there: a forged source.
      if (from.port === 0) return;
      const text = data.toString('latin1', 0, Math.min(data.length, MAX_MESSAGE_BYTES));
      const path = this.pathTo(from.address, from.port);
      this.events.onTraffic?.('in', path, text);
      const fault = data.length > MAX_MESSAGE_BYTES ? 'message too large' : null;
      this.events.onMessage(text, path, fault);
    });
  }

  pathTo(address: string, port: number): Path {
    return new UdpPath(this, address, port, this.ownName(this.host, address));
  }

  transmit(text: string, path: Path, onError?: (reason: string) => void): void {
    this.events.onTraffic?.('out', path, text);
    this.socket.send(Buffer.from(text, 'latin1'), path.port, path.address, (error) => {
      if (error === null) return;
      this.events.onTrouble(`udp to ${path.address}:${path.port}: ${error.message}`);
      onError?.(error.message);
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.socket.close(() => {
        resolve();
      });
    });
  }
}

class UdpPath implements Path {
  readonly proto = 'udp';
  readonly reliable = false;
  readonly address: string;
  readonly port: number;
  readonly ownHost: string;
  private readonly from: UdpListener;

  constructor(from: UdpListener, address: string, port: number, ownHost: string) {
    this.from = from;
    this.address = address;
    this.port = port;
    this.ownHost = ownHost;
  }

  get ownPort(): number {
    return this.from.port;
  }

  get listener(): string {
    return this.from.name;
  }

  get boundAddress(): string {
    return this.from.host;
  }

  get boundPort(): number {
    return this.from.port;
  }

  send(text: string, onError?: (reason: string) => void): void {
    this.from.transmit(text, this, onError);
  }

  isOpen(): boolean {
    return true;
  }
}
