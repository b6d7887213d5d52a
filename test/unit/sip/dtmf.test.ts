/** Goal: digits in INFO are read as phones send them, and each key press counts once. */
import { describe, expect, it } from 'vitest';
import { DigitMerger, digitOfInfo } from '../../../src/sip/dtmf.ts';

describe('INFO', () => {
  it.each([
    ['application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n', '5'],
    ['application/dtmf-relay', 'Signal= 5\r\nDuration= 160', '5'],
    ['application/dtmf-relay; charset=utf-8', 'Duration=100\r\nsignal=#', '#'],
    ['application/dtmf-relay', 'Signal=11', '#'],
    ['application/dtmf-relay', 'Signal=10', '*'],
    ['application/dtmf-relay', 'Signal=d', 'D'],
    ['application/dtmf', '*', '*'],
    ['Application/DTMF', ' 7\r\n', '7'],
    ['application/dtmf', 'Signal=7\r\nDuration=160', '7'],
    ['application/dtmf-relay', '7', '7'],
    ['application/dtmf', '77', null],
    ['application/dtmf', '', null],
    ['application/dtmf-relay', 'Signal=', null],
    ['application/dtmf-relay', 'Signal=5x', null],
    ['application/dtmf-relay', 'nonsense', null],
    ['text/plain', '5', null],
  ])('%s %j is %s', (type, body, digit) => {
    expect(digitOfInfo(type, body)).toBe(digit);
  });
});

describe('the same key by INFO and by RTP', () => {
  it('counts once, whichever is first', () => {
    const merger = new DigitMerger();
    expect(merger.accept('5', 'rtp', 0)).toBe(true);
    expect(merger.accept('5', 'info', 100)).toBe(false);
    expect(merger.accept('5', 'rtp', 400)).toBe(true);
    expect(merger.accept('5', 'info', 480)).toBe(false);
  });

  it('counts twice when pressed twice', () => {
    const merger = new DigitMerger();
    expect(merger.accept('5', 'info', 0)).toBe(true);
    expect(merger.accept('5', 'info', 200)).toBe(true);
    expect(merger.accept('6', 'rtp', 210)).toBe(true);
  });

  it('is two presses when they are far apart', () => {
    const merger = new DigitMerger();
    expect(merger.accept('5', 'info', 0)).toBe(true);
    expect(merger.accept('5', 'rtp', 1000)).toBe(true);
  });
});
