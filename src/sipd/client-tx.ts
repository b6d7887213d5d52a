/**
 * Client transactions (RFC 3261 section 17.1, with RFC 6026's Accepted state): they repeat a
 * request on UDP until something answers, acknowledge rejections, and give up in time.
 */
import type { Clock, Timer } from './clock.ts';
import { T1, T2, T4, T64 } from './limits.ts';
import { Lingering } from './lingering.ts';
import type { Path } from './path.ts';
import type { Received } from './received.ts';

export interface ClientTxUser {
  /** Every provisional, the final once; of an INVITE each 2xx that arrives while Accepted. */
  onResponse(response: Received): void;
  /** No answer in time (Timer B or F). */
  onTimeout(): void;
  onTransportError(reason: string): void;
}

export interface ClientTxRequest {
  branch: string;
  method: string;
  text: string;
  path: Path;
  /** The ACK for a rejection; only asked for INVITE (RFC 3261 section 17.1.1.3). */
  ackFor(response: Received): string;
}

type State = 'calling' | 'proceeding' | 'completed' | 'accepted' | 'terminated';

export class ClientTx {
  readonly key: string;
  readonly request: ClientTxRequest;
  state: State = 'calling';
  private readonly clock: Clock;
  private readonly table: ClientTxs;
  private readonly user: ClientTxUser;
  private readonly isInvite: boolean;
  private resend: Timer | null = null;
  private lifetime: Timer | null = null;
  private ack = '';

  constructor(clock: Clock, table: ClientTxs, request: ClientTxRequest, user: ClientTxUser) {
    this.clock = clock;
    this.table = table;
    this.request = request;
    this.user = user;
    this.isInvite = request.method === 'INVITE';
    this.key = clientKey(request.branch, request.method);
  }

  get isFinished(): boolean {
    return this.state !== 'calling' && this.state !== 'proceeding';
  }

  start(): void {
    // Timers B and F.
    this.lifetime = this.clock.after(T64, () => {
      this.terminate();
      this.user.onTimeout();
    });
    // Timers A and E.
    if (!this.request.path.reliable) this.repeatAfter(T1);
    this.transmit(this.request.text);
  }

  receive(response: Received): void {
    const { status } = response.message;
    if (this.state === 'terminated') return;
    if (this.state === 'completed') {
      if (this.isInvite && status >= 300) this.transmit(this.ack);
      return;
    }
    if (this.state === 'accepted') {
      if (status >= 200 && status < 300) this.user.onResponse(response);
      return;
    }
    if (status < 200) this.proceed();
    else this.finish(response, status);
    this.user.onResponse(response);
  }

  terminate(): void {
    if (this.state === 'terminated') return;
    this.state = 'terminated';
    this.resend?.cancel();
    this.lifetime?.cancel();
    this.table.remove(this);
  }

  private proceed(): void {
    this.state = 'proceeding';
    if (!this.isInvite) return;
    // An INVITE may ring as long as it likes; its user watches over that.
    this.resend?.cancel();
    this.lifetime?.cancel();
  }

  private finish(response: Received, status: number): void {
    this.resend?.cancel();
    this.table.linger(this);
    if (!this.isInvite) {
      this.state = 'completed';
      // Timer K.
      this.liveFor(this.request.path.reliable ? 0 : T4);
    } else if (status < 300) {
      this.state = 'accepted';
      // Timer M.
      this.liveFor(T64);
    } else {
      this.state = 'completed';
      this.ack = this.request.ackFor(response);
      this.transmit(this.ack);
      // Timer D.
      this.liveFor(this.request.path.reliable ? 0 : T64);
    }
  }

  private transmit(text: string): void {
    this.request.path.send(text, (reason) => {
      if (this.isFinished) return;
      this.terminate();
      this.user.onTransportError(reason);
    });
  }

  private repeatAfter(ms: number): void {
    this.resend = this.clock.after(ms, () => {
      this.transmit(this.request.text);
      const isSlow = this.state === 'proceeding';
      if (!this.isFinished) {
        this.repeatAfter(this.isInvite ? ms * 2 : isSlow ? T2 : Math.min(ms * 2, T2));
      }
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

/** RFC 3261 section 17.1.3: a response belongs to branch and CSeq method. */
export function clientKey(branch: string, method: string): string {
  return `${branch}|${method}`;
}

/** All client transactions by key; those that only linger are bounded apart. */
export class ClientTxs {
  private readonly byKey = new Map<string, ClientTx>();
  private readonly lingering = new Lingering<ClientTx>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get activeCount(): number {
    return this.byKey.size - this.lingering.size;
  }

  get size(): number {
    return this.byKey.size;
  }

  find(key: string): ClientTx | undefined {
    return this.byKey.get(key);
  }

  start(request: ClientTxRequest, user: ClientTxUser): ClientTx {
    const tx = new ClientTx(this.clock, this, request, user);
    this.byKey.set(tx.key, tx);
    tx.start();
    return tx;
  }

  /** A transaction that another process began: asked again only if nothing answered yet. */
  resume(request: ClientTxRequest, user: ClientTxUser, hasProvisional: boolean): ClientTx {
    const tx = new ClientTx(this.clock, this, request, user);
    this.byKey.set(tx.key, tx);
    if (hasProvisional) tx.state = 'proceeding';
    else tx.start();
    return tx;
  }

  linger(tx: ClientTx): void {
    this.lingering.add(tx);
  }

  remove(tx: ClientTx): void {
    this.lingering.delete(tx);
    if (this.byKey.get(tx.key) === tx) this.byKey.delete(tx.key);
  }
}
