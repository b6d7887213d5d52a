/** What can be asked of the reports, and the answer that each question has. Plain data. */
import type {
  AbandonedCall,
  AgentFigures,
  Asked,
  CallDetail,
  CallRecordAnswer,
  IntervalName,
  PauseFigures,
  QueueCounters,
  QueueFigures,
  Rows,
  Scope,
} from './answers.ts';
import type { Day } from './zone.ts';

export type Question =
  | { readonly name: 'queues'; readonly asked: Asked & { readonly interval: IntervalName } }
  | { readonly name: 'agents' | 'pauses' | 'abandoned' | 'calls'; readonly asked: Asked }
  | { readonly name: 'call'; readonly id: string }
  | {
      readonly name: 'counters';
      readonly queue?: string | undefined;
      readonly scope?: Scope | undefined;
    }
  | { readonly name: 'progress' }
  /** A day by its name, or today. */
  | { readonly name: 'day'; readonly day?: string | undefined };

export interface Progress {
  /** Last event that is in. */
  readonly seq: number;
  /** Everything that was there at the start is in. */
  readonly isUp: boolean;
  /** Why queue_log cannot be written; empty: it can. */
  readonly fileFault: string;
}

export interface Answers {
  readonly queues: Rows<QueueFigures>;
  readonly agents: Rows<AgentFigures>;
  readonly pauses: Rows<PauseFigures>;
  readonly abandoned: Rows<AbandonedCall>;
  readonly calls: Rows<CallRecordAnswer>;
  readonly call: CallDetail | null;
  readonly counters: Rows<QueueCounters>;
  readonly day: Day | null;
  readonly progress: Progress;
}
