/**
 * An uploaded WAV into what mediad plays: 8 kHz, mono, 16 bit. Takes PCM of 8 to 32 bit, floats,
 * A-law and µ-law, any number of channels (their mean), any usual rate. Resampled by a windowed
 * sinc (Blackman), one set of taps for each phase between the rates, cut off below 4 kHz so that
 * nothing folds back. Pure; long audio is done in slices, between which the caller may do something
 * else.
 */
import { decodeA, decodeMu } from '../shared/g711-decode.ts';

export const OUT_RATE = 8_000;
const CHANNELS_MAX = 32;
const SECONDS_MAX = 600;
/** Zero crossings of the sinc on each side; what passes is flat to some 3.5 kHz. */
const CROSSINGS = 24;
const CUTOFF = 0.93;
const PHASES_MAX = 640;
/** Samples made between two looks at the clock. */
const SLICE = 2_000;

interface Source {
  readonly rate: number;
  readonly channels: number;
  readonly frames: number;
  /** -1 to 1. */
  readonly sample: (this: void, frame: number) => number;
}

function tagOf(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, at + 4);
}

type Read = (bytes: Buffer, at: number) => number;
const READERS: Readonly<Record<string, Read>> = {
  'pcm-8': (bytes, at) => (bytes.readUInt8(at) - 128) / 128,
  'pcm-16': (bytes, at) => bytes.readInt16LE(at) / 0x8000,
  'pcm-24': (bytes, at) => bytes.readIntLE(at, 3) / 0x800000,
  'pcm-32': (bytes, at) => bytes.readInt32LE(at) / 0x80000000,
  'float-32': (bytes, at) => bytes.readFloatLE(at),
  'float-64': (bytes, at) => bytes.readDoubleLE(at),
  'alaw-8': (bytes, at) => decodeA(bytes.readUInt8(at)) / 0x8000,
  'ulaw-8': (bytes, at) => decodeMu(bytes.readUInt8(at)) / 0x8000,
};
const FORMATS: Readonly<Record<number, string>> = { 1: 'pcm', 3: 'float', 6: 'alaw', 7: 'ulaw' };
/** Who writes to a pipe cannot know the length, and writes the longest, or nearly. */
const LENGTH_UNKNOWN = 0x7fff_0000;
const EXTENSIBLE = 0xfffe;

/** The audio of a WAV file, or what is wrong with it and what to do. */
function openWav(bytes: Buffer): Source | string {
  if (bytes.length < 12 || tagOf(bytes, 0) !== 'RIFF' || tagOf(bytes, 8) !== 'WAVE') {
    return 'this is not a WAV file; convert it to one (PCM)';
  }
  let format: Buffer | null = null;
  let data: Buffer | null = null;
  let missing = 0;
  for (let at = 12; at + 8 <= bytes.length && data === null;) {
    const length = bytes.readUInt32LE(at + 4);
    const body = bytes.subarray(at + 8, Math.min(at + 8 + length, bytes.length));
    if (tagOf(bytes, at) === 'fmt ') format = body;
    if (tagOf(bytes, at) === 'data') {
      data = body;
      missing = length >= LENGTH_UNKNOWN ? 0 : length - body.length;
    }
    at += 8 + length + (length & 1);
  }
  if (format === null || format.length < 16) return 'the WAV file does not say its format';
  if (data === null) return 'the WAV file has no audio in it';
  if (missing > 0) return `the file is cut off: ${missing} bytes are missing; upload it whole`;
  const written = format.readUInt16LE(0);
  const code = written === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : written;
  const bits = format.readUInt16LE(14);
  const read = READERS[`${FORMATS[code] ?? '?'}-${bits}`];
  if (read === undefined) {
    const what = `WAV format ${code} of ${bits} bits cannot be read`;
    return `${what}; take PCM of 8 to 32 bits, A-law or µ-law`;
  }
  const [channels, rate] = [format.readUInt16LE(2), format.readUInt32LE(4)];
  if (channels < 1 || channels > CHANNELS_MAX) return `it has ${channels} channels; take 1 or 2`;
  return sourceOf(data, { channels, rate, width: bits / 8, read });
}

function sourceOf(
  data: Buffer,
  { channels, rate, width, read }: { channels: number; rate: number; width: number; read: Read },
): Source {
  const step = channels * width;
  return {
    rate,
    channels,
    frames: Math.floor(data.length / step),
    sample: (frame) => {
      let sum = 0;
      for (let each = 0; each < channels; each += 1) sum += read(data, frame * step + each * width);
      return sum / channels;
    },
  };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Taps for the output samples whose place lies `phase / phases` after an input sample. */
function tapsOf(phase: number, phases: number, half: number, scale: number): Float64Array {
  const taps = new Float64Array(2 * half);
  let sum = 0;
  for (let at = 0; at < taps.length; at += 1) {
    const x = at - half + 1 - phase / phases;
    const place = x * scale;
    const sinc = place === 0 ? 1 : Math.sin(Math.PI * place) / (Math.PI * place);
    const turn = (Math.PI * x) / half;
    const window =
      Math.abs(x) >= half ? 0 : 0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
    taps[at] = sinc * window;
    sum += sinc * window;
  }
  return taps.map((tap) => tap / sum);
}

function clip(value: number): number {
  return Math.max(-0x8000, Math.min(0x7fff, Math.round(value * 0x8000)));
}

/** A WAV file of 8 kHz, mono, 16 bit around the samples. */
function writeWav(samples: Int16Array): Buffer {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + samples.length * 2, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(OUT_RATE, 24);
  bytes.writeUInt32LE(OUT_RATE * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, at) => bytes.writeInt16LE(sample, 44 + at * 2));
  return bytes;
}

export type Converted =
  | { readonly ok: true; readonly wav: Buffer; readonly seconds: number }
  | { readonly ok: false; readonly detail: string };

/** `rest` is awaited after each slice, so that a long prompt holds nobody up. */
export async function convertWav(bytes: Buffer, rest: () => Promise<unknown>): Promise<Converted> {
  const source = openWav(bytes);
  if (typeof source === 'string') return { ok: false, detail: source };
  const { rate, frames } = source;
  if (rate < 4_000 || rate > 192_000 || OUT_RATE / gcd(OUT_RATE, rate) > PHASES_MAX) {
    const detail = `its rate of ${rate} Hz cannot be converted; take 8000, 16000, 44100 or 48000`;
    return { ok: false, detail };
  }
  const seconds = frames / rate;
  if (frames === 0) return { ok: false, detail: 'the WAV file has no audio in it' };
  if (seconds > SECONDS_MAX) {
    return { ok: false, detail: `it is longer than ${SECONDS_MAX} seconds; shorten it` };
  }
  const samples = new Int16Array(Math.max(1, Math.round((frames * OUT_RATE) / rate)));
  const next = resampler(source);
  for (let at = 0; at < samples.length; at += 1) {
    samples[at] = clip(next(at));
    if (at % SLICE === SLICE - 1) await rest();
  }
  return { ok: true, wav: writeWav(samples), seconds };
}

/** The output sample of that number. */
function resampler({ rate, frames, sample }: Source): (at: number) => number {
  if (rate === OUT_RATE) return (at) => (at < frames ? sample(at) : 0);
  const common = gcd(OUT_RATE, rate);
  const phases = OUT_RATE / common;
  const step = rate / common;
  const scale = Math.min(1, OUT_RATE / rate) * CUTOFF;
  const half = Math.ceil(CROSSINGS / scale);
  const sets = new Map<number, Float64Array>();
  return (at) => {
    const phase = (at * step) % phases;
    const first = Math.floor((at * step) / phases) - half + 1;
    const taps = sets.get(phase) ?? tapsOf(phase, phases, half, scale);
    sets.set(phase, taps);
    let sum = 0;
    for (let tap = Math.max(0, -first); tap < taps.length && first + tap < frames; tap += 1) {
      sum += (taps[tap] ?? 0) * sample(first + tap);
    }
    return sum;
  };
}
