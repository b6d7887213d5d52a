/**
 * What a leg is played. A source fills samples on demand, in the law asked for, and says how many
 * it had: that is the whole contract, and a mixer can be one more source. Music loops over its
 * files and stands still while it is not asked, so it resumes at the very sample where it
 * stopped. An announcement is a list of sounds and silences that ends.
 */
import { silenceByte, type Law } from './g711.ts';
import { limits } from './limits.ts';
import type { Sound } from './wav.ts';

export interface Source {
  /** Writes up to `count` samples to `out` from `at`; fewer: that is all there is for now. */
  fill(out: Buffer, at: number, count: number, law: Law): number;
}

/** Where music takes its sounds from; `get` may be null while the file is being read. */
export interface Sounds {
  get(path: string): Sound | null | 'bad';
}

export class Music implements Source {
  readonly files: readonly string[];
  private readonly sounds: Sounds;
  private index: number;
  private sample: number;
  /** Samples heard in all: from here a process that comes after this one can go on. */
  private heard: number;
  /** Samples still to be stepped over, file by file, as their lengths become known. */
  private skip = 0;
  /** Length of the files stepped over in this round. */
  private lap = 0;
  private current: Sound | null = null;

  constructor(files: readonly string[], sounds: Sounds, from: MusicStart = startOfMusic) {
    this.files = files;
    this.sounds = sounds;
    const isKnown = 'file' in from;
    this.index = isKnown && from.file < files.length ? from.file : 0;
    this.sample = isKnown ? from.sample : 0;
    this.heard = from.heard;
    if (!isKnown) this.skip = from.heard;
  }

  get position(): MusicStart {
    const { heard } = this;
    return this.skip > 0 ? { heard } : { file: this.index, sample: this.sample, heard };
  }

  fill(out: Buffer, at: number, count: number, law: Law): number {
    let done = 0;
    // Every turn plays something, or steps over one bad file; all bad ends the loop.
    for (let bad = 0; done < count && bad < this.files.length;) {
      const sound = this.open();
      if (sound === null) break;
      if (sound === 'bad') {
        bad += 1;
        continue;
      }
      const take = Math.min(count - done, sound.samples - this.sample);
      sound[law].copy(out, at + done, this.sample, this.sample + take);
      done += take;
      this.sample += take;
      this.heard += take;
      if (this.sample >= sound.samples) this.step();
    }
    return done;
  }

  private open(): Sound | null | 'bad' {
    if (this.current !== null) return this.current;
    const sound = this.sounds.get(this.files[this.index] as string);
    if (sound === 'bad') {
      this.step();
      return 'bad';
    }
    if (sound === null) return null;
    if (this.skip > 0) return this.stepOver(sound);
    if (this.sample >= sound.samples) this.sample = 0;
    this.current = sound;
    // Asks for the next file now, so that it is here when this one ends.
    this.sounds.get(this.files[(this.index + 1) % this.files.length] as string);
    return sound;
  }

  /** One file less to step over; the one in which the place is, is played from there. */
  private stepOver(sound: Sound): Sound | null | 'bad' {
    this.lap += sound.samples;
    if (this.skip < sound.samples) {
      this.sample = this.skip;
      this.skip = 0;
      return this.open();
    }
    this.skip -= sound.samples;
    this.step();
    // Once round: whole rounds need not be walked.
    if (this.index === 0) this.skip %= this.lap;
    return this.open();
  }

  private step(): void {
    this.index = (this.index + 1) % this.files.length;
    this.sample = 0;
    this.current = null;
  }
}

/** Where music begins: at a place in a file, or after so many samples of the whole. */
export type MusicStart =
  | { readonly file: number; readonly sample: number; readonly heard: number }
  | { readonly heard: number };

const startOfMusic: MusicStart = { file: 0, sample: 0, heard: 0 };

/** A part of an announcement: a sound, or so many samples of silence. */
export type Part = Sound | number;

export class Announcement implements Source {
  readonly playId: string;
  private readonly parts: readonly Part[];
  private index = 0;
  private sample = 0;

  constructor(playId: string, parts: readonly Part[]) {
    this.playId = playId;
    this.parts = parts;
  }

  get isOver(): boolean {
    return this.index >= this.parts.length;
  }

  fill(out: Buffer, at: number, count: number, law: Law): number {
    let done = 0;
    while (done < count && this.index < this.parts.length) {
      const part = this.parts[this.index] as Part;
      const length = typeof part === 'number' ? part : part.samples;
      const take = Math.min(count - done, length - this.sample);
      if (typeof part === 'number') out.fill(silenceByte[law], at + done, at + done + take);
      else part[law].copy(out, at + done, this.sample, this.sample + take);
      done += take;
      this.sample += take;
      if (this.sample >= length) {
        this.index += 1;
        this.sample = 0;
      }
    }
    return done;
  }
}

/** Positions of the music classes a leg has heard, so that each resumes where it stopped. */
export class MusicMemory {
  private readonly positions = new Map<string, MusicStart>();

  keep(key: string, position: MusicStart): void {
    this.positions.delete(key);
    this.positions.set(key, position);
    if (this.positions.size <= limits.musicPositions) return;
    for (const oldest of this.positions.keys()) {
      this.positions.delete(oldest);
      break;
    }
  }

  recall(key: string): MusicStart | undefined {
    return this.positions.get(key);
  }
}
