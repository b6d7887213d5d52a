/**
 * GET /events: server-sent events. A reader gets a snapshot and then every event by its number in
 * the journal; one that comes back with Last-Event-ID gets what it missed, or, where that is too
 * long ago, a new snapshot that says so. Readers are served in one go some times a second. One
 * that does not read fast enough is told (`overflow`) and let go; it may resume.
 */
import { AsyncResource } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import type { Feed } from '../runtime/feed.ts';
import { actor } from './actor.ts';
import { Pace } from './pace.ts';
import type { Filter, Subjects } from './subjects.ts';
import type { View } from './view.ts';

const READERS_MAX = 800;
/** One asker may have so many times as many places as are free: 600 alone, and never the last. */
const SHARE = 3;
/** Bytes that may wait for one reader. */
export const BUFFER_MAX = 1_048_576;
const FLUSH_MS = 50;
const BEAT_MS = 15_000;
/** A reader that catches up has so long to take what was sent. */
const DRAIN_MS = 30_000;
/** One that is let go has so long to read why. */
const LINGER_MS = 5_000;

const NO_FILTER: Filter = { queues: [], agents: [] };

export type Why = 'first' | 'too-old' | 'unknown-number';

export interface StreamDeps {
  readonly feed: Feed;
  /** Hear each event before the stream does. */
  readonly subjects: Subjects;
  readonly now: () => number;
  /** Calls back, at once or soon, while the state is exactly that of the journal up to `seq`. */
  readonly atRest: (then: (seq: number) => void) => void;
}

interface Reader {
  /** Who reads: a token, or an address. */
  readonly asker: string;
  readonly out: ServerResponse;
  readonly filter: Filter;
  /** Everything up to this number was sent, or is not for it. */
  after: number;
  isLive: boolean;
  /** Null: he may read for ever. */
  readonly mayRead: (() => boolean) | null;
}

/**
 * What the outside is told of an event; a configuration is too long, and asked for elsewhere.
 * `only`: the queues of whoever may know of no others; empty: he may know of all.
 */
export function shownEvent({ seq, event }: StoredEvent, only: readonly string[] = []): object {
  if (event.kind !== 'ConfigApplied') return { seq, ...event };
  const { at, by, kind, config } = event;
  const isSeen = (name: string) => only.length === 0 || only.includes(name);
  const queues = config.queues.map(({ name }) => name).filter(isSeen);
  const agents = config.agents.filter((agent) => only.length === 0 || agent.queues.some(isSeen));
  return { seq, at, by, kind, queues, agents: agents.map(({ id }) => id) };
}

function frame(name: string, seq: number, data: object): string {
  return `id: ${seq}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

const textOf = (stored: StoredEvent, { isStrict = false, queues }: Filter = NO_FILTER): string =>
  frame(stored.event.kind, stored.seq, shownEvent(stored, isStrict ? queues : []));

/** A snapshot that somebody waits for. */
interface Picture {
  /** As whoever asked for it sees it, whosever turn it is. */
  readonly draw: (seq: number) => string;
  readonly readers: Map<Reader, () => void>;
}

export class Stream {
  readonly #deps: StreamDeps;
  /** By what is to be seen: those who wait for the same get the same. In the order of asking. */
  readonly #pictures = new Map<string, Picture>();
  readonly #pace = new Pace(() => performance.now());
  #isDrawing = false;
  readonly #subjects: Subjects;
  readonly #readers = new Set<Reader>();
  #pending: { readonly seq: number; readonly event: CoreEvent; readonly text: string }[] = [];
  #flushTimer: NodeJS.Timeout | null = null;
  readonly #beatTimer: NodeJS.Timeout;

  constructor(deps: StreamDeps) {
    this.#deps = deps;
    this.#subjects = deps.subjects;
    this.#beatTimer = setInterval(() => this.#beat(), BEAT_MS);
    this.#beatTimer.unref();
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** May he have one more? However many he has, others find a place beside him. */
  hasPlace(asker: string): boolean {
    let his = 0;
    for (const reader of this.#readers) if (reader.asker === asker) his += 1;
    return his < SHARE * (READERS_MAX - this.#readers.size);
  }

  /** Reactor, after the feed has heard it. */
  hear(stored: StoredEvent): void {
    if (this.#readers.size === 0) return;
    this.#pending.push({ ...stored, text: textOf(stored) });
    this.#flushTimer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Sends what happened since the last time. */
  flush(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    const pending = this.#pending.splice(0);
    const last = pending.at(-1)?.seq;
    if (last === undefined) return;
    const first = (pending[0]?.seq ?? 0) - 1;
    const whole = pending.map(({ text }) => text).join('');
    for (const reader of [...this.#readers]) {
      if (!reader.isLive || reader.after >= last) continue;
      const { queues, agents, isStrict = false } = reader.filter;
      const isWhole = reader.after <= first && queues.length === 0 && agents.length === 0;
      const text = isWhole
        ? whole
        : pending
            .filter(({ seq }) => seq > reader.after)
            .filter(({ event }) => this.#subjects.passes(event, reader.filter))
            .map((one) =>
              // Only this kind shows a reader of some queues less.
              isStrict && one.event.kind === 'ConfigApplied'
                ? textOf(one, reader.filter)
                : one.text,
            )
            .join('');
      reader.after = last;
      this.#write(reader, text);
    }
  }

  /** Tokens have changed: whose is gone reads no more. What happened until now was still his. */
  recheck(): void {
    this.flush();
    for (const reader of [...this.#readers]) this.#check(reader);
  }

  /** Serves a reader until it leaves, or may no more. `after` null: it has seen nothing. */
  async follow(
    out: ServerResponse,
    view: View,
    filter: Filter,
    after: number | null,
    { asker = '', mayRead = null }: Partial<Pick<Reader, 'asker' | 'mayRead'>> = {},
  ) {
    const reader: Reader = { asker, out, filter, after: after ?? 0, isLive: false, mayRead };
    this.#readers.add(reader);
    out.on('close', () => this.#readers.delete(reader));
    out.on('error', () => this.#readers.delete(reader));
    out.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    if (after === null) await this.#snapshot(reader, view, 'first');
    while (this.#readers.has(reader) && !reader.isLive) {
      await this.#catchUp(reader, view);
    }
  }

  close(): void {
    clearInterval(this.#beatTimer);
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    for (const { out } of this.#readers) out.end();
    this.#readers.clear();
  }

  async #catchUp(reader: Reader, view: View): Promise<void> {
    const page = await this.#deps.feed.read(reader.after);
    if (page.kind === 'gone') return this.#snapshot(reader, view, page.why);
    if (page.kind === 'unavailable') return this.#letGo(reader, 'journal-unavailable');
    const last = page.events.at(-1)?.seq ?? reader.after;
    const text = page.events
      .filter(({ event }) => this.#subjects.passes(event, reader.filter))
      .map((stored) => textOf(stored, reader.filter))
      .join('');
    reader.after = last;
    this.#write(reader, text);
    // Nothing comes between this look and the next flush: what is heard from now on is pending.
    if (last < this.#deps.feed.lastSeq) return this.#drained(reader);
    reader.isLive = true;
    this.#beatTo(reader);
  }

  /** Settles when he has it. However many come, calls are served between (`pace.ts`). */
  #snapshot(reader: Reader, view: View, why: Why): Promise<void> {
    const { queues, agents } = reader.filter;
    const isWanted = (names: readonly string[], name: string) =>
      names.length === 0 || names.includes(name);
    const draw = (seq: number): string =>
      frame('snapshot', seq, {
        seq,
        at: this.#deps.now(),
        why,
        queues: view.queues().filter(({ name }) => isWanted(queues, name)),
        agents: view.agents().filter(({ id, memberof }) => {
          const isMember = queues.length === 0 || memberof.some((name) => queues.includes(name));
          return isMember && isWanted(agents, id);
        }),
      });
    const key = JSON.stringify([actor()?.queues ?? [], queues, agents, why]);
    const bound = AsyncResource.bind(draw);
    const picture = this.#pictures.get(key) ?? { draw: bound, readers: new Map() };
    this.#pictures.set(key, picture);
    return new Promise((done) => {
      picture.readers.set(reader, done);
      this.#drawNext();
    });
  }

  #drawNext(): void {
    if (this.#isDrawing || this.#pictures.size === 0) return;
    this.#isDrawing = true;
    const waitMs = this.#pace.waitMs();
    const draw = () => this.#deps.atRest((seq) => this.#draw(seq));
    if (waitMs === 0) draw();
    else setTimeout(draw, waitMs);
  }

  /** The first that is waited for, for all who wait for it. */
  #draw(seq: number): void {
    this.#isDrawing = false;
    const [first] = this.#pictures;
    if (first === undefined) return;
    const [key, { draw, readers }] = first;
    this.#pictures.delete(key);
    const here = [...readers.keys()].filter((reader) => this.#readers.has(reader));
    if (here.length > 0) {
      this.#pace.spend(() => {
        const text = draw(seq);
        for (const reader of here) {
          reader.after = seq;
          this.#write(reader, text);
        }
      });
    }
    for (const done of readers.values()) done();
    this.#drawNext();
  }

  /** Numbers go on for a reader whose filter lets nothing pass, too. */
  #beat(): void {
    this.flush();
    for (const reader of [...this.#readers])
      if (this.#check(reader) && reader.isLive) this.#beatTo(reader);
  }

  #beatTo(reader: Reader): void {
    const data = { seq: reader.after, at: this.#deps.now() };
    this.#write(reader, frame('heartbeat', reader.after, data));
  }

  #write(reader: Reader, text: string): void {
    if (text === '' || !this.#readers.has(reader)) return;
    // A snapshot may be longer than what may wait: what counts is what waited before.
    if (reader.out.writableLength > BUFFER_MAX) return this.#letGo(reader, 'too-slow');
    reader.out.write(text);
  }

  #check(reader: Reader): boolean {
    if (reader.mayRead?.() !== false) return true;
    this.#end(reader, 'denied', { why: 'token', advice: 'show a token that is good' });
    return false;
  }

  #letGo(reader: Reader, why: 'too-slow' | 'journal-unavailable'): void {
    this.#end(reader, 'overflow', { why, advice: 'resume later' });
  }

  #end(reader: Reader, name: 'overflow' | 'denied', told: object): void {
    this.#readers.delete(reader);
    const { out } = reader;
    out.end(`event: ${name}\ndata: ${JSON.stringify(told)}\n\n`);
    const limit = setTimeout(() => out.destroy(), LINGER_MS);
    out.on('close', () => clearTimeout(limit));
  }

  #drained(reader: Reader): Promise<void> {
    const { out } = reader;
    if (!out.writableNeedDrain) return Promise.resolve();
    return new Promise((done) => {
      const settle = () => {
        clearTimeout(limit);
        out.off('drain', settle);
        out.off('close', settle);
        done();
      };
      const limit = setTimeout(() => {
        this.#letGo(reader, 'too-slow');
        settle();
      }, DRAIN_MS);
      out.on('drain', settle);
      out.on('close', settle);
    });
  }
}
