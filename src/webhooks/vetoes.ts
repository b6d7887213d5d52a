/**
 * Asks the vetoes of queues before phones ring (`vetoes` in acd.yaml). Comes in: AgentOffered of
 * an offer that asks. Goes out: RuleOffer with what was answered. The question carries the offer's
 * id as its own, so a server that takes over from one that died asks the same again, and whoever
 * answers can tell. The core has the deadline, too: an answer that comes after it changes nothing.
 * Of each veto so many questions are under way at once; those behind them wait for their turn
 * until their offer is over.
 */
import type { VetoConfig } from '../config/types.ts';
import type { CoreEvent } from '../core/events.ts';
import type { Offer, State } from '../core/state.ts';
import type { OfferId, QueueName } from '../core/types.ts';
import type { VetoShown } from '../http/view.ts';
import type { Runtime } from '../runtime/port.ts';
import { ask, type Answer } from './ask.ts';
import { nameOf } from './hook.ts';
import type { Delivery } from './post.ts';
import { signed } from './signature.ts';

export interface VetoesOptions {
  readonly configs: readonly VetoConfig[];
  readonly runtime: Runtime;
  readonly log: { warn(fields: object, text: string): void; info(fields: object, t: string): void };
  readonly ask?: (delivery: Delivery) => Promise<Answer>;
}

/** Questions under way at once to one veto. */
export const ASKED_MAX = 50;

type Answered = (offerId: OfferId, answer: Answer) => void;

/** One veto: its questions under way, those that wait, and how it does. */
class Asker {
  readonly #config: VetoConfig;
  readonly #options: VetoesOptions;
  readonly #answered: Answered;
  readonly #underWay = new Map<OfferId, AbortController>();
  /** First in, first out; bounded by the agents, each of whom has one offer. */
  readonly #waiting = new Set<OfferId>();
  #isSilent = false;
  #detail = '';
  #counts = { asked: 0, allowed: 0, refused: 0, silent: 0 };

  constructor(config: VetoConfig, options: VetoesOptions, answered: Answered) {
    this.#config = config;
    this.#options = options;
    this.#answered = answered;
  }

  shown(): VetoShown {
    const { name, url } = this.#config;
    const state = this.#isSilent ? 'silent' : 'up';
    return { name, url: nameOf(url), state, detail: this.#detail, ...this.#counts };
  }

  put(offerId: OfferId): void {
    if (this.#underWay.has(offerId)) return;
    this.#waiting.add(offerId);
    this.#next();
  }

  /** The offer is over, or ruled. */
  drop(offerId: OfferId): void {
    this.#waiting.delete(offerId);
    this.#underWay.get(offerId)?.abort();
    if (this.#underWay.delete(offerId)) this.#next();
  }

  stop(): void {
    this.#waiting.clear();
    for (const ending of this.#underWay.values()) ending.abort();
    this.#underWay.clear();
  }

  #next(): void {
    for (const offerId of this.#waiting) {
      if (this.#underWay.size >= ASKED_MAX) return;
      this.#waiting.delete(offerId);
      const offer = this.#options.runtime.state.offers.get(offerId);
      // One that is due already is silent: the core says so at once.
      const isDue = offer !== undefined && offer.deadline <= this.#options.runtime.now();
      if (offer?.phase === 'asking' && !isDue) void this.#ask(offer);
    }
  }

  async #ask(offer: Offer): Promise<void> {
    const ending = new AbortController();
    this.#underWay.set(offer.id, ending);
    this.#counts.asked += 1;
    const answer = await (this.#options.ask ?? ask)(this.#question(offer, ending.signal));
    // Cut off: the offer is over, or we stop. What came of it is nobody's any more.
    if (ending.signal.aborted) return;
    this.#underWay.delete(offer.id);
    this.#answered(offer.id, answer);
    this.#next();
  }

  #question(offer: Offer, signal: AbortSignal): Delivery {
    const { url, secret } = this.#config;
    const { runtime } = this.#options;
    const now = runtime.now();
    const timestamp = new Date(now).toISOString();
    const data = questionOf(runtime.state, offer, now);
    const body = JSON.stringify({ type: 'acd.veto', timestamp, data });
    const headers = signed(secret, offer.id, Math.floor(now / 1000), body);
    return { url, headers, body, signal, timeoutMs: Math.max(1, offer.deadline - now) };
  }

  /** What it was ruled: the journal's word, whatever was answered and when. */
  note({ ruling, detail }: Answer): void {
    const veto = this.#config.name;
    if (ruling === 'allow') this.#counts.allowed += 1;
    else if (ruling === 'refuse') this.#counts.refused += 1;
    else this.#counts.silent += 1;
    const isSilent = ruling === 'silence';
    this.#detail = isSilent ? detail : '';
    if (isSilent === this.#isSilent) return;
    this.#isSilent = isSilent;
    if (isSilent) this.#options.log.warn({ veto, detail }, 'veto does not answer');
    else this.#options.log.info({ veto }, 'veto answers again');
  }
}

/** What is told of the offer. */
function questionOf(state: State, offer: Offer, now: number): object {
  const call = state.calls.get(offer.callId);
  return {
    ...{ offer: offer.id, queue: offer.queue, agent: offer.agentId },
    agent_name: state.agents.get(offer.agentId)?.name ?? '',
    device: offer.device.uri,
    ...{ call: offer.callId, sip_call_id: call?.sipCallId ?? '' },
    ...{ from: call?.from ?? '', name: call?.fromName ?? '', to: call?.to ?? '' },
    waited_seconds: Math.floor((now - (call?.enteredAt ?? now)) / 1000),
    refused_before: call?.vetoes?.get(offer.agentId)?.count ?? 0,
    given: offer.given,
    answer_by: new Date(offer.deadline).toISOString(),
  };
}

export class Vetoes {
  readonly #options: VetoesOptions;
  readonly #askers: ReadonlyMap<string, Asker>;
  /** Which veto is asked about an offer. */
  readonly #asked = new Map<OfferId, Asker>();
  #isOver = false;

  constructor(options: VetoesOptions) {
    this.#options = options;
    const answered: Answered = (offerId, answer) => this.#rule(offerId, answer);
    this.#askers = new Map(
      options.configs.map((config) => [config.name, new Asker(config, options, answered)]),
    );
    options.runtime.react(({ event }) => this.#hear(event));
    // What a process before us asked and did not live to hear is asked again.
    for (const offer of options.runtime.state.offers.values()) {
      if (offer.phase === 'asking') this.#ask(offer.id, offer.queue);
    }
  }

  shown(): readonly VetoShown[] {
    return [...this.#askers.values()].map((asker) => asker.shown());
  }

  /** Questions under way are cut off; their offers are the next server's, or silent. */
  stop(): void {
    this.#isOver = true;
    for (const asker of this.#askers.values()) asker.stop();
    this.#asked.clear();
  }

  #hear(event: CoreEvent): void {
    switch (event.kind) {
      case 'AgentOffered':
        if (event.asks === true) this.#ask(event.offerId, event.queue);
        return;
      case 'OfferCleared':
      case 'OfferFailed': {
        const { ruling, detail } = event;
        if (ruling !== undefined) this.#asked.get(event.offerId)?.note({ ruling, detail });
        return this.#drop(event.offerId);
      }
      case 'OfferWithdrawn':
        return this.#drop(event.offerId);
      default:
    }
  }

  #drop(offerId: OfferId): void {
    this.#asked.get(offerId)?.drop(offerId);
    this.#asked.delete(offerId);
  }

  #ask(offerId: OfferId, queue: QueueName): void {
    if (this.#isOver || this.#asked.has(offerId)) return;
    const { veto } = this.#options.runtime.state.queues.get(queue)?.config ?? {};
    const asker = this.#askers.get(veto?.name ?? '');
    if (asker === undefined) {
      // It has left the configuration meanwhile.
      return this.#rule(offerId, { ruling: 'allow', detail: 'the queue has no veto any more' });
    }
    this.#asked.set(offerId, asker);
    asker.put(offerId);
  }

  /** Refused where the offer is ruled or over already: then its event says so. */
  #rule(offerId: OfferId, { ruling, detail }: Answer): void {
    const command = { kind: 'RuleOffer', by: 'veto', offerId, ruling, detail } as const;
    void this.#options.runtime.submit(command);
  }
}
