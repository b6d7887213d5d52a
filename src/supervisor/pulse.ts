/**
 * Is a child still there in more than name? A process that hangs (an endless loop, a stop signal,
 * a library that never returns) dies of nothing, and would leave its calls mute for ever. So each
 * is asked once a second, over the pipe or lifeline that it hangs on, and answers from its event
 * loop. Questions are counted, not time: where the whole machine, or we ourselves, stood still,
 * nobody was asked meanwhile and nobody is to blame.
 */
import { ASK } from '../shared/lifeline.ts';

const ASK_EVERY_MS = 1_000;

/** Questions of ours in a row that a process left open. */
export class Pulse {
  private open = 0;

  heard(): void {
    this.open = 0;
  }

  /** One more question; how many before it have no answer. */
  asked(): number {
    return this.open++;
  }
}

/** What is asked: a life, as life.ts has it. */
export interface Asked {
  readonly pulse: Pulse;
  readonly ended: Promise<string>;
  order(word: string): void;
}

export interface PulseOptions {
  readonly limitMs: number;
  readonly hung: () => void;
}

/**
 * Asks `life` until it ends, or the function given back is called. `hung` is called once, when so
 * many questions were left open as there are seconds in `limitMs`.
 */
export function watchPulse(life: Asked, { limitMs, hung }: PulseOptions): () => void {
  const everyMs = Math.min(ASK_EVERY_MS, limitMs);
  const limit = Math.ceil(limitMs / everyMs);
  const timer = setInterval(() => {
    if (life.pulse.asked() >= limit) {
      stop();
      hung();
    } else life.order(ASK);
  }, everyMs);
  const stop = (): void => clearInterval(timer);
  void life.ended.then(stop);
  return stop;
}
