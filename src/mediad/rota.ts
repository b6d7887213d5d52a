/**
 * Which legs are served on which phase of the clock. A leg joins when it is given something to
 * play and leaves by itself at the first beat at which it needs none.
 */
import { phases } from './clock.ts';
import type { Leg } from './leg.ts';

export class Rota {
  private readonly lists: Leg[][] = Array.from({ length: phases }, () => []);

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
    const at = list.indexOf(leg);
    const last = list.pop();
    if (at < list.length && last !== undefined) list[at] = last;
    leg.phase = -1;
  }

  /** Serves the legs of a phase. */
  serve(phase: number, at: number, skipped: boolean): void {
    const list = this.list(phase);
    // Backwards: a leg that leaves is replaced by the last one, which was served already.
    for (let index = list.length - 1; index >= 0; index -= 1) {
      const leg = list[index] as Leg;
      if (skipped) leg.outgoing.pause();
      if (leg.needsTicks) leg.tick(at);
      if (!leg.needsTicks) this.leave(leg);
    }
  }

  private list(phase: number): Leg[] {
    return this.lists[phase] as Leg[];
  }
}
