/**
 * How much music a party has heard, by class, so that it goes on where it was when the audio
 * process was killed. mediad has it to the sample; this is reckoned by the clock, within a few
 * hundredths of a second, and costs no message. A class that is not played stands still.
 */
import { putNewest } from '../shared/newest.ts';

/** Classes remembered; the one heard longest ago begins anew. As many as mediad remembers. */
const maxClasses = 4;

export class MusicHeard {
  private readonly heard = new Map<string, number>();
  private readonly clock: () => number;
  private playing: string | null = null;
  private since = 0;

  /** `clock`: milliseconds that never go back. */
  constructor(clock: () => number = () => performance.now()) {
    this.clock = clock;
  }

  /** What is heard from this moment on; null: no music. */
  now(musicClass: string | null): void {
    if (this.playing !== null) this.set(this.playing, this.ms(this.playing));
    this.playing = musicClass;
    this.since = this.clock();
  }

  /** So much was heard of that class, as mediad says. */
  set(musicClass: string, ms: number): void {
    putNewest(this.heard, musicClass, ms, maxClasses);
    if (musicClass === this.playing) this.since = this.clock();
  }

  /** How much of that class was heard, ms; 0: nothing yet, or too long ago. */
  ms(musicClass: string): number {
    const before = this.heard.get(musicClass) ?? 0;
    return musicClass === this.playing ? before + this.clock() - this.since : before;
  }
}
