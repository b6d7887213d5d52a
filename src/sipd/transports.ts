/**
 * All sockets of the server, and the choice among them: which socket and which own name to use
 * towards a peer, and whether an address is ourselves.
 */
import { isLocal, isNear, localAddressFor } from './interfaces.ts';
import {
  isWildcard,
  type ListenSpec,
  type Path,
  type Proto,
  type TransportEvents,
} from './path.ts';
import { TcpListener, TcpPool } from './tcp.ts';
import { UdpListener } from './udp.ts';
import { bracketed } from './uri.ts';

type Listener = UdpListener | TcpListener;

export class Transports {
  private readonly listeners: Listener[] = [];
  private readonly pool: TcpPool;
  private readonly events: TransportEvents;
  private readonly external: string;

  /** @param external address to show to peers outside our own networks, or '' */
  constructor(events: TransportEvents, external: string) {
    this.events = events;
    this.external = external;
    this.pool = new TcpPool(events);
  }

  /** Binds one socket. Rejects with the system's error. */
  async listen(spec: ListenSpec): Promise<void> {
    const ownName = (host: string, remote: string): string => this.ownName(host, remote);
    const listener =
      spec.proto === 'udp'
        ? new UdpListener(spec, this.events, ownName)
        : new TcpListener(spec, this.pool, ownName);
    await listener.bind(spec.port);
    this.listeners.push(listener);
  }

  private ownName(boundHost: string, remote: string): string {
    const now = Date.now();
    if (this.hasExternal(remote) && !isNear(remote, now)) return this.external;
    return isWildcard(boundHost) ? localAddressFor(remote, now) : boundHost;
  }

  /** Is there an external address of the same family? */
  private hasExternal(address: string): boolean {
    return this.external !== '' && this.external.includes(':') === address.includes(':');
  }

  /** `udp:127.0.0.1:5071` of every bound socket. */
  names(): string[] {
    return this.listeners.map((listener) => `${listener.proto}:${listener.name}`);
  }

  /** `udp/127.0.0.1:5071` as the client protocol lists them; with the external address or ours. */
  hostPorts(withExternal: boolean): string[] {
    return this.listeners.map((listener) => {
      const own = isWildcard(listener.host)
        ? localAddressFor(listener.host === '::' ? '2001:db8::1' : '192.0.2.1', Date.now())
        : listener.host;
      const host = withExternal && this.hasExternal(listener.host) ? this.external : own;
      return `${listener.proto}/${bracketed(host)}:${listener.port}`;
    });
  }

  /**
   * A path to a peer.
   * @param preferred name of the socket to use if it fits (that of the dialog)
   * @returns null if no socket speaks that protocol and family, or too many connections are open
   */
  pathTo(proto: Proto, address: string, port: number, preferred = ''): Path | null {
    const isV6 = address.includes(':');
    let best: Listener | null = null;
    let bestScore = -1;
    for (const listener of this.listeners) {
      if (listener.proto !== proto || listener.host.includes(':') !== isV6) continue;
      const score = this.fitness(listener, address, preferred);
      if (score > bestScore) {
        best = listener;
        bestScore = score;
      }
    }
    return best === null ? null : best.pathTo(address, port);
  }

  /** The connection to a peer, if one is open. */
  openTcp(address: string, port: number): Path | null {
    return this.pool.find(address, port) ?? null;
  }

  private fitness(listener: Listener, address: string, preferred: string): number {
    if (listener.name === preferred) return 4;
    if (isWildcard(listener.host)) return 2;
    if (listener.host === localAddressFor(address, Date.now())) return 3;
    const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '::1';
    return isLoopback(listener.host) === isLoopback(address) ? 1 : 0;
  }

  /** Would a message to this address come back to us? */
  isOwn(proto: Proto, address: string, port: number): boolean {
    return this.listeners.some(
      (listener) =>
        listener.proto === proto &&
        listener.port === port &&
        (listener.host === address || (isWildcard(listener.host) && isLocal(address, Date.now()))),
    );
  }

  speaks(proto: Proto): boolean {
    return this.listeners.some((listener) => listener.proto === proto);
  }

  async close(): Promise<void> {
    this.pool.closeAll();
    for (const listener of this.listeners) await listener.close();
  }
}
