/**
 * What the server process counts and shows to Prometheus: journalled events as they happen, and
 * the state of every part read at the moment of asking.
 */
import type { AcdConfig } from '../config/types.ts';
import { placesTaken } from '../core/capacity.ts';
import type { CoreEvent } from '../core/events.ts';
import { readGauges } from '../http/live-view.ts';
import type { MediaPort } from '../media/port.ts';
import {
  createMetrics,
  NO_GUARD,
  type GuardReading,
  type Metrics,
  type Reading,
} from '../observe/metrics.ts';
import type { Reports } from '../reports/port.ts';
import { LoadGate } from '../runtime/load.ts';
import type { Loop } from '../runtime/loop.ts';
import type { SipEdge } from '../sip/edge.ts';

/** Counts what the journal says; the gauges are read from the state. */
export function countEvent(metrics: Metrics, event: CoreEvent): void {
  switch (event.kind) {
    case 'CallConnected':
      metrics.callConnected(event.queue, event.waitedMs);
      metrics.offerEnded('answered');
      metrics.offerAnswered(200);
      return;
    case 'CallEnded':
      return metrics.callEnded(event.queue, event.status);
    case 'CallRefused':
      // The queue of a refused call may be anything a stranger dialled: not a label.
      return metrics.callEnded('', event.status);
    case 'OfferCleared':
      return metrics.vetoAsked(event.ruling);
    case 'OfferFailed':
      metrics.offerEnded(event.failure);
      if (event.ruling !== undefined) return metrics.vetoAsked(event.ruling);
      return metrics.offerAnswered(event.sipStatus);
    case 'OfferWithdrawn':
      return metrics.offerEnded('withdrawn');
    case 'OutboundEnded':
      return metrics.outboundEnded(event.outcome, event.talkedMs);
    default:
      return undefined;
  }
}

export interface Watched {
  readonly loop: Loop;
  readonly media: MediaPort;
  readonly reports: Reports;
  /** null: it is not there yet. */
  readonly edge: Pick<SipEdge, 'health' | 'guard' | 'locks'> | null;
}

async function readGuard({ edge }: Watched): Promise<GuardReading> {
  if (edge === null) return NO_GUARD;
  const locks = edge.locks.list();
  const locked = (['agent', 'phone'] as const).map(
    (kind) => [kind, locks.filter((lock) => lock.kind === kind).length] as const,
  );
  return { ...(await edge.guard()), locks: new Map(locked) };
}

async function read(watched: Watched, load: LoadGate): Promise<Reading> {
  const { loop, media, reports, edge } = watched;
  const guard = await readGuard(watched);
  const { counters, lastSeq, backlog, phase } = loop.health();
  const sound = media.health();
  const sip = edge?.health();
  const kept = reports.health();
  const isUp = phase === 'running' || phase === 'draining';
  return readGauges(loop.state, {
    mediaLegs: sound.legs,
    journalSeq: lastSeq,
    isOverloaded: load.shown().overload !== null,
    journal: {
      backlog,
      appends: counters.batches,
      failures: counters.appendFailures,
      appendSeconds: counters.appendMs / 1000,
    },
    reports: { lag: Math.max(0, lastSeq - kept.seq) },
    bugs: new Map([
      ['invariant', counters.brokenInvariants],
      ['reactor', counters.reactorErrors],
    ]),
    audioLoss: new Map(Object.entries(sound.loss ?? { in: 0, out: 0 })),
    guard,
    registrars: new Map(
      sip?.registrars.map(({ name, state }) => [name, state === 'registered'] as const),
    ),
    parts: new Map([
      ['sip', sip?.up === true],
      ['media', sound.up],
      ['journal', isUp],
      ['reports', kept.up],
    ]),
  });
}

export function createMeters(
  config: AcdConfig,
  watched: Watched,
): { metrics: Metrics; load: LoadGate } {
  const load = new LoadGate({
    maxCalls: config.core.maxCalls,
    calls: () => placesTaken(watched.loop.state, watched.loop.now()),
    maxDelayMs: config.maxLoopDelayMs,
    onRefused: (why, count) => metrics.callsShed(why, count),
  });
  const metrics = createMetrics(() => read(watched, load));
  return { metrics, load };
}
