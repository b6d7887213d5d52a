/**
 * The SIP server's core in a world made for tests: time passes only when told, messages go into a
 * list, and a client is a list of frames. What takes 32 seconds outside takes none here.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Client } from '../../src/sipd/clients.ts';
import type { Clock } from '../../src/sipd/clock.ts';
import { onFrame } from '../../src/sipd/commands.ts';
import type { Context, Network } from '../../src/sipd/context.ts';
import { createCore, onMessage } from '../../src/sipd/core.ts';
import { FrameReader, type Frame } from '../../src/sipd/drachtio-protocol.ts';
import type { Path, Proto } from '../../src/sipd/path.ts';
import { Names } from '../../src/sipd/resolve.ts';
import { restore } from '../../src/sipd/restore.ts';
import type { Keep } from '../../src/sipd/store.ts';
import { headerOf, methodOf, statusOf, unique } from './raw-ua.ts';

interface Due {
  at: number;
  order: number;
  run: () => void;
}

/** A clock turned by hand. */
export class HandClock implements Clock {
  private time: number;
  private order = 0;
  private readonly dues = new Set<Due>();
  onTurn: () => void = () => undefined;

  constructor(time = 1_800_000_000_000) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  atLeast(instant: number): void {
    this.time = Math.max(this.time, instant);
  }

  after(ms: number, run: () => void): { cancel(): void } {
    this.order += 1;
    const due = { at: this.time + ms, order: this.order, run };
    this.dues.add(due);
    return {
      cancel: () => {
        this.dues.delete(due);
      },
    };
  }

  get pending(): number {
    return this.dues.size;
  }

  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      let next: Due | null = null;
      for (const due of this.dues) {
        if (due.at > end) continue;
        if (next === null || due.at < next.at || (due.at === next.at && due.order < next.order)) {
          next = due;
        }
      }
      if (next === null) break;
      this.dues.delete(next);
      this.time = next.at;
      next.run();
      this.onTurn();
    }
    this.time = end;
  }
}

export interface Sent {
  text: string;
  at: number;
  address: string;
  port: number;
}

class FakeNetwork implements Network {
  readonly sent: Sent[] = [];
  /** Connections that are open, `address:port`. */
  readonly open = new Set<string>();
  private readonly clock: HandClock;

  constructor(clock: HandClock) {
    this.clock = clock;
  }

  pathTo(proto: Proto, address: string, port: number): Path {
    return {
      proto,
      reliable: proto === 'tcp',
      address,
      port,
      ownHost: '192.0.2.1',
      ownPort: 5071,
      listener: '192.0.2.1:5071',
      boundAddress: '192.0.2.1',
      boundPort: 5071,
      send: (text) => {
        this.sent.push({ text, at: this.clock.now(), address, port });
      },
      isOpen: () => true,
    };
  }

  openTcp(address: string, port: number): Path | null {
    return this.open.has(`${address}:${port}`) ? this.pathTo('tcp', address, port) : null;
  }

  isOwn(_proto: Proto, address: string, port: number): boolean {
    return address === '192.0.2.1' && port === 5071;
  }

  speaks(): boolean {
    return true;
  }

  hostPorts(): string[] {
    return ['udp/192.0.2.1:5071'];
  }
}

/** A client program, seen from inside the server. */
export class FakeClient {
  readonly frames: Frame[] = [];
  readonly client: Client;
  private readonly world: World;
  private isEnded = false;

  /** @param calledAt where the server connected to it; '' if it came by itself */
  constructor(world: World, tags: string, calledAt: string) {
    this.world = world;
    const reader = new FrameReader();
    const socket = new EventEmitter() as unknown as Socket;
    Object.assign(socket, {
      destroyed: false,
      writableLength: 0,
      write: (text: string) => {
        const read = reader.push(text);
        if (read.ok) this.frames.push(...read.frames);
      },
      destroy: () => Object.assign(socket, { destroyed: true }),
    });
    this.client = new Client(unique('client'), socket, calledAt);
    this.say('authenticate', ['secret', tags]);
  }

  /** Sends a frame and returns its answer's tokens after the request id. */
  say(kind: string, args: string[], sip = ''): string[] {
    const id = unique('m');
    onFrame(this.world.ctx, this.client, { id, kind, args, sip }, 'secret');
    this.world.store.flush();
    this.client.flush();
    const answer = this.frames.find((frame) => frame.kind === 'response' && frame.args[0] === id);
    return answer === undefined ? [] : [...answer.args.slice(1), answer.sip];
  }

  /** Wants new requests of these methods. */
  route(...verbs: string[]): void {
    for (const verb of verbs) this.world.ctx.clients.route(this.client, verb);
  }

  leave(): void {
    this.isEnded = true;
    this.world.ctx.clients.leave(this.client);
    this.world.store.flush();
  }

  /** SIP frames so far, flushed. */
  get sip(): Frame[] {
    if (!this.isEnded) this.client.flush();
    return this.frames.filter((frame) => frame.kind === 'sip');
  }

  /** Methods and statuses in order of arrival. */
  get story(): string[] {
    return this.sip.map((frame) => methodOf(frame.sip) || String(statusOf(frame.sip)));
  }

  last(what: string): Frame {
    const found = this.sip.findLast(
      (frame) => methodOf(frame.sip) === what || String(statusOf(frame.sip)) === what,
    );
    if (found === undefined) throw new Error(`no ${what} came; there was ${this.story.join(' ')}`);
    return found;
  }

  /** Answers a request frame. */
  respond(frame: Frame, status: number, extra: string[] = [], body = ''): string[] {
    const lines = [`SIP/2.0 ${status} Whatever`, ...extra, 'Content-Length: 0'];
    const txnId = frame.args[6] ?? '';
    return this.say('sip', [txnId, ''], `${lines.join('\r\n')}\r\n\r\n${body}`);
  }

  request(method: string, uri: string, extra: string[] = [], body = '', args = ['', '']): string[] {
    const text = `${[`${method} ${uri} SIP/2.0`, ...extra].join('\r\n')}\r\n\r\n${body}`;
    return this.say('sip', args, text);
  }
}

/** A store whose file is a map. What was not marked in a turn is not written at its end. */
class MapStore implements Keep {
  private readonly marked = new Map<string, () => unknown>();
  private readonly written = new Map<string, string>();

  mark(key: string, make: () => unknown): void {
    this.marked.set(key, make);
  }

  drop(key: string): void {
    this.marked.delete(key);
    this.written.delete(key);
  }

  /** The end of a turn of the event loop. */
  flush(): void {
    for (const [key, make] of this.marked) this.written.set(key, JSON.stringify(make()));
    this.marked.clear();
  }

  /** What a process that dies now leaves to the next. */
  records(): Map<string, string> {
    return new Map(this.written);
  }
}

export class World {
  readonly clock: HandClock;
  readonly network: FakeNetwork;
  readonly store = new MapStore();
  readonly ctx: Context;
  readonly peer = { address: '192.0.2.9', port: 5060 };
  readonly logged: string[] = [];

  /**
   * @param before a server that died this moment, whose store is restored
   * @param allow from whom it takes new requests; nobody named: from everybody
   * @param setBackMs the machine's clock was set back by so much since
   */
  constructor(before: World | null = null, allow: readonly string[] = [], setBackMs = 0) {
    this.clock = before === null ? new HandClock() : new HandClock(before.clock.now() - setBackMs);
    this.network = new FakeNetwork(this.clock);
    const note = (text: string): void => {
      this.logged.push(text);
    };
    this.ctx = createCore({
      clock: this.clock,
      log: { info: note, warn: note },
      transports: this.network,
      names: new Names([4]),
      guard: (run) => {
        run();
      },
      keep: this.store,
      allow,
    });
    this.clock.onTurn = () => {
      this.store.flush();
    };
    if (before === null) return;
    for (const run of restore(this.ctx, before.store.records()).begin) run();
    this.store.flush();
  }

  /** SIGKILL, and the next process. */
  restart(setBackMs = 0): World {
    return new World(this, [], setBackMs);
  }

  join(tags = '', calledAt = ''): FakeClient {
    return new FakeClient(this, tags, calledAt);
  }

  /** A message from the peer. */
  arrive(text: string, proto: Proto = 'udp'): void {
    onMessage(this.ctx, text, this.network.pathTo(proto, this.peer.address, this.peer.port), null);
    this.store.flush();
  }

  /** What went out, and since when it was asked last. */
  takeSent(): string[] {
    return this.network.sent.splice(0).map((one) => one.text);
  }

  /** First lines of what went out since asked last, shortened. */
  takeStory(): string[] {
    return this.takeSent().map((text) => methodOf(text) || String(statusOf(text)));
  }

  /** A request as the peer would send it. */
  request(method: string, given: Partial<RequestGiven> = {}): string {
    const cseq = given.cseq ?? 1;
    const branch = given.branch ?? `z9hG4bK${unique('b')}`;
    const body = given.body ?? '';
    const lines = [
      `${method} ${given.uri ?? 'sip:queue@192.0.2.1:5071'} SIP/2.0`,
      `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=${branch}`,
      `From: ${given.from ?? '<sip:peer@192.0.2.9>;tag=peer'}`,
      `To: ${given.to ?? '<sip:queue@192.0.2.1>'}`,
      `Call-ID: ${given.callId ?? 'call-1'}`,
      `CSeq: ${cseq} ${given.cseqMethod ?? method}`,
      `Contact: ${given.contact ?? '<sip:peer@192.0.2.9:5060>'}`,
      ...(given.extra ?? []),
      `Content-Length: ${body.length}`,
    ];
    return `${lines.join('\r\n')}\r\n\r\n${body}`;
  }

  /** A response of the peer to a request of ours. */
  response(request: string, status: number, given: ResponseGiven = {}): string {
    const { body = '' } = given;
    const to = headerOf(request, 'To');
    const hasTag = to.includes(';tag=') || given.tag === '';
    const cseq = headerOf(request, 'CSeq');
    const lines = [
      `SIP/2.0 ${status} Whatever`,
      `Via: ${headerOf(request, 'Via')}`,
      `From: ${headerOf(request, 'From')}`,
      `To: ${hasTag ? to : `${to};tag=${given.tag ?? 'peer'}`}`,
      `Call-ID: ${headerOf(request, 'Call-ID')}`,
      `CSeq: ${cseq}`,
      `Contact: ${given.contact ?? '<sip:peer@192.0.2.9:5060>'}`,
      ...(given.extra ?? []),
      `Content-Length: ${body.length}`,
    ];
    return `${lines.join('\r\n')}\r\n\r\n${body}`;
  }
}

export interface RequestGiven {
  uri: string;
  branch: string;
  from: string;
  to: string;
  callId: string;
  cseq: number;
  cseqMethod: string;
  contact: string;
  extra: string[];
  body: string;
}

export interface ResponseGiven {
  tag?: string;
  contact?: string;
  extra?: string[];
  body?: string;
}
