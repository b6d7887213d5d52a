/**
 * Numbers for Prometheus. Gauges are read from the state when they are asked for, never kept in
 * parallel; counters count journalled events of this process's life.
 */
import { Counter, Gauge, Histogram, monitorEventLoopDelayGauge, Registry } from './prometheus.ts';

/** Who was kept out of SIP; the labels are those of `Counts` in sip/sources.ts. */
export interface GuardReading {
  readonly refused: ReadonlyMap<string, number>;
  readonly banned: ReadonlyMap<string, number>;
  /** Bans, and locks by wrong PINs, that stand now. */
  readonly bans: ReadonlyMap<string, number>;
  readonly locks: ReadonlyMap<string, number>;
}

export const NO_GUARD: GuardReading = {
  refused: new Map(),
  banned: new Map(),
  bans: new Map(),
  locks: new Map(),
};

/** What the program knows right now. */
export interface Reading {
  readonly waiting: ReadonlyMap<string, number>;
  readonly talking: ReadonlyMap<string, number>;
  /** Agents by state (`idle`, `busy` …). */
  readonly agents: ReadonlyMap<string, number>;
  /** Agents' own calls, by what they do (`calling`, `dialling`, `talking`). */
  readonly outbound: ReadonlyMap<string, number>;
  readonly mediaLegs: number;
  readonly journalSeq: number;
  /** New calls are refused now. */
  readonly isOverloaded: boolean;
  readonly journal: {
    /** Commands that wait for it. */
    readonly backlog: number;
    readonly appends: number;
    readonly failures: number;
    /** Total time of appends, seconds. */
    readonly appendSeconds: number;
  };
  readonly reports: {
    /** Events that are not in yet. */
    readonly lag: number;
  };
  /** What cannot happen, by kind, since the start. */
  readonly bugs: ReadonlyMap<string, number>;
  /** Reports of 5 % and more of a second's packets lost: `in` to us, `out` to the party. */
  readonly audioLoss: ReadonlyMap<string, number>;
  readonly guard: GuardReading;
  /** Are we registered there? By name. */
  readonly registrars: ReadonlyMap<string, boolean>;
  /** Parts of the ACD, by name: do they work? */
  readonly parts: ReadonlyMap<string, boolean>;
}

export interface Metrics {
  /** A call ended (or was refused) with this exit status. */
  callEnded(queue: string, status: string): void;
  callConnected(queue: string, waitedMs: number): void;
  /** A call was connected; its wait had been estimated with this error, its sign left out. */
  waitEstimated(queue: string, errorMs: number): void;
  /** An offer ended: `answered`, a failure, or `withdrawn`. */
  offerEnded(outcome: string): void;
  /** A phone answered an offer's INVITE with this status; 0: not at all. */
  offerAnswered(sipStatus: number): void;
  /** What came of asking a veto: `allow`, `refuse`, `silence`. */
  vetoAsked(ruling: string): void;
  /** An agent's own call ended with this outcome. */
  outboundEnded(outcome: string, talkedMs: number): void;
  /** New calls or logins were refused for overload: `calls`, `loop-delay`. */
  callsShed(why: string, count: number): void;
  text(): Promise<string>;
  readonly contentType: string;
}

/** Outcomes that there are from the start: a first one is a step from 0, which rates see. */
const OUTCOMES = [
  ...['answered', 'withdrawn', 'no-answer', 'busy', 'declined', 'unreachable', 'failed', 'media'],
  'vetoed',
];
const DIALLED = [
  ...['completed', 'agent-missed', 'cancelled', 'busy', 'declined', 'no-answer', 'unreachable'],
  ...['failed', 'hung-up'],
];
const RULINGS = ['allow', 'refuse', 'silence'];
const SHEDDINGS = ['calls', 'loop-delay'];

/** `read`: once for each text. */
export function createMetrics(read: () => Reading | Promise<Reading>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const calls = new Counter({
    name: 'acd_calls_total',
    help: 'Calls that ended, by queue and exit status',
    labelNames: ['queue', 'status'],
    registers,
  });
  const waits = new Histogram({
    name: 'acd_wait_seconds',
    help: 'Time in line of calls that were connected',
    labelNames: ['queue'],
    buckets: [0.1, 1, 5, 10, 20, 30, 60, 120, 300, 600, 1800],
    registers,
  });
  const estimates = new Histogram({
    name: 'acd_wait_estimate_error_seconds',
    help: 'By how much the wait estimated at entry was wrong, of calls that were connected',
    labelNames: ['queue'],
    buckets: [1, 5, 10, 20, 30, 60, 120, 300, 600, 1800],
    registers,
  });
  const offers = new Counter({
    name: 'acd_offers_total',
    help: 'Offers to agents, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  const statuses = new Counter({
    name: 'acd_offer_sip_status_total',
    help: 'Final answers to the INVITE of offers, by SIP status; 0: none came',
    labelNames: ['status'],
    registers,
  });
  const vetoes = new Counter({
    name: 'acd_vetoes_total',
    help: 'Questions to vetoes before a phone rings, by ruling',
    labelNames: ['ruling'],
    registers,
  });
  const shed = new Counter({
    name: 'acd_calls_shed_total',
    help: 'Calls and logins refused for overload before anything was done for them',
    labelNames: ['why'],
    registers,
  });
  const outbound = addOutbound(registers);
  for (const outcome of OUTCOMES) offers.inc({ outcome }, 0);
  for (const ruling of RULINGS) vetoes.inc({ ruling }, 0);
  for (const why of SHEDDINGS) shed.inc({ why }, 0);
  const show = addReadings(registry);
  monitorEventLoopDelayGauge(registry);
  return {
    callEnded: (queue, status) => calls.inc({ queue, status }),
    callConnected: (queue, waitedMs) => waits.observe({ queue }, waitedMs / 1000),
    waitEstimated: (queue, errorMs) => estimates.observe({ queue }, errorMs / 1000),
    offerEnded: (outcome) => offers.inc({ outcome }),
    outboundEnded: outbound,
    vetoAsked: (ruling) => vetoes.inc({ ruling }),
    callsShed: (why, count) => shed.inc({ why }, count),
    offerAnswered: (sipStatus) => statuses.inc({ status: String(sipStatus) }),
    text: async () => {
      show(await read());
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

/** Gives what counts an agent's own call. */
function addOutbound(registers: Registry[]): Metrics['outboundEnded'] {
  const calls = new Counter({
    name: 'acd_outbound_calls_total',
    help: 'Calls that agents made (click-to-dial), by outcome',
    labelNames: ['outcome'],
    registers,
  });
  const talk = new Counter({
    name: 'acd_outbound_talk_seconds_total',
    help: 'Time that agents talked in them',
    registers,
  });
  for (const outcome of DIALLED) calls.inc({ outcome }, 0);
  return (outcome, talkedMs) => {
    calls.inc({ outcome });
    talk.inc(talkedMs / 1000);
  };
}

interface Shown {
  set(labels: Record<string, string>, value: number): void;
  reset(): void;
}

/** A counter whose count is kept by others. */
class Counted extends Counter<string> implements Shown {
  set(labels: Record<string, string>, value: number): void {
    this.inc(labels, value);
  }
}

type Pick = (reading: Reading) => ReadonlyMap<string, number>;

/** Series of one label that a reading has: name, help, label, values. */
const LABELLED: readonly (readonly [name: string, help: string, label: string, pick: Pick])[] = [
  ['acd_calls_waiting', 'Calls in line', 'queue', (now) => now.waiting],
  ['acd_calls_talking', 'Calls connected to an agent', 'queue', (now) => now.talking],
  ['acd_agents', 'Agents by state', 'state', (now) => now.agents],
  ['acd_outbound_calls', 'Calls that agents make now', 'state', (now) => now.outbound],
  [
    'acd_bugs_total',
    'Broken invariants; anything but 0 is a defect to report',
    'kind',
    (now) => now.bugs,
  ],
  [
    'acd_audio_loss_reports_total',
    'Seconds of a leg with 5 % or more of its packets lost, by direction',
    'direction',
    (now) => now.audioLoss,
  ],
  ['acd_part_up', '1 while a part of the ACD works', 'part', (now) => ups(now.parts)],
  [
    'acd_registrar_up',
    '1 while we are registered at a PBX',
    'registrar',
    (now) => ups(now.registrars),
  ],
  [
    'acd_sip_refused_total',
    'SIP requests refused for whence they came: banned (no answer), silenced (no answer by ' +
      'the SIP server: strangers, and banned), rate (503), forbidden (403), password (wrong)',
    'why',
    ({ guard }) => guard.refused,
  ],
  ['acd_sip_banned_total', 'Bans of addresses', 'why', ({ guard }) => guard.banned],
  ['acd_sip_bans', 'Bans that stand now', 'why', ({ guard }) => guard.bans],
  ['acd_locks', 'Agents and phones locked by wrong PINs', 'kind', ({ guard }) => guard.locks],
];

/** Series without a label. */
const SINGLE: readonly (readonly [name: string, help: string, pick: (now: Reading) => number])[] = [
  ['acd_media_legs', 'Legs of audio that exist', (now) => now.mediaLegs],
  ['acd_overloaded', '1 while new calls are refused', (now) => (now.isOverloaded ? 1 : 0)],
  ['acd_journal_seq', 'Number of the last event', (now) => now.journalSeq],
  ['acd_journal_backlog', 'Commands that wait for the journal', ({ journal }) => journal.backlog],
  ['acd_journal_appends_total', 'Batches written to the journal', ({ journal }) => journal.appends],
  [
    'acd_journal_append_seconds_total',
    'Time spent writing them',
    ({ journal }) => journal.appendSeconds,
  ],
  [
    'acd_journal_append_failures_total',
    'Batches that could not be written',
    ({ journal }) => journal.failures,
  ],
  ['acd_reports_lag_events', 'Events the reports lack', ({ reports }) => reports.lag],
];

function ups(all: ReadonlyMap<string, boolean>): ReadonlyMap<string, number> {
  return new Map([...all].map(([name, isUp]) => [name, isUp ? 1 : 0]));
}

/** Gives what puts a reading into the registry. */
function addReadings(registry: Registry): (now: Reading) => void {
  const registers = [registry];
  const series = (name: string, help: string, labelNames: string[]): Shown => {
    const given = { name, help, labelNames, registers };
    // By its name: what only rises is a counter.
    return name.endsWith('_total') ? new Counted(given) : new Gauge(given);
  };
  const labelled = LABELLED.map(([name, help, label, pick]) => {
    const shown = series(name, help, [label]);
    return (now: Reading): void => {
      shown.reset();
      for (const [key, value] of pick(now)) shown.set({ [label]: key }, value);
    };
  });
  const single = SINGLE.map(([name, help, pick]) => {
    const shown = series(name, help, []);
    return (now: Reading): void => {
      shown.reset();
      shown.set({}, pick(now));
    };
  });
  const all = [...labelled, ...single];
  return (now) => {
    for (const put of all) put(now);
  };
}
