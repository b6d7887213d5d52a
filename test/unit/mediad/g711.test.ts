/** G.711 against values of the standard and against the tests' own decoder. */
import { describe, expect, it } from 'vitest';
import { convertInPlace, fromLinear, silenceByte, toLinear } from '../../../src/mediad/g711.ts';
import { decodeAlaw, decodeUlaw } from '../../support/audio.ts';

const codes = Array.from({ length: 256 }, (_, code) => code);
const encodeTo = (law: 'ulaw' | 'alaw', sample: number) => fromLinear[law][sample & 0xffff];

describe('G.711', () => {
  it('decodes every code as ITU-T G.711 tables 1a and 2a say', () => {
    expect([...toLinear.ulaw]).toEqual(codes.map((code) => decodeUlaw(code) + 0));
    expect([...toLinear.alaw]).toEqual(codes.map(decodeAlaw));
  });

  it('encodes the corner values of the standard', () => {
    expect(encodeTo('ulaw', 0)).toBe(0xff);
    expect(encodeTo('ulaw', 32_767)).toBe(0x80);
    expect(encodeTo('ulaw', -32_768)).toBe(0x00);
    expect(encodeTo('alaw', 0)).toBe(0xd5);
    expect(encodeTo('alaw', -1)).toBe(0x55);
    expect(encodeTo('alaw', 32_767)).toBe(0xaa);
    expect(encodeTo('alaw', -32_768)).toBe(0x2a);
  });

  it('gives each code back when its own value is encoded', () => {
    // µ-law has two zeros: 0x7f is the negative one and comes back as the positive.
    const expected = codes.map((code) => (code === 0x7f ? 0xff : code));
    expect(codes.map((code) => encodeTo('ulaw', decodeUlaw(code)))).toEqual(expected);
    expect(codes.map((code) => encodeTo('alaw', decodeAlaw(code)))).toEqual(codes);
  });

  it('is never further off than half a step of the segment', () => {
    for (let sample = -32_000; sample <= 32_000; sample += 7) {
      const step = Math.max(16, Math.abs(sample) / 16);
      const back = toLinear.ulaw[encodeTo('ulaw', sample) ?? 0] ?? 0;
      expect(Math.abs(back - sample)).toBeLessThanOrEqual(step);
    }
  });

  it('converts only the bytes it is told to, and silence to silence', () => {
    const bytes = Buffer.from([1, silenceByte.ulaw, silenceByte.ulaw, 2]);
    convertInPlace(bytes, 1, 3, 'ulaw');
    expect([...bytes]).toEqual([1, silenceByte.alaw, silenceByte.alaw, 2]);
  });

  it('loses little when it converts', () => {
    for (const code of codes) {
      const bytes = Buffer.from([code]);
      convertInPlace(bytes, 0, 1, 'alaw');
      const before = decodeAlaw(code);
      const after = decodeUlaw(bytes[0] ?? 0);
      expect(Math.abs(after - before)).toBeLessThanOrEqual(Math.max(16, Math.abs(before) / 16));
    }
  });
});
