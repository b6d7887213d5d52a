/**
 * `acd start`: the supervisor of three processes, each of which may die without the others. It
 * starts the SIP server (sipd, unless a drachtio-server is configured), the audio process
 * (mediad), rtpengine where wanted, then the server itself; restarts what dies; stops the server
 * first, so that it can unregister and end its calls while the others still carry them.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ChildSpec, Readiness } from './child.ts';
import { Child } from './child.ts';
import type { AcdConfig } from './config/types.ts';
import type { Endpoints } from './config/endpoints.ts';
import { mediadPorts, rtpenginePorts, writeEndpoints } from './config/endpoints.ts';
import type { LogLine } from './observe/line.ts';
import { readLine } from './observe/line.ts';
import { findPortFaults } from './preflight.ts';
import type { RtpengineChild } from './rtpengine-child.ts';
import { keepRtpengine } from './rtpengine-child.ts';

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
  pids(): Readonly<Record<string, number | null>>;
  /** Server first, then those who carry its calls. Settles when all have ended. */
  stop(): Promise<void>;
  /** All at once, by SIGKILL. */
  kill(): void;
}

export type SupervisorStart =
  | { readonly ok: true; readonly supervisor: Supervisor }
  | { readonly ok: false; readonly faults: readonly string[] };

/** sun_path holds 107 bytes on Linux and 103 on macOS. */
const SOCKET_PATH_MAX = 100;

/** A program of ours beside this file: built (.js) or as source (.ts, under tsx). */
function ours(file: string, args: readonly string[]): Pick<ChildSpec, 'command' | 'args'> {
  const program = path.join(import.meta.dirname, `${file}${path.extname(import.meta.filename)}`);
  return { command: process.execPath, args: [...process.execArgv, program, ...args] };
}

function makeFolder(): string {
  const name = path.join(tmpdir(), 'acd-123456', 'mediad.sock');
  return mkdtempSync(path.join(name.length > SOCKET_PATH_MAX ? '/tmp' : tmpdir(), 'acd-'));
}

class Household {
  private readonly options: SupervisorOptions;
  private readonly folder = makeFolder();
  private readonly secret = randomBytes(24).toString('base64url');
  private readonly sipd: Child | null;
  private readonly mediad: Child;
  private readonly server: Child;
  private rtpengine: RtpengineChild | null = null;
  /** Where sipd took its client; kept over its restarts so the server finds it again. */
  private admin = '127.0.0.1:0';
  sip: readonly string[] = [];
  http = '';

  constructor(options: SupervisorOptions) {
    this.options = options;
    const make = (name: string, spec: () => ChildSpec, stopMs: number) =>
      new Child({
        name,
        spec,
        stopMs,
        line: (text) => options.write(readLine(text, name, Date.now())),
        note: (level, text) => this.note(level, text),
      });
    this.sipd = options.drachtio === null ? make('sipd', () => this.sipdSpec(), 4_000) : null;
    this.mediad = make('mediad', () => this.mediadSpec(), 4_000);
    this.server = make('server', () => this.serverSpec(), 12_000);
  }

  note(level: 'info' | 'warn' | 'error', text: string): void {
    this.options.write({ time: Date.now(), level, name: 'acd', text, fields: {} });
  }

  private get guard(): readonly string[] {
    return this.options.stopWithParent === false ? [] : ['--stop-with-parent'];
  }

  private get socket(): string {
    return path.join(this.folder, 'mediad.sock');
  }

  private sipdSpec(): ChildSpec {
    const { listen, externalAddress } = this.options.config.sip;
    const places = listen.flatMap(({ protocol, host, port }) => [
      '--listen',
      `${protocol}:${host.includes(':') ? `[${host}]` : host}:${port}`,
    ]);
    const external = externalAddress === null ? [] : ['--external-address', externalAddress];
    const args = [...places, '--admin', this.admin, ...external, ...this.guard];
    return { ...ours('sipd/main', args), env: { ACD_SIPD_SECRET: this.secret } };
  }

  private mediadSpec(): ChildSpec {
    const { media, log } = this.options.config;
    const { host, min, max } = mediadPorts(media);
    const external =
      media.engine === 'rtpengine' || media.externalAddress === null
        ? []
        : ['--external-address', media.externalAddress];
    const control = ['--control', this.socket, '--rtp', host, '--ports', `${min}-${max}`];
    const rest = ['--silence-ms', String(media.silenceMs), '--log', log.level];
    return { ...ours('mediad/main', [...control, ...external, ...rest, ...this.guard]), env: {} };
  }

  private serverSpec(): ChildSpec {
    const [host = '127.0.0.1', port = '0'] = this.admin.split(/:(?=\d+$)/);
    const endpoints: Endpoints = {
      drachtio: this.options.drachtio ?? { host, port: Number(port), secret: this.secret },
      mediad: this.socket,
      rtpengines:
        this.rtpengine === null ? this.options.config.media.rtpengines : [this.rtpengine.engine],
    };
    const args = ['serve', '--config', this.options.configFile, ...this.guard];
    return { ...ours('main', args), env: writeEndpoints(endpoints) };
  }

  /** Starts all; the faults of the first that fails, with all stopped again. */
  async start(): Promise<readonly string[]> {
    const { config } = this.options;
    const [sipd, mediad] = await Promise.all([this.sipd?.start() ?? null, this.mediad.start()]);
    const faults = [...faultOf('the SIP server', sipd), ...faultOf('the audio process', mediad)];
    if (sipd?.ok === true) this.learnSip(sipd.told);
    if (faults.length === 0 && config.media.engine === 'rtpengine') {
      faults.push(...(await this.startRtpengine()));
    }
    if (faults.length === 0) {
      const server = await this.server.start();
      faults.push(...faultOf('the server', server));
      if (server.ok) this.learnServer(server.told);
    }
    if (faults.length > 0) await this.stop();
    return faults;
  }

  private learnSip(told: Readonly<Record<string, unknown>>): void {
    if (typeof told['admin'] === 'string') this.admin = told['admin'];
    if (Array.isArray(told['listen'])) this.sip = told['listen'].map(String);
  }

  private learnServer(told: Readonly<Record<string, unknown>>): void {
    this.http = String(told['http']);
    if (this.sip.length === 0 && Array.isArray(told['sip'])) this.sip = told['sip'].map(String);
  }

  private async startRtpengine(): Promise<string[]> {
    const { media } = this.options.config;
    if (media.rtpengines.length > 0) return [];
    const started = await keepRtpengine(media, rtpenginePorts(media), (level, text) =>
      this.note(level, text),
    );
    if (!started.ok) return [`media.engine is rtpengine, but ${started.detail}`];
    this.rtpengine = started.child;
    return [];
  }

  pids(): Record<string, number | null> {
    return {
      ...(this.sipd === null ? {} : { sipd: this.sipd.pid }),
      mediad: this.mediad.pid,
      ...(this.rtpengine === null ? {} : { rtpengine: this.rtpengine.pid() }),
      server: this.server.pid,
    };
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await Promise.all([this.sipd?.stop(), this.mediad.stop(), this.rtpengine?.stop()]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  kill(): void {
    for (const child of [this.server, this.sipd, this.mediad]) child?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function faultOf(what: string, ready: Readiness | null): string[] {
  return ready === null || ready.ok ? [] : [`${what} could not be started: ${ready.error}`];
}

/** Starts everything, or nothing and the reasons. */
export async function supervise(options: SupervisorOptions): Promise<SupervisorStart> {
  const ports = await findPortFaults(options.config, options.drachtio === null);
  if (ports.length > 0) return { ok: false, faults: ports };
  const household = new Household(options);
  const faults = await household.start();
  if (faults.length > 0) return { ok: false, faults };
  return { ok: true, supervisor: household };
}
