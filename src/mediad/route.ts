/**
 * Finding addresses: the numeric address of the party's host, and the local address from which it
 * is reached. The kernel knows the latter: a UDP socket is connected to the party (no packet is
 * sent) and asked for its own name.
 */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import { limits } from './limits.ts';
import type { Family } from './ports.ts';

export interface Found {
  readonly address: string;
  readonly family: Family;
}

export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** One spelling per address, the kernel's: `2001:DB8:0::1` is `2001:db8::1`. */
export function normalAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

/** The host's address; null: no such host, or no answer in `resolveMs`. */
export async function resolveHost(host: string): Promise<Found | null> {
  const plain = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(plain) !== 0) return { address: normalAddress(plain), family: familyOf(plain) };
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limits.resolveMs);
  });
  const asked = lookup(plain).then(
    ({ address }): Found => ({ address: normalAddress(address), family: familyOf(address) }),
    () => null,
  );
  return Promise.race([asked, deadline]).finally(() => clearTimeout(timer));
}

export class Routes {
  private readonly known = new Map<string, { local: string; at: number }>();

  /** Our address as `peer` sees it, without NAT; null: no route to him. */
  async localFor(peer: Found, now: number): Promise<string | null> {
    const hit = this.known.get(peer.address);
    if (hit !== undefined && now - hit.at < limits.routeMs) return hit.local;
    const local = await askKernel(peer);
    if (local === null) return null;
    this.known.delete(peer.address);
    this.known.set(peer.address, { local, at: now });
    if (this.known.size > limits.routes) {
      for (const oldest of this.known.keys()) {
        this.known.delete(oldest);
        break;
      }
    }
    return local;
  }
}

function askKernel(peer: Found): Promise<string | null> {
  const socket = createSocket(peer.family === 4 ? 'udp4' : 'udp6');
  return new Promise((resolve) => {
    const end = (local: string | null): void => {
      socket.close();
      resolve(local);
    };
    // Node gives a failed connect to the callback, and no 'error' then: its types do not say so.
    const connected = (error?: Error | null): void => {
      end(error == null ? normalAddress(socket.address().address) : null);
    };
    socket.once('error', () => end(null));
    socket.connect(9, peer.address, connected);
  });
}
