/**
 * Which leg is on which rtpengine. A leg is one call in one engine (call-id = leg id); this is the
 * record of them, with what follows from it: a new leg is placed on a healthy engine, a call that
 * is no longer wanted is deleted even if its engine is away just now, legs an engine has lost are
 * found out and told, and after a restart of ours the legs are found again by asking.
 *
 * An engine that was restarted answers as if nothing had happened. So the question that keeps an
 * eye on it is a `query` for one of its legs, each in turn; the first unknown one has all asked.
 */
import { createEngines, type Engine, type Engines, type EnginesOptions } from './engines.ts';
import { failure } from './failure.ts';
import { inBatches } from './in-batches.ts';
import type { NgCommand, NgParams, NgResult } from './ng.ts';
import type { LegId, MediaFailure, MediaResult } from './port.ts';
import type { Party } from './rtpengine-party.ts';

export type Sdp = { readonly sdp: string };

export interface Leg {
  readonly id: LegId;
  engine: Engine;
  /** `offered`: the party has not answered our offer yet. */
  stage: 'offered' | 'up';
  /** mediad's last SDP. */
  inside: string;
  /** Our last SDP for the party; null when the leg was found again after a restart of ours. */
  current: string | null;
  /** The party's last SDP. */
  party: { readonly sdp: string; readonly read: Party } | null;
  lost: boolean;
  /** The party does not know `current` yet: a re-INVITE is due, or under way. */
  isUntold: boolean;
}

/** A leg as it is kept for the next server: with the name of its engine. */
export type Noted = Pick<Leg, 'stage' | 'current' | 'party' | 'isUntold'> & {
  readonly engine: string;
};

export interface LegsListener {
  /** The engine no longer has these legs, or does not answer any more. */
  lost(engine: string, legs: readonly LegId[]): void;
  /** Lost legs that some engine can take. */
  homeless(legs: readonly LegId[]): void;
  /** The engine answers again. */
  back(engine: string): void;
}

/** Engines a new leg is tried on before it fails. */
const MAX_TRIES = 3;
/** Legs of one process; a further one fails as `limit`. */
export const MAX_LEGS = 20_000;
/** Calls to be deleted once their engine is back, per engine; beyond it the oldest is left to the
 *  engine's own timeout. */
const MAX_ORPHANS = 10_000;
/** Queries under way at once when many legs are looked for. */
const AT_ONCE = 32;
/** Lost legs skipped in search of one worth asking for. */
const LOOK_AHEAD = 16;
const UNKNOWN_CALL = 'Unknown call-id';

/** The engine's refusal in the port's words. */
function asFailure(engine: Engine, result: NgResult & { readonly ok: false }): MediaFailure {
  const detail = `rtpengine ${engine.name}: ${result.detail}`;
  if (result.why === 'timeout') return failure('timeout', detail);
  if (result.why === 'limit') return failure('limit', detail);
  if (result.detail === UNKNOWN_CALL) return failure('unknown-leg', detail);
  // The peer reads this one: which engine it was is none of his business.
  if (/SDP/.test(result.detail)) return failure('not-acceptable', result.detail);
  if (/ports|limit/i.test(result.detail)) return failure('limit', detail);
  return failure('unavailable', detail);
}

/** An offer or answer for a leg, and the SDP that came back. */
export async function exchange(
  engine: Engine,
  command: NgCommand & ('offer' | 'answer'),
  leg: LegId,
  params: NgParams,
): Promise<MediaResult<Sdp>> {
  const result = await engine.request(command, { 'call-id': leg, ...params });
  if (!result.ok) return asFailure(engine, result);
  const { sdp } = result.reply;
  if (typeof sdp !== 'string') return failure('not-acceptable', 'rtpengine gave no SDP');
  return { ok: true, sdp };
}

/** Has the party agreed to an SDP of ours? Else there is nothing to renew with it yet. */
function hasAgreed({ stage, party }: Leg): boolean {
  return stage === 'up' || party !== null;
}

type NgReply = Readonly<Record<string, unknown>>;
type Presence = 'there' | 'gone' | 'unsure';

async function lookFor(leg: LegId, engine: Engine): Promise<Presence> {
  if (engine.state === 'down') return 'unsure';
  const result = await engine.request('query', { 'call-id': leg });
  if (result.ok) return 'there';
  return result.detail === UNKNOWN_CALL ? 'gone' : 'unsure';
}

export class RtpengineLegs {
  readonly engines: Engines;
  readonly #legs = new Map<LegId, Leg>();
  /** Turn of the question: the leg asked last goes to the end. */
  readonly #turns = new Map<Engine, Set<LegId>>();
  readonly #orphans = new Map<Engine, Set<LegId>>();
  /** Work under way, by kind and engine: whoever wants it again waits for it. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #listener: LegsListener;

  constructor(options: Omit<EnginesOptions, 'listener'>, listener: LegsListener) {
    this.#listener = listener;
    this.engines = createEngines({
      ...options,
      listener: {
        question: (engine) => this.#question(engine),
        answered: (engine, result) => {
          void this.#dropOrphans(engine);
          if (!result.ok && result.detail === UNKNOWN_CALL) void this.#sweep(engine);
        },
        down: (engine) => this.#lose(engine, this.#on(engine)),
        up: (engine, first) => void this.#welcome(engine, first),
      },
    });
    for (const engine of this.engines.all) {
      this.#turns.set(engine, new Set());
      this.#orphans.set(engine, new Set());
    }
  }

  get(leg: LegId): Leg | undefined {
    return this.#legs.get(leg);
  }

  get size(): number {
    return this.#legs.size;
  }

  /** Ids of the legs whose engine has them, as far as known; of all engines or one `host:port`. */
  alive(engine?: string): readonly LegId[] {
    return [...this.#legs.values()]
      .filter((leg) => !leg.lost && (engine === undefined || leg.engine.name === engine))
      .map(({ id }) => id);
  }

  /** Those of the legs that are on record, lost ones included. */
  among(ids: readonly LegId[]): readonly LegId[] {
    return ids.filter((id) => this.#legs.has(id));
  }

  /** Ids of all legs, lost ones included. */
  ids(): readonly LegId[] {
    return [...this.#legs.keys()];
  }

  add(leg: Leg): Leg {
    this.#legs.set(leg.id, leg);
    this.#turns.get(leg.engine)?.add(leg.id);
    return leg;
  }

  /** Forgets the leg and deletes its call; without a record, on every engine that answers. */
  async remove(id: LegId): Promise<void> {
    const leg = this.#legs.get(id);
    this.#legs.delete(id);
    if (leg === undefined) {
      const answering = this.engines.all.filter(({ state }) => state !== 'down');
      await Promise.all(answering.map((engine) => this.drop(engine, id)));
    } else {
      this.#turns.get(leg.engine)?.delete(id);
      await this.drop(leg.engine, id);
    }
  }

  /** The leg's call is on another engine from now on. */
  move(leg: Leg, engine: Engine): void {
    const former = leg.engine;
    this.#turns.get(former)?.delete(leg.id);
    this.add(Object.assign(leg, { engine, lost: false }));
    if (former !== engine) void this.drop(former, leg.id);
  }

  /** Offers a new call to the candidates, one after another, until one takes it. */
  async place(
    leg: LegId,
    params: NgParams,
    candidates = this.engines.candidates(),
  ): Promise<MediaResult<Sdp & { readonly engine: Engine }>> {
    let last = failure('unavailable', 'no rtpengine answers');
    for (const engine of candidates.slice(0, MAX_TRIES)) {
      const offered = await exchange(engine, 'offer', leg, params);
      if (offered.ok) return { ...offered, engine };
      // It may be carried out yet, even after a `delete` sent now: the engine has many threads.
      if (offered.reason === 'timeout') this.#orphan(engine, leg);
      else void this.drop(engine, leg);
      if (offered.reason === 'not-acceptable') return offered;
      last = offered;
    }
    return last;
  }

  /** Deletes a call, at once or when its engine answers again. */
  async drop(engine: Engine, leg: LegId): Promise<void> {
    if (engine.state !== 'down') {
      const result = await engine.request('delete', { 'call-id': leg, 'delete delay': 0 });
      if (result.ok || result.why === 'refused') return;
    }
    this.#orphan(engine, leg);
  }

  /** A leg of ours from before a restart: which engine has it? Null: none of those that answer. */
  async find(id: LegId, inside: string): Promise<Leg | null> {
    for (const engine of this.engines.all) {
      if ((await lookFor(id, engine)) !== 'there') continue;
      const known = { inside, current: null, party: null, lost: false, isUntold: false };
      return this.#legs.get(id) ?? this.add({ id, engine, ...known, stage: 'up' });
    }
    return null;
  }

  /** A leg that was noted: is it still where it was? If not, it is lost. */
  async recall(id: LegId, inside: string, noted: Noted): Promise<Leg | null> {
    const { all } = this.engines;
    const engine = all.find(({ name }) => name === noted.engine) ?? all[0];
    if (engine === undefined) return null;
    const isHome = engine.name === noted.engine && (await lookFor(id, engine)) !== 'gone';
    const leg = { ...noted, id, engine, inside, lost: !isHome || engine.state === 'down' };
    return this.#legs.get(id) ?? this.add(leg);
  }

  /** An engine that has the call, with what it tells of it; null: none of those that answer. */
  async seek(id: LegId): Promise<{ engine: Engine; reply: NgReply } | null> {
    for (const engine of this.engines.all) {
      if (engine.state === 'down') continue;
      const result = await engine.request('query', { 'call-id': id });
      if (result.ok) return { engine, reply: result.reply };
    }
    return null;
  }

  /** Does that with each leg that is not on record, in batches; then tells what is lost. */
  async forUnknown(ids: readonly LegId[], work: (id: LegId) => Promise<void>): Promise<void> {
    const unknown = ids.filter((id) => !this.#legs.has(id));
    if (unknown.length === 0) return;
    await inBatches(unknown, AT_ONCE, work);
    this.tellHomeless();
  }

  /**
   * Tells of lost legs, if an engine could take them, and of those that a process before us did
   * not get told; those that never agreed can wait.
   */
  tellHomeless(): void {
    if (this.engines.candidates().length === 0) return;
    const legs = [...this.#legs.values()];
    const lost = legs.filter((leg) => (leg.lost || leg.isUntold) && hasAgreed(leg));
    if (lost.length > 0) this.#listener.homeless(lost.map(({ id }) => id));
  }

  /** The call is to be deleted when the engine has answered a question that was asked later. */
  #orphan(engine: Engine, leg: LegId): void {
    const orphans = this.#orphans.get(engine) ?? new Set();
    const [oldest] = orphans;
    if (orphans.size >= MAX_ORPHANS && oldest !== undefined) orphans.delete(oldest);
    orphans.add(leg);
  }

  #dropOrphans(engine: Engine): Promise<void> {
    return this.#once(`drop ${engine.name}`, async () => {
      const orphans = [...(this.#orphans.get(engine) ?? [])];
      this.#orphans.get(engine)?.clear();
      await inBatches(orphans, AT_ONCE, async (id) => {
        if (this.#legs.get(id)?.engine !== engine) await this.drop(engine, id);
      });
    });
  }

  #once(what: string, work: () => Promise<void>): Promise<void> {
    const running = this.#running.get(what) ?? work().finally(() => this.#running.delete(what));
    this.#running.set(what, running);
    return running;
  }

  #on(engine: Engine): Leg[] {
    return [...this.#legs.values()].filter((leg) => leg.engine === engine);
  }

  #question(engine: Engine): { command: NgCommand; params: NgParams } {
    const turn = this.#turns.get(engine) ?? new Set();
    for (const id of [...turn].slice(0, LOOK_AHEAD)) {
      turn.delete(id);
      turn.add(id);
      if (this.#legs.get(id)?.lost === false) {
        return { command: 'query', params: { 'call-id': id } };
      }
    }
    return { command: 'ping', params: {} };
  }

  #lose(engine: Engine, legs: readonly Leg[]): void {
    const fresh = legs.filter((leg) => !leg.lost);
    for (const leg of fresh) leg.lost = true;
    this.#listener.lost(
      engine.name,
      fresh.map(({ id }) => id),
    );
    if (fresh.length > 0) this.tellHomeless();
  }

  /** Asks the engine for each of its legs: some may be gone, others be back. */
  #sweep(engine: Engine): Promise<void> {
    return this.#once(`sweep ${engine.name}`, async () => {
      const gone: Leg[] = [];
      await inBatches(this.#on(engine), AT_ONCE, async (leg) => {
        const presence = await lookFor(leg.id, engine);
        // Released or moved meanwhile: not ours to judge any more.
        if (this.#legs.get(leg.id) !== leg || leg.engine !== engine) return;
        if (presence === 'gone') gone.push(leg);
        if (presence === 'there') leg.lost = false;
      });
      if (gone.some((leg) => !leg.lost)) this.#lose(engine, gone);
    });
  }

  async #welcome(engine: Engine, first: boolean): Promise<void> {
    await this.#dropOrphans(engine);
    await this.#sweep(engine);
    if (!first) this.#listener.back(engine.name);
    this.tellHomeless();
  }
}
