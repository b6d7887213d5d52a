/**
 * Goal: which keys lead a waiting caller out of his line. Method: digits pressed one by one,
 * against a plain reading of the same digits.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExitKeys } from '../../../src/sip/exit-keys.ts';

const STALE_MS = 5_000;

/** What each digit, pressed a second after the one before, leads to. */
function press(digits: string, keys: readonly string[], gapMs = 1_000): (string | null)[] {
  const exits = new ExitKeys(STALE_MS);
  return [...digits].map((digit, n) => exits.press(digit, 'rtp', n * gapMs, keys));
}

describe('exit keys', () => {
  it.each([
    ['0', ['0'], ['0']],
    ['12', ['12', '13'], [null, '12']],
    ['1*2#', ['1*2#'], [null, null, null, '1*2#']],
    // A mistyped digit costs only itself, and may begin the next key.
    ['212', ['12'], [null, null, '12']],
    ['112', ['12'], [null, null, '12']],
    ['1123', ['123', '23'], [null, null, null, '123']],
    ['1232', ['12'], [null, '12', null, null]],
    ['5', ['12'], [null]],
  ])('%s of %j', (digits, keys, expected) => {
    expect(press(digits, keys)).toEqual(expected);
  });

  it('given a digit was pressed long ago, then it is forgotten', () => {
    expect(press('12', ['12'], STALE_MS)).toEqual([null, '12']);
    expect(press('12', ['12'], STALE_MS + 1)).toEqual([null, null]);
  });

  it('given a digit is heard by INFO and by RTP, then it counts once', () => {
    const exits = new ExitKeys(STALE_MS);
    const heard = (['info', 'rtp', 'rtp', 'info'] as const).map((source, n) =>
      exits.press('1', source, Math.floor(n / 2) * 1_000 + (n % 2) * 100, ['11']),
    );
    expect(heard).toEqual([null, null, '11', null]);
  });

  it('given another queue has him, then what he pressed before is not part of its keys', () => {
    const exits = new ExitKeys(STALE_MS);
    exits.press('1', 'rtp', 0, ['12']);
    exits.forget();
    expect(exits.press('2', 'rtp', 1_000, ['12'])).toBeNull();
  });

  it('given any keys none of which begins another, then each is found at its last digit', () => {
    const key = fc.stringMatching(/^[0-3]{1,3}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { minLength: 1 }),
        fc.stringMatching(/^[0-3]*$/),
        (any, t) => {
          const keys = any.filter((one) => !any.some((o) => o !== one && one.startsWith(o)));
          let rest = '';
          const expected = [...t].map((digit) => {
            rest += digit;
            // The longest end of what was pressed that still leads somewhere.
            while (rest !== '' && !keys.some((one) => one.startsWith(rest))) rest = rest.slice(1);
            if (!keys.includes(rest)) return null;
            const found = rest;
            rest = '';
            return found;
          });
          expect(press(t, keys)).toEqual(expected);
        },
      ),
    );
  });
});
