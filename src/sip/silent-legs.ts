/**
 * Legs that send no audio any more: a phone that lost power or network in a call says nothing else.
 * One that is only mute is not to lose its call, so its dialog is asked first, and again as long as
 * it is silent; who does not answer is gone. Beyond a limit, if one is configured, it counts as
 * gone whatever it answers. Who has never sent anything tells little by his silence (announcement
 * lines, test tools) and is asked after minutes only: his place must not be taken for ever by
 * whoever acknowledged our answer and was never seen again.
 */
export interface SilentOptions {
  /** Silence beyond which a call ends, ms; 0: only a phone that does not answer loses its call. */
  readonly limitMs: number;
  /** Asks the phone; false: there is no such leg in a call. */
  readonly ask: (leg: string) => boolean;
  readonly end: (leg: string) => void;
}

/** A phone that fell silent is asked this often. */
const ASK_EVERY_MS = 30_000;
/** And one that was never heard, from then on when it has been silent for so long. */
const ASK_UNHEARD_MS = 5 * 60_000;

export class SilentLegs {
  private readonly options: SilentOptions;
  /** Bounded by the legs there are: what is no leg of a call leaves at its next turn. */
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(options: SilentOptions) {
    this.options = options;
  }

  /** The leg has been silent for so long; 0: it is heard. Told again: it counts from there. */
  report(leg: string, silentMs: number, wasHeard: boolean): void {
    clearTimeout(this.timers.get(leg));
    this.timers.delete(leg);
    if (silentMs === 0) return;
    const everyMs = wasHeard ? ASK_EVERY_MS : ASK_UNHEARD_MS;
    if (wasHeard || silentMs >= ASK_UNHEARD_MS) this.look(leg, silentMs, everyMs);
    else this.wait(leg, silentMs, everyMs);
  }

  /** Until it is asked again, or the limit is reached. */
  private wait(leg: string, silentMs: number, everyMs: number): void {
    const { limitMs } = this.options;
    const ms = limitMs > 0 ? Math.min(everyMs, limitMs - silentMs) : everyMs;
    const timer = setTimeout(() => this.look(leg, silentMs + ms, everyMs), ms);
    timer.unref();
    this.timers.set(leg, timer);
  }

  private look(leg: string, silentMs: number, everyMs: number): void {
    const { limitMs, ask, end } = this.options;
    this.timers.delete(leg);
    if (limitMs > 0 && silentMs >= limitMs) return end(leg);
    if (ask(leg)) this.wait(leg, silentMs, everyMs);
  }

  stop(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }
}
