/**
 * The media port: everything the SIP edge may ask of audio. A leg is one party's RTP session and
 * keeps its port from the first music to the last word; what it hears is switched underneath.
 * `media/worker.ts` implements the port on mediad; `media/rtpengine.ts` wraps that with an
 * rtpengine in front of each leg. Failures are values: every promise settles with one outcome
 * within the deadline the implementation names, and never rejects for an operating fault.
 */

export type LegId = string;

/**
 * Why media could not do it. `not-acceptable`: the SDP has no audio we can use (488); `no-way`: the
 * address it names cannot be reached from here (488, too).
 */
export type MediaFailure = {
  readonly ok: false;
  readonly reason:
    'not-acceptable' | 'no-way' | 'unknown-leg' | 'unavailable' | 'limit' | 'timeout';
  readonly detail: string;
};
export type MediaResult<T = object> = ({ readonly ok: true } & T) | MediaFailure;

/** One thing to play. `prompt` is a manifest key, resolved by the implementation of the port. */
export type PlayItem =
  | { readonly prompt: string }
  | { readonly digits: string } // spoken one by one: "2771"
  | { readonly silenceMs: number };

export interface MediaEvents {
  /** One DTMF digit was keyed (RFC 4733); `digit` is one of 0-9 * # A-D. */
  dtmf(leg: LegId, digit: string, durationMs: number): void;
  /** The announcement `playId` ended: played out, replaced or stopped. */
  playEnded(leg: LegId, playId: string, played: 'all' | 'part'): void;
  /** First RTP packet of the leg was received. */
  firstPacket(leg: LegId): void;
  /**
   * No RTP received for as long as configured, from a party heard before or never; and, with 0,
   * that it came back.
   */
  silence(leg: LegId, silentMs: number, wasHeard: boolean): void;
  /** The audio process died or came back; `restored` are the legs there are (again). */
  down(detail: string): void;
  up(restored: readonly LegId[]): void;
  /**
   * These legs are elsewhere than their parties know (an rtpengine died, a port was taken): each
   * hears nothing until a re-INVITE with the SDP that `renew` gives, whose answer goes to
   * `answered`. Told again for a leg that could not be renewed yet, when it can be.
   */
  moved(legs: readonly LegId[]): void;
}

/** A leg that lives, as the audio process has it: for a server that takes legs over. */
export interface LegFacts {
  readonly leg: LegId;
  /** Our last SDP for the party. */
  readonly sdp: string;
  /** The leg it is connected with. */
  readonly partner: LegId | null;
  /** Class of music, and `playId` of the announcement, that it is played. */
  readonly music: string | null;
  readonly playing: string | null;
  /** The party has sent RTP. */
  readonly isHeard: boolean;
  /** It is known where the party is; false: our offer has no answer yet. */
  readonly isAnswered: boolean;
  /** What `remember` was given last; '': nothing. */
  readonly remembered: string;
}

/** The last SDP of either side in a SIP dialog, offer or answer; `remoteSdp` '': no answer yet. */
export interface DialogSdp {
  readonly localSdp: string;
  readonly remoteSdp: string;
}

/** A media port that another one stands in front of: it keeps what that one must remember. */
export interface InnerMedia extends MediaPort {
  /** A text kept with the leg, beyond the life of this process; the newest replaces the former. */
  note(leg: LegId, text: string): Promise<MediaResult>;
  /** The text of a leg there is; empty: none was kept. */
  noted(leg: LegId): string;
}

export interface MediaHealth {
  readonly up: boolean;
  readonly detail: string;
  readonly legs: number;
  /** Reports of 5 % or more of a second's packets lost, since the start. */
  readonly loss?: { readonly in: number; readonly out: number };
}

export interface MediaPort {
  /** A leg for a party that sent an SDP offer: gives our answer. Remote may be re-offered later. */
  accept(leg: LegId, offerSdp: string): Promise<MediaResult<{ readonly sdp: string }>>;
  /** A leg for a party we call: gives our offer. `remoteHost`: where it will be sent, to choose
   *  the local address that reaches it. */
  offer(leg: LegId, remoteHost: string): Promise<MediaResult<{ readonly sdp: string }>>;
  /** The party's answer to our offer; may be repeated (early media, then 200). */
  answered(leg: LegId, answerSdp: string): Promise<MediaResult>;
  /** The party re-offered (re-INVITE, UPDATE: hold, new port): gives our answer. */
  reoffered(leg: LegId, offerSdp: string): Promise<MediaResult<{ readonly sdp: string }>>;
  /**
   * What a server that starts takes over: every leg that lives, with what it hears. From then on
   * all of the port works for them as for legs of its own; what is not wanted is to be released.
   * To give such a leg once more what it has already (`music`, `connect`) changes nothing.
   */
  adopt(): Promise<MediaResult<{ readonly legs: readonly LegFacts[] }>>;
  /**
   * Makes a leg again of which only the SIP dialog is left, on the same port if that is free;
   * else `moved` tells it. What it hears is to be ordered anew. A leg that lives stays as it is.
   */
  restore(leg: LegId, dialog: DialogSdp): Promise<MediaResult>;
  /** What the party must be told by a re-INVITE after `moved`; null: nothing, it knows. */
  renew(leg: LegId): Promise<MediaResult<{ readonly sdp: string | null }>>;
  /** Our last SDP for the leg. */
  current(leg: LegId): Promise<MediaResult<{ readonly sdp: string }>>;
  /**
   * Our offer for a re-INVITE without SDP (RFC 3261 §14.2): both ways, though the party may hold
   * (RFC 6337 §5.3). Its answer goes to `answered`.
   */
  reoffer(leg: LegId): Promise<MediaResult<{ readonly sdp: string }>>;
  /** Plays items in order, over the music; when they end the music goes on where it stopped.
   *  Replaces an announcement that is playing. */
  play(leg: LegId, playId: string, items: readonly PlayItem[]): Promise<MediaResult>;
  /** Ends the announcement. */
  stop(leg: LegId): Promise<MediaResult>;
  /** Music on hold of a class beneath announcements; null ends it. Position is kept. */
  music(leg: LegId, musicClass: string | null): Promise<MediaResult>;
  /** Both hear each other; music and announcements of both end. */
  connect(a: LegId, b: LegId): Promise<MediaResult>;
  /** Takes the leg out of its bridge; both then hear what `music`/`play` give, else silence. */
  disconnect(leg: LegId): Promise<MediaResult>;
  /** Sends DTMF towards the party (RFC 4733). */
  dial(leg: LegId, digits: string): Promise<MediaResult>;
  /**
   * Keeps a text with the leg for a server that takes it over (`adopt`), for what no journal and
   * no dialog tells. At most 16 KB; the newest replaces the former; a killed audio process
   * loses it.
   */
  remember(leg: LegId, text: string): Promise<MediaResult>;
  /** Ends the leg; its port rests a while before it is used again. Unknown legs are fine. */
  release(leg: LegId): Promise<MediaResult>;
  /** Legs that exist now. */
  legs(): Promise<MediaResult<{ readonly legs: readonly LegId[] }>>;
  /**
   * Subscribes to events; only one listener. Digits and ended announcements that came before are
   * told at once, in order: to be called when the legs of a former server have been adopted.
   */
  listen(events: MediaEvents): void;
  /** One line for GET /health. */
  health(): MediaHealth;
  close(): Promise<void>;
}
