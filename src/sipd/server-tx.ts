/**
 * Server transactions (RFC 3261 section 17.2, with RFC 6026's Accepted state): they answer
 * retransmissions, repeat what must arrive, and absorb the ACK of a rejection.
 */
import type { Clock, Timer } from './clock.ts';
import { MAX_TRANSACTION_BYTES, T1, T2, T4, T64 } from './limits.ts';
import { Lingering } from './lingering.ts';

export interface Reply {
  reliable: boolean;
  send(text: string): void;
}

type State = 'proceeding' | 'completed' | 'confirmed' | 'accepted' | 'terminated';

export class ServerTx {
  readonly key: string;
  readonly isInvite: boolean;
  state: State = 'proceeding';
  /** What it is known by apart from its branch (RFC 3261 section 8.2.2.2); '' if not claimed. */
  identity = '';
  /** What it keeps, request and answer. */
  bytes = 0;
  private readonly clock: Clock;
  private readonly reply: Reply;
  private readonly table: ServerTxs;
  private last = '';
  private resend: Timer | null = null;
  private lifetime: Timer | null = null;

  constructor(clock: Clock, table: ServerTxs, key: string, isInvite: boolean, reply: Reply) {
    this.clock = clock;
    this.table = table;
    this.key = key;
    this.isInvite = isInvite;
    this.reply = reply;
  }

  get isAnswered(): boolean {
    return this.state !== 'proceeding';
  }

  /** The request came again. In Accepted the 2xx is the business of its sender (RFC 6026). */
  repeat(): void {
    if (this.last !== '' && (this.state === 'proceeding' || this.state === 'completed')) {
      this.reply.send(this.last);
    }
  }

  /** Sends without being remembered: the sender repeats a 2xx or a reliable 1xx itself. */
  sendAgain(text: string): void {
    if (this.state !== 'terminated') this.reply.send(text);
  }

  respond(status: number, text: string): void {
    if (this.state !== 'proceeding') return;
    this.last = text;
    this.reply.send(text);
    if (status < 200) return;
    this.table.weigh(this, text.length);
    this.table.linger(this);
    if (!this.isInvite) {
      this.state = 'completed';
      // Timer J.
      this.liveFor(this.reply.reliable ? 0 : T64);
    } else if (status < 300) {
      this.state = 'accepted';
      // Timer L.
      this.liveFor(T64);
    } else {
      this.state = 'completed';
      // Timers G and H.
      if (!this.reply.reliable) this.repeatAfter(T1);
      this.liveFor(T64);
    }
  }

  /** As it was left by another process: `last` went out, a 2xx or a provisional. */
  resume(last: string, isAccepted: boolean): void {
    this.last = last;
    if (!isAccepted) return;
    this.state = 'accepted';
    this.table.linger(this);
    this.liveFor(T64);
  }

  /** @returns true if the ACK belonged to a rejection and is now dealt with */
  acknowledge(): boolean {
    if (!this.isInvite || this.state === 'accepted') return false;
    if (this.state === 'completed') {
      this.state = 'confirmed';
      this.resend?.cancel();
      // Timer I.
      this.liveFor(this.reply.reliable ? 0 : T4);
    }
    return true;
  }

  terminate(): void {
    if (this.state === 'terminated') return;
    this.state = 'terminated';
    this.resend?.cancel();
    this.lifetime?.cancel();
    this.last = '';
    this.table.remove(this);
  }

  private repeatAfter(ms: number): void {
    this.resend = this.clock.after(ms, () => {
      this.reply.send(this.last);
      this.repeatAfter(Math.min(ms * 2, T2));
    });
  }

  private liveFor(ms: number): void {
    this.lifetime?.cancel();
    if (ms === 0) this.terminate();
    else {
      this.lifetime = this.clock.after(ms, () => {
        this.terminate();
      });
    }
  }
}

/** All server transactions by key; those that only linger are bounded apart. */
export class ServerTxs {
  private readonly byKey = new Map<string, ServerTx>();
  private readonly lingering = new Lingering<ServerTx>();
  private readonly claims = new Map<string, ServerTx>();
  private bytes = 0;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * Notes that `tx` serves the request known by `identity` on whichever way it comes.
   * @returns false if another transaction does so already
   */
  claim(identity: string, tx: ServerTx): boolean {
    if (this.claims.has(identity)) return false;
    this.claims.set(identity, tx);
    tx.identity = identity;
    return true;
  }

  get activeCount(): number {
    return this.byKey.size - this.lingering.size;
  }

  get size(): number {
    return this.byKey.size;
  }

  find(key: string): ServerTx | undefined {
    return this.byKey.get(key);
  }

  /** @param bytes length of the request */
  add(key: string, isInvite: boolean, reply: Reply, bytes = 0): ServerTx {
    const tx = new ServerTx(this.clock, this, key, isInvite, reply);
    this.byKey.set(key, tx);
    this.weigh(tx, bytes);
    return tx;
  }

  weigh(tx: ServerTx, bytes: number): void {
    tx.bytes += bytes;
    this.bytes += bytes;
  }

  /** Forgets what only lingers as far as needed; false if `bytes` more are too many even then. */
  makeRoom(bytes: number): boolean {
    for (const oldest of this.lingering) {
      if (this.bytes + bytes <= MAX_TRANSACTION_BYTES) break;
      oldest.terminate();
    }
    return this.bytes + bytes <= MAX_TRANSACTION_BYTES;
  }

  linger(tx: ServerTx): void {
    this.lingering.add(tx);
  }

  remove(tx: ServerTx): void {
    this.lingering.delete(tx);
    if (tx.identity !== '' && this.claims.get(tx.identity) === tx) this.claims.delete(tx.identity);
    if (this.byKey.get(tx.key) === tx) this.byKey.delete(tx.key);
    this.bytes -= tx.bytes;
    tx.bytes = 0;
  }
}
