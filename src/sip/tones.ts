/**
 * Tones that an agent hears while he dials, as playlists: what a telephone exchange would play
 * (ITU-T E.180). Each is one sound of prompts/, and silence, as often as there is time.
 */
import type { NotReached } from '../core/outbound-events.ts';
import type { PlayItem } from '../media/port.ts';

/** A tone of so long, and silence behind it. */
export interface Cadence {
  readonly prompt: string;
  readonly toneMs: number;
  readonly silenceMs: number;
}

export const RINGS: Cadence = { prompt: 'ring-tone', toneMs: 1_000, silenceMs: 4_000 };
const BUSY: Cadence = { prompt: 'busy-tone', toneMs: 500, silenceMs: 500 };
/** Nobody could be called. */
const CONGESTED: Cadence = { prompt: 'congestion-tone', toneMs: 250, silenceMs: 250 };

export const TONES: Readonly<Record<NotReached, Cadence>> = {
  busy: BUSY,
  declined: BUSY,
  'no-answer': BUSY,
  unreachable: CONGESTED,
  failed: CONGESTED,
};

export function repeated(
  { prompt, toneMs, silenceMs }: Cadence,
  forMs: number,
): readonly PlayItem[] {
  const length = Math.ceil(forMs / (toneMs + silenceMs));
  return Array.from({ length }, () => [{ prompt }, { silenceMs }]).flat();
}
