/**
 * The media port on mediad. Turns SDP into mediad's plain numbers and back, prompt keys into
 * files, and keeps what is needed to make every leg again, on its old port, when mediad itself
 * was killed (worker-restore.ts): callers then miss half a second of music and need no re-INVITE.
 * A server that starts anew takes over the legs mediad still has; mediad knows all of them that
 * has to be known, and tells it when the line stands.
 *
 * Deadlines: each request to mediad 2 s (`requestDeadlineMs`). A call costs one, with two
 * exceptions: a party whose SDP names its host by name costs `accept` a second, and whatever
 * fails half-way a `release`.
 */
import { Later } from '../shared/later.ts';
import type { Playlist } from './playlist.ts';
import type {
  DialogSdp,
  InnerMedia,
  LegFacts,
  LegId,
  MediaEvents,
  MediaHealth,
  MediaResult,
  PlayItem,
} from './port.ts';
import * as sdp from './sdp.ts';
import { restoreAll, restoreLeg, type Restoring } from './worker-restore.ts';
import * as legs from './worker-legs.ts';
import type { WireRemote, WorkerLeg } from './worker-legs.ts';
import { failure } from './failure.ts';
import { WorkerLink, type Reply } from './worker-link.ts';

type Fields = Readonly<Record<string, unknown>>;
type SdpResult = MediaResult<{ readonly sdp: string }>;

export interface WorkerOptions {
  /** mediad's control socket: a path, or host:port. */
  readonly control: string;
  readonly playlist: Playlist;
  /** Told what an operator should know: a bad file, a missing prompt. One line each. */
  readonly warn?: (detail: string) => void;
}

/** Beside what our SDP is made of it must fit into mediad's memo of a leg. */
const REMEMBERED_MAX = 16 * 1024;
/** Files read ahead of the first caller; the rest are read when they are wanted. */
const preloadMost = 500;

export class MediaWorker implements InnerMedia {
  private readonly options: WorkerOptions;
  private readonly link: WorkerLink;
  private readonly loss = { in: 0, out: 0 };
  private readonly known = new Map<LegId, WorkerLeg>();
  private events: MediaEvents | null = null;
  private readonly isUp = new Later<void>();
  private pid = 0;
  private detail = '';

  constructor(options: WorkerOptions) {
    this.options = options;
    this.link = new WorkerLink(options.control, {
      up: (hello) => this.resume(hello).then(this.isUp.settle),
      down: (why) => this.fell(why),
      event: (event) => this.pass(event),
    });
  }

  /** Begins to connect; `up` tells when it stands, to whoever listens before. */
  start(): void {
    this.link.start();
  }

  /** Waits for the line; why there is none yet after so long, or null: it stands. */
  async whenUp(withinMs: number): Promise<string | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(this.link.why), withinMs);
    });
    const outcome = await Promise.race([this.isUp.promise.then(() => null), late]);
    clearTimeout(timer);
    return outcome;
  }

  listen(events: MediaEvents): void {
    this.events = events;
    this.link.attend();
    this.tellMoved();
  }

  async accept(id: LegId, offerSdp: string): Promise<SdpResult> {
    const read = sdp.readOffer(offerSdp);
    if (!read.ok) return failure('not-acceptable', read.detail);
    const known = this.known.get(id);
    if (known !== undefined) return this.answerOffer(known, read.value);
    const { audio, reach } = read.value;
    // mediad wants an address: that of a host named by name is known only with the leg.
    const remote = legs.isNumeric(audio) ? legs.wireRemote(audio, reach) : null;
    const made = await this.create(id, reach, legs.newBasis(read.value), remote);
    if (!made.ok) return made;
    const { leg } = made;
    this.known.set(id, leg);
    const done: MediaResult =
      remote === null
        ? await this.setRemote(leg, legs.wireRemote(audio, leg.peer))
        : legs.fitting(leg, remote);
    if (done.ok) return { ok: true, sdp: leg.sdp };
    // An accept that failed leaves no leg behind.
    await this.release(id);
    return done;
  }

  async offer(id: LegId, remoteHost: string): Promise<SdpResult> {
    const known = this.known.get(id);
    if (known !== undefined) return { ok: true, sdp: known.sdp };
    const made = await this.create(id, remoteHost, legs.newBasis(null), null);
    // No SDP of the party's named that place: there is nothing that it could mend.
    if (!made.ok) return made.reason === 'no-way' ? failure('unavailable', made.detail) : made;
    this.known.set(id, made.leg);
    return { ok: true, sdp: made.leg.sdp };
  }

  async answered(id: LegId, answerSdp: string): Promise<MediaResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    const read = sdp.readAnswer(answerSdp);
    if (!read.ok) return failure('not-acceptable', read.detail);
    const wasMoved = leg.isMoved;
    // It moved while his phone was ringing: what he answered to was out of date.
    leg.isMoved = wasMoved && !legs.hasAgreed(leg);
    const done = await this.setRemote(leg, legs.wireRemote(read.value, leg.peer));
    if (!done.ok) leg.isMoved = wasMoved;
    if (done.ok && leg.isMoved) setImmediate(() => this.tellMoved());
    return done;
  }

  async reoffered(id: LegId, offerSdp: string): Promise<SdpResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    const read = sdp.readOffer(offerSdp, true);
    if (!read.ok) return failure('not-acceptable', read.detail);
    return this.answerOffer(leg, read.value);
  }

  async adopt(): Promise<MediaResult<{ readonly legs: readonly LegFacts[] }>> {
    const reply = await this.ask('list', {});
    if (!reply.ok) return reply;
    const facts = legs.listedLegs(reply).flatMap((listed) => {
      const leg = this.known.get(String(listed['leg']));
      return leg === undefined ? [] : [legs.factsOf(leg)];
    });
    return { ok: true, legs: facts };
  }

  async restore(id: LegId, dialog: DialogSdp): Promise<MediaResult> {
    if (this.known.has(id)) return { ok: true };
    const read = legs.legOfDialog(id, dialog);
    if (!read.ok) return failure('not-acceptable', read.detail);
    const leg = read.value;
    this.known.set(id, leg);
    const done = await restoreLeg(this.restoring(false), leg);
    if (!done.ok) this.known.delete(id);
    else if (leg.isMoved) this.events?.moved([id]);
    return done;
  }

  renew(id: LegId): Promise<MediaResult<{ readonly sdp: string | null }>> {
    return Promise.resolve(this.told(id, ({ isMoved, sdp }) => (isMoved ? sdp : null)));
  }

  current(id: LegId): Promise<SdpResult> {
    return Promise.resolve(this.told(id, ({ sdp }) => sdp));
  }

  reoffer(id: LegId): Promise<SdpResult> {
    const leg = this.known.get(id);
    if (leg !== undefined && legs.offerWhole(leg)) void this.memorize(leg);
    return this.current(id);
  }

  async play(id: LegId, playId: string, items: readonly PlayItem[]): Promise<MediaResult> {
    const { files, missing } = this.options.playlist.resolve(items);
    if (missing.length > 0) this.warn(`no recording for prompt ${missing.join(', ')}`);
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    leg.playId = playId;
    legs.tally(leg);
    const done = await this.order('play', { leg: id, playId, items: files });
    if (!done.ok) this.played(leg, playId);
    return done;
  }

  stop(id: LegId): Promise<MediaResult> {
    return this.order('stop', { leg: id });
  }

  music(id: LegId, musicClass: string | null): Promise<MediaResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return Promise.resolve(failure('unknown-leg', id));
    // How much was heard goes along, for a mediad that does not remember.
    const fields = this.musicFields({ ...leg, music: musicClass });
    leg.music = musicClass;
    legs.tally(leg);
    return this.order('music', fields);
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
      if (leg !== undefined) legs.tally(Object.assign(leg, { partner, music: null }));
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

  async legs(): Promise<MediaResult<{ readonly legs: readonly LegId[] }>> {
    const reply = await this.ask('list', {});
    if (!reply.ok) return reply;
    return { ok: true, legs: legs.listedLegs(reply).map(({ leg }) => String(leg)) };
  }

  /** Counters of a leg as mediad has them, for support and tests. */
  stats(id: LegId): Promise<MediaResult<Fields>> {
    return this.ask('stats', { leg: id });
  }

  /** Figures of the audio process: legs, CPU, memory, late beats. */
  figures(): Promise<MediaResult<Fields>> {
    return this.ask('figures', {});
  }

  health(): MediaHealth {
    const { isUp, why } = this.link;
    const detail = isUp ? this.detail : `mediad at ${this.options.control}: ${why}`;
    return { up: isUp, detail, legs: this.known.size, loss: { ...this.loss } };
  }

  /** Ends the line; mediad and its legs go on. */
  async close(): Promise<void> {
    this.link.close();
  }

  private ask(word: string, fields: Fields, first = false): Promise<Reply> {
    return this.link.request(word, fields, first);
  }

  async note(id: LegId, note: string): Promise<MediaResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    leg.note = note;
    return this.order('note', { leg: id, note });
  }

  async remember(id: LegId, text: string): Promise<MediaResult> {
    const leg = this.known.get(id);
    if (leg === undefined) return failure('unknown-leg', id);
    if (text.length > REMEMBERED_MAX) return failure('limit', `${REMEMBERED_MAX} characters`);
    leg.remembered = text;
    return this.memorize(leg);
  }

  noted(id: LegId): string {
    return this.known.get(id)?.note ?? '';
  }

  private async order(word: string, fields: Fields): Promise<MediaResult> {
    const reply = await this.ask(word, fields);
    return reply.ok ? { ok: true } : reply;
  }

  private memorize(leg: WorkerLeg): Promise<MediaResult> {
    return this.order('note', { leg: leg.id, memo: legs.memoOf(leg) });
  }

  private told<T>(id: LegId, sdpOf: (leg: WorkerLeg) => T): MediaResult<{ readonly sdp: T }> {
    const leg = this.known.get(id);
    return leg === undefined ? failure('unknown-leg', id) : { ok: true, sdp: sdpOf(leg) };
  }

  private async create(
    id: LegId,
    host: string,
    basis: legs.Basis,
    remote: WireRemote | null,
  ): Promise<MediaResult<{ leg: WorkerLeg }>> {
    const memo = legs.memoOf({ basis, isMoved: false, remembered: '' });
    const reply = await this.ask('create', { leg: id, host, remote, memo });
    if (!reply.ok) {
      // It may exist all the same: whatever became of it, it is ours no more.
      if (reply.reason === 'timeout') void this.ask('release', { leg: id });
      return reply;
    }
    const local = legs.endpointOf(reply);
    const peer = String(reply['peer']);
    const leg = legs.newLeg({ id, ...local, peer, sdp: legs.sdpOf(basis, local), basis, remote });
    return { ok: true, leg };
  }

  private async answerOffer(leg: WorkerLeg, offer: sdp.OfferRead): Promise<SdpResult> {
    const remote = legs.wireRemote(offer.audio, leg.peer);
    const fits = legs.fitting(leg, remote);
    if (!fits.ok) return fits;
    const { origin } = leg.basis;
    const isSame = sdp.sameButOrigin(legs.sdpOf({ origin, offer }, leg), leg.sdp);
    leg.basis = { origin: isSame ? origin : { ...origin, version: origin.version + 1 }, offer };
    leg.sdp = legs.sdpOf(leg.basis, leg);
    leg.isMoved = false;
    const done = await this.setRemote(leg, remote);
    return done.ok ? { ok: true, sdp: leg.sdp } : done;
  }

  private async setRemote(leg: WorkerLeg, remote: WireRemote): Promise<MediaResult> {
    const { address, port } = leg.remote ?? remote;
    // Like mediad: what was learnt of the old place does not hold for a new one.
    if (address !== remote.address || port !== remote.port) leg.source = null;
    leg.remote = remote;
    legs.tally(leg);
    return this.order('remote', { leg: leg.id, remote, memo: legs.memoOf(leg) });
  }

  private musicFields(leg: WorkerLeg): Fields {
    if (leg.music === null) return { leg: leg.id };
    const files = this.options.playlist.music(leg.music);
    if (files.length === 0) this.warn(`no music of class ${leg.music}`);
    const fromMs = Math.round(leg.heard.ms(leg.music));
    return { leg: leg.id, key: leg.music, files, fromMs };
  }

  private part(id: LegId): void {
    const leg = this.known.get(id);
    const partner = leg?.partner == null ? undefined : this.known.get(leg.partner);
    for (const one of [leg, partner]) {
      if (one !== undefined) legs.tally(Object.assign(one, { partner: null }));
    }
  }

  private warn(detail: string): void {
    this.options.warn?.(detail);
  }

  private restoring(first: boolean): Restoring {
    return {
      known: this.known,
      ask: (word, fields) => this.ask(word, fields, first),
      musicFields: (leg) => this.musicFields(leg),
    };
  }

  private fell(why: string): void {
    for (const leg of this.known.values()) leg.heard.now(null);
    this.events?.down(`mediad: ${why}`);
  }

  /** The line stands (again): agrees with mediad about which legs there are. */
  private async resume(hello: Fields): Promise<void> {
    const listed = new Map(legs.listedLegs(hello).map((entry) => [String(entry['leg']), entry]));
    const isFirst = this.pid === 0;
    const isSame = this.pid === hello['pid'];
    this.pid = Number(hello['pid']);
    for (const [id, entry] of listed) {
      const leg = this.known.get(id) ?? (isFirst ? legs.adoptLeg(entry) : null);
      // Released while the line was down, or nobody's.
      if (leg === null) void this.ask('release', { leg: id }, true);
      else this.regain(leg, entry);
    }
    const gone = [...this.known.values()].filter((leg) => !listed.has(leg.id));
    const lost = await restoreAll(this.restoring(true), gone);
    for (const leg of lost) this.known.delete(leg.id);
    if (!isSame) {
      const files = this.options.playlist.files.slice(0, preloadMost);
      void this.ask('preload', { files }, true);
    }
    this.detail = `mediad ${String(hello['pid'])} at ${this.options.control}`;
    if (!isSame) for (const leg of gone) this.endPlay(leg);
    this.events?.up([...this.known.keys()]);
    this.tellMoved();
  }

  /** A leg that mediad still has. */
  private regain(leg: WorkerLeg, listed: Fields): void {
    this.known.set(leg.id, leg);
    legs.learn(leg, listed);
  }

  private tellMoved(): void {
    const moved = [...this.known.values()].filter((leg) => leg.isMoved && legs.hasAgreed(leg));
    if (moved.length > 0) this.events?.moved(moved.map(({ id }) => id));
  }

  /** That announcement is over: the music is heard again. */
  private played(leg: WorkerLeg, playId: string): void {
    if (leg.playId === playId) legs.tally(Object.assign(leg, { playId: null }));
  }

  private endPlay(leg: WorkerLeg): void {
    const { playId } = leg;
    if (playId === null) return;
    this.played(leg, playId);
    this.events?.playEnded(leg.id, playId, 'part');
  }

  private pass(event: Fields): void {
    const id = String(event['leg']);
    const leg = this.known.get(id);
    const { events } = this;
    const playId = String(event['playId']);
    switch (event['event']) {
      case 'dtmf':
        return events?.dtmf(id, String(event['digit']), Number(event['durationMs']));
      case 'playEnded':
        if (leg !== undefined) this.played(leg, playId);
        return events?.playEnded(id, playId, event['played'] === 'all' ? 'all' : 'part');
      case 'firstPacket':
        if (leg !== undefined) leg.wasHeard = true;
        return events?.firstPacket(id);
      case 'source':
        if (leg !== undefined) leg.source = legs.endpointOf(event);
        return;
      case 'silence':
        return events?.silence(id, Number(event['silentMs']), event['wasHeard'] === true);
      case 'warning':
        return this.warn(String(event['detail']));
      case 'loss':
        this.loss[event['direction'] === 'in' ? 'in' : 'out'] += 1;
        return;
      default:
        // Events of a newer mediad.
        return;
    }
  }
}
