/** What the media port could not do, as a value: why, in a word of the port, and the detail. */
import type { MediaFailure } from './port.ts';

export function failure(reason: MediaFailure['reason'], detail: string): MediaFailure {
  return { ok: false, reason, detail };
}
