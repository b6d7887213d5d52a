/** What the reports answer, and what they are asked: plain data, in words people read. */
import type { LevelOptions } from './figures.ts';

export type IntervalName = 'none' | '15m' | '30m' | 'hour' | 'day';

export interface Asked {
  /** Span of time, ms since the epoch; `to` is not included. */
  readonly from: number;
  readonly to: number;
  /** Undefined: all. */
  readonly queue?: string | undefined;
  readonly agent?: string | undefined;
  /** What whoever asks may see; rows of others are left out before any are counted. */
  readonly scope?: Scope | undefined;
}

export interface Scope {
  readonly queues: readonly string[];
  /** For rows that name no queue: those of `agents` and `pauses`. */
  readonly agents: readonly string[];
}

/** One queue in one interval. Seconds have one digit; shares are percent; null: nothing to say. */
export interface QueueFigures {
  readonly queue: string;
  /** ISO 8601, UTC. */
  readonly from: string;
  readonly to: string;
  /** `from` by the clock of the reports' time zone. */
  readonly local_from: string;
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  readonly short_abandoned: number;
  readonly left: number;
  readonly refused: number;
  readonly failed: number;
  readonly abandoned_percent: number | null;
  readonly threshold_seconds: number;
  readonly service_level: number | null;
  readonly sl: number | null;
  readonly sl2: number | null;
  readonly average_wait_seconds: number | null;
  readonly longest_wait_seconds: number;
  readonly average_abandon_seconds: number | null;
  readonly average_talk_seconds: number | null;
  /** Answered by wait: up to 5, 10, 20, 30, 60, 120, 300, 600 seconds, and longer. */
  readonly waits: readonly number[];
}

export interface AgentFigures {
  readonly agent: string;
  readonly name: string;
  readonly calls: number;
  readonly offers: number;
  readonly missed: number;
  readonly logged_in_seconds: number;
  readonly talk_seconds: number;
  readonly wrapup_seconds: number;
  readonly ringing_seconds: number;
  /** Calls of his own (click-to-dial) that he took, and his time on them;
   *  in no figure of calls or talk. */
  readonly outbound_calls: number;
  readonly outbound_seconds: number;
  /** Paused in all queues, and not talking or in wrap-up. */
  readonly paused_seconds: number;
  readonly ready_seconds: number;
  readonly average_talk_seconds: number | null;
  /** (talk + outbound + wrap-up) / (logged in - paused), percent. */
  readonly occupancy: number | null;
}

export interface PauseFigures {
  readonly agent: string;
  /** Empty: in all queues. */
  readonly queue: string;
  readonly reason: string;
  readonly pauses: number;
  readonly seconds: number;
}

export interface AbandonedCall {
  readonly call: string;
  readonly queue: string;
  readonly from: string;
  readonly at: string;
  readonly waited_seconds: number;
  readonly position: number;
  /** `called-again`: he was answered later; `called-back`: we called him; `open`: neither. */
  readonly called_back: 'called-again' | 'called-back' | 'open';
  readonly called_back_at: string | null;
}

export interface CallSegment {
  readonly kind: 'queue' | 'offer' | 'talk' | 'transfer' | 'outbound';
  readonly queue: string;
  readonly agent: string;
  readonly from: string;
  readonly to: string;
  readonly seconds: number;
  readonly outcome: string;
}

export interface CallRecordAnswer {
  readonly call: string;
  readonly sip_call_id: string;
  readonly from: string;
  readonly name: string;
  readonly to: string;
  readonly first_queue: string;
  readonly last_queue: string;
  readonly entered: string;
  readonly ended: string;
  readonly status: string;
  readonly ended_by: string | null;
  readonly agent: string | null;
  readonly waited_seconds: number;
  readonly talked_seconds: number;
  readonly queues_left: number;
  readonly transfers: number;
  /** An agent's own call. */
  readonly outbound: boolean;
}

/** As `queue show` of Asterisk has them: since the beginning of the day. */
export interface QueueCounters {
  readonly queue: string;
  readonly since: string;
  /** Mean wait of the answered. */
  readonly hold_seconds: number;
  readonly talk_seconds: number;
  readonly completed: number;
  readonly abandoned: number;
  readonly threshold_seconds: number;
  readonly sl: number;
  readonly sl2: number;
}

/** Most rows of one answer; what is beyond is told by `more`. */
export const ROWS_MAX = 10_000;

export interface Rows<T> {
  readonly rows: readonly T[];
  readonly more: boolean;
}

export interface ReportOptions {
  readonly levels: LevelOptions;
  /** IANA name. */
  readonly zone: string;
}

export interface CallDetail extends CallRecordAnswer {
  readonly segments: readonly CallSegment[];
}
