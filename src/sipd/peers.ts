/**
 * Peers that have shown to be where they say they are: they acknowledged a call of theirs or
 * accepted a request of ours, which nobody can who does not receive what we send. In a flood they
 * are served before strangers. Nothing else follows from being known: it is no authentication.
 */
import type { Clock } from './clock.ts';
import { KNOWN_PEER_MS, MAX_KNOWN_PEERS } from './limits.ts';
import type { Path } from './path.ts';

function placeOf(path: Path): string {
  return `${path.proto} ${path.address} ${path.port}`;
}

export class Peers {
  /** When each was last heard, the one silent longest first. */
  private readonly heard = new Map<string, number>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** This peer received what we sent. */
  note(path: Path): void {
    const place = placeOf(path);
    this.heard.delete(place);
    this.heard.set(place, this.clock.now());
    const oldest = this.heard.keys().next().value;
    if (this.heard.size > MAX_KNOWN_PEERS && oldest !== undefined) this.heard.delete(oldest);
  }

  isKnown(path: Path): boolean {
    const heardAt = this.heard.get(placeOf(path));
    return heardAt !== undefined && heardAt > this.clock.now() - KNOWN_PEER_MS;
  }
}
