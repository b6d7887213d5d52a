/**
 * The running configuration: read at the start, reloaded from the file, changed by REST, rolled
 * back; one at a time, each checked as a whole and applied by one journalled event. The document
 * that holds is kept in the journal, so what REST made survives a restart. At a start the file is
 * merged in like at a reload; where it conflicts, what holds goes on and the log says so: calls
 * must be served.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { borrowedOf } from '../config/borrowed.ts';
import type { Doc, TreeMap } from '../config/document.ts';
import {
  isEqual,
  isMap,
  liveOf,
  readDoc,
  restOf,
  sealPins,
  showPins,
  uploadsOf,
  writeDoc,
} from '../config/document.ts';
import type { Edited } from '../config/edit.ts';
import type { KnownSounds } from '../config/faults.ts';
import type { Instead } from '../config/kept.ts';
import { keepText, wordsOf } from '../config/kept.ts';
import type { LoadResult } from '../config/load.ts';
import { makeConfig, parseConfig, readConfigText, writeFault } from '../config/load.ts';
import type { Change, Merged } from '../config/merge.ts';
import { diffConfigs, mergeConfigs } from '../config/merge.ts';
import type { Fault, Tree } from '../config/tree.ts';
import { readData, readTree } from '../config/tree.ts';
import type { AcdConfig } from '../config/types.ts';
import type { ConfigVersion, WrittenConfig } from '../core/types.ts';
import type { ConfigOutcome, ConfigPort, IfVersion, ReloadOptions } from '../http/config-port.ts';
import type { Journal } from '../journal/port.ts';
import type { Log } from '../observe/log.ts';
import type { Runtime } from '../runtime/port.ts';

export interface ConfigurationOptions {
  readonly config: AcdConfig;
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sounds: () => KnownSounds | null;
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly log: Log;
  /** Where a copy of each text that was loaded is kept; null: nowhere. */
  readonly keptAt: string | null;
  /** What `config` was read from, as acd.yaml cannot be used; null: acd.yaml. */
  readonly instead: Instead | null;
}

/** Changes named in a version's note. */
const NOTED = 3;

type FileRead =
  | { readonly ok: true; readonly doc: Doc; readonly rest: Doc; readonly text: string }
  | { readonly ok: false; readonly details: readonly string[] };

export class Configuration implements ConfigPort {
  /** As every part sees it: what may change while calls are up is always that of now. */
  readonly config: AcdConfig;
  readonly #options: ConfigurationOptions;
  #now: AcdConfig;
  /** What the file said of all that needs a restart, at the start; of REST's access, of now. */
  #rest: Doc = {};
  #instead: Instead | null;
  #onApplied: (config: AcdConfig) => void = () => undefined;
  #onAccess: (http: AcdConfig['http']) => void = () => undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigurationOptions) {
    this.#options = options;
    this.#now = options.config;
    this.#instead = options.instead;
    const now = () => this.#now;
    this.config = {
      ...options.config,
      get queues() {
        return now().queues;
      },
      get pins() {
        return now().pins;
      },
      get core() {
        return now().core;
      },
      get http() {
        return now().http;
      },
    };
  }

  /** At the start of the process; gives what is wrong, or null. */
  async begin(): Promise<string | null> {
    const { log } = this.#options;
    const trouble = this.trouble();
    if (trouble !== null) log.error({}, trouble);
    const read = this.#instead === null ? this.#readFile() : this.#parse(this.#instead.text, null);
    if (!read.ok) return read.details.join('\n');
    this.#rest = read.rest;
    const fault = await this.#beginWith(read.doc);
    if (fault === null && this.#instead === null) this.#keep(read.text);
    return fault;
  }

  async #beginWith(file: Doc): Promise<string | null> {
    const { log, runtime } = this.#options;
    const { written } = runtime.state;
    if (written === null) return this.#start(file, file, 'first start');
    const live = readDoc(written.live);
    const merged = this.#merge(file, null);
    const how = 'the file was not loaded, what held before goes on; see acd reload --dry-run';
    if (merged.conflicts.length > 0) {
      log.warn({ conflicts: merged.conflicts }, `file and REST changed the same things: ${how}`);
      return this.#start(live, null, 'start');
    }
    const checked = this.#evaluate(merged.doc);
    if (checked.ok) return this.#start(merged.doc, file, 'start');
    log.warn({ faults: this.#tell(checked.faults) }, `file and REST do not fit together: ${how}`);
    return this.#start(live, null, 'start');
  }

  async #start(live: Doc, file: Doc | null, why: string): Promise<string | null> {
    const changes = diffConfigs(this.document(), live);
    const done = await this.#apply(live, {
      by: 'config',
      source: 'file',
      note: noteOf(why, changes),
      ...(file === null ? {} : { file }),
    });
    if (done.ok) return null;
    if ('details' in done) return done.details.join('\n');
    return 'the configuration was not taken by the journal (unavailable)';
  }

  /** Why acd.yaml is not what holds, in words; null: it is. */
  trouble(): string | null {
    return this.#instead === null ? null : wordsOf(this.#options.file, this.#instead);
  }

  /** For a server after this one. A full disk costs it that, and nothing now. */
  #keep(text: string): void {
    const { keptAt, log } = this.#options;
    if (keptAt === null) return;
    try {
      keepText(keptAt, text);
    } catch (error) {
      log.warn({ err: error }, `no copy of acd.yaml can be kept in ${keptAt}`);
    }
  }

  /** Calls back after each reload that was applied: tokens and certificate are those of now. */
  onAccess(listener: (http: AcdConfig['http']) => void): void {
    this.#onAccess = listener;
  }

  /** Calls back with each configuration that holds from then on, however it came to be. */
  onApplied(listener: (config: AcdConfig) => void): void {
    this.#onApplied = listener;
  }

  document(): Doc {
    const { written } = this.#options.runtime.state;
    return written === null ? {} : readDoc(written.live);
  }

  version(): number {
    return this.#options.runtime.state.written?.version ?? 0;
  }

  versions(): readonly ConfigVersion[] {
    return this.#options.runtime.state.versions;
  }

  changedByRest(): readonly Change[] {
    const { written } = this.#options.runtime.state;
    return written === null ? [] : diffConfigs(readDoc(written.file), readDoc(written.live));
  }

  async reload({ by, prefer, dryRun, ifVersion }: ReloadOptions): Promise<ConfigOutcome> {
    return this.#inTurn(async () => {
      if (this.#isOther(ifVersion)) return this.#stale();
      const read = this.#readFile();
      if (!read.ok) return { ok: false, why: 'faults', details: read.details };
      const merged = this.#merge(read.doc, prefer);
      if (merged.conflicts.length > 0 && prefer === null) {
        return { ok: false, why: 'conflict', details: merged.conflicts };
      }
      const rest = withAccessOf(this.#rest, read.rest);
      const waiting = diffConfigs(rest, read.rest).map((change) => change.path);
      const made = { by, source: 'file', file: read.doc, note: 'reload', rest } as const;
      const done = await this.#change(merged.doc, made, { dryRun, waiting });
      if (done.ok && !dryRun) {
        this.#rest = rest;
        this.#instead = null;
        this.#keep(read.text);
        this.#onAccess(this.#now.http);
      }
      return done;
    });
  }

  /** What stands where a PIN was hidden is the PIN that it hides. */
  async replace(
    written: TreeMap,
    { by, dryRun, ifVersion }: Omit<ReloadOptions, 'prefer'>,
  ): Promise<ConfigOutcome> {
    return this.#inTurn(async () => {
      if (this.#isOther(ifVersion)) return this.#stale();
      const former = this.document();
      const { uploads } = former;
      const doc = showPins({ ...written, ...(uploads === undefined ? {} : { uploads }) }, former);
      const made = { by, source: 'rest', note: 'the whole document' } as const;
      const sealed = sealPins(doc, [former], newSalt);
      return this.#change(sealed, made, { dryRun, waiting: [] });
    });
  }

  async rollback(
    version: number,
    { by, dryRun, ifVersion }: Omit<ReloadOptions, 'prefer'>,
  ): Promise<ConfigOutcome> {
    return this.#inTurn(async () => {
      if (this.#isOther(ifVersion)) return this.#stale();
      const doc = await this.documentOf(version);
      if (doc === null) return { ok: false, why: 'unknown-version' };
      const made = { by, source: 'rollback', note: `rollback to ${version}` } as const;
      return this.#change(doc, made, { dryRun, waiting: [] });
    });
  }

  async change(
    by: string,
    note: string,
    edit: (doc: Doc) => Edited,
    ifVersion?: IfVersion,
  ): Promise<ConfigOutcome> {
    return this.#inTurn(async () => {
      if (this.#isOther(ifVersion)) return this.#stale();
      const edited = edit(this.document());
      if (!edited.ok) return edited;
      const sealed = sealPins(edited.doc, [this.document()], newSalt);
      const made = { by, source: 'rest', note } as const;
      return this.#change(sealed, made, { dryRun: false, waiting: [] });
    });
  }

  /** The journal's clock never goes back, so an event is found by its instant. */
  async documentOf(version: number): Promise<Doc | null> {
    if (version === this.version()) return this.document();
    const known = this.versions().find((one) => one.version === version);
    if (known === undefined) return null;
    const { journal } = this.#options;
    let low = await journal.firstSeq();
    let high = (await journal.lastSeq()) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const read = await journal.read(middle, 1);
      const at = read.ok ? read.events[0]?.event.at : undefined;
      if (at === undefined) return null;
      if (at < known.at) low = middle + 1;
      else high = middle;
    }
    for (let from = low; ; from += 100) {
      const read = await journal.read(from, 100);
      if (!read.ok || read.events.length === 0) return null;
      for (const { event } of read.events) {
        if (event.at > known.at) return null;
        if (event.kind === 'ConfigApplied' && event.version === version) {
          return event.written === undefined ? null : readDoc(event.written.live);
        }
      }
    }
  }

  #isOther(versions: IfVersion): boolean {
    return versions !== undefined && !versions.includes(this.version());
  }

  #stale(): ConfigOutcome {
    return { ok: false, why: 'stale', version: this.version() };
  }

  /** One change at a time: each begins with what the one before left. */
  async #inTurn(work: () => Promise<ConfigOutcome>): Promise<ConfigOutcome> {
    const mine = this.#turn.then(work);
    // Whoever asked for it hears of a failure; the next one only waits until it is over.
    this.#turn = Promise.allSettled([mine]);
    return mine;
  }

  #readFile(): FileRead {
    const { file, sounds } = this.#options;
    const read = readConfigText(file);
    if (read.ok) return this.#parse(read.text, sounds());
    return { ok: false, details: read.faults.map((fault) => writeFault(file, fault)) };
  }

  #parse(text: string, sounds: KnownSounds | null): FileRead {
    const { file, env, runtime } = this.#options;
    const folder = path.dirname(path.resolve(file));
    const parsed = parseConfig(text, { env, folder, sounds });
    if (!parsed.ok)
      return { ok: false, details: parsed.faults.map((fault) => writeFault(file, fault)) };
    const { tree } = readTree(text, null);
    const { written } = runtime.state;
    const former = written === null ? [] : [readDoc(written.file), readDoc(written.live)];
    return { ok: true, doc: sealPins(liveOf(tree), former, newSalt), rest: restOf(tree), text };
  }

  #merge(file: Doc, prefer: ReloadOptions['prefer']): Merged {
    const { written } = this.#options.runtime.state;
    if (written === null) return { doc: file, conflicts: [] };
    return mergeConfigs(readDoc(written.file), file, readDoc(written.live), prefer);
  }

  /** `rest`: the rest of a file that was read anew, with the files of secrets it names. */
  #evaluate(doc: Doc, rest?: Doc): LoadResult {
    const { env, file } = this.#options;
    const folder = path.dirname(path.resolve(file));
    const { uploads, ...written } = doc;
    const read = readData({ ...(rest ?? this.#rest), ...written }, env);
    const { http, sip } = this.#now;
    // What was read of files of secrets before stays: of users until a restart (their files may be
    // gone since), of REST's access where the file was not loaded anew.
    const kept = { users: sip.users, ...(rest === undefined ? { http } : {}) };
    // What holds was checked when it came to hold: a prompt that is gone since is no reason to
    // serve nobody.
    const isHeld = isEqual(doc, this.document());
    const sounds = isHeld ? null : this.#options.sounds();
    const prompts = new Set([...(sounds?.prompts ?? []), ...uploadsOf({ uploads }).keys()]);
    return makeConfig(read, { env, folder, ...kept, sounds: sounds && { ...sounds, prompts } });
  }

  /** A document has no lines: the path says where. */
  #tell(faults: readonly Fault[]): string[] {
    return faults.map(({ path: where, message }) => `${where}: ${message}`);
  }

  async #change(
    doc: Doc,
    made: Made,
    { dryRun, waiting }: { readonly dryRun: boolean; readonly waiting: readonly string[] },
  ): Promise<ConfigOutcome> {
    const changes = diffConfigs(this.document(), doc);
    const borrowed = made.source === 'rest' ? borrowedOf(changes) : [];
    if (borrowed.length > 0) return { ok: false, why: 'faults', details: borrowed };
    const answer = (): ConfigOutcome => {
      return { ok: true, version: this.version(), changes, waiting, dryRun };
    };
    if (dryRun) {
      const checked = this.#evaluate(doc, made.rest);
      if (checked.ok) return answer();
      return { ok: false, why: 'faults', details: this.#tell(checked.faults) };
    }
    const note = made.source === 'rest' ? made.note : noteOf(made.note, changes);
    const done = await this.#apply(doc, { ...made, note });
    return done.ok ? answer() : done;
  }

  async #apply(live: Doc, made: Made): Promise<ConfigOutcome> {
    const checked = this.#evaluate(live, made.rest);
    if (!checked.ok) return { ok: false, why: 'faults', details: this.#tell(checked.faults) };
    const { by, source, note, file } = made;
    const written: WrittenConfig = {
      source,
      note,
      live: writeDoc(live),
      ...(file === undefined ? {} : { file: writeDoc(file) }),
    };
    const { runtime, log } = this.#options;
    const { core } = checked.config;
    const applied = await runtime.submit({ kind: 'ApplyConfig', by, config: core, written });
    if (!applied.ok) return { ok: false, why: 'unavailable' };
    this.#now = checked.config;
    this.#onApplied(checked.config);
    if (applied.events.length > 0) {
      log.info({ version: this.version(), by, source }, `configuration: ${note}`);
    }
    return { ok: true, version: this.version(), changes: [], waiting: [], dryRun: false };
  }
}

interface Made {
  readonly by: string;
  readonly source: WrittenConfig['source'];
  readonly note: string;
  readonly file?: Doc;
  /** What does not live in the journal, where the file was read anew. */
  readonly rest?: Doc;
}

const mapOf = (tree: Tree): TreeMap => (isMap(tree) ? (tree ?? {}) : {});

/**
 * `before`, with the tokens, the limit and, where TLS is on in both, the certificate of `now`: what
 * of the rest is taken over without a restart.
 */
function withAccessOf(before: Doc, now: Doc): Doc {
  const [old, fresh] = [mapOf(before['http']), mapOf(now['http'])];
  const hasTls = old['tls'] !== undefined && fresh['tls'] !== undefined;
  const http: TreeMap = {
    ...old,
    tokens: fresh['tokens'],
    'rate-limit': fresh['rate-limit'],
    ...(hasTls ? { tls: fresh['tls'] } : {}),
  };
  const has = Object.values(http).some((value) => value !== undefined);
  return has ? { ...before, http } : before;
}

function newSalt(): string {
  return randomBytes(8).toString('hex');
}

function noteOf(why: string, changes: readonly Change[]): string {
  if (changes.length === 0) return why;
  const named = changes.slice(0, NOTED).map((change) => change.path);
  const more = changes.length > NOTED ? ` and ${changes.length - NOTED} more` : '';
  return `${why}: ${named.join(', ')}${more}`;
}
