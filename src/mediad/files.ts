/**
 * The shelf of sounds: each file is read once and shared by every leg that plays it. Bounded by
 * bytes (least recently used goes first; who plays it keeps it until he is done), bad files are
 * remembered for a while, and a changed file is noticed at its next use.
 */
import { stat } from 'node:fs/promises';
import { limits } from './limits.ts';
import { log } from './log.ts';
import { readSound, type Sound } from './wav.ts';

interface Entry {
  readonly sound: Sound;
  /** Size and time of change on disk, as one string. */
  readonly version: string;
  checkedAt: number;
}

export class Shelf {
  private readonly entries = new Map<string, Entry>();
  private readonly bad = new Map<string, number>();
  private readonly loading = new Map<string, Promise<Sound | null>>();
  private readonly waiting: (() => void)[] = [];
  private reading = 0;
  private bytes = 0;
  private readonly warn: (path: string, why: string) => void;

  constructor(warn: (path: string, why: string) => void) {
    this.warn = warn;
  }

  /** The sound if it is here and was checked recently enough to be played at once. */
  ready(path: string, now: number): Sound | null {
    const entry = this.entries.get(path);
    if (entry === undefined) return null;
    if (now - entry.checkedAt > limits.recheckMs) void this.load(path, now);
    this.entries.delete(path);
    this.entries.set(path, entry);
    return entry.sound;
  }

  /** The sound as it is on disk now, or null: it was warned of and is to be skipped. */
  load(path: string, now: number): Promise<Sound | null> {
    const entry = this.entries.get(path);
    if (entry !== undefined && now - entry.checkedAt <= limits.recheckMs) {
      return Promise.resolve(entry.sound);
    }
    const badSince = this.bad.get(path);
    if (badSince !== undefined && now - badSince < limits.badFileRestMs) {
      return Promise.resolve(null);
    }
    const running = this.loading.get(path);
    if (running !== undefined) return running;
    const started = this.refresh(path, now).finally(() => this.loading.delete(path));
    this.loading.set(path, started);
    return started;
  }

  /** For music: the sound, null while it is being read, or that it is bad. */
  now(path: string, now: number): Sound | null | 'bad' {
    const sound = this.ready(path, now);
    if (sound !== null) return sound;
    const badSince = this.bad.get(path);
    if (badSince !== undefined && now - badSince < limits.badFileRestMs) return 'bad';
    void this.load(path, now);
    return null;
  }

  /** Like `load`, but a file that is not here by `loadMs` is skipped with a warning. */
  async loadWithin(path: string, now: number): Promise<Sound | null> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<null>((resolve) => {
      timer = setTimeout(() => {
        this.warn(path, 'could not be read in time');
        resolve(null);
      }, limits.loadMs);
    });
    return Promise.race([this.load(path, now), deadline]).finally(() => clearTimeout(timer));
  }

  usage(): { files: number; bytes: number } {
    return { files: this.entries.size, bytes: this.bytes };
  }

  private async refresh(path: string, now: number): Promise<Sound | null> {
    const version = await versionOf(path);
    const entry = this.entries.get(path);
    if (entry !== undefined && entry.version === version) {
      entry.checkedAt = now;
      return entry.sound;
    }
    await this.turn();
    const result = await readSound(path).finally(() => this.turnOver());
    if (typeof result === 'string') {
      this.markBad(path, now, result);
      return null;
    }
    this.bad.delete(path);
    this.drop(path);
    this.entries.set(path, { sound: result, version, checkedAt: now });
    this.bytes += result.samples * 2;
    this.makeRoom(path);
    return result;
  }

  private markBad(path: string, now: number, why: string): void {
    log('warn', 'audio file skipped', { path, why });
    this.warn(path, why);
    this.drop(path);
    this.bad.delete(path);
    this.bad.set(path, now);
    if (this.bad.size > limits.badFiles) {
      for (const oldest of this.bad.keys()) {
        this.bad.delete(oldest);
        break;
      }
    }
  }

  private drop(path: string): void {
    const entry = this.entries.get(path);
    if (entry === undefined) return;
    this.bytes -= entry.sound.samples * 2;
    this.entries.delete(path);
  }

  private makeRoom(keep: string): void {
    for (const path of this.entries.keys()) {
      if (this.bytes <= limits.cacheBytes) return;
      if (path !== keep) this.drop(path);
    }
  }

  private async turn(): Promise<void> {
    if (this.reading >= limits.parallelReads) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
      return;
    }
    this.reading += 1;
  }

  private turnOver(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.reading -= 1;
    else next();
  }
}

async function versionOf(path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path);
    return `${size}/${mtimeMs}`;
  } catch (error) {
    // The read that follows gives the reason to the log.
    return (error as Error).message;
  }
}
