/**
 * The line to mediad: newline-delimited JSON over its control socket. Connects and reconnects by
 * itself with a growing pause; requests made meanwhile wait for the line within their deadline.
 * Every request has exactly one outcome. Events are held until somebody attends to them; those
 * that carry a number are acknowledged then, and one that comes again after a reconnection is
 * told only once.
 */
import { connect, type Socket } from 'node:net';
import { flushWrites, joinWrites } from '../shared/one-write.ts';
import { failure } from './failure.ts';
import type { MediaFailure, MediaResult } from './port.ts';

type Fields = Readonly<Record<string, unknown>>;
export type Reply = MediaResult<Fields>;

export interface LinkHandlers {
  /**
   * The line stands; `hello` is mediad's answer to `listen`. Waiting requests go out when the
   * promise settles; until then only requests with `first` do.
   */
  up(hello: Fields): Promise<void>;
  down(detail: string): void;
  event(event: Fields): void;
}

/** Outcome of a request that mediad does not answer in time: `timeout`. */
export const requestDeadlineMs = 2000;
/** Requests without an outcome yet; one more is refused as `limit`. */
const maxInFlight = 10_000;
const maxLineChars = 64 * 1024 * 1024;
/** A mediad that was killed is back within the second: until then it is tried all the time. */
const firstPauseMs = 30;
const eagerTries = 100;
const longestPauseMs = 1000;
/** Events held until they can be told; the oldest is dropped (mediad holds fewer). */
const maxHeld = 10_000;

interface Pending {
  readonly line: string;
  readonly timer: NodeJS.Timeout;
  readonly settle: (reply: Reply) => void;
}

const knownReasons: ReadonlySet<string> = new Set<MediaFailure['reason']>([
  ...(['not-acceptable', 'no-way', 'unknown-leg', 'unavailable', 'limit', 'timeout'] as const),
]);

export class WorkerLink {
  private readonly where: string;
  private readonly handlers: LinkHandlers;
  /** Why the line does not stand. */
  why = 'connecting';
  private socket: Socket | null = null;
  private isReady = false;
  private isClosed = false;
  private pauseMs = firstPauseMs;
  private tries = 0;
  private retry: NodeJS.Timeout | null = null;
  private rest = '';
  private nextId = 1;
  private readonly pending = new Map<number, Pending>();
  /** Requests not yet sent, in order. */
  private waiting: number[] = [];
  private pid = 0;
  private lastEvent = 0;
  private isAckDue = false;
  private isAttended = false;
  /** Events that came before the line was declared up, or before anybody cared. */
  private readonly early: Fields[] = [];

  constructor(where: string, handlers: LinkHandlers) {
    this.where = where;
    this.handlers = handlers;
  }

  start(): void {
    this.dial();
  }

  get isUp(): boolean {
    return this.isReady;
  }

  /** Events are told from now on, beginning with those that came before, and acknowledged. */
  attend(): void {
    this.isAttended = true;
    this.tellEarly();
  }

  /** `first`: goes out before the line is declared up (used while it is being set up). */
  request(word: string, fields: Fields, first = false): Promise<Reply> {
    if (this.isClosed) return Promise.resolve(failure('unavailable', 'media is closed'));
    if (this.pending.size >= maxInFlight) {
      return Promise.resolve(failure('limit', `${maxInFlight} media requests are waiting`));
    }
    const id = this.nextId++;
    const line = `${JSON.stringify({ id, do: word, ...fields })}\n`;
    return new Promise((resolve) => {
      const late = (): void => this.settle(id, failure('timeout', `mediad did not answer ${word}`));
      // After a pause of our own the answer may lie in the socket: it is read first.
      const timer = setTimeout(() => setImmediate(late), requestDeadlineMs);
      this.pending.set(id, { line, timer, settle: resolve });
      if ((this.isReady || first) && this.socket !== null) this.socket.write(line);
      else this.waiting.push(id);
    });
  }

  /** Ends the line; requests under way end as `unavailable`. */
  close(): void {
    this.isClosed = true;
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.socket !== null) flushWrites(this.socket);
    this.socket?.destroy();
    for (const id of [...this.pending.keys()]) {
      this.settle(id, failure('unavailable', 'media is closed'));
    }
  }

  private dial(): void {
    const tcp = /^\[?([^/\]]*)\]?:(\d+)$/.exec(this.where);
    const socket =
      tcp === null
        ? connect(this.where)
        : connect({ host: tcp[1] ?? '127.0.0.1', port: Number(tcp[2]) });
    this.rest = '';
    let why = 'closed by mediad';
    socket.setEncoding('utf8');
    socket.setNoDelay(true);
    joinWrites(socket);
    socket.on('connect', () => void this.greet(socket));
    socket.on('data', (text) => this.take(socket, String(text)));
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('close', () => this.lost(socket, why));
  }

  private async greet(socket: Socket): Promise<void> {
    this.socket = socket;
    const hello = await this.request('listen', {}, true);
    if (this.socket !== socket) return;
    if (!hello.ok) {
      socket.destroy();
      return;
    }
    const pid = Number(hello['pid']);
    if (pid !== this.pid) this.lastEvent = 0;
    this.pid = pid;
    await this.handlers.up(hello);
    if (this.socket !== socket) return;
    this.isReady = true;
    this.pauseMs = firstPauseMs;
    this.tries = 0;
    this.tellEarly();
    const waiting = this.waiting;
    this.waiting = [];
    for (const id of waiting) {
      const request = this.pending.get(id);
      if (request !== undefined) socket.write(request.line);
    }
  }

  private lost(socket: Socket, why: string): void {
    const wasUp = this.isReady;
    this.why = why;
    if (this.socket === socket) {
      this.socket = null;
      this.isReady = false;
      // What was sent has no answer any more, and may have been done; what waits, waits on.
      const waiting = new Set(this.waiting);
      for (const id of [...this.pending.keys()]) {
        if (!waiting.has(id)) this.settle(id, failure('unavailable', `mediad: ${why}`));
      }
    }
    if (this.isClosed) return;
    if (wasUp) this.handlers.down(why);
    this.retry = setTimeout(() => this.dial(), this.pauseMs);
    this.tries += 1;
    if (this.tries > eagerTries) this.pauseMs = Math.min(longestPauseMs, this.pauseMs * 2);
  }

  private take(socket: Socket, text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    if (this.rest.length > maxLineChars) {
      socket.destroy(new Error('mediad sends an endless line'));
      return;
    }
    for (const line of lines) this.read(line);
  }

  private read(line: string): void {
    let message: Fields;
    try {
      message = JSON.parse(line) as Fields;
    } catch (error) {
      this.socket?.destroy(new Error(`mediad sends no JSON: ${(error as Error).message}`));
      return;
    }
    if (typeof message['event'] === 'string') this.takeEvent(message);
    else if (typeof message['id'] === 'number') this.settle(message['id'], replyOf(message));
  }

  private takeEvent(event: Fields): void {
    const number = event['n'];
    if (typeof number === 'number') {
      if (number <= this.lastEvent) return this.acknowledgeSoon();
      this.lastEvent = number;
    }
    this.early.push(event);
    if (this.early.length > maxHeld) this.early.shift();
    this.tellEarly();
  }

  private tellEarly(): void {
    if (!this.isReady || !this.isAttended || this.early.length === 0) return;
    for (const event of this.early.splice(0)) this.handlers.event(event);
    this.acknowledgeSoon();
  }

  /** One acknowledgement for all events of this turn of the loop. */
  private acknowledgeSoon(): void {
    if (this.isAckDue || !this.isAttended) return;
    this.isAckDue = true;
    setImmediate(() => {
      this.isAckDue = false;
      // What is held is not dealt with: whoever comes after us would never hear of it.
      if (this.early.length > 0) return;
      this.socket?.write(`${JSON.stringify({ do: 'ack', n: this.lastEvent })}\n`);
    });
  }

  private settle(id: number, reply: Reply): void {
    const request = this.pending.get(id);
    if (request === undefined) return;
    this.pending.delete(id);
    clearTimeout(request.timer);
    request.settle(reply);
  }
}

function replyOf(message: Fields): Reply {
  if (message['ok'] === true) return { ...message, ok: true };
  const reason = String(message['reason']);
  const detail = String(message['detail']);
  // `bad-request` is a fault between us and mediad, not one the caller can do anything about.
  if (!knownReasons.has(reason)) return failure('unavailable', `mediad: ${reason}: ${detail}`);
  return failure(reason as MediaFailure['reason'], detail);
}
