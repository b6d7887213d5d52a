/**
 * What everybody outside the ACD shares: the script by which they act, the edge through which they
 * speak, the time that passes for them, and a place to tell what must not be.
 */
import type { NewCommand } from '../runtime/port.ts';
import type { Scheduler } from '../runtime/scheduler.ts';
import type { Edge, Heard } from './edge.ts';
import type { Script } from './script.ts';

export interface Stage {
  readonly script: Script;
  readonly edge: Edge;
  /** The timeline: people do not die with a process. */
  readonly scheduler: Scheduler & { now(): number };
  readonly fault: (text: string) => void;
}

/** Sends it, and again where the script has the message arrive twice. */
export function say(stage: Stage, command: NewCommand, heard: Heard | null = null): void {
  const { script, edge, scheduler } = stage;
  edge.send(command, heard);
  const again = script.repeatMs();
  if (again !== null) scheduler.after(again, () => edge.send(command));
}
