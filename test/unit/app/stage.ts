/** A configuration with its file in a folder of its own, on a loop whose clock is moved by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';
import { Configuration } from '../../../src/app/config.ts';
import { Prompts } from '../../../src/app/prompts.ts';
import type { KnownSounds } from '../../../src/config/faults.ts';
import { keptFile, type Instead } from '../../../src/config/kept.ts';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import type { Access } from '../../../src/http/access.ts';
import type { Http } from '../../../src/http/reply.ts';
import { createHttp, type HttpDeps } from '../../../src/http/server.ts';
import type { Journal } from '../../../src/journal/port.ts';
import { createLog } from '../../../src/observe/log.ts';
import { start, TrialJournal } from '../runtime/trial.ts';

export const FILE = `
http: { listen: 127.0.0.1:8242 }
queues:
  - name: sales
    timeout: 15
  - name: help
agents:
  - id: 1
    name: Ann
    pin: 4711
    queues: [sales, help]
  - id: 2
    queues: [sales]
`;

const folders: string[] = [];
const servers: Http[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

export class House {
  readonly journal = new TrialJournal();
  readonly told: string[] = [];
  readonly file: string;
  readonly keptAt: string | null;
  /** null: names of prompts are not checked. */
  sounds: KnownSounds | null = null;

  constructor() {
    const folder = mkdtempSync(path.join(tmpdir(), 'acd-config-'));
    folders.push(folder);
    this.file = path.join(folder, 'acd.yaml');
    this.keptAt = keptFile(path.join(folder, 'journal.db'));
    this.write(FILE);
  }

  write(text: string): void {
    writeFileSync(this.file, text);
  }

  /** In a file of its own beside acd.yaml. */
  writeSecret(name: string, secret: string): void {
    writeFileSync(path.join(path.dirname(this.file), name), secret, { mode: 0o600 });
  }

  removeSecret(name: string): void {
    rmSync(path.join(path.dirname(this.file), name));
  }

  /** A process begins on what the journal and the file hold now. */
  async begin(journal: Journal = this.journal, instead: Instead | null = null) {
    const { loop, time } = await start(journal);
    const loaded =
      instead === null
        ? loadConfig(this.file, { env: {} })
        : parseConfig(instead.text, { env: {}, folder: path.dirname(this.file) });
    if (!loaded.ok) throw new Error(loaded.faults.map((fault) => fault.message).join('\n'));
    const log = createLog({
      level: 'warn',
      format: 'json',
      name: 'config',
      write: (line) => this.told.push(line),
    });
    const configuration = new Configuration({
      config: loaded.config,
      file: this.file,
      env: {},
      sounds: () => this.sounds,
      runtime: loop,
      journal,
      log,
      ...{ keptAt: this.keptAt, instead },
    });
    const fault = await configuration.begin();
    return { loop, time, configuration, fault };
  }
}

/** REST over a house's configuration; of the rest there is what `view` sees. */
export async function serve(
  house: House,
  { view, access }: { view?: Partial<HttpDeps['view']>; access?: Access } = {},
): Promise<Http> {
  const { configuration } = await house.begin();
  const server = await createHttp({
    configuration,
    prompts: new Prompts({ configuration, journal: ':memory:' }),
    log: createLog({ level: 'error', format: 'json', name: 'http', write: () => undefined }),
    version: '0',
    // What these tests do not ask for is not there.
    steering: {} as HttpDeps['steering'],
    view: { agent: () => null, ...view } as Partial<HttpDeps['view']> as HttpDeps['view'],
    access,
  } as Partial<HttpDeps> as HttpDeps);
  servers.push(server);
  return server;
}
