/**
 * Figures of a day, folded from its events: how many were answered and how soon, how long the
 * others held out, how busy the agents were, how evenly it was shared. The span that counts can be
 * cut into parts of equal length, whose scatter says how far a figure is from what it would be in
 * the long run.
 */
import type { CoreEvent } from '../core/events.ts';
import { OrderedSet } from '../core/ordered.ts';
import type { AgentId, CallId, QueueName } from '../core/types.ts';

export interface TallyOptions {
  /** Calls that enter, and time that passes, outside of this do not count. */
  readonly from: number;
  readonly to: number;
  readonly parts: number;
  readonly thresholdMs: number;
}

/** Sums over one part of the day, or over all of it. Calls count where they entered. */
export interface Sums {
  offered: number;
  answered: number;
  /** Answered within the threshold. */
  quick: number;
  abandoned: number;
  /** Refused at entry. */
  refused: number;
  /** Ended by us before an agent was there. */
  failed: number;
  /** Calls that waited at all. */
  waited: number;
  waitMs: number;
  talkMs: number;
  /** Wrap-up, in agents' milliseconds. */
  wrapupMs: number;
  /** Agents logged in and not paused, in agents' milliseconds. */
  staffedMs: number;
}

export interface AgentSums {
  calls: number;
  talkMs: number;
  staffedMs: number;
}

interface Open {
  readonly queue: QueueName;
  readonly entry: number;
  readonly part: number;
  readonly enteredAt: number;
  connectedAt: number | null;
}

type Handover = Extract<CoreEvent, { kind: 'CallTransferred' }>;

interface Agent extends AgentSums {
  isIn: boolean;
  isPaused: boolean;
  isInWrapup: boolean;
  staffedSince: number | null;
}

function noSums(): Sums {
  return {
    offered: 0,
    answered: 0,
    quick: 0,
    abandoned: 0,
    refused: 0,
    failed: 0,
    waited: 0,
    waitMs: 0,
    talkMs: 0,
    wrapupMs: 0,
    staffedMs: 0,
  };
}

export class Tally {
  readonly parts: readonly Sums[];
  /** Waits of the answered, ms, in order of their answers. */
  readonly waits: number[] = [];
  /** Answered while somebody who came before them to the same queue still waited. */
  overtakers = 0;
  readonly #options: TallyOptions;
  readonly #partMs: number;
  readonly #calls = new Map<CallId, Open>();
  readonly #agents = new Map<AgentId, Agent>();
  readonly #lines = new Map<QueueName, OrderedSet<Open>>();
  #at: number;
  #talking = 0;
  #wrapping = 0;
  #staffed = 0;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#partMs = (options.to - options.from) / options.parts;
    this.parts = Array.from({ length: options.parts }, noSums);
    this.#at = options.from;
  }

  hear(event: CoreEvent): void {
    this.#pass(event.at);
    switch (event.kind) {
      case 'CallEntered':
        return this.enters(event.callId, event.queue, event.entry, event.at);
      case 'CallRefused':
        return this.refuses(event.at);
      case 'CallConnected':
        return this.#connected(event.callId, event.agentId, event.at);
      case 'CallTransferred':
        this.handsOver(event);
        return this.enters(event.callId, event.queue, event.entry, event.at);
      case 'CallEnded':
        return this.#ended(event);
      default:
        if ('agentId' in event) this.#agentSays(event);
    }
  }

  /** Into the line of a queue. */
  enters(callId: CallId, queue: QueueName, entry: number, at: number): void {
    const part = this.#partOf(at);
    const open: Open = { queue, entry, part, enteredAt: at, connectedAt: null };
    this.#calls.set(callId, open);
    this.#line(queue).add(open);
    const sums = this.parts[part];
    if (sums !== undefined) sums.offered += 1;
  }

  /** Got no place. */
  refuses(at: number): void {
    const sums = this.parts[this.#partOf(at)];
    if (sums === undefined) return;
    sums.offered += 1;
    sums.refused += 1;
  }

  /** Out of the line without an agent; gives its entry number, null: it was not there. */
  leaves(callId: CallId, at: number, how: 'abandoned' | 'failed'): number | null {
    const call = this.#calls.get(callId);
    if (call === undefined) return null;
    this.#calls.delete(callId);
    this.#line(call.queue).delete(call);
    const sums = this.parts[call.part];
    if (sums !== undefined) {
      const waitedMs = at - call.enteredAt;
      sums[how] += 1;
      sums.waitMs += waitedMs;
      if (waitedMs > 0) sums.waited += 1;
    }
    return call.entry;
  }

  /** The agent's part of a talk is over; the caller goes into a line again, like a new one. */
  handsOver({ callId, agentId, talkedMs }: Handover): void {
    if (!this.#calls.delete(callId)) return;
    this.#talking -= 1;
    this.#agent(agentId).talkMs += talkedMs;
  }

  /** Sums of all parts. */
  total(): Sums {
    const total = noSums();
    for (const part of this.parts) {
      for (const name of Object.keys(total) as (keyof Sums)[]) total[name] += part[name];
    }
    return total;
  }

  /** What each agent did, up to the last event. */
  agents(): ReadonlyMap<AgentId, AgentSums> {
    for (const agent of this.#agents.values()) this.#settle(agent, this.#at);
    return this.#agents;
  }

  #partOf(at: number): number {
    const { from, to } = this.#options;
    return at < from || at >= to ? -1 : Math.floor((at - from) / this.#partMs);
  }

  /** Time goes on: what lasts is added to the parts it lasts in. */
  #pass(at: number): void {
    const { to } = this.#options;
    const end = Math.min(at, to);
    while (this.#at < end) {
      const part = this.#partOf(this.#at);
      const sums = this.parts[part];
      if (sums === undefined) break;
      const until = Math.min(end, this.#options.from + (part + 1) * this.#partMs);
      const ms = until - this.#at;
      sums.talkMs += this.#talking * ms;
      sums.wrapupMs += this.#wrapping * ms;
      sums.staffedMs += this.#staffed * ms;
      // Parts may end within a millisecond: never stand still there.
      this.#at = ms > 0 ? until : end;
    }
    this.#at = Math.max(this.#at, at);
  }

  #line(queue: QueueName): OrderedSet<Open> {
    const known = this.#lines.get(queue);
    if (known !== undefined) return known;
    const line = new OrderedSet<Open>((a, b) => a.entry - b.entry);
    this.#lines.set(queue, line);
    return line;
  }

  #connected(callId: CallId, agentId: AgentId, at: number): void {
    const call = this.#calls.get(callId);
    if (call === undefined) return;
    call.connectedAt = at;
    this.#talking += 1;
    const line = this.#line(call.queue);
    line.delete(call);
    const sums = this.parts[call.part];
    if (sums === undefined) return;
    const waitMs = at - call.enteredAt;
    if (line.rank(call) > 0) this.overtakers += 1;
    this.waits.push(waitMs);
    sums.answered += 1;
    sums.waitMs += waitMs;
    if (waitMs > 0) sums.waited += 1;
    if (waitMs <= this.#options.thresholdMs) sums.quick += 1;
    this.#agent(agentId).calls += 1;
  }

  #ended(event: Extract<CoreEvent, { kind: 'CallEnded' }>): void {
    const call = this.#calls.get(event.callId);
    if (call === undefined) return;
    if (call.connectedAt === null) {
      const how = event.status === 'ABANDONED' ? 'abandoned' : 'failed';
      this.leaves(event.callId, event.leftAt ?? event.at, how);
      return;
    }
    this.#calls.delete(event.callId);
    this.#talking -= 1;
    if (event.agentId !== null) this.#agent(event.agentId).talkMs += event.talkedMs;
  }

  #agent(id: AgentId): Agent {
    const known = this.#agents.get(id);
    if (known !== undefined) return known;
    const agent: Agent = {
      calls: 0,
      talkMs: 0,
      staffedMs: 0,
      isIn: false,
      isPaused: false,
      isInWrapup: false,
      staffedSince: null,
    };
    this.#agents.set(id, agent);
    return agent;
  }

  #agentSays(event: CoreEvent & { readonly agentId: AgentId }): void {
    const agent = this.#agent(event.agentId);
    switch (event.kind) {
      case 'AgentLoggedIn':
        agent.isIn = true;
        break;
      case 'AgentLoggedOut':
        agent.isIn = false;
        agent.isPaused = false;
        if (agent.isInWrapup) this.#wrapping -= 1;
        agent.isInWrapup = false;
        break;
      case 'AgentPaused':
      case 'AgentResumed':
        // In one queue he is paused, he is still there for the others.
        if (event.queue !== undefined) return;
        agent.isPaused = event.kind === 'AgentPaused';
        break;
      case 'WrapupStarted':
        if (!agent.isInWrapup) this.#wrapping += 1;
        agent.isInWrapup = true;
        break;
      case 'WrapupEnded':
        if (agent.isInWrapup) this.#wrapping -= 1;
        agent.isInWrapup = false;
        break;
      default:
        return;
    }
    this.#settle(agent, event.at);
  }

  /** Adds what has passed of his time, and begins it anew where he still works. */
  #settle(agent: Agent, at: number): void {
    const wasStaffed = agent.staffedSince !== null;
    if (agent.staffedSince !== null) agent.staffedMs += at - agent.staffedSince;
    const isStaffed = agent.isIn && !agent.isPaused;
    agent.staffedSince = isStaffed ? at : null;
    if (isStaffed !== wasStaffed) this.#staffed += isStaffed ? 1 : -1;
  }
}
