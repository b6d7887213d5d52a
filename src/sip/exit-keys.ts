/**
 * The keys that a waiting caller presses, one after another, against those that lead out of his
 * queue. He leaves as soon as one is complete (as app_queue does by its `context`). What cannot
 * become a key any more is forgotten from its beginning on, so a mistyped digit costs him only
 * that digit; and so is what he pressed long ago.
 */
import type { Caller } from './caller.ts';
import type { EdgeContext } from './context.ts';
import { DigitMerger, type DigitSource } from './dtmf.ts';

export class ExitKeys {
  private readonly merger = new DigitMerger();
  private readonly staleMs: number;
  private pressed = '';
  private lastAt = -Infinity;

  /** `staleMs`: so long after the last digit the next one begins anew. */
  constructor(staleMs: number) {
    this.staleMs = staleMs;
  }

  /** The key that this digit completes; null: none, or the digit was heard before. `at`: ms. */
  press(digit: string, source: DigitSource, at: number, keys: readonly string[]): string | null {
    if (!this.merger.accept(digit, source, at)) return null;
    if (at - this.lastAt > this.staleMs) this.pressed = '';
    this.lastAt = at;
    let pressed = this.pressed + digit;
    while (pressed !== '' && !keys.some((key) => key.startsWith(pressed)))
      pressed = pressed.slice(1);
    const isComplete = keys.includes(pressed);
    this.pressed = isComplete ? '' : pressed;
    return isComplete ? pressed : null;
  }

  /** Another queue has him: what he pressed was meant for the former. */
  forget(): void {
    this.pressed = '';
  }
}

/** A key pressed while he waits; the core says whether it leads anywhere. */
export function pressKey(
  { runtime, config }: EdgeContext,
  caller: Caller,
  digit: string,
  source: DigitSource,
): void {
  const keys = Object.keys(runtime.state.queues.get(caller.queue)?.config.exitKeys ?? {});
  if (keys.length === 0) return;
  caller.digits ??= new ExitKeys(config.sip.digitTimeoutMs);
  const key = caller.digits.press(digit, source, runtime.now(), keys);
  if (key === null) return;
  void runtime.submit({ kind: 'ExitCall', by: 'caller', callId: caller.callId, key });
}
