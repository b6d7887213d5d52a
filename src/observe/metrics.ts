/**
 * Numbers for Prometheus. Gauges are read from the state when they are asked for, never kept in
 * parallel; counters count journalled events of this process's life.
 */
import { Counter, Gauge, Histogram, monitorEventLoopDelayGauge, Registry } from './prometheus.ts';

/** What the program knows right now. */
export interface Reading {
  readonly waiting: ReadonlyMap<string, number>;
  readonly talking: ReadonlyMap<string, number>;
  /** Agents by state (`idle`, `busy` …). */
  readonly agents: ReadonlyMap<string, number>;
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
  /** New calls or logins were refused for overload: `calls`, `loop-delay`. */
  callsShed(why: string, count: number): void;
  text(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(read: () => Reading): Metrics {
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
  addGauges(registry, read);
  monitorEventLoopDelayGauge(registry);
  return {
    callEnded: (queue, status) => calls.inc({ queue, status }),
    callConnected: (queue, waitedMs) => waits.observe({ queue }, waitedMs / 1000),
    waitEstimated: (queue, errorMs) => estimates.observe({ queue }, errorMs / 1000),
    offerEnded: (outcome) => offers.inc({ outcome }),
    vetoAsked: (ruling) => vetoes.inc({ ruling }),
    callsShed: (why, count) => shed.inc({ why }, count),
    offerAnswered: (sipStatus) => statuses.inc({ status: String(sipStatus) }),
    text: async () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function addGauges(registry: Registry, read: () => Reading): void {
  const registers = [registry];
  const byLabel = (
    name: string,
    help: string,
    label: string,
    pick: (reading: Reading) => ReadonlyMap<string, number>,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [key, value] of pick(read())) this.set({ [label]: key }, value);
      },
    });
  byLabel('acd_calls_waiting', 'Calls in line', 'queue', (now) => now.waiting);
  byLabel('acd_calls_talking', 'Calls connected to an agent', 'queue', (now) => now.talking);
  byLabel('acd_agents', 'Agents by state', 'state', (now) => now.agents);
  const bugs = 'Broken invariants; anything but 0 is a defect to report';
  byLabel('acd_bugs_total', bugs, 'kind', (now) => now.bugs);
  const loss = 'Seconds of a leg with 5 % or more of its packets lost, by direction';
  byLabel('acd_audio_loss_reports_total', loss, 'direction', (now) => now.audioLoss);
  byLabel('acd_part_up', '1 while a part of the ACD works', 'part', ({ parts }) => {
    return new Map([...parts].map(([part, isUp]) => [part, isUp ? 1 : 0]));
  });
  const single = (name: string, help: string, pick: (reading: Reading) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(pick(read()));
      },
    });
  single('acd_media_legs', 'Legs of audio that exist', (now) => now.mediaLegs);
  single('acd_overloaded', '1 while new calls are refused', (now) => (now.isOverloaded ? 1 : 0));
  single('acd_journal_seq', 'Number of the last event', (now) => now.journalSeq);
  addJournal(single);
}

type Single = (name: string, help: string, pick: (reading: Reading) => number) => void;

function addJournal(single: Single): void {
  const backlog = 'Commands that wait for the journal';
  single('acd_journal_backlog', backlog, ({ journal }) => journal.backlog);
  const appends = 'Batches written to the journal';
  single('acd_journal_appends_total', appends, ({ journal }) => journal.appends);
  const spent = 'Time spent writing them';
  single('acd_journal_append_seconds_total', spent, ({ journal }) => journal.appendSeconds);
  const failures = 'Batches that could not be written';
  single('acd_journal_append_failures_total', failures, ({ journal }) => journal.failures);
  single('acd_reports_lag_events', 'Events the reports lack', ({ reports }) => reports.lag);
}
