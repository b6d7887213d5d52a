/**
 * How each address behaves that begins something with us: how often, and with how many wrong
 * passwords. Who does more than he may is refused; who goes on, or guesses passwords, is banned for
 * a time: the SIP server gives him no answer (where it can), and we none either. Never banned, and
 * never counted, are this machine and the registrars, which all their phones call through; counted
 * but never banned are networks that `sip.allow` names, as over UDP anybody can flood in the name
 * of a PBX. Every table is bounded; a restart forgets them.
 */
import { isLoopback, plainAddress, sourceOf } from '../shared/networks.ts';
import { putNewest } from '../shared/newest.ts';
import { Rates } from '../shared/rate.ts';
import type { SipLog } from './port.ts';

/** Most sources counted, and most bans; the one that was touched longest ago goes. */
export const SOURCES_MAX = 10_000;
/** So many times the rate refused within a minute is a flood. */
const FLOOD_RATES = 10;
const FLOOD_MS = 60_000;
/** In one instant a source may begin so many times what it may in a second. */
const BURST = 2;

export interface SourceLimits {
  /** New requests a second; 0: no limit. */
  readonly rate: number;
  /** Wrong passwords until the ban; 0: never. A count is forgotten after the length of a ban. */
  readonly banAfter: number;
  readonly banForMs: number;
}

export interface Ban {
  /** An IPv4 address, or the /64 of an IPv6 one. */
  readonly source: string;
  readonly why: 'passwords' | 'flood';
  readonly endsInMs: number;
}

/** How something new was refused: see `Counts`. */
const REFUSALS = ['banned', 'rate', 'forbidden', 'password', 'silenced'] as const;
export type Refusal = (typeof REFUSALS)[number];

/** Since the start of this process, but for `bans`. */
export interface Counts {
  /**
   * `banned`: no answer, by us. `rate`: 503, more than may be. `forbidden`: 403, not allowed.
   * `password`: a wrong one. `silenced`: the SIP server (since its own start) gave no answer to
   * strangers and banned addresses.
   */
  readonly refused: ReadonlyMap<Refusal, number>;
  readonly banned: ReadonlyMap<Ban['why'], number>;
  /** Those that stand now. */
  readonly bans: ReadonlyMap<Ban['why'], number>;
}

export interface SourcesOptions {
  readonly limits: SourceLimits;
  /** Ms, never going back. */
  readonly now: () => number;
  readonly isRegistrar: (address: string) => boolean;
  /** `sip.allow` names its network: beyond the rate it is refused, and never banned. */
  readonly isNamed: (address: string) => boolean;
  /** The SIP server is to give that address no answer for so long; 0: it may again. */
  readonly tell: (address: string, ms: number) => void;
  readonly log: SipLog;
}

/** What the rate refused. */
interface Refused {
  readonly count: number;
  readonly since: number;
}

interface Held {
  readonly why: Ban['why'];
  readonly until: number;
  /** Without brackets, for the SIP server. */
  readonly address: string;
}

export class Sources {
  private readonly options: SourcesOptions;
  private readonly rates: Rates;
  private readonly refused = new Map<string, Refused>();
  private readonly failures = new Map<string, { count: number; until: number }>();
  private readonly bans = new Map<string, Held>();
  private readonly refusals = new Map<Refusal, number>(REFUSALS.map((why) => [why, 0]));
  private readonly banned = new Map<Ban['why'], number>([
    ['passwords', 0],
    ['flood', 0],
  ]);

  constructor(options: SourcesOptions) {
    this.options = options;
    const { rate } = options.limits;
    const limit = { perSecond: rate, burst: rate * BURST, max: SOURCES_MAX };
    this.rates = new Rates(options.now, limit);
  }

  /** Something new was refused. */
  count(why: Refusal): void {
    this.refusals.set(why, (this.refusals.get(why) ?? 0) + 1);
  }

  /** `silenced`: what the SIP server has left unanswered. */
  counts(silenced: number): Counts {
    const standing = this.list();
    const bans = [...this.banned.keys()].map(
      (why) => [why, standing.filter((ban) => ban.why === why).length] as const,
    );
    const refused = new Map([...this.refusals, ['silenced', silenced] as const]);
    return { refused, banned: new Map(this.banned), bans: new Map(bans) };
  }

  isBanned(address: string): boolean {
    if (this.bans.size === 0) return false;
    const source = sourceOf(address);
    const ban = this.bans.get(source);
    if (ban === undefined) return false;
    if (ban.until > this.options.now()) return true;
    this.bans.delete(source);
    return false;
  }

  /** Something new begins from there. False: it is more than may be. */
  take(address: string): boolean {
    const { rate } = this.options.limits;
    if (rate === 0 || this.isExempt(address)) return true;
    const source = sourceOf(address);
    if (this.rates.take(source) === 0) return true;
    const at = this.options.now();
    const former = this.refused.get(source);
    const isOver = former === undefined || at - former.since > FLOOD_MS;
    const refused = isOver ? { count: 1, since: at } : { ...former, count: former.count + 1 };
    putNewest(this.refused, source, refused, SOURCES_MAX);
    const isFlood = refused.count >= rate * FLOOD_RATES;
    if (isFlood && !this.options.isNamed(address)) this.ban(address, 'flood');
    return false;
  }

  /** A wrong password, by somebody who receives what we send there. */
  failed(address: string): void {
    const { limits, now } = this.options;
    if (limits.banAfter === 0 || this.isExempt(address) || this.options.isNamed(address)) return;
    const source = sourceOf(address);
    const former = this.failures.get(source);
    const count = former === undefined || former.until <= now() ? 1 : former.count + 1;
    putNewest(this.failures, source, { count, until: now() + limits.banForMs }, SOURCES_MAX);
    if (count >= limits.banAfter) this.ban(address, 'passwords');
  }

  list(): Ban[] {
    const now = this.options.now();
    return [...this.bans]
      .map(([source, { why, until }]) => ({ source, why, endsInMs: until - now }))
      .filter(({ endsInMs }) => endsInMs > 0);
  }

  /** By its source as it is listed, or an address in it; false: there is no such ban. */
  lift(written: string): boolean {
    const source = this.bans.has(written) ? written : sourceOf(written);
    const ban = this.bans.get(source);
    if (ban === undefined) return false;
    const isThere = ban.until > this.options.now();
    for (const map of [this.bans, this.failures, this.refused]) map.delete(source);
    this.rates.forget(source);
    this.options.tell(ban.address, 0);
    return isThere;
  }

  /** The SIP server knows of none: all that stand are told. */
  tellAll(): void {
    const now = this.options.now();
    for (const { address, until } of this.bans.values())
      if (until > now) this.options.tell(address, until - now);
  }

  private isExempt(address: string): boolean {
    return isLoopback(address) || this.options.isRegistrar(address);
  }

  private ban(from: string, why: Ban['why']): void {
    const { limits, now, tell, log } = this.options;
    const source = sourceOf(from);
    if (this.isBanned(from)) return;
    // The SIP server writes IPv6 in brackets, and reads it without.
    const address = plainAddress(from);
    this.banned.set(why, (this.banned.get(why) ?? 0) + 1);
    putNewest(this.bans, source, { why, until: now() + limits.banForMs, address }, SOURCES_MAX);
    this.failures.delete(source);
    this.refused.delete(source);
    this.rates.forget(source);
    const forSeconds = Math.round(limits.banForMs / 1000);
    log.warn({ source, why, forSeconds }, 'banned: it gets no answer (acd ban lift)');
    tell(address, limits.banForMs);
  }
}
