/**
 * What the worker knows of its legs, enough to make them again on a new mediad: their ports, what
 * the party agreed, music and partner. What our SDP is made of is kept by mediad too, as the leg's
 * `memo`, for a server that starts anew while mediad lives on; it is known before the leg is made,
 * so that it goes with the request that makes it.
 */
import { randomInt } from 'node:crypto';
import type { DialogSdp, LegFacts, LegId, MediaResult } from './port.ts';
import {
  partyReceives,
  partySends,
  readOffer,
  readOwn,
  writeAnswer,
  writeOffer,
  type LocalAudio,
  type OfferRead,
  type Origin,
  type PartyAudio,
  type SdpRead,
} from './sdp.ts';
import { MusicHeard } from './music-heard.ts';
import { failure } from './failure.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The party's side in mediad's words. */
export interface WireRemote {
  readonly address: string;
  readonly port: number;
  readonly rtcpPort: number;
  readonly audio: readonly { readonly payloadType: number; readonly law: 'ulaw' | 'alaw' }[];
  readonly dtmf: number | null;
  readonly sends: boolean;
  readonly receives: boolean;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A place that mediad tells. */
export function endpointOf({ address, port }: Fields): Endpoint {
  return { address: String(address), port: Number(port) };
}

/** What our SDP is made of: the party's offer that it answers; null: it is an offer of ours. */
export interface Basis {
  readonly origin: Origin;
  readonly offer: OfferRead | null;
}

export interface WorkerLeg {
  readonly id: LegId;
  address: string;
  port: number;
  /** Numeric address of the party's host when the leg was made. */
  readonly peer: string;
  /** Our last SDP; a function of `basis` and our address. */
  sdp: string;
  basis: Basis;
  remote: WireRemote | null;
  /** Where the party's packets come from, if not from where its SDP says. */
  source: Endpoint | null;
  /** They came, to this mediad or to one before it. */
  wasHeard: boolean;
  /** Text of whoever uses the port. */
  note: string;
  /** Text of whoever uses the port for a server after this one. */
  remembered: string;
  music: string | null;
  readonly heard: MusicHeard;
  partner: LegId | null;
  /** Announcement under way. */
  playId: string | null;
  /** Elsewhere than the party was told. */
  isMoved: boolean;
}

type Beginning = Pick<WorkerLeg, 'id' | 'address' | 'port' | 'peer' | 'sdp' | 'basis' | 'remote'>;

/** A leg that is played nothing. */
export function newLeg(beginning: Beginning): WorkerLeg {
  return {
    ...beginning,
    source: null,
    wasHeard: false,
    note: '',
    remembered: '',
    music: null,
    heard: new MusicHeard(),
    partner: null,
    playId: null,
    isMoved: false,
  };
}

/** To be called with every change: keeps count of the music the party hears. */
export function tally(leg: WorkerLeg): void {
  const { music, playId, partner, remote } = leg;
  const isPlayed = playId === null && partner === null;
  const isHeard = isPlayed && remote !== null && remote.receives && remote.port > 0;
  leg.heard.now(isHeard ? music : null);
}

/** The leg is elsewhere now: our SDP changes, and the party must be told. */
export function move(leg: WorkerLeg, { address, port }: Endpoint): void {
  const { origin, offer } = leg.basis;
  const basis = { origin: { ...origin, version: origin.version + 1 }, offer };
  Object.assign(leg, { address, port, basis, isMoved: true });
  leg.sdp = sdpOf(basis, leg);
}

/**
 * Makes our SDP a whole offer: the audio is to flow both ways, whatever the party said last. Who is
 * held and offers `recvonly` for ever keeps the hold alive that the party wants to end (RFC 6337
 * §5.3). False: it was one already.
 */
export function offerWhole(leg: WorkerLeg): boolean {
  const { origin, offer } = leg.basis;
  if (offer === null || (offer.audio.direction === 'sendrecv' && offer.audio.port > 0))
    return false;
  // Where the party's stream is does not show in ours; 0 would switch ours off.
  const audio = { ...offer.audio, direction: 'sendrecv', port: offer.audio.port || 9 } as const;
  leg.basis = {
    origin: { ...origin, version: origin.version + 1 },
    offer: { ...offer, audio },
  };
  leg.sdp = sdpOf(leg.basis, leg);
  return true;
}

/** Has the party agreed to any SDP of ours? If not, there is nothing to renew yet. */
export function hasAgreed(leg: WorkerLeg): boolean {
  return leg.remote !== null || leg.basis.offer !== null;
}

export function isNumeric({ address }: PartyAudio): boolean {
  return /^[\d.]+$/.test(address) || address.includes(':');
}

export function newBasis(offer: OfferRead | null): Basis {
  return { origin: { sessionId: String(randomInt(1, 2 ** 47)), version: 1 }, offer };
}

export function sdpOf({ origin, offer }: Basis, local: LocalAudio): string {
  return offer === null ? writeOffer(local, origin) : writeAnswer(offer, local, origin);
}

/** `peer` stands in where the SDP names its host by name. */
export function wireRemote(audio: PartyAudio, peer: string): WireRemote {
  const isNowhere = audio.address === '0.0.0.0' || audio.address === '::';
  return {
    address: isNumeric(audio) ? audio.address : peer,
    port: isNowhere ? 0 : audio.port,
    rtcpPort: isNowhere ? 0 : audio.rtcpPort,
    audio: audio.codecs.map(({ payloadType, codec }) => ({
      payloadType,
      law: codec === 'PCMU' ? 'ulaw' : 'alaw',
    })),
    dtmf: audio.dtmf,
    sends: partySends(audio.direction),
    receives: partyReceives(audio.direction),
  };
}

/** The part of a leg that mediad cannot know by itself. */
export function memoOf({
  basis,
  isMoved,
  remembered,
}: Pick<WorkerLeg, 'basis' | 'isMoved' | 'remembered'>): string {
  const more = { ...(isMoved ? { isMoved } : {}), ...(remembered === '' ? {} : { remembered }) };
  return JSON.stringify({ ...basis, ...more });
}

/** The leg of a dialog of which nothing but the two SDPs is left. */
export function legOfDialog(id: LegId, dialog: DialogSdp): SdpRead<WorkerLeg> {
  const own = readOwn(dialog.localSdp);
  if (!own.ok) return own;
  const { origin, ...local } = own.value;
  const asOffer = { origin, offer: null };
  if (dialog.remoteSdp === '') {
    const peer = local.address;
    const unanswered = { id, ...local, peer, sdp: dialog.localSdp, basis: asOffer, remote: null };
    return { ok: true, value: newLeg(unanswered) };
  }
  const party = readOffer(dialog.remoteSdp, true);
  if (!party.ok) return party;
  const { audio, reach } = party.value;
  // Which of the two was the offer shows in what our body would be in either case.
  const basis =
    sdpOf(asOffer, local) === dialog.localSdp ? asOffer : { origin, offer: party.value };
  const remote = wireRemote(audio, reach);
  const leg = newLeg({ id, ...local, peer: reach, sdp: dialog.localSdp, basis, remote });
  return { ok: true, value: leg };
}

/** What a server that takes over is told of a leg. */
export function factsOf(leg: WorkerLeg): LegFacts {
  const { id, sdp, partner, music, playId, remembered } = leg;
  const heard = { isHeard: leg.wasHeard, isAnswered: leg.remote !== null };
  return { leg: id, sdp, partner, music, playing: playId, ...heard, remembered };
}

/** What mediad knows better of a leg: how much was heard, by the party and of it. */
export function learn(leg: WorkerLeg, listed: Readonly<Record<string, unknown>>): void {
  const { musicMs, heard, received } = listed;
  if (leg.music !== null) leg.heard.set(leg.music, Number(musicMs) || 0);
  // One of before an upgrade in place counts what it received, and no more.
  leg.wasHeard ||= heard === true || Number(received) > 0;
  tally(leg);
}

/** A leg as mediad lists it; null: it was not made by a worker. */
export function adoptLeg(listed: Readonly<Record<string, unknown>>): WorkerLeg | null {
  const { leg, address, port, peer, memo, note, remote, source } = listed;
  const { music, partner, playing } = listed;
  if (typeof leg !== 'string' || typeof port !== 'number' || typeof memo !== 'string') return null;
  try {
    const read = JSON.parse(memo) as Basis & { isMoved?: boolean; remembered?: string };
    const { origin, offer, isMoved, remembered } = read;
    const { sessionId, version } = origin;
    const basis = { origin: { sessionId, version }, offer };
    const local = { address: String(address), port };
    const adopted: WorkerLeg = {
      ...newLeg({
        id: leg,
        ...local,
        peer: String(peer),
        sdp: sdpOf(basis, local),
        basis,
        remote: (remote ?? null) as WireRemote | null,
      }),
      source: (source ?? null) as Endpoint | null,
      note: typeof note === 'string' ? note : '',
      music: typeof music === 'string' ? music : null,
      partner: typeof partner === 'string' ? partner : null,
      playId: typeof playing === 'string' ? playing : null,
      remembered: typeof remembered === 'string' ? remembered : '',
      isMoved: isMoved === true,
    };
    learn(adopted, listed);
    return adopted;
  } catch (error) {
    // A memo of someone else's; anything but that is a fault of ours.
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

/** A leg has one address: the party cannot change between IPv4 and IPv6. */
export function fitting(leg: WorkerLeg, remote: WireRemote): MediaResult {
  if (remote.address.includes(':') === leg.address.includes(':')) return { ok: true };
  return failure('no-way', 'the other IP version than the leg began with');
}

/** The legs of mediad's `list` and `hello`. */
export function listedLegs(message: Fields): Fields[] {
  return Array.isArray(message['legs']) ? (message['legs'] as Fields[]) : [];
}
