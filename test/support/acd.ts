/**
 * The product as a user starts it, `acd start`, on free loopback ports with a configuration made
 * for the test. `ACD_DRACHTIO=host:port:secret` puts a drachtio-server in the place of sipd (the
 * product reads it itself), `ACD_MEDIA_ENGINE=rtpengine` an rtpengine in front of mediad,
 * `ACD_DIST` another build in the place of dist/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { childNamed } from './family.ts';
import { until } from './inbox.ts';
import { freePort, freeRange } from './ports.ts';
import { run, type Running } from './processes.ts';
import type { Actor, Stage } from './stage.ts';

/** A section of acd.yaml as it is written there. */
export type Section = Readonly<Record<string, unknown>>;

export interface AcdOptions {
  readonly queues: readonly Section[];
  readonly agents?: readonly Section[];
  readonly sip?: Section;
  readonly media?: Section;
  readonly more?: Section;
  readonly env?: Readonly<Record<string, string>>;
  /** As the product does by itself; most tests kill no server, and the machine is small. */
  readonly spare?: boolean;
}

export interface CallShown {
  readonly id: string;
  readonly state: string;
  readonly from: string;
  readonly to: string;
  readonly agent: string;
  readonly position: number;
}

export interface QueueShown {
  readonly name: string;
  readonly calls: readonly CallShown[];
}

export interface AgentShown {
  readonly id: string;
  readonly state: string;
  readonly idletime: string;
  readonly device: string;
  readonly memberof: readonly string[];
  readonly device_state: string;
}

export interface HealthShown {
  readonly status: string;
  readonly sip: { readonly up: boolean; readonly addresses: readonly string[] };
  readonly registrars: readonly {
    readonly name: string;
    readonly state: string;
    readonly detail: string;
  }[];
  readonly media: { readonly up: boolean; readonly legs: number };
  readonly configuration: { readonly up: boolean; readonly detail: string };
  readonly drain: { readonly calls_left: number; readonly ends_in_seconds: number } | null;
  readonly bugs: number;
}

export interface Acd extends Actor {
  readonly process: Running;
  readonly folder: string;
  /** Its configuration. */
  readonly file: string;
  /** Where it takes SIP, `127.0.0.1:port`. */
  readonly sip: string;
  readonly rest: string;
  /** `sip:<user>@<where it listens>` */
  uri(user: string): string;
  queues(): Promise<readonly QueueShown[]>;
  agents(): Promise<readonly AgentShown[]>;
  health(): Promise<HealthShown>;
  calls(queue: string): Promise<readonly CallShown[]>;
  agent(id: string): Promise<AgentShown>;
  /** Waits until the agent is in that state. */
  agentIs(id: string, state: string, ms?: number): Promise<AgentShown>;
  /** Waits until exactly so many calls are in the queue. */
  callsAre(queue: string, count: number, ms?: number): Promise<readonly CallShown[]>;
  /** Waits until no call, and no leg of audio, is left anywhere. */
  isEmpty(ms?: number): Promise<void>;
}

/** The built product. */
export const dist = path.resolve(
  process.env['ACD_DIST'] ?? path.join(import.meta.dirname, '../../dist'),
);
/** Where a drachtio-server listens for SIP is its own business: told in the environment. */
export const onDrachtio = process.env['ACD_DRACHTIO'] !== undefined;
/** Who speaks RTP with the phones where a test does not say: `media.engine`. */
const engine = process.env['ACD_MEDIA_ENGINE'] ?? 'mediad';

/** Writes the configuration; gives the file and where things will be. */
export async function writeConfig(
  stage: Pick<Stage, 'folder'>,
  options: AcdOptions,
): Promise<{ file: string; folder: string; sip: string; rest: string }> {
  const port = await freePort();
  const web = await freePort();
  const rtp = await freeRange(400);
  const folder = path.join(stage.folder, `acd-${port}`);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'acd.yaml');
  const config = {
    sip: {
      listen: [`udp:127.0.0.1:${port}`, `tcp:127.0.0.1:${port}`],
      ...options.sip,
    },
    media: { address: '127.0.0.1', ports: `${rtp.min}-${rtp.max}`, engine, ...options.media },
    http: { listen: `127.0.0.1:${web}` },
    journal: { path: 'journal.db' },
    // What a test leaves behind, killed in haste, is not to stay for long.
    drain: { limit: 0 },
    takeover: { wait: 5, spare: options.spare === true ? 'yes' : 'no' },
    log: { level: 'debug', format: 'json' },
    queues: options.queues,
    agents: options.agents ?? [],
    ...options.more,
  };
  writeFileSync(file, stringify(config));
  return { file, folder, sip: `127.0.0.1:${port}`, rest: `http://127.0.0.1:${web}` };
}

/** Starts `acd <verb>` and nothing more; for tests of what it says when it cannot start. */
export function runAcd(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  return run({
    name: 'acd',
    command: process.execPath,
    args: [path.join(dist, 'main.js'), ...args],
    cwd: folder,
    env,
    log: path.join(folder, 'acd.log'),
    graceMs: 20_000,
  });
}

/** Starts sipd alone, as a server for a client with that secret; ready at once. */
export async function runSipd(folder: string, admin: string, secret: string): Promise<Running> {
  const running = run({
    name: 'sipd',
    command: process.execPath,
    args: [
      path.join(dist, 'sipd/main.js'),
      ...['--listen', `udp:127.0.0.1:${await freePort()}`, '--admin', admin],
    ],
    env: { ACD_SIPD_SECRET: secret },
    log: path.join(folder, 'sipd.log'),
  });
  await running.printed(/"ready":true/);
  return running;
}

async function get<T>(url: string): Promise<T> {
  // Kept open, a connection would be a handle of the server's that no call explains.
  const headers = { connection: 'close' };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(5_000) });
  return (await response.json()) as T;
}

export async function startAcd(stage: Pick<Stage, 'folder'>, options: AcdOptions): Promise<Acd> {
  return startIn(await writeConfig(stage, options), options.env);
}

/** Another `acd start` with the configuration of one that has ended, however it did. */
export async function startAgain(former: Acd): Promise<Acd> {
  return startIn(former);
}

async function startIn(
  { file, folder, sip: wanted, rest }: Pick<Acd, 'file' | 'folder' | 'sip' | 'rest'>,
  env?: Readonly<Record<string, string>>,
): Promise<Acd> {
  const running = runAcd(folder, ['start', '--config', file], env);
  const health = async () => get<HealthShown>(`${rest}/health`);
  try {
    // Not its health alone: that may be answered by a server of a former start.
    await running.printed(/The ACD is up|ready; REST at/, 30_000);
    await until(
      'acd to be up',
      async () => health().then(isUp, () => false),
      (is) => is,
      30_000,
    );
  } catch (trouble) {
    await running.stop();
    throw trouble;
  }
  const sip = onDrachtio ? addressOf(await health()) : wanted;
  return {
    ...views(rest, health),
    process: running,
    folder,
    file,
    sip,
    rest,
    uri: (user) => `sip:${user}@${sip}`,
    stop: async () => running.stop(),
  };
}

function isUp(shown: HealthShown): boolean {
  return shown.sip.up && shown.media.up;
}

function addressOf(health: HealthShown): string {
  const udp = health.sip.addresses.find((address) => /^udp\/127\./.test(address));
  if (udp === undefined) throw new Error('the drachtio-server has no UDP port on loopback');
  return udp.slice('udp/'.length);
}

function views(rest: string, health: () => Promise<HealthShown>) {
  const queues = async () => (await get<{ queues: QueueShown[] }>(`${rest}/queues`)).queues;
  const agents = async () => (await get<{ agents: AgentShown[] }>(`${rest}/agents`)).agents;
  const calls = async (queue: string) => {
    const found = (await queues()).find(({ name }) => name === queue);
    if (found === undefined) throw new Error(`no queue ${queue}`);
    return found.calls;
  };
  const agent = async (id: string) => {
    const found = (await agents()).find((one) => one.id === id);
    if (found === undefined) throw new Error(`no agent ${id}`);
    return found;
  };
  return {
    queues,
    agents,
    calls,
    agent,
    health,
    agentIs: async (id: string, state: string, ms?: number) =>
      until(
        `agent ${id} ${state}`,
        async () => agent(id),
        (one) => one.state === state,
        ms,
      ),
    callsAre: async (queue: string, count: number, ms?: number) =>
      until(
        `${count} calls in ${queue}`,
        async () => calls(queue),
        (l) => l.length === count,
        ms,
      ),
    isEmpty: async (ms?: number) => {
      await until('no calls', queues, (all) => all.every((one) => one.calls.length === 0), ms);
      await until('no legs of audio', health, (shown) => shown.media.legs === 0, ms);
    },
  };
}

const SPARES = { server: 'main.js spare ', mediad: 'mediad/main.js --spare ' };

/** Waits until a spare is ready, later than what was printed up to `from`; gives its pid. */
export async function spareIsReady(
  acd: Acd,
  program: keyof typeof SPARES = 'server',
  from = 0,
): Promise<number> {
  await acd.process.printed(new RegExp(`a spare ${program} is ready`), 60_000, from);
  return childNamed(acd, SPARES[program]).pid;
}
