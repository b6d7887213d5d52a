/**
 * The programs we serve: who is connected and authenticated, who wants which new requests, and who
 * owns which dialog. A client may die at any moment; what it owned waits for the next one, and
 * frames for it are held in order, for a bounded time and in bounded number.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from './clock.ts';
import { CALLED, isApart, kinOf, patienceWith, TAKEOVER } from './kin.ts';
import {
  CLIENT_RETURN_MS,
  CLIENT_SILENT_MS,
  HELD_MS,
  MAX_CLIENT_BACKLOG_BYTES,
  MAX_HELD_FRAMES,
  MAX_HELD_PER_DIALOG,
  MAX_HELD_REQUESTS,
  MAX_ORPHANED_OWNERS,
  TAG_PATIENCE_MS,
} from './limits.ts';

/** One connection from a client program. */
export class Client {
  readonly id: string;
  readonly socket: Socket;
  tags: string[] = [];
  readonly routes = new Set<string>();
  isAuthenticated = false;
  /** Rest of a long answer, told page by page. */
  pages: string[] = [];
  /** Wants no new calls until then: it is overloaded. */
  busyUntil = 0;
  /** Where we connected to it; '' if it came to us. */
  readonly calledAt: string;
  private out = '';
  private isFlushing = false;

  constructor(id: string, socket: Socket, calledAt = '') {
    this.id = id;
    this.socket = socket;
    this.calledAt = calledAt;
  }

  /** Who it says it is. */
  introduce(tags: string[]): void {
    this.tags = tags;
    if (this.calledAt !== '') this.tags.push(`${CALLED}${this.calledAt}`);
  }

  /** Frames of one turn of the event loop leave in one write. */
  send(frame: string): void {
    this.out += frame;
    if (this.isFlushing) return;
    this.isFlushing = true;
    setImmediate(() => {
      this.flush();
    });
  }

  get takesOver(): boolean {
    return this.tags.includes(TAKEOVER);
  }

  flush(): void {
    this.isFlushing = false;
    const text = this.out;
    this.out = '';
    if (text === '' || this.socket.destroyed) return;
    this.socket.write(text, 'latin1');
    // A client that stopped reading is as good as dead, and its dialogs need a living one.
    if (this.socket.writableLength > MAX_CLIENT_BACKLOG_BYTES) this.socket.destroy();
  }
}

interface Held {
  key: string;
  frame: string;
  onGiven: (() => void) | undefined;
  timer: Timer;
}

interface Orphan {
  tags: string[];
  goneAt: number;
  held: Set<Held>;
  abandon: Timer;
}

/** Of one that takes over: are these who came before it still there? */
interface Question {
  next: Client;
  doubted: Set<Client>;
  timer: Timer;
  then: () => void;
}

interface WaitingRequest {
  verb: string;
  take: (client: Client) => void;
  timer: Timer;
}

export interface ClientsOptions {
  clock: Clock;
  /** Everything owned by `from` now belongs to `to`; while both are still known to us. */
  moveOwnership: (from: string, to: string, next: Client | null) => void;
  /** Nobody came for what this owner left. */
  abandon: (owner: string) => void;
  /** Does anything belong to this owner? */
  owns: (owner: string) => boolean;
}

export class Clients {
  private readonly connected = new Map<string, Client>();
  private readonly orphans = new Map<string, Orphan>();
  private readonly heldByKey = new Map<string, number>();
  private heldCount = 0;
  private refusedCalls = 0;
  private readonly waiting = new Set<WaitingRequest>();
  private readonly questions = new Set<Question>();
  private readonly lastWanted = new Map<string, number>();
  private readonly turns = new Map<string, number>();
  private readonly options: ClientsOptions;

  constructor(options: ClientsOptions) {
    this.options = options;
  }

  /** Authenticated clients. */
  get count(): number {
    return this.connected.size;
  }

  /**
   * The client is authenticated: it takes over what its own kind left, and, where neither is a kind
   * for itself, what others left and nobody of theirs came for.
   */
  join(client: Client): void {
    this.connected.set(client.id, client);
    this.adoptFor(client);
  }

  private adoptFor(client: Client): void {
    if (this.connected.get(client.id) !== client) return;
    const now = this.options.clock.now();
    const kin = kinOf(client.tags);
    let soonest = Infinity;
    for (const [id, orphan] of [...this.orphans]) {
      const wait = orphan.goneAt + TAG_PATIENCE_MS - now;
      const isKin = kinOf(orphan.tags) === kin;
      if (!isKin && (isApart(client.tags) || isApart(orphan.tags))) continue;
      if (isKin || wait <= 0) this.adopt(id, orphan, client);
      else soonest = Math.min(soonest, wait);
    }
    if (soonest === Infinity) return;
    this.options.clock.after(soonest, () => {
      this.adoptFor(client);
    });
  }

  leave(client: Client): void {
    if (!this.connected.has(client.id)) return;
    const now = this.options.clock.now();
    for (const verb of client.routes) this.lastWanted.set(verb, now);
    // One that we called for a request leaves as a rule when nothing is left to do.
    if (client.calledAt !== '' && !this.options.owns(client.id)) {
      this.connected.delete(client.id);
      this.settle(client, true);
      return;
    }
    const next = this.nextOf(client);
    if (next === null) this.leaveBehind(client);
    else this.options.moveOwnership(client.id, next.id, next);
    this.connected.delete(client.id);
    this.settle(client, true);
  }

  /** It waits with what its kind left before, as long as if all had left now. */
  private leaveBehind({ id, tags }: Client): void {
    const kin = [...this.orphans].find(([, orphan]) => kinOf(orphan.tags) === kinOf(tags));
    if (kin !== undefined) {
      const [first, orphan] = kin;
      this.options.moveOwnership(id, first, null);
      orphan.goneAt = this.options.clock.now();
      orphan.abandon.cancel();
      orphan.abandon = this.abandonLater(first, tags);
      return;
    }
    const [oldest] = this.orphans.keys();
    if (this.orphans.size >= MAX_ORPHANED_OWNERS && oldest !== undefined) this.abandon(oldest);
    this.orphan(id, tags);
  }

  /**
   * Who came while we had not heard yet that the former was gone: where we were held up, both
   * come to us in one turn, in any order. The latest; null: nobody of its kind that takes over.
   */
  private nextOf(client: Client): Client | null {
    const kin = kinOf(client.tags);
    const all = [...this.connected.values()];
    const later = all.slice(all.indexOf(client) + 1);
    return later.findLast((one) => one.takesOver && kinOf(one.tags) === kin) ?? null;
  }

  /**
   * Who takes over asks what there is. Are those of its kind from before no more? They have left,
   * or are to leave once all of theirs is read; or their machine is gone, and nobody ever closes
   * the connection: then they say nothing any more, not even a ping. One who speaks lives on, and
   * keeps what is its own: whoever is told of a stranger's dialog ends it.
   */
  takeOver(next: Client, then: () => void): void {
    const all = [...this.connected.values()];
    const kin = kinOf(next.tags);
    const former = all.slice(0, all.indexOf(next)).filter((one) => kinOf(one.tags) === kin);
    if (!next.takesOver || former.length === 0) {
      then();
      return;
    }
    const timer = this.options.clock.after(CLIENT_SILENT_MS, () => {
      for (const one of [...question.doubted]) {
        this.leave(one);
        one.socket.destroy();
      }
    });
    const question: Question = { next, doubted: new Set(former), timer, then };
    this.questions.add(question);
  }

  /** It has said something, or has left: nobody need wonder any more. */
  private settle(client: Client, hasLeft: boolean): void {
    for (const question of [...this.questions]) {
      const { next, doubted, timer, then } = question;
      const isMoot = hasLeft && next === client;
      const wasDoubted = doubted.delete(client);
      if (!isMoot && (!wasDoubted || doubted.size > 0)) continue;
      this.questions.delete(question);
      timer.cancel();
      if (!isMoot) then();
    }
  }

  heard(client: Client): void {
    this.settle(client, false);
  }

  private orphan(id: string, tags: string[]): void {
    const goneAt = this.options.clock.now();
    this.orphans.set(id, { tags, goneAt, held: new Set(), abandon: this.abandonLater(id, tags) });
  }

  private abandonLater(id: string, tags: string[]): Timer {
    return this.options.clock.after(patienceWith(tags), () => {
      this.abandon(id);
    });
  }

  private abandon(id: string): void {
    this.orphans.get(id)?.abandon.cancel();
    if (this.orphans.delete(id)) this.options.abandon(id);
  }

  /** Owners of what was restored: gone since now. */
  restoreOrphan(kin: string): string {
    const id = `restored|${kin}`;
    if (!this.orphans.has(id)) this.orphan(id, kin === '' ? [] : kin.split(','));
    return id;
  }

  /** Before the restart somebody wanted these methods. */
  restoreWanted(verbs: string[]): void {
    for (const verb of verbs) this.lastWanted.set(verb, this.options.clock.now());
  }

  /**
   * Does everybody who takes new calls want none for now? Then one is counted as refused.
   * @param tag '': whatever tags they have
   */
  refusesCalls(tag = ''): boolean {
    const now = this.options.clock.now();
    let isAnyBusy = false;
    for (const one of this.connected.values()) {
      if (!one.routes.has('invite') || (tag !== '' && !one.tags.includes(tag))) continue;
      if (one.busyUntil <= now) return false;
      isAnyBusy = true;
    }
    if (isAnyBusy) this.refusedCalls += 1;
    return isAnyBusy;
  }

  /** How many were refused since this was asked last. */
  takeRefusedCalls(): number {
    const count = this.refusedCalls;
    this.refusedCalls = 0;
    return count;
  }

  /** Methods that somebody wants, or wanted. */
  wanted(): string[] {
    const routes = [...this.connected.values()].flatMap((client) => [...client.routes]);
    return [...new Set([...routes, ...this.lastWanted.keys()])];
  }

  kinOf(owner: string): string {
    return kinOf(this.connected.get(owner)?.tags ?? this.orphans.get(owner)?.tags ?? []);
  }

  /** Is it one that speaks our own words, or will be (`dialogs`, `resume` …)? */
  takesOver(owner: string): boolean {
    return this.kinOf(owner).split(',').includes(TAKEOVER);
  }

  isConnected(owner: string): boolean {
    return this.connected.has(owner);
  }

  private adopt(id: string, orphan: Orphan, client: Client): void {
    if (!this.orphans.has(id)) return;
    orphan.abandon.cancel();
    this.options.moveOwnership(id, client.id, client);
    this.orphans.delete(id);
    for (const held of orphan.held) {
      held.timer.cancel();
      this.release(held.key);
      client.send(held.frame);
      held.onGiven?.();
    }
    orphan.held.clear();
  }

  private release(key: string): void {
    this.heldCount -= 1;
    const left = (this.heldByKey.get(key) ?? 1) - 1;
    if (left > 0) this.heldByKey.set(key, left);
    else this.heldByKey.delete(key);
  }

  /**
   * Gives a frame to an owner, or holds it until one comes back.
   * @param key dialog or transaction the frame belongs to
   * @param onLost nobody came in time, or too much was held already
   * @param onGiven it left for a client
   */
  deliver(
    owner: string,
    key: string,
    frame: string,
    onLost: () => void,
    onGiven?: () => void,
  ): void {
    const client = this.connected.get(owner);
    if (client !== undefined) {
      client.send(frame);
      onGiven?.();
      return;
    }
    const orphan = this.orphans.get(owner);
    const ofKey = this.heldByKey.get(key) ?? 0;
    if (orphan === undefined || ofKey >= MAX_HELD_PER_DIALOG || this.heldCount >= MAX_HELD_FRAMES) {
      onLost();
      return;
    }
    this.heldByKey.set(key, ofKey + 1);
    this.heldCount += 1;
    const held: Held = {
      key,
      frame,
      onGiven,
      timer: this.options.clock.after(HELD_MS, () => {
        orphan.held.delete(held);
        this.release(key);
        onLost();
      }),
    };
    orphan.held.add(held);
  }

  /**
   * The next client, in turn, that wants new requests of this method.
   * @param tag '': whatever tags it has
   */
  pick(verb: string, tag = ''): Client | null {
    const wanting = [...this.connected.values()].filter(
      (one) => one.routes.has(verb) && (tag === '' || one.tags.includes(tag)),
    );
    const now = this.options.clock.now();
    const able = verb === 'invite' ? wanting.filter((one) => one.busyUntil <= now) : wanting;
    const fitting = able.length > 0 ? able : wanting;
    if (fitting.length === 0) return null;
    const turn = this.turns.get(verb) ?? 0;
    this.turns.set(verb, (turn + 1) % 1_000_000);
    return fitting[turn % fitting.length] ?? null;
  }

  /** Methods that some client wants, upper case. */
  verbs(): string[] {
    const all = [...this.connected.values()].flatMap((client) => [...client.routes]);
    return [...new Set(all)].filter((verb) => !verb.includes(':')).map((v) => v.toUpperCase());
  }

  route(client: Client, verb: string): void {
    client.routes.add(verb);
    for (const one of [...this.waiting]) {
      if (one.verb !== verb) continue;
      this.waiting.delete(one);
      one.timer.cancel();
      one.take(client);
    }
  }

  /**
   * Keeps a new request while the clients that wanted its like are briefly gone.
   * @returns false if none was there lately, or too many wait already
   */
  wait(verb: string, take: (client: Client) => void, onLost: () => void): boolean {
    const { clock } = this.options;
    const left = (this.lastWanted.get(verb) ?? -Infinity) + CLIENT_RETURN_MS - clock.now();
    if (left <= 0 || this.waiting.size >= MAX_HELD_REQUESTS) return false;
    const one: WaitingRequest = {
      verb,
      take,
      timer: clock.after(left, () => {
        this.waiting.delete(one);
        onLost();
      }),
    };
    this.waiting.add(one);
    return true;
  }

  /** For the last words of a closing server. */
  flushAll(): void {
    for (const client of this.connected.values()) client.flush();
  }
}
