/**
 * How the server stops, three ways. `drain`: takes no more calls, lets those that are here finish,
 * and tells every 5 s how many are left; at its limit, or when it is told `now`, the rest is ended
 * politely. `now`: ends them at once. `handover`: says nothing to anybody and leaves everything as
 * it is for the process that comes next: calls, subscriptions and registrations go on.
 */
import type { Log } from '../observe/log.ts';
import type { Loop } from '../runtime/loop.ts';
import type { SipEdge } from '../sip/edge.ts';

export type StopMode = 'drain' | 'now' | 'handover';

export interface StopParts {
  readonly loop: Loop;
  readonly edge: SipEdge;
  readonly log: Log;
  /** How long `drain` may take, ms. */
  readonly limitMs: number;
  /** Takes everything apart; settles when it is done. */
  readonly close: () => Promise<void>;
}

export interface DrainShown {
  readonly callsLeft: number;
  readonly endsInMs: number;
}

const PROGRESS_MS = 5_000;
const LOOK_MS = 50;
/**
 * A stop that was asked for ends every call, and lets the edge say so to the phones; it takes no
 * longer than this, whatever they answer.
 */
const FAREWELL_MS = 3_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class AppStop {
  private readonly parts: StopParts;
  private ended: Promise<void> | null = null;
  /** Instant of `performance.now()` at which draining ends; null: not draining. */
  private until: number | null = null;

  constructor(parts: StopParts) {
    this.parts = parts;
  }

  /** Null: not draining. */
  drain(): DrainShown | null {
    if (this.until === null) return null;
    return {
      callsLeft: this.left(),
      endsInMs: Math.max(0, Math.ceil(this.until - performance.now())),
    };
  }

  /**
   * Settles when everything is closed. Asked again: `now` cuts a drain short; whatever else is
   * asked of a server that stops already changes nothing.
   */
  stop({ mode }: { readonly mode: StopMode }): Promise<void> {
    if (mode === 'now') this.until = performance.now();
    this.ended ??= mode === 'handover' ? this.handOver() : this.end();
    return this.ended;
  }

  private left(): number {
    const { loop, edge } = this.parts;
    const { callers, outbound, logins } = edge.health();
    const outgoing = Math.max(loop.state.outbound.size, outbound);
    return Math.max(loop.state.calls.size, callers) + outgoing + logins;
  }

  private async end(): Promise<void> {
    const { loop, edge, limitMs, close } = this.parts;
    this.until ??= performance.now() + limitMs;
    edge.drain();
    loop.drain();
    await this.untilDrained();
    await this.endCalls();
    await close();
  }

  private async untilDrained(): Promise<void> {
    let told = -Infinity;
    for (;;) {
      const shown = this.drain();
      if (shown === null || shown.callsLeft === 0 || shown.endsInMs === 0) return;
      if (performance.now() - told >= PROGRESS_MS) {
        told = performance.now();
        this.tell(shown);
      }
      await pause(LOOK_MS);
    }
  }

  private tell({ callsLeft, endsInMs }: DrainShown): void {
    const { loop, edge, log } = this.parts;
    const calls = [...loop.state.calls.values()];
    const talking = calls.filter(({ connectedAt }) => connectedAt !== null).length;
    const seconds = Math.ceil(endsInMs / 1000);
    log.info(
      {
        ...{ waiting: calls.length - talking, talking },
        ...{ outbound: loop.state.outbound.size, logins: edge.health().logins },
      },
      `draining: ${callsLeft} ${callsLeft === 1 ? 'call' : 'calls'} left, ended in ${seconds} s`,
    );
  }

  /** BYE or CANCEL with a Reason to everybody who is left. */
  private async endCalls(): Promise<void> {
    const { loop, edge, log } = this.parts;
    const size = loop.state.calls.size + loop.state.outbound.size;
    if (size > 0) log.info({ calls: size }, 'ending calls');
    const nothing = { liveCalls: [], liveOffers: [] };
    await loop.submit({ kind: 'Reconcile', by: 'shutdown', ...nothing });
    edge.letGo();
    const until = performance.now() + FAREWELL_MS;
    for (;;) {
      const { callers, offers, outbound } = edge.health();
      if (callers + offers + outbound === 0) return;
      if (performance.now() > until) {
        log.warn({ callers, offers, outbound }, 'phones did not answer our BYE in time');
        return;
      }
      await pause(LOOK_MS);
    }
  }

  /**
   * First deaf, so that what comes from now on is the next one's to hear; then the journal closes
   * with a snapshot; then the connections.
   */
  private async handOver(): Promise<void> {
    const { loop, edge, log, close } = this.parts;
    const begun = performance.now();
    await edge.handOver();
    await loop.stop();
    const size = loop.state.calls.size + loop.state.outbound.size;
    await close();
    const ms = Math.round(performance.now() - begun);
    log.info({ calls: size, ms }, 'handed over');
  }
}
