/**
 * Every maximum of the audio process in one place, each with what happens when it is reached.
 * Spans are milliseconds, sizes bytes.
 */
export const limits = {
  /** Legs at once; further `create` requests get `limit`. */
  legs: 4000,
  /** One control line; a longer one ends that client's connection. */
  lineBytes: 256 * 1024,
  /** Control clients at once; one more is told `limit` and closed. */
  clients: 8,
  /** Bytes waiting for a client that does not read (a list of all legs fits); then it is ended. */
  clientBacklogBytes: 64 * 1024 * 1024,
  /** Events kept for a client that has not acknowledged them; the oldest is dropped, counted. */
  heldEvents: 2000,
  /** Opaque text a client keeps with a leg; longer: refused. */
  memoBytes: 32 * 1024,
  noteBytes: 64 * 1024,
  /** Where music may begin; later: refused. A week. */
  musicMs: 7 * 24 * 3_600_000,
  /** Length of a leg id, play id, music class; longer: refused. */
  nameLength: 256,
  /** Items of one announcement, files of one music class; more: refused. */
  playItems: 200,
  /** Files of one `preload`; more: refused. */
  preloadFiles: 1000,
  /** One stretch of silence in an announcement; longer: refused. */
  silenceItemMs: 60_000,
  /** Digits of one `dial` and of one leg's queue; more: refused. */
  dialDigits: 64,
  /** Music positions remembered per leg; the oldest is forgotten (starts anew). */
  musicPositions: 4,
  /** Encoded audio kept for sharing; the least recently used file is dropped. */
  cacheBytes: 256 * 1024 * 1024,
  /** Failures remembered, so that a bad file is not read again and again. */
  badFiles: 200,
  badFileRestMs: 10_000,
  /** A cached file is compared with the disk when its last check is older. */
  recheckMs: 5_000,
  /** A larger audio file is a bad file. */
  fileBytes: 64 * 1024 * 1024,
  /** Files read at once; others wait their turn. */
  parallelReads: 4,
  /** Announcement files must be ready by then; what is not is skipped with a warning. */
  loadMs: 1_500,
  /**
   * RTP packets taken per leg at once, and per second in the long run (2.5 ms of audio each), the
   * party's apart from everybody else's; the rest is dropped, counted as flood.
   */
  packetsAtOnce: 60,
  packetsPerSecond: 400,
  /** Held up for longer we take no more at once than of so much time; the rest is flood. */
  stallMs: 5_000,
  /** RTCP packets taken per leg and second; the rest is dropped, counted as flood. */
  rtcpPerSecond: 20,
  /** Keyed digits told per leg and second; no finger is faster, the rest is counted as flood. */
  digitsPerSecond: 25,
  /** A larger datagram is no telephone audio: dropped, counted as invalid. */
  packetBytes: 1500,
  /** A released port pair rests before it is used again, so that late packets find nobody. */
  portRestMs: 2_500,
  /** A name that does not resolve by then is `unavailable`. */
  resolveMs: 1_500,
  /** Local addresses remembered by peer; the oldest is forgotten. */
  routes: 256,
  routeMs: 60_000,
  /** Frames of 20 ms made up for in a row after a stall; beyond, time is skipped. */
  catchUpFrames: 10,
} as const;
