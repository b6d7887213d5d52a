/**
 * How wrong estimates are: when a call enters a queue its wait is estimated, and compared with
 * how long it did wait once it is connected. Only for the metric: nothing is decided by it, and
 * calls of a former process of the ACD are not compared. Holds one entry for each call that waits.
 */
import { waitOf } from '../core/estimate.ts';
import type { CoreEvent } from '../core/events.ts';
import type { State } from '../core/state.ts';

export class WaitEstimates {
  readonly #state: () => State;
  readonly #told: (queue: string, errorMs: number) => void;
  readonly #open = new Map<string, { readonly at: number; readonly waitMs: number }>();

  constructor(state: () => State, told: (queue: string, errorMs: number) => void) {
    this.#state = state;
    this.#told = told;
  }

  follow(event: CoreEvent): void {
    switch (event.kind) {
      case 'CallEntered':
      case 'CallMoved':
      case 'CallTransferred':
        return this.#note(event.callId, event.at);
      case 'CallConnected':
        return this.#compare(event.callId, event.queue, event.at);
      case 'CallEnded':
        this.#open.delete(event.callId);
        return;
      default:
        return;
    }
  }

  #note(callId: string, at: number): void {
    const state = this.#state();
    const call = state.calls.get(callId);
    const waitMs = call === undefined ? null : waitOf(state, call);
    if (waitMs === null) this.#open.delete(callId);
    else this.#open.set(callId, { at, waitMs });
  }

  #compare(callId: string, queue: string, at: number): void {
    const estimate = this.#open.get(callId);
    if (estimate === undefined) return;
    this.#open.delete(callId);
    this.#told(queue, Math.abs(at - estimate.at - estimate.waitMs));
  }
}
