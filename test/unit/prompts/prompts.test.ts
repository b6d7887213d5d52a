/**
 * The committed audio is what the manifest says, plays on a telephone, and can be made again.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { RATE, locate, readWav, rms } from '../../support/audio.ts';

const folder = path.resolve(import.meta.dirname, '../../../prompts');

interface Manifest {
  prompts: { key: string; text: string; language: string; file: string }[];
  music: { class: string; file: string; title: string }[];
}

function manifest(name: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Manifest;
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

const ours = manifest('manifest.json');
const recorded = manifest('asterisk.json');

describe('prompts', () => {
  it('has exactly the files the manifest names, with the checksums committed beside them', () => {
    const named = [...ours.prompts, ...ours.music].map((entry) => entry.file).sort();
    const present = ['en', 'music']
      .flatMap((sub) => readdirSync(path.join(folder, sub)).map((file) => `${sub}/${file}`))
      .sort();
    const sums = readFileSync(path.join(folder, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
    expect(present).toEqual(named);
    expect(sums).toEqual(named.map((file) => `${sha256(path.join(folder, file))}  ${file}`));
  });

  it('says every phrase once, in 8 kHz 16-bit mono, loud enough to hear', () => {
    const keys = ours.prompts.map((prompt) => prompt.key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { file } of ours.prompts) {
      const samples = readWav(path.join(folder, file));
      const seconds = samples.length / RATE;
      // The shortest is a tone.
      expect(seconds, file).toBeGreaterThan(0.2);
      expect(seconds, file).toBeLessThan(12);
      expect(rms(samples), file).toBeGreaterThan(1500);
    }
  });

  it('has the digits in which an agent is told his number', () => {
    const keys = new Set(ours.prompts.map((prompt) => prompt.key));
    const wanted = [...'0123456789'].map((digit) => `digit-${digit}`);
    expect(wanted.filter((key) => !keys.has(key))).toEqual([]);
  });

  it('maps only keys of ours to the recorded set, and leaves no music class without music', () => {
    const keys = new Set(ours.prompts.map((prompt) => prompt.key));
    expect(recorded.prompts.filter((prompt) => !keys.has(prompt.key))).toEqual([]);
    const classes = new Set(recorded.music.map((music) => music.class));
    expect(ours.music.filter((music) => !classes.has(music.class))).toEqual([]);
  });
});

it.each([
  ['ring-tone', 1_000],
  ['busy-tone', 500],
  ['congestion-tone', 250],
])('%s comes out of its program bit for bit the same', (name, ms) => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'acd-tones-'));
  try {
    const out = path.join(scratch, 'out.wav');
    execFileSync(process.execPath, [path.join(folder, 'tones.mjs'), String(ms), out]);
    expect(sha256(out)).toBe(sha256(path.join(folder, `en/${name}.wav`)));
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

describe('music', () => {
  const file = path.join(folder, 'music/default.wav');
  const samples = readWav(file);

  it('comes out of its score bit for bit the same', () => {
    const scratch = mkdtempSync(path.join(tmpdir(), 'acd-music-'));
    try {
      const out = path.join(scratch, 'out.wav');
      execFileSync(process.execPath, [path.join(folder, 'music.mjs'), out]);
      expect(sha256(out)).toBe(sha256(file));
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });

  it('loops without a click: the step over the seam is like any other step', () => {
    const steps = Array.from(samples.subarray(1), (x, i) => Math.abs(x - (samples[i] ?? 0)));
    const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length * 0.99)] ?? 0;
    const seam = Math.abs((samples[0] ?? 0) - (samples[samples.length - 1] ?? 0));
    expect(seam).toBeLessThan(usual);
  });

  it('never repeats itself, so that a second of it tells where in the piece one is', () => {
    for (let at = 0; at + RATE <= samples.length; at += RATE * 8) {
      const needle = samples.slice(at, at + RATE);
      expect(locate(needle, samples).at).toBe(at);
      const rest = samples.slice();
      rest.fill(0, Math.max(0, at - RATE), at + 2 * RATE);
      expect(locate(needle, rest).score, `second ${at / RATE}`).toBeLessThan(0.9);
    }
    // Looks through the whole piece again and again: more than is usual where others work, too.
  }, 120_000);
});
