/**
 * From whom new requests are taken. Everybody else gets no answer at all, so that who scans the
 * network learns not even that a SIP server is here; what belongs to a dialog of ours is served
 * wherever it comes from. A registrar is whoever accepted a REGISTER of ours: nobody can pretend
 * that who does not receive what we send.
 */
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { MAX_KNOWN_PEERS } from './limits.ts';
import type { Log } from './log.ts';

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
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** A PBX beside us calls from whatever address this machine has, also a public one. */
function addressesHere(): string[] {
  return Object.values(networkInterfaces()).flatMap((all = []) => all.map((one) => one.address));
}

/** So seldom this machine is asked for its addresses; they may change. */
const HERE_MS = 5_000;

/** Keeps at most so many, the latest. */
function keep(known: Set<string>, entry: string): void {
  known.delete(entry);
  known.add(entry);
  const [oldest] = known;
  if (known.size > MAX_KNOWN_PEERS && oldest !== undefined) known.delete(oldest);
}

export class Admission {
  private readonly networks = new BlockList();
  private readonly isAny: boolean;
  private readonly takesRegistrars: boolean;
  private readonly takesPrivate: boolean;
  private readonly here: () => readonly string[];
  private own: ReadonlySet<string> = new Set();
  private ownAt = -Infinity;
  private readonly registrars = new Set<string>();
  /** Those whom the log has named. */
  private readonly told = new Set<string>();
  private readonly log: Log;
  private dropped = 0;

  /** `rules`: networks, addresses, `private`, `registrars`; `any`, or none: everybody. */
  constructor(rules: readonly string[], log: Log, here: () => readonly string[] = addressesHere) {
    this.log = log;
    this.here = here;
    this.isAny = rules.length === 0 || rules.includes('any');
    this.takesRegistrars = rules.includes('registrars');
    this.takesPrivate = rules.includes('private');
    for (const rule of rules.flatMap((one) => (one === 'private' ? PRIVATE : [one]))) {
      const [address = '', bits] = rule.split('/');
      if (isIP(address) === 0) continue;
      const family = familyOf(address);
      const width = family === 'ipv6' ? 128 : 32;
      this.networks.addSubnet(address, Number(bits ?? width), family);
    }
  }

  /** How many requests got no answer. */
  get silences(): number {
    return this.dropped;
  }

  /** May this address begin something with us? */
  admits(address: string): boolean {
    if (this.isAny) return true;
    const bare = plain(address);
    if (this.takesRegistrars && this.registrars.has(bare)) return true;
    if (isIP(bare) === 0) return false;
    return this.networks.check(bare, familyOf(bare)) || (this.takesPrivate && this.isHere(bare));
  }

  private isHere(bare: string): boolean {
    const now = performance.now();
    if (now - this.ownAt >= HERE_MS) {
      this.own = new Set(this.here().map(plain));
      this.ownAt = now;
    }
    return this.own.has(bare);
  }

  /** It accepted a REGISTER of ours. */
  noteRegistrar(address: string): void {
    keep(this.registrars, plain(address));
  }

  /** Nothing is answered; the log names each address once, and counts. */
  silence(address: string, what: string): void {
    this.dropped += 1;
    const bare = plain(address);
    if (this.told.has(bare)) return;
    keep(this.told, bare);
    this.log.warn(
      `${what} from ${bare} gets no answer: it is not in sip.allow (${this.dropped} so far)`,
    );
  }
}
