/**
 * What if that day had had another configuration? The recorded callers, talks and agents are run
 * through the real core and loop twice: with the configuration of the day, which shows how near
 * the model comes to what happened, and with the other. The difference between these two is the
 * configuration's.
 */
import type { CoreEvent, StoredEvent } from '../core/events.ts';
import type { CoreConfig, QueueName } from '../core/types.ts';
import { MemoryJournal } from '../journal/memory.ts';
import type { FileRead } from '../journal/reader.ts';
import { figuresOf, queueFiguresOf, type Figures, type QueueFigures } from './figures.ts';
import { Recording, type Window } from './recording.ts';
import { Replayed } from './replayed.ts';
import { run } from './run.ts';
import { Tally } from './tally.ts';
import { Timeline } from './timeline.ts';

export interface WhatIfOptions {
  /** The part of the journal that counts, ms since the epoch. */
  readonly window: Window;
  readonly config: CoreConfig;
  readonly thresholdMs: number;
  readonly seed: number;
  /** Tells the journal's events in order; asked twice. */
  readonly read: (hear: (stored: StoredEvent) => void) => FileRead;
}

export interface Day {
  readonly figures: Figures;
  readonly queues: ReadonlyMap<QueueName, QueueFigures>;
}

export interface WhatIf {
  readonly from: number;
  readonly to: number;
  /** As it happened. */
  readonly recorded: Day;
  /** Run again with the configuration of the day. */
  readonly replayed: Day;
  /** Run with the other configuration. */
  readonly other: Day;
  /** What should be known before the figures are believed. */
  readonly notes: readonly string[];
}

export type WhatIfResult =
  { readonly ok: true; readonly found: WhatIf } | { readonly ok: false; readonly fault: string };

/** Events between two looks at everything: the rules are not on trial here. */
const CHECK_EVERY = 10_000;

/** Tallies of a day: of all calls, and of each queue, where one that goes on is another's call. */
class DayTally {
  readonly all: Tally;
  readonly #options: ConstructorParameters<typeof Tally>[0];
  readonly #queues = new Map<QueueName, Tally>();

  constructor(from: number, to: number, thresholdMs: number) {
    this.#options = { from, to: to + 1, parts: 1, thresholdMs };
    this.all = new Tally(this.#options);
  }

  hear(event: CoreEvent): void {
    this.all.hear(event);
    switch (event.kind) {
      case 'CallEntered':
      case 'CallRefused':
      case 'CallConnected':
      case 'CallEnded':
        return this.#of(event.queue).hear(event);
      case 'CallDiverted':
        return this.#of(event.queue).refuses(event.at);
      case 'CallMoved': {
        const { callId, from, queue, at } = event;
        const entry = this.#of(from).leaves(callId, at, 'failed');
        if (entry !== null) this.#of(queue).enters(callId, queue, entry, at);
        return;
      }
      case 'CallTransferred': {
        const { callId, from, queue, entry, at } = event;
        this.#of(from).handsOver(event);
        return this.#of(queue).enters(callId, queue, entry, at);
      }
      default:
    }
  }

  #of(queue: QueueName): Tally {
    const known = this.#queues.get(queue);
    if (known !== undefined) return known;
    const tally = new Tally(this.#options);
    this.#queues.set(queue, tally);
    return tally;
  }

  day(): Day {
    const queues = [...this.#queues].map(([name, tally]) => [name, queueFiguresOf(tally)] as const);
    return { figures: figuresOf(this.all), queues: new Map(queues) };
  }
}

async function replay(
  recording: Recording,
  config: CoreConfig,
  options: WhatIfOptions,
): Promise<{ readonly day: Day; readonly violations: readonly string[] }> {
  const { first: from, last: to } = recording;
  const tally = new DayTally(from, to, options.thresholdMs);
  const { violations } = await run({
    // Everybody begins a moment before the first event, so that it is heard.
    timeline: new Timeline(from - 1),
    config,
    script: new Replayed(recording, options.seed),
    journal: new MemoryJournal(),
    keepsAll: false,
    span: { from, to: to + 1 },
    tally,
    faults: null,
    checkEvery: CHECK_EVERY,
    isPlain: false,
  });
  return { day: tally.day(), violations };
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

function notesOf(recording: Recording, other: CoreConfig): string[] {
  const notes: string[] = [];
  const agents = new Set(other.agents.map(({ id }) => id));
  const queues = new Set(other.queues.map(({ name }) => name));
  const worked = new Set(recording.doings.map(({ agentId }) => agentId));
  const called = new Set(recording.calls.map(({ queue }) => queue));
  const absent = [...worked].filter((id) => !agents.has(id));
  const idle = [...agents].filter((id) => !worked.has(id));
  const gone = [...called].filter((name) => !queues.has(name));
  if (absent.length > 0) notes.push(`agents not in the other configuration: ${list(absent)}`);
  if (idle.length > 0) notes.push(`agents that were never there that day: ${list(idle)}`);
  if (gone.length > 0) notes.push(`queues not in the other configuration: ${list(gone)}`);
  if (recording.configChanges > 1) {
    const count = recording.configChanges;
    notes.push(`the configuration was applied ${count} times that day; the last one is used`);
  }
  return notes;
}

export async function whatIf(options: WhatIfOptions): Promise<WhatIfResult> {
  const recording = new Recording(options.window);
  const read = options.read(({ event }) => recording.hear(event));
  if (!read.ok) return { ok: false, fault: read.detail };
  if (recording.calls.length === 0) return { ok: false, fault: 'no call came in that time' };
  // Where the beginning of the journal was removed, a snapshot still knows the configuration.
  const own = recording.config ?? read.snapshot?.config ?? null;
  if (own === null) return { ok: false, fault: 'the journal does not hold its configuration' };
  const { first: from, last: to } = recording;
  const tally = new DayTally(from, to, options.thresholdMs);
  options.read(({ event }) => {
    // Who came before is not a caller of that day, but who logged in before is there.
    if (event.at < options.window.to) tally.hear(event);
  });
  const replayed = await replay(recording, own, options);
  const other = await replay(recording, options.config, options);
  const [fault] = [...replayed.violations, ...other.violations];
  if (fault !== undefined) return { ok: false, fault: `the replay broke a promise: ${fault}` };
  return {
    ok: true,
    found: {
      from,
      to,
      recorded: tally.day(),
      replayed: replayed.day,
      other: other.day,
      notes: notesOf(recording, options.config),
    },
  };
}
