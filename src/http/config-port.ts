/** What REST may ask of the configuration: the desk behind the routes is `app/config.ts`. */
import type { Edited } from '../config/edit.ts';
import type { Doc, TreeMap } from '../config/document.ts';
import type { Change, Prefer } from '../config/merge.ts';
import type { ConfigVersion } from '../core/types.ts';

export interface ConfigDone {
  readonly ok: true;
  /** The one that holds now. */
  readonly version: number;
  readonly changes: readonly Change[];
  /** Settings that were changed in the file and wait for `acd restart`. */
  readonly waiting: readonly string[];
  readonly dryRun: boolean;
}

export type ConfigOutcome =
  | ConfigDone
  | { readonly ok: false; readonly why: 'faults' | 'conflict'; readonly details: readonly string[] }
  | { readonly ok: false; readonly why: 'unavailable' }
  | { readonly ok: false; readonly why: 'unknown-version' }
  /** Not the version that was to be changed: this one holds. */
  | { readonly ok: false; readonly why: 'stale'; readonly version: number }
  | Extract<Edited, { ok: false }>;

/** A change is made only where one of these versions holds; absent: whatever holds. */
export type IfVersion = readonly number[] | undefined;

export interface ReloadOptions {
  readonly by: string;
  readonly prefer: Prefer | null;
  readonly dryRun: boolean;
  readonly ifVersion?: IfVersion;
}

export interface PromptShown {
  readonly key: string;
  readonly bytes: number;
  readonly seconds: number;
}

export type PromptOutcome =
  | ConfigOutcome
  | { readonly ok: false; readonly why: 'bad-audio' | 'no-place'; readonly detail: string };

export interface PromptsPort {
  /** The uploaded ones, by key. */
  list(): Promise<readonly PromptShown[]>;
  /** Converts and keeps it; another one of that key is replaced. */
  upload(by: string, key: string, audio: Buffer, ifVersion?: IfVersion): Promise<PromptOutcome>;
  remove(by: string, key: string, ifVersion?: IfVersion): Promise<PromptOutcome>;
}

type Edit = (doc: Doc) => Edited;

export interface ConfigPort {
  /** What holds now. */
  document(): Doc;
  /** Number of what holds; 0: none was written yet. */
  version(): number;
  /** The newest last. */
  versions(): readonly ConfigVersion[];
  /** null: there is none, or it is older than what the journal keeps. */
  documentOf(version: number): Promise<Doc | null>;
  /** What was changed by REST since the file was loaded. */
  changedByRest(): readonly Change[];
  reload(options: ReloadOptions): Promise<ConfigOutcome>;
  /** The whole document (`LIVE_SECTIONS`) in place of the one that holds; a change by REST. */
  replace(document: TreeMap, options: Omit<ReloadOptions, 'prefer'>): Promise<ConfigOutcome>;
  rollback(version: number, options: Omit<ReloadOptions, 'prefer'>): Promise<ConfigOutcome>;
  /** `edit` sees what holds when its turn comes. */
  change(by: string, note: string, edit: Edit, ifVersion?: IfVersion): Promise<ConfigOutcome>;
}
