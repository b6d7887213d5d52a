/**
 * The rtpengines behind the media port: which of them is healthy, and in which order a new leg
 * tries them. Each is asked every second. One that lets a command time out is suspect: it gets no
 * new legs and is asked at once; one that does not answer that either is down until it answers.
 * One that has ended is known to be down at once (doorbell.ts). What the legs make of it is for
 * the listener to say.
 */
import { createDoorbell } from './doorbell.ts';
import { createNgClient, type NgCommand, type NgParams, type NgResult } from './ng.ts';

/** Pino's shape. */
export interface MediaLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface EngineAddress {
  readonly host: string;
  readonly port: number;
}

/** `new`: not asked yet, used like `up`. */
export type EngineState = 'new' | 'up' | 'suspect' | 'down';

export interface Engine extends EngineAddress {
  /** `host:port`. */
  readonly name: string;
  readonly state: EngineState;
  /** Sends one command; never rejects. A timeout makes the engine suspect. */
  readonly request: (command: NgCommand, params: NgParams) => Promise<NgResult>;
}

export interface EngineListener {
  /** The question to ask next; any reply counts as life. */
  question(engine: Engine): { readonly command: NgCommand; readonly params: NgParams };
  /** Every reply to a question, also of an engine that is already up. */
  answered(engine: Engine, result: NgResult): void;
  down(engine: Engine): void;
  /** Up for the first time, or back after it was down. */
  up(engine: Engine, first: boolean): void;
}

export interface EnginesOptions {
  readonly engines: readonly EngineAddress[];
  readonly log: MediaLog;
  readonly listener: EngineListener;
  readonly probeMs?: number;
  readonly deadlineMs?: number;
}

export interface Engines {
  readonly all: readonly Engine[];
  /** Engines a new leg may try: healthy ones in turn, then suspects; none that is down. */
  candidates(): readonly Engine[];
  /** Asks every engine now; resolves when each has replied or failed. */
  probe(): Promise<void>;
  close(): void;
}

/** One that was started anew between two rings of the bell is found out by this. */
const PROBE_MS = 1000;

interface Kept extends Engine {
  state: EngineState;
  /** Without the suspicion: a question that times out is judged as such. */
  readonly ask: Engine['request'];
  timer: NodeJS.Timeout | null;
  /** When the bell was last answered, ms; 0: never. */
  provedAt: number;
  /** The question under way: there is never more than one. */
  asking: Promise<void> | null;
  close(): void;
}

/** `suspicious` is called when a command timed out. */
function keepEngine(
  address: EngineAddress,
  deadlineMs: number | undefined,
  suspicious: (engine: Kept) => void,
): Kept {
  const client = createNgClient({
    ...address,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  const engine: Kept = {
    ...address,
    name: `${address.host}:${address.port}`,
    state: 'new',
    timer: null,
    provedAt: 0,
    asking: null,
    ask: (command, params) => client.request(command, params),
    async request(command, params) {
      const result = await client.request(command, params);
      if (!result.ok && result.why === 'timeout') suspicious(engine);
      return result;
    },
    close() {
      if (engine.timer !== null) clearTimeout(engine.timer);
      client.close();
    },
  };
  return engine;
}

/** Nobody answered; a refusal is an answer. */
function isSilence(result: NgResult): boolean {
  return !result.ok && (result.why === 'timeout' || result.why === 'unsent');
}

/** Starts asking the engines at once. */
export function createEngines(options: EnginesOptions): Engines {
  const { listener, log } = options;
  const probeMs = options.probeMs ?? PROBE_MS;
  let turn = 0;
  let closed = false;

  function judge(engine: Kept, result: NgResult): void {
    const silent = isSilence(result);
    const before = engine.state;
    engine.state = silent ? 'down' : 'up';
    if (before !== engine.state) {
      const fields = { engine: engine.name };
      const advice = 'start it, or mend media.rtpengine; calls go by the others, or get 503';
      if (silent) log.warn(fields, `rtpengine does not answer: ${advice}`);
      else log.info(fields, 'rtpengine is up');
    }
    if (!silent) listener.answered(engine, result);
    if (silent && before !== 'down') listener.down(engine);
    if (!silent && (before === 'down' || before === 'new')) listener.up(engine, before === 'new');
  }

  async function ask(engine: Kept): Promise<void> {
    if (engine.timer !== null) clearTimeout(engine.timer);
    const { command, params } = listener.question(engine);
    const askedAt = performance.now();
    const result = await engine.ask(command, params);
    engine.asking = null;
    if (closed) return;
    // Silence, though the bell was answered since: it came up while the question was under way,
    // which nobody will answer any more. An answer counts, and most of all a refusal: it may say
    // that an engine started anew has none of our legs.
    if (!isSilence(result) || engine.provedAt < askedAt) judge(engine, result);
    engine.timer = setTimeout(() => void probe(engine), probeMs).unref();
  }

  function probe(engine: Kept): Promise<void> {
    if (closed) return Promise.resolve();
    return (engine.asking ??= ask(engine));
  }

  const all = options.engines.map((address) =>
    keepEngine(address, options.deadlineMs, (engine) => {
      if (engine.state !== 'down') engine.state = 'suspect';
      void probe(engine);
    }),
  );
  const bells = all.map((engine) =>
    createDoorbell(engine, {
      refused: () => {
        if (engine.state === 'down') return;
        judge(engine, { ok: false, why: 'unsent', detail: 'connection refused' });
      },
      answered: () => {
        engine.provedAt = performance.now();
        if (engine.state === 'down') judge(engine, { ok: true, reply: {} });
      },
      missed: () => void probe(engine),
    }),
  );
  const probeAll = async () => void (await Promise.all(all.map((engine) => probe(engine))));
  // After we have returned, so that the listener can know the engines.
  setImmediate(() => void probeAll());

  return {
    all,
    candidates() {
      turn = (turn + 1) % Math.max(1, all.length);
      const inTurn = [...all.slice(turn), ...all.slice(0, turn)];
      const healthy = inTurn.filter(({ state }) => state === 'up' || state === 'new');
      return [...healthy, ...inTurn.filter(({ state }) => state === 'suspect')];
    },
    probe: probeAll,
    close() {
      closed = true;
      for (const one of [...bells, ...all]) one.close();
    },
  };
}
