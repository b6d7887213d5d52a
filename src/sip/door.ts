/**
 * Who may begin something with us: who is in `sip.allow`, and users of `sip.users` with their
 * password. sipd keeps most strangers away, a drachtio-server none; neither is relied upon: who is
 * not known here to be allowed proves who he is, or gets 403. One thing only sipd knows: all the
 * addresses of those who accepted a REGISTER of ours, also before we who were restarted have asked
 * them again. It marks such requests, and that is believed.
 *
 * Comes in: requests outside of dialogs. Goes out: the request, as it may be believed; or null,
 * and it was answered.
 */
import type { SipConfig } from '../config/types.ts';
import { Networks } from '../shared/networks.ts';
import { Challenges } from './challenges.ts';
import { hasToTag } from './context.ts';
import { isHost, type KnownRegistrar } from './device.ts';
import { clean, parseNameAddr, parseUri } from './headers.ts';
import type { Headers, IncomingRequest, Sipd, SipLog } from './port.ts';
import { Sources, type Counts } from './sources.ts';
import { doneWithin } from './within.ts';

/** So long is the SIP server waited for where only a number is asked. */
const SILENCES_MS = 250;

/** Headers that say who somebody is on the word of a network that we trust (RFC 3325 §7). */
const TRUSTED = ['p-asserted-identity', 'p-preferred-identity', 'remote-party-id'];

export interface DoorOptions {
  readonly config: SipConfig;
  readonly registrars: () => readonly KnownRegistrar[];
  /** null: a drachtio-server. */
  readonly server: () => Pick<Sipd, 'ban' | 'tellUsers' | 'silences'> | null;
  /** Ms, never going back. */
  readonly now: () => number;
  readonly log: SipLog;
}

export class Door {
  readonly sources: Sources;
  private readonly options: DoorOptions;
  private readonly networks: Networks;
  private readonly challenges: Challenges;
  private readonly users: ReadonlySet<string>;
  private silenced = 0;
  private readonly hidden: ReadonlySet<string>;

  constructor(options: DoorOptions) {
    this.options = options;
    const { config, now, log } = options;
    this.networks = new Networks(config.allow.length === 0 ? ['any'] : config.allow);
    const named = new Networks(config.allow.filter((rule) => rule !== 'any'));
    this.challenges = new Challenges(config.users, now);
    this.users = new Set(config.users.map(({ name }) => name));
    const ofPbx = [config.priorityHeader, config.positionHeader, config.penaltyHeader];
    const all = [...TRUSTED, ...ofPbx, config.skillsHeader];
    this.hidden = new Set(all.flatMap((name) => (name === null ? [] : [name.toLowerCase()])));
    this.sources = new Sources({
      limits: config.limits,
      now,
      isRegistrar: (address) => this.isRegistrar(address),
      isNamed: (address) => named.has(address),
      tell: (address, ms) => void options.server()?.ban(address, ms),
      log,
    });
  }

  /** The SIP server learns whom it is to let in and whom not: at the start, and when it is back. */
  tell(): void {
    const server = this.options.server();
    if (server === null) return;
    void server.tellUsers([...this.users]);
    void server.ban('*', 0);
    this.sources.tellAll();
  }

  /**
   * null: it was refused, or asked for a password.
   * @param isHeld it waited for us, perhaps with many others: they come at once, and are no flood
   */
  open(request: IncomingRequest, isHeld = false): IncomingRequest | null {
    const { sourceHost: address, method } = request;
    if (request.source === 'server' || method === 'ACK') return request;
    // No answer: on a drachtio-server the transaction ends by itself.
    if (this.sources.isBanned(address)) {
      this.sources.count('banned');
      return null;
    }
    const isUncounted = isHeld || request.isOfRegistrar === true;
    if (!isUncounted && !this.sources.take(address)) {
      this.sources.count('rate');
      refuse(request, 503, 'Too Many Requests', { 'Retry-After': '10' });
      return null;
    }
    // Its tags are its ticket: where nobody owns the dialog any more, it can only be told so.
    if (request.dialogId !== '' && hasToTag(request)) return request;
    if (this.isAllowed(request)) return request;
    const from = parseUri(parseNameAddr(request.header('From'))?.uri ?? '')?.user ?? '';
    if (method === 'INVITE' && this.users.has(from)) return this.prove(request, from);
    this.sources.count('forbidden');
    refuse(request, 403, 'Forbidden');
    return null;
  }

  /** What was refused at the door and before it, since the start. */
  async counts(): Promise<Counts> {
    // Whoever watches the ACD is not kept waiting by a SIP server that hangs: the next time, then.
    const asked = this.options.server()?.silences();
    const kept = asked?.then((silenced) => (this.silenced = silenced ?? this.silenced));
    if (kept !== undefined) await doneWithin(kept, SILENCES_MS);
    return this.sources.counts(this.silenced);
  }

  private prove(request: IncomingRequest, from: string): IncomingRequest | null {
    const { sourceHost: address, method, uri } = request;
    const authorization = request.header('Authorization');
    const verdict = this.challenges.verify({ method, uri, authorization, address });
    if (verdict.kind === 'right' && verdict.user === from) return this.believed(request, from);
    if (verdict.kind === 'wrong' || verdict.kind === 'right') {
      const fields = { source: address, user: clean(from) };
      this.sources.count('password');
      this.options.log.warn(fields, 'wrong password, or another’s name, for a user of sip.users');
      this.sources.failed(address);
      if (this.sources.isBanned(address)) {
        refuse(request, 403, 'Forbidden');
        return null;
      }
    }
    const asked = this.challenges.ask(address, verdict.kind === 'stale');
    void request.respond({
      status: 401,
      reason: 'Unauthorized',
      headers: { 'WWW-Authenticate': asked },
    });
    return null;
  }

  /** His name is proved; what else he says of himself is not, and he sets no priorities. */
  private believed(request: IncomingRequest, user: string): IncomingRequest {
    const header = (name: string): string =>
      this.hidden.has(name.toLowerCase()) ? '' : request.header(name);
    return { ...request, header, user };
  }

  private isAllowed({ sourceHost: address, isOfRegistrar = false }: IncomingRequest): boolean {
    if (this.networks.has(address)) return true;
    const takesRegistrars = this.options.config.allow.includes('registrars');
    return takesRegistrars && (isOfRegistrar || this.isRegistrar(address));
  }

  private isRegistrar(address: string): boolean {
    return this.options.registrars().some((each) => isHost(each, address));
  }
}

function refuse(
  request: IncomingRequest,
  status: number,
  reason: string,
  headers: Headers = {},
): void {
  void request.respond({ status, reason, headers });
}
