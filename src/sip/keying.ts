/**
 * A spoken dialogue by keys: says prompts on one leg, collects digits up to `#`. A key stops the
 * prompt, keys pressed ahead are kept, `*` begins the entry anew, and whoever hangs up ends every
 * wait at once. Each wait has a deadline.
 */
import type { MediaPort } from '../media/port.ts';
import { DigitMerger } from './dtmf.ts';
import type { DigitSource } from './dtmf.ts';

/** An entry longer than this is somebody leaning on the keys. */
const ENTRY_MAX = 32;
/** The longest prompt is a few seconds; media that never tells its end must not hold the call. */
const PROMPT_MAX_MS = 15_000;

export type Entry =
  { readonly kind: 'digits'; readonly digits: string } | { readonly kind: 'timeout' | 'gone' };

export interface KeyingOptions {
  readonly media: MediaPort;
  readonly leg: string;
  readonly digitTimeoutMs: number;
  readonly now: () => number;
  /** Keys pressed before, as if they had been pressed ahead: of a dialogue taken over. */
  readonly ahead?: string;
  /** What its plays are called; no other dialogue on the leg may call its own so. */
  readonly name?: string;
}

export class Keying {
  private readonly options: KeyingOptions;
  private readonly merger = new DigitMerger();
  private readonly ahead: string[];
  private plays = 0;
  private gone = false;
  /** Woken by a digit, by the end of a prompt, or by the hang-up. */
  private wake: (() => void) | null = null;
  private timer: NodeJS.Timeout | undefined;
  private endedPlay = '';
  private isLeft = false;

  constructor(options: KeyingOptions) {
    this.options = options;
    this.ahead = [...(options.ahead ?? '')];
  }

  /** Keys pressed that nobody has asked for yet. */
  get unread(): string {
    return this.ahead.join('');
  }

  get isGone(): boolean {
    return this.gone;
  }

  /** False: it was told twice, or there are too many. */
  digit(digit: string, source: DigitSource): boolean {
    if (!this.merger.accept(digit, source, this.options.now())) return false;
    const isTaken = this.ahead.length < ENTRY_MAX;
    if (isTaken) this.ahead.push(digit);
    this.wake?.();
    return isTaken;
  }

  /** Another process goes on with it: says and hears nothing any more, and no wait ever ends. */
  leave(): void {
    this.isLeft = true;
    clearTimeout(this.timer);
    this.wake = null;
  }

  playEnded(playId: string): void {
    this.endedPlay = playId;
    this.wake?.();
  }

  hangUp(): void {
    this.gone = true;
    this.wake?.();
  }

  /** Says the prompts to their end; settles early if he hangs up. */
  async say(prompts: readonly string[]): Promise<void> {
    const playId = await this.begin(prompts);
    const until = this.options.now() + PROMPT_MAX_MS;
    while (playId !== '' && !this.gone && this.endedPlay !== playId)
      if (!(await this.wait(until - this.options.now()))) return;
  }

  /** Asks by the prompts and takes digits until `#`. */
  async ask(prompts: readonly string[]): Promise<Entry> {
    let playing = this.ahead.length > 0 ? '' : await this.begin(prompts);
    let digits = '';
    let until = this.options.now() + (playing === '' ? 0 : PROMPT_MAX_MS);
    until += this.options.digitTimeoutMs;
    while (!this.gone) {
      const digit = this.ahead.shift();
      if (digit !== undefined) {
        if (playing !== '') void this.options.media.stop(this.options.leg);
        playing = '';
        if (digit === '#') return { kind: 'digits', digits };
        digits = digit === '*' ? '' : digits + digit;
        if (digits.length > ENTRY_MAX) return { kind: 'timeout' };
        until = this.options.now() + this.options.digitTimeoutMs;
        continue;
      }
      if (playing !== '' && this.endedPlay === playing) {
        playing = '';
        until = this.options.now() + this.options.digitTimeoutMs;
      }
      if (!(await this.wait(until - this.options.now()))) return { kind: 'timeout' };
    }
    return { kind: 'gone' };
  }

  /** Starts prompts; '' if media cannot play them (the dialogue goes on in silence). */
  private async begin(prompts: readonly string[]): Promise<string> {
    if (this.isLeft) return new Promise(() => undefined);
    if (this.gone || prompts.length === 0) return '';
    this.plays += 1;
    const playId = `${this.options.name ?? 'say'}-${this.plays}`;
    const items = prompts.map((prompt) => ({ prompt }));
    const result = await this.options.media.play(this.options.leg, playId, items);
    return result.ok ? playId : '';
  }

  /** False: the time is over and nothing happened. */
  private wait(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.isLeft) return;
      const settle = (happened: boolean): void => {
        clearTimeout(this.timer);
        this.wake = null;
        resolve(happened);
      };
      this.timer = setTimeout(() => settle(false), Math.max(0, ms));
      this.wake = () => settle(true);
    });
  }
}
