/**
 * acd.yaml to AcdConfig: all of it, or every fault at once and nothing of it. Pure but for
 * `loadConfig`, which reads the file, and for what the file names as secrets (`http-access.ts`).
 */
import { isUtf8 } from 'node:buffer';
import path from 'node:path';
import { coreConfig } from './core-config.ts';
import type { KnownSounds } from './faults.ts';
import { httpConfig } from './http-access.ts';
import { faultsOf, faultsOfMeaning } from './faults.ts';
import { sipUsers } from './sip-users.ts';
import type { ConfigFile } from './schema.ts';
import { fileSchema } from './schema.ts';
import { readBytes } from './small-file.ts';
import type { Fault, ReadTree } from './tree.ts';
import { MAX_CONFIG_BYTES, readTree, writePath } from './tree.ts';
import type {
  AcdConfig,
  HttpConfig,
  ListenAddress,
  RegisterConfig,
  SipUserConfig,
} from './types.ts';

export type LoadResult =
  | { readonly ok: true; readonly config: AcdConfig }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export interface LoadOptions {
  /** For `${NAME}`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths in the file start here. */
  readonly folder: string;
  /** Prompts and music that exist; null: not checked. */
  readonly sounds?: KnownSounds | null;
  /** Tokens, certificate and key as they were read before; null or absent: files are read. */
  readonly http?: HttpConfig | null;
  /** Users of SIP, likewise. */
  readonly users?: readonly SipUserConfig[] | null;
}

/** `acd.yaml:12:5: queues[0].timeout: "0" cannot be used; give seconds from 0.5 to 600` */
export function writeFault(file: string, fault: Fault): string {
  const where = fault.path === '' ? '' : ` ${fault.path}:`;
  return `${file}:${fault.line}:${fault.column}:${where} ${fault.message}`;
}

function hostOf(registrar: string): string {
  return registrar.replace(/^sip:/i, '').replace(/(:\d+)?(;.*)?$/, '');
}

function registerConfig(entry: ConfigFile['sip']['register'][number]): RegisterConfig {
  return {
    name: entry.name,
    registrar: entry.registrar,
    domain: entry.domain ?? hostOf(entry.registrar),
    username: entry.username,
    authUsername: entry['auth-username'] ?? entry.username,
    password: entry.password,
    expiresMs: entry.expires,
    deviceFrom: entry['device-from'],
    presence: entry.presence,
  };
}

/** Calls without a journal would be calls that nobody knows. */
function storeOf(file: ConfigFile, folder: string): string | null {
  const { sip, journal } = file;
  if (journal.path === ':memory:' || sip.drachtio !== undefined) return null;
  return path.resolve(folder, sip.store ?? `${journal.path}.sipd`);
}

function sipConfig(
  file: ConfigFile,
  folder: string,
  users: readonly SipUserConfig[],
): AcdConfig['sip'] {
  const { sip } = file;
  return {
    listen: sip.listen.flat(),
    externalAddress: sip['external-address'] ?? null,
    drachtio: sip.drachtio ?? null,
    store: storeOf(file, folder),
    allow: sip.allow,
    users,
    limits: {
      rate: sip.limits.rate,
      banAfter: sip.limits['ban-after'],
      banForMs: sip.limits['ban-for'],
    },
    register: sip.register.map(registerConfig),
    presence: sip.presence,
    deviceFrom: sip['device-from'],
    loginUsers: sip.login.codes,
    logoutUsers: sip.login['logout-codes'],
    pauseUsers: sip.login['pause-codes'],
    resumeUsers: sip.login['resume-codes'],
    readyUsers: sip.login['wrapup-codes'],
    loginTries: sip.login.tries,
    lockAfter: sip.login['lock-after'],
    loginDevices: sip.login.devices,
    lockForMs: sip.login['lock-for'],
    digitTimeoutMs: sip.login['digit-timeout'],
    subscribeExpiresMs: sip['subscribe-expires'],
    sessionExpiresMs: sip['session-expires'],
    priorityHeader: sip['priority-header'] ?? null,
    positionHeader: sip['position-header'] ?? null,
    skillsHeader: sip['skills-header'] ?? null,
    penaltyHeader: sip['penalty-header'] ?? null,
  };
}

function joined({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function mediaConfig(media: ConfigFile['media']): AcdConfig['media'] {
  return {
    engine: media.engine,
    address: media.address,
    externalAddress: media['external-address'] ?? null,
    ...media.ports,
    rtpengines: media.rtpengine.map(joined),
    redis: media.redis === undefined ? null : joined(media.redis),
    silenceMs: media.silence,
    silenceLimitMs: media['silence-limit'],
  };
}

function reportsConfig(file: ConfigFile, folder: string): AcdConfig['reports'] {
  const { reports, journal, queues } = file;
  const isKept = journal.path !== ':memory:';
  const beside = path.join(path.dirname(journal.path), 'queue_log');
  const queueLog = reports['queue-log'] ?? beside;
  return {
    path: isKept ? path.resolve(folder, reports.path ?? `${journal.path}.reports`) : ':memory:',
    keepMs: reports.keep,
    zone: reports['time-zone'],
    queueLog:
      isKept && queueLog !== 'off'
        ? { file: path.resolve(folder, queueLog), keepDays: reports['queue-log-keep'] }
        : null,
    formula: reports['service-level'],
    shortAbandonMs: reports['short-abandon'],
    thresholds: new Map(queues.map(({ name, servicelevel }) => [name, servicelevel])),
  };
}

function assemble(
  file: ConfigFile,
  folder: string,
  { http, users }: { readonly http: HttpConfig; readonly users: readonly SipUserConfig[] },
): AcdConfig {
  const journal = file.journal.path;
  return {
    sip: sipConfig(file, folder, users),
    media: mediaConfig(file.media),
    http,
    journal: {
      path: journal === ':memory:' ? journal : path.resolve(folder, journal),
      keepMs: file.journal.keep,
    },
    reports: reportsConfig(file, folder),
    transfers: { allow: file.transfers.allow },
    vetoes: file.vetoes.map(({ name, url, secret }) => ({ name, url, secret })),
    webhooks: file.webhooks.map(({ timeout, ...hook }) => ({ ...hook, timeoutMs: timeout })),
    drain: { limitMs: file.drain.limit, redirect: file.drain.redirect ?? null },
    takeoverWaitMs: file.takeover.wait,
    takeoverSpare: file.takeover.spare,
    takeoverHungMs: file.takeover.hung,
    maxLoopDelayMs: file.limits['loop-delay'],
    prompts: file.prompts,
    queues: file.queues.map((queue) => ({
      name: queue.name,
      welcome: queue.welcome,
      musicClass: queue.musicclass,
      periodicAnnounce: queue['periodic-announce'],
    })),
    pins: new Map(
      file.agents.flatMap((agent): [string, string][] =>
        agent.pin === undefined ? [] : [[agent.id, agent.pin]],
      ),
    ),
    log: file.log,
    core: coreConfig(file),
  };
}

/** What only the typed values show: codes that mean two things, ports used twice. */
function conflicts(file: ConfigFile): { readonly path: (string | number)[]; message: string }[] {
  const found: { path: (string | number)[]; message: string }[] = [];
  const codes = new Set(file.sip.login.codes);
  for (const kind of ['logout-codes', 'pause-codes', 'resume-codes', 'wrapup-codes'] as const) {
    const taken = file.sip.login[kind].find((code) => codes.has(code));
    file.sip.login[kind].forEach((code) => codes.add(code));
    if (taken === undefined) continue;
    const isLogin = file.sip.login.codes.includes(taken);
    const message = `"${taken}" is also a ${isLogin ? 'login' : 'dial'} code; choose another`;
    found.push({ path: ['sip', 'login', kind], message });
  }
  file.queues.forEach((queue, index) => {
    if (!codes.has(queue.name)) return;
    const message = `"${queue.name}" is dialled to log in or out; name the queue otherwise`;
    found.push({ path: ['queues', index, 'name'], message });
  });
  found.push(...webhookConflicts(file));
  found.push(...exitKeyConflicts(file));
  const direct = file.queues.findIndex((queue) => queue.direct);
  file.queues.forEach((queue, index) => {
    if (!queue.direct || index === direct) return;
    const message = `"${file.queues[direct]?.name ?? ''}" is direct already; keep one`;
    found.push({ path: ['queues', index, 'direct'], message });
  });
  const { portMin, portMax } = file.media.ports;
  const seen = new Set<string>();
  file.sip.listen.forEach((entry, index) => {
    for (const place of entry) found.push(...listenConflicts(place, index, seen));
    const udp = entry.find((place) => place.protocol === 'udp');
    if (udp === undefined || udp.port < portMin || udp.port > portMax) return;
    const message = `UDP port ${udp.port} lies within media.ports; move one of them`;
    found.push({ path: ['sip', 'listen', index], message });
  });
  return found;
}

/** He leaves at the first key that is complete: one that begins another hides it. */
function exitKeyConflicts(file: ConfigFile) {
  return file.queues.flatMap(({ 'exit-keys': exits }, index) => {
    const keys = [...new Set(exits.map(({ key }) => key))];
    return keys.flatMap((key) => {
      const hidden = keys.find((other) => other !== key && other.startsWith(key));
      if (hidden === undefined) return [];
      const message = `${key} begins ${hidden}, which nobody could press; choose another key`;
      return [{ path: ['queues', index, 'exit-keys'], message }];
    });
  });
}

/** How far a receiver is is kept by its address, which may hold a secret: it is not repeated. */
function webhookConflicts({ webhooks }: ConfigFile) {
  return webhooks.flatMap(({ url }, index) => {
    if (webhooks.findIndex((other) => other.url === url) === index) return [];
    const message = 'stands here twice; keep one (an address is told apart by a query, too)';
    return [{ path: ['webhooks', index, 'url'], message }];
  });
}

function listenConflicts(place: ListenAddress, index: number, seen: Set<string>) {
  const key = `${place.protocol}:${place.host}:${place.port}`;
  // Port 0 asks the system for a free one, as often as wanted.
  if (place.port !== 0 && seen.has(key)) {
    return [{ path: ['sip', 'listen', index], message: `${key} stands here twice; keep one` }];
  }
  seen.add(key);
  return [];
}

/** Reads a whole configuration text. */
export function parseConfig(text: string, options: LoadOptions): LoadResult {
  return makeConfig(readTree(text, options.env), options);
}

/** The configuration that a read tree means. */
export function makeConfig(read: ReadTree, options: LoadOptions): LoadResult {
  if (read.tree === undefined && read.faults.length > 0) return { ok: false, faults: read.faults };
  const parsed = fileSchema.safeParse(read.tree ?? {});
  const http = parsed.success
    ? httpConfig(parsed.data.http, options.folder, options.http ?? null)
    : null;
  const sip = parsed.success
    ? sipUsers(parsed.data.sip.users, options.folder, options.users ?? null)
    : null;
  const outside = [...(http?.faults ?? []), ...(sip?.faults ?? [])];
  const meant = [
    ...(parsed.success ? [] : faultsOf(fileSchema, read, parsed.error.issues)),
    ...faultsOfMeaning(read, options.sounds ?? null),
    ...[...(parsed.success ? conflicts(parsed.data) : []), ...outside].map(
      ({ path: at, message }) => ({
        ...read.place(at),
        path: writePath(at),
        message,
      }),
    ),
  ];
  // A value that could not even be read needs no second fault about what it then was.
  const told = new Set(read.faults.map((fault) => fault.path));
  const faults = [...read.faults, ...meant.filter((fault) => !told.has(fault.path))];
  if (faults.length === 0 && parsed.success && http !== null && sip !== null) {
    const secrets = { http: http.config, users: sip.users };
    return { ok: true, config: assemble(parsed.data, options.folder, secrets) };
  }
  faults.sort((a, b) => a.line - b.line || a.column - b.column);
  return { ok: false, faults };
}

export type TextResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Reads a file; a file that cannot be read is one fault. */
export function loadConfig(file: string, options: Omit<LoadOptions, 'folder'>): LoadResult {
  const read = readConfigText(file);
  if (!read.ok) return read;
  return parseConfig(read.text, { ...options, folder: path.dirname(path.resolve(file)) });
}

/** The text of the file, or the one fault that it cannot be had. */
export function readConfigText(file: string): TextResult {
  const read = readBytes(file, MAX_CONFIG_BYTES);
  if ('bytes' in read) return textOfBytes(read.bytes);
  const { code } = read;
  const message =
    code === null
      ? `is larger than ${MAX_CONFIG_BYTES} bytes; that cannot be a configuration`
      : `${UNREADABLE[code] ?? `cannot be read (${code})`}; name one with --config FILE`;
  return { ok: false, faults: [{ line: 1, column: 1, path: '', message }] };
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'is a folder',
  ETIMEDOUT: 'is no file, and nothing comes out of it',
};

/** UTF-8 only: anything else would turn names into others without a word. */
function textOfBytes(bytes: Buffer): TextResult {
  const text = bytes.toString('utf8');
  const isSound = isUtf8(bytes);
  if (isSound && !text.includes('\0')) return { ok: true, text };
  const before = text.slice(0, Math.max(text.search(isSound ? /\0/ : /\ufffd/), 0)).split('\n');
  const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  const message = 'is not text in UTF-8 from here on; save the file in that encoding';
  return { ok: false, faults: [{ ...place, path: '', message }] };
}
