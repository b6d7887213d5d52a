/**
 * What must be gone when everybody has hung up: calls, legs of audio, dialogs and transactions (in
 * the SIP server's own store), deadlines (in the state that the journal gives), file handles and
 * ports (in the kernel's lists, beside what the same programs had before the first call).
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { evolve } from '../../src/core/evolve.ts';
import { checkInvariants } from '../../src/core/invariants.ts';
import { initialState } from '../../src/core/state.ts';
import { readJournalFile } from '../../src/journal/reader.ts';
import { Ledger } from '../../src/sim/ledger.ts';
import type { Acd } from '../support/acd.ts';
import { pidOf, PROGRAMS } from '../support/full-house.ts';
import { storedCalls } from '../support/sipd.ts';
import type { Book } from './book.ts';
import type { Desk } from './desk.ts';
import { rest } from './house.ts';

/** Handles by program and kind. */
export type Handles = ReadonlyMap<string, number>;

function kindOf(link: string): string {
  const [kind = ''] = link.split(':');
  if (kind === 'socket' || kind === 'pipe' || kind === 'anon_inode') return kind;
  return 'file';
}

function readLink(file: string): string | null {
  try {
    return readlinkSync(file);
  } catch (trouble) {
    // Closed between the listing and the look.
    if ((trouble as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw trouble;
  }
}

export function handlesOf(acd: Acd): Handles {
  const handles = new Map<string, number>();
  const pids = PROGRAMS.map((program) => [program, pidOf(acd, program)] as const);
  for (const [name, pid] of [...pids, ['supervisor', acd.process.pid] as const]) {
    if (pid === null) continue;
    const folder = `/proc/${pid}/fd`;
    for (const fd of readdirSync(folder)) {
      const link = readLink(path.join(folder, fd));
      if (link === null) continue;
      const key = `${kindOf(link)} of ${name}`;
      handles.set(key, (handles.get(key) ?? 0) + 1);
    }
  }
  return handles;
}

function moreThan(before: Handles, now: Handles): string[] {
  return [...now].flatMap(([key, count]) => {
    const more = count - (before.get(key) ?? 0);
    return more > 0 ? [`${more} more handles: ${key}`] : [];
  });
}

/** Dialogs and transactions in the SIP server's store. */
function kept(acd: Acd): string[] {
  const file = path.join(acd.folder, 'journal.db.sipd');
  if (!existsSync(file)) return [`no store ${file}`];
  const { calls, fault } = storedCalls(file);
  const told = calls.map(([key]) => `in sipd: ${key}`);
  return fault === null ? told : [...told, fault];
}

async function shown(acd: Acd): Promise<string[]> {
  // One after the other: one connection of ours, as when the handles were counted.
  const [queues, agents, health] = [await acd.queues(), await acd.agents(), await acd.health()];
  return [
    ...queues.flatMap(({ calls }) => calls.map(({ id, state }) => `call ${id} ${state}`)),
    ...agents
      .filter(({ state }) => state !== 'loggedout')
      .map(({ id, state }) => `agent ${id} ${state}`),
    ...Array.from({ length: health.media.legs }, () => 'leg of audio'),
  ];
}

/** Waits for rest; what is still there after `ms` is left over, in words. */
export async function findLeftovers(
  acd: Acd,
  desks: readonly Desk[],
  before: Handles,
  ms: number,
): Promise<string[]> {
  const end = performance.now() + ms;
  for (;;) {
    const inside = await shown(acd).catch((trouble: Error) => [`REST: ${trouble.message}`]);
    const left = [
      ...inside,
      ...kept(acd),
      ...desks.flatMap((desk) => desk.left()),
      ...moreThan(before, handlesOf(acd)),
    ];
    if (left.length === 0 || performance.now() > end) return left;
    // Connections of our own questions end when they have been idle for a while.
    await rest(inside.length > 0 ? 500 : 6_000);
  }
}

/**
 * The whole journal, event by event: the invariants of docs/ARCHITECTURE.md, by books kept apart
 * and by the core's own check; nothing may have a deadline when nothing is there.
 * @returns what is left over in it
 */
export function audit(acd: Acd, book: Book): string[] {
  const ledger = new Ledger();
  const state = initialState();
  const read = readJournalFile(path.join(acd.folder, 'journal.db'), (stored) => {
    ledger.hear(stored);
    evolve(state, stored.event);
    for (const fault of checkInvariants(state)) book.violation(`event ${stored.seq}: ${fault}`);
  });
  if (!read.ok) book.violation(`journal: ${read.detail}`);
  for (const fault of ledger.faults) book.violation(`journal: ${fault}`);
  book.note(`journal: ${ledger.seq} events looked at`);
  const timers = Array.from({ length: state.timers.size }, () => 'deadline in the state');
  return [...ledger.left(), ...timers];
}
