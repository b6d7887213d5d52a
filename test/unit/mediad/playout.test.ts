/** Music stands still to the sample while something else is played. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silenceByte } from '../../../src/mediad/g711.ts';
import { limits } from '../../../src/mediad/limits.ts';
import { Announcement, Music, MusicMemory, type Sounds } from '../../../src/mediad/playout.ts';
import type { Sound } from '../../../src/mediad/wav.ts';

/** A sound whose bytes tell where they are from: first, first+1, … */
function sound(first: number, samples: number): Sound {
  const ulaw = Buffer.from(Array.from({ length: samples }, (_, index) => (first + index) & 0xff));
  return { samples, ulaw, alaw: Buffer.from(ulaw.map((byte) => byte ^ 0x55)) };
}

function shelf(files: Readonly<Record<string, Sound | 'bad' | null>>): Sounds {
  return { get: (path) => files[path] ?? null };
}

function take(source: Music | Announcement, count: number): number[] {
  const out = Buffer.alloc(count);
  return [...out.subarray(0, source.fill(out, 0, count, 'ulaw'))];
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe('music', () => {
  it('goes through its files in order, joined at the sample, and round again', () => {
    const music = new Music(['a', 'b'], shelf({ a: sound(0, 5), b: sound(100, 3) }));
    expect(take(music, 11)).toEqual([...range(0, 5), ...range(100, 3), ...range(0, 3)]);
  });

  it('is the same whatever the portions in which it is taken', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (portions) => {
        const files = { a: sound(0, 37), b: sound(100, 11) };
        const total = portions.reduce((sum, portion) => sum + portion, 0);
        const whole = take(new Music(['a', 'b'], shelf(files)), total);
        const parted = new Music(['a', 'b'], shelf(files));
        expect(portions.flatMap((portion) => take(parted, portion))).toEqual(whole);
      }),
    );
  });

  it('goes on from a remembered position', () => {
    const files = shelf({ a: sound(0, 5), b: sound(100, 9) });
    const first = new Music(['a', 'b'], files);
    take(first, 7);
    expect(take(new Music(['a', 'b'], files, first.position), 2)).toEqual([102, 103]);
  });

  it('steps over bad files and waits for one that is being read', () => {
    const files: Record<string, Sound | 'bad' | null> = { a: 'bad', b: null };
    const music = new Music(['a', 'b'], shelf(files));
    expect(take(music, 4)).toEqual([]);
    files['b'] = sound(100, 9);
    expect(take(music, 3)).toEqual([100, 101, 102]);
  });

  it('is silent, not endless, when every file is bad', () => {
    expect(take(new Music(['a', 'b'], shelf({ a: 'bad', b: 'bad' })), 10)).toEqual([]);
  });

  it('remembers a bounded number of positions', () => {
    const memory = new MusicMemory();
    for (let index = 0; index <= limits.musicPositions; index += 1) {
      memory.keep(`class-${index}`, { file: 0, sample: index, heard: index });
    }
    expect(memory.recall('class-0')).toBeUndefined();
    expect(memory.recall('class-1')).toEqual({ file: 0, sample: 1, heard: 1 });
  });
});

describe('an announcement', () => {
  it('plays sounds and silences one after the other and is over at its last sample', () => {
    const announcement = new Announcement('p', [sound(1, 2), 3, sound(9, 2)]);
    const quiet = silenceByte.ulaw;
    expect(take(announcement, 6)).toEqual([1, 2, quiet, quiet, quiet, 9]);
    expect(announcement.isOver).toBe(false);
    expect(take(announcement, 6)).toEqual([10]);
    expect(announcement.isOver).toBe(true);
  });
});
