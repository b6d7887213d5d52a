/**
 * The nouns of the ACD. Every other folder speaks of queues, calls, agents, devices and offers in
 * these shapes; DESIGN "Vocabulary" gives the words. Nothing here does anything: the rules live in
 * decide (what may happen) and evolve (what it changes).
 *
 * Units: every instant is milliseconds since the epoch (`at`, `…At`), every span is milliseconds
 * and its name ends in `Ms`. Ids are opaque strings handed in with the command that needs them.
 */

/** One visit of a caller, from INVITE to BYE; keeps its id through several queues. */
export type CallId = string;
/** A person who answers calls; the id he keys at login, e.g. `2771`. */
export type AgentId = string;
/** One attempt to give one call to one agent; the only thing that may make a phone ring. */
export type OfferId = string;
export type QueueName = string;

/** Availability of a phone as its PBX tells it (PIDF, dialog-info), already combined. */
export type DeviceState =
  | 'unknown' // no NOTIFY yet, or the subscription is lost
  | 'idle'
  | 'ringing'
  | 'inuse'
  | 'unavailable'; // unregistered, closed, or refused

/** Where an agent's calls go: the phone he logged in from. */
export interface Device {
  /** Address of record, canonical: `sip:user@host[:port]`, without parameters. */
  readonly uri: string;
  /** Name of the `sip.register` entry through which he is dialled; null: dialled directly. */
  readonly registrar: string | null;
  /** How a phone without a registrar is reached, in its own words; absent: by `uri`. */
  readonly contact?: DirectContact;
}

export interface DirectContact {
  /** Contact URI with its parameters (transport). */
  readonly uri: string;
  /** Where its packets come from, if that differs from the Contact (NAT); else null. */
  readonly nextHop: string | null;
}

/** Caller order within a queue, agent choice within a queue (FEATURES, strategies). */
export type Strategy = 'most-idle';

/** What the core must know of a queue; names follow Asterisk's queues.conf. */
export interface QueueConfig {
  readonly name: QueueName;
  readonly strategy: Strategy;
  /** `timeout`: how long one agent is rung. */
  readonly timeoutMs: number;
  /** `retry`: rest of an agent after an offer that failed, before he is offered a call again. */
  readonly retryMs: number;
  /** `wrapuptime`: rest after a connected call; 0 = none. */
  readonly wrapupMs: number;
  /** `maxlen`: most calls waiting; 0 = no limit of its own (the product's limit still holds). */
  readonly maxlen: number;
  /** `weight`: among queues sharing an agent the heavier is served first. */
  readonly weight: number;
  /** `periodic-announce-frequency`; 0 = never. */
  readonly periodicAnnounceMs: number;
}

/** What the core must know of an agent. PINs stay in the configuration, outside the journal. */
export interface AgentConfig {
  readonly id: AgentId;
  readonly name: string;
  /** Names of the queues he is a member of, in configuration order. */
  readonly queues: readonly QueueName[];
}

/** The part of acd.yaml that decides; applied as a whole. */
export interface CoreConfig {
  readonly queues: readonly QueueConfig[];
  readonly agents: readonly AgentConfig[];
  /** What a login on a taken device, or of a logged-in agent, does (`agents.second-login`). */
  readonly secondLogin: 'refuse' | 'replace';
  /** Most calls waiting or talking in the whole ACD. */
  readonly maxCalls: number;
}

/** Why an offer ended without a connected call. */
export type OfferFailure =
  | 'no-answer' // the queue's timeout passed
  | 'busy' // 486, 600
  | 'declined' // 603, 480 with DND and the like
  | 'unreachable' // 404, 408, 410, 480, 503, no route
  | 'failed' // any other final answer, or our own fault (media, SDP)
  | 'media'; // answered, but two-way audio could not be set up

/** Why an offer was taken back by us. */
export type OfferWithdrawal =
  | 'caller-left'
  | 'answered-elsewhere'
  | 'agent-unavailable' // logged out, replaced or removed while ringing
  | 'device-busy' // the phone got a call of its own while ours rang
  | 'shutdown';

/**
 * Why a call left its queue for good: Asterisk's QUEUESTATUS where it has one, COMPLETED for a
 * call that was connected, ABANDONED for a caller who gave up, FAILED where the caller's leg
 * failed for a reason of ours (media lost, shutdown).
 */
export type ExitStatus =
  'COMPLETED' | 'ABANDONED' | 'FULL' | 'UNKNOWNQUEUE' | 'OVERLOAD' | 'FAILED';

export type EndedBy = 'caller' | 'agent' | 'system';
