/**
 * The server process: the only place where all parts meet. Journal, loop, media, SIP edge and
 * REST are put together here in the order in which they need each other, and taken apart in the
 * opposite one. Each part that cannot start is one fault in words; nothing is half up.
 */
import { Configuration } from './config.ts';
import { WaitEstimates } from './estimates.ts';
import { healthOf } from './health.ts';
import { openHttp } from './http.ts';
import { connectMedia } from './media.ts';
import { countEvent, createMeters } from './metrics.ts';
import { Prompts } from './prompts.ts';
import type { Threads } from './rehearsal.ts';
import { openReports } from './reports.ts';
import type { StopMode } from './stop.ts';
import { AppStop } from './stop.ts';
import { tellStory } from './story.ts';
import { makeClock } from '../shared/clock.ts';
import type { Endpoints } from '../config/endpoints.ts';
import type { KnownSounds } from '../config/faults.ts';
import type { Instead } from '../config/kept.ts';
import { mayTransferTo } from '../config/transfer-rules.ts';
import type { AcdConfig } from '../config/types.ts';
import { createSteering, createView, type Doors } from '../http/live-view.ts';
import { Stream } from '../http/stream.ts';
import { Subjects } from '../http/subjects.ts';
import { MemoryJournal } from '../journal/memory.ts';
import type { Journal } from '../journal/port.ts';
import { openThreadedJournal } from '../journal/threaded.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Reports } from '../reports/port.ts';
import { Feed } from '../runtime/feed.ts';
import { makeIds } from '../runtime/ids.ts';
import { watchLoad } from '../runtime/load.ts';
import type { Loop } from '../runtime/loop.ts';
import { openLoop } from '../runtime/loop.ts';
import type { Upkeep } from '../runtime/upkeep.ts';
import { startUpkeep } from '../runtime/upkeep.ts';
import type { SipEdge } from '../sip/edge.ts';
import { startEdge } from '../sip/edge.ts';
import { addressOf } from '../sip/dialling.ts';
import { Vetoes } from '../webhooks/vetoes.ts';
import { Webhooks } from '../webhooks/webhooks.ts';

export interface AppOptions {
  readonly config: AcdConfig;
  readonly endpoints: Endpoints;
  /** acd.yaml, which can be loaded again. */
  readonly configFile: string;
  /** Where a copy of what was loaded is kept; null: nowhere. */
  readonly keptAt: string | null;
  /** What `config` was read from, as acd.yaml cannot be used; null: acd.yaml. */
  readonly instead: Instead | null;
  /** Where prompts and music are named. */
  readonly sounds: () => KnownSounds | null;
  readonly log: Log;
  readonly version: string;
  /** Calls of a server before us may wait: what they can do without is not waited for. */
  readonly takesOver: boolean;
  /** A broken invariant, or another writer: the process should end, and be started again. */
  readonly onFatal: (error: Error) => void;
  /** The start takes minutes: whoever waits for us should know that we work. */
  readonly onLongStart: () => void;
  /** What a spare has made ready; absent: it is made now. */
  readonly threads?: Threads;
}

export interface App {
  /** `host:port` of REST. */
  readonly http: string;
  /** `udp/127.0.0.1:5071` …, where SIP is taken. */
  readonly sip: readonly string[];
  /** Stops as the mode says (stop.ts); settles when everything is closed. */
  stop(how: { readonly mode: StopMode }): Promise<void>;
  /** Loads acd.yaml again, as SIGHUP asks; the log tells what came of it. */
  reload(): Promise<void>;
}

export type AppStart =
  { readonly ok: true; readonly app: App } | { readonly ok: false; readonly detail: string };

type OpenedJournal =
  { readonly ok: true; readonly journal: Journal } | { readonly ok: false; detail: string };

async function openJournal(options: AppOptions): Promise<OpenedJournal> {
  const { config, log, onFatal, onLongStart, threads } = options;
  const { path } = config.journal;
  if (path === ':memory:') return { ok: true, journal: new MemoryJournal() };
  const opened = await openThreadedJournal({
    file: path,
    onDeath: (error) => {
      log.error({ err: error }, 'the journal cannot go on');
      onFatal(error);
    },
    onSalvage: () => {
      log.warn(
        {},
        'part of the journal is not sound: all of it is read now, in a large one for minutes',
      );
      onLongStart();
    },
    ...(threads === undefined ? {} : { thread: threads.journal }),
  });
  if (opened.ok) for (const note of opened.notes) log.warn({}, note);
  return opened;
}

function startUpkeepOf(journal: Journal, { config, log }: AppOptions): Upkeep {
  const told = log.child({ name: 'journal' });
  return startUpkeep({
    journal,
    now: Date.now,
    keepMs: config.journal.keepMs,
    log: (level, text) => told[level]({}, text),
  });
}

async function openRuntime(options: AppOptions, journal: Journal) {
  const clock = makeClock();
  const log = options.log.child({ name: 'runtime' });
  return openLoop({
    journal,
    clock,
    newId: makeIds(clock),
    log: (level, text, detail) => log[level](detail === undefined ? {} : { detail }, text),
    onFatal: options.onFatal,
  });
}

type Configured =
  | { readonly ok: true; readonly configuration: Configuration; readonly prompts: Prompts }
  | { readonly ok: false; readonly detail: string };

/**
 * The journal learns that this server took it up, then which configuration holds: memberships and
 * options of now count from here on; calls are taken over by the edge.
 */
async function configure(options: AppOptions, loop: Loop, journal: Journal): Promise<Configured> {
  const { config, configFile, keptAt, instead, sounds, log, version } = options;
  const noted = await loop.submit({ kind: 'NoteStart', by: 'start', version });
  if (!noted.ok) return { ok: false, detail: `the journal takes nothing (${noted.refusal})` };
  const configuration = new Configuration({
    config,
    file: configFile,
    ...{ keptAt, instead },
    env: process.env,
    sounds,
    runtime: loop,
    journal,
    log: log.child({ name: 'config' }),
  });
  const unsettled = await configuration.begin();
  if (unsettled !== null) return { ok: false, detail: unsettled };
  const prompts = new Prompts({ configuration, journal: config.journal.path });
  return { ok: true, configuration, prompts };
}

/** Before the edge takes over: what ends then is told of later, to whoever comes back. */
function hearSubjects(loop: Loop): Subjects {
  const subjects = new Subjects(() => loop.state);
  loop.react(({ event }) => subjects.hear(event));
  return subjects;
}

/** Whoever is told of all events from here on, or asked: the event stream, webhooks, vetoes. */
function openFeed(config: AcdConfig, loop: Loop, journal: Journal, subjects: Subjects, log: Log) {
  const feed = new Feed(journal, loop.health().lastSeq);
  const stream = new Stream({
    ...{ feed, subjects },
    now: () => loop.now(),
    atRest: (then) => loop.atRest(then),
  });
  const { path } = config.journal;
  const webhooks = new Webhooks({
    configs: config.webhooks,
    ...{ feed, subjects },
    file: path === ':memory:' ? null : `${path}.webhooks.json`,
    log: log.child({ name: 'webhooks' }),
  });
  loop.react((stored) => {
    feed.hear(stored);
    stream.hear(stored);
    webhooks.hear();
  });
  const vetoLog = log.child({ name: 'vetoes' });
  const vetoes = new Vetoes({ configs: config.vetoes, runtime: loop, log: vetoLog });
  const close = async (): Promise<void> => {
    vetoes.stop();
    await webhooks.stop();
    stream.close();
  };
  const shown = { webhooks: () => webhooks.shown(), vetoes: () => vetoes.shown() };
  return { shown: { stream, ...shown }, close };
}

/** Undoes what was started, newest first, when a later part fails or the app stops. */
class Undo {
  private readonly steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  async run(log: Log): Promise<void> {
    for (const step of this.steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, 'a part did not stop cleanly');
      }
    }
  }
}

async function reloadAsAsked(configuration: Configuration, log: Log): Promise<void> {
  const done = await configuration.reload({ by: 'signal', prefer: null, dryRun: false });
  if (!done.ok) log.error({ ...done }, 'the configuration was not loaded; nothing of it holds');
  else if (done.waiting.length > 0) {
    log.warn({ waiting: done.waiting }, 'these settings wait for acd restart');
  }
}

/** Whoever only looks on: metrics, the log's story of each call, reports. */
function observe(loop: Loop, metrics: Metrics, reports: Reports, log: Log): void {
  const story = tellStory(log.child({ name: 'call' }));
  const estimates = new WaitEstimates(
    () => loop.state,
    (queue, errorMs) => metrics.waitEstimated(queue, errorMs),
  );
  loop.react((stored) => {
    countEvent(metrics, stored.event);
    story(stored);
    estimates.follow(stored.event);
    reports.wake();
  });
}

/** What REST may ask of the edge, and where calls may be sent. */
function doorsOf(config: AcdConfig, edge: SipEdge): Doors {
  return {
    allows: (uri) => mayTransferTo(config, uri),
    addressOf: (registrar, to) => addressOf(config, registrar, to),
    logIn: (...login) => edge.logIn(...login),
  };
}

/** Starts all parts, or none and says why. */
export async function startApp(options: AppOptions): Promise<AppStart> {
  const undo = new Undo();
  const started = await assemble(options, undo);
  if (!started.ok) await undo.run(options.log);
  return started;
}

async function assemble(options: AppOptions, undo: Undo): Promise<AppStart> {
  const { endpoints, log, version, threads } = options;
  const logOf = (name: string): Log => log.child({ name });
  const startedAt = performance.now();
  const opened = await openJournal(options);
  if (!opened.ok) return { ok: false, detail: `the journal cannot be used: ${opened.detail}` };
  undo.add(async () => opened.journal.close());
  const runtime = await openRuntime(options, opened.journal);
  if (!runtime.ok) return { ok: false, detail: `the journal cannot be read: ${runtime.detail}` };
  const { loop } = runtime;
  undo.add(() => loop.stop());
  const upkeep = startUpkeepOf(opened.journal, options);
  undo.add(() => upkeep.stop());
  const configured = await configure(options, loop, opened.journal);
  if (!configured.ok) return configured;
  const { configuration, prompts } = configured;
  const { config } = configuration;

  const [subjects, reportsLog] = [hearSubjects(loop), logOf('reports')];
  const reports = await openReports(configuration, opened.journal, reportsLog, threads?.reports);
  undo.add(() => reports.close());
  const media = await connectMedia(config, endpoints, logOf('media'), () => prompts.files());
  if (!media.ok) return media;
  undo.add(() => media.port.close());
  const watched = { loop, media: media.port, reports, edge: null as SipEdge | null };
  const { metrics, load } = createMeters(config, watched);
  const { drachtio } = endpoints;
  const sip = { config, runtime: loop, media: media.port, drachtio, log: logOf('sip'), load };
  const edge = await startEdge(sip);
  if (!edge.ok) return edge;
  undo.add(() => edge.edge.stop());
  watched.edge = edge.edge;

  observe(loop, metrics, reports, log);
  const served = { reports, media: media.port, edge: edge.edge, load };
  const parts = { loop, upkeep, configuration, ...served };
  const facts = { config: options.config, version, startedAt };
  const stopping = new AppStop({
    loop,
    edge: edge.edge,
    log,
    limitMs: config.drain.limitMs,
    close: () => undo.run(log),
  });
  const feed = openFeed(config, loop, opened.journal, subjects, log);
  undo.add(feed.close);
  const rest = {
    view: createView({
      runtime: loop,
      metrics,
      health: () => healthOf(parts, { ...facts, drain: stopping.drain() }),
    }),
    steering: createSteering(loop, doorsOf(config, edge.edge)),
    configuration,
    prompts,
    reports,
    ...feed.shown,
    log: logOf('http'),
    version,
    locks: edge.edge.locks,
    bans: edge.edge.sources,
  };
  const opening = await openHttp(configuration, rest, options.takesOver);
  if (!opening.ok) return opening;
  undo.add(() => opening.close());
  loop.start();
  // Not before: a start reads and builds much in one go, which is no overload.
  const unwatch = watchLoad(load);
  undo.add(async () => unwatch());
  const places = { http: opening.place, sip: edge.edge.health().addresses };
  const reload = async () => reloadAsAsked(configuration, log);
  return { ok: true, app: { ...places, stop: (how) => stopping.stop(how), reload } };
}
