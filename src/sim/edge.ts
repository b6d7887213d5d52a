/**
 * The edge of a simulated house: what stands between people and the runtime, as the SIP edge does
 * in the product. What it sends is kept until it is answered, and sent again where the process
 * died meanwhile, as SIP peers repeat what nobody has acknowledged. Requests that find the journal
 * down are the person's to ask again; facts are sent until they are taken.
 */
import { isRequest } from '../runtime/backlog.ts';
import type { NewCommand, Outcome, Runtime } from '../runtime/port.ts';
import type { Timeline } from './timeline.ts';

export type Heard = (outcome: Outcome) => void;

interface Sent {
  readonly command: NewCommand;
  readonly heard: Heard | null;
}

/** A fact that was not taken is told again after this. */
const AGAIN_MS = 1_000;

export class Edge {
  readonly #timeline: Timeline;
  readonly #sent = new Map<number, Sent>();
  #runtime: Runtime | null = null;
  #number = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** Commands sent and not answered yet. */
  get waiting(): number {
    return this.#sent.size;
  }

  send(command: NewCommand, heard: Heard | null = null): void {
    this.#number += 1;
    this.#sent.set(this.#number, { command, heard });
    this.#submit(this.#number);
  }

  /** The process is dead: nothing that is under way will be answered. */
  cut(): void {
    this.#runtime = null;
  }

  /** A process is there; what was never answered is sent again, but for what is `done`. */
  connect(runtime: Runtime, done: (command: NewCommand) => boolean): void {
    this.#runtime = runtime;
    for (const [number, { command }] of [...this.#sent]) {
      if (done(command)) this.#sent.delete(number);
      else this.#submit(number);
    }
  }

  #submit(number: number): void {
    const runtime = this.#runtime;
    const sent = this.#sent.get(number);
    if (runtime === null || sent === undefined) return;
    void runtime.submit(sent.command).then((outcome) => {
      if (this.#runtime !== runtime) return;
      const isTaken = outcome.ok || outcome.refusal !== 'unavailable';
      if (!isTaken && !isRequest(sent.command)) {
        this.#timeline.after(AGAIN_MS, () => {
          // After a restart it has been sent again already.
          if (this.#runtime === runtime) this.#submit(number);
        });
        return;
      }
      this.#sent.delete(number);
      sent.heard?.(outcome);
    });
  }
}
