/**
 * G.711: µ-law and A-law against 16-bit linear, and against each other, all by table. The tables
 * are made once at start from the segment rules of ITU-T G.711, as in shared/g711-decode.ts.
 */
import { decodeA, decodeMu, MU_BIAS } from '../shared/g711-decode.ts';

export type Law = 'ulaw' | 'alaw';

export const silenceByte: Readonly<Record<Law, number>> = { ulaw: 0xff, alaw: 0xd5 };

const muClip = 32_635;

function segmentOf(value: number, firstEnd: number): number {
  let segment = 0;
  for (let end = firstEnd; segment < 8 && value > end; segment += 1) end = end * 2 + 1;
  return segment;
}

function encodeMu(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), muClip) + MU_BIAS;
  const segment = segmentOf(magnitude, 0xff);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}

function encodeA(sample: number): number {
  const mask = sample >= 0 ? 0xd5 : 0x55;
  // 13 bits; the negative half is mirrored around -1 as in G.711 (and g711.c).
  const value = sample >= 0 ? sample >> 3 : -(sample >> 3) - 1;
  const segment = segmentOf(value, 0x1f);
  if (segment >= 8) return 0x7f ^ mask;
  const low = segment < 2 ? (value >> 1) & 0x0f : (value >> segment) & 0x0f;
  return ((segment << 4) | low) ^ mask;
}

function encodeTable(encode: (sample: number) => number): Uint8Array {
  return Uint8Array.from({ length: 65_536 }, (_, index) => encode((index << 16) >> 16));
}

/** Linear sample (as unsigned 16 bit: `sample & 0xffff`) to code. */
export const fromLinear: Readonly<Record<Law, Uint8Array>> = {
  ulaw: encodeTable(encodeMu),
  alaw: encodeTable(encodeA),
};

/** Code to linear sample. */
export const toLinear: Readonly<Record<Law, Int16Array>> = {
  ulaw: Int16Array.from({ length: 256 }, (_, code) => decodeMu(code)),
  alaw: Int16Array.from({ length: 256 }, (_, code) => decodeA(code)),
};

function crossTable(from: Law, to: Law): Uint8Array {
  return Uint8Array.from(
    { length: 256 },
    (_, code) => fromLinear[to][(toLinear[from][code] ?? 0) & 0xffff] ?? 0,
  );
}

const cross: Readonly<Record<Law, Uint8Array>> = {
  ulaw: crossTable('ulaw', 'alaw'),
  alaw: crossTable('alaw', 'ulaw'),
};

/** Rewrites `bytes[start, end)` in place from its law to the other one. */
export function convertInPlace(bytes: Uint8Array, start: number, end: number, from: Law): void {
  const table = cross[from];
  for (let at = start; at < end; at += 1) bytes[at] = table[bytes[at] as number] as number;
}
