/** What the loop tells of itself, for /health and the metrics. */
export type LoopPhase =
  'running' | 'journal-slow' | 'journal-down' | 'draining' | 'stopped' | 'failed';

export interface LoopHealth {
  readonly phase: LoopPhase;
  readonly detail: string;
  /** Instant since which the journal is slow or down, ms since the epoch; null: it is well. */
  readonly since: number | null;
  readonly lastSeq: number;
  readonly backlog: number;
  readonly counters: LoopCounters;
}

export interface LoopCounters {
  readonly commands: number;
  readonly refusals: number;
  readonly events: number;
  readonly batches: number;
  readonly appendFailures: number;
  /** Total time of appends, ms. */
  readonly appendMs: number;
  readonly reactorErrors: number;
  readonly brokenInvariants: number;
}
