/**
 * Calls we accepted whose ACK has not come. A caller that is really there acknowledges within a
 * round trip; a flood never does, and would keep its dialogs for 32 seconds (RFC 3261 section
 * 13.3.1.4). So each address may have a bounded number of them, and where room is needed the
 * oldest are ended before anybody is refused.
 */
import type { Clock } from './clock.ts';
import type { DialogEntry } from './dialogs.ts';
import { MAX_UNPROVEN_PER_ADDRESS, UNPROVEN_MS } from './limits.ts';

interface Unproven {
  entry: DialogEntry;
  address: string;
  since: number;
}

/** The first of a set, which is the oldest. */
function oldestOf(set: Set<Unproven> | undefined): Unproven | undefined {
  return set?.values().next().value;
}

export class UnprovenCalls {
  private readonly all = new Set<Unproven>();
  private readonly byAddress = new Map<string, Set<Unproven>>();
  private readonly byEntry = new Map<DialogEntry, Unproven>();
  private readonly clock: Clock;
  private readonly end: (entry: DialogEntry) => void;

  /** @param end hangs up and removes the dialog, and calls `settle` for it */
  constructor(clock: Clock, end: (entry: DialogEntry) => void) {
    this.clock = clock;
    this.end = end;
  }

  get size(): number {
    return this.all.size;
  }

  add(entry: DialogEntry, address: string): void {
    if (this.byEntry.has(entry)) return;
    const one = { entry, address, since: this.clock.now() };
    this.all.add(one);
    this.byEntry.set(entry, one);
    const ofAddress = this.byAddress.get(address) ?? new Set();
    ofAddress.add(one);
    this.byAddress.set(address, ofAddress);
  }

  has(entry: DialogEntry): boolean {
    return this.byEntry.has(entry);
  }

  /** Its ACK came, or it is over. */
  settle(entry: DialogEntry): void {
    const one = this.byEntry.get(entry);
    if (one === undefined) return;
    this.byEntry.delete(entry);
    this.all.delete(one);
    const ofAddress = this.byAddress.get(one.address);
    ofAddress?.delete(one);
    if (ofAddress?.size === 0) this.byAddress.delete(one.address);
  }

  /**
   * Makes room for another call.
   * @param isKnown peers that proved themselves wait for nobody's patience, and have no share
   * @param isTableFull is a dialog to go, whosever it is?
   * @returns false if there is no room
   */
  makeRoom(address: string, isKnown: boolean, isTableFull: boolean): boolean {
    const ofAddress = this.byAddress.get(address);
    const isOverShare = !isKnown && (ofAddress?.size ?? 0) >= MAX_UNPROVEN_PER_ADDRESS;
    if (!isOverShare && !isTableFull) return true;
    const victim = oldestOf(isOverShare ? ofAddress : this.all);
    if (victim === undefined) return false;
    if (!isKnown && this.clock.now() - victim.since < UNPROVEN_MS) return false;
    this.end(victim.entry);
    return true;
  }
}
