/**
 * Digits in SIP INFO: `application/dtmf-relay` (Signal=5, Duration=160) and `application/dtmf`
 * (the bare digit). Phones that send INFO often send RFC 4733 as well, so that one key press is
 * heard twice: `DigitMerger` lets it count once.
 */
import { mediaType } from './headers.ts';

const DIGIT = /^[0-9*#A-D]$/;

function normalise(text: string): string | null {
  const digit = text.trim().toUpperCase();
  if (DIGIT.test(digit)) return digit;
  // Some phones send the event number of RFC 4733: 10 is *, 11 is #, 12 to 15 are A to D.
  const event = /^1[0-5]$/.test(digit) ? Number(digit) - 10 : -1;
  return '*#ABCD'[event] ?? null;
}

const TYPES: readonly string[] = ['application/dtmf-relay', 'application/dtmf'];

/**
 * The digit that an INFO carries; null if it carries none, or none that can be read. Each type has
 * its own form, and there are phones that mix them up: both are read under either name.
 */
export function digitOfInfo(contentType: string, body: string): string | null {
  if (!TYPES.includes(mediaType(contentType))) return null;
  const signal = /^\s*Signal\s*=\s*([^\s;]{1,2})/im.exec(body.slice(0, 512));
  return normalise(signal?.[1] ?? body.slice(0, 16));
}

/** The same digit by both ways within this long is one key press. */
const ECHO_MS = 350;

export type DigitSource = 'info' | 'rtp';

/** Counts a key press once, whichever way it is heard first. */
export class DigitMerger {
  private last: {
    readonly digit: string;
    readonly source: DigitSource;
    readonly at: number;
  } | null = null;

  /** True if this is a new key press. `at`: ms. */
  accept(digit: string, source: DigitSource, at: number): boolean {
    const { last } = this;
    if (
      last !== null &&
      last.source !== source &&
      last.digit === digit &&
      at - last.at <= ECHO_MS
    ) {
      // Consumed: a third report of the same digit is a key press of its own.
      this.last = null;
      return false;
    }
    this.last = { digit, source, at };
    return true;
  }
}
