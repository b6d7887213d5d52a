/**
 * Reading an audio file into both G.711 laws: 8 kHz mono, either WAV (16-bit linear, µ-law,
 * A-law) or raw by suffix (.ulaw .alaw .sln). The file is read and encoded in blocks, so that a
 * five-minute piece never holds up the one thread that also sends everybody's packets.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import { fromLinear, toLinear, type Law } from './g711.ts';
import { limits } from './limits.ts';

/** A loaded piece of audio; one byte per sample in each law. Shared, never written to. */
export interface Sound {
  readonly samples: number;
  readonly ulaw: Buffer;
  readonly alaw: Buffer;
}

type Encoding = 'linear' | Law;
interface Layout {
  readonly encoding: Encoding;
  readonly start: number;
  readonly bytes: number;
}

const blockBytes = 64 * 1024;
const rawSuffixes: Readonly<Record<string, Encoding>> = {
  '.ulaw': 'ulaw',
  '.ul': 'ulaw',
  '.pcmu': 'ulaw',
  '.alaw': 'alaw',
  '.al': 'alaw',
  '.pcma': 'alaw',
  '.sln': 'linear',
  '.raw': 'linear',
};

/** Reads the file; gives the sound or one sentence saying why it cannot be played. */
export async function readSound(path: string): Promise<Sound | string> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    return `cannot be opened: ${(error as Error).message}`;
  }
  try {
    const { size } = await file.stat();
    if (size > limits.fileBytes) return `is larger than ${limits.fileBytes} bytes`;
    const raw = rawSuffixes[extname(path).toLowerCase()];
    const layout =
      raw === undefined ? await wavLayout(file, size) : { encoding: raw, start: 0, bytes: size };
    if (typeof layout === 'string') return layout;
    return await encode(file, layout);
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  } finally {
    await file.close();
  }
}

async function wavLayout(file: FileHandle, size: number): Promise<Layout | string> {
  const head = Buffer.alloc(12);
  await file.read(head, 0, 12, 0);
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8) !== 'WAVE') {
    return 'is not a WAV file';
  }
  let encoding = 'has no format chunk';
  const chunk = Buffer.alloc(8 + 40);
  // A WAV file has a handful of chunks; one with more than fifty is not music.
  for (let at = 12, count = 0; at + 8 <= size && count < 50; count += 1) {
    await file.read(chunk, 0, chunk.length, at);
    const name = chunk.toString('latin1', 0, 4);
    const length = chunk.readUInt32LE(4);
    if (name === 'fmt ') encoding = wavEncoding(chunk);
    if (name === 'data') {
      if (!isEncoding(encoding)) return encoding;
      // A length of 0 or -1 is left by programs that wrote to a pipe: the rest is audio.
      const known = length !== 0 && length !== 0xffffffff ? length : size;
      return { encoding, start: at + 8, bytes: Math.min(known, size - at - 8) };
    }
    at += 8 + length + (length & 1);
  }
  return 'has no audio';
}

function isEncoding(text: string): text is Encoding {
  return text === 'linear' || text === 'ulaw' || text === 'alaw';
}

function wavEncoding(chunk: Buffer): string {
  const format = chunk.readUInt16LE(8);
  const channels = chunk.readUInt16LE(10);
  const rate = chunk.readUInt32LE(12);
  const bits = chunk.readUInt16LE(22);
  if (channels !== 1 || rate !== 8000) return `is ${rate} Hz, ${channels} channels; need 8000 mono`;
  // WAVE_FORMAT_EXTENSIBLE names the real format in the first bytes of its GUID.
  const real = format === 0xfffe ? chunk.readUInt16LE(8 + 24) : format;
  if (real === 1 && bits === 16) return 'linear';
  if (real === 6 && bits === 8) return 'alaw';
  if (real === 7 && bits === 8) return 'ulaw';
  return `has format ${real} with ${bits} bits; need 16-bit linear or G.711`;
}

async function encode(file: FileHandle, layout: Layout): Promise<Sound | string> {
  const width = layout.encoding === 'linear' ? 2 : 1;
  const samples = Math.floor(layout.bytes / width);
  if (samples === 0) return 'is empty';
  const ulaw = Buffer.allocUnsafeSlow(samples);
  const alaw = Buffer.allocUnsafeSlow(samples);
  const block = Buffer.allocUnsafe(blockBytes);
  let done = 0;
  while (done < samples) {
    const want = Math.min(blockBytes, (samples - done) * width);
    const { bytesRead } = await file.read(block, 0, want, layout.start + done * width);
    const count = Math.floor(bytesRead / width);
    if (count === 0) return 'ended early';
    for (let index = 0; index < count; index += 1) {
      const linear = linearAt(block, index, layout.encoding) & 0xffff;
      ulaw[done + index] = fromLinear.ulaw[linear] as number;
      alaw[done + index] = fromLinear.alaw[linear] as number;
    }
    done += count;
  }
  return { samples, ulaw, alaw };
}

function linearAt(block: Buffer, index: number, encoding: Encoding): number {
  if (encoding === 'linear') return block.readInt16LE(index * 2);
  return toLinear[encoding][block[index] as number] as number;
}
