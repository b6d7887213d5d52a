/**
 * Is everything well? Each part says how it is; here that becomes the answer of GET /health. (When
 * it comes with status 503, http/routes/status.ts decides.)
 */
import type { Configuration } from './config.ts';
import type { DrainShown } from './stop.ts';
import type { AcdConfig } from '../config/types.ts';
import type { HealthAnswer } from '../http/schemas.ts';
import type { MediaPort } from '../media/port.ts';
import type { Reports } from '../reports/port.ts';
import type { LoadGate } from '../runtime/load.ts';
import type { Loop } from '../runtime/loop.ts';
import type { Upkeep } from '../runtime/upkeep.ts';
import type { SipEdge } from '../sip/edge.ts';

/** Those that can be unwell. */
export interface WatchedParts {
  readonly loop: Loop;
  readonly upkeep: Upkeep;
  readonly reports: Reports;
  readonly media: MediaPort;
  readonly edge: SipEdge;
  readonly load: LoadGate;
  readonly configuration: Configuration;
}

function journalHealth({ loop, upkeep }: WatchedParts): HealthAnswer['journal'] {
  const { phase, detail, since, lastSeq } = loop.health();
  if (since !== null) {
    const from = new Date(since).toISOString();
    const what = 'calls in progress go on, new ones are refused; it recovers by itself';
    return { up: false, detail: `${detail}; since ${from}; ${what}`, seq: lastSeq };
  }
  const damaged = upkeep.damaged();
  const history = `${damaged} events of its history are damaged; see acd journal check`;
  const told = detail === '' ? phase : detail;
  const words = damaged === 0 ? told : `${told}; ${history}`;
  return { up: phase === 'running' || phase === 'draining', detail: words, seq: lastSeq };
}

export interface HealthFacts {
  readonly config: AcdConfig;
  readonly version: string;
  /** By the monotonic clock. */
  readonly startedAt: number;
  readonly drain: DrainShown | null;
}

/** What GET /health answers now. */
export function healthOf(parts: WatchedParts, facts: HealthFacts): HealthAnswer {
  const { loop, media, edge } = parts;
  const { config, version, startedAt, drain } = facts;
  const places = new Map(config.sip.register.map((one) => [one.name, one.registrar]));
  const { counters } = loop.health();
  const load = parts.load.shown();
  const sip = edge.health();
  const sound = media.health();
  const registrars = sip.registrars.map(({ name, state, detail, expiresIn }) => ({
    name,
    registrar: places.get(name) ?? '',
    state,
    detail,
    expires_in_seconds: expiresIn,
  }));
  const journal = journalHealth(parts);
  const trouble = parts.configuration.trouble();
  const isWell =
    trouble === null &&
    sip.up &&
    sound.up &&
    journal.up &&
    parts.reports.health().up &&
    load.overload === null &&
    registrars.every((one) => one.state === 'registered');
  return {
    status: drain !== null ? 'draining' : isWell ? 'ok' : 'degraded',
    version,
    uptime_seconds: Math.floor((performance.now() - startedAt) / 1000),
    sip: { up: sip.up, detail: sip.detail, addresses: [...sip.addresses] },
    registrars,
    media: { up: sound.up, detail: sound.detail, legs: sound.legs },
    journal,
    reports: parts.reports.health(),
    configuration: {
      up: trouble === null,
      detail: trouble ?? 'as loaded',
      version: parts.configuration.version(),
    },
    load: {
      overload: load.overload,
      loop_delay_ms: Math.round(load.loopDelayMs),
      calls: load.calls,
      max_calls: config.core.maxCalls,
      refused: load.refused,
    },
    drain: drain && {
      calls_left: drain.callsLeft,
      ends_in_seconds: Math.ceil(drain.endsInMs / 1000),
    },
    bugs: counters.brokenInvariants + counters.reactorErrors,
  };
}
