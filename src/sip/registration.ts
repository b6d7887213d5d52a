/**
 * Registering like a phone, at one registrar (RFC 3261 §10.2): REGISTER with digest, refreshed
 * before the registrar's own expiry, tried again with growing pauses while it is away, slowly
 * while it rejects us, and taken back on stop. One `Registration` per entry of
 * `sip.register`; its state is in GET /health.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { RegisterConfig } from '../config/types.ts';
import { canonicalAddress } from '../shared/networks.ts';
import { DigestMemory } from './attempts.ts';
import { newTag, TRANSACTION_DEADLINE_MS } from './client.ts';
import type { RequestOutcome } from './client.ts';
import type { EdgeContext } from './context.ts';
import type { KnownRegistrar } from './device.ts';
import {
  address,
  clean,
  escapeUser,
  nameAddr,
  parseNameAddr,
  parseUri,
  seconds,
  splitList,
} from './headers.ts';
import type { IncomingResponse } from './port.ts';
import { accountOf, credentialsOf } from './routes.ts';

export type RegistrationState =
  'registering' | 'registered' | 'unreachable' | 'rejected' | 'unregistered';

export interface RegistrationHealth {
  readonly name: string;
  readonly state: RegistrationState;
  /** Seconds until the registration ends unless it is refreshed; 0: not registered. */
  readonly expiresIn: number;
  readonly detail: string;
}

const RETRY_FIRST_MS = 2_000;
const RETRY_MAX_MS = 60_000;
/** A wrong password does not get right by asking often; registrars ban who does. */
const REJECTED_RETRY_MS = 120_000;
const UNREGISTER_MAX_MS = 2_000;
/** Least and most life we take from a registrar. */
const EXPIRES_MIN_S = 10;
const EXPIRES_MAX_S = 86_400;
/** Addresses of one registrar remembered. */
const HOSTS_MAX = 16;

export class Registration {
  readonly config: RegisterConfig;
  private readonly context: EdgeContext;
  private readonly memory = new DigestMemory();
  private readonly identity = { callId: `reg-${newTag()}`, fromTag: newTag() };
  private readonly hosts = new Set<string>();
  private readonly port: number;
  private cseq = 0;
  private state: RegistrationState = 'registering';
  private detail = 'not asked yet';
  private expiresS: number;
  /** It took our name and password once, so it is not we who are wrong. */
  private wasAccepted = false;
  /** Our Contact as the registrar writes it (behind a NAT another than ours); '': not known. */
  private listedAs = '';
  private until = 0;
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(context: EdgeContext, config: RegisterConfig) {
    this.context = context;
    this.config = config;
    this.expiresS = Math.max(EXPIRES_MIN_S, Math.round(config.expiresMs / 1000));
    const uri = parseUri(config.registrar);
    this.port = uri?.port ?? 5060;
    this.learn(uri?.host ?? '');
    void this.resolve(uri?.host ?? '');
    void this.register();
  }

  health(): RegistrationHealth {
    const left = Math.round((this.until - this.context.runtime.now()) / 1000);
    const expiresIn = this.state === 'registered' ? Math.max(0, left) : 0;
    return { name: this.config.name, state: this.state, expiresIn, detail: this.detail };
  }

  /** Where its requests come from, for device.ts. */
  known(): KnownRegistrar {
    return { config: this.config, hosts: this.hosts, port: this.port };
  }

  /** Takes our contact back; settles within two seconds whatever the registrar does. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.state !== 'registered') return;
    await this.ask(0, UNREGISTER_MAX_MS);
    this.state = 'unregistered';
    this.detail = 'stopped';
  }

  /** The connection to the SIP server is back: look at once whether we are still known. */
  renew(): void {
    if (!this.stopped) this.after(0);
  }

  private learn(host: string): void {
    const address = canonicalAddress(host);
    if (isIP(address) !== 0 && this.hosts.size < HOSTS_MAX) this.hosts.add(address);
  }

  /** A registrar given by name may call us from any of its addresses. */
  private async resolve(host: string): Promise<void> {
    if (host === '' || isIP(host.replace(/^\[|\]$/g, '')) !== 0) return;
    try {
      for (const { address } of await lookup(host, { all: true })) this.learn(address);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.context.log.warn({ registrar: this.config.name, detail }, 'registrar not in DNS');
    }
  }

  private after(ms: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.register(), ms);
    this.timer.unref();
  }

  private ask(expires: number, deadlineMs: number): Promise<RequestOutcome> {
    const { config, identity } = this;
    const registrar = parseUri(config.registrar);
    const transport = registrar?.params.get('transport');
    const tail = transport === undefined ? '' : `;transport=${clean(transport, 8)}`;
    const account = accountOf(config);
    this.cseq += 1;
    return this.context.client.request(
      {
        method: 'REGISTER',
        // RFC 3261 §10.2: the Request-URI names the domain, without a user.
        uri: `sip:${config.domain}`,
        nextHop: config.registrar,
        headers: {
          'Call-ID': identity.callId,
          CSeq: `${this.cseq} REGISTER`,
          From: `${nameAddr('', account)};tag=${identity.fromTag}`,
          To: nameAddr('', account),
          // The server puts in the address it listens at; its own socket sends.
          Contact: `<sip:${escapeUser(config.username)}@localhost${tail}>;expires=${expires}`,
          Expires: String(expires),
        },
      },
      { credentials: credentialsOf(config), memory: this.memory, deadlineMs },
    );
  }

  private async register(): Promise<void> {
    const outcome = await this.ask(this.expiresS, TRANSACTION_DEADLINE_MS);
    if (this.stopped) return;
    this.judge(outcome);
  }

  private judge(outcome: RequestOutcome): void {
    if (outcome.kind === 'rejected-credentials') {
      this.passed(outcome.response);
      return this.rejected('refuses our user name or password');
    }
    if (outcome.kind === 'no-answer' || outcome.kind === 'no-dialog')
      return this.unreachable('does not answer');
    if (outcome.kind === 'lost') return this.unreachable(clean(outcome.detail));
    const { response } = outcome;
    this.passed(response);
    const { status } = response;
    if (status < 300) return this.accepted(response);
    const text = clean(`${status} ${response.reason}`);
    if (status === 423) return this.tooBrief(response, text);
    if (response.local) return this.unreachable(`does not answer (${text})`);
    // It has forgotten who we are (a restart, a reload) and may remember at any moment.
    if (status === 404 && this.wasAccepted) return this.unreachable(`says ${text}`);
    // 401 and 407 here: a challenge that cannot be answered (algorithm, qop).
    if ([401, 403, 404, 407].includes(status)) return this.rejected(`says ${text}`);
    this.unreachable(`says ${text}`, seconds(response.header('Retry-After')));
  }

  /** A challenge took a CSeq of its own; the next REGISTER must be above it. */
  private passed(response: IncomingResponse): void {
    this.cseq = Math.max(this.cseq, seconds(response.header('CSeq')) ?? 0);
  }

  private accepted(response: IncomingResponse): void {
    this.learn(response.sourceHost);
    const granted = Math.min(this.grantedS(response), EXPIRES_MAX_S);
    if (granted === 0) {
      this.listedAs = '';
      return this.unreachable('says 200, but does not list our Contact');
    }
    const isNews = this.state !== 'registered';
    this.state = 'registered';
    this.wasAccepted = true;
    this.detail = `at ${this.config.registrar} as ${this.config.username}`;
    this.failures = 0;
    this.until = this.context.runtime.now() + granted * 1000;
    // In time for one failed attempt: a tenth before the end, at least 5 s, at most half.
    const early = Math.min(Math.max(granted * 100, 5_000), granted * 500);
    this.after(granted * 1000 - early);
    if (isNews) this.context.log.info({ registrar: this.config.name, granted }, 'registered');
  }

  /**
   * RFC 3261 §10.2.4: our Contact's own `expires`, else the Expires header, else what we asked. 0:
   * the registrar lists Contacts (§10.3 step 8: all there are), and ours is not among them.
   */
  private grantedS(response: IncomingResponse): number {
    const contacts = splitList(response.header('Contact')).flatMap(
      (each) => parseNameAddr(each) ?? [],
    );
    // A lone one is ours in other words, as long as we do not know in which.
    const isAlone = contacts.length === 1 && this.listedAs === '';
    const mine =
      contacts.find(({ uri }) => this.isOurs(uri)) ??
      contacts.find(({ uri }) => address(uri) === this.listedAs) ??
      (isAlone ? contacts[0] : undefined);
    if (mine === undefined && contacts.length > 0) return 0;
    this.listedAs = address(mine?.uri ?? '');
    const own = seconds(mine?.params.get('expires') ?? '');
    return own ?? seconds(response.header('Expires')) ?? this.expiresS;
  }

  private isOurs(uri: string): boolean {
    const parsed = parseUri(uri);
    if (parsed?.user !== this.config.username) return false;
    return this.ourPorts().includes(String(parsed.port ?? 5060));
  }

  private ourPorts(): string[] {
    return this.context.addresses().map((each) => each.split(':').at(-1) ?? '');
  }

  /** RFC 3261 §10.3 step 7: the registrar wants a longer life. */
  private tooBrief(response: IncomingResponse, text: string): void {
    const least = seconds(response.header('Min-Expires'));
    if (least === null || least <= this.expiresS || least > EXPIRES_MAX_S)
      return this.unreachable(`says ${text} without a usable Min-Expires`);
    this.expiresS = least;
    this.after(0);
  }

  private unreachable(detail: string, retryAfterS: number | null = null): void {
    const growing = Math.min(RETRY_FIRST_MS * 2 ** this.failures, RETRY_MAX_MS);
    this.failures = Math.min(this.failures + 1, 10);
    const asked = retryAfterS === null ? 0 : Math.min(retryAfterS * 1000, RETRY_MAX_MS);
    // Spread, so that a registrar coming back does not get all of its phones at once.
    const waitMs = Math.max(asked, growing * (0.75 + Math.random() * 0.5));
    this.fault('unreachable', `${detail}; next attempt in ${Math.round(waitMs / 1000)} s`);
    this.after(waitMs);
  }

  private rejected(detail: string): void {
    this.fault(
      'rejected',
      `${this.config.registrar} ${detail}: check username and password of sip.register ` +
        `"${this.config.name}"; next attempt in ${REJECTED_RETRY_MS / 1000} s`,
    );
    this.after(REJECTED_RETRY_MS);
  }

  private fault(state: RegistrationState, detail: string): void {
    const isNews = this.state !== state;
    this.state = state;
    this.detail = detail;
    if (isNews) this.context.log.warn({ registrar: this.config.name }, `${state}: ${detail}`);
  }
}
