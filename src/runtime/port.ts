/**
 * The runtime as the edges see it: they hand in commands and hear of events that are durable.
 * The loop behind it (`runtime/loop.ts`) is the one writer.
 */
import type { Command, Refusal } from '../core/commands.ts';
import type { StoredEvent } from '../core/events.ts';
import type { State } from '../core/state.ts';

/** A command before the runtime stamped it with its clock. */
export type NewCommand = Command extends infer C
  ? C extends Command
    ? Omit<C, 'at'>
    : never
  : never;

/** `refused`: the rules say no. `unavailable`: the journal cannot take it, or we are stopping. */
export type Outcome =
  | { readonly ok: true; readonly events: readonly StoredEvent[] }
  | { readonly ok: false; readonly refusal: Refusal | 'unavailable' };

/** Called once per event, in order, after it is durable. Must not throw; must not block. */
export type Reactor = (stored: StoredEvent) => void;

export interface Runtime {
  /** Decides, journals, evolves; settles when the events are durable. Never rejects. */
  submit(command: NewCommand): Promise<Outcome>;
  /** Adds a reactor; it hears events from now on. */
  react(reactor: Reactor): void;
  /** The state now. Read only: nobody but evolve changes it. */
  readonly state: State;
  /** A fresh unique id, sortable by time. */
  newId(): string;
  /** The runtime's clock, ms since the epoch. */
  now(): number;
}
