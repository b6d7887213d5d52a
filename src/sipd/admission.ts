/**
 * From whom new requests are taken. Everybody else gets no answer at all, so that who scans the
 * network learns not even that a SIP server is here; what belongs to a dialog of ours is served
 * wherever it comes from. A registrar is whoever accepted a REGISTER of ours: nobody can pretend
 * that who does not receive what we send. A client may name users: an INVITE whose From names one
 * is given to it from anywhere, as it asks for a password. And it may ban an address for a time.
 * With each request it is told why it was let in, so that it need not read From as we do.
 */
import { Networks, plainAddress, sourceOf } from '../shared/networks.ts';
import { putNewest } from '../shared/newest.ts';
import type { Clock } from './clock.ts';
import { parseNameAddr } from './headers.ts';
import { MAX_BANS, MAX_KNOWN_PEERS } from './limits.ts';
import type { Log } from './log.ts';
import type { Received } from './received.ts';
import { parseUri } from './uri.ts';

/** Why a request is let in: its address is listed, it is a registrar's, or From names a user. */
export type Ground = 'network' | 'registrar' | 'user';

/** Keeps at most so many, the latest. */
function keep(known: Set<string>, entry: string): void {
  known.delete(entry);
  known.add(entry);
  const [oldest] = known;
  if (known.size > MAX_KNOWN_PEERS && oldest !== undefined) known.delete(oldest);
}

const wallClock = { now: () => Date.now() };

export class Admission {
  private readonly networks: Networks;
  private readonly isAny: boolean;
  private readonly takesRegistrars: boolean;
  private readonly registrars = new Set<string>();
  /** Those whom the log has named. */
  private readonly told = new Set<string>();
  private readonly log: Log;
  private readonly clock: Pick<Clock, 'now'>;
  private users: ReadonlySet<string> = new Set();
  /** Until when, by address; IPv6 by its /64. */
  private readonly bans = new Map<string, number>();
  private dropped = 0;

  /** `rules`: networks, addresses, `private`, `registrars`; `any`, or none: everybody. */
  constructor(
    rules: readonly string[],
    log: Log,
    here?: () => readonly string[],
    clock: Pick<Clock, 'now'> = wallClock,
  ) {
    this.log = log;
    this.clock = clock;
    this.networks = new Networks(rules, here);
    this.isAny = rules.length === 0 || this.networks.isAny;
    this.takesRegistrars = rules.includes('registrars');
  }

  /** How many requests got no answer. */
  get silences(): number {
    return this.dropped;
  }

  /** May this address begin something with us? */
  admits(address: string): boolean {
    return this.groundFor(address) !== null;
  }

  /** Why this request may begin something with us; null: it may not. */
  groundOf({ path, message, from, toTag }: Received): Ground | null {
    const ground = this.groundFor(path.address);
    if (ground !== null) return ground;
    const mayAsk = message.method === 'INVITE' && toTag === '' && this.users.size > 0;
    if (!mayAsk || this.isBanned(path.address)) return null;
    const uri = parseUri(parseNameAddr(from)?.uri ?? '');
    return uri !== null && this.users.has(uri.user) ? 'user' : null;
  }

  private groundFor(address: string): 'network' | 'registrar' | null {
    if (this.isBanned(address)) return null;
    const bare = plainAddress(address);
    if (this.isAny || this.networks.has(bare)) return 'network';
    return this.takesRegistrars && this.registrars.has(bare) ? 'registrar' : null;
  }

  /** It accepted a REGISTER of ours. */
  noteRegistrar(address: string): void {
    keep(this.registrars, plainAddress(address));
  }

  /** Those whom the client asks for a password, in place of the former. */
  setUsers(users: readonly string[]): void {
    this.users = new Set(users);
  }

  /** For so long; 0: no longer. The ban that was made first goes where there are too many. */
  ban(address: string, ms: number): void {
    const source = sourceOf(address);
    if (ms <= 0) this.bans.delete(source);
    else putNewest(this.bans, source, this.clock.now() + ms, MAX_BANS);
  }

  liftAll(): void {
    this.bans.clear();
  }

  isBanned(address: string): boolean {
    if (this.bans.size === 0) return false;
    const source = sourceOf(address);
    const until = this.bans.get(source);
    if (until === undefined) return false;
    if (until > this.clock.now()) return true;
    this.bans.delete(source);
    return false;
  }

  /** Nothing is answered; the log names each address once, and counts. */
  silence(address: string, what: string): void {
    this.dropped += 1;
    const bare = plainAddress(address);
    if (this.told.has(bare)) return;
    keep(this.told, bare);
    const why = this.isBanned(address) ? 'is banned' : 'is not in sip.allow';
    this.log.warn(`${what} from ${bare} gets no answer: it ${why} (${this.dropped} so far)`);
  }
}
