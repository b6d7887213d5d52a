/**
 * The reports of the server process: opened beside its journal, woken by its events. They are no
 * part that a call depends on: where they cannot be had, the ACD says so and works without.
 */
import type { Worker } from 'node:worker_threads';
import type { AcdConfig } from '../config/types.ts';
import { MemoryJournal } from '../journal/memory.ts';
import type { Journal } from '../journal/port.ts';
import type { Log } from '../observe/log.ts';
import { LocalReports, memorySource } from '../reports/local.ts';
import type { Reports } from '../reports/port.ts';
import { openService, type ServiceOptions, type Told } from '../reports/service.ts';
import { openThreadedReports } from '../reports/threaded.ts';

/** Threshold of a queue that is no longer in the configuration. */
const STANDARD_THRESHOLD_MS = 20_000;

export function reportOptions({ reports }: AcdConfig): ServiceOptions {
  const { path, keepMs, zone, queueLog, formula, shortAbandonMs, thresholds } = reports;
  const standardThresholdMs = STANDARD_THRESHOLD_MS;
  const levels = { formula, shortAbandonMs, thresholds, standardThresholdMs };
  return { file: path, keepMs, zone, queueLog, levels };
}

/** Reports that are not there. */
function noReports(detail: string): Reports {
  return {
    wake: () => undefined,
    useLevels: () => undefined,
    ask: () => Promise.resolve({ ok: false, detail }),
    health: () => ({ up: false, detail, seq: 0 }),
    close: () => Promise.resolve(),
  };
}

async function open(config: AcdConfig, journal: Journal, told: Told, thread?: Worker) {
  const options = reportOptions(config);
  if (!(journal instanceof MemoryJournal)) {
    const file = config.journal.path;
    const ready = thread === undefined ? {} : { thread };
    return openThreadedReports({ journal: file, options, log: told, ...ready });
  }
  const opened = openService(memorySource(journal), options, told);
  if (!opened.ok) return opened;
  return { ok: true as const, reports: new LocalReports(opened.service, Date.now) };
}

/** What holds, and who tells when that changes. */
interface Configured {
  readonly config: AcdConfig;
  onApplied(listener: (config: AcdConfig) => void): void;
}

export async function openReports(
  configuration: Configured,
  journal: Journal,
  log: Log,
  thread?: Worker,
): Promise<Reports> {
  const { config } = configuration;
  const told: Told = (level, text) => log[level]({}, text);
  const opened = await open(config, journal, told, thread);
  if (opened.ok) {
    const { reports } = opened;
    configuration.onApplied((now) => reports.useLevels(reportOptions(now).levels));
    return reports;
  }
  const detail = `there are no reports: ${opened.detail}`;
  log.error({}, detail);
  return noReports(detail);
}
