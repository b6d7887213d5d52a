/**
 * Networks by rules, as `sip.allow` has them: addresses, `192.0.2.0/24`, `private`, `any`. Shared
 * by the SIP server, which drops what comes from elsewhere, and by the ACD, which asks those who
 * come from elsewhere for a password.
 */
import { BlockList, isIP, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Networks that are not routed on the internet; those of RFC 5737 and RFC 3849 in laboratories. */
const PRIVATE = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '198.18.0.0/15',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
  '2001:db8::/32',
];

/** An IPv4 address that came by an IPv6 socket is one all the same; zones say nothing here. */
export function plainAddress(address: string): string {
  return address
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:(?=\d+\.)/i, '')
    .replace(/%.*$/, '');
}

/** As sockets tell it, however a person has written it: `2001:DB8:0:0::1` is `2001:db8::1`. */
export function canonicalAddress(written: string): string {
  const address = plainAddress(written);
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}

/** Of this very machine: nobody else can send from there. */
export function isLoopback(address: string): boolean {
  const bare = plainAddress(address);
  return bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare);
}

/** A PBX beside us calls from whatever address this machine has, also a public one. */
function addressesHere(): string[] {
  return Object.values(networkInterfaces()).flatMap((all = []) => all.map((one) => one.address));
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** So seldom this machine is asked for its addresses; they may change. */
const HERE_MS = 5_000;

export class Networks {
  /** Every address is in. */
  readonly isAny: boolean;
  private readonly listed = new BlockList();
  private readonly takesPrivate: boolean;
  private readonly here: () => readonly string[];
  private own: ReadonlySet<string> = new Set();
  private ownAt = -Infinity;

  /** Words that are no network say nothing. `here`: this machine's addresses. */
  constructor(rules: readonly string[], here: () => readonly string[] = addressesHere) {
    this.here = here;
    this.isAny = rules.includes('any');
    this.takesPrivate = rules.includes('private');
    for (const rule of rules.flatMap((one) => (one === 'private' ? PRIVATE : [one]))) {
      const [address = '', bits] = rule.split('/');
      if (isIP(address) === 0) continue;
      const family = familyOf(address);
      const width = family === 'ipv6' ? 128 : 32;
      this.listed.addSubnet(address, Number(bits ?? width), family);
    }
  }

  has(address: string): boolean {
    if (this.isAny) return true;
    const bare = plainAddress(address);
    if (isIP(bare) === 0) return false;
    return this.listed.check(bare, familyOf(bare)) || (this.takesPrivate && this.isHere(bare));
  }

  private isHere(bare: string): boolean {
    const now = performance.now();
    if (now - this.ownAt >= HERE_MS) {
      this.own = new Set(this.here().map(plainAddress));
      this.ownAt = now;
    }
    return this.own.has(bare);
  }
}

/**
 * Who an address is where it is counted and shown: an IPv4 address, or the /64 of an IPv6 one, as
 * `2001:db8:1:2::/64`, which one machine has all of.
 */
export function sourceOf(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':')) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = plain.includes('::') && tail !== '' ? tail.split(':') : [];
  const middle = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  return `${[...first, ...middle, ...last].slice(0, 4).join(':')}::/64`;
}
