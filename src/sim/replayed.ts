/**
 * A recorded day as a script: the same callers at the same instants, the same agents coming and
 * going. What the recording cannot know is drawn, by a seed, from what it does know:
 *
 * - how long a caller who was answered would have waited: at least as long as he did, and then
 *   like the others of his queue (exponential; the mean is all the waiting there was for each
 *   who gave up, the usual estimate where most observations are cut off by an answer);
 * - how long a caller who was never answered would have talked: like one of his queue;
 * - what an agent makes of an offer: what he made of his recorded ones, one after the other.
 */
import type { AgentId, QueueName } from '../core/types.ts';
import type { House } from './house.ts';
import { Random } from './random.ts';
import type { RecordedCall, RecordedDoing, Recording } from './recording.ts';
import type { Fate, Judgement, Script, Visit } from './script.ts';

/** With fewer observations than this a queue is like all of them together. */
const ENOUGH = 20;
/** Where nobody talked at all, ms. */
const TALK_MS = 180_000;
/** Of an agent, and of a day, that no offer is known of. */
const PROMPT: Fate = { kind: 'answers', ringsMs: 100, afterMs: 4_000, bridgeMs: 30 };

interface Habits {
  waitedMs: number;
  abandoned: number;
  readonly talks: number[];
}

function habitsOf(calls: readonly RecordedCall[]): Habits {
  const habits: Habits = { waitedMs: 0, abandoned: 0, talks: [] };
  for (const call of calls) {
    habits.waitedMs += call.waitedMs;
    if (call.hasAbandoned) habits.abandoned += 1;
    if (call.talkMs !== null) habits.talks.push(call.talkMs);
  }
  return habits;
}

export class Replayed implements Script {
  readonly presence = 'scripted';
  readonly #recording: Recording;
  readonly #random: Random;
  readonly #all: Habits;
  readonly #queues = new Map<QueueName, Habits>();
  readonly #pool: readonly Fate[];
  readonly #offers = new Map<AgentId, number>();
  #next = 0;
  #pooled = 0;

  constructor(recording: Recording, seed: number) {
    this.#recording = recording;
    this.#random = new Random(seed);
    this.#all = habitsOf(recording.calls);
    const byQueue = new Map<QueueName, RecordedCall[]>();
    for (const call of recording.calls) {
      byQueue.set(call.queue, [...(byQueue.get(call.queue) ?? []), call]);
    }
    for (const [queue, calls] of byQueue) this.#queues.set(queue, habitsOf(calls));
    this.#pool = [...recording.fates.values()].flat();
  }

  nextVisit(): Visit | null {
    const call = this.#recording.calls[this.#next];
    if (call === undefined) return null;
    this.#next += 1;
    // Drawn for every call alike, so that two replays of a day differ in nothing but the rules.
    const [patience, talk] = [this.#random.next(), this.#random.next()];
    const { at, callId, queue, from, fromName, to, brings, hangsUp } = call;
    return {
      at,
      callId,
      queue,
      from,
      fromName,
      to,
      brings,
      hangsUp,
      // A caller who hung up before his leg was up would do so again.
      confirmMs: call.confirmMs ?? (call.hasAbandoned ? null : 0),
      patienceMs: this.#patience(call, patience),
      talkMs: call.talkMs ?? this.#talk(queue, talk),
      byeLateMs: 0,
    };
  }

  fate(agentId: AgentId): Fate {
    const own = this.#recording.fates.get(agentId);
    if (own === undefined) {
      this.#pooled += 1;
      return this.#pool[(this.#pooled - 1) % this.#pool.length] ?? PROMPT;
    }
    const count = this.#offers.get(agentId) ?? 0;
    this.#offers.set(agentId, count + 1);
    return own[count % own.length] ?? PROMPT;
  }

  /** What an outside veto would say of pairs that were never asked about nobody knows. */
  judge(): Judgement {
    return { ruling: 'allow', afterMs: 0 };
  }

  presenceMs(): number {
    return 0;
  }

  repeatMs(): null {
    return null;
  }

  begin(house: House): void {
    for (const one of this.#recording.doings) {
      house.after(Math.max(0, one.at - house.now()), () => this.#do(house, one));
    }
  }

  #do(house: House, { agentId, doing }: RecordedDoing): void {
    const by = `agent:${agentId}`;
    switch (doing.kind) {
      case 'login':
        return house.logIn(agentId, doing.device);
      case 'logout':
        return house.send({ kind: 'LogOutAgent', who: { agentId }, by });
      case 'join':
      case 'leave': {
        const kind = doing.kind === 'join' ? 'JoinQueue' : 'LeaveQueue';
        return house.send({ kind, agentId, queue: doing.queue, by });
      }
      case 'pause':
        return house.send({ ...doing, kind: 'PauseAgent', agentId, by });
      case 'resume':
        return house.send({ ...doing, kind: 'ResumeAgent', agentId, by });
      case 'report': {
        const { deviceUri, state } = doing;
        return house.send({ kind: 'ReportDevice', deviceUri, state, source: 'recorded', by });
      }
    }
  }

  #habits(queue: QueueName, isEnough: (habits: Habits) => boolean): Habits {
    const own = this.#queues.get(queue);
    return own !== undefined && isEnough(own) ? own : this.#all;
  }

  /** `chance`: from 0 up to, not including, 1. */
  #patience(call: RecordedCall, chance: number): number {
    if (call.hasAbandoned) return call.waitedMs;
    const { waitedMs, abandoned } = this.#habits(call.queue, (own) => own.abandoned >= ENOUGH);
    if (abandoned === 0) return Infinity;
    return Math.round(call.waitedMs - (waitedMs / abandoned) * Math.log(1 - chance));
  }

  #talk(queue: QueueName, chance: number): number {
    const { talks } = this.#habits(queue, (own) => own.talks.length >= ENOUGH);
    return talks[Math.floor(chance * talks.length)] ?? TALK_MS;
  }
}
