/**
 * Proof by signal: reads and writes WAV, knows G.711, finds a tone (Goertzel) and recognises a
 * stretch of audio in a file (normalised cross-correlation). What reads and judges is written apart
 * from the product's own audio code, so that a mistake there is not repeated here. All samples are
 * 16-bit integers at 8 kHz in an Int16Array; positions are sample numbers, 8 to the millisecond.
 */
import { readFileSync } from 'node:fs';
import { writeWav as writePcm } from '../../prompts/wav.mjs';

export const RATE = 8000;
/**
 * From this score of `locate` on it is the recording. Others score below 0.5 (singular and plural
 * aside: minute, second); packets lost on a machine at its limits cost 0.1 and more.
 */
export const SAME = 0.8;

/** Reads a PCM WAV, 16 bit mono. Throws on anything else: the test's files must be so. */
export function readWav(file: string): Int16Array {
  const data = readFileSync(file);
  if (data.toString('latin1', 0, 4) !== 'RIFF' || data.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error(`${file}: not a WAV file`);
  }
  let format: { codec: number; channels: number; rate: number; bits: number } | null = null;
  for (let at = 12; at + 8 <= data.length;) {
    const name = data.toString('latin1', at, at + 4);
    // A recorder that was killed leaves a length of 0 or -1: take what is there.
    const told = data.readUInt32LE(at + 4);
    const size = Math.min(told === 0 && name === 'data' ? Infinity : told, data.length - at - 8);
    if (name === 'fmt ') {
      format = {
        codec: data.readUInt16LE(at + 8),
        channels: data.readUInt16LE(at + 10),
        rate: data.readUInt32LE(at + 12),
        bits: data.readUInt16LE(at + 22),
      };
    }
    if (name === 'data') {
      if (format?.codec !== 1 || format.channels !== 1 || format.bits !== 16) {
        throw new Error(`${file}: want PCM, 16 bit, mono; found ${JSON.stringify(format)}`);
      }
      if (format.rate !== RATE) throw new Error(`${file}: ${format.rate} Hz, want ${RATE}`);
      const samples = new Int16Array(Math.floor(size / 2));
      for (let i = 0; i < samples.length; i += 1) samples[i] = data.readInt16LE(at + 8 + i * 2);
      return samples;
    }
    at += 8 + size + (size % 2);
  }
  throw new Error(`${file}: no data`);
}

/** Writes them as a WAV, 16 bit mono. */
export function writeWav(file: string, samples: Int16Array): void {
  writePcm(file, RATE, samples);
}

/** A sine of `hertz` for `ms`, `level` of full scale. */
export function tone(hertz: number, ms: number, level = 0.5): Int16Array {
  const length = Math.round((ms * RATE) / 1000);
  return Int16Array.from({ length }, (_, i) =>
    Math.round(32767 * level * Math.sin((2 * Math.PI * hertz * i) / RATE)),
  );
}

/**
 * How much of the energy of `samples` is at `hertz`: 0 = none, 1 = a pure tone of that pitch.
 * Silence gives 0. Independent of loudness.
 */
export function toneShare(samples: Int16Array, hertz: number): number {
  const w = (2 * Math.PI * hertz) / RATE;
  let re = 0;
  let im = 0;
  let energy = 0;
  samples.forEach((x, i) => {
    re += x * Math.cos(w * i);
    im += x * Math.sin(w * i);
    energy += x * x;
  });
  return energy === 0 ? 0 : (2 * (re * re + im * im)) / (energy * samples.length);
}

/** First sample at which a 20 ms window is at least `share` tone of `hertz`; null: never. */
export function firstTone(samples: Int16Array, hertz: number, share = 0.7): number | null {
  const window = RATE / 50;
  for (let at = 0; at + window <= samples.length; at += window / 4) {
    const part = samples.subarray(at, at + window);
    if (rms(part) > 300 && toneShare(part, hertz) >= share) return at;
  }
  return null;
}

/** Root mean square, in units of a 16-bit sample. */
export function rms(samples: Int16Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const x of samples) sum += x * x;
  return Math.sqrt(sum / samples.length);
}

export interface Match {
  /** Where in the haystack the needle begins. */
  readonly at: number;
  /** Normalised cross-correlation there, -1…1; above 0.9 is the same recording through G.711. */
  readonly score: number;
}

/**
 * Where `needle` fits best into `haystack`. Music that loops: pass `ring` to let the needle run
 * over the end into the beginning.
 */
export function locate(needle: Int16Array, haystack: Int16Array, ring = false): Match {
  const hay = ring ? concat(haystack, haystack.subarray(0, needle.length - 1)) : haystack;
  if (needle.length === 0 || needle.length > hay.length) return { at: 0, score: 0 };
  const products = crossCorrelate(needle, hay);
  const needleEnergy = energyOf(needle, 0, needle.length);
  let windowEnergy = energyOf(hay, 0, needle.length);
  let best: Match = { at: 0, score: -1 };
  for (let at = 0; at + needle.length <= hay.length; at += 1) {
    const score = (products[at] ?? 0) / Math.sqrt(needleEnergy * windowEnergy + 1);
    if (score > best.score) best = { at, score };
    windowEnergy += (hay[at + needle.length] ?? 0) ** 2 - (hay[at] ?? 0) ** 2;
  }
  return best;
}

/** Samples one after the other. */
export function concat(...parts: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function energyOf(samples: Int16Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i += 1) sum += (samples[i] ?? 0) ** 2;
  return sum;
}

/**
 * Sums of products at every shift, by fast Fourier transform of overlapping blocks: a long
 * recording in one piece does not fit the processor's cache.
 */
function crossCorrelate(needle: Int16Array, hay: Int16Array): Float64Array {
  const size = 2 ** Math.ceil(Math.log2(Math.min(4 * needle.length, needle.length + hay.length)));
  const b = { re: new Float64Array(size), im: new Float64Array(size) };
  b.re.set(needle);
  transform(b.re, b.im);
  const products = new Float64Array(hay.length);
  // The last `needle.length - 1` shifts of a block wrap around, and are left to the next.
  const step = size - needle.length + 1;
  for (let start = 0; start < hay.length; start += step) {
    const re = new Float64Array(size);
    const im = new Float64Array(size);
    re.set(hay.subarray(start, start + size));
    transform(re, im);
    for (let i = 0; i < size; i += 1) {
      const ar = re[i] ?? 0;
      const ai = im[i] ?? 0;
      const br = b.re[i] ?? 0;
      const bi = b.im[i] ?? 0;
      // The product with the conjugate, itself conjugated: the inverse is then a forward transform.
      re[i] = ar * br + ai * bi;
      im[i] = ar * bi - ai * br;
    }
    transform(re, im);
    const end = Math.min(step, hay.length - start);
    for (let i = 0; i < end; i += 1) products[start + i] = (re[i] ?? 0) / size;
  }
  return products;
}

/** Cosines and sines of one turn, by length. */
const turns = new Map<number, { readonly cos: Float64Array; readonly sin: Float64Array }>();

function turnOf(n: number): { readonly cos: Float64Array; readonly sin: Float64Array } {
  const known = turns.get(n);
  if (known !== undefined) return known;
  const turn = {
    cos: new Float64Array(n / 2).map((_, k) => Math.cos((2 * Math.PI * k) / n)),
    sin: new Float64Array(n / 2).map((_, k) => -Math.sin((2 * Math.PI * k) / n)),
  };
  turns.set(n, turn);
  return turn;
}

/** Radix-2 fast Fourier transform in place; the length is a power of two. */
function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i += 1) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j] ?? 0, re[i] ?? 0];
      [im[i], im[j]] = [im[j] ?? 0, im[i] ?? 0];
    }
  }
  const { cos, sin } = turnOf(n);
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    const stride = n / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < half; k += 1) {
        const [i, j] = [start + k, start + k + half];
        const c = cos[k * stride] ?? 0;
        const s = sin[k * stride] ?? 0;
        const jr = re[j] ?? 0;
        const ji = im[j] ?? 0;
        const tr = jr * c - ji * s;
        const ti = jr * s + ji * c;
        const ir = re[i] ?? 0;
        const ii = im[i] ?? 0;
        re[j] = ir - tr;
        im[j] = ii - ti;
        re[i] = ir + tr;
        im[i] = ii + ti;
      }
    }
  }
}

/** G.711 µ-law, one byte to one sample (ITU-T G.711, table 2a). */
export function decodeUlaw(byte: number): number {
  const u = ~byte & 0xff;
  const magnitude = ((((u & 0x0f) << 3) + 0x84) << ((u & 0x70) >> 4)) - 0x84;
  return u & 0x80 ? -magnitude : magnitude;
}

/** G.711 A-law, one byte to one sample (ITU-T G.711, table 1a). */
export function decodeAlaw(byte: number): number {
  const a = byte ^ 0x55;
  const segment = (a & 0x70) >> 4;
  const low = ((a & 0x0f) << 4) + 8;
  const magnitude = segment === 0 ? low : (low + 0x100) << (segment - 1);
  return a & 0x80 ? magnitude : -magnitude;
}

/** The byte whose decoding is nearest: slow to build, certain to be the inverse. */
function inverse(decode: (byte: number) => number): Uint8Array {
  const values = Array.from({ length: 256 }, (_, byte) => ({ byte, value: decode(byte) })).sort(
    (a, b) => a.value - b.value,
  );
  const table = new Uint8Array(65536);
  let i = 0;
  for (let sample = -32768; sample < 32768; sample += 1) {
    const gap = (k: number) => Math.abs((values[k]?.value ?? Infinity) - sample);
    while (gap(i + 1) <= gap(i)) i += 1; // µ-law has two zeros
    table[sample + 32768] = values[i]?.byte ?? 0;
  }
  return table;
}

const tables = new Map<'ulaw' | 'alaw', Uint8Array>();

export type G711 = 'ulaw' | 'alaw';

export function encode(samples: Int16Array, codec: G711): Buffer {
  let table = tables.get(codec);
  if (table === undefined) {
    table = inverse(codec === 'ulaw' ? decodeUlaw : decodeAlaw);
    tables.set(codec, table);
  }
  const found = table;
  return Buffer.from(Uint8Array.from(samples, (x) => found[x + 32768] ?? 0));
}

export function decode(bytes: Uint8Array, codec: G711): Int16Array {
  return Int16Array.from(bytes, codec === 'ulaw' ? decodeUlaw : decodeAlaw);
}
