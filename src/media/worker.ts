/**
 * The media port on mediad. Turns SDP into mediad's plain numbers and back, prompt keys into
 * files, and keeps what is needed to make every leg again, on its old port, when mediad itself
 * was killed: callers then miss about a second of music and need no re-INVITE. A server that
 * starts anew takes over the legs mediad still has; they are named in `up`.
 *
 * Deadlines: each request to mediad 2 s (`requestDeadlineMs`). A call costs one, with two
 * exceptions: a party whose SDP names its host by name costs `accept` a second, and whatever
 * fails half-way a `release`.
 */
import type { Playlist } from './playlist.ts';
import type { LegId, MediaEvents, MediaPort, MediaResult, PlayItem } from './port.ts';
import * as sdp from './sdp.ts';
import * as legs from './worker-legs.ts';
import type { WireRemote, WorkerLeg } from './worker-legs.ts';
import { failure, WorkerLink, type Reply } from './worker-link.ts';

type Fields = Readonly<Record<string, unknown>>;
type SdpResult = MediaResult<{ readonly sdp: string }>;

export interface WorkerOptions {
  /** mediad's control socket: a path, or host:port. */
  readonly control: string;
  readonly playlist: Playlist;
  /** Told what an operator should know: a bad file, a missing prompt. One line each. */
  readonly warn?: (detail: string) => void;
}

/** Legs made anew at once when mediad was restarted. */
const restoreAtOnce = 50;
/** Files read ahead of the first caller; the rest are read when they are wanted. */
const preloadMost = 500;

export class MediaWorker implements MediaPort {
  private readonly options: WorkerOptions;
  private readonly link: WorkerLink;
  private readonly known = new Map<LegId, WorkerLeg>();
  private events: MediaEvents | null = null;
  private pid = 0;
  private detail = '';

  constructor(options: WorkerOptions) {
    this.options = options;
    this.link = new WorkerLink(options.control, {
      up: (hello) => this.resume(hello),
      down: (why) => {
        this.events?.down(`mediad: ${why}`);
      },
      event: (event) => this.pass(event),
    });
  }

  /** Begins to connect; `up` tells when it stands. Call `listen` before. */
  start(): void {
    this.link.start();
  }

  listen(events: MediaEvents): void {
    this.events = events;
  }

  async accept(id: LegId, offerSdp: string): Promise<SdpResult> {
    const read = sdp.readOffer(offerSdp);
    if (!read.ok) return failure('not-acceptable', read.detail);
    const known = this.known.get(id);
    if (known !== undefined) return this.answerOffer(known, read.value);
    const { audio, reach } = read.value;
    // mediad wants an address: that of a host named by name is known only with the leg.
    const remote = legs.isNumeric(audio) ? legs.wireRemote(audio, reach) : null;
    const made = await this.create(id, reach, null, { basis: legs.newBasis(read.value), remote });
    if (!made.ok) return made;
    const { leg } = made;
    this.known.set(id, leg);
    const done: MediaResult =
      remote === null
        ? await this.setRemote(leg, legs.wireRemote(audio, leg.peer))
        : fitting(leg, remote);
    if (done.ok) return { ok: true, sdp: leg.sdp };
    // An accept that failed leaves no leg behind.
    await this.release(id);
    return done;
  }

  async offer(id: LegId, remoteHost: string): Promise<SdpResult> {
    const known = this.known.get(id);
    if (known !== undefined) return { ok: true, sdp: known.sdp };
    const basis = legs.newBasis(null);
    const made = await this.create(id, remoteHost, null, { basis, remote: null });
    if (!made.ok) return made;
    this.known.set(id, made.leg);
    return { ok: true, sdp: made.leg.sdp };
  }

  async answered(id: LegId, answerSdp: string): Promise<MediaResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    const read = sdp.readAnswer(answerSdp);
    if (!read.ok) return failure('not-acceptable', read.detail);
    return this.setRemote(leg, legs.wireRemote(read.value, leg.peer));
  }

  async reoffered(id: LegId, offerSdp: string): Promise<SdpResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    const read = sdp.readOffer(offerSdp, true);
    if (!read.ok) return failure('not-acceptable', read.detail);
    return this.answerOffer(leg, read.value);
  }

  current(id: LegId): Promise<SdpResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return Promise.resolve(failure('unknown-leg', id));
    return Promise.resolve({ ok: true, sdp: leg.sdp });
  }

  async play(id: LegId, playId: string, items: readonly PlayItem[]): Promise<MediaResult> {
    const { files, missing } = this.options.playlist.resolve(items);
    if (missing.length > 0) this.warn(`no recording for prompt ${missing.join(', ')}`);
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    leg.playId = playId;
    return this.order('play', { leg: id, playId, items: files });
  }

  stop(id: LegId): Promise<MediaResult> {
    return this.order('stop', { leg: id });
  }

  music(id: LegId, musicClass: string | null): Promise<MediaResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return Promise.resolve(failure('unknown-leg', id));
    leg.music = musicClass;
    return this.order('music', this.musicFields(leg));
  }

  async connect(a: LegId, b: LegId): Promise<MediaResult> {
    const done = await this.order('connect', { a, b });
    if (!done.ok) return done;
    this.part(a);
    this.part(b);
    for (const [id, partner] of [
      [a, b],
      [b, a],
    ] as const) {
      const leg = this.known.get(id);
      if (leg !== undefined) Object.assign(leg, { partner, music: null });
    }
    return done;
  }

  disconnect(id: LegId): Promise<MediaResult> {
    this.part(id);
    return this.order('disconnect', { leg: id });
  }

  dial(id: LegId, digits: string): Promise<MediaResult> {
    return this.order('dial', { leg: id, digits });
  }

  release(id: LegId): Promise<MediaResult> {
    this.part(id);
    this.known.delete(id);
    return this.order('release', { leg: id });
  }

  legs(): Promise<MediaResult<{ readonly legs: readonly LegId[] }>> {
    return this.ask('list', {}).then((reply) =>
      reply.ok ? { ok: true, legs: listedLegs(reply).map((leg) => String(leg['leg'])) } : reply,
    );
  }

  /** Counters of a leg as mediad has them, for support and tests. */
  stats(id: LegId): Promise<MediaResult<Fields>> {
    return this.ask('stats', { leg: id });
  }

  /** Figures of the audio process: legs, CPU, memory, late beats. */
  figures(): Promise<MediaResult<Fields>> {
    return this.ask('figures', {});
  }

  health(): { readonly up: boolean; readonly detail: string; readonly legs: number } {
    const { isUp, why } = this.link;
    const detail = isUp ? this.detail : `mediad at ${this.options.control}: ${why}`;
    return { up: isUp, detail, legs: this.known.size };
  }

  /** Ends the line; mediad and its legs go on. */
  close(): Promise<void> {
    this.link.close();
    return Promise.resolve();
  }

  private ask(word: string, fields: Fields, first = false): Promise<Reply> {
    return this.link.request(word, fields, first);
  }

  private async order(word: string, fields: Fields, first = false): Promise<MediaResult> {
    const reply = await this.ask(word, fields, first);
    return reply.ok ? { ok: true } : reply;
  }

  private async create(
    id: LegId,
    host: string,
    wish: number | null,
    { basis, remote }: Pick<WorkerLeg, 'basis' | 'remote'>,
    first = false,
  ): Promise<MediaResult<{ leg: WorkerLeg }>> {
    const memo = legs.memoOf(basis);
    const reply = await this.ask('create', { leg: id, host, port: wish, remote, memo }, first);
    if (!reply.ok) {
      // It may exist all the same: whatever became of it, it is ours no more.
      if (reply.reason === 'timeout') void this.ask('release', { leg: id }, first);
      return reply;
    }
    const local = { address: String(reply['address']), port: Number(reply['port']) };
    const leg: WorkerLeg = {
      id,
      ...local,
      peer: String(reply['peer']),
      sdp: legs.sdpOf(basis, local),
      basis,
      remote,
      music: null,
      partner: null,
      playId: null,
    };
    return { ok: true, leg };
  }

  private async answerOffer(leg: WorkerLeg, offer: sdp.OfferRead): Promise<SdpResult> {
    const remote = legs.wireRemote(offer.audio, leg.peer);
    const fits = fitting(leg, remote);
    if (!fits.ok) return fits;
    const { origin } = leg.basis;
    const isSame = sdp.sameButOrigin(legs.sdpOf({ origin, offer }, leg), leg.sdp);
    leg.basis = { origin: isSame ? origin : { ...origin, version: origin.version + 1 }, offer };
    leg.sdp = legs.sdpOf(leg.basis, leg);
    const done = await this.setRemote(leg, remote);
    return done.ok ? { ok: true, sdp: leg.sdp } : done;
  }

  private async setRemote(leg: WorkerLeg, remote: WireRemote): Promise<MediaResult> {
    leg.remote = remote;
    return this.order('remote', { leg: leg.id, remote, memo: legs.memoOf(leg.basis) });
  }

  private musicFields(leg: WorkerLeg): Fields {
    if (leg.music === null) return { leg: leg.id };
    const files = this.options.playlist.music(leg.music);
    if (files.length === 0) this.warn(`no music of class ${leg.music}`);
    return { leg: leg.id, key: leg.music, files };
  }

  private part(id: LegId): void {
    const leg = this.known.get(id);
    const partner = leg?.partner == null ? undefined : this.known.get(leg.partner);
    if (leg !== undefined) leg.partner = null;
    if (partner !== undefined) partner.partner = null;
  }

  private warn(detail: string): void {
    this.options.warn?.(detail);
  }

  /** The line stands (again): agrees with mediad about which legs there are. */
  private async resume(hello: Fields): Promise<void> {
    const listed = listedLegs(hello);
    const names = new Set(listed.map((leg) => String(leg['leg'])));
    const isFirst = this.pid === 0;
    const isSame = this.pid === hello['pid'];
    this.pid = Number(hello['pid']);
    for (const entry of listed) {
      const id = String(entry['leg']);
      if (this.known.has(id)) continue;
      const leg = isFirst ? legs.adoptLeg(entry) : null;
      if (leg !== null) this.known.set(id, leg);
      // Released while the line was down, or nobody's.
      else void this.ask('release', { leg: id }, true);
    }
    const gone = [...this.known.values()].filter((leg) => !names.has(leg.id));
    for (let at = 0; at < gone.length; at += restoreAtOnce) {
      await Promise.all(gone.slice(at, at + restoreAtOnce).map((leg) => this.restore(leg)));
    }
    for (const leg of gone) await this.rejoin(leg);
    if (!isSame) {
      const files = this.options.playlist.files.slice(0, preloadMost);
      void this.ask('preload', { files }, true);
    }
    this.detail = `mediad ${String(hello['pid'])} at ${this.options.control}`;
    if (!isSame) for (const leg of gone) this.endPlay(leg);
    this.events?.up([...this.known.keys()]);
  }

  /** Makes a leg again on its old port; if that is taken, the leg is lost. */
  private async restore(old: WorkerLeg): Promise<void> {
    const made = await this.create(old.id, old.peer, old.port, old, true);
    const isReleased = this.known.get(old.id) !== old;
    const isElsewhere = !made.ok || made.leg.port !== old.port || made.leg.address !== old.address;
    if (isReleased || isElsewhere) {
      if (!isReleased) this.known.delete(old.id);
      if (made.ok) void this.ask('release', { leg: old.id }, true);
      return;
    }
    if (old.music !== null) await this.order('music', this.musicFields(old), true);
  }

  private async rejoin(leg: WorkerLeg): Promise<void> {
    const { partner } = leg;
    // Each pair once: by the lesser name.
    if (partner === null || (leg.id > partner && this.known.has(partner))) return;
    await this.order('connect', { a: leg.id, b: partner }, true);
  }

  private endPlay(leg: WorkerLeg): void {
    if (leg.playId === null) return;
    const { playId } = leg;
    leg.playId = null;
    this.events?.playEnded(leg.id, playId, 'part');
  }

  private pass(event: Fields): void {
    const id = String(event['leg']);
    const leg = this.known.get(id);
    switch (event['event']) {
      case 'dtmf':
        this.events?.dtmf(id, String(event['digit']), Number(event['durationMs']));
        return;
      case 'playEnded':
        if (leg !== undefined && leg.playId === event['playId']) leg.playId = null;
        this.events?.playEnded(
          id,
          String(event['playId']),
          event['played'] === 'all' ? 'all' : 'part',
        );
        return;
      case 'firstPacket':
        this.events?.firstPacket(id);
        return;
      case 'silence':
        this.events?.silence(id, Number(event['silentMs']));
        return;
      case 'warning':
        this.warn(String(event['detail']));
        return;
      default:
        // Events of a newer mediad, and loss, which `stats` shows.
        return;
    }
  }
}

/** A leg has one address: the party cannot change between IPv4 and IPv6. */
function fitting(leg: WorkerLeg, remote: WireRemote): MediaResult {
  if (remote.address.includes(':') === leg.address.includes(':')) return { ok: true };
  return failure('not-acceptable', 'the other IP version than the leg began with');
}

function listedLegs(message: Fields): Fields[] {
  return Array.isArray(message['legs']) ? (message['legs'] as Fields[]) : [];
}
