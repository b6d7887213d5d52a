/** The world around the SIP edge, in memory: runtime, media, SIP stack. Deterministic. */
import type { AcdConfig, RegisterConfig } from '../../../src/config/types.ts';
import type { CoreEvent, StoredEvent } from '../../../src/core/events.ts';
import { STANDARD_OUTBOUND } from '../../../src/core/rules.ts';
import { initialState, makeQueue } from '../../../src/core/state.ts';
import type { State } from '../../../src/core/state.ts';
import type { QueueConfig } from '../../../src/core/types.ts';
import type { DialogSdp, MediaEvents, MediaPort, MediaResult } from '../../../src/media/port.ts';
import type { NewCommand, Outcome, Reactor, Runtime } from '../../../src/runtime/port.ts';
import type { SipLog } from '../../../src/sip/port.ts';

export const SDP_OFFER =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n' +
  'm=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n';

export function queueConfig(name: string): QueueConfig {
  return {
    name,
    strategy: 'most-idle',
    timeoutMs: 15_000,
    retryMs: 5_000,
    wrapupMs: 0,
    maxlen: 0,
    weight: 0,
    periodicAnnounceMs: 0,
  };
}

export function registrar(more: Partial<RegisterConfig> = {}): RegisterConfig {
  return {
    name: 'pbx1',
    registrar: 'sip:127.0.0.1:5060',
    domain: '127.0.0.1',
    username: 'acd',
    authUsername: 'acd',
    password: 'secret',
    expiresMs: 3_600_000,
    deviceFrom: 'auto',
    presence: 'auto',
    ...more,
  };
}

export function acdConfig(sip: Partial<AcdConfig['sip']> = {}): AcdConfig {
  return {
    sip: {
      listen: [],
      externalAddress: null,
      drachtio: null,
      store: null,
      allow: ['any'],
      users: [],
      limits: { rate: 0, banAfter: 10, banForMs: 3_600_000 },
      register: [],
      presence: 'auto',
      deviceFrom: 'auto',
      loginUsers: ['acdlogin', '*44'],
      logoutUsers: ['acdlogout', '*45'],
      pauseUsers: ['acdpause', '*46'],
      resumeUsers: ['acdresume', '*47'],
      readyUsers: ['acdready', '*48'],
      loginTries: 3,
      lockAfter: 10,
      loginDevices: ['registrars'],
      lockForMs: 900_000,
      digitTimeoutMs: 5_000,
      subscribeExpiresMs: 600_000,
      sessionExpiresMs: 0,
      priorityHeader: null,
      positionHeader: null,
      skillsHeader: null,
      penaltyHeader: null,
      ...sip,
    },
    media: {
      engine: 'mediad',
      address: '127.0.0.1',
      externalAddress: null,
      portMin: 20_000,
      portMax: 30_000,
      rtpengines: [],
      redis: null,
      silenceMs: 30_000,
      silenceLimitMs: 20_000,
    },
    http: { tokens: [], tls: null, rateLimit: 0, host: '127.0.0.1', port: 0 },
    journal: { path: ':memory:', keepMs: 0 },
    reports: {
      path: ':memory:',
      keepMs: 0,
      zone: 'UTC',
      queueLog: null,
      formula: 'offered',
      shortAbandonMs: 0,
      thresholds: new Map(),
    },
    transfers: { allow: ['registrars'] },
    webhooks: [],
    vetoes: [],
    drain: { limitMs: 0, redirect: null },
    takeoverWaitMs: 0,
    takeoverSpare: false,
    takeoverHungMs: 0,
    maxLoopDelayMs: 0,
    prompts: { set: 'builtin', language: 'en' },
    queues: [
      {
        name: 'queue1',
        welcome: ['queue-welcome'],
        musicClass: 'default',
        periodicAnnounce: ['queue-periodic-announce'],
      },
    ],
    pins: new Map(),
    log: { level: 'info', format: 'json' },
    core: {
      queues: [queueConfig('queue1')],
      agents: [{ id: '2771', name: 'Ann', queues: ['queue1'] }],
      secondLogin: 'refuse',
      maxCalls: 1000,
      // Without a tone at the end nothing has to be waited for.
      outbound: { ...STANDARD_OUTBOUND, toneMs: 0 },
    },
  };
}

type Answer = (command: NewCommand) => readonly CoreEvent[] | Outcome;

/** Records commands; answers them with events the test chose, or with none. */
export class FakeRuntime implements Runtime {
  readonly commands: NewCommand[] = [];
  readonly state: State = initialState();
  clock = 1_000_000;
  private readonly answers = new Map<string, Answer>();
  private readonly reactors: Reactor[] = [];
  private readonly watchers = new Set<() => void>();
  private seq = 0;
  private ids = 0;

  constructor(queues: readonly string[] = ['queue1']) {
    for (const name of queues) this.state.queues.set(name, makeQueue(queueConfig(name)));
  }

  /** What a command of this kind leads to from now on. */
  answer(kind: NewCommand['kind'], answer: Answer): void {
    this.answers.set(kind, answer);
  }

  async submit(command: NewCommand): Promise<Outcome> {
    this.commands.push(command);
    const answer = this.decide(command);
    await Promise.resolve();
    const outcome: Outcome = 'ok' in answer ? answer : { ok: true, events: this.emit(...answer) };
    for (const watch of [...this.watchers]) watch();
    return outcome;
  }

  protected decide(command: NewCommand): readonly CoreEvent[] | Outcome {
    return this.answers.get(command.kind)?.(command) ?? [];
  }

  /** Makes events durable and tells the reactors. */
  emit(...events: readonly CoreEvent[]): StoredEvent[] {
    return events.map((event) => {
      const stored = { seq: (this.seq += 1), event };
      for (const reactor of this.reactors) reactor(stored);
      return stored;
    });
  }

  of<K extends NewCommand['kind']>(kind: K): Extract<NewCommand, { kind: K }>[] {
    return this.commands.filter(
      (command): command is Extract<NewCommand, { kind: K }> => command.kind === kind,
    );
  }

  /** The count-th command of this kind, as soon as it is there. */
  async wait<K extends NewCommand['kind']>(
    kind: K,
    count = 1,
  ): Promise<Extract<NewCommand, { kind: K }>> {
    return waitFor(() => this.of(kind)[count - 1], this.watchers);
  }

  react(reactor: Reactor): void {
    this.reactors.push(reactor);
  }

  newId(): string {
    this.ids += 1;
    return `id${this.ids}`;
  }

  now(): number {
    return this.clock;
  }
}

/** Settles when `look` finds something; looks again whenever a watcher is called. */
export function waitFor<T>(look: () => T | undefined, watchers: Set<() => void>): Promise<T> {
  return new Promise((resolve) => {
    const watch = (): void => {
      const found = look();
      if (found === undefined) return;
      watchers.delete(watch);
      resolve(found);
    };
    watchers.add(watch);
    watch();
  });
}

export interface MediaCall {
  readonly verb: string;
  readonly leg: string;
  readonly args: readonly unknown[];
}

/** Every verb succeeds unless the test says otherwise; `legs` are those not released. */
export class FakeMedia implements MediaPort {
  readonly calls: MediaCall[] = [];
  readonly live = new Set<string>();
  /** Legs of which a server that takes over is told that nobody has answered our offer. */
  readonly unanswered = new Set<string>();
  /** The text last kept with each leg. */
  readonly remembered = new Map<string, string>();
  events: MediaEvents | null = null;
  private readonly watchers = new Set<() => void>();
  private readonly results = new Map<string, () => Promise<MediaResult<{ sdp: string }>>>();

  result(verb: string, make: () => Promise<MediaResult<{ sdp: string }>>): void {
    this.results.set(verb, make);
  }

  private async act(verb: string, leg: string, ...args: readonly unknown[]) {
    this.calls.push({ verb, leg, args });
    if (verb === 'accept' || verb === 'offer') this.live.add(leg);
    if (verb === 'release') this.live.delete(leg);
    for (const watch of [...this.watchers]) watch();
    const result = await (this.results.get(verb)?.() ??
      Promise.resolve({ ok: true as const, sdp: SDP_OFFER }));
    if (verb === 'restore' && result.ok) this.live.add(leg);
    return result;
  }

  of(verb: string): MediaCall[] {
    return this.calls.filter((call) => call.verb === verb);
  }

  wait(verb: string, count = 1): Promise<MediaCall> {
    return waitFor(() => this.of(verb)[count - 1], this.watchers);
  }

  accept = (leg: string, sdp: string) => this.act('accept', leg, sdp);
  offer = (leg: string, host: string) => this.act('offer', leg, host);
  answered = (leg: string, sdp: string) => this.act('answered', leg, sdp);
  reoffered = (leg: string, sdp: string) => this.act('reoffered', leg, sdp);
  current = (leg: string) => this.act('current', leg);
  reoffer = (leg: string) => this.act('reoffer', leg);
  renew = (leg: string) => this.act('renew', leg);
  restore = (leg: string, dialog: DialogSdp) => this.act('restore', leg, dialog);
  adopt = () =>
    Promise.resolve({
      ok: true as const,
      legs: [...this.live].map((leg) => ({
        ...{ leg, sdp: SDP_OFFER, partner: null, music: null, playing: null, isHeard: true },
        isAnswered: !this.unanswered.has(leg),
        remembered: this.remembered.get(leg) ?? '',
      })),
    });
  play = (leg: string, id: string, items: readonly unknown[]) => this.act('play', leg, id, items);
  stop = (leg: string) => this.act('stop', leg);
  music = (leg: string, music: string | null) => this.act('music', leg, music);
  connect = (a: string, b: string) => this.act('connect', a, b);
  disconnect = (leg: string) => this.act('disconnect', leg);
  dial = (leg: string, digits: string) => this.act('dial', leg, digits);
  remember = (leg: string, text: string) => {
    this.remembered.set(leg, text);
    return this.act('remember', leg, text);
  };
  release = (leg: string) => this.act('release', leg);
  legs = () => Promise.resolve({ ok: true as const, legs: [...this.live] });
  listen(events: MediaEvents): void {
    this.events = events;
  }
  health = () => ({ up: true, detail: 'fake', legs: this.live.size });
  close = () => Promise.resolve();
}

export const quiet: SipLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Lets everything that is ready to run do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
