/**
 * Which legs are served on which phase of the clock. A leg joins when it is given something to
 * play and leaves by itself at the first beat at which it needs none.
 */
import { phases } from './clock.ts';
import type { Leg } from './leg.ts';

/** Legs served in one go: about half a millisecond. */
export const sliceLegs = 48;

export class Rota {
  private readonly lists: Leg[][] = Array.from({ length: phases }, () => []);
  /** The beat that is being served, and the last of its list that is still to be. */
  private beatAt = -1;
  private beatPhase = -1;
  private cursor = -1;

  get size(): number {
    return this.lists.reduce((sum, list) => sum + list.length, 0);
  }

  join(leg: Leg): void {
    if (leg.phase >= 0) return;
    let best = 0;
    for (let phase = 1; phase < phases; phase += 1) {
      if (this.list(phase).length < this.list(best).length) best = phase;
    }
    leg.phase = best;
    this.list(best).push(leg);
  }

  leave(leg: Leg): void {
    if (leg.phase < 0) return;
    const list = this.list(leg.phase);
    let at = list.indexOf(leg);
    if (leg.phase === this.beatPhase && at <= this.cursor) {
      // The gap goes to the border: what was served must not come among those to be served.
      list[at] = list[this.cursor] as Leg;
      at = this.cursor;
      this.cursor -= 1;
    }
    const last = list.pop();
    if (at < list.length && last !== undefined) list[at] = last;
    leg.phase = -1;
  }

  /** Serves the legs of a phase, so many in one call; false: there are more. */
  serve(phase: number, at: number, skipped: boolean): boolean {
    const list = this.list(phase);
    if (at !== this.beatAt || phase !== this.beatPhase) {
      [this.beatAt, this.beatPhase, this.cursor] = [at, phase, list.length - 1];
    }
    // Backwards: a leg that leaves is replaced by the last one, which was served already.
    for (let served = 0; this.cursor >= 0 && served < sliceLegs; served += 1) {
      const leg = list[this.cursor] as Leg;
      this.cursor -= 1;
      if (skipped) leg.outgoing.pause();
      if (leg.needsTicks) leg.tick(at);
      if (!leg.needsTicks) this.leave(leg);
    }
    return this.cursor < 0;
  }

  private list(phase: number): Leg[] {
    return this.lists[phase] as Leg[];
  }
}
