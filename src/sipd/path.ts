/**
 * The way to one peer: where a message goes, from which of our sockets, and under which name we
 * appear to that peer. Transactions know nothing else about the network.
 */
export type Proto = 'udp' | 'tcp';

export interface Path {
  proto: Proto;
  /** TCP delivers or fails; UDP needs our retransmissions (RFC 3261 section 17). */
  reliable: boolean;
  /** The peer, IPv6 without brackets. */
  address: string;
  port: number;
  /** How we name ourselves to this peer in Via and Contact, IPv6 without brackets. */
  ownHost: string;
  ownPort: number;
  /** What our socket is bound to, `address:port`; tells apart several sockets of one protocol. */
  listener: string;
  /** Bound port and address as the client protocol reports them. */
  boundAddress: string;
  boundPort: number;
  /** @param onError called at most once, when the message certainly did not go out */
  send(text: string, onError?: (reason: string) => void): void;
  /** Can this very path still carry messages? False for a closed connection. */
  isOpen(): boolean;
  /** Something that came by it was taken; only a connection minds. */
  welcome?(): void;
  /** What came by it gets no answer: a stranger's connection, never welcome, is closed. */
  shun?(): void;
}

export type Direction = 'in' | 'out';

/** What the transports tell the core. */
export interface TransportEvents {
  onMessage(text: string, path: Path, fault: string | null): void;
  /** Every message in and out, for the trace; called before sending and after receiving. */
  onTraffic: ((direction: Direction, path: Path, text: string) => void) | null;
  onTrouble(text: string): void;
  /** May new requests come from there? Others have few places for connections. Absent: yes. */
  isAllowed?(address: string): boolean;
}

export interface ListenSpec {
  proto: Proto;
  host: string;
  port: number;
}

/** `udp:0.0.0.0:5071`, `tcp:[::1]:0`; null if malformed. */
export function parseListen(text: string): ListenSpec | null {
  const match = /^(udp|tcp):(\[[0-9a-fA-F:.]+\]|[\d.]+):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  if (port > 65535) return null;
  const host = (match[2] ?? '').replace(/^\[|\]$/g, '');
  return { proto: match[1] === 'tcp' ? 'tcp' : 'udp', host, port };
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
