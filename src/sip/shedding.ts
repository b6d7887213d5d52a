/**
 * How the edge refuses what is too much: early and cheaply, before media or journal have any work
 * of it, and while the event loop is late by the SIP server itself, where that is sipd.
 */
import type { LoadGate, Overload } from '../runtime/load.ts';
import type { EdgeContext } from './context.ts';
import type { Response, Stack } from './port.ts';

/** A loop that was late is well again in this time at the earliest; a place may be free at once. */
const RETRY_AFTER_S: Readonly<Record<Overload, number>> = { 'loop-delay': 5, calls: 10 };

/** What a new call or login is told where it is too much (RFC 3261 §21.5.4); null: it is not. */
export function overloaded(load: LoadGate, what: 'call' | 'login'): Response | null {
  const why = load.refuses(what);
  if (why === null) return null;
  const headers = { 'Retry-After': String(RETRY_AFTER_S[why]) };
  return { status: 503, reason: 'Overloaded', headers };
}

/** Has the SIP server refuse calls while we are late, and counts what it refused. */
export function shedLoad({ load, log }: EdgeContext, stack: Stack): void {
  let isLate = false;
  load.onLate((leaseMs) => {
    const isOver = leaseMs === 0;
    if (isOver === isLate) {
      isLate = !isOver;
      const { loopDelayMs } = load.shown();
      const fields = { loopDelayMs: Math.round(loopDelayMs) };
      if (isLate) log.warn(fields, 'overloaded: new calls are refused (limits.loop-delay)');
      else log.info(fields, 'no longer overloaded: new calls are taken');
    }
    const server = stack.sipd();
    if (server === null) return;
    void server.refuseCalls(leaseMs).then((count) => load.refused('loop-delay', count));
  });
}
