/**
 * The runtime as the SIP edge has it, up to the moment in which everything goes to the process
 * that comes next. What the edge still asks after that gets no answer: a refusal would be passed
 * on to a phone (503 to an INVITE, BYE after an ACK), while the next one finds the very same
 * request at the SIP server and serves it.
 */
import type { NewCommand, Outcome, Reactor, Runtime } from '../runtime/port.ts';

export class UntilHandedOver implements Runtime {
  private readonly runtime: Runtime;
  private isOver = false;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /** From now on nothing is submitted any more, and nobody hears why. */
  handOver(): void {
    this.isOver = true;
  }

  /** Settles as the runtime does; never, once it is handed over. */
  submit(command: NewCommand): Promise<Outcome> {
    return this.isOver ? new Promise(() => undefined) : this.runtime.submit(command);
  }

  react(reactor: Reactor): void {
    this.runtime.react((stored) => {
      if (!this.isOver) reactor(stored);
    });
  }

  get state(): Runtime['state'] {
    return this.runtime.state;
  }

  newId(): string {
    return this.runtime.newId();
  }

  now(): number {
    return this.runtime.now();
  }
}
