/**
 * Where a SIP URI leads (RFC 3263, without NAPTR): a literal address as it is, else SRV records by
 * priority and weight, else A or AAAA. Answers are cached for a bounded time in a bounded map;
 * literals are answered at once, in the same turn, because nearly all traffic is of that kind.
 */
import { Resolver, lookup } from 'node:dns';
import { putNewest } from '../shared/newest.ts';
import {
  AVOIDED_MS,
  DNS_DEADLINE_MS,
  DNS_FAILURE_TTL_MS,
  DNS_TTL_MS,
  MAX_DNS_ENTRIES,
} from './limits.ts';
import type { Proto } from './path.ts';
import { ipFamily, uriParam, type SipUri } from './uri.ts';

export interface Target {
  proto: Proto;
  address: string;
  port: number;
}

export type Resolved = { ok: true; target: Target } | { ok: false; reason: string };

interface Place {
  address: string;
  /** 0 where SRV gave none. */
  port: number;
}

interface Entry {
  place: Place | null;
  expiresAt: number;
  waiting: ((place: Place | null) => void)[];
}

export class Names {
  private readonly cache = new Map<string, Entry>();
  private readonly resolver = new Resolver({ timeout: 1_000, tries: 2 });
  private readonly families: readonly (4 | 6)[];
  /** All addresses of the host that an address was found for. */
  private readonly siblings = new Map<string, readonly string[]>();
  /** `name:port` of the SRV record that an `address|port` was found by. */
  private readonly services = new Map<string, string>();
  /** Such records whose host did not answer, and until when others go before them. */
  private readonly avoided = new Map<string, number>();

  /** @param families address families we have sockets for, in order of preference */
  constructor(families: readonly (4 | 6)[]) {
    this.families = families;
  }

  /**
   * @param proto what to use when the URI does not say
   * @param done called exactly once, for literals before this returns
   */
  resolve(uri: SipUri, proto: Proto, done: (result: Resolved) => void): void {
    const port = uri.port;
    if (ipFamily(uri.host) !== 0) {
      done({ ok: true, target: { proto, address: uri.host, port: port === 0 ? 5060 : port } });
      return;
    }
    const finish = (place: Place | null): void => {
      if (place === null) {
        done({ ok: false, reason: 'DNS Error' });
        return;
      }
      const found = port !== 0 ? port : place.port;
      const target = { proto, address: place.address, port: found === 0 ? 5060 : found };
      done({ ok: true, target });
    };
    // RFC 3263 section 4.2: an explicit port rules SRV out. A name without a dot is one of the
    // local network or of /etc/hosts, where nobody keeps SRV records.
    const service = port !== 0 || !uri.host.includes('.') ? '' : `_sip._${proto}.`;
    this.find(uri.host, service, finish);
  }

  /** The other addresses that the host has whose name led to this one. */
  siblingsOf(address: string): readonly string[] {
    return this.siblings.get(address) ?? [];
  }

  /**
   * Nothing answers there: where the name has other hosts, it leads to one of them for a while
   * (RFC 3263 section 4.3).
   */
  avoid(address: string, port: number): void {
    const service = this.services.get(`${address}|${port}`);
    if (service === undefined) return;
    putNewest(this.avoided, service, Date.now() + AVOIDED_MS, MAX_DNS_ENTRIES);
    for (const entry of this.cache.values())
      if (entry.place?.address === address && entry.place.port === port) entry.expiresAt = 0;
  }

  private isAvoided = ({ name, port }: Service): boolean =>
    (this.avoided.get(`${name}:${port}`) ?? 0) > Date.now();

  private keepSiblings(address: string, all: readonly string[]): void {
    putNewest(this.siblings, address, all, MAX_DNS_ENTRIES);
  }

  private find(host: string, service: string, done: (place: Place | null) => void): void {
    const key = service + host;
    const known = this.cache.get(key);
    if (known !== undefined && (known.waiting.length > 0 || known.expiresAt > Date.now())) {
      if (known.waiting.length > 0) known.waiting.push(done);
      else done(known.place);
      return;
    }
    if (this.cache.size >= MAX_DNS_ENTRIES) {
      const oldest = this.cache.keys().next().value;
      if (oldest !== undefined && this.cache.get(oldest)?.waiting.length === 0) {
        this.cache.delete(oldest);
      } else {
        done(null);
        return;
      }
    }
    const entry: Entry = { place: null, expiresAt: 0, waiting: [done] };
    this.cache.delete(key);
    this.cache.set(key, entry);
    let isAnswered = false;
    const answer = (place: Place | null): void => {
      if (isAnswered) return;
      isAnswered = true;
      clearTimeout(deadline);
      entry.place = place;
      entry.expiresAt = Date.now() + (place === null ? DNS_FAILURE_TTL_MS : DNS_TTL_MS);
      const waiting = entry.waiting;
      entry.waiting = [];
      for (const one of waiting) one(place);
    };
    const deadline = setTimeout(() => {
      answer(null);
    }, DNS_DEADLINE_MS);
    if (service === '') this.findAddress(host, answer);
    else this.findService(host, service, answer);
  }

  private findService(host: string, service: string, done: (place: Place | null) => void): void {
    this.resolver.resolveSrv(service + host, (error, records) => {
      const best = error === null ? pickService(records, this.isAvoided) : null;
      if (best === null) {
        this.find(host, '', done);
        return;
      }
      const { name, port } = best;
      this.find(name.toLowerCase(), '', (place) => {
        if (place === null) {
          putNewest(this.avoided, `${name}:${port}`, Date.now() + AVOIDED_MS, MAX_DNS_ENTRIES);
          done(null);
          return;
        }
        const { address } = place;
        putNewest(this.services, `${address}|${port}`, `${name}:${port}`, MAX_DNS_ENTRIES);
        done({ address, port });
      });
    });
  }

  /** By the system's own resolver, so that /etc/hosts and container names count. */
  private findAddress(host: string, done: (place: Place | null) => void): void {
    lookup(host, { all: true }, (error, addresses) => {
      if (error !== null) {
        done(null);
        return;
      }
      for (const family of this.families) {
        const found = addresses.find((one) => one.family === family);
        if (found !== undefined) {
          this.keepSiblings(
            found.address,
            addresses.map((one) => one.address),
          );
          done({ address: found.address, port: 0 });
          return;
        }
      }
      done(null);
    });
  }
}

interface Service {
  name: string;
  port: number;
  priority: number;
  weight: number;
}

/** Lowest priority first, then by weighted chance (RFC 2782); those avoided only if all are. */
function pickService(records: Service[], isAvoided: (service: Service) => boolean): Service | null {
  const named = records.filter((one) => one.name !== '.' && one.name !== '');
  const fresh = named.filter((one) => !isAvoided(one));
  const usable = fresh.length > 0 ? fresh : named;
  if (usable.length === 0) return null;
  const lowest = Math.min(...usable.map((one) => one.priority));
  const group = usable.filter((one) => one.priority === lowest);
  const total = group.reduce((sum, one) => sum + one.weight, 0);
  let draw = Math.random() * total;
  for (const one of group) {
    draw -= one.weight;
    if (draw <= 0) return one;
  }
  return group[0] ?? null;
}

/** The protocol a URI asks for; null if it is one we do not have. */
export function protoOf(uri: SipUri, otherwise: Proto): Proto | null {
  const wanted = uriParam(uri.params, 'transport')?.toLowerCase() ?? null;
  if (wanted === null || wanted === '') return otherwise;
  return wanted === 'udp' || wanted === 'tcp' ? wanted : null;
}
