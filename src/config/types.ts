/**
 * The configuration as the program uses it: acd.yaml after defaults, units and checks. Names in
 * the file are those of Asterisk's queues.conf where it has them; here they are camel case and
 * spans are milliseconds. `config/schema.ts` makes this out of YAML.
 */
import type { CoreEvent } from '../core/events.ts';
import type { CoreConfig } from '../core/types.ts';
import type { Role } from './http-fields.ts';

export interface ListenAddress {
  readonly protocol: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
}

/** Which header names the phone that calls to log in (Asterisk’s chan_sip and pjsip differ). */
export type DeviceRule = 'auto' | 'contact' | 'p-asserted-identity' | 'from';
export type PresenceRule = 'auto' | 'required' | 'off';

/** One PBX at which the ACD registers like a phone. */
export interface RegisterConfig {
  readonly name: string;
  /** `sip:host[:port][;transport=tcp]`. */
  readonly registrar: string;
  /** Domain of the address of record; default: the registrar's host. */
  readonly domain: string;
  readonly username: string;
  readonly authUsername: string;
  readonly password: string;
  readonly expiresMs: number;
  /** `auto`: Contact, unless its user is the PBX's own or ours; then P-Asserted-Identity, From. */
  readonly deviceFrom: DeviceRule;
  readonly presence: PresenceRule;
}

/** A digest user: what his answers are compared with, hex; the password is nowhere. */
export interface SipUserConfig {
  readonly name: string;
  readonly md5: string;
  readonly sha256: string;
}

export interface SipConfig {
  readonly listen: readonly ListenAddress[];
  /** Address told to peers where it differs from the bound one (NAT); null: the bound one. */
  readonly externalAddress: string | null;
  /** An outside drachtio-server; null: the embedded sipd. */
  readonly drachtio: {
    readonly host: string;
    readonly port: number;
    readonly secret: string;
  } | null;
  /** File of sipd's dialogs; null: none are kept (a journal in memory, or no sipd). */
  readonly store: string | null;
  /** From whom new requests are taken: networks, `private`, `registrars`, `any`. */
  readonly allow: readonly string[];
  /** Who may call from elsewhere, with a password. */
  readonly users: readonly SipUserConfig[];
  /** What one address may do that is neither this machine nor a registrar. */
  readonly limits: {
    /** New requests a second; 0: no limit. */
    readonly rate: number;
    /** Wrong passwords until it is banned; 0: never. */
    readonly banAfter: number;
    readonly banForMs: number;
  };
  readonly register: readonly RegisterConfig[];
  /** For devices that log in without a registrar. */
  readonly presence: PresenceRule;
  readonly deviceFrom: DeviceRule;
  /** Users of the Request-URI that log in and out: `acdlogin`, `*44`. */
  readonly loginUsers: readonly string[];
  readonly logoutUsers: readonly string[];
  /** Users by which the agent of a phone pauses, resumes, and ends his wrap-up. */
  readonly pauseUsers: readonly string[];
  readonly resumeUsers: readonly string[];
  readonly readyUsers: readonly string[];
  readonly loginTries: number;
  /** Wrong PINs of one agent or phone until it is locked, for how long; 0: never. */
  readonly lockAfter: number;
  readonly lockForMs: number;
  /** Phones that a login by REST may name: `registrars`, or `sip:user@host` with `*`. */
  readonly loginDevices: readonly string[];
  /** Wait for the next digit at login before it counts as a failed try. */
  readonly digitTimeoutMs: number;
  /** Life asked for in SUBSCRIBE. */
  readonly subscribeExpiresMs: number;
  /** Session-Expires asked for (RFC 4028); 0: none. */
  readonly sessionExpiresMs: number;
  /** Headers of an INVITE that say priority, place, skills and penalty limits; null: none do. */
  readonly priorityHeader: string | null;
  readonly positionHeader: string | null;
  readonly skillsHeader: string | null;
  readonly penaltyHeader: string | null;
}

export interface MediaConfig {
  readonly engine: 'mediad' | 'rtpengine';
  /** Local address bound for RTP; 0.0.0.0 binds all and tells the peer the one that reaches him. */
  readonly address: string;
  /** Address told in SDP where it differs (NAT); null: the local one. */
  readonly externalAddress: string | null;
  readonly portMin: number;
  readonly portMax: number;
  /** Running rtpengines, `host:port` of their ng listener; empty: start one as a child. */
  readonly rtpengines: readonly string[];
  /** `host:port` of a redis for the rtpengine that is started; null: it keeps nothing. */
  readonly redis: string | null;
  /** Ask a party whether it is still there after this long without RTP. */
  readonly silenceMs: number;
  /** Its call ends after this long; 0: never. */
  readonly silenceLimitMs: number;
}

export interface PromptsConfig {
  /** `builtin`: prompts/ of this repository; `asterisk`: Debian's recorded set. */
  readonly set: 'builtin' | 'asterisk';
  readonly language: string;
}

export interface ReportsConfig {
  /** Absolute path; `:memory:` with a journal in memory. */
  readonly path: string;
  /** How long records are kept; 0: for ever. */
  readonly keepMs: number;
  /** IANA name. */
  readonly zone: string;
  /** Null: no file. */
  readonly queueLog: { readonly file: string; readonly keepDays: number } | null;
  readonly formula: 'offered' | 'answered' | 'answered-and-abandoned';
  readonly shortAbandonMs: number;
  /** By queue: answered so soon is answered in time. */
  readonly thresholds: ReadonlyMap<string, number>;
}

/** What the edges, not the core, must know of a queue. */
export interface QueueEdgeConfig {
  readonly name: string;
  /** Prompt keys played first; empty: none. */
  readonly welcome: readonly string[];
  readonly musicClass: string;
  /** Prompt keys of the periodic announcement. */
  readonly periodicAnnounce: readonly string[];
}

/** Asked before a phone rings; what its silence means is the core's (`VetoRule`). */
export interface VetoConfig {
  readonly name: string;
  readonly url: string;
  readonly secret: string;
}

/** A receiver of events. */
export interface WebhookConfig {
  readonly url: string;
  readonly secret: string;
  /** Kinds of event; queues; agents. Empty: all. */
  readonly events: readonly CoreEvent['kind'][];
  readonly queues: readonly string[];
  readonly agents: readonly string[];
  readonly timeoutMs: number;
}

/** Who may use REST; the token itself is nowhere. */
export interface TokenConfig {
  readonly name: string;
  readonly role: Role;
  /** `sha256:` and hex. */
  readonly hash: string;
  /** Empty: all. */
  readonly queues: readonly string[];
  readonly agent: string | null;
  /** Ms since the epoch; null: never. */
  readonly expiresAt: number | null;
}

/** PEM texts. */
export interface TlsConfig {
  readonly cert: string;
  readonly key: string;
  readonly validTo: number;
}

export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  /** Empty: whoever reaches it may do everything; it is on loopback then. */
  readonly tokens: readonly TokenConfig[];
  readonly tls: TlsConfig | null;
  /** Requests a second for each token or address; 0: no limit. */
  readonly rateLimit: number;
}

export interface AcdConfig {
  readonly sip: SipConfig;
  readonly media: MediaConfig;
  readonly http: HttpConfig;
  readonly journal: {
    /** Absolute path, or `:memory:`. */
    readonly path: string;
    /** How long events are kept; 0: for ever. */
    readonly keepMs: number;
  };
  readonly reports: ReportsConfig;
  readonly drain: {
    /** How long calls may go on after a stop was asked for; 0: they are ended at once. */
    readonly limitMs: number;
    /** `sip:host[:port]`, where new calls are sent meanwhile; null: they are refused. */
    readonly redirect: string | null;
  };
  /** Where REST may send calls: `registrars`, or `sip:user@host` with `*`. */
  readonly transfers: { readonly allow: readonly string[] };
  readonly webhooks: readonly WebhookConfig[];
  readonly vetoes: readonly VetoConfig[];
  /** How long sipd and mediad outlive a supervisor that was killed; 0: not at all. */
  readonly takeoverWaitMs: number;
  /** A process with the server's code loaded is kept for when the server is killed. */
  readonly takeoverSpare: boolean;
  /** A child that answers nothing for so long is killed; 0: never. */
  readonly takeoverHungMs: number;
  /** Mean delay of the event loop from which on new calls are refused; 0: never. */
  readonly maxLoopDelayMs: number;
  readonly prompts: PromptsConfig;
  readonly queues: readonly QueueEdgeConfig[];
  /** PIN by agent id; an agent without one has none. */
  readonly pins: ReadonlyMap<string, string>;
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    /** `auto`: pretty on a terminal, JSON elsewhere. */
    readonly format: 'auto' | 'pretty' | 'json';
  };
  /** The part that decides. */
  readonly core: CoreConfig;
}
