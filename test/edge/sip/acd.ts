/**
 * The SIP edge under test: real SIP server (sipd, or drachtio-server by ACD_DRACHTIO), the real
 * loop with a journal in memory, and media in memory, because audio is proved elsewhere.
 */
import path from 'node:path';
import type { AcdConfig } from '../../../src/config/types.ts';
import { placesTaken } from '../../../src/core/capacity.ts';
import type { StoredEvent } from '../../../src/core/events.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import { makeClock } from '../../../src/shared/clock.ts';
import { LoadGate } from '../../../src/runtime/load.ts';
import { openLoop } from '../../../src/runtime/loop.ts';
import type { Loop } from '../../../src/runtime/loop.ts';
import { startEdge } from '../../../src/sip/edge.ts';
import type { SipEdge } from '../../../src/sip/edge.ts';
import type { SipLog } from '../../../src/sip/port.ts';
import { freePort } from '../../support/ports.ts';
import { run } from '../../support/processes.ts';
import { FakeMedia, waitFor } from '../../unit/sip/fakes.ts';
import { closePhones, letPhonesPart } from './phone.ts';
import { SIPD } from '../../support/programs.ts';

export interface SipServer {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  stop(): Promise<void>;
}

/** The server the environment names, or our own sipd on free ports; `allow`: as sipd's. */
export async function sipServer(allow: readonly string[] = []): Promise<SipServer> {
  const named = /^([^:]+):(\d+):(.*)$/.exec(process.env['ACD_DRACHTIO'] ?? '');
  if (named !== null)
    return {
      host: named[1] ?? '',
      port: Number(named[2]),
      secret: named[3] ?? '',
      stop: () => Promise.resolve(),
    };
  const [control, sip] = [await freePort(), await freePort()];
  const root = path.resolve(import.meta.dirname, '../../..');
  const secret = 'edge-test';
  const child = run({
    name: 'sipd',
    command: process.execPath,
    args: [
      SIPD,
      ...['--admin', `127.0.0.1:${control}`],
      ...allow.flatMap((whom) => ['--allow', whom]),
      ...['--listen', `udp:127.0.0.1:${sip}`, '--listen', `tcp:127.0.0.1:${sip}`],
    ],
    cwd: root,
    env: { ACD_SIPD_SECRET: secret },
  });
  await child.printed(/"ready":true/);
  return { host: '127.0.0.1', port: control, secret, stop: () => child.stop() };
}

export interface Acd {
  readonly loop: Loop;
  readonly media: FakeMedia;
  readonly edge: SipEdge;
  readonly events: StoredEvent[];
  readonly log: string[];
  readonly load: LoadGate;
  /** SIP address over UDP. */
  readonly sip: { readonly host: string; readonly port: number };
  /** The count-th event of that kind. */
  event(kind: StoredEvent['event']['kind'], count?: number): Promise<StoredEvent['event']>;
  stop(): Promise<void>;
  trace(): { name: string; text: string };
}

export async function startAcd(server: SipServer, config: AcdConfig): Promise<Acd> {
  const log: string[] = [];
  const events: StoredEvent[] = [];
  const watchers = new Set<() => void>();
  const note =
    (level: string) =>
    (fields: object, text: string): void => {
      log.push(`${level} ${text} ${JSON.stringify(fields)}`);
    };
  const sipLog: SipLog = {
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  };
  let ids = 0;
  const opened = await openLoop({
    journal: new MemoryJournal(),
    clock: makeClock(),
    newId: () => `${process.pid}-${Date.now()}-${(ids += 1)}`,
    log: (level, text) => log.push(`${level} ${text}`),
    onFatal: (error) => log.push(`fatal ${error.stack ?? error.message}`),
  });
  if (!opened.ok) throw new Error('no journal');
  const { loop } = opened;
  loop.start();
  loop.react((stored) => {
    events.push(stored);
    for (const watch of [...watchers]) watch();
  });
  await loop.submit({ kind: 'ApplyConfig', by: 'config', config: config.core });
  const media = new FakeMedia();
  const load = new LoadGate({
    maxCalls: config.core.maxCalls,
    calls: () => placesTaken(loop.state, loop.now()),
    maxDelayMs: config.maxLoopDelayMs,
    onRefused: () => undefined,
  });
  const started = await startEdge({
    config,
    runtime: loop,
    media,
    drachtio: server,
    log: sipLog,
    load,
  });
  if (!started.ok) throw new Error(started.detail);
  const { edge } = started;
  const udp = edge.health().addresses.find((each) => each.startsWith('udp/127.')) ?? '';
  const port = Number(udp.split(':').at(-1));
  return {
    loop,
    media,
    edge,
    load,
    events,
    log,
    sip: { host: '127.0.0.1', port },
    event: async (kind, count = 1) =>
      waitFor(
        () => events.map(({ event }) => event).filter((event) => event.kind === kind)[count - 1],
        watchers,
      ),
    // Dialogs that a test leaves would be hung up by the ACD of the next one, in vain.
    stop: async () => {
      letPhonesPart();
      for (const callId of [...loop.state.calls.keys()])
        await loop.submit({ kind: 'EndCall', by: 'test', callId, cause: 'failed' });
      await edge.stop();
      await loop.stop();
      await closePhones();
    },
    trace: () => ({
      name: 'acd.txt',
      text: [
        ...log,
        ...events.map((each) => JSON.stringify(each)),
        ...media.calls.map((each) => JSON.stringify(each)),
      ].join('\n'),
    }),
  };
}
