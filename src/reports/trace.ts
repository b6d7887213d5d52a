/**
 * The whole story of one call, out of the journal: every event of it, what each was on the wire,
 * and for every offer why this agent and none of the others. Why is asked of the core itself: its
 * state is rebuilt as it was at that moment, and `eligible` answers, which dispatch asked then.
 */
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import { evolve } from '../core/evolve.ts';
import { explainCall } from '../core/explain.ts';
import { sipCallIdOf } from '../core/outbound-call.ts';
import { restore, SNAPSHOT_VERSION } from '../core/snapshot.ts';
import { initialState, type Agent, type State } from '../core/state.ts';
import type { CallId } from '../core/types.ts';
import type { EventSource } from '../journal/tail.ts';

const PAGE_EVENTS = 2_000;
/** Events replayed for the state at the moment of an offer; beyond, why is not told. */
const REPLAY_MAX = 2_000_000;
/** Others named for one offer. */
const NAMED_MAX = 50;
/** Events of one call that are told. */
const STORY_MAX = 10_000;

export interface Why {
  readonly strategy: string;
  /** What spoke for him. */
  readonly chosen: AgentStanding;
  /** Who could have been offered it, too, in the strategy's order. */
  readonly ready: readonly AgentStanding[];
  /** Who could not, and why not. */
  readonly others: readonly { readonly agent: string; readonly reason: string }[];
}

export interface AgentStanding {
  readonly agent: string;
  readonly penalty: number;
  readonly idle_seconds: number;
  readonly calls: number;
}

export interface Step {
  readonly seq: number;
  readonly at: string;
  /** Since the call came. */
  readonly after_ms: number;
  readonly event: CoreEvent;
  /** What it was on the wire; empty: nothing. */
  readonly sip: string;
  readonly why: Why | null;
}

export interface Trace {
  readonly call: CallId;
  readonly sip_call_id: string;
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
}

/** What an event was on the wire, as far as the journal knows. */
function sipOf(event: CoreEvent): string {
  switch (event.kind) {
    case 'CallEntered':
      return 'caller -> INVITE; 200 -> caller';
    case 'CallRefused':
      return 'caller -> INVITE; refused';
    case 'CallConfirmed':
      return 'caller -> ACK';
    case 'AgentOffered':
    case 'OfferCleared':
      return 'INVITE -> agent';
    case 'OfferRang':
      return 'agent -> 18x';
    case 'OfferAnswered':
      return 'agent -> 200; ACK -> agent';
    case 'OfferFailed':
      return event.sipStatus > 0 ? `agent -> ${event.sipStatus}` : 'CANCEL or BYE -> agent';
    case 'OfferWithdrawn':
      return 'CANCEL or BYE -> agent';
    case 'OutboundBegan':
      return 'INVITE -> agent';
    case 'OutboundRang':
      return 'agent -> 18x';
    case 'OutboundPickedUp':
      return 'agent -> 200; INVITE -> callee';
    case 'OutboundRefused':
      return (event.sipStatus ?? 0) > 0 ? `callee -> ${event.sipStatus}` : 'CANCEL -> callee';
    case 'OutboundConnected':
      return 'callee -> 200; ACK -> callee';
    case 'OutboundEnded':
      return 'BYE or CANCEL -> whoever is there';
    case 'CallEnded': {
      const [leaver, other] = event.endedBy === 'agent' ? ['agent', 'caller'] : ['caller', 'agent'];
      if (event.endedBy === 'system') return 'BYE -> whoever is there';
      return event.agentId === null ? `${leaver} -> BYE or CANCEL` : `${leaver} -> BYE -> ${other}`;
    }
    default:
      return '';
  }
}

function standingOf(agent: Agent, queue: string, now: number): AgentStanding {
  const member = agent.memberOf.find((each) => each.queue.name === queue);
  return {
    agent: agent.id,
    penalty: member?.rules.penalty ?? 0,
    idle_seconds: Math.max(0, Math.round((now - agent.idleSince) / 1000)),
    calls: member?.tally.calls ?? 0,
  };
}

/** `state` is what was before the offer. */
function whyOf(state: State, event: Extract<CoreEvent, { kind: 'AgentOffered' }>): Why | null {
  const call = state.calls.get(event.callId);
  const agent = state.agents.get(event.agentId);
  const queue = state.queues.get(event.queue);
  if (call === undefined || agent === undefined || queue === undefined) return null;
  const others = explainCall(state, call, event.at).filter(({ agentId }) => agentId !== agent.id);
  const free = new Set(others.flatMap(({ agentId, why }) => (why === null ? [agentId] : [])));
  const ready: AgentStanding[] = [];
  for (const member of queue.ready) {
    if (ready.length >= NAMED_MAX) break;
    if (free.has(member.agent.id)) ready.push(standingOf(member.agent, queue.name, event.at));
  }
  return {
    strategy: queue.config.strategy,
    chosen: standingOf(agent, queue.name, event.at),
    ready,
    others: others
      .flatMap(({ agentId, why }) => (why === null ? [] : [{ agent: agentId, reason: why.reason }]))
      .slice(0, NAMED_MAX),
  };
}

/** Is it of an offer about which a veto is asked, so that no phone hears of it? Follows that. */
function isUnheard(event: CoreEvent, asking: Set<string>): boolean {
  if (event.kind === 'AgentOffered' && event.asks === true) asking.add(event.offerId);
  else if (event.kind === 'OfferCleared') asking.delete(event.offerId);
  return 'offerId' in event && event.offerId !== null && asking.has(event.offerId);
}

const isSentOn = (event: CoreEvent): boolean =>
  event.kind === 'CallEnded' && event.destination?.to === 'uri';

const isSending = ({ kind }: CoreEvent): boolean => kind === 'TransferBegan';

/** Does nothing of a call come after this? One that is sent elsewhere is followed there. */
function isLast(event: CoreEvent): boolean {
  if (event.kind === 'CallEnded') return !isSentOn(event);
  const { kind } = event;
  return kind === 'CallRefused' || kind === 'TransferEnded' || kind === 'OutboundEnded';
}

/** Does the event tell of the call? Offers of it are told by their own ids. */
function isOf(event: CoreEvent, callId: CallId, offers: ReadonlySet<string>): boolean {
  if ('callId' in event) return event.callId === callId;
  return 'offerId' in event && event.offerId !== null && offers.has(event.offerId);
}

function names(event: CoreEvent, id: string): boolean {
  if (event.kind === 'OutboundBegan')
    return event.callId === id || sipCallIdOf(event.callId) === id;
  if (event.kind !== 'CallEntered' && event.kind !== 'CallRefused') return false;
  return event.callId === id || event.sipCallId === id;
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** When an id of ours (a ULID) was made, ms since the epoch; null: it is none. */
function madeAt(id: string): number | null {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)) return null;
  let time = 0;
  for (const letter of id.slice(0, 10)) time = time * 32 + CROCKFORD.indexOf(letter);
  return time;
}

/** A call's first event, by its id or its SIP Call-ID (then of the latest); null: none. */
function findCall(source: EventSource, id: string): StoredEvent | null {
  let found: StoredEvent | null = null;
  const made = madeAt(id);
  const from = made === null ? source.ends().first : source.firstFrom(made);
  for (let next = from ?? Infinity; next !== Infinity;) {
    const page = source.read(next, PAGE_EVENTS);
    for (const stored of page.events) {
      if (!names(stored.event, id)) continue;
      if (made !== null) return stored;
      found = stored;
    }
    if (page.next === next) return found;
    next = page.next;
  }
  return found;
}

interface Start {
  readonly state: State;
  readonly seq: number;
}

/** The nearest state before the event that there is; null: none is near enough. */
function stateBefore(source: EventSource, seq: number): Start | null {
  const kept = source.snapshotUpTo(seq - 1);
  const isUsable = kept !== null && kept.state.version === SNAPSHOT_VERSION;
  const { first } = source.ends();
  if (isUsable && kept.seq >= first - 1) return { state: restore(kept.state), seq: kept.seq };
  return first === 1 && seq <= REPLAY_MAX ? { state: initialState(), seq: 0 } : null;
}

/** Null: the journal knows no such call. */
export function traceCall(source: EventSource, id: string): Trace | null {
  const begun = findCall(source, id);
  if (begun === null || !('callId' in begun.event)) return null;
  const { callId } = begun.event;
  const sipCallId = 'sipCallId' in begun.event ? begun.event.sipCallId : sipCallIdOf(callId);
  let start = stateBefore(source, begun.seq);
  const notes: string[] = [];
  if (start === null) notes.push('why each agent is not known: the journal begins too late for it');
  const steps: Step[] = [];
  const offers = new Set<string>();
  const asking = new Set<string>();
  let next = start === null ? source.ends().first : start.seq + 1;
  // What led to its entry (queues it was turned away from) is told, too.
  for (let isOver = false; !isOver;) {
    const page = source.read(next, PAGE_EVENTS);
    if (page.next === next) break;
    if (start !== null && page.events.length < page.next - next) {
      notes.push('why is not told from here on: events of the journal are damaged');
      start = null;
    }
    for (const { seq, event } of page.events) {
      // Earlier versions did not tell of a transfer behind the end of its call.
      const before = steps.at(-1);
      isOver = before?.seq === seq - 1 && isSentOn(before.event) && !isSending(event);
      if (isOver) break;
      if (isOf(event, callId, offers)) {
        if (event.kind === 'AgentOffered') offers.add(event.offerId);
        const sip = isUnheard(event, asking) ? '' : sipOf(event);
        const why =
          event.kind === 'AgentOffered' && start !== null ? whyOf(start.state, event) : null;
        const at = new Date(event.at).toISOString();
        const afterMs = event.at - begun.event.at;
        steps.push({ seq, at, after_ms: afterMs, event, sip, why });
        isOver = isLast(event);
        if (steps.length >= STORY_MAX) {
          notes.push(`only its first ${STORY_MAX} events are told`);
          isOver = true;
        }
        if (isOver) break;
      }
      if (start !== null) evolve(start.state, event);
    }
    next = page.next;
  }
  return { call: callId, sip_call_id: sipCallId, steps, notes };
}
