/**
 * People drawn by chance, each from a generator of his own: callers who come at random (Poisson),
 * talk and wait for exponential times; agents who answer after a few seconds, miss, decline, pause,
 * log out, make calls of their own, and whose phones vanish. The plain house has none of that but
 * the callers, and its phones answer at once: what queueing theory speaks of.
 */
import type { AgentId } from '../core/types.ts';
import { queueName } from './config.ts';
import type { House } from './house.ts';
import type { SimOptions } from './options.ts';
import { Random } from './random.ts';
import type { Dialled, Fate, Judgement, Script, Visit } from './script.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Shares of offers, of calls or of messages. */
const MISSES = 0.03;
const DECLINES = 0.01;
const FAILS = 0.01;
const ANSWERS_LATE = 0.5;
const BRIDGE_LOST = 0.003;
const ACK_LOST = 0.002;
const BYE_LOST = 0.005;
const REPEATED = 0.02;

/** What each agent does now and then: mean time between two, and how long it (a talk) takes. */
const DOINGS = {
  pause: [HOUR, 5 * MINUTE],
  logout: [4 * HOUR, 10 * MINUTE],
  ownCall: [2 * HOUR, MINUTE],
  dial: [2 * HOUR, MINUTE],
  vanish: [6 * HOUR, 2 * MINUTE],
} as const;
type Doing = keyof typeof DOINGS;

/** A plain phone: it answers at once. */
const AT_ONCE: Fate = { kind: 'answers', ringsMs: 0, afterMs: 0, bridgeMs: 0 };

export class People implements Script {
  readonly presence: 'played' | 'trusted';
  readonly #options: SimOptions;
  readonly #agents: readonly AgentId[];
  readonly #callers: Random;
  readonly #messages: Random;
  /** One for each agent, with the time his presence takes. */
  readonly #moods = new Map<AgentId, { readonly random: Random; readonly presenceMs: number }>();
  readonly #begins: number;
  readonly #ends: number;
  #last: number;
  #calls = 0;

  constructor(options: SimOptions, agents: readonly AgentId[], begins: number) {
    const random = new Random(options.seed);
    this.#options = options;
    this.#agents = agents;
    this.#callers = random.fork();
    this.#messages = random.fork();
    for (const id of agents) {
      const own = random.fork();
      const presenceMs = Math.round(own.between(20, 400));
      this.#moods.set(id, { random: own, presenceMs: options.erlang ? 0 : presenceMs });
    }
    this.presence = options.erlang ? 'trusted' : 'played';
    this.#begins = begins;
    this.#ends = begins + options.hours * HOUR;
    this.#last = begins;
  }

  nextVisit(): Visit | null {
    const { erlang, faults, callsPerHour, queues, handle, patience } = this.#options;
    const random = this.#callers;
    this.#last += random.exponential(HOUR / callsPerHour);
    const at = Math.round(this.#last);
    if (at >= this.#ends) return null;
    this.#calls += 1;
    const queue = queueName(Math.floor(random.next() * queues));
    const talkMs = Math.round(random.exponential(handle * SECOND));
    const patienceMs =
      patience === 0 ? Infinity : Math.round(random.exponential(patience * SECOND));
    const hangsUp = random.isOneIn(0.7) ? 'caller' : 'agent';
    const confirmMs = Math.round(random.between(20, 300));
    const isAckLost = faults && random.isOneIn(ACK_LOST);
    const isByeLost = faults && random.isOneIn(BYE_LOST);
    return {
      at,
      callId: `c${this.#calls}`,
      queue,
      from: `caller${this.#calls}@sim`,
      fromName: '',
      to: `${queue}@acd`,
      confirmMs: erlang ? 0 : isAckLost ? null : confirmMs,
      patienceMs,
      talkMs,
      hangsUp,
      byeLateMs: isByeLost ? Math.round(random.between(5, 90) * SECOND) : 0,
    };
  }

  fate(agentId: AgentId): Fate {
    if (this.#options.erlang) return AT_ONCE;
    const random = this.#moodOf(agentId);
    const ringsMs = Math.round(random.between(50, 300));
    const afterMs = Math.round(random.between(1, 8) * SECOND);
    const dice = random.next();
    if (dice < MISSES) {
      const isLate = this.#options.faults && random.isOneIn(ANSWERS_LATE);
      return {
        kind: 'silent',
        ringsMs,
        lateMs: isLate ? Math.round(random.between(0, 400)) : null,
      };
    }
    if (dice < MISSES + DECLINES) {
      return { kind: 'fails', afterMs, failure: 'declined', sipStatus: 603 };
    }
    if (dice < MISSES + DECLINES + FAILS) {
      return { kind: 'fails', afterMs: ringsMs, failure: 'unreachable', sipStatus: 503 };
    }
    const isLost = this.#options.faults && random.isOneIn(BRIDGE_LOST);
    const bridgeMs = Math.round(random.between(5, 60));
    return { kind: 'answers', ringsMs, afterMs, bridgeMs: isLost ? null : bridgeMs };
  }

  judge(agentId: AgentId): Judgement {
    const random = this.#moodOf(agentId);
    const { veto } = this.#options;
    const afterMs = Math.round(random.between(2, 300));
    const dice = random.next();
    if (dice < veto) return { ruling: 'refuse', afterMs };
    if (dice > veto * 1.1) return { ruling: 'allow', afterMs };
    return { ruling: 'silence', afterMs: random.isOneIn(0.5) ? afterMs : null };
  }

  presenceMs(agentId: AgentId): number {
    return this.#moods.get(agentId)?.presenceMs ?? 0;
  }

  repeatMs(): number | null {
    const { erlang, faults } = this.#options;
    if (erlang || !faults || !this.#messages.isOneIn(REPEATED)) return null;
    return Math.round(this.#messages.between(1, 1_500));
  }

  begin(house: House): void {
    const { erlang } = this.#options;
    for (const id of this.#agents) {
      if (erlang) {
        house.logIn(id);
        continue;
      }
      const random = this.#moodOf(id);
      house.after(Math.round(random.between(0, MINUTE)), () => house.logIn(id));
      for (const doing of Object.keys(DOINGS) as Doing[]) this.#plan(house, id, doing);
    }
  }

  #moodOf(agentId: AgentId): Random {
    const mood = this.#moods.get(agentId);
    if (mood === undefined) throw new Error(`agent ${agentId} is not in the play`);
    return mood.random;
  }

  #plan(house: House, id: AgentId, doing: Doing): void {
    const random = this.#moodOf(id);
    const [every, takes] = DOINGS[doing];
    house.after(Math.round(random.exponential(every)), () => {
      if (house.isClosing) return;
      this.#begin(house, id, doing);
      house.after(Math.round(random.exponential(takes)), () => {
        this.#end(house, id, doing);
        this.#plan(house, id, doing);
      });
    });
  }

  #begin(house: House, agentId: AgentId, doing: Doing): void {
    const by = `agent:${agentId}`;
    switch (doing) {
      case 'pause':
        return house.send({ kind: 'PauseAgent', agentId, reason: 'break', by });
      case 'logout':
        return house.send({ kind: 'LogOutAgent', who: { agentId }, by });
      case 'ownCall':
        return house.phones.useForOwnCall(agentId, true);
      case 'dial':
        return house.outgoing.dial(agentId, this.#dialled(agentId));
      case 'vanish':
        return house.phones.vanish(agentId);
    }
  }

  #end(house: House, agentId: AgentId, doing: Doing): void {
    switch (doing) {
      case 'pause':
        return house.send({ kind: 'ResumeAgent', agentId, by: `agent:${agentId}` });
      case 'logout':
        return house.logIn(agentId);
      case 'ownCall':
        return house.phones.useForOwnCall(agentId, false);
      case 'dial':
        return;
      case 'vanish':
        return house.phones.comeBack(agentId);
    }
  }

  /** What becomes of the number he dials. */
  #dialled(agentId: AgentId): Dialled {
    const random = this.#moodOf(agentId);
    const afterMs = Math.round(random.between(2, 20) * SECOND);
    const talkMs = Math.round(random.exponential(DOINGS.dial[1]));
    const hangsUp = random.isOneIn(0.5) ? 'agent' : 'callee';
    const dice = random.next();
    if (dice < 0.6) return { kind: 'answers', afterMs, talkMs, hangsUp };
    if (dice < 0.8) return { kind: 'fails', afterMs, by: 'callee', outcome: 'busy' };
    if (dice < 0.9) return { kind: 'fails', afterMs, by: 'agent' };
    return { kind: 'silent' };
  }

  /** When callers begin and cease to call. */
  get span(): { readonly from: number; readonly to: number } {
    return { from: this.#begins, to: this.#ends };
  }
}
