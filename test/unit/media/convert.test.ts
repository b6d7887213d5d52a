/**
 * Goal: what is uploaded is heard as it was recorded, without tones that were not in it. Method:
 * tones of known pitch in every format, measured after conversion by correlation.
 */
import { describe, expect, it } from 'vitest';
import { convertWav } from '../../../src/media/convert.ts';
import { toLinear } from '../../../src/mediad/g711.ts';

interface Shape {
  readonly rate: number;
  readonly channels?: number;
  readonly bits?: 8 | 16 | 24 | 32;
  readonly hertz: number;
}

/** A tone of half amplitude, half a second long. */
function tone({ rate, channels = 1, bits = 16, hertz }: Shape): Buffer {
  const frames = Math.round(rate / 2);
  const width = bits / 8;
  const bytes = Buffer.alloc(44 + frames * channels * width);
  bytes.write('RIFF', 0);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt16LE(bits, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(bytes.length - 44, 40);
  for (let at = 0; at < frames * channels; at += 1) {
    const frame = Math.floor(at / channels);
    const value = 0.5 * Math.sin((2 * Math.PI * hertz * frame) / rate);
    const place = 44 + at * width;
    if (bits === 8) bytes.writeUInt8(Math.round(value * 127) + 128, place);
    else bytes.writeIntLE(Math.round(value * (2 ** (bits - 1) - 1)), place, width);
  }
  return bytes;
}

/** Why it was not converted. */
async function faultOf(bytes: Buffer): Promise<string> {
  const done = await convertWav(bytes, noRest);
  return done.ok ? '' : done.detail;
}

/** Amplitude of a pitch in the middle of an 8 kHz file, 0 to 1. */
function loudness(wav: Buffer, hertz: number): number {
  const count = (wav.length - 44) / 2;
  let [sin, cos, used] = [0, 0, 0];
  for (let at = 400; at < count - 400; at += 1) {
    const value = wav.readInt16LE(44 + at * 2) / 0x8000;
    sin += value * Math.sin((2 * Math.PI * hertz * at) / 8000);
    cos += value * Math.cos((2 * Math.PI * hertz * at) / 8000);
    used += 1;
  }
  return (2 * Math.hypot(sin, cos)) / used;
}

const noRest = async () => undefined;

async function converted(bytes: Buffer): Promise<Buffer> {
  const result = await convertWav(bytes, noRest);
  if (!result.ok) throw new Error(result.detail);
  return result.wav;
}

describe('an uploaded prompt', () => {
  it.each([
    { rate: 8000, hertz: 1000 },
    { rate: 16_000, hertz: 1000, bits: 24 },
    { rate: 22_050, hertz: 400, bits: 8 },
    { rate: 44_100, hertz: 3000, channels: 2 },
    { rate: 48_000, hertz: 1000, bits: 32 },
    { rate: 6000, hertz: 1000 },
  ] as const)('of $rate Hz keeps its pitch and loudness', async (shape) => {
    const wav = await converted(tone(shape));
    expect(wav.readUInt32LE(24)).toBe(8000);
    expect((wav.length - 44) / 2).toBe(4000);
    expect(loudness(wav, shape.hertz)).toBeCloseTo(0.5, 1);
  });

  it('given a tone that 8 kHz cannot carry, has none in its place', async () => {
    const wav = await converted(tone({ rate: 48_000, hertz: 6000 }));
    expect(loudness(wav, 2000)).toBeLessThan(0.001);
  });

  it('given no WAV, or one of another kind, says what to do', async () => {
    expect(await faultOf(Buffer.from('ID3 and so on'))).toContain('not a WAV file');
    const odd = tone({ rate: 8000, hertz: 440 });
    odd.writeUInt16LE(85, 20);
    expect(await faultOf(odd)).toContain('format 85');
    expect(await faultOf(tone({ rate: 44_101, hertz: 440 }))).toContain('44101 Hz');
  });

  it.each([
    ['alaw', 6],
    ['ulaw', 7],
  ] as const)('in %s is what a phone would hear of it', async (law, format) => {
    const wav = tone({ rate: 8000, bits: 8, hertz: 1000 });
    wav.writeUInt16LE(format, 20);
    for (let code = 0; code < 256; code += 1) wav.writeUInt8(code, 44 + code);
    const done = await converted(wav);
    const heard = Array.from({ length: 256 }, (_, at) => done.readInt16LE(44 + at * 2));
    expect(heard).toEqual([...toLinear[law]]);
  });

  it('cut off on its way says so; from a pipe, it has no length, and is taken', async () => {
    const whole = tone({ rate: 8000, hertz: 440 });
    const cut = whole.subarray(0, 1000);
    expect(await faultOf(cut)).toContain('cut off: 7044 bytes are missing; upload it whole');
    cut.writeUInt32LE(0xffff_ffff, 40);
    expect(await faultOf(cut)).toBe('');
  });

  it('given one cut off anywhere, never throws', async () => {
    const whole = tone({ rate: 16_000, hertz: 440 });
    for (let length = 0; length < 120; length += 1) {
      await convertWav(whole.subarray(0, length), noRest);
    }
  });
});
