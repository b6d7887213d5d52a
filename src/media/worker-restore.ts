/**
 * A mediad that was killed and is back knows nothing: its legs are made again from what the worker
 * knows of them, on their old ports, with their music where it was and their partners. A leg whose
 * port somebody has taken meanwhile gets another one and is marked as moved, for a re-INVITE.
 */
import { inBatches } from './in-batches.ts';
import type { LegId, MediaResult } from './port.ts';
import * as legs from './worker-legs.ts';
import type { WorkerLeg } from './worker-legs.ts';
import type { Reply } from './worker-link.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface Restoring {
  readonly known: ReadonlyMap<LegId, WorkerLeg>;
  /** Sends a request; its one outcome. */
  ask(word: string, fields: Fields): Promise<Reply>;
  musicFields(leg: WorkerLeg): Fields;
}

/** Legs, and pairs, made anew at once. */
const atOnce = 50;

/** Makes the legs again; those that could not be made are given back. */
export async function restoreAll(
  world: Restoring,
  gone: readonly WorkerLeg[],
): Promise<WorkerLeg[]> {
  const lost: WorkerLeg[] = [];
  await inBatches(gone, atOnce, async (leg) => {
    const done = await restoreLeg(world, leg);
    if (!done.ok) lost.push(leg);
  });
  // Each pair once: by the lesser name.
  const pairs = gone.filter(({ id, partner }) => {
    if (partner === null || lost.some((leg) => leg.id === id || leg.id === partner)) return false;
    return id < partner || !world.known.has(partner);
  });
  await inBatches(pairs, atOnce, async ({ id, partner }) => {
    await world.ask('connect', { a: id, b: partner });
  });
  return lost;
}

/** Makes one leg again, playing what it was played; not connected. */
export async function restoreLeg(world: Restoring, leg: WorkerLeg): Promise<MediaResult> {
  const { id, peer, port, remote, source, wasHeard, note } = leg;
  const known = { remote, source, heard: wasHeard, note, memo: legs.memoOf(leg) };
  const fields = { leg: id, host: peer, port, ...known };
  const made = await world.ask('create', fields);
  if (world.known.get(id) !== leg) {
    // Released meanwhile.
    if (made.ok) void world.ask('release', { leg: id });
    return { ok: true };
  }
  if (!made.ok) return made;
  const place = legs.endpointOf(made);
  if (place.port !== leg.port || place.address !== leg.address) {
    legs.move(leg, place);
    await world.ask('note', { leg: id, memo: legs.memoOf(leg) });
  }
  if (leg.music !== null) await world.ask('music', world.musicFields(leg));
  legs.tally(leg);
  return { ok: true };
}
