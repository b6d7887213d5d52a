/**
 * An agent's time in a window, out of his spans: what overlaps counts once, in the order talk (his
 * own calls likewise), wrap-up, pause. A pause he asked for while he talks begins, for him and for
 * the occupancy, when he has done talking.
 *
 * Of one queue alone: its calls, offers, talk and wrap-up, and its pauses with those in all; what
 * he does for other queues is not his time there, but neither is he ready then. He is logged in to
 * all.
 */
import type { AgentFigures } from './answers.ts';
import { coveredMs, percent, withinMs, type Interval } from './figures.ts';
import type { SpanKind } from './records.ts';
import { seconds } from './units.ts';

export interface AgentSpan extends Interval {
  readonly what: SpanKind;
  readonly queue: string;
  readonly detail: string;
}

/** Offers that were his to take, and he did not. */
const MISSED = new Set(['no-answer', 'busy', 'declined', 'unreachable', 'failed', 'media']);

export function sumAgent(
  spans: readonly AgentSpan[],
  window: Interval,
  queue?: string,
): Omit<AgentFigures, 'agent' | 'name'> {
  const of = (what: SpanKind) => spans.filter((span) => span.what === what);
  const beginsHere = (span: AgentSpan) => span.from >= window.from && span.from < window.to;
  const ofIt = (span: AgentSpan) => queue === undefined || span.queue === queue;
  const own = of('outbound');
  const [talks, wrapups] = [of('talk').filter(ofIt), of('wrapup').filter(ofIt)];
  // Calls of his own are none of a queue's.
  const outbound = queue === undefined ? own : [];
  const rings = of('offer').filter(ofIt);
  const offers = rings.filter(beginsHere);
  const pauses = of('pause').filter((span) => span.queue === '' || span.queue === queue);
  const sum = (list: readonly AgentSpan[]) =>
    list.reduce((total, span) => total + withinMs(span, window), 0);
  const talkMs = sum(talks);
  const onPhone = [...of('talk'), ...own];
  const wrapupMs = coveredMs([...onPhone, ...wrapups], window) - coveredMs(onPhone, window);
  const busyMs = coveredMs([...talks, ...outbound], window) + wrapupMs;
  const everywhere = [...onPhone, ...of('wrapup')];
  const awayMs = coveredMs([...everywhere, ...pauses], window);
  const loggedInMs = coveredMs(of('session'), window);
  const pausedMs = awayMs - coveredMs(everywhere, window);
  const calls = talks.filter(beginsHere).length;
  return {
    calls,
    offers: offers.length,
    missed: offers.filter(({ detail }) => MISSED.has(detail)).length,
    logged_in_seconds: seconds(loggedInMs),
    talk_seconds: seconds(talkMs),
    wrapup_seconds: seconds(wrapupMs),
    ringing_seconds: seconds(sum(rings)),
    outbound_calls: outbound.filter(beginsHere).length,
    outbound_seconds: seconds(sum(outbound)),
    paused_seconds: seconds(pausedMs),
    ready_seconds: seconds(Math.max(0, loggedInMs - awayMs)),
    average_talk_seconds: calls === 0 ? null : seconds(talkMs / calls),
    occupancy: percent(busyMs, Math.max(busyMs, loggedInMs - pausedMs)),
  };
}
