/**
 * An agent's time in a window, out of his spans: what overlaps counts once, in the order talk (his
 * own calls likewise), wrap-up, pause. A pause he asked for while he talks begins, for him and for
 * the occupancy, when he has done talking.
 */
import type { AgentFigures } from './answers.ts';
import { coveredMs, percent, withinMs, type Interval } from './figures.ts';
import type { SpanKind } from './records.ts';

export interface AgentSpan extends Interval {
  readonly what: SpanKind;
  readonly queue: string;
  readonly detail: string;
}

const seconds = (ms: number): number => Math.round(ms / 100) / 10;

/** Offers that were his to take, and he did not. */
const MISSED = new Set(['no-answer', 'busy', 'declined', 'unreachable', 'failed', 'media']);

export function sumAgent(
  spans: readonly AgentSpan[],
  window: Interval,
): Omit<AgentFigures, 'agent' | 'name'> {
  const of = (what: SpanKind) => spans.filter((span) => span.what === what);
  const beginsHere = (span: AgentSpan) => span.from >= window.from && span.from < window.to;
  const [talks, wrapups, own] = [of('talk'), of('wrapup'), of('outbound')];
  const offers = of('offer').filter(beginsHere);
  const pauses = of('pause').filter(({ queue }) => queue === '');
  const sum = (list: readonly AgentSpan[]) =>
    list.reduce((total, span) => total + withinMs(span, window), 0);
  const talkMs = sum(talks);
  const busyMs = coveredMs([...talks, ...own, ...wrapups], window);
  const awayMs = coveredMs([...talks, ...own, ...wrapups, ...pauses], window);
  const loggedInMs = coveredMs(of('session'), window);
  const pausedMs = awayMs - busyMs;
  const calls = talks.filter(beginsHere).length;
  return {
    calls,
    offers: offers.length,
    missed: offers.filter(({ detail }) => MISSED.has(detail)).length,
    logged_in_seconds: seconds(loggedInMs),
    talk_seconds: seconds(talkMs),
    wrapup_seconds: seconds(busyMs - coveredMs([...talks, ...own], window)),
    ringing_seconds: seconds(sum(of('offer'))),
    outbound_calls: own.filter(beginsHere).length,
    outbound_seconds: seconds(sum(own)),
    paused_seconds: seconds(pausedMs),
    ready_seconds: seconds(Math.max(0, loggedInMs - awayMs)),
    average_talk_seconds: calls === 0 ? null : seconds(talkMs / calls),
    occupancy: percent(busyMs, Math.max(busyMs, loggedInMs - pausedMs)),
  };
}
