/**
 * Port pairs: RTP on an even port, RTCP on the odd one above (RFC 3550 §11). Pairs are given out
 * in turn through the range; busy ports are stepped over, and a released pair rests before it is
 * used again, so that a former party's late packets reach nobody.
 */
import { createSocket, type Socket } from 'node:dgram';
import { limits } from './limits.ts';
import { log } from './log.ts';

export type Family = 4 | 6;

export interface PortPair {
  readonly rtp: Socket;
  readonly rtcp: Socket;
  readonly port: number;
  readonly family: Family;
}

export interface PortRange {
  /** Address bound; `0.0.0.0` and `::` both mean any address, of either family. */
  readonly address: string;
  readonly min: number;
  readonly max: number;
}

/** `isBusy`: another port may do. */
interface Unbound {
  readonly isBusy: boolean;
  /** The system's name for it. */
  readonly why: string;
}

/** About 1.3 s of audio per leg may wait in the kernel; more would be too old to be heard. */
const receiveBufferBytes = 128 * 1024;

export class Ports {
  private readonly range: PortRange;
  private readonly first: number;
  private readonly pairs: number;
  private next: number;
  private readonly used = new Set<number>();
  private readonly resting = new Map<number, number>();

  constructor(range: PortRange) {
    this.range = range;
    this.first = range.min + (range.min & 1);
    this.pairs = Math.max(0, Math.floor((range.max - this.first + 1) / 2));
    // Not always from the first port, so that a restarted program meets fewer old streams.
    this.next = Math.floor(Math.random() * Math.max(1, this.pairs));
  }

  /** A bound pair, the wished port if it is free; else why there is none. */
  async open(family: Family, wish: number | null, now: number): Promise<PortPair | string> {
    if (wish !== null && (wish & 1) === 0 && this.isFree(wish, now)) {
      const pair = await this.bind(wish, family);
      if (!('why' in pair)) return pair;
    }
    for (let tried = 0; tried < this.pairs; tried += 1) {
      const port = this.first + this.next * 2;
      this.next = (this.next + 1) % this.pairs;
      if (!this.isFree(port, now)) continue;
      const pair = await this.bind(port, family);
      if (!('why' in pair)) return pair;
      if (!pair.isBusy) return `no port can be bound (${pair.why})`;
    }
    return 'no free port pair in the range';
  }

  close(pair: PortPair, now: number): void {
    pair.rtp.close();
    pair.rtcp.close();
    this.used.delete(pair.port);
    this.resting.set(pair.port, now);
  }

  /** Any address, or the one we are bound to. */
  boundAddress(family: Family): string | null {
    const { address } = this.range;
    if (address === '0.0.0.0' || address === '::') return family === 4 ? '0.0.0.0' : '::';
    return address.includes(':') === (family === 6) ? address : null;
  }

  private isFree(port: number, now: number): boolean {
    if (this.used.has(port)) return false;
    const since = this.resting.get(port);
    if (since === undefined) return true;
    if (now - since < limits.portRestMs) return false;
    this.resting.delete(port);
    return true;
  }

  /** Why no port can be bound whatever its number; null: it can. */
  async fault(): Promise<string | null> {
    const family = this.range.address.includes(':') ? 6 : 4;
    const socket = await bound(this.range.address, 0, family);
    if (typeof socket === 'string') return `cannot be bound (${socket})`;
    socket.close();
    return null;
  }

  private async bind(port: number, family: Family): Promise<PortPair | Unbound> {
    const address = this.boundAddress(family);
    if (address === null) return { isBusy: false, why: `no address of IPv${family}` };
    this.used.add(port);
    const rtp = await bound(address, port, family);
    const rtcp = typeof rtp === 'string' ? rtp : await bound(address, port + 1, family);
    if (typeof rtp !== 'string' && typeof rtcp !== 'string') return { rtp, rtcp, port, family };
    if (typeof rtp !== 'string') rtp.close();
    this.used.delete(port);
    const why = typeof rtcp === 'string' ? rtcp : 'unknown';
    if (why === 'EADDRINUSE' || why === 'EACCES') return { isBusy: true, why };
    // No such address, no more files: the next port would fare no better.
    log('warn', 'no port can be bound', { address, port, why });
    return { isBusy: false, why };
  }
}

/** A bound socket, or the system's name for why not. */
function bound(address: string, port: number, family: Family): Promise<Socket | string> {
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    // Targets are always plain addresses: no thread pool, no delay of a tick.
    lookup: (host, _options, done) => done(null, host, family),
  });
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      socket.on('error', (error) => log('debug', 'socket error', { port, why: error.message }));
      socket.setRecvBufferSize(receiveBufferBytes);
      resolve(socket);
    });
  });
}
