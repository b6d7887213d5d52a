/**
 * What REST may see: a read-only look at the state, in the shapes of the answers. The server
 * knows nothing else of the ACD, so its tests need none.
 */
import type { Inside } from '../core/transfer-commands.ts';
import type { Outcome } from '../runtime/port.ts';
import type { CallDetail, Reasons } from './call-schemas.ts';
import type {
  AgentAnswer,
  AgentDetail,
  CallAnswer,
  HealthAnswer,
  QueueAnswer,
  QueueDetail,
} from './schemas.ts';

export type Kind = 'queue' | 'agent' | 'call';

export type CallBrief = CallAnswer & Pick<CallDetail, 'priority'>;

export interface View {
  /** Is there one of that name or id? Cheaper than its answer. */
  has(kind: Kind, name: string): boolean;
  /** In configuration order; calls in the order of the line, connected ones first. */
  queues(): readonly QueueAnswer[];
  /** Null: there is no such queue. */
  queue(name: string): QueueDetail | null;
  agents(): readonly AgentAnswer[];
  agent(id: string): AgentDetail | null;
  calls(): readonly CallAnswer[];
  /** By its id in the journal, or its SIP Call-ID; it costs a look at every member of its queue. */
  call(id: string): CallDetail | null;
  /** Likewise, without why it waits: as `calls` has it. */
  brief(id: string): CallBrief | null;
  /** Why each waiting call of his queues is not offered to him; null: no such agent. */
  reasonsOf(agentId: string): Reasons | null;
  health(): HealthAnswer;
  /** Prometheus text. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** A receiver of events. */
export interface WebhookShown {
  readonly url: string;
  /** retrying: the last attempt failed. refused: it answered 410, and gets nothing any more. */
  readonly state: 'up' | 'retrying' | 'refused';
  /** Why the last attempt failed. */
  readonly detail: string;
  /** Number of the last event that is dealt with. */
  readonly seq: number;
  readonly delivered: number;
  readonly failures: number;
}

/** Somebody who is asked before phones ring. */
export interface VetoShown {
  readonly name: string;
  readonly url: string;
  /** silent: the last question had no answer. */
  readonly state: 'up' | 'silent';
  readonly detail: string;
  /** Since the start; some may be under way, or were cut off. */
  readonly asked: number;
  readonly allowed: number;
  readonly refused: number;
  readonly silent: number;
}

/** Who cannot log in by telephone for now, as too many wrong PINs were tried. */
export interface LocksPort {
  list(): readonly {
    readonly kind: 'agent' | 'phone';
    readonly name: string;
    readonly endsInMs: number;
  }[];
  /** False: there was no such lock. */
  lift(kind: 'agent' | 'phone', name: string): boolean;
}

/** Addresses whose new SIP requests get no answer for a time. */
export interface BansPort {
  list(): readonly {
    readonly source: string;
    readonly why: 'passwords' | 'flood';
    readonly endsInMs: number;
  }[];
  /** By source, or an address in it. False: there was no such ban. */
  lift(source: string): boolean;
}

/** What REST may ask for; each becomes one command. */
export interface Steering {
  /** `queue`: in this queue only; null: in all. */
  pause(agentId: string, reason: string, queue: string | null): Promise<Outcome>;
  resume(agentId: string, queue: string | null): Promise<Outcome>;
  endWrapup(agentId: string): Promise<Outcome>;
  /** It goes on for so long from now. */
  extendWrapup(agentId: string, forMs: number): Promise<Outcome>;
  logOut(agentId: string): Promise<Outcome>;
  /** On the phone that is named, under the same rules as by dialling. */
  logIn(agentId: string, phone: PhoneNamed): Promise<LoggedIn>;
  /** To one of his queues, and out of it. */
  readonly join: (agentId: string, queue: string) => Promise<Outcome>;
  readonly leave: (agentId: string, queue: string) => Promise<Outcome>;
  readonly calls: CallSteering;
}

/** `sip:user@host[:port]`, or the user of a phone at a registrar; null: by its domain. */
export interface PhoneNamed {
  readonly device: string;
  readonly registrar: string | null;
  /** Of his queues those he logs in to; null: all. */
  readonly queues: readonly string[] | null;
}

/**
 * `no-presence`: presence is required, and the phone tells none. `bad-device`: it cannot be told
 * which phone is meant. `device-not-allowed`: `sip.login.devices` does not let it be named.
 */
export type LoggedIn =
  | Outcome
  | {
      readonly ok: false;
      readonly refusal: 'no-presence' | 'bad-device' | 'unknown-registrar' | 'device-not-allowed';
    };

export interface NotAllowed {
  readonly ok: false;
  readonly refusal: 'not-allowed';
}

/** `bad-number`: it cannot be told whom to dial. */
export type Dialled =
  | { readonly ok: true; readonly callId: string }
  | Extract<Outcome, { ok: false }>
  | NotAllowed
  | { readonly ok: false; readonly refusal: 'bad-number' };

/** Of one call, by its id in the journal. */
export interface CallSteering {
  /** Rings the agent, then the number or `sip:user@host`; gives the id of that call. */
  dial(agentId: string, to: string): Promise<Dialled>;
  hangUp(callId: string): Promise<Outcome>;
  /** The two of a talk do not hear each other, until `resume`. */
  hold(callId: string): Promise<Outcome>;
  resume(callId: string): Promise<Outcome>;
  /** Out of its queue, to where the queue's failover for `withdraw` says. */
  withdraw(callId: string): Promise<Outcome>;
  reorder(callId: string, wish: { priority?: number; position?: number }): Promise<Outcome>;
  move(callId: string, queue: string): Promise<Outcome>;
  give(callId: string, agentId: string): Promise<Outcome>;
  /** Into a line of ours: out of a talk; of a call that waits as `move` and `give`. */
  transferWithin(callId: string, to: Inside): Promise<Outcome>;
  /** `not-allowed`: the configuration does not let calls go there. */
  transfer(callId: string, uri: string): Promise<Outcome | NotAllowed>;
}
