/**
 * Everything the demo starts: a whole ACD as `acd start` would (own configuration, journal on
 * disk in a temporary folder, free loopback ports), and beside it the telephone network: a second
 * sipd and a second mediad, on which all simulated phones live. Nothing is left when it is closed.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Child } from '../../supervisor/child.ts';
import type { AcdConfig } from '../../config/types.ts';
import { loadPlaylist } from '../../media/playlist.ts';
import type { MediaPort } from '../../media/port.ts';
import { MediaWorker } from '../../media/worker.ts';
import type { LogLine } from '../../observe/line.ts';
import { connectStack } from '../../sip/drachtio.ts';
import type { SipLog, Stack } from '../../sip/port.ts';
import type { Supervisor } from '../../supervisor/supervisor.ts';
import { supervise } from '../../supervisor/supervisor.ts';
import { readConfiguration } from '../configuration.ts';
import { projectFolder } from '../project.ts';
import { AudioCheck } from './audio-check.ts';
import type { AgentRole } from './people.ts';
import { QUEUES } from './people.ts';

/** RTP below the kernel's ephemeral ports; both processes step over what is in use. */
const ACD_PORTS = '20000-23999';
const PHONE_PORTS = '24000-27999';
/** Room in sun_path, as in supervisor/supervisor.ts. */
const FOLDER_MAX = 80;

export interface House {
  /** Where the ACD takes calls. */
  readonly sip: { readonly host: string; readonly port: number };
  /** Where the phones take theirs. */
  readonly phones: { readonly host: string; readonly port: number };
  /** `host:port` of the ACD's REST interface. */
  readonly http: string;
  readonly stack: Stack;
  readonly media: MediaPort;
  readonly audio: AudioCheck;
  close(): Promise<void>;
  /** At once. */
  kill(): void;
}

export type HouseStart =
  | { readonly ok: true; readonly house: House }
  | { readonly ok: false; readonly faults: readonly string[] };

function writeConfiguration(agents: readonly AgentRole[], journal: string): string {
  const queues = QUEUES.map(({ name, wrapupSeconds }) => ({
    name,
    timeout: 6,
    retry: 3,
    wrapuptime: wrapupSeconds,
    'periodic-announce-frequency': 15,
  }));
  // JSON is YAML, too.
  return JSON.stringify({
    queues,
    agents: agents.map(({ id, name, queues: served }) => ({ id, name, queues: served })),
    sip: { listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'] },
    media: { address: '127.0.0.1', ports: ACD_PORTS },
    http: { listen: '127.0.0.1:0' },
    journal: { path: journal },
    // Whoever leaves the demo is not kept waiting by simulated callers.
    drain: { limit: 0 },
    takeover: { wait: 0 },
    log: { level: 'warn', format: 'json' },
  });
}

function placeOf(told: readonly unknown[], protocol: string): { host: string; port: number } {
  for (const entry of told) {
    const found = /^(\w+)[/:](.+):(\d+)$/.exec(String(entry));
    if (found?.[1] === protocol) return { host: found[2] ?? '', port: Number(found[3]) };
  }
  throw new Error(`no ${protocol} address among ${told.join(', ')}`);
}

class Building implements House {
  private readonly folder: string;
  private readonly secret = randomBytes(24).toString('base64url');
  private readonly log: (level: string, text: string) => void;
  private readonly children: Child[] = [];
  private supervisor: Supervisor | null = null;
  private openStack: Stack | null = null;
  private openMedia: MediaPort | null = null;
  private openAudio: AudioCheck | null = null;
  sip = { host: '127.0.0.1', port: 0 };
  phones = { host: '127.0.0.1', port: 0 };
  http = '';

  constructor(log: (level: string, text: string) => void) {
    const base = tmpdir().length > FOLDER_MAX ? '/tmp' : tmpdir();
    this.folder = mkdtempSync(path.join(base, 'acd-demo-'));
    this.log = log;
  }

  get stack(): Stack {
    return given(this.openStack);
  }
  get media(): MediaPort {
    return given(this.openMedia);
  }
  get audio(): AudioCheck {
    return given(this.openAudio);
  }

  async open(agents: readonly AgentRole[]): Promise<readonly string[]> {
    const file = path.join(this.folder, 'acd.yaml');
    writeFileSync(file, writeConfiguration(agents, path.join(this.folder, 'journal.db')));
    const config = readConfiguration(file);
    if (config === null) return ['the demo’s own configuration is not valid'];
    const [acd, network] = await Promise.all([this.openAcd(config, file), this.openNetwork()]);
    return [...acd, ...network];
  }

  private async openAcd(config: AcdConfig, configFile: string): Promise<readonly string[]> {
    const write = ({ level, name, text }: LogLine) => this.log(level, `${name}: ${text}`);
    const started = await supervise({ config, configFile, write, drachtio: null });
    if (!started.ok) return started.faults;
    this.supervisor = started.supervisor;
    this.sip = placeOf(started.supervisor.sip, 'udp');
    this.http = started.supervisor.http;
    return [];
  }

  private child(name: string, program: string, args: string[], env: Record<string, string>): Child {
    const file = path.resolve(
      import.meta.dirname,
      `../../${program}${path.extname(import.meta.filename)}`,
    );
    const child = new Child({
      name,
      spec: () => ({
        command: process.execPath,
        args: [...process.execArgv, file, ...args, '--stop-with-parent'],
        env,
      }),
      line: (text) => this.log('info', `${name}: ${text}`),
      note: (level, text) => this.log(level, text),
      stopMs: 3_000,
    });
    this.children.push(child);
    return child;
  }

  /** The phones’ own SIP server and audio process. */
  private async openNetwork(): Promise<readonly string[]> {
    const control = path.join(this.folder, 'phones.sock');
    const sipd = this.child(
      'phones-sipd',
      'sipd/main',
      ['--listen', 'udp:127.0.0.1:0', '--admin', '127.0.0.1:0'],
      { ACD_SIPD_SECRET: this.secret },
    );
    const mediad = this.child(
      'phones-mediad',
      'mediad/main',
      ['--control', control, '--rtp', '127.0.0.1', '--ports', PHONE_PORTS, '--log', 'error'],
      {},
    );
    const [sip, audio] = await Promise.all([sipd.start(), mediad.start()]);
    if (!sip.ok) return [`the phones’ SIP server could not be started: ${sip.error}`];
    if (!audio.ok) return [`the phones’ audio process could not be started: ${audio.error}`];
    this.phones = placeOf(sip.told['listen'] as unknown[], 'udp');
    const [host = '', port = ''] = String(sip.told['admin']).split(/:(?=\d+$)/);
    return [...(await this.connect(host, Number(port))), ...this.openPhonesMedia(control)];
  }

  private async connect(host: string, port: number): Promise<readonly string[]> {
    const note = (level: string) => (fields: object, text: string) =>
      this.log(level, `phones: ${text} ${JSON.stringify(fields)}`);
    const log: SipLog = {
      debug: note('debug'),
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
    };
    const connected = await connectStack({ host, port, secret: this.secret, log });
    if (!connected.ok) return [connected.detail];
    this.openStack = connected.stack;
    return [];
  }

  private openPhonesMedia(control: string): readonly string[] {
    const loaded = loadPlaylist('builtin', path.join(projectFolder, 'prompts'));
    if (!loaded.ok) return [loaded.detail];
    const media = new MediaWorker({ control, playlist: loaded.playlist });
    media.start();
    this.openMedia = media;
    this.openAudio = new AudioCheck(control);
    return [];
  }

  async close(): Promise<void> {
    // The ACD first: it ends its calls while the phones can still answer.
    await this.supervisor?.stop();
    this.openAudio?.close();
    await Promise.all([this.openStack?.close(), this.openMedia?.close()]);
    await Promise.all(this.children.map((child) => child.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  kill(): void {
    this.supervisor?.kill();
    for (const child of this.children) child.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function given<T>(thing: T | null): T {
  if (thing === null) throw new Error('the demo’s house is not open');
  return thing;
}

/** Starts everything, or nothing and the reasons. */
export async function openHouse(
  agents: readonly AgentRole[],
  log: (level: string, text: string) => void,
): Promise<HouseStart> {
  const house = new Building(log);
  const faults = await house.open(agents);
  if (faults.length === 0) return { ok: true, house };
  await house.close();
  return { ok: false, faults };
}
