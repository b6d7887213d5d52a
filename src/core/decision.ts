/**
 * What a rule holds while it decides: the state, the instant, and `emit`, the only way to make
 * anything happen. Each emitted event is folded into the state at once, so the next line of the
 * rule, and dispatch after it, see its effect; all events of one command form one batch.
 */
import type { CoreEvent } from './events.ts';
import { evolve } from './evolve.ts';
import type { State } from './state.ts';

/** An event before the decision stamps it. */
export type NewEvent = CoreEvent extends infer E
  ? E extends CoreEvent
    ? Omit<E, 'at' | 'by'>
    : never
  : never;

export class Decision {
  readonly state: State;
  readonly at: number;
  readonly by: string;
  readonly events: CoreEvent[] = [];

  constructor(state: State, at: number, by: string) {
    this.state = state;
    this.at = at;
    this.by = by;
  }

  /** Takes the fact over: it becomes the event, and nobody changes it afterwards. */
  emit(fact: NewEvent): void {
    // Stamped in place, not copied: this runs for every event there is.
    const event = Object.assign(fact, { at: this.at, by: this.by }) as CoreEvent;
    evolve(this.state, event);
    this.events.push(event);
  }
}
