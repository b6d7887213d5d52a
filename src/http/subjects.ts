/**
 * Which queues and agents an event is about, for the filters of the event stream. A fold over the
 * events: what a call or an offer belongs to is remembered after its end for a while, bounded.
 * What cannot be told any more counts as being about everybody: rather too much than a loss.
 */
import type { CoreEvent } from '../core/events.ts';
import type { State } from '../core/state.ts';
import { putNewest } from '../shared/newest.ts';

const KNOWN_MAX = 20_000;

export interface Filter {
  /** Empty: all. */
  readonly queues: readonly string[];
  readonly agents: readonly string[];
  /** It may see nothing else: what cannot be told is not for it. */
  readonly isStrict?: boolean;
}

interface Named {
  readonly kind: CoreEvent['kind'];
  readonly callId?: string;
  readonly offerId?: string | null;
  readonly agentId?: string | null;
  readonly queue?: string;
}

export class Subjects {
  readonly #state: () => State;
  readonly #calls = new Map<string, readonly string[]>();
  readonly #offers = new Map<string, { readonly callId: string; readonly agentId: string }>();

  /** What is there now may be over by the time that somebody asks for what was told of it. */
  constructor(state: () => State) {
    this.#state = state;
    const { calls, offers, transfers } = state();
    for (const { id, queue } of calls.values()) this.#add(id, [queue]);
    for (const { callId, queue } of transfers.values()) this.#add(callId, [queue]);
    for (const { id, callId, agentId } of offers.values())
      this.#offers.set(id, { callId, agentId });
  }

  /** The same event may be heard again. */
  hear(event: CoreEvent): void {
    if (event.kind === 'CallEntered') this.#add(event.callId, [event.queue]);
    if (event.kind === 'CallMoved' || event.kind === 'CallTransferred') {
      this.#add(event.callId, [event.queue], [event.from]);
    }
    // Later events of a transfer name no queue, and its visit is over.
    if (event.kind === 'TransferBegan') this.#add(event.callId, [event.queue]);
    if (event.kind === 'AgentOffered') {
      const { offerId, callId, agentId } = event;
      putNewest(this.#offers, offerId, { callId, agentId }, KNOWN_MAX);
    }
  }

  passes(event: CoreEvent, { queues, agents, isStrict = false }: Filter): boolean {
    if (queues.length === 0 && agents.length === 0) return true;
    const named = event as Named;
    const { callId, offerId, agentId, queue } = named;
    // Of nobody, as a new configuration is: it is for everybody.
    if (callId === undefined && offerId == null && agentId == null && queue === undefined)
      return true;
    const touches = (found: readonly string[] | null, wanted: readonly string[]): boolean =>
      wanted.length === 0 || (found?.some((one) => wanted.includes(one)) ?? !isStrict);
    return touches(this.#queuesOf(named), queues) && touches(this.#agentsOf(named), agents);
  }

  /** `unheard`: what was before, where that is not known. */
  #add(callId: string, queues: readonly string[], unheard: readonly string[] = []): void {
    const before = this.#calls.get(callId) ?? unheard;
    putNewest(this.#calls, callId, [...new Set([...before, ...queues])], KNOWN_MAX);
  }

  #offerOf(offerId: string) {
    return this.#offers.get(offerId) ?? this.#state().offers.get(offerId);
  }

  /** null: cannot be told. */
  #queuesOf(event: Named): readonly string[] | null {
    const { kind, queue, callId, offerId, agentId } = event;
    // An agent's own call is of no queue: it is about him, as his pauses are.
    if (kind.startsWith('Outbound')) return this.#state().agents.get(agentId ?? '')?.queues ?? null;
    const offer = offerId == null ? undefined : this.#offerOf(offerId);
    const id = callId ?? offer?.callId;
    if (id !== undefined) {
      const { calls, transfers } = this.#state();
      const live = (calls.get(id) ?? transfers.get(id))?.queue;
      const known = this.#calls.get(id) ?? (live === undefined ? undefined : [live]);
      if (known !== undefined) return queue === undefined ? known : [...known, queue];
    }
    if (queue !== undefined) return [queue];
    if (callId === undefined && offerId == null && agentId != null) {
      return this.#state().agents.get(agentId)?.queues ?? null;
    }
    return null;
  }

  /** null: cannot be told. */
  #agentsOf({ agentId, offerId }: Named): readonly string[] | null {
    if (agentId != null) return [agentId];
    if (offerId == null) return [];
    const offer = this.#offerOf(offerId);
    return offer === undefined ? null : [offer.agentId];
  }
}
