/** The reports as the server sees them: woken when events are durable, asked when somebody asks. */
import type { LevelOptions } from './figures.ts';
import type { Answers, Progress, Question } from './questions.ts';

export type Answered<Q extends Question> =
  | { readonly ok: true; readonly value: Answers[Q['name']] }
  /** They are not there, or did not answer in time. */
  | { readonly ok: false; readonly detail: string };

export interface ReportsHealth {
  readonly up: boolean;
  readonly detail: string;
  /** Last event that is in, as of the last look. */
  readonly seq: number;
}

export interface Reports {
  /** New events are durable. Cheap; may be called for every one. */
  wake(): void;
  /** From the next question on levels of service are by these. */
  useLevels(levels: LevelOptions): void;
  /** Never rejects. */
  ask<Q extends Question>(question: Q): Promise<Answered<Q>>;
  health(): ReportsHealth;
  /** Settles when everything that was durable is in and the place is kept. */
  close(): Promise<void>;
}

export type { Progress };
