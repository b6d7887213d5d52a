/**
 * `acd serve`: the server process alone. `acd start` runs it as its child, containers run it as a
 * service. It tells on its first line whether it is up: `{"ready":true,"http":…,"sip":[…]}`, or
 * `{"ready":false,"error":…}` and status 1.
 *
 * SIGTERM or SIGINT drains, a second one ends the calls. The supervisor may order `handover`: the
 * calls stay for the next server. That one was started with `--held`: it says `{"prepared":true}`
 * when all it needs is read and checked, and begins at the order `go`. A spare says `prepared` when
 * its code is loaded; what it shall serve it reads after `go`.
 */
import { existsSync } from 'node:fs';
import type { App } from '../app/app.ts';
import { startApp } from '../app/app.ts';
import type { Threads } from '../app/rehearsal.ts';
import { rehearse } from '../app/rehearsal.ts';
import type { StopMode } from '../app/stop.ts';
import { readEndpoints } from '../config/endpoints.ts';
import { Later } from '../shared/later.ts';
import { Lifeline, showAs } from '../shared/lifeline.ts';
import { writeLast } from '../shared/unread.ts';
import { createLog } from '../observe/log.ts';
import type { Log } from '../observe/log.ts';
import { readAsKept } from './configuration.ts';
import { EXIT } from './exit.ts';
import { knownSounds, version } from './project.ts';

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function refuse(error: string): number {
  tell({ ready: false, error });
  return EXIT.wrong;
}

/** A disk that came off, a folder moved: an empty journal would hang up on everybody. */
function lostJournal(file: string): string {
  return (
    `${file} does not exist, and calls may be up that only it knows: put it back (this is tried ` +
    'again every few seconds), or stop `acd start` and start it anew to begin an empty one'
  );
}

export interface ServeOptions {
  readonly config: string;
  readonly stopWithParent: boolean;
  /** Socket for the next supervisor, or ''. */
  readonly lifeline: string;
  readonly mark: string;
  readonly lingerMs: number;
  /** Where a copy of acd.yaml is kept for a server that follows another, or ''. */
  readonly kept: string;
  /** Another has served on this journal: one that is not there is lost, not new. */
  readonly begun: boolean;
  readonly held: boolean;
  /** It gets ready and waits (supervisor/spare.ts). */
  readonly isSpare?: true;
}

interface Order {
  readonly mode: StopMode;
  readonly why: string;
}

/** What we are told to do, in order. */
class Orders {
  private readonly waiting: Order[] = [];
  private give: ((order: Order) => void) | null = null;
  private signals = 0;

  /** From here on signals are orders; before, they end us. */
  hearSignals(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        this.signals += 1;
        this.add({ mode: this.signals === 1 ? 'drain' : 'now', why: signal });
      });
    }
  }

  add(order: Order): void {
    const { give } = this;
    this.give = null;
    if (give === null) this.waiting.push(order);
    else give(order);
  }

  async next(): Promise<Order> {
    const first = this.waiting.shift();
    return first ?? new Promise((resolve) => (this.give = resolve));
  }
}

/** Stops as ordered, and makes haste when ordered again. */
async function stopAsOrdered(app: App, orders: Orders, log: Log): Promise<void> {
  let ended: Promise<void> | null = null;
  for (;;) {
    const order = await (ended === null
      ? orders.next()
      : Promise.race([orders.next(), ended.then(() => null)]));
    if (order === null) return;
    log.info({ why: order.why, how: order.mode }, 'stopping');
    ended = app.stop({ mode: order.mode });
  }
}

/** Gets ready and waits. Null: we are not wanted. */
async function beSpare(word: Promise<boolean>): Promise<Threads | null> {
  const threads = await rehearse();
  tell({ prepared: true });
  if (!(await word)) return null;
  showAs(['serve', ...process.argv.slice(3)]);
  return threads;
}

/**
 * Takes a plain copy of the environment. drachtio-srf asks for a variable at each header of each
 * message, and each time the process's own list is searched: a third of what reading one costs.
 */
function settleEnvironment(): void {
  process.env = { ...process.env };
}

/** sipd keeps what a server left for so long (ABANDON_TAKEOVER_MS). */
function mistaken(faults: readonly string[], follows: boolean): string {
  const [first = ''] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const waiting = '; this is tried again every few seconds, and calls wait for it, for an hour';
  return `the configuration has mistakes: ${first}${more}${follows ? waiting : '; see acd check'}`;
}

/** `follows`: calls wait for us. Whoever asks for a restart is told of his mistakes instead. */
function keepingOf({ kept, begun, held }: ServeOptions) {
  return { keptAt: kept === '' ? null : kept, follows: begun && !held };
}

export async function runServe(options: ServeOptions): Promise<number> {
  settleEnvironment();
  const orders = new Orders();
  /** The parent's word that we shall begin: true once it came, false when the parent is gone. */
  const beginning = new Later<boolean>();
  let alone: StopMode = 'handover';
  const lifeline = new Lifeline({
    path: options.lifeline,
    mark: options.mark,
    lingerMs: options.lingerMs,
    // Whoever takes over a server does not know of one that has not begun.
    orphaned: () => beginning.settle(false),
    end: (why) => orders.add({ mode: alone, why }),
    order: (word) => {
      if (word === 'go') beginning.settle(true);
      if (word === 'handover') orders.add({ mode: 'handover', why: 'another server takes over' });
    },
  });
  if (options.stopWithParent) lifeline.watchParent();
  const threads = options.isSpare === true ? await beSpare(beginning.promise) : null;
  if (options.isSpare === true && threads === null) return EXIT.ok;
  orders.hearSignals();
  const { keptAt, follows } = keepingOf(options);
  const read = readAsKept(options.config, follows ? keptAt : null);
  if ('faults' in read) return refuse(mistaken(read.faults, follows));
  const { config, instead } = read;
  const found = readEndpoints(process.env, config);
  if (!found.ok) return refuse(found.detail);
  const isLost = options.begun && !existsSync(config.journal.path);
  if (isLost && config.journal.path !== ':memory:') return refuse(lostJournal(config.journal.path));
  // Calls whose journal was in memory have nobody who could take them over.
  if (config.journal.path === ':memory:') alone = 'now';
  // Under the supervisor our lines are read and written again: JSON keeps their fields apart.
  const format = options.stopWithParent ? 'json' : config.log.format;
  const write = (line: string) => lifeline.say(line, process.stdout);
  const { level } = config.log;
  const output = options.stopWithParent ? { write } : {};
  const log = createLog({ level, format, name: 'server', ...output });
  if (options.held) {
    tell({ prepared: true });
    if (!(await beginning.promise)) return EXIT.ok;
  }
  const started = await startApp({
    config,
    configFile: options.config,
    ...{ keptAt, instead },
    sounds: knownSounds,
    endpoints: found.endpoints,
    log,
    version: version(),
    takesOver: options.begun,
    onFatal: ({ message }) => {
      writeLast(process.stdout, `the ACD cannot go on: ${message}`);
      process.exit(EXIT.fatal);
    },
    onLongStart: () => tell({ long: true }),
    ...(threads === null ? {} : { threads }),
  });
  if (!started.ok) return refuse(started.detail);
  const { app } = started;
  process.on('SIGHUP', () => void app.reload());
  const told = { http: app.http, sip: app.sip };
  const deaf = await lifeline.listen(told);
  if (deaf !== null) log.warn({}, `no other supervisor can take over: ${deaf}`);
  tell({ ready: true, ...told });
  await stopAsOrdered(app, orders, log);
  log.info({}, 'stopped');
  lifeline.close();
  return EXIT.ok;
}
