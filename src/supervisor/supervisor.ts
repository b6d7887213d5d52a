/**
 * `acd start`: the supervisor of three processes, each of which may die without the others. It
 * starts the SIP server (sipd, unless a drachtio-server is configured), the audio process
 * (mediad), rtpengine where wanted, then the server itself; restarts what dies; stops the server
 * first, so that it can let its calls finish while the others still carry them; swaps the server
 * for a new version on request.
 *
 * It may itself be killed: its children go on for `takeover.wait`, and the next supervisor takes
 * over those that are of its own version and configuration. What it needs for that is in the
 * record beside the journal.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Child } from './child.ts';
import type { AcdConfig } from '../config/types.ts';
import type { Endpoints } from '../config/endpoints.ts';
import { mediadPorts, rtpenginePorts, writeEndpoints } from '../config/endpoints.ts';
import { keptFile } from '../config/kept.ts';
import type { ControlAnswer } from './control-socket.ts';
import { ControlSocket } from './control-socket.ts';
import { fingerprint } from './fingerprint.ts';
import type { ChildSpec, Readiness } from './life.ts';
import type { LogLine } from '../observe/line.ts';
import { readLine } from '../observe/line.ts';
import { canListen, findPortFaults } from './preflight.ts';
import { ours, PROGRAMS, SHARED } from './programs.ts';
import type { RtpengineChild } from './rtpengine-child.ts';
import { keepRtpengine } from './rtpengine-child.ts';
import type { RunRecord } from './run-record.ts';
import { openRecord, recordFile, writeRecord } from './run-record.ts';
import { beSole } from './sole.ts';
import { Spare } from './spare.ts';

export interface SupervisorOptions {
  readonly config: AcdConfig;
  /** The server reads it again by itself. */
  readonly configFile: string;
  /** One entry of anybody's log. */
  readonly write: (line: LogLine) => void;
  /** A drachtio-server given by the environment, in place of the configured one. */
  readonly drachtio: AcdConfig['sip']['drachtio'];
  /** Children end when we are gone, however we went; default true. */
  readonly stopWithParent?: boolean;
}

export interface Supervisor {
  /** Where SIP and REST really listen, as the children told. */
  readonly sip: readonly string[];
  readonly http: string;
  /** Server first, which drains, then those who carry its calls. Settles when all have ended. */
  stop(): Promise<void>;
  /** A stop under way waits for no call any more: they are ended politely. */
  hurry(): void;
  /** Swaps the server for the version that is on disk now; calls stay up. */
  restart(): Promise<ControlAnswer>;
  /** Has the server load acd.yaml again. */
  reload(): void;
  /** All at once, by SIGKILL. */
  kill(): void;
}

export type SupervisorStart =
  | { readonly ok: true; readonly supervisor: Supervisor }
  | { readonly ok: false; readonly faults: readonly string[] };

/** A server that ended its calls has this long for farewells. */
const SERVER_STOP_MS = 12_000;
const CHILD_STOP_MS = 4_000;

type Program = 'sipd' | 'mediad' | 'server';

class Household {
  private readonly options: SupervisorOptions;
  private readonly file: string | null;
  private readonly leave: () => void;
  private record: RunRecord;
  private readonly sipd: Child | null;
  private readonly mediad: Child;
  private readonly server: Child;
  private readonly control: ControlSocket | null;
  private rtpengine: RtpengineChild | null = null;
  private hasServed = false;
  private isRestarting = false;
  private isStopping = false;
  /** What sipd and mediad were started as. */
  private begunAs: Partial<Record<Program, string>> = {};
  sip: readonly string[] = [];
  http = '';

  /** @param leave lets the next supervisor in, once all is done */
  constructor(options: SupervisorOptions, file: string | null, leave: () => void) {
    this.options = options;
    this.file = file;
    this.leave = leave;
    this.record = openRecord(this.file);
    const say = (name: Program) => ({
      line: (text: string) => options.write(readLine(text, name, Date.now())),
      note: (level: 'info' | 'warn' | 'error', text: string) => this.note(level, text),
    });
    // Where the journal is in memory a killed server's calls are lost, with a spare or without.
    const hasSpares = options.config.takeoverSpare && this.file !== null && this.isGuarded;
    // Only one that hangs on us hears the question.
    const hungMs = this.isGuarded ? options.config.takeoverHungMs : 0;
    const spares: Partial<Record<Program, Spare>> = {};
    const keepSpare = (name: Program, spec: () => ChildSpec) =>
      (spares[name] = new Spare({ name, spec, ...say(name), hungMs }));
    if (hasSpares) {
      keepSpare('server', () => this.serverSpec('spare'));
      keepSpare('mediad', () => this.mediadAs(['--spare'], this.mediadMark));
    }
    const make = (name: Program, spec: () => ChildSpec, stopMs: number) =>
      new Child({
        name,
        spec,
        stopMs,
        ...say(name),
        hungMs,
        ...(this.lingerMs === 0 ? {} : { lifeline: this.place(`${name}.life`) }),
        // Any other end would end its calls.
        ...(name === 'server'
          ? { dismiss: (life) => life.order('handover'), endsCalls: true }
          : {}),
        ...(spares[name] === undefined ? {} : { spare: spares[name] }),
      });
    this.sipd =
      options.drachtio === null ? make('sipd', () => this.sipdSpec(), CHILD_STOP_MS) : null;
    this.mediad = make('mediad', () => this.mediadSpec(), CHILD_STOP_MS);
    const drainMs = options.config.drain.limitMs;
    this.server = make('server', () => this.serverSpec('serve'), drainMs + SERVER_STOP_MS);
    this.control =
      this.file === null
        ? null
        : new ControlSocket(this.place('control.sock'), (word) => this.perform(word));
  }

  note(level: 'info' | 'warn' | 'error', text: string): void {
    this.options.write({ time: Date.now(), level, name: 'acd', text, fields: {} });
  }

  private place(name: string): string {
    return path.join(this.record.folder, name);
  }

  /** How long children outlive us; nobody comes back to a journal in memory. */
  private get lingerMs(): number {
    return this.file === null ? 0 : this.options.config.takeoverWaitMs;
  }

  private get isGuarded(): boolean {
    return this.options.stopWithParent !== false;
  }

  /** How a child notices that we are gone, and what it does then. */
  private guard(name: Program, mark: string): readonly string[] {
    if (!this.isGuarded) return [];
    const marked = ['--stop-with-parent', '--mark', mark];
    if (this.lingerMs === 0) return marked;
    const lifeline = ['--lifeline', this.place(`${name}.life`)];
    return [...marked, ...lifeline, '--linger-ms', String(this.lingerMs)];
  }

  /** `udp:0.0.0.0:5071` of all places in the configuration. */
  private get wanted(): readonly string[] {
    return this.options.config.sip.listen.map(
      ({ protocol, host, port }) =>
        `${protocol}:${host.includes(':') ? `[${host}]` : host}:${port}`,
    );
  }

  private get sipdRest(): readonly string[] {
    const { externalAddress, store, allow } = this.options.config.sip;
    const external = externalAddress === null ? [] : ['--external-address', externalAddress];
    const allowed = allow.flatMap((whom) => ['--allow', whom]);
    return [...allowed, ...external, ...(store === null ? [] : ['--store', store])];
  }

  private get sipdMark(): string {
    const places = [path.join(PROGRAMS, 'sipd'), SHARED];
    return fingerprint(places, [this.wanted, this.sipdRest, this.record.secret, this.lingerMs]);
  }

  private sipdSpec(): ChildSpec {
    const { listen, admin, secret } = this.record;
    const places = listen.told.flatMap((place) => ['--listen', place]);
    const guard = this.guard('sipd', this.begin('sipd', this.sipdMark));
    const args = [...places, '--admin', admin, ...this.sipdRest, ...guard];
    return { ...ours('sipd/main', args), env: { ACD_SIPD_SECRET: secret } };
  }

  private get mediadRest(): readonly string[] {
    const { media, log } = this.options.config;
    const { host, min, max } = mediadPorts(media);
    const external =
      media.engine === 'rtpengine' || media.externalAddress === null
        ? []
        : ['--external-address', media.externalAddress];
    const control = ['--control', this.place('mediad.sock'), '--rtp', host];
    const ports = ['--ports', `${min}-${max}`, '--silence-ms', String(media.silenceMs)];
    return [...control, ...ports, ...external, '--log', log.level];
  }

  private get mediadMark(): string {
    const places = [path.join(PROGRAMS, 'mediad'), SHARED];
    return fingerprint(places, [this.mediadRest, this.lingerMs]);
  }

  private mediadSpec(): ChildSpec {
    return this.mediadAs([], this.begin('mediad', this.mediadMark));
  }

  private mediadAs(first: readonly string[], mark: string): ChildSpec {
    const args = [...first, ...this.mediadRest, ...this.guard('mediad', mark)];
    return { ...ours('mediad/main', args), env: {} };
  }

  private begin(name: Program, mark: string): string {
    this.begunAs[name] = mark;
    return mark;
  }

  private get endpoints(): Endpoints {
    const { admin, secret } = this.record;
    const [host = '127.0.0.1', port = '0'] = admin.split(/:(?=\d+$)/);
    return {
      drachtio: this.options.drachtio ?? { host, port: Number(port), secret },
      mediad: this.place('mediad.sock'),
      rtpengines:
        this.rtpengine === null ? this.options.config.media.rtpengines : [this.rtpengine.engine],
    };
  }

  private get serverMark(): string {
    return fingerprint([PROGRAMS], [this.options.config, this.endpoints]);
  }

  /** `spare`: the same in all but that it waits for `go` with its code loaded. */
  private serverSpec(verb: 'serve' | 'spare'): ChildSpec {
    const guard = this.guard('server', this.serverMark);
    const begun = this.hasServed ? ['--begun'] : [];
    const keptAt = keptFile(this.options.config.journal.path);
    const kept = keptAt === null ? [] : ['--kept', keptAt];
    const args = [verb, '--config', this.options.configFile, ...kept, ...begun, ...guard];
    return { ...ours('main', args), env: writeEndpoints(this.endpoints) };
  }

  /** Starts all; the faults of the first that fails, with all stopped again. */
  async start(): Promise<readonly string[]> {
    const early = await this.look();
    if (early.length > 0) return early;
    await this.chooseListen();
    this.keepRecord();
    const faults = await this.startCarriers();
    if (faults.length === 0) {
      this.keepRecord();
      await this.server.adopt(this.serverMark);
      const server = await this.server.start();
      faults.push(...faultOf('the server', server));
      if (server.ok) this.learnServer(server.told);
    }
    if (faults.length > 0) await this.stop();
    return faults;
  }

  /** Nothing is started, nothing of a former start is touched, before all this is well. */
  private async look(): Promise<readonly string[]> {
    const taken = (await this.control?.open()) ?? null;
    if (taken !== null) return [other(taken)];
    const children = [this.sipd, this.mediad, this.server].filter((child) => child !== null);
    const mute = await Promise.all(children.map((child) => child.findFormer()));
    const ports = await findPortFaults(this.options.config, {
      sip: this.sipd?.hasFormer === false,
      http: !this.server.hasFormer,
    });
    const faults = [...mute.filter((text) => text !== ''), ...ports];
    if (faults.length === 0) return [];
    const isInhabited = children.some((child) => child.hasFormer) || mute.join('') !== '';
    for (const child of children) child.leaveFormer();
    this.control?.close();
    if (!isInhabited) this.clear();
    return faults;
  }

  /** The ports of before where the configuration leaves them open, as calls may name them. */
  private async chooseListen(): Promise<void> {
    const { wanted } = this;
    const { listen, admin } = this.record;
    const isSame = wanted.join() === listen.wanted.join() && listen.told.length === wanted.length;
    const isFree = async (place: string) => {
      const [, protocol, host = '', port] = /^(\w+):\[?(.*?)\]?:(\d+)$/.exec(place) ?? [];
      return canListen({ protocol: protocol === 'udp' ? 'udp' : 'tcp', host, port: Number(port) });
    };
    const free = async (places: readonly string[]) =>
      this.sipd?.hasFormer === true || (await Promise.all(places.map(isFree))).every(Boolean);
    const told = isSame && (await free(listen.told)) ? listen.told : wanted;
    this.record = {
      ...this.record,
      listen: { wanted, told },
      admin: (await free([`tcp:${admin}`])) ? admin : '127.0.0.1:0',
    };
  }

  /** A full disk costs the next start its knowledge of this one, and nothing now. */
  private keepRecord(): void {
    try {
      writeRecord(this.file, this.record);
    } catch (error) {
      this.note('warn', `${this.file ?? ''} cannot be written: ${(error as Error).message}`);
    }
  }

  /** Those who carry the calls. */
  private async startCarriers(): Promise<string[]> {
    await Promise.all([
      this.sipd?.adopt(this.begin('sipd', this.sipdMark)),
      this.mediad.adopt(this.begin('mediad', this.mediadMark)),
    ]);
    const [sipd, mediad] = await Promise.all([this.sipd?.start() ?? null, this.mediad.start()]);
    const faults = [...faultOf('the SIP server', sipd), ...faultOf('the audio process', mediad)];
    if (sipd?.ok === true) this.learnSip(sipd.told);
    if (faults.length === 0 && this.options.config.media.engine === 'rtpengine') {
      faults.push(...(await this.startRtpengine()));
    }
    return faults;
  }

  private learnSip({ admin, listen }: Readonly<Record<string, unknown>>): void {
    if (typeof admin === 'string') this.record = { ...this.record, admin };
    if (!Array.isArray(listen)) return;
    this.sip = listen.map(String);
    this.record = { ...this.record, listen: { wanted: this.wanted, told: this.sip } };
  }

  private learnServer(told: Readonly<Record<string, unknown>>): void {
    this.hasServed = true;
    this.http = String(told['http']);
    if (this.sip.length === 0 && Array.isArray(told['sip'])) this.sip = told['sip'].map(String);
  }

  private async startRtpengine(): Promise<string[]> {
    const { media } = this.options.config;
    if (media.rtpengines.length > 0) return [];
    const ports = { ...rtpenginePorts(media), control: this.record.rtpengine };
    const started = await keepRtpengine(media, ports, (level, text) => this.note(level, text));
    if (!started.ok) return [`media.engine is rtpengine, but ${started.detail}`];
    this.rtpengine = started.child;
    const port = Number(started.child.engine.split(':').at(-1));
    this.record = { ...this.record, rtpengine: port };
    return [];
  }

  private async perform(word: string): Promise<ControlAnswer> {
    if (word === 'restart') return this.restart();
    return { ok: false, text: `"${word}" is nothing this version can do` };
  }

  async restart(): Promise<ControlAnswer> {
    if (this.isStopping) return { ok: false, text: 'the ACD is stopping' };
    if (this.isRestarting) return { ok: false, text: 'a restart is under way' };
    this.isRestarting = true;
    const begun = performance.now();
    const before = this.server.pid;
    this.note('info', 'restart: a new server is being prepared');
    const ready = await this.server.replace();
    this.isRestarting = false;
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    if (ready.ok) this.learnServer(ready.told);
    const answer = ready.ok
      ? { ok: true, text: `the server was restarted within ${seconds} s${this.olderOnes()}` }
      : { ok: false, text: `${this.afterFailure(before)}: ${ready.error}` };
    this.note(answer.ok ? 'info' : 'error', answer.text);
    return answer;
  }

  private afterFailure(before: number | null): string {
    return this.server.pid === before
      ? 'the new server cannot start, so the old one goes on'
      : 'the new server did not start and is tried again; calls wait for it';
  }

  /** Who else has another version on disk by now. */
  private olderOnes(): string {
    const { begunAs } = this;
    let older: readonly string[];
    try {
      older = [
        ...(this.sipd !== null && begunAs.sipd !== this.sipdMark ? ['sipd'] : []),
        ...(begunAs.mediad === this.mediadMark ? [] : ['mediad']),
      ];
    } catch (error) {
      return `; the files of sipd and mediad cannot be read: ${(error as Error).message}`;
    }
    if (older.length === 0) return '';
    return `; ${older.join(' and ')} changed on disk, too, and will be renewed at the next start`;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.server.stop();
    await Promise.all([this.sipd?.stop(), this.mediad.stop(), this.rtpengine?.stop()]);
    this.control?.close();
    this.clear();
  }

  hurry(): void {
    this.server.hurry();
  }

  reload(): void {
    this.server.reload();
  }

  kill(): void {
    for (const child of [this.server, this.sipd, this.mediad]) child?.kill();
    this.clear();
  }

  private clear(): void {
    rmSync(this.record.folder, { recursive: true, force: true });
    this.leave();
  }
}

const other = (who: string): string => `${who}; stop that, or choose another at journal.path`;

function faultOf(what: string, ready: Readiness | null): string[] {
  return ready === null || ready.ok ? [] : [`${what} could not be started: ${ready.error}`];
}

/** Starts everything, or nothing and the reasons. */
export async function supervise(options: SupervisorOptions): Promise<SupervisorStart> {
  const file = recordFile(options.config.journal.path);
  try {
    const sole = file === null ? null : await beSole(file);
    if (sole?.ok === false) return { ok: false, faults: [other(sole.fault)] };
    const household = new Household(options, file, () => sole?.leave());
    const faults = await household.start();
    return faults.length > 0 ? { ok: false, faults } : { ok: true, supervisor: household };
  } catch (error) {
    const { code, path: place, message } = error as NodeJS.ErrnoException;
    if (code === undefined || place === undefined) throw error;
    return { ok: false, faults: [`${place} cannot be used: ${message}; see journal.path`] };
  }
}
