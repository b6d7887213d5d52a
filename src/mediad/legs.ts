/**
 * All legs and what can be asked of them. Every operation gives a result value; none throws for
 * something a client or a party can do.
 */
import { Clock } from './clock.ts';
import { EventBook } from './events.ts';
import { Shelf } from './files.ts';
import type { Endpoint } from './latch.ts';
import { Leg, type LegWorld, type Remote } from './leg.ts';
import { limits } from './limits.ts';
import { log } from './log.ts';
import { Announcement, Music, MusicMemory, type Part, type Sounds } from './playout.ts';
import { Ports, type PortRange } from './ports.ts';
import { Rota } from './rota.ts';
import { resolveHost, Routes, type Found } from './route.ts';
import { describeLeg, type LegDescription } from './describe.ts';

export type Reason = 'unknown-leg' | 'no-way' | 'unavailable' | 'limit' | 'bad-request';
export type Result =
  | { readonly ok: true; readonly [field: string]: unknown }
  | { readonly ok: false; readonly reason: Reason; readonly detail: string };

export interface Settings {
  readonly range: PortRange;
  readonly externalAddress: string | null;
  readonly silenceMs: number;
}

/** A part of an announcement as the client names it. */
export type Item = { readonly file: string } | { readonly silenceMs: number };

/** Music by its key; `fromMs`: where it begins if this process has not played it to the leg. */
export interface Tune {
  readonly key: string;
  readonly files: readonly string[];
  readonly fromMs: number;
}

/** What a client may know of a leg before there is one. */
export interface Given {
  readonly remote: Remote | null;
  /** Where the party's packets came from, before this process was. */
  readonly source: Endpoint | null;
  /** They came. */
  readonly heard: boolean;
  readonly memo: string | null;
  readonly note: string | null;
}

function failed(reason: Reason, detail: string): Result {
  return { ok: false, reason, detail };
}

export class Legs {
  readonly clock: Clock;
  readonly events = new EventBook();
  private readonly settings: Settings;
  private readonly legs = new Map<string, Leg>();
  private readonly opening = new Map<string, { cancelled: boolean }>();
  private readonly memories = new WeakMap<Leg, MusicMemory>();
  private readonly plays = new WeakMap<Leg, number>();
  private readonly ports: Ports;
  private readonly routes = new Routes();
  private readonly rota = new Rota();
  private readonly shelf: Shelf;
  private readonly world: LegWorld;
  private readonly sounds: Sounds;

  constructor(settings: Settings) {
    this.settings = settings;
    this.ports = new Ports(settings.range);
    this.shelf = new Shelf((path, why) => {
      this.events.add({ event: 'warning', detail: `${path} ${why}; it is skipped` });
    });
    this.clock = new Clock({
      beat: (phase, at, skipped) => this.rota.serve(phase, at, skipped),
      tend: (now) => this.tend(now),
      isBusy: () => this.rota.size > 0,
    });
    this.world = {
      now: () => this.clock.now(),
      owedMs: (now) => this.clock.owedMs(now),
      emit: (event) => this.events.add(event),
      wake: (leg) => {
        this.rota.join(leg);
        this.clock.wake();
      },
      silenceMs: settings.silenceMs,
    };
    this.sounds = { get: (path) => this.shelf.now(path, this.clock.now()) };
  }

  /**
   * A new leg towards `host`, on port `wish` if that is free; the same id again gives the same.
   * With what is known of the party already, so that a call costs one request and not two.
   */
  async create(id: string, host: string, wish: number | null, given: Given): Promise<Result> {
    const made = await this.open(id, host, wish);
    const leg = made.ok ? this.legs.get(id) : undefined;
    if (leg === undefined) return made;
    if (given.memo !== null) leg.memo = given.memo;
    if (given.note !== null) leg.note = given.note;
    leg.wasHeard ||= given.heard;
    if (given.remote !== null) leg.setRemote(given.remote, given.source);
    return made;
  }

  private async open(id: string, host: string, wish: number | null): Promise<Result> {
    const known = this.legs.get(id);
    if (known === undefined && this.opening.has(id)) return failed('unavailable', 'being created');
    if (known === undefined && this.legs.size + this.opening.size >= limits.legs) {
      return failed('limit', `${limits.legs} legs exist`);
    }
    const ticket = { cancelled: false };
    if (known === undefined) this.opening.set(id, ticket);
    try {
      const peer = await resolveHost(host);
      if (peer === null) return failed('unavailable', `no address for ${host}`);
      const local = await this.localAddress(peer);
      if (local === null) return failed('no-way', `no way to ${peer.address}`);
      if (known !== undefined)
        return { ok: true, address: local, port: known.pair.port, peer: peer.address };
      return await this.openLeg(id, peer, local, wish, ticket);
    } finally {
      if (known === undefined) this.opening.delete(id);
    }
  }

  private async openLeg(
    id: string,
    peer: Found,
    local: string,
    wish: number | null,
    ticket: { readonly cancelled: boolean },
  ): Promise<Result> {
    const pair = await this.ports.open(peer.family, wish, this.clock.now());
    if (typeof pair === 'string') return failed('limit', pair);
    if (ticket.cancelled) {
      this.ports.close(pair, this.clock.now());
      return failed('unknown-leg', 'released meanwhile');
    }
    const leg = new Leg(id, pair, { address: local, peer: peer.address }, this.world);
    this.legs.set(id, leg);
    return { ok: true, address: local, port: pair.port, peer: peer.address };
  }

  setRemote(id: string, remote: Remote, memo: string | null): Result {
    const leg = this.legs.get(id);
    if (leg === undefined) return failed('unknown-leg', id);
    leg.setRemote(remote);
    if (memo !== null) leg.memo = memo;
    return { ok: true };
  }

  /** Texts kept with the leg for the next client; null: as it was. */
  note(id: string, note: string | null, memo: string | null): Result {
    const leg = this.legs.get(id);
    if (leg === undefined) return failed('unknown-leg', id);
    if (note !== null) leg.note = note;
    if (memo !== null) leg.memo = memo;
    return { ok: true };
  }

  /** Reads files before they are needed. */
  preload(files: readonly string[]): Result {
    for (const file of files) void this.shelf.load(file, this.clock.now());
    return { ok: true };
  }

  /** Starts when all files are read; what cannot be is skipped. Nothing left: ends as `part`. */
  play(id: string, playId: string, items: readonly Item[]): Result {
    const leg = this.legs.get(id);
    if (leg === undefined) return failed('unknown-leg', id);
    const turn = this.nextTurn(leg);
    void this.gather(items).then((parts) => {
      // A later play, stop, connect or release has taken this one's place.
      if (this.legs.get(id) === leg && this.plays.get(leg) === turn && parts.length > 0) {
        leg.announce(new Announcement(playId, parts));
      } else {
        this.events.add({ event: 'playEnded', leg: id, playId, played: 'part' });
      }
    });
    return { ok: true };
  }

  stop(id: string): Result {
    const leg = this.legs.get(id);
    if (leg === undefined) return failed('unknown-leg', id);
    this.nextTurn(leg);
    leg.endAnnouncement('part');
    return { ok: true };
  }

  /** Music by key and files; null ends it. The position is kept per key. */
  setMusic(id: string, music: Tune | null): Result {
    const leg = this.legs.get(id);
    if (leg === undefined) return failed('unknown-leg', id);
    const memory = this.memories.get(leg) ?? new MusicMemory();
    this.memories.set(leg, memory);
    if (leg.music !== null && leg.musicKey !== null) {
      memory.keep(leg.musicKey, leg.music.position);
    }
    if (music === null || music.files.length === 0) leg.setMusic(null, null);
    else {
      const from = memory.recall(music.key) ?? { heard: Math.round(music.fromMs * 8) };
      leg.setMusic(music.key, new Music(music.files, this.sounds, from));
    }
    return { ok: true };
  }

  /** Both hear each other; what they were played ends. Former partners are left alone. */
  connect(idA: string, idB: string): Result {
    const [a, b] = [this.legs.get(idA), this.legs.get(idB)];
    if (a === undefined) return failed('unknown-leg', idA);
    if (b === undefined) return failed('unknown-leg', idB);
    if (a === b) return failed('bad-request', 'a leg cannot be connected to itself');
    const isNew = a.partnerId !== b.id;
    for (const leg of [a, b]) {
      if (isNew) this.part(leg);
      this.setMusic(leg.id, null);
      this.stop(leg.id);
    }
    if (isNew) {
      a.join(b);
      b.join(a);
    }
    return { ok: true };
  }

  disconnect(id: string): Result {
    const leg = this.legs.get(id);
    if (leg === undefined) return failed('unknown-leg', id);
    this.part(leg);
    return { ok: true };
  }

  dial(id: string, digits: string): Result {
    const leg = this.legs.get(id);
    if (leg === undefined) return failed('unknown-leg', id);
    if (leg.dialler.pending + digits.length > limits.dialDigits) {
      return failed('limit', `${limits.dialDigits} digits are waiting to be sent`);
    }
    if (!leg.canDial) return failed('unavailable', 'the party takes no telephone-event');
    leg.dial(digits);
    return { ok: true };
  }

  /** Ends a leg; unknown ones are fine. */
  release(id: string): Result {
    const ticket = this.opening.get(id);
    if (ticket !== undefined) ticket.cancelled = true;
    const leg = this.legs.get(id);
    if (leg === undefined) return { ok: true };
    const now = this.clock.now();
    this.nextTurn(leg);
    this.part(leg);
    leg.close(now);
    this.rota.leave(leg);
    this.legs.delete(id);
    this.ports.close(leg.pair, now);
    return { ok: true };
  }

  get count(): number {
    return this.legs.size;
  }

  list(): LegDescription[] {
    return [...this.legs.values()].map((leg) => describeLeg(leg));
  }

  /** Tells which legs are silent and which are heard, to a client that may not know. */
  tellAgain(): void {
    for (const leg of this.legs.values()) leg.tellAgain(this.clock.now());
  }

  describe(id: string): Result {
    const leg = this.legs.get(id);
    return leg === undefined
      ? failed('unknown-leg', id)
      : { ok: true, stats: describeLeg(leg, this.clock.now()) };
  }

  /** Figures of the whole process. */
  figures(): Record<string, unknown> {
    const { lateBeats, skippedFrames } = this.clock;
    const playing = this.rota.size;
    return {
      legs: this.legs.size,
      playing,
      lateBeats,
      skippedFrames,
      cache: this.shelf.usage(),
      events: this.events.counts(),
      memory: process.memoryUsage().rss,
      cpu: process.cpuUsage(),
    };
  }

  /** Can RTP be bound at all? Null, or why not. */
  fault(): Promise<string | null> {
    return this.ports.fault();
  }

  close(): void {
    this.clock.stop();
    for (const id of [...this.legs.keys()]) this.release(id);
    log('info', 'all legs released');
  }

  private part(leg: Leg): void {
    const partnerId = leg.partnerId;
    const partner = partnerId === null ? undefined : this.legs.get(partnerId);
    leg.join(null);
    partner?.join(null);
  }

  private nextTurn(leg: Leg): number {
    const turn = (this.plays.get(leg) ?? 0) + 1;
    this.plays.set(leg, turn);
    return turn;
  }

  private async localAddress(peer: Found): Promise<string | null> {
    if (this.settings.externalAddress !== null) return this.settings.externalAddress;
    const bound = this.ports.boundAddress(peer.family);
    if (bound === null || (bound !== '0.0.0.0' && bound !== '::')) return bound;
    return this.routes.localFor(peer, this.clock.now());
  }

  private async gather(items: readonly Item[]): Promise<Part[]> {
    const parts = await Promise.all(
      items.map(async (item): Promise<Part | null> => {
        if (!('file' in item)) return Math.round(item.silenceMs * 8);
        return this.shelf.loadWithin(item.file, this.clock.now());
      }),
    );
    return parts.filter((part) => part !== null);
  }

  private tend(now: number): void {
    for (const leg of this.legs.values()) leg.tend(now);
  }
}
