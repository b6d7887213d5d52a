/**
 * What happens on legs and is told to the client. Events that must not be lost (`kept`) are
 * numbered and held until the client acknowledges them, so that a client that died meanwhile, or
 * the next one, still hears of every digit. Of the others, silence is told again to every client
 * that begins to listen, and `list` shows the source; a share of packets lost and a warning concern
 * the moment only.
 */
import { limits } from './limits.ts';
import { log } from './log.ts';

export type LegEvent =
  | { readonly event: 'dtmf'; readonly leg: string; readonly digit: string; durationMs: number }
  | {
      readonly event: 'playEnded';
      readonly leg: string;
      readonly playId: string;
      readonly played: 'all' | 'part';
    }
  | { readonly event: 'firstPacket'; readonly leg: string }
  /** The party's packets come from there, and not from where its SDP says (NAT). */
  | {
      readonly event: 'source';
      readonly leg: string;
      readonly address: string;
      readonly port: number;
    }
  /** `silentMs` 0: the party is heard again. */
  | {
      readonly event: 'silence';
      readonly leg: string;
      readonly silentMs: number;
      /** He was heard before; else he never sent anything. */
      readonly wasHeard: boolean;
    }
  /** Share of packets lost since the last report: `in` what we receive, `out` what he does. */
  | {
      readonly event: 'loss';
      readonly leg: string;
      readonly direction: 'in' | 'out';
      readonly percent: number;
    }
  | { readonly event: 'warning'; readonly detail: string };

export type Numbered = LegEvent & { readonly n?: number };

export class EventBook {
  private readonly held = new Map<number, Numbered>();
  private number = 0;
  private dropped = 0;
  private listener: ((event: Numbered) => void) | null = null;

  /** Gives the listener everything held, then all that comes; null: nobody listens. */
  listen(listener: ((event: Numbered) => void) | null): void {
    this.listener = listener;
    if (listener !== null) for (const event of this.held.values()) listener(event);
  }

  add(event: LegEvent): void {
    const isKept = event.event === 'dtmf' || event.event === 'playEnded';
    if (!isKept && event.event !== 'firstPacket') {
      this.listener?.(event);
      return;
    }
    this.number += 1;
    const numbered = { ...event, n: this.number };
    this.held.set(this.number, numbered);
    if (this.held.size > limits.heldEvents) this.dropOldest();
    this.listener?.(numbered);
  }

  /** The client has dealt with events up to `n`. */
  acknowledge(n: number): void {
    for (const number of this.held.keys()) {
      if (number > n) return;
      this.held.delete(number);
    }
  }

  counts(): { held: number; dropped: number } {
    return { held: this.held.size, dropped: this.dropped };
  }

  private dropOldest(): void {
    for (const number of this.held.keys()) {
      this.held.delete(number);
      this.dropped += 1;
      if (this.dropped % 100 === 1) log('warn', 'held event dropped', { dropped: this.dropped });
      return;
    }
  }
}
