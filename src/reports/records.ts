/**
 * Records: what the journal's events add up to for whoever counts. One `call` for each call, one
 * `visit` for each queue it stood in (also where it got no place), and `span`s: what lasted, from
 * an instant to another, with the agent it concerns. Offers, talks, sessions, pauses and wrap-ups
 * are spans. Pure: the records that an event completes, given what was before; every figure of
 * the reports is a sum over records.
 */
import type { CallEnded, CallRefused, CoreEvent } from '../core/events.ts';
import type { OutboundEnded, OutboundEndedBy, OutboundOutcome } from '../core/outbound-events.ts';
import type { AgentId, CallId, EndedBy, ExitStatus, QueueName } from '../core/types.ts';
import { sipCallIdOf } from '../core/outbound-call.ts';
import type { House, OpenPause, Person } from './house.ts';

export interface CallRecord {
  readonly kind: 'call';
  /** The journey: one id through all queues and transfers. */
  readonly callId: CallId;
  readonly sipCallId: string;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly firstQueue: QueueName;
  readonly lastQueue: QueueName;
  readonly enteredAt: number;
  readonly endedAt: number;
  /** Of an outbound call: its outcome, in capitals. */
  readonly status: ExitStatus | Uppercase<OutboundOutcome>;
  readonly endedBy: EndedBy | OutboundEndedBy | null;
  /** Who talked with him last; null: nobody. */
  readonly agentId: AgentId | null;
  readonly waitedMs: number;
  readonly talkedMs: number;
  /** Queues it left for another. */
  readonly moves: number;
  /** Talks that were sent elsewhere: into a line of ours, or, at its end, out of the house. */
  readonly transfers: number;
  /** An agent's own call: of no queue, and to whoever is in `to`; absent: it came in. */
  readonly outbound?: true;
}

/** How a visit of a queue ended: served, or why not. */
export type VisitOutcome = 'ANSWERED' | Exclude<ExitStatus, 'COMPLETED'>;

export interface VisitRecord {
  readonly kind: 'visit';
  readonly callId: CallId;
  readonly queue: QueueName;
  readonly from: string;
  readonly enteredAt: number;
  readonly leftAt: number;
  readonly outcome: VisitOutcome;
  /** Wait in this queue, and with what it had behind it from queues before. */
  readonly waitMs: number;
  readonly totalWaitMs: number;
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly agentId: AgentId | null;
  readonly key: string;
}

/**
 * `transfer`: at an address outside, which no agent has a part in. `outbound`: an agent on his
 * phone for a call of his own, from when he took it.
 */
export type SpanKind = 'offer' | 'talk' | 'transfer' | 'outbound' | 'session' | 'pause' | 'wrapup';

export interface SpanRecord {
  readonly kind: 'span';
  readonly what: SpanKind;
  /** Empty: of a transfer. */
  readonly agentId: AgentId;
  /** Empty: in all. */
  readonly queue: QueueName;
  readonly callId: CallId;
  readonly offerId: string;
  readonly from: number;
  readonly to: number;
  /**
   * Offer: its outcome. Talk: who ended it, or `transferred`. Transfer and outbound: outcome and
   * address.
   * Session: phone. Pause: reason.
   */
  readonly detail: string;
}

export type ReportRecord = CallRecord | VisitRecord | SpanRecord;

/** How a talk ended whose caller was sent elsewhere. */
const TRANSFERRED = 'transferred';

type SpanFields = Partial<SpanRecord> & Pick<SpanRecord, 'what' | 'agentId' | 'from' | 'to'>;

function span(fields: SpanFields): SpanRecord {
  return { kind: 'span', queue: '', callId: '', offerId: '', detail: '', ...fields };
}

function ended(house: House, event: CallEnded): ReportRecord[] {
  const call = house.calls.get(event.callId);
  const { callId, queue, status, endedBy, agentId, waitedMs, talkedMs, key = '' } = event;
  if (call === undefined) return [];
  const at = event.leftAt ?? event.at;
  const isSentOn = agentId !== null && event.destination?.to === 'uri';
  const record: CallRecord = {
    kind: 'call',
    callId,
    sipCallId: call.sipCallId,
    from: call.from,
    fromName: call.fromName,
    to: call.to,
    firstQueue: call.firstQueue,
    lastQueue: queue,
    enteredAt: call.enteredAt,
    endedAt: at,
    status,
    endedBy,
    agentId: agentId ?? call.agentId,
    // Of all its waits and talks.
    waitedMs: call.waitedMs + waitedMs,
    talkedMs: call.talkedMs + talkedMs,
    moves: call.moves,
    transfers: call.transfers + (isSentOn ? 1 : 0),
  };
  if (agentId !== null && call.connectedAt !== null) {
    const offerId = event.offerId ?? '';
    const { connectedAt: from } = call;
    const times = { from, to: from + talkedMs };
    const detail = isSentOn ? TRANSFERRED : endedBy;
    return [span({ what: 'talk', agentId, queue, callId, offerId, ...times, detail }), record];
  }
  const visit: VisitRecord = {
    kind: 'visit',
    callId,
    queue,
    from: call.from,
    enteredAt: call.queuedAt,
    leftAt: at,
    outcome: status === 'COMPLETED' ? 'FAILED' : status,
    waitMs: Math.max(0, at - call.queuedAt),
    totalWaitMs: waitedMs,
    firstPosition: call.position,
    lastPosition: event.position,
    agentId: null,
    key,
  };
  return [visit, record];
}

/** It got no place; nobody but the journal knows that it was there. */
function turnedAway(
  event: Pick<CallRefused, 'callId' | 'queue' | 'at'>,
  from: string,
  outcome: VisitOutcome,
): VisitRecord {
  const { callId, queue, at } = event;
  return {
    kind: 'visit',
    callId,
    queue,
    from,
    enteredAt: at,
    leftAt: at,
    outcome,
    waitMs: 0,
    totalWaitMs: 0,
    firstPosition: 0,
    lastPosition: 0,
    agentId: null,
    key: '',
  };
}

function refused(event: CallRefused): ReportRecord[] {
  const { callId, queue, sipCallId, from, to, status, at } = event;
  const record: CallRecord = {
    kind: 'call',
    callId,
    sipCallId,
    from,
    fromName: '',
    to,
    // Of a call for no queue of ours it may be anything a stranger dialled.
    firstQueue: status === 'UNKNOWNQUEUE' ? '' : queue,
    lastQueue: status === 'UNKNOWNQUEUE' ? '' : queue,
    enteredAt: at,
    endedAt: at,
    status,
    endedBy: null,
    agentId: null,
    waitedMs: 0,
    talkedMs: 0,
    moves: 0,
    transfers: 0,
  };
  if (status === 'UNKNOWNQUEUE' || status === 'COMPLETED') return [record];
  return [turnedAway(event, from, status), record];
}

function dialled(house: House, event: OutboundEnded): ReportRecord[] {
  const own = house.outbound.get(event.callId);
  if (own === undefined) return [];
  const { callId, agentId, from, to, begunAt, pickedUpAt, connectedAt } = own;
  const { outcome, endedBy, talkedMs } = event;
  const endedAt = event.leftAt ?? event.at;
  const record: CallRecord = {
    ...{ kind: 'call', callId, sipCallId: sipCallIdOf(callId), from, to, agentId },
    fromName: house.config?.agents.find(({ id }) => id === agentId)?.name ?? '',
    ...{ firstQueue: '', lastQueue: '', enteredAt: begunAt, endedAt },
    status: outcome.toUpperCase() as Uppercase<OutboundOutcome>,
    ...{ endedBy, waitedMs: Math.max(0, (connectedAt ?? endedAt) - begunAt), talkedMs },
    ...{ moves: 0, transfers: 0, outbound: true },
  };
  if (pickedUpAt === null) return [record];
  const times = { from: pickedUpAt, to: Math.max(pickedUpAt, endedAt) };
  const detail = `${outcome} ${to}`;
  return [span({ what: 'outbound', agentId, callId, ...times, detail }), record];
}

function ofCall(house: House, event: CoreEvent): ReportRecord[] {
  switch (event.kind) {
    case 'OutboundEnded':
      return dialled(house, event);
    case 'CallDiverted':
      return [turnedAway(event, event.from ?? '', event.status)];
    case 'CallRefused':
      return refused(event);
    case 'CallEnded':
      return ended(house, event);
    case 'TransferEnded': {
      const sent = house.sent.get(event.callId);
      if (sent === undefined) return [];
      const { callId, queue, begunAt, answeredAt, uri } = sent;
      const times = { from: answeredAt ?? begunAt, to: event.leftAt ?? event.at };
      const detail = `${event.outcome} ${uri}`;
      return [span({ what: 'transfer', agentId: '', queue, callId, ...times, detail })];
    }
    case 'CallTransferred': {
      const { callId, offerId, agentId, from: queue, at: to, talkedMs } = event;
      const times = { from: to - talkedMs, to };
      return [
        span({ what: 'talk', agentId, queue, callId, offerId, ...times, detail: TRANSFERRED }),
      ];
    }
    case 'CallMoved': {
      const call = house.calls.get(event.callId);
      if (call === undefined) return [];
      const { callId, from: queue, status: outcome, position: lastPosition, at } = event;
      const { from, queuedAt: enteredAt, position: firstPosition } = call;
      const waits = { waitMs: event.waitedMs, totalWaitMs: at - call.waitsSince };
      const place = { firstPosition, lastPosition, agentId: null, key: '' };
      const times = { enteredAt, leftAt: at };
      return [{ kind: 'visit', callId, queue, from, ...times, outcome, ...waits, ...place }];
    }
    case 'CallConnected': {
      const call = house.calls.get(event.callId);
      if (call === undefined) return [];
      const { callId, queue, agentId, at, waitedMs: totalWaitMs } = event;
      const { from, queuedAt: enteredAt, position: firstPosition } = call;
      const waits = { waitMs: at - enteredAt, totalWaitMs };
      const place = { firstPosition, lastPosition: 0, agentId, key: '' };
      const times = { enteredAt, leftAt: at };
      const outcome = 'ANSWERED';
      const visit = { callId, queue, from, ...times, outcome, ...waits, ...place } as const;
      return [{ kind: 'visit', ...visit }, ...ofOffer(house, event)];
    }
    default:
      return [];
  }
}

function offerEnd(event: CoreEvent): { readonly offerId: string; readonly detail: string } | null {
  switch (event.kind) {
    case 'CallConnected':
      return { offerId: event.offerId, detail: 'answered' };
    case 'OfferFailed':
      return { offerId: event.offerId, detail: event.failure };
    case 'OfferWithdrawn':
      return { offerId: event.offerId, detail: event.reason };
    default:
      return null;
  }
}

function ofOffer(house: House, event: CoreEvent): ReportRecord[] {
  const end = offerEnd(event);
  const offer = end === null ? undefined : house.offers.get(end.offerId);
  // What was only asked about was no offer to him.
  if (end === null || offer === undefined || offer.asks === true) return [];
  const { agentId, queue, callId, id: offerId, offeredAt: from } = offer;
  const { detail } = end;
  return [span({ what: 'offer', agentId, queue, callId, offerId, from, to: event.at, detail })];
}

function pauseSpan(agentId: AgentId, queue: QueueName, pause: OpenPause, to: number): SpanRecord {
  const { since: from, reason: detail } = pause;
  return span({ what: 'pause', agentId, queue, from, to, detail });
}

/** What is still open of a person; `to` is when it ends. */
export function openSpans(agentId: AgentId, person: Person, to: number): SpanRecord[] {
  const found: SpanRecord[] = [];
  const { device: detail, since: from, pause, wrapup } = person;
  if (pause !== null) found.push(pauseSpan(agentId, '', pause, to));
  for (const [queue, each] of person.pausedIn) found.push(pauseSpan(agentId, queue, each, to));
  if (wrapup !== null) {
    const { queue, since } = wrapup;
    found.push(span({ what: 'wrapup', agentId, queue, from: since, to }));
  }
  found.push(span({ what: 'session', agentId, from, to, detail }));
  return found;
}

function ofAgent(house: House, event: CoreEvent): ReportRecord[] {
  const agentId = 'agentId' in event ? (event.agentId ?? '') : '';
  const person = house.people.get(agentId);
  if (person === undefined) return [];
  const { at } = event;
  switch (event.kind) {
    case 'AgentLoggedOut':
      return openSpans(agentId, person, at);
    case 'AgentLoggedIn':
      return event.device.uri === person.device ? [] : openSpans(agentId, person, at);
    case 'AgentPaused':
    case 'AgentResumed': {
      const { queue } = event;
      const pause = queue === undefined ? person.pause : (person.pausedIn.get(queue) ?? null);
      return pause === null ? [] : [pauseSpan(agentId, queue ?? '', pause, at)];
    }
    case 'WrapupEnded': {
      if (person.wrapup === null) return [];
      const { queue, since: from } = person.wrapup;
      return [span({ what: 'wrapup', agentId, queue, from, to: at })];
    }
    default:
      return [];
  }
}

/** The records that an event completes; `house` is what was before it. */
export function recordsOf(house: House, event: CoreEvent): readonly ReportRecord[] {
  if (event.kind === 'OfferFailed' || event.kind === 'OfferWithdrawn') return ofOffer(house, event);
  const records = ofCall(house, event);
  return records.length > 0 ? records : ofAgent(house, event);
}
